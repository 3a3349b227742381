"""The diagnostics of a report, and what is left in the journal."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import Sandbox, acks, file_object, id_of, now, run
from conftest import Declare
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import tagsync
from tagsync.api.act import apply_locked
from tagsync.applying.apply_options import ApplyOptions
from tagsync.applying.journal import Journal
from tagsync.applying.journal_records import NOTHING
from tagsync.errors import StateError
from tagsync.events import AwaitingChanges, CheckingRemovals, Event, LookingAgain, ReadingBack, RequestDone
from tagsync.examining.checks import CHECKS
from tagsync.model import Diagnostic, Plan, Report
from tagsync.planning.covering import Stages, Staging
from tagsync.sandbox.faults import Fault

READ_BACK_SECONDS = 60

Make = Callable[..., Sandbox]


def planned(library: Sandbox, tmp_path: Path) -> Plan:
    return tagsync.plan([str(tmp_path / "tags.yaml")], target=library.target)


def applied(library: Sandbox, plan: Plan, *, journal: Path | None = None, **options: Any) -> Report:
    return run(
        apply_locked(plan, target=library.target, options=ApplyOptions(**options), journal=journal),
    )


def statuses(report: Report) -> list[tuple[str, str | None]]:
    return [(outcome.status, outcome.error) for outcome in report.outcomes]


def edit(library: Sandbox, path: str, tags: list[str]) -> None:
    """Change a file as another client does."""
    library.store.save([library.store.files([id_of(path)])[id_of(path)]._replace(tags=tags)])


def test_stale_file_refuses_the_plan_with_on_stale_fail(sandbox: Make, declare: Declare, tmp_path: Path) -> None:
    before, library = sandbox(file_object("/a"), file_object("/b")), sandbox(file_object("/b"))
    declare("- {match: /*, tags: [new]}")
    report = applied(library, planned(before, tmp_path), on_stale="fail")
    assert (report.outcome, library.writes, report.requests.sent) == ("refused", [], 0)
    assert statuses(report) == [
        ("stale", "the file was deleted after the plan was made"),
        ("skipped", "the plan was refused"),
    ]
    words = (
        "the plan is stale for 1 of 2 files, which changed since the plan: plan again, or apply with --on-stale skip"
    )
    assert report.diagnostics == (Diagnostic("error", "stale", words),)


def test_stale_files_none_refuses_nothing(sandbox: Make, declare: Declare, tmp_path: Path) -> None:
    library = sandbox(file_object("/a"))
    declare("- {match: /*, tags: [new]}")
    assert applied(library, planned(library, tmp_path), on_stale="fail").converged


def test_guard_that_blocks_since_the_plan_refuses_it(sandbox: Make, declare: Declare, tmp_path: Path) -> None:
    library = sandbox(file_object("/a", ["old", "x"]))
    declare("- {path: /a, absent: [old]}")
    plan = planned(library, tmp_path)
    edit(library, "/a", ["old"])
    report = applied(library, plan)
    assert (report.outcome, library.writes, statuses(report)) == ("refused", [], [("skipped", "the plan was refused")])
    [found] = report.diagnostics
    assert (found.level, found.code) == ("error", "guard")
    assert "Blocked by guard emptiedFiles: the plan leaves 1 of 1 file (100 %) without ordinary tags" in found.message
    assert f"emptiedFiles@{plan.digest}" in found.message
    undo = replace(plan, undoes="sha256:" + "1" * 64)
    assert applied(library, undo).converged, "what undoes a run is no harm to be guarded against"


def test_guard_that_was_acknowledged_is_reported(sandbox: Make, declare: Declare, tmp_path: Path) -> None:
    library = sandbox(file_object("/a", ["old"]))
    declare("- {path: /a, absent: [old]}")
    plan = planned(library, tmp_path)
    report = applied(library, plan, acks=acks(plan))
    assert report.converged
    words = "guard {} would have blocked this plan, but was acknowledged"
    assert report.diagnostics == tuple(
        Diagnostic("warning", "acknowledged", words.format(guard.id)) for guard in plan.blocked
    )
    assert report.diagnostics


class RefusingNoOps:
    """A library that refuses to add a tag to a file that has it."""

    def __init__(self, library: Sandbox) -> None:
        self._library = library

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        said = [message := await receive()]

        async def again() -> Message:
            return said.pop() if said else await receive()

        app: ASGIApp = self._library.app
        if scope["path"].endswith("/addTags"):
            asked = json.loads(message["body"])
            files = self._library.store.files(asked["fileIds"]).values()
            if any(set(file.tags) & set(asked["tags"]) for file in files):
                app = JSONResponse({"message": "some files have this tag"}, status_code=400)
        await app(scope, again, send)


def test_report_warns_of_failed_no_op_changes(sandbox: Make, declare: Declare, tmp_path: Path) -> None:
    library = sandbox(*(file_object(f"/{n:03}", [f"t{k}" for k in range(9) if k != n % 9]) for n in range(200)))
    declare(f"- {{match: /*, tags: [{', '.join(f't{n}' for n in range(9))}]}}")
    plan = planned(library, tmp_path)
    target = replace(library.target, app=RefusingNoOps(library))
    report = run(tagsync.apply_async(plan, target=target, options=ApplyOptions(concurrency=1)))
    assert report.converged
    words = "ImageKit refused API calls that add tags which a file already has, or remove tags which it lacks. "
    words += CHECKS["repeatedTag"].different["refused"]
    assert words.endswith("To send none from the start, use --batching exact.")
    assert report.diagnostics == (Diagnostic("warning", "exact", words),)


def test_journal_is_emptied_once_all_outcomes_are_known(sandbox: Make, declare: Declare, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    library = sandbox(
        file_object("/a"), faults=[Fault(on="details", call=2, status=403), Fault(on="addTags", lose=True, times=5)]
    )
    declare("- {match: /*, tags: [new]}")
    plan = planned(library, tmp_path)
    first = applied(library, plan, journal=journal)
    assert (first.outcome, statuses(first)[0][0]) == ("incomplete", "unknown")
    assert journal.stat().st_size > 0
    second = applied(library, plan, journal=journal)
    assert second.converged
    words = "an earlier apply was interrupted; the outcome of its calls was unknown for 1 file (1 verified now)"
    assert second.diagnostics == (Diagnostic("info", "resumed", words),)
    assert journal.stat().st_size == 0


def test_journal_that_cannot_be_ended_is_reported_with_success(
    sandbox: Make, declare: Declare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_journal: Journal) -> None:
        raise StateError("the disk is full")

    monkeypatch.setattr(Journal, "ended", fails)
    library = sandbox(file_object("/a"))
    declare("- {match: /*, tags: [new]}")
    report = applied(library, planned(library, tmp_path), journal=tmp_path / "journal")
    assert report.converged
    assert report.diagnostics == (Diagnostic("warning", "journal", "the disk is full"),)


def test_journal_is_emptied_without_readback_after_all_responses(
    sandbox: Make, declare: Declare, tmp_path: Path
) -> None:
    library = sandbox(file_object("/a"))
    declare("- {match: /*, tags: [new]}")
    applied(library, planned(library, tmp_path), journal=tmp_path / "journal", verify=False)
    assert Journal(tmp_path / "journal").recovered == NOTHING


def test_journal_keeps_responses_if_readback_was_interrupted(sandbox: Make, declare: Declare, tmp_path: Path) -> None:
    library = sandbox(file_object("/a"), faults=[Fault(on="details", call=2, delayMs=60_000)])
    declare("- {match: /*, tags: [new]}")
    plan = planned(library, tmp_path)

    async def scenario() -> Report:
        stop = asyncio.Event()

        def listener(event: Event) -> None:
            if isinstance(event, ReadingBack):
                stop.set()

        journal = tmp_path / "journal"
        return await apply_locked(
            plan, target=library.target, options=ApplyOptions(), journal=journal, stop=stop, listener=listener
        )

    assert run(scenario()).outcome == "interrupted"
    assert list(Journal(tmp_path / "journal").recovered.done) == [id_of("/a")]


def test_report_events_announce_reads_before_and_after(sandbox: Make, declare: Declare, tmp_path: Path) -> None:
    events: list[Event] = []
    library = sandbox(file_object("/a"), file_object("/b"), faults=[Fault(on="addTags", failFiles=(id_of("/b"),))])
    declare("- {match: /*, tags: [new]}")
    plan = planned(library, tmp_path)
    run(tagsync.apply_async(plan, target=library.target, listener=events.append))
    assert [event for event in events if isinstance(event, LookingAgain | ReadingBack)] == [
        *(LookingAgain(2), LookingAgain(2, 1), LookingAgain(2, 2)),
        *(ReadingBack(2), ReadingBack(2, 1), ReadingBack(2, 2)),
    ]


def test_report_events_count_files_read_before_removals(sandbox: Make, declare: Declare, tmp_path: Path) -> None:
    events: list[Event] = []
    library = sandbox(*(file_object(f"/{n}", ["old"]) for n in range(3)))
    declare("- {match: /*, tags: [new], absent: [old]}")
    plan = planned(library, tmp_path)
    run(tagsync.apply_async(plan, target=library.target, listener=events.append))
    found = [event for event in events if isinstance(event, CheckingRemovals | RequestDone)]
    assert [event for event in found if isinstance(event, CheckingRemovals)] == [
        *(CheckingRemovals(1), CheckingRemovals(2), CheckingRemovals(3))
    ]
    # Additions say nothing about the pace of the removals after them.
    assert [event.left for event in found if isinstance(event, RequestDone)] == [None, 0]


def test_report_events_announce_waits_for_lagging_details(sandbox: Make, declare: Declare, tmp_path: Path) -> None:
    events: list[Event] = []
    library = sandbox(file_object("/a", ["old"]), profile={"detailsLag": 5}, clock=now)
    declare("- {match: /*, tags: [new], absent: [old]}")
    plan = planned(library, tmp_path)
    run(tagsync.apply_async(plan, target=library.target, listener=events.append))
    waits = [event.seconds for event in events if isinstance(event, AwaitingChanges)]
    assert waits == [1, 2, 4, 1, 2, 4]


def test_report_counts_reads_with_their_retries_and_waits(sandbox: Make, declare: Declare, tmp_path: Path) -> None:
    limited = Fault(on="details", call=1, status=429, headers={"Retry-After": "20"})
    library = sandbox(file_object("/a"), faults=[limited, Fault(on="details", call=3, status=503)])
    declare("- {match: /*, tags: [new]}")
    report = applied(library, planned(library, tmp_path))
    requests = report.requests
    assert (requests.sent, requests.reads, requests.retried, requests.throttled) == (1, 4, 1, 1)
    assert report.timing.waited == pytest.approx(20, abs=0.1)


def test_readback_gets_a_minute_beyond_max_duration(sandbox: Make, declare: Declare, tmp_path: Path) -> None:
    never = Fault(on="details", delayMs=3_600_000)
    library = sandbox(file_object("/a"), faults=[Fault(on="details", call=1), never])
    declare("- {match: /*, tags: [new]}")
    plan = planned(library, tmp_path)

    async def scenario() -> float:
        began, options = now(), ApplyOptions(max_duration=5.0)
        report = await tagsync.apply_async(plan, target=library.target, options=options)
        assert statuses(report)[0][0] == "accepted"
        assert report.outcome == "incomplete"
        return now() - began

    assert run(scenario()) == pytest.approx(READ_BACK_SECONDS, abs=1)


def test_readback_error_still_gives_a_report(
    sandbox: Make, declare: Declare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_arguments: Any, **_options: Any) -> None:
        raise OverflowError

    monkeypatch.setattr("tagsync.applying.apply.verify", broken)
    library = sandbox(file_object("/a"))
    declare("- {match: /*, tags: [new]}")
    report = applied(library, planned(library, tmp_path), journal=tmp_path / "journal")
    assert (report.outcome, statuses(report)) == ("incomplete", [("accepted", None)])
    [found] = report.diagnostics
    assert (found.level, found.code) == ("error", "halted")
    assert found.message.startswith("this is a bug in tagsync: OverflowError at ")
    assert Journal(tmp_path / "journal").recovered.done.keys() == {id_of("/a")}


def test_report_is_incomplete_after_an_internal_error(sandbox: Make, declare: Declare, tmp_path: Path) -> None:
    def broken(event: Event) -> None:
        if isinstance(event, RequestDone):
            raise RecursionError

    library = sandbox(file_object("/a"))
    declare("- {match: /*, tags: [new]}")
    report = run(tagsync.apply_async(planned(library, tmp_path), target=library.target, listener=broken))
    assert (report.outcome, statuses(report)) == ("incomplete", [("confirmed", None)])
    assert "RecursionError" in report.diagnostics[0].message


@pytest.mark.parametrize("place", ["workspace.durable_file.DiskFile.close", "applying.journal.Journal.ended"])
def test_journal_that_cannot_be_closed_still_gives_a_report(
    sandbox: Make, declare: Declare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    def broken(*_arguments: Any) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(f"tagsync.{place}", broken)
    library = sandbox(file_object("/a"))
    declare("- {match: /*, tags: [new]}")
    report = applied(library, planned(library, tmp_path), journal=tmp_path / "journal")
    assert report.converged
    [found] = report.diagnostics
    assert (found.level, found.code) == ("warning", "journal")
    assert "Input/output error" in found.message


def test_rate_limit_with_thousands_of_429s_is_waited_out(sandbox: Make, declare: Declare, tmp_path: Path) -> None:
    library = sandbox(file_object("/a"), faults=[Fault(on="addTags", status=429, times=1100)])
    declare("- {match: /*, tags: [new]}")
    report = applied(library, planned(library, tmp_path))
    assert (report.converged, report.requests.throttled) == (True, 1100)


def test_max_duration_includes_planning(sandbox: Make, declare: Declare, tmp_path: Path) -> None:
    limited = Fault(on="addTags", status=429, headers={"X-RateLimit-Reset": "900000"})
    library = sandbox(file_object("/a"), faults=[limited])
    declare("- {match: /*, tags: [new]}")
    plan = planned(library, tmp_path)
    for spent, seconds in ((0, 60), (45, 15), (90, 0)):
        report = applied(library, plan, max_duration=60, spent=spent)
        assert (report.outcome, round(report.timing.seconds)) == ("incomplete", seconds)
        assert report.diagnostics[-1].message == "max-duration reached: 60 s have passed"


def test_interrupt_during_planning_of_calls_prevents_the_first(
    sandbox: Make, declare: Declare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = sandbox(file_object("/a"))
    declare("- {match: /*, tags: [new]}")
    plan = planned(library, tmp_path)

    async def scenario() -> Report:
        stop = asyncio.Event()

        class Interrupted(Staging):
            def stages(self, **options: Any) -> Stages:
                asyncio.get_running_loop().call_soon_threadsafe(stop.set)
                return super().stages(**options)

        monkeypatch.setattr("tagsync.applying.apply.Staging", Interrupted)
        return await tagsync.apply_async(plan, target=library.target, stop=stop)

    assert run(scenario()).outcome == "interrupted"
    assert library.writes == []
