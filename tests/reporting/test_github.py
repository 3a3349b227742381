import pytest
from builders import changed, current_file, diagnostics_as, plan_of, rendered, written

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
from tagsync.reporting.formats import plan_layouts
from tagsync.reporting.github import outputs
from tagsync.reporting.report_view import ReportView

DIGEST = "sha256:" + "0" * 64


def annotations(text: str) -> list[str]:
    return [line for line in text.splitlines(keepends=True) if line.startswith("::")]


def test_annotations_point_to_lines_of_diagnostics() -> None:
    told = (
        Diagnostic("error", "unknown-key", "no such key: 100 %", Origin("a, b.yaml", 3, 7)),
        Diagnostic("info", "note", "a note", Origin("c.yaml", 1, 1)),
        Diagnostic("warning", "comma", "a comma"),
        Diagnostic("warning", "elsewhere", "not here", Origin("d.yaml", 2, 1)),
    )
    assert diagnostics_as("github", "faults", told, names={"a, b.yaml": "in/a, b.yaml"}).splitlines(keepends=True) == [
        "::error file=in/a%2C b.yaml,line=3,col=7,title=unknown-key::no such key: 100 %25\n",
        "::warning title=comma::a comma\n",
        "::warning title=elsewhere::d.yaml:2:1: not here\n",
    ]


def test_annotation_of_blocking_guard_has_ack() -> None:
    guard = Guard(GuardId.NEW_TAGS, 600, 0, Limit(500), blocked=True, files=("/a.jpg",), tags=("typo",))
    layouts = plan_layouts(plan_of(changed(current_file("/a.jpg"), (Op.ADD, "typo")), guards=(guard,)))
    words = (
        "Blocked by guard newTags: the plan adds 600 tags that the library does not have yet; the limit is 500 tags. "
        "Example tags: 'typo'. Example files: '/a.jpg'. "
        f"If this is intended, apply it with: --ack newTags@{DIGEST}"
    )
    assert annotations(written(layouts, "github")) == [f"::error title=guard newTags::{words}\n"]
    placed = written(layouts, "github", names={"tags.yaml": "in/tags.yaml"})
    assert annotations(placed) == [f"::error file=in/tags.yaml,line=6,col=14,title=guard newTags::{words}\n"]


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
def test_annotation_of_guard_points_to_rule_it_counts(guard: GuardId, line: int) -> None:
    asked = ((Op.ADD, "usual", 1), (Op.ADD, "typo", 2), (Op.REMOVE, "old", 3), (Op.REMOVE_AI, "Man", 4))
    items = tuple(Change(op, tag, (Reason(Origin("tags.yaml", at, 5), "tags"),)) for op, tag, at in asked)
    other = changed(current_file("/0.jpg"), (Op.ADD, "usual"))
    tags = ("typo",) if guard is GuardId.NEW_TAGS else ()
    against = Guard(guard, 9, 9, Limit(0), blocked=True, files=("/a.jpg",), tags=tags)
    plan = plan_of(other, FileChange(current_file("/a.jpg", ["old"]), items), guards=(against,))
    found = written(plan_layouts(plan), "github", names={"tags.yaml": "tags.yaml"})
    assert found.startswith(f"::error file=tags.yaml,line={line},col=5,title=guard {guard}::")


def test_annotations_show_ten_of_each_kind_and_count_others() -> None:
    told = tuple(Diagnostic(level, "x", f"{level} {number}") for number in range(12) for level in ("error", "warning"))
    found = diagnostics_as("github", "faults", told, names={}, more=5).splitlines(keepends=True)
    errors, warnings = ([line for line in found if line.startswith(f"::{kind} ")] for kind in ("error", "warning"))
    assert len(errors) == len(warnings) == 10
    assert errors[-1] == "::error title=tagsync::and 8 more errors: see the step's summary\n"
    assert warnings[-1] == "::warning title=tagsync::and 3 more warnings: see the step's summary\n"


def test_annotations_show_all_ten_of_a_kind() -> None:
    told = tuple(Diagnostic("error", "x", f"error {number}") for number in range(10))
    assert annotations(diagnostics_as("github", "faults", told))[-1] == "::error title=x::error 9\n"


def test_annotations_of_report_are_files_not_changed() -> None:
    plan = plan_of(*(changed(current_file(f"/{name}.jpg"), (Op.ADD, "red")) for name in "ab"))
    outcomes = (FileOutcome(Status.CONFIRMED, 1), FileOutcome(Status.FAILED, 1, "Locked"))
    report = Report(plan, "incomplete", outcomes, RequestCounts(), Timing(), "2026")
    assert annotations(rendered(report, "github")) == ["::error title=failed::/b.jpg: Locked\n"]
    assert outputs(ReportView(report), 3) == f"changes=1\ndigest={DIGEST}\nexitcode=3\n"
