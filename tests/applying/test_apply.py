import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from builders import Sandbox, acks, ai, applied, file_object, id_of, now, run, statuses
from conftest import EXTREMES, Declare

import tagsync
from tagsync.api import act
from tagsync.api.act import apply_locked
from tagsync.applying.apply import ticking
from tagsync.applying.apply_options import ApplyOptions
from tagsync.errors import UsageError
from tagsync.events import Event
from tagsync.model import DesiredState, Report, RequestCounts, Status
from tagsync.sandbox.faults import Fault

Make = Callable[..., Sandbox]
A, B, C = "/a.jpg", "/b.jpg", "/c.jpg"


@EXTREMES
def test_apply_confirms_every_change(sandbox: Make, declare: Declare, tmp_path: Any) -> None:
    library = sandbox(file_object(A, ["old"], [ai("Dog", 10)]), file_object(B))
    declare("- {match: /*, tags: [new], absent: [old], aiTags: {minConfidence: 50}}")
    report = applied(library, tmp_path)
    assert report.converged
    assert statuses(report) == {A: "confirmed", B: "confirmed"}
    assert (library.tags(A), library.ai_tags(A), library.tags(B)) == ({"new"}, set(), {"new"})
    assert report.requests == RequestCounts(sent=3, succeeded=3, reads=report.requests.reads)
    assert report.requests.reads == library.calls.count("details")


@EXTREMES
def test_apply_twice_changes_nothing_the_second_time(sandbox: Make, declare: Declare, tmp_path: Any) -> None:
    library = sandbox(file_object(A), file_object(B))
    declare("- {match: /*, tags: [new]}")
    applied(library, tmp_path)
    library.calls.clear()
    report = applied(library, tmp_path)
    assert report.converged
    assert report.plan.changes == ()
    assert library.writes == []


@EXTREMES
def test_apply_without_verify_reports_accepted(sandbox: Make, declare: Declare, tmp_path: Any) -> None:
    library = sandbox(file_object(A))
    declare("- {match: /*, tags: [new]}")
    report = applied(library, tmp_path, verify=False)
    assert statuses(report) == {A: "accepted"}
    assert report.converged
    assert library.calls[-1] == "addTags"


@EXTREMES
def test_apply_readback_detects_a_false_response(sandbox: Make, declare: Declare, tmp_path: Any) -> None:
    library = sandbox(file_object(A), file_object(B), faults=[Fault(on="addTags", ignore=True)])
    declare("- {match: /*, tags: [new]}")
    report = applied(library, tmp_path)
    assert statuses(report) == {A: "failed", B: "failed"}
    assert report.outcome == "incomplete"


def test_apply_readback_settles_a_lost_response(sandbox: Make, declare: Declare, tmp_path: Any) -> None:
    library = sandbox(file_object(A), faults=[Fault(on="addTags", lose=True)])
    declare("- {match: /*, tags: [new]}")
    report = applied(library, tmp_path)
    assert statuses(report) == {A: "confirmed"}
    assert report.outcomes[0].attempts == 5
    assert report.requests.retried == 4


LOSSES = [{"lose": True}, {"cut": True}]


@EXTREMES
@pytest.mark.parametrize("op", ["addTags", "removeTags", "removeAITags"])
@pytest.mark.parametrize("loss", LOSSES, ids=["no response", "half a response"])
def test_apply_goes_on_after_a_lost_response(
    sandbox: Make, declare: Declare, tmp_path: Any, op: str, loss: dict[str, Any]
) -> None:
    files = [file_object(path, ["old"], [ai("Dog", 10)]) for path in (A, B, C)]
    library = sandbox(*files, faults=[Fault(on=op, times=1, **loss)])
    declare("- {match: /*, tags: [new], absent: [old], aiTags: {minConfidence: 50}}")
    report = applied(library, tmp_path)
    assert statuses(report) == {A: "confirmed", B: "confirmed", C: "confirmed"}
    assert report.converged
    assert [(library.tags(path), library.ai_tags(path)) for path in (A, B, C)] == [({"new"}, set())] * 3
    assert (report.requests.succeeded, report.requests.failed, report.requests.retried) == (3, 0, 1)


@EXTREMES
@pytest.mark.parametrize("op", ["addTags", "removeTags"])
def test_apply_sends_the_rest_of_a_call_with_a_lost_response(
    sandbox: Make, declare: Declare, tmp_path: Any, op: str
) -> None:
    fault = Fault(on=op, times=1, lose=True, failFiles=(id_of(B),))
    library = sandbox(*(file_object(path, ["old"]) for path in (A, B, C)), faults=[fault])
    declare("- {match: /*, tags: [new], absent: [old]}")
    report = applied(library, tmp_path)
    assert statuses(report) == {A: "confirmed", B: "confirmed", C: "confirmed"}


@EXTREMES
def test_apply_without_verify_knows_what_a_lost_response_changed(
    sandbox: Make, declare: Declare, tmp_path: Any
) -> None:
    library = sandbox(file_object(A), file_object(B), faults=[Fault(on="addTags", times=1, lose=True)])
    declare("- {match: /*, tags: [new]}")
    assert statuses(applied(library, tmp_path, verify=False)) == {A: "accepted", B: "accepted"}


@EXTREMES
def test_apply_confirms_a_lost_response_although_the_retry_refuses_the_key(
    sandbox: Make, declare: Declare, tmp_path: Any
) -> None:
    faults = [Fault(on="addTags", times=1, lose=True), Fault(on="addTags", status=401)]
    declare("- {match: /*, tags: [new]}")
    assert statuses(applied(sandbox(file_object(A), faults=faults), tmp_path)) == {A: "confirmed"}


@EXTREMES
def test_apply_with_a_lost_response_and_a_deleted_file_affects_no_other(
    sandbox: Make, declare: Declare, tmp_path: Any
) -> None:
    library = sandbox(*(file_object(path) for path in (A, B, C)), faults=[Fault(on="addTags", times=1, lose=True)])
    delete_at(library, "addTags", 2, B)
    declare("- {match: /*, tags: [new]}")
    assert statuses(applied(library, tmp_path)) == {A: "confirmed", B: "missing", C: "confirmed"}


@pytest.mark.parametrize("behaviour", ["repeated-tag-refused", "repeated-tag-error"])
def test_apply_lost_response_is_unknown_if_details_cannot_be_read(
    sandbox: Make, declare: Declare, tmp_path: Any
) -> None:
    files = [file_object(f"/{n}.jpg") for n in range(6)]
    library = sandbox(*files, faults=[Fault(on="addTags", times=1, lose=True), Fault(on="details", status=500)])
    declare("- {match: /*, tags: [new]}")
    report = applied(library, tmp_path, verify=False)
    assert set(statuses(report).values()) == {"unknown"}
    assert "could not read the file" in (report.outcomes[0].error or "")
    assert report.wrote


@pytest.mark.parametrize("behaviour", ["repeated-tag-refused", "repeated-tag-error"])
def test_apply_interrupted_after_a_lost_response_leaves_it_unknown(
    sandbox: Make, declare: Declare, tmp_path: Any
) -> None:
    files = [file_object(f"/{n}.jpg") for n in range(6)]
    library = sandbox(*files, faults=[Fault(on="addTags", times=1, lose=True), Fault(on="details", delayMs=9000)])
    declare("- {match: /*, tags: [new]}")
    report = interrupted(library, tmp_path, after="Retrying", seconds=5)
    assert library.writes == ["addTags"] * 2
    assert set(statuses(report).values()) == {"unknown"}
    assert report.wrote


def delete_at(library: Sandbox, op: str, number: int, path: str) -> None:
    """Delete a file right before one of the calls of an endpoint."""
    inner = library.app

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"].endswith(op) and library.calls.count(op) == number - 1:
            library.delete(path)
        await inner(scope, receive, send)

    library.app = app  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("fault", "wrote"),
    [
        (Fault(on="addTags", lose=True), True),
        (Fault(on="addTags", status=200, body="<html>"), False),
        (Fault(on="addTags", status=504), False),
        (Fault(on="addTags", status=400), False),
        (Fault(on="removeTags", status=400), True),
        (Fault(on="addTags", body='{"successfullyUpdatedFileIds": [], "errors": []}'), True),
    ],
)
def test_apply_wrote_reflects_what_the_library_shows(
    sandbox: Make, declare: Declare, tmp_path: Any, fault: Fault, *, wrote: bool
) -> None:
    library = sandbox(file_object(A, ["old"]), faults=[fault])
    declare("- {match: /*, tags: [new], absent: [old]}")
    report = applied(library, tmp_path)
    assert (statuses(report), "old" in library.tags(A)) == ({A: "failed"}, True)
    assert (report.wrote, "new" in library.tags(A)) == (wrote, wrote)


@EXTREMES
def test_apply_wrote_is_false_for_earlier_changes(sandbox: Make, declare: Declare, tmp_path: Any) -> None:
    library = sandbox(file_object(A, ["old"]), faults=[Fault(on="removeTags", status=400)])
    declare("- {match: /*, tags: [new], absent: [old]}")
    plan = tagsync.plan([str(tmp_path / "tags.yaml")], target=library.target)
    applied(library, tmp_path)
    report = run(tagsync.apply_async(plan, target=library.target))
    assert (statuses(report), library.tags(A), report.wrote) == ({A: "failed"}, {"old", "new"}, False)


@pytest.mark.parametrize(
    "body",
    [
        '{"successfullyUpdatedFileIds": []}',
        '{"successfullyUpdatedFileIds": ["stranger"]}',
        '{"successfullyUpdatedFileIds": 5}',
        "<html>",
        "",
    ],
)
def test_apply_invalid_response_is_never_a_success(sandbox: Make, declare: Declare, tmp_path: Any, body: str) -> None:
    library = sandbox(file_object(A), faults=[Fault(on="addTags", status=200, body=body)])
    declare("- {match: /*, tags: [new]}")
    assert statuses(applied(library, tmp_path)) == {A: "failed"}
    works = sandbox(file_object(A), faults=[Fault(on="addTags", body=body)])
    assert statuses(applied(works, tmp_path)) == {A: "confirmed"}


def test_apply_file_deleted_since_the_plan_affects_no_other(sandbox: Make, declare: Declare, tmp_path: Any) -> None:
    before = sandbox(file_object(A), file_object(B), file_object(C))
    after = sandbox(file_object(A), file_object(C))
    declare("- {match: /*, tags: [new]}")
    plan = tagsync.plan([str(tmp_path / "tags.yaml")], target=before.target)
    report = tagsync.apply(plan, target=after.target)
    assert statuses(report) == {A: "confirmed", B: "stale", C: "confirmed"}
    assert report.outcomes[1].error == "the file was deleted after the plan was made"


@EXTREMES
@pytest.mark.parametrize("op", ["addTags", "removeTags", "removeAITags"])
def test_apply_file_deleted_before_its_call_affects_no_other(
    sandbox: Make, declare: Declare, tmp_path: Any, op: str
) -> None:
    library = sandbox(*(file_object(path, ["old"], [ai("Dog", 10)]) for path in (A, B, C)))
    delete_at(library, op, 1, B)
    declare("- {match: /*, tags: [new], absent: [old], aiTags: {minConfidence: 50}}")
    report = applied(library, tmp_path)
    assert statuses(report) == {A: "confirmed", B: "missing", C: "confirmed"}


@EXTREMES
def test_apply_refused_file_is_named_with_the_servers_words(sandbox: Make, declare: Declare, tmp_path: Any) -> None:
    fault = Fault(on="addTags", failFiles=(id_of(B),), error="Error in adding \x1b[31mtags")
    library = sandbox(file_object(A), file_object(B), faults=[fault])
    declare("- {match: /*, tags: [new]}")
    report = applied(library, tmp_path)
    assert statuses(report) == {A: "confirmed", B: "failed"}
    assert report.outcomes[1].error == r"Error in adding \x1b[31mtags"
    assert report.outcomes[1].request_id


@EXTREMES
def test_apply_interrupted_rename_never_loses_a_tag(sandbox: Make, declare: Declare, tmp_path: Any) -> None:
    library = sandbox(file_object(A, ["old"]), faults=[Fault(on="addTags", status=500)])
    declare("- {match: /*, tags: [new], absent: [old]}")
    report = applied(library, tmp_path)
    assert library.tags(A) == {"old"}
    assert library.writes == ["addTags"] * 5
    assert statuses(report) == {A: "failed"}


def test_apply_changes_a_file_within_the_limit_without_commas(sandbox: Make, declare: Declare, tmp_path: Any) -> None:
    full = [f"{n:099d}" for n in range(5)]
    library = sandbox(file_object(A, full))
    declare(f"- {{path: {A}, tags: [newer], absent: ['{full[0]}']}}")
    assert applied(library, tmp_path).converged
    assert library.writes == ["addTags", "removeTags"]
    assert library.tags(A) == {*full[1:], "newer"}


def test_apply_refuses_a_plan_with_errors(sandbox: Make, declare: Declare, tmp_path: Any) -> None:
    library = sandbox(file_object(A))
    declare("- {path: /gone, tags: [new]}")
    plan = tagsync.plan([str(tmp_path / "tags.yaml")], target=library.target)
    with pytest.raises(tagsync.TagsyncError, match="'/gone' is not in the library"):
        tagsync.apply(plan, target=library.target)


def test_apply_refuses_a_plan_for_another_target(sandbox: Make, declare: Declare, tmp_path: Any) -> None:
    library = sandbox(file_object(A))
    declare("- {match: /*, tags: [new]}")
    plan = tagsync.plan([str(tmp_path / "tags.yaml")], target=library.target)
    other = tagsync.Target(app=library.app, endpoint="sandbox:other.jsonl")
    with pytest.raises(tagsync.TagsyncError, match="plan again for this target") as raised:
        tagsync.apply(plan, target=other)
    assert raised.value.exit_code == 4
    assert library.writes == []


@EXTREMES
def test_apply_outcomes_are_in_the_order_of_changes(sandbox: Make, declare: Declare, tmp_path: Any) -> None:
    desired: DesiredState = declare("- {match: /*, tags: [new]}")
    assert len(desired.entries) == 1
    library = sandbox(*(file_object(f"/{n:03d}") for n in range(120)))
    report = applied(library, tmp_path)
    assert [outcome.status for outcome in report.outcomes] == [Status.CONFIRMED] * 120
    assert report.requests.sent == 3


def interrupted(library: Sandbox, tmp_path: Any, *, after: str, seconds: float = 0) -> Report:
    """Plan and apply, and interrupt some seconds after the first event of a kind."""

    async def scenario() -> Report:
        plan = await tagsync.plan_async([str(tmp_path / "tags.yaml")], target=library.target)
        stop = asyncio.Event()

        def listener(event: Event) -> None:
            if type(event).__name__ == after:
                asyncio.get_running_loop().call_later(seconds, stop.set)

        return await tagsync.apply_async(plan, target=library.target, stop=stop, listener=listener)

    return run(scenario())


@EXTREMES
@pytest.mark.parametrize("after", ["RequestDone", "ReadingBack"])
def test_apply_interrupted_before_readback_is_never_a_success(
    sandbox: Make, declare: Declare, tmp_path: Any, after: str
) -> None:
    slow = Fault(on="list", call=3, delayMs=60_000)
    library = sandbox(*(file_object(f"/{n}") for n in range(5)), faults=[slow, Fault(on="addTags", ignore=True)])
    declare("- {match: /*, tags: [new]}")
    report = interrupted(library, tmp_path, after=after)
    assert report.outcome == "interrupted"
    assert set(statuses(report).values()) == {"accepted"}


def test_apply_ignores_details_of_another_file(sandbox: Make, declare: Declare, tmp_path: Any) -> None:
    other = json.dumps(file_object(B, ["new"]))
    library = sandbox(file_object(A), file_object(B, ["new"]), faults=[Fault(on="details", body=other)])
    declare(f"- {{path: {A}, tags: [new]}}")
    with pytest.raises(tagsync.TagsyncError, match="the details of another file"):
        applied(library, tmp_path)
    assert library.writes == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("concurrency", 0), ("concurrency", 9), ("concurrency", "4"), ("max_requests", 0), ("max_requests", "3")),
        *(("max_duration", -1.0), ("max_duration", float("nan")), ("max_duration", float("inf"))),
        *(("on_error", "ignore"), ("on_stale", "fial"), ("verify", "no"), ("exact", "merge")),
    ],
)
def test_apply_options_refuse_invalid_values(name: str, value: object) -> None:
    with pytest.raises(UsageError, match=f"{name} is {value!r}: use "):
        ApplyOptions(**{name: value})  # type: ignore[arg-type]


def test_apply_options_refuse_invalid_acks() -> None:
    with pytest.raises(UsageError, match="acks: use"):
        ApplyOptions(acks=frozenset({"removedTags"}))  # type: ignore[arg-type]


def test_apply_after_an_interrupted_one_reads_in_few_calls(sandbox: Make, declare: Declare, tmp_path: Any) -> None:
    library = sandbox(*(file_object(f"/{n:03d}.jpg", ["old"]) for n in range(300)))
    declare("- {match: /*, tags: [new], absent: [old]}")

    async def applied_with(**options: Any) -> Report:
        plan = await tagsync.plan_async([str(tmp_path / "tags.yaml")], target=library.target)
        settings = ApplyOptions(acks=acks(plan), **options)
        return await apply_locked(plan, target=library.target, options=settings, journal=tmp_path / "journal")

    first = run(applied_with(max_requests=8))
    assert (first.outcome, len(library.writes)) == ("incomplete", 8)
    assert {outcome.error for outcome in first.outcomes if outcome.status is Status.SKIPPED} == {
        "not sent: max-requests reached: 8 API calls were sent"
    }
    library.calls.clear()
    assert run(applied_with()).converged
    assert len(library.writes) == 4
    assert library.calls.count("details") == 0


def test_apply_clock_counts_suspension_and_never_runs_slow() -> None:
    steady, unsuspended = [100.0], [7000.0]
    clock = ticking(lambda: steady[0], lambda: unsuspended[0])
    assert clock() == 100
    steady[0], unsuspended[0] = 110, 7610  # ten seconds awake, ten minutes asleep
    assert clock() == 710
    steady[0], unsuspended[0] = 120, 5000  # a clock on the wall that was set back
    assert clock() == 120


def test_apply_reads_again_after_a_suspension(
    sandbox: Make, declare: Declare, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine is suspended while a call waits, so that earlier readings become too old."""
    limited = Fault(on="removeAITags", status=429, times=1, headers={"X-RateLimit-Reset": "4000"})
    library = sandbox(file_object(A, [], [ai("Dog", 40)]), faults=[limited])
    declare("- {match: /*, aiTags: {minConfidence: 70}}")

    def slept() -> float:
        return now() + (600 if "removeAITags" in library.calls else 0)

    monkeypatch.setattr(act, "_seconds", slept)
    assert applied(library, tmp_path).converged
    assert library.writes == ["removeAITags", "removeAITags"]
    refused = library.calls.index("removeAITags")
    assert library.calls[refused + 1 : refused + 3] == ["details", "removeAITags"]
