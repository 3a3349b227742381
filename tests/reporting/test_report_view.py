import pytest
from builders import changed, current_file, plan_of, report_of

from tagsync.model import FileOutcome, Op, PartialOutcome, Refusal, Report, Status
from tagsync.reporting.report_view import ReportView


def report(*outcomes: tuple[str, FileOutcome]) -> Report:
    plan = plan_of(*(changed(current_file(path), (Op.ADD, "a")) for path, _ in outcomes))
    return report_of(plan, *(outcome for _, outcome in outcomes))


def test_report_view_lists_files_that_were_not_changed() -> None:
    outcomes = [(f"/{status}.jpg", FileOutcome(status)) for status in sorted(Status)]
    assert [row.path for row in ReportView(report(*outcomes)).missed] == [
        "/failed.jpg",
        "/missing.jpg",
        "/skipped.jpg",
        "/stale.jpg",
        "/unknown.jpg",
    ]


def test_report_view_counts_statuses_with_good_ones_first() -> None:
    statuses = {"/a.jpg": Status.FAILED, "/b.jpg": Status.CONFIRMED, "/c.jpg": Status.FAILED}
    view = ReportView(report(*((path, FileOutcome(status)) for path, status in statuses.items())))
    assert view.statuses == [(Status.CONFIRMED, 1), (Status.FAILED, 2)]


def test_report_counts_no_change_that_was_there_before_the_first_call() -> None:
    done, half = (changed(current_file(path), (Op.ADD, "a"), (Op.REMOVE, "b")) for path in ("/a.jpg", "/b.jpg"))
    already = ((Op.ADD, "a"), (Op.REMOVE, "b"))
    outcomes = (FileOutcome(Status.CONFIRMED, already=already), FileOutcome(Status.CONFIRMED, 1, already=already[:1]))
    view = ReportView(report_of(plan_of(done, half), *outcomes))
    assert view.files_changed == 1
    assert [(item.op, item.tag, item.files) for item in view.counts.operations] == [(Op.REMOVE, "b", 1)]


IN_PART = FileOutcome(
    Status.SKIPPED, 1, "not sent: the run was interrupted", parts=PartialOutcome(made=((Op.ADD, "a"),))
)


def in_part(*outcomes: FileOutcome) -> ReportView:
    """Return the view of a report on files that were to gain the tag `a`, and to lose the tag `b`."""
    files = [changed(current_file(f"/{name}.jpg"), (Op.ADD, "a"), (Op.REMOVE, "b")) for name in "abcd"[: len(outcomes)]]
    return ReportView(report_of(plan_of(*files), *outcomes))


def test_report_counts_each_change_of_files_changed_in_part() -> None:
    view = in_part(FileOutcome(Status.CONFIRMED, 1), IN_PART, IN_PART, FileOutcome(Status.SKIPPED))
    assert view.headline.startswith("3 files changed (2 in part): +3 -1 tags")
    assert view.files_changed == 3
    assert [(item.op, item.files) for item in view.counts.operations] == [(Op.REMOVE, 1), (Op.ADD, 3)]


def test_report_counts_changes_that_were_not_made_by_reason() -> None:
    view = in_part(IN_PART, IN_PART, FileOutcome(Status.SKIPPED, error=IN_PART.error))
    assert [(item.files, item.in_part, item.left) for item in view.not_made] == [
        (2, True, "-2 tags"),
        (1, False, "+1 -1 tags"),
    ]


def test_report_counts_failures_that_name_other_tags_as_one_reason() -> None:
    errors = [
        f"ImageKit failed: no (request {number}); when read back, the file lacks the tag {tag!r}"
        for number, tag in (("r1", "a"), ("r2", "b"))
    ]
    outcomes = [FileOutcome(Status.FAILED, 1, error, request_id=f"r{number}") for number, error in enumerate(errors, 1)]
    assert [(item.files, item.error) for item in in_part(*outcomes).not_made] == [(2, "ImageKit failed: no")]


def test_report_without_a_made_change_says_so() -> None:
    tried = FileOutcome(Status.FAILED, 1, "no", parts=PartialOutcome(tried=((Op.ADD, "a"),)))
    assert in_part(tried).headline.startswith("No files changed")
    assert in_part(tried).files_changed == 0


REFUSED = FileOutcome(Status.FAILED, 1, "no", refused=(Refusal(Op.ADD, "a", 400, "no"),))
FAILED, SKIPPED = FileOutcome(Status.FAILED, 1, "locked"), FileOutcome(Status.SKIPPED, error="not sent: halted")
AGAIN = "the same command again: it sends only what is missing."


@pytest.mark.parametrize(
    ("outcomes", "advice"),
    [
        ([FAILED], [f"Run {AGAIN}"]),
        ([REFUSED], ["Fix what ImageKit refused: the same command fails again."]),
        ([REFUSED, FAILED], [f"Fix what ImageKit refused, then run {AGAIN}"]),
        ([REFUSED, SKIPPED], [f"Fix what ImageKit refused, then run {AGAIN}"]),
        ([FileOutcome(Status.CONFIRMED, 1)], []),
    ],
)
def test_report_advises_to_repeat_an_apply_only_if_that_helps(outcomes: list[FileOutcome], advice: list[str]) -> None:
    assert in_part(*outcomes).advice == advice
