"""Make the report of an apply that was killed before it could write one, from its plan and its journal."""

from tagsync.applying.journal_records import Recovered
from tagsync.model import (
    KILLED,
    Diagnostic,
    FileChange,
    FileOutcome,
    PartialOutcome,
    Plan,
    Report,
    RequestCounts,
    Status,
    Timing,
)

_ALL = FileOutcome(Status.UNKNOWN, attempts=1, error="the apply was killed before it could verify the changes")
_NONE = FileOutcome(Status.SKIPPED, error="not sent: the apply was killed")


def killed_report(plan: Plan, recovered: Recovered | None, at: str) -> Report:
    """Return the report of a killed apply: a change that may have been sent is unknown, any other was skipped.

    Args:
        plan: the plan that it applied, or that it continued.
        recovered: what its journal shows; None if it is not known which changes were sent.
        at: when it began.
    """
    return Report(
        plan,
        "interrupted",
        tuple([_outcome(change, recovered) for change in plan.changes]),
        RequestCounts(),
        Timing(),
        finished_at=at,
        diagnostics=(Diagnostic("warning", KILLED, "this apply was killed, and a later run made this report"),),
        wrote=True,
    )


def _outcome(change: FileChange, recovered: Recovered | None) -> FileOutcome:
    if recovered is None:
        return _ALL
    sent = [(item.op, item.tag) for item in change.changes if recovered.was_sent(item, change.file.file_id)]
    if not sent:
        return _NONE
    return _ALL if len(sent) == len(change.changes) else _ALL._replace(parts=PartialOutcome(tried=tuple(sent)))
