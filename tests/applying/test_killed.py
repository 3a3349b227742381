"""The report of an apply that was killed."""

import pytest
from builders import changed, current_file, plan_of

from tagsync.applying.journal_records import NOTHING, Recovered
from tagsync.applying.killed import killed_report
from tagsync.model import FileOutcome, Op, PartialOutcome, Request, Status

AT = "2026-01-02T00:00:00Z"
FILE = current_file("/a.jpg", ["old"])
CHANGES = (Op.ADD, "new"), (Op.REMOVE, "old")
PLAN = plan_of(changed(FILE, *CHANGES))
CALLS = {FILE.file_id: [Request(Op.ADD, ("new", "more"), (FILE.file_id,))]}
REMOVAL = {FILE.file_id: [Request(Op.REMOVE, ("old",), (FILE.file_id,))]}


def outcome(recovered: Recovered | None) -> FileOutcome:
    report = killed_report(PLAN, recovered, AT)
    assert (report.outcome, report.was_killed, report.finished_at) == ("interrupted", True, AT)
    assert report.applied_commit is None
    (found,) = report.outcomes
    return found


def test_killed_report_skips_what_the_journal_does_not_show() -> None:
    assert (outcome(NOTHING).status, outcome(NOTHING).attempts) == (Status.SKIPPED, 0)


@pytest.mark.parametrize("recovered", [None, Recovered(REMOVAL, CALLS)])
def test_killed_report_takes_all_changes_for_sent_if_they_may_be(recovered: Recovered | None) -> None:
    found = outcome(recovered)
    assert (found.status, found.attempts, found.parts) == (Status.UNKNOWN, 1, None)


@pytest.mark.parametrize("recovered", [Recovered({}, CALLS), Recovered(CALLS, {})], ids=["done", "unknown"])
def test_killed_report_names_the_changes_that_were_sent(recovered: Recovered) -> None:
    assert outcome(recovered).parts == PartialOutcome(tried=((Op.ADD, "new"),))
