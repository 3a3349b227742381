import pytest
from builders import current_file

from tagsync.model import (
    Change,
    Estimate,
    FileChange,
    FileOutcome,
    Inputs,
    Op,
    Origin,
    Plan,
    Reason,
    Report,
    RequestCounts,
    Status,
    Summary,
    TargetName,
    Timing,
)
from tagsync.reporting.groups import groups
from tagsync.reporting.rows import calls, counted, duration, status_counts, totals, unfinished


def change(path: str, *items: tuple[Op, str, int]) -> FileChange:
    """Return a file's changes from op, tag and the line that asked for it."""
    return FileChange(
        current_file(path),
        tuple(Change(op, tag, (Reason(Origin("a.yaml", line, 1), "tags"),)) for op, tag, line in items),
    )


def plan(*changes: FileChange, summary: Summary = Summary(), estimate: Estimate = Estimate()) -> Plan:  # noqa: B008 - frozen values
    return Plan(
        target=TargetName("https://api.imagekit.io", "shop"),
        created_at="2026-01-01T00:00:00Z",
        digest="sha256:" + "0" * 64,
        inputs=Inputs((), 0, 0),
        summary=summary,
        estimate=estimate,
        changes=changes,
        requests=(),
        diagnostics=(),
    )


def report(*outcomes: tuple[str, FileOutcome]) -> Report:
    return Report(
        plan=plan(*(change(path, (Op.ADD, "a", 1)) for path, _ in outcomes)),
        outcome="incomplete",
        outcomes=tuple(outcome for _, outcome in outcomes),
        requests=RequestCounts(),
        timing=Timing(),
        finished_at="2026-01-01T00:00:00Z",
    )


def test_files_that_change_alike_are_one_group_and_large_groups_come_first() -> None:
    found = groups(
        [
            change("/a.jpg", (Op.REMOVE, "x", 1)),
            change("/b.jpg", (Op.ADD, "x", 1)),
            change("/c.jpg", (Op.ADD, "x", 1)),
            change("/d.jpg", (Op.ADD, "x", 1), (Op.ADD, "y", 1)),
        ]
    )
    assert [group.paths for group in found] == [("/b.jpg", "/c.jpg"), ("/a.jpg",), ("/d.jpg",)]


def test_groups_of_one_size_stand_in_the_order_of_their_first_paths() -> None:
    found = groups([change("/b.jpg", (Op.ADD, "x", 1)), change("/a.jpg", (Op.ADD, "y", 1))])
    assert [group.paths for group in found] == [("/a.jpg",), ("/b.jpg",)]


def test_a_line_names_the_first_place_and_says_if_there_are_others() -> None:
    (group,) = groups(
        [
            change("/a.jpg", (Op.ADD, "x", 9), (Op.ADD, "y", 3)),
            change("/b.jpg", (Op.ADD, "x", 2), (Op.ADD, "y", 3)),
        ]
    )
    assert [(line.tag, line.origin, line.more) for line in group.lines] == [
        ("x", Origin("a.yaml", 2, 1), True),
        ("y", Origin("a.yaml", 3, 1), False),
    ]


def test_a_change_that_nobody_asked_for_has_no_place() -> None:
    (group,) = groups([FileChange(current_file("/a.jpg"), (Change(Op.ADD, "x", ()),))])
    assert group.lines == ((Op.ADD, "x", None, False, None),)


def test_totals_leave_out_what_does_not_occur_and_say_what_cannot_be_undone() -> None:
    assert totals(plan(summary=Summary(add_tags=1200, remove_ai_tags=1))) == [
        (Op.ADD, "1,200 tags to add"),
        (Op.REMOVE_AI, "1 AI tag to remove, which cannot be undone"),
    ]
    assert totals(plan(summary=Summary(remove_tags=2))) == [(Op.REMOVE, "2 tags to remove")]
    assert totals(plan()) == []


@pytest.mark.parametrize(
    ("estimate", "words"),
    [
        (
            Estimate(45, 8, 330, 97, 46, 9.0),
            "45 calls, about 9.0 s (never fewer than 8; one per file would be 330, one per tag set 97, one per tag 46)",
        ),
        (
            Estimate(1, 1, 1_000, 1, 1, 0.0),
            "1 call (never fewer than 1; one per file would be 1,000, one per tag set 1, one per tag 1)",
        ),
    ],
)
def test_calls_stand_beside_the_three_usual_ways(estimate: Estimate, words: str) -> None:
    assert calls(plan(estimate=estimate)) == words


def test_unfinished_are_all_files_but_the_confirmed_and_the_accepted() -> None:
    outcomes = [(f"/{status}.jpg", FileOutcome(status)) for status in sorted(Status)]
    assert [row.path for row in unfinished(report(*outcomes))] == [
        "/failed.jpg",
        "/missing.jpg",
        "/skipped.jpg",
        "/stale.jpg",
        "/unknown.jpg",
    ]


def test_statuses_are_counted_good_ones_first_and_absent_ones_left_out() -> None:
    found = status_counts(
        report(
            ("/a.jpg", FileOutcome(Status.FAILED)),
            ("/b.jpg", FileOutcome(Status.CONFIRMED)),
            ("/c.jpg", FileOutcome(Status.FAILED)),
        )
    )
    assert found == [(Status.CONFIRMED, 1), (Status.FAILED, 2)]


@pytest.mark.parametrize(
    ("count", "plural", "words"),
    [
        (0, None, "0 files"),
        (1, None, "1 file"),
        (1234, None, "1,234 files"),
        (1, "filia", "1 file"),
        (2, "filia", "2 filia"),
    ],
)
def test_a_number_has_its_noun(count: int, plural: str | None, words: str) -> None:
    assert counted(count, "file", plural) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0.0 s"),
        (1.23, "1.2 s"),
        (10.4, "10 s"),
        (89, "89 s"),
        (90, "2 min"),
        (1800, "30 min"),
        (7080, "118 min"),
        (7200, "2.0 h"),
        (9000, "2.5 h"),
    ],
)
def test_a_duration_is_in_a_unit_that_a_person_would_choose(seconds: float, words: str) -> None:
    assert duration(seconds) == words
