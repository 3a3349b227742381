import pytest
from builders import current_file
from reporting.pages import changed, plan_of

from tagsync.model import (
    Change,
    Diagnostic,
    FileChange,
    FileOutcome,
    Guard,
    GuardId,
    Limit,
    Op,
    Origin,
    Reason,
    Report,
    RequestCounts,
    Status,
    Timing,
)
from tagsync.reporting.github import annotations, outputs
from tagsync.reporting.view import DiagnosticsView, PlanView, ReportView

DIGEST = "sha256:" + "0" * 64


def test_faults_are_annotated_on_their_lines() -> None:
    told = (
        Diagnostic("error", "unknown-key", "no such key: 100 %", Origin("a, b.yaml", 3, 7)),
        Diagnostic("info", "note", "a note", Origin("c.yaml", 1, 1)),
        Diagnostic("warning", "comma", "a comma"),
        Diagnostic("warning", "elsewhere", "not here", Origin("d.yaml", 2, 1)),
    )
    assert list(annotations(DiagnosticsView("faults", told, names={"a, b.yaml": "in/a, b.yaml"}))) == [
        "::error file=in/a%2C b.yaml,line=3,col=7,title=unknown-key::no such key: 100 %25\n",
        "::warning title=comma::a comma\n",
        "::warning title=elsewhere::d.yaml:2:1: not here\n",
    ]


def test_a_guard_that_blocks_is_an_error_with_its_ack() -> None:
    guard = Guard(GuardId.NEW_TAGS, 600, 0, Limit(500), blocked=True, files=("/a.jpg",), tags=("typo",))
    view = PlanView(plan_of(changed(current_file("/a.jpg"), (Op.ADD, "typo")), guards=(guard,)))
    words = f"newTags 600 blocks: more than 500: --ack newTags@{DIGEST} (/a.jpg, typo)"
    assert list(annotations(view)) == [f"::error title=guard newTags::{words}\n"]
    placed = annotations(view, {"tags.yaml": "in/tags.yaml"})
    assert list(placed) == [f"::error file=in/tags.yaml,line=6,col=14,title=guard newTags::{words}\n"]


@pytest.mark.parametrize(
    ("guard", "line"),
    [
        (GuardId.NEW_TAGS, 2),
        (GuardId.REMOVED_TAGS, 3),
        (GuardId.EMPTIED_FILES, 3),
        (GuardId.REMOVED_AI_TAGS, 4),
        (GuardId.CHANGED_FILES, 1),
    ],
)
def test_a_guard_stands_where_something_that_it_counts_was_asked_for(guard: GuardId, line: int) -> None:
    asked = ((Op.ADD, "usual", 1), (Op.ADD, "typo", 2), (Op.REMOVE, "old", 3), (Op.REMOVE_AI, "Man", 4))
    items = tuple(Change(op, tag, (Reason(Origin("tags.yaml", at, 5), "tags"),)) for op, tag, at in asked)
    other = changed(current_file("/0.jpg"), (Op.ADD, "usual"))
    tags = ("typo",) if guard is GuardId.NEW_TAGS else ()
    against = Guard(guard, 9, 9, Limit(0), blocked=True, files=("/a.jpg",), tags=tags)
    plan = plan_of(other, FileChange(current_file("/a.jpg", ["old"]), items), guards=(against,))
    found = next(annotations(PlanView(plan), {"tags.yaml": "tags.yaml"}))
    assert found.startswith(f"::error file=tags.yaml,line={line},col=5,title=guard {guard}::")


def test_of_each_kind_ten_are_shown_the_last_of_which_counts_the_others() -> None:
    told = tuple(Diagnostic(level, "x", f"{level} {number}") for number in range(12) for level in ("error", "warning"))
    found = list(annotations(DiagnosticsView("faults", told, names={}, more=5)))
    errors, warnings = ([line for line in found if line.startswith(f"::{kind} ")] for kind in ("error", "warning"))
    assert len(errors) == len(warnings) == 10
    assert errors[-1] == "::error title=tagsync::and 8 more errors: the step's summary has more\n"
    assert warnings[-1] == "::warning title=tagsync::and 3 more warnings: the step's summary has more\n"


def test_ten_of_a_kind_are_all_shown() -> None:
    told = tuple(Diagnostic("error", "x", f"error {number}") for number in range(10))
    assert list(annotations(DiagnosticsView("faults", told, names={})))[-1] == "::error title=x::error 9\n"


def test_files_that_did_not_arrive_are_errors() -> None:
    plan = plan_of(*(changed(current_file(f"/{name}.jpg"), (Op.ADD, "red")) for name in "ab"))
    outcomes = (FileOutcome(Status.CONFIRMED, 1), FileOutcome(Status.FAILED, 1, "Locked"))
    view = ReportView(Report(plan, "incomplete", outcomes, RequestCounts(), Timing(), "2026"))
    assert list(annotations(view)) == ["::error title=failed::/b.jpg: Locked\n"]
    assert outputs(view, 3) == f"changes=1\ndigest={DIGEST}\nexitcode=3\n"
