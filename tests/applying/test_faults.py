import asyncio
import gzip
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from builders import Sandbox, ai, file_object, id_of, now, run, unlimited
from canary import KEY
from conftest import Declare
from starlette.types import Message, Receive, Scope, Send

import tagsync
from tagsync.applying.apply_options import ApplyOptions
from tagsync.errors import (
    AuthorisationError,
    EndpointError,
    LibraryError,
    OutOfTimeError,
    ProtocolError,
    RejectedError,
    ServerFaultError,
    TransientError,
    UnstableListingError,
    UsageError,
)
from tagsync.events import Event, Waiting
from tagsync.library.imagekit.library import ImageKitLibrary
from tagsync.model import Plan, Report
from tagsync.sandbox.faults import Fault

MAX_BODY_BYTES = 64 << 20
CALL_DEADLINE = 60

Make = Callable[..., Sandbox]

NAMES = "abcdef"
PATHS = [f"/{name}.jpg" for name in NAMES]
EVERYWHERE = "- {match: /*.jpg, tags: [new]}"
EACH_ITS_OWN = "\n".join(f"- {{path: /{name}.jpg, tags: [tag-{name}]}}" for name in NAMES)
"""Six files, six calls."""


@dataclass
class Ran:
    """An apply, and what the test saw of it."""

    library: Sandbox
    report: Report
    events: list[Event]
    seconds: float

    @property
    def statuses(self) -> str:
        """The first letters of the statuses, in the order of paths, such as `cccfcc`."""
        return "".join(outcome.status[0] for outcome in self.report.outcomes)

    def words(self, path: str) -> str:
        """Return the message of a file."""
        places = {change.file.path: place for place, change in enumerate(self.report.plan.changes)}
        return self.report.outcomes[places[path]].error or ""

    def shows(self, tag: str) -> str:
        """Return the names of the files that have a tag."""
        return "".join(name for name in NAMES if tag in self.library.tags(f"/{name}.jpg"))


@dataclass
class Bench:
    """Plans and applies the declared manifest in virtual time."""

    sandbox: Make
    folder: Path

    def library(self, *faults: Fault, tags: Sequence[str] = ()) -> Sandbox:
        return self.sandbox(*(file_object(path, tags) for path in PATHS), faults=faults)

    async def plan(self, library: Sandbox, listener: Callable[[Event], None] = lambda _event: None) -> Plan:
        plan = await tagsync.plan_async([str(self.folder / "tags.yaml")], target=library.target, listener=listener)
        assert not plan.errors
        return plan

    def plan_fails(self, *faults: Fault) -> tuple[LibraryError, Sandbox]:
        """Return the error of a plan, and the library, after checking that nothing was written."""
        library = self.library(*faults)
        with pytest.raises(LibraryError) as raised:
            run(self.plan(library))
        assert raised.value.exit_code == 1
        assert library.writes == []
        return raised.value, library

    def apply(self, library: Sandbox, **options: Any) -> Ran:
        """Plan and apply."""

        async def scenario() -> Ran:
            return await self.carry_out(await self.plan(library), library, **options)

        return run(scenario())

    async def carry_out(self, plan: Plan, library: Sandbox, **options: Any) -> Ran:
        events: list[Event] = []
        began = now()
        options = {"concurrency": 1} | options
        report = await tagsync.apply_async(
            plan, target=library.target, options=ApplyOptions(**options), listener=events.append
        )
        return Ran(library, report, events, now() - began)


@pytest.fixture
def bench(sandbox: Make, declare: Declare, tmp_path: Path) -> Bench:
    declare(EVERYWHERE)
    return Bench(sandbox, tmp_path)


def answer_by(library: Sandbox, app: Any) -> None:
    """Replace the library by an app of the test."""
    library.app = app  # type: ignore[method-assign]


@contextmanager
def between(library: Sandbox, disturb: Callable[[Scope, Receive, Send, Any], Any]) -> Iterator[None]:
    """Wrap an app around a library's additions, which may respond before or after them."""
    inner = library.app

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].endswith("addTags"):
            await disturb(scope, receive, send, inner)
        else:
            await inner(scope, receive, send)

    answer_by(library, app)
    yield
    answer_by(library, inner)


async def silence(_message: Message) -> None:
    """Lose a response."""


# Rate limits


def limited(on: str, headers: Mapping[str, str], times: int) -> Fault:
    return Fault(on=on, status=429, headers=headers, times=times)


@pytest.mark.parametrize("on", ["list", "addTags"])
@pytest.mark.parametrize(
    ("header", "value", "seconds"),
    [
        ("X-RateLimit-Reset", "900000", 900.0),
        ("X-RateLimit-Reset", "86400000", 86_400.0),
        ("Retry-After", "12", 12.0),
        ("Retry-After", "86400", 86_400.0),
    ],
)
def test_rate_limit_is_waited_out_as_announced_and_reported(
    bench: Bench, on: str, header: str, value: str, seconds: float
) -> None:
    library = bench.library(limited(on, {header: value}, 7))
    waits: list[Event] = []

    async def scenario() -> Ran:
        plan = await bench.plan(library, waits.append)
        ran = await bench.carry_out(plan, library)
        waits.extend(ran.events)
        return ran

    ran = run(scenario())
    assert ran.statuses == "cccccc"
    assert [event for event in waits if isinstance(event, Waiting)] == [Waiting(seconds)] * 7
    assert ran.report.requests.retried == 0
    assert ran.report.requests.throttled == (7 if on == "addTags" else 0)


@pytest.mark.parametrize("on", ["list", "addTags"])
def test_rate_limit_delays_a_run_no_longer_than_max_duration(bench: Bench, on: str) -> None:
    library = bench.library()
    plan = run(bench.plan(library))
    library = bench.library(limited(on, {"X-RateLimit-Reset": "900000"}, 1))
    ran = run(bench.carry_out(plan, library, max_duration=60))
    assert (ran.statuses, ran.seconds, ran.report.outcome) == ("ssssss", 60, "incomplete")
    assert ran.report.diagnostics[-1].message == "max-duration reached: 60 s have passed"
    assert ran.shows("new") == ""


@pytest.mark.parametrize("headers", [{"X-RateLimit-Reset": "900000"}, {"X-RateLimit-Reset": "1000"}, {}])
@pytest.mark.parametrize("command", ["plan", "undo", "export"])
def test_rate_limit_delays_reading_no_longer_than_max_duration(
    bench: Bench, command: str, headers: Mapping[str, str]
) -> None:
    report = bench.apply(bench.library()).report
    library = bench.library(limited("any", headers, 0))

    async def reading() -> object:
        if command == "plan":
            options = tagsync.PlanOptions(max_duration=60)
            return await tagsync.plan_async([str(bench.folder / "tags.yaml")], target=library.target, options=options)
        if command == "undo":
            return await tagsync.undo_async(report, target=library.target, max_duration=60)
        return await tagsync.export_async(library.target, max_duration=60)

    async def scenario() -> float:
        began = now()
        with pytest.raises(
            OutOfTimeError, match=r"max-duration reached: .* within 60 s.*Nothing was written"
        ) as raised:
            await reading()
        assert "waiting for the rate limit" in str(raised.value)
        assert raised.value.exit_code == 1
        return now() - began

    assert run(scenario()) == 60


@pytest.mark.parametrize("seconds", [-1, float("nan")])
def test_max_duration_that_is_invalid_is_refused(bench: Bench, seconds: float) -> None:
    library = bench.library()
    with pytest.raises(UsageError, match="max_duration"):
        tagsync.plan(
            [str(bench.folder / "tags.yaml")], target=library.target, options=tagsync.PlanOptions(max_duration=seconds)
        )
    assert library.calls == []


def test_max_duration_that_is_long_enough_changes_nothing(bench: Bench) -> None:
    library = bench.library(limited("list", {"X-RateLimit-Reset": "50000"}, 1))
    plan = run(
        tagsync.plan_async(
            [str(bench.folder / "tags.yaml")], target=library.target, options=tagsync.PlanOptions(max_duration=60)
        )
    )
    assert len(plan.changes) == len(PATHS)


def test_rate_limit_of_one_bulk_call_delays_all(bench: Bench, declare: Declare) -> None:
    declare(EACH_ITS_OWN)
    times: list[float] = []
    library = bench.library(limited("addTags", {"X-RateLimit-Reset": "100000"}, 1))

    async def noted(scope: Scope, receive: Receive, send: Send, inner: Any) -> None:
        times.append(now())
        await asyncio.sleep(1)
        await inner(scope, receive, send)

    with between(library, noted):
        ran = bench.apply(library, concurrency=2)
    assert ran.statuses == "cccccc"
    # Two calls were in flight when the limit was announced; all others came after its end.
    assert sorted(time - times[0] >= 101 for time in times) == [False] * 2 + [True] * 5


@pytest.mark.parametrize("on", ["list", "addTags"])
@pytest.mark.parametrize("header", [None, "-5", "0", "86400001", "soon", "1e9"])
def test_rate_limit_without_valid_headers_backs_off(bench: Bench, on: str, header: str | None) -> None:
    library = bench.library(limited(on, {"X-RateLimit-Reset": header} if header else {}, 8))

    async def scenario() -> tuple[Ran, float]:
        began = now()
        ran = await bench.carry_out(await bench.plan(library), library)
        return ran, now() - began

    ran, seconds = run(scenario())
    assert ran.statuses == "cccccc"
    assert 8 * 0.5 <= seconds <= 8 * 30 + 5


# Server errors


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_retry_reads_a_failing_library_five_times(bench: Bench, status: int) -> None:
    error, library = bench.plan_fails(Fault(on="list", status=status, body="<html>Bad gateway</html>"))
    assert isinstance(error, ServerFaultError)
    assert library.calls == ["list"] * 5


def test_retry_reads_a_recovering_library_completely(bench: Bench) -> None:
    assert bench.apply(bench.library(Fault(on="list", status=503, times=4))).statuses == "cccccc"


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize(("fault", "outcome"), [({}, "f"), ({"lose": True}, "c")])
def test_retry_writes_five_times_then_reads_back(
    bench: Bench, status: int, fault: dict[str, Any], outcome: str
) -> None:
    answer = fault or {"status": status, "body": "<html>Bad gateway</html>"}
    ran = bench.apply(bench.library(Fault(on="addTags", **answer)))
    assert ran.library.writes == ["addTags"] * 5
    assert ran.statuses == outcome * 6
    assert ran.report.outcomes[0].attempts == 5
    if outcome == "f":
        assert ran.words(PATHS[0]).endswith("when read back, the file lacks the tag 'new'")


def test_retry_quota_protects_a_failing_library(bench: Bench, sandbox: Make, declare: Declare) -> None:
    paths = [f"/{number:02d}.jpg" for number in range(60)]
    declare("\n".join(f"- {{path: {path}, tags: [t{path[1:3]}]}}" for path in paths))
    library = sandbox(*map(file_object, paths), faults=[Fault(on="addTags", status=503)])
    ran = bench.apply(library, concurrency=4)
    assert ran.report.requests.sent <= 60 + 50 + 4
    assert set(ran.statuses) == {"f"}


# Refusals


def test_refused_listing_is_reported_once_in_escaped_words(bench: Bench) -> None:
    words = "No \x1b[31m" + "x" * 5000
    error, library = bench.plan_fails(Fault(on="list", status=400, body=json.dumps({"message": words})))
    assert isinstance(error, RejectedError)
    assert library.calls == ["list"]
    assert "ImageKit refused the listing: No \\x1b[31mxxx" in str(error)
    assert len(str(error)) < 400


def test_refused_call_is_split_to_the_refused_file(bench: Bench, declare: Declare) -> None:
    declare("- {match: /*.jpg, tags: [new, more]}")
    sent: list[Any] = []

    async def noted(scope: Scope, receive: Receive, send: Send, inner: Any) -> None:
        body = (await receive())["body"]
        asked = json.loads(body)
        sent.append((tuple(asked["fileIds"]), tuple(asked["tags"])))

        async def again() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        if id_of("/c.jpg") in asked["fileIds"] and "more" in asked["tags"]:
            await send({"type": "http.response.start", "status": 400, "headers": []})
            await send({"type": "http.response.body", "body": b'{"message": "Bad tag"}'})
        else:
            await inner(scope, again, send)

    library = bench.library()
    with between(library, noted):
        ran = bench.apply(library)
    assert ran.statuses == "ccfccc"
    assert (ran.shows("new"), ran.shows("more")) == ("abcdef", "abdef")
    assert ran.words("/c.jpg") == "Bad tag (tag 'more')"
    assert len(set(sent)) == len(sent)


def test_refused_calls_for_the_same_reason_end_the_run(bench: Bench, declare: Declare) -> None:
    declare(EACH_ITS_OWN)
    ran = bench.apply(bench.library(Fault(on="addTags", status=400, body='{"message": "Read-only account"}')))
    assert ran.library.writes == ["addTags"] * 3
    assert (ran.statuses, ran.report.outcome) == ("fffsss", "incomplete")
    assert ran.report.diagnostics[-1].message == "3 calls in a row were refused for the same reason: Read-only account"


@pytest.mark.parametrize("status", [401, 403])
def test_refused_key_ends_reading_at_once(bench: Bench, status: int) -> None:
    error, library = bench.plan_fails(Fault(on="list", status=status))
    assert isinstance(error, AuthorisationError)
    assert library.calls == ["list"]
    assert "\n" not in str(error)


@pytest.mark.parametrize("status", [401, 403])
def test_refused_key_ends_writing_after_calls_in_flight(bench: Bench, declare: Declare, status: int) -> None:
    declare(EACH_ITS_OWN)
    refused = '{"message": "Your account cannot be authenticated."}'
    faults = (Fault(on="addTags", call=1, status=status, body=refused), Fault(on="addTags", delayMs=1000))
    ran = bench.apply(bench.library(*faults), concurrency=3)
    assert ran.library.writes == ["addTags"] * 3
    assert ran.statuses == "fccsss"
    assert "does not accept the key" in ran.words("/a.jpg")


FORBIDDEN = '{"message": "You may not change files of /legal/."}'


def test_forbidden_file_is_found_by_splitting(bench: Bench) -> None:
    ran = bench.apply(bench.library(Fault(on="addTags", fileId=id_of("/d.jpg"), status=403, body=FORBIDDEN)))
    assert (ran.statuses, ran.shows("new")) == ("cccfcc", "abcef")
    assert ran.words("/d.jpg") == "You may not change files of /legal/."
    assert ran.report.outcome == "incomplete"
    (refused,) = ran.report.diagnostics
    assert (refused.level, refused.code) == ("error", "refused-change")
    assert refused.message.startswith(
        "ImageKit refused to change '/d.jpg': You may not change files of /legal/. Another "
    )


def test_forbidden_files_in_a_row_end_the_run_and_explain_both_causes(bench: Bench, declare: Declare) -> None:
    declare(EACH_ITS_OWN)
    ran = bench.apply(bench.library(Fault(on="addTags", status=403, body=FORBIDDEN)))
    assert ran.library.writes == ["addTags"] * 3
    assert (ran.statuses, ran.report.outcome) == ("fffsss", "incomplete")
    refused, ended = ran.report.diagnostics
    assert ended.message == "3 files in a row were refused with 403: You may not change files of /legal/"
    words = refused.message
    assert words.startswith("ImageKit refused to change '/a.jpg', '/b.jpg', '/c.jpg': You may not change files of ")
    assert "read and write permission" in words
    assert "path policy" in words
    assert "restricted user" in words


def test_forbidden_files_among_others_do_not_end_the_run(bench: Bench, declare: Declare) -> None:
    declare(EACH_ITS_OWN)
    faults = [Fault(on="addTags", fileId=id_of(f"/{name}.jpg"), status=403, body=FORBIDDEN) for name in "ace"]
    ran = bench.apply(bench.library(*faults))
    assert (ran.statuses, [item.code for item in ran.report.diagnostics]) == ("fcfcfc", ["refused-change"])


def test_forbidden_read_only_key_costs_few_calls(bench: Bench, declare: Declare) -> None:
    declare("- {match: /*.jpg, tags: [new, more, much]}")
    ran = bench.apply(bench.library(Fault(on="addTags", status=403, body=FORBIDDEN)))
    assert len(ran.library.writes) <= 6
    assert sorted(ran.statuses) == sorted("fffsss")


@pytest.mark.parametrize(
    "message",
    [
        "Your account cannot be authenticated.",
        "your account cannot be authenticated",
        "Your account is disabled. \n",
        "Your request contains  expired private API key",
        "Your request does not contain private API key.",
    ],
)
def test_forbidden_key_ends_the_run_however_worded(bench: Bench, declare: Declare, message: str) -> None:
    declare(EACH_ITS_OWN)
    ran = bench.apply(bench.library(Fault(on="addTags", status=403, body=json.dumps({"message": message}))))
    assert ran.library.writes == ["addTags"]
    assert ran.statuses == "fsssss"
    assert "does not accept the key" in ran.words("/a.jpg")


@pytest.mark.parametrize("status", [201, 202, 204, 226])
def test_accepted_2xx_is_read_back_without_splitting(bench: Bench, declare: Declare, status: int) -> None:
    declare("- {match: /*.jpg, tags: [new], absent: [old]}")

    async def accepting(scope: Scope, receive: Receive, send: Send, inner: Any) -> None:
        await inner(scope, receive, silence)
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    library = bench.library(tags=["old"])
    with between(library, accepting):
        ran = bench.apply(library)
    assert ran.library.writes == ["addTags", "removeTags"]
    assert (ran.statuses, ran.report.outcome) == ("cccccc", "converged")
    assert (ran.shows("new"), ran.shows("old")) == ("abcdef", "")


def test_accepted_2xx_without_effect_is_failed_or_unknown(bench: Bench) -> None:
    ignored = Fault(on="addTags", status=202, body="{}")
    ran = bench.apply(bench.library(ignored))
    assert (ran.library.writes, ran.statuses, ran.report.outcome) == (["addTags"], "ffffff", "incomplete")
    unverified = bench.apply(bench.library(ignored), verify=False)
    assert (unverified.statuses, unverified.report.outcome) == ("uuuuuu", "incomplete")
    assert unverified.words("/a.jpg") == "ImageKit returned status 202, which does not say what was changed"


def test_missing_file_that_the_library_shows_is_not_missing(bench: Bench) -> None:
    lie = Fault(on="addTags", fileId=id_of("/b.jpg"), times=1, status=404, body=gone("/b.jpg", "/e.jpg"))
    ran = bench.apply(bench.library(lie))
    assert (ran.statuses, ran.shows("new")) == ("cccccc", "abcdef")
    assert ran.library.writes == ["addTags"] * 3


def test_missing_files_named_falsely_end_with_these_files(bench: Bench) -> None:
    lies = [Fault(on="addTags", fileId=id_of(path), status=404, body=gone(*PATHS)) for path in ("/b.jpg", "/e.jpg")]
    ran = bench.apply(bench.library(*lies))
    assert (ran.statuses, ran.shows("new")) == ("cfccfc", "acdf")
    assert ran.words("/b.jpg") == "ImageKit reports the file as missing, but shows its details"
    assert len(ran.library.writes) <= 2 * len(PATHS)


def test_missing_file_that_cannot_be_read_is_unknown(bench: Bench) -> None:
    faults = [
        Fault(on="addTags", fileId=id_of("/b.jpg"), times=1, status=404, body=gone("/b.jpg")),
        Fault(on="details", status=400),
    ]
    ran = bench.apply(bench.library(*faults), verify=False)
    assert (ran.statuses, ran.shows("new")) == ("auaaaa", "acdef")
    assert "could not read it to check this" in ran.words("/b.jpg")


def test_missing_file_look_up_with_a_refused_key_ends_the_run(bench: Bench) -> None:
    faults = [
        Fault(on="addTags", times=1, status=404, body=gone("/b.jpg")),
        Fault(on="details", status=401),
    ]
    ran = bench.apply(bench.library(*faults), verify=False)
    assert ran.library.writes == ["addTags"]
    assert ran.statuses == "sussss"
    assert "does not accept the key" in ran.report.diagnostics[-1].message


def gone(*paths: str) -> str:
    return json.dumps({"message": "The requested file(s) does not exist.", "missingFileIds": list(map(id_of, paths))})


def test_missing_files_are_named_and_the_rest_is_sent_again(bench: Bench) -> None:
    library = bench.library()
    library.vanishing = ["/b.jpg", "/e.jpg"]
    ran = bench.apply(library)
    assert ran.library.writes == ["addTags"] * 2
    # Only the files that the 404 names are read, then and at the end.
    assert ran.library.calls.count("details") == 4
    assert (ran.statuses, ran.shows("new")) == ("cmccmc", "acdf")
    assert ran.words("/b.jpg") == "the file does not exist"
    assert ran.report.outcome == "incomplete"


@pytest.mark.parametrize("body", ["{}", '{"message": "Not found"}', '{"missingFileIds": ["stranger"]}'])
def test_missing_file_without_a_name_is_found_by_splitting(bench: Bench, body: str) -> None:
    library = bench.library(Fault(on="addTags", fileId=id_of("/d.jpg"), status=404, body=body))
    library.vanishing = ["/d.jpg"]
    ran = bench.apply(library)
    assert (ran.statuses, ran.shows("new")) == ("cccmcc", "abcef")


def test_partial_207_confirms_some_and_retries_others_once(bench: Bench) -> None:
    b, c = id_of("/b.jpg"), id_of("/c.jpg")
    faults = [
        Fault(on="addTags", call=1, failFiles=(b, c), error="Busy"),
        Fault(on="addTags", failFiles=(c,), error="Still busy"),
    ]
    ran = bench.apply(bench.library(*faults))
    assert ran.library.writes == ["addTags"] * 2
    assert (ran.statuses, ran.shows("new")) == ("ccfccc", "abdef")
    assert ran.words("/c.jpg") == "Still busy"


# False and invalid responses


def lies() -> dict[str, str]:
    ids = list(map(id_of, PATHS))
    return {
        "short": json.dumps({"successfullyUpdatedFileIds": ids[:-1]}),
        "twice": json.dumps({"successfullyUpdatedFileIds": [*ids, ids[0]]}),
        "unknown": json.dumps({"successfullyUpdatedFileIds": [*ids[1:], "stranger"]}),
        "in both lists": json.dumps({"successfullyUpdatedFileIds": ids, "errors": [{"fileId": ids[0], "error": "No"}]}),
        "without a list": "{}",
    }


@pytest.mark.parametrize("lie", lies())
@pytest.mark.parametrize("status", [200, 207])
def test_false_response_is_read_back_and_never_a_success(bench: Bench, lie: str, status: int) -> None:
    ran = bench.apply(bench.library(Fault(on="addTags", status=status, body=lies()[lie])))
    assert ran.statuses == "ffffff"
    assert ran.report.requests.succeeded == 0
    unverified = bench.apply(bench.library(Fault(on="addTags", status=status, body=lies()[lie])), verify=False)
    assert unverified.statuses == "uuuuuu"
    assert bench.apply(bench.library(Fault(on="addTags", body=lies()[lie]))).statuses == "cccccc"


def test_false_200_without_effect_is_detected_by_readback(bench: Bench) -> None:
    ran = bench.apply(bench.library(Fault(on="addTags", ignore=True)))
    assert (ran.statuses, ran.report.outcome) == ("ffffff", "incomplete")
    assert ran.words("/a.jpg").endswith("but does not show it; when read back, the file lacks the tag 'new'")


NO_ANSWERS: dict[str, tuple[int, dict[str, str], bytes]] = {
    "redirect": (302, {"location": "https://elsewhere.example/"}, b""),
    "not modified": (304, {}, b""),
    "HTML": (200, {"content-type": "text/html"}, b"<html>Welcome</html>"),
    "JSON called HTML": (200, {"content-type": "text/html"}, b"[]"),
    "truncated": (200, {}, b'[{"type": "fi'),
    "not JSON": (200, {}, b"OK"),
    "no byte": (200, {}, b""),
    "not UTF-8": (200, {}, b'["\xff\xfe"]'),
    "nested": (200, {}, b"[" * 100_000 + b"]" * 100_000),
    "another encoding": (200, {"content-encoding": "br"}, b"[]"),
    "broken gzip": (200, {"content-encoding": "gzip"}, b"\x1f\x8bbroken"),
    "gzip bomb": (200, {"content-encoding": "gzip"}, gzip.compress(b"[" + b" " * MAX_BODY_BYTES + b"]")),
}


@pytest.fixture(params=NO_ANSWERS)
def no_answer(request: pytest.FixtureRequest) -> Callable[[Send], Any]:
    status, headers, body = NO_ANSWERS[request.param]

    async def answer(send: Send) -> None:
        lines = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": lines})
        await send({"type": "http.response.body", "body": body})

    return answer


def test_invalid_response_to_reads_is_retried_five_times(bench: Bench, no_answer: Callable[[Send], Any]) -> None:
    library = bench.library()
    asked: list[str] = []

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        asked.append(dict(scope["headers"])[b"host"].decode())
        await no_answer(send)

    answer_by(library, app)
    with pytest.raises(ProtocolError) as raised:
        run(bench.plan(library))
    assert raised.value.exit_code == 1
    assert asked == ["sandbox.localhost"] * 5  # nowhere else: redirects are not followed


@pytest.mark.parametrize("applied", [True, False])
def test_invalid_response_to_a_write_is_read_back(
    bench: Bench, no_answer: Callable[[Send], Any], *, applied: bool
) -> None:
    library = bench.library()

    async def lost(scope: Scope, receive: Receive, send: Send, inner: Any) -> None:
        if applied:
            await inner(scope, receive, silence)
        await no_answer(send)

    with between(library, lost):
        ran = bench.apply(library)
    assert ran.statuses == ("cccccc" if applied else "ffffff")
    assert ran.report.requests.succeeded == 0
    assert ran.report.requests.sent == 5


def test_body_without_end_is_cut_off() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        sent = [0]

        def serve() -> None:
            connection, _ = listening.accept()
            with connection, suppress(OSError):
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n[")
                while sent[0] < 4 * MAX_BODY_BYTES:
                    sent[0] += connection.send(b" " * (1 << 20))

        server = threading.Thread(target=serve)
        server.start()

        async def read() -> None:
            endpoint = f"http://127.0.0.1:{listening.getsockname()[1]}"
            async with ImageKitLibrary(endpoint, KEY, limiters=unlimited()) as client:
                await client._http._exchange("GET", "/v1/files")  # below the retries, which wait in real time

        with pytest.raises(ProtocolError, match="longer than 64 MiB"):
            asyncio.run(read())
        server.join()
    assert sent[0] < 2 * MAX_BODY_BYTES


async def drip(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(10_000):
        await send({"type": "http.response.body", "body": b" ", "more_body": True})
        await asyncio.sleep(0.5)


def test_timeout_ends_a_body_that_arrives_byte_by_byte(bench: Bench) -> None:
    library = bench.library()

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await drip(send)

    answer_by(library, app)

    async def scenario() -> float:
        began = now()
        with pytest.raises(TransientError):
            await bench.plan(library)
        return now() - began

    assert 2 * CALL_DEADLINE <= run(scenario()) <= 150


def test_timeout_of_a_write_is_read_back(bench: Bench) -> None:
    library = bench.library()

    async def slow(scope: Scope, receive: Receive, send: Send, inner: Any) -> None:
        await inner(scope, receive, silence)
        await drip(send)

    with between(library, slow):
        ran = bench.apply(library)
    assert ran.statuses == "cccccc"
    assert ran.report.outcomes[0].attempts == 2


# Connections


BROKEN = {
    "refused": httpx.ConnectError("refused"),
    "reset": httpx.ReadError("reset"),
    "hung up": httpx.RemoteProtocolError("hung up"),
    "timed out": httpx.ReadTimeout("timed out"),
}


def attempts(broken: str) -> int:
    """Return how often a failing call is sent: less than five times if each attempt may take a minute."""
    return 2 if broken == "timed out" else 5


@pytest.mark.parametrize("broken", BROKEN)
def test_lost_connection_while_reading_is_retried(bench: Bench, broken: str) -> None:
    library = bench.library()
    inner, left = library.app, [attempts(broken) - 1]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise BROKEN[broken]
        await inner(scope, receive, send)

    answer_by(library, app)
    assert len(run(bench.plan(library)).changes) == 6
    left[0] = attempts(broken)
    with pytest.raises(TransientError) as raised:
        run(bench.plan(library))
    assert raised.value.exit_code == 1


@pytest.mark.parametrize("broken", BROKEN)
def test_lost_connection_while_writing_is_retried_in_order(bench: Bench, declare: Declare, broken: str) -> None:
    declare("- {match: /*.jpg, tags: [new], absent: [old]}")
    library = bench.library(tags=["old"])
    left = [attempts(broken) - 1]

    async def breaking(scope: Scope, receive: Receive, send: Send, inner: Any) -> None:
        left[0] -= 1
        await inner(scope, receive, send if left[0] < 0 else silence)
        if left[0] >= 0:
            raise BROKEN[broken]

    with between(library, breaking):
        assert bench.apply(library).statuses == "cccccc"
    assert library.writes == ["addTags"] * attempts(broken) + ["removeTags"]


@pytest.mark.parametrize("broken", BROKEN)
def test_lost_connections_of_a_write_prevent_removals(bench: Bench, declare: Declare, broken: str) -> None:
    declare("- {match: /*.jpg, tags: [new], absent: [old]}")
    library = bench.library(tags=["old"])

    async def breaking(_scope: Scope, _receive: Receive, _send: Send, _inner: Any) -> None:
        raise BROKEN[broken]

    with between(library, breaking):
        ran = bench.apply(library)
    assert (ran.statuses, ran.shows("old")) == ("ffffff", "abcdef")
    assert library.writes == []


def no_way() -> dict[str, Exception]:
    """Return the httpx errors of an unreachable endpoint."""
    untrusted, unknown = httpx.ConnectError("TLS"), httpx.ConnectError("DNS")
    expired = ssl.SSLCertVerificationError(1, "certificate")
    expired.verify_message = "certificate has expired"
    untrusted.__cause__, unknown.__cause__ = expired, socket.gaierror(-2, "unknown")
    return {"untrusted": untrusted, "unknown host": unknown, "proxy": httpx.ProxyError("407")}


@pytest.mark.parametrize("why", no_way())
def test_unreachable_library_is_reported_once_in_one_line(bench: Bench, declare: Declare, why: str) -> None:
    declare(EACH_ITS_OWN)
    library, asked = bench.library(), list[str]()

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        asked.append(scope["path"])
        raise no_way()[why]

    async def breaking(scope: Scope, receive: Receive, send: Send, _inner: Any) -> None:
        await app(scope, receive, send)

    with between(library, breaking):
        ran = bench.apply(library)
    assert (ran.statuses, len(asked)) == ("fsssss", 1)
    answer_by(library, app)
    with pytest.raises(EndpointError) as raised:
        run(bench.plan(library))
    assert len(asked) == 2
    assert "\n" not in str(raised.value)
    assert raised.value.exit_code == 1


# Listings, and changes by others


def test_repeated_pages_end_reading_after_three_times(bench: Bench, sandbox: Make) -> None:
    files = [file_object(f"/{n:04d}.jpg", createdAt=f"2024-01-01T00:{n // 60:02d}:{n % 60:02d}Z") for n in range(1000)]
    library = sandbox(file_object("/a.jpg"), faults=[Fault(on="list", body=json.dumps(files))])
    with pytest.raises(UnstableListingError) as raised:
        run(bench.plan(library))
    assert raised.value.exit_code == 1
    # Each reading has the first page, the next one, and a search by `createdAt`.
    assert library.calls == ["list"] * 9


def test_omitted_file_in_a_listing_loses_nothing(bench: Bench, declare: Declare) -> None:
    declare("- {match: /*.jpg, tags: [new], absent: [old]}")
    library = bench.library(tags=["old"])
    plan = run(bench.plan(library))
    # From now on the index has only one file; details still show all.
    forgetful = bench.library(Fault(on="list", body=json.dumps([file_object("/a.jpg", ["old"])])), tags=["old"])
    ran = run(bench.carry_out(plan, forgetful))
    assert ran.statuses == "cccccc"
    assert (ran.shows("new"), ran.shows("old")) == ("abcdef", "")


def test_apply_again_of_the_same_plan_writes_nothing(bench: Bench) -> None:
    library = bench.library()

    async def scenario() -> tuple[Ran, Ran]:
        plans = [await bench.plan(library) for _ in range(2)]
        first = await bench.carry_out(plans[0], library)
        return first, await bench.carry_out(plans[1], library)

    first, second = run(scenario())
    assert (first.statuses, second.statuses) == ("cccccc", "cccccc")
    assert library.writes == ["addTags"]


def test_applies_on_two_machines_lose_nothing(bench: Bench, declare: Declare) -> None:
    library = bench.library(Fault(on="addTags", delayMs=500), Fault(on="removeTags", delayMs=700), tags=["old"])

    async def scenario() -> tuple[Ran, Ran]:
        declare("- {match: /*.jpg, tags: [one], absent: [old]}")
        one = await bench.plan(library)
        declare("- {match: /*.jpg, tags: [two]}")
        two = await bench.plan(library)
        return await asyncio.gather(bench.carry_out(one, library), bench.carry_out(two, library))

    assert [ran.statuses for ran in run(scenario())] == ["cccccc", "cccccc"]
    assert all(library.tags(path) == {"one", "two"} for path in PATHS)


def test_changes_by_others_since_the_plan_are_seen_before_writing(
    bench: Bench, sandbox: Make, declare: Declare
) -> None:
    declare("- {match: /*.jpg, tags: [new], aiTags: {remove: [Dog]}}")
    before = sandbox(*(file_object(path, [], [ai("Dog", 50)]) for path in PATHS[:5]))
    plan = run(bench.plan(before))
    after = sandbox(
        file_object("/a.jpg", ["new"]),
        file_object("/b.jpg", [], [ai("Dog", 99)]),
        *(file_object(path, ["theirs"], [ai("Dog", 50)]) for path in PATHS[2:4]),
    )
    ran = run(bench.carry_out(plan, after))
    assert ran.statuses == "csccs"
    assert [outcome.status.value for outcome in ran.report.outcomes].count("stale") == 2
    assert after.ai_tags("/b.jpg") == {"Dog"}
    assert after.tags("/c.jpg") == {"new", "theirs"}


def test_max_duration_ignores_the_time_of_day(bench: Bench, declare: Declare, monkeypatch: pytest.MonkeyPatch) -> None:
    declare(EACH_ITS_OWN)
    wall = iter(range(10**9, 0, -1000))
    monkeypatch.setattr("time.time", lambda: next(wall))
    library = bench.library(Fault(on="addTags", delayMs=20_000))
    ran = bench.apply(library, max_duration=30)
    assert len(library.writes) == 2
    assert (ran.statuses, ran.report.outcome) == ("ccssss", "incomplete")
