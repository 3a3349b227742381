import pytest
from builders import current_file, id_of

from tagsync.applying.remaining import FreshChanges, PlannedChanges, RemainingChanges
from tagsync.documents.changes import keep
from tagsync.model import Change, FileChange, Op, Request

A, B = id_of("/a"), id_of("/b")
PLANNED = [
    FileChange(
        current_file(path, ["here", "old"]),
        (Change(Op.ADD, "new", ()), Change(Op.ADD, "x", ()), Change(Op.REMOVE, "old", ())),
        desired=("here",),
    )
    for path in ("/a", "/b")
]


def test_planned_changes_are_found_by_id_in_the_order_of_the_plan() -> None:
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


def test_fresh_changes_are_the_same_however_many_were_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
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
