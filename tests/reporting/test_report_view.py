from builders import changed, current_file, plan_of, report_of

from tagsync.model import FileOutcome, Op, Report, Status
from tagsync.reporting.report_view import ReportView

IN_PART = "done in part; "


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


def test_report_counts_files_changed_in_part() -> None:
    outcome = FileOutcome(Status.SKIPPED, 1, f"{IN_PART}not sent: the run was interrupted")
    done = report(("/a.jpg", FileOutcome(Status.CONFIRMED, 1)), ("/b.jpg", outcome))
    assert ReportView(done).headline.startswith("1 file changed: +1 tag, 1 more in part")
    assert ReportView(report(("/b.jpg", outcome))).headline.startswith("No files changed, 1 more in part")
