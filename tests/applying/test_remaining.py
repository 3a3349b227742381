import tracemalloc

import pytest
from builders import current_file, id_of

from tagsync.applying.journal_records import NOTHING
from tagsync.applying.outcomes import Outcomes
from tagsync.applying.preflight import still_needed
from tagsync.applying.remaining import FreshChanges, PlannedChanges, RemainingChanges
from tagsync.documents.changes import keep
from tagsync.library.reading.reread_files import RereadFiles
from tagsync.model import Change, FileChange, Op, Origin, Reason, Request, Status
from tagsync.planning.covering import Staging

A, B = id_of("/a"), id_of("/b")
PLANNED = [
    FileChange(
        current_file(path, ["here", "old"]),
        (Change(Op.ADD, "new", ()), Change(Op.ADD, "x", ()), Change(Op.REMOVE, "old", ())),
        desired=("here",),
    )
    for path in ("/a", "/b")
]


def test_planned_changes_are_found_by_id_in_plan_order() -> None:
    planned = PlannedChanges(keep(PLANNED))
    assert list(planned) == [A, B]
    assert (len(planned), planned[B]) == (2, PLANNED[1])
    assert "other" not in planned


def test_fresh_changes_are_those_that_a_file_still_needs() -> None:
    now = current_file("/a", ["here", "new", "old"])
    fresh = FreshChanges(PlannedChanges(PLANNED), {A: now, B: current_file("/b", ["new", "x"])})
    assert (fresh[A].file, fresh[A].add, fresh[A].remove, fresh[A].desired) == (now, ("x",), ("old",), ("here", "new"))
    with pytest.raises(KeyError):
        fresh[B]


def test_fresh_changes_do_not_depend_on_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tagsync.applying.remaining._RECENT", 1)
    fresh = FreshChanges(PlannedChanges(PLANNED), {A: PLANNED[0].file, B: PLANNED[1].file})
    assert [fresh[file_id] for file_id in (A, B, B, A)] == [PLANNED[0], PLANNED[1], PLANNED[1], PLANNED[0]]


def test_remaining_changes_lack_what_calls_have_done() -> None:
    remaining = RemainingChanges(dict(zip((A, B), PLANNED, strict=True)))
    remaining.take_off(Request(Op.ADD, ("x", "here"), (A, B)), [A])
    assert (remaining[A].add, remaining[A].remove, remaining[A].desired) == (("new",), ("old",), ("here", "x"))
    remaining.take_off(Request(Op.REMOVE, ("old",), (A, B)), [A, B])
    assert [item.tag for item in remaining[A].changes] == ["new"]
    assert [item.tag for item in remaining[B].changes] == ["new", "x"]


def test_remaining_changes_take_a_few_hundred_bytes_each() -> None:
    """Such a change takes 2 KB when decoded, and its file 1 KB."""
    count, tags = 5000, [f"tag-{number}" for number in range(10)]
    items = tuple(Change(Op.ADD, f"new-{number}", (Reason(Origin("a.yaml", 1, 1), "tags"),)) for number in range(5))
    changes = keep(FileChange(current_file(f"/shop/{number:07}.jpg", tags), items) for number in range(count))
    request = Request(Op.ADD, tuple(item.tag for item in items), ())
    tracemalloc.start()
    planned, shown, outcomes = PlannedChanges(changes), RereadFiles(), Outcomes()
    shown.add(change.file for change in changes)
    staging, remaining = Staging(), RemainingChanges(FreshChanges(planned, shown))
    for change in still_needed(planned, shown, outcomes, NOTHING):
        staging.add(change)
    outcomes.note(planned, Status.ACCEPTED, attempts=1, request_id="r")
    remaining.take_off(request, planned)
    for file_id in planned:
        outcomes.settle(file_id, Status.CONFIRMED)
    kept = tuple(map(outcomes.outcome, planned))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(kept) == count
    assert peak / count < 600
