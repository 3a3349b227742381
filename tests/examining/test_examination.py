"""Doctor makes each check with few calls that only read, and its verdicts are right."""

from collections.abc import Callable
from typing import Any

import pytest
from builders import Sandbox, ai, file_object, run
from starlette.types import Receive, Scope, Send

import tagsync
from tagsync.examining.checks import CHECKS
from tagsync.examining.examination import MOST_READS
from tagsync.examining.listing import order_varies, skip_reading
from tagsync.library.protocol import Page
from tagsync.model import CheckVerdict
from tagsync.sandbox.faults import Fault
from tagsync.sandbox.limits import CallLimit

Make = Callable[..., Sandbox]

FILES = [
    file_object(
        f"/{folder}{number}.jpg",
        [f"tag-{number}"],
        [ai(f"Name {number}")],
        createdAt=f"2024-01-{1 + number // 2:02}T00:00:00.000Z",
        updatedAt=f"2024-02-{1 + number:02}T00:00:00.000Z",
    )
    for number, folder in enumerate(["", "a/", "a/b/", "a/b/c/", "d/", "d/e/"] * 3)
]


def readings(library: Sandbox) -> dict[str, Any]:
    found = run(tagsync.doctor_async(library.target))
    return {finding.check: finding.reading for finding in found.findings if finding.reading is not None}


def test_doctor_finds_nothing_different_in_a_sandbox(sandbox: Make) -> None:
    library = sandbox(*FILES)
    found = run(tagsync.doctor_async(library.target))
    assert [finding.check for finding in found.findings] == list(CHECKS)
    assert not found.differs
    unobserved = {finding.check for finding in found.findings if finding.verdict is CheckVerdict.NOT_OBSERVED}
    writes = {name for name, check in CHECKS.items() if check.topic == "Writes"}
    assert unobserved == {"clock", "deepestSkip", "readLimits", "route"} | writes


def test_doctor_sends_few_calls_and_writes_nothing(sandbox: Make) -> None:
    library = sandbox(*FILES)
    found = run(tagsync.doctor_async(library.target))
    assert (found.reads, found.writes) == (len(library.calls), 0)
    assert len(library.calls) <= MOST_READS == 60
    assert set(library.calls) == {"list", "details"}


def test_doctor_never_sends_more_reads_than_allowed(sandbox: Make) -> None:
    library = sandbox(*FILES, limit=CallLimit(1, 0.1), faults=[Fault(on="details", status=500)])
    found = run(tagsync.doctor_async(library.target))
    assert len(library.calls) <= MOST_READS
    assert found.reads == len(library.calls)


def test_doctor_reads_an_empty_library(sandbox: Make) -> None:
    found = run(tagsync.doctor_async(sandbox().target))
    assert not found.differs
    assert found.count(CheckVerdict.NOT_OBSERVED) > 10


def test_doctor_waits_for_rate_limits_and_lists_them(sandbox: Make) -> None:
    library = sandbox(*FILES, limit=CallLimit(5, 1.0))
    found = {finding.check: finding for finding in run(tagsync.doctor_async(library.target)).findings}
    assert found["readLimits"].reading == ("5/1",)
    assert found["readLimits"].effect == "tagsync reads at most 5 times a second."
    assert found["rateHeaders"].reading == "every-response"


def test_doctor_names_failed_calls_as_not_observed(sandbox: Make) -> None:
    library = sandbox(*FILES, faults=[Fault(on="details", status=500)])
    found = {finding.check: finding for finding in run(tagsync.doctor_async(library.target)).findings}
    assert (found["details"].verdict, found["details"].seen) == (CheckVerdict.NOT_OBSERVED, "no usable response")


def test_doctor_retries_after_an_occasional_error(sandbox: Make) -> None:
    library = sandbox(*FILES, faults=[Fault(on="any", status=500, times=2)])
    assert readings(library)["absentFile"] == "404"


def test_doctor_ends_with_an_error_if_the_key_is_wrong(sandbox: Make) -> None:
    library = sandbox(*FILES, key="private_other")
    with pytest.raises(tagsync.TagsyncError, match="does not accept the key"):
        run(tagsync.doctor_async(library.target))
    assert len(library.calls) == 1


def altered(library: Sandbox, alter: Callable[[dict[bytes, bytes]], dict[bytes, bytes]]) -> tagsync.Target:
    """Return a target whose query strings are altered on the way."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        pairs = dict(part.split(b"=", 1) for part in scope["query_string"].split(b"&") if part)
        query = b"&".join(b"=".join(pair) for pair in alter(pairs).items())
        await library.app({**scope, "query_string": query}, receive, send)

    return tagsync.Target(app=app, endpoint="sandbox:library.jsonl")


def test_doctor_notices_that_queries_are_ignored(sandbox: Make) -> None:
    def without_query(pairs: dict[bytes, bytes]) -> dict[bytes, bytes]:
        return {name: value for name, value in pairs.items() if name != b"searchQuery"}

    target = altered(sandbox(*FILES), without_query)
    found = {finding.check: finding for finding in run(tagsync.doctor_async(target)).findings}
    searches = {name for name in CHECKS if name.startswith("search")}
    assert {name for name in searches if found[name].reading == "ignored"} == searches
    assert found["searchId"].effect == "tagsync does not use such searches, and lists the library instead."


@pytest.mark.parametrize(
    ("rows", "reading"),
    [
        ({1000: "empty", 10_000: "empty"}, None),
        ({1000: "empty", 10_000: "refused"}, "refused"),
        ({1000: "row", 9999: "row", 10_000: "empty"}, "empty"),
        ({1000: "row", 9999: "row", 10_000: "row", 100_000: "refused"}, "refused"),
        ({1000: "row", 9999: "row", 10_000: "row", 100_000: "empty"}, "unlimited"),
    ],
)
def test_doctor_deepest_skip_follows_from_what_listings_show(rows: dict[int, Any], reading: str | None) -> None:
    assert skip_reading(rows) == reading


@pytest.mark.parametrize(
    ("rows", "varies"),
    [("abc", False), ("bac", True), ("acb", False), ("ab", False), ("dab", False)],
)
def test_doctor_compares_the_order_only_of_equal_times(rows: str, *, varies: bool) -> None:
    times = {"a": "1", "b": "1", "c": "2", "d": "0"}
    one, other = (Page((), tuple(text), tuple(times[row] for row in text)) for text in ("abc", rows))
    assert order_varies(one, other) is varies
