"""Define reports: the outcome of an apply."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Literal, NamedTuple

from tagsync.model.origins import Diagnostic
from tagsync.model.plan import Change, Plan
from tagsync.model.requests import Op


class Status(StrEnum):
    """The status of one file's changes."""

    CONFIRMED = "confirmed"
    ACCEPTED = "accepted"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"
    STALE = "stale"
    MISSING = "missing"


KILLED = "killed"
"""The code of the warning in the report of an apply that was killed."""

REFUSED_CHANGE = "refused-change"
"""The code of diagnostics about changes that ImageKit refused."""

READ_BACK = "; when read back, "
"""What separates, in the error of an outcome, why a change failed from the first tag that the file shows otherwise."""

OutcomeName = Literal["converged", "incomplete", "interrupted", "refused"]


class PartialOutcome(NamedTuple):
    """What an apply did on a file if it did not make all changes. A change in neither list was not sent.

    Attributes:
        made: the changes that ImageKit accepted or, if the file was read back, shows.
        tried: the changes that were sent, but that ImageKit neither accepted nor shows.
    """

    made: tuple[tuple[Op, str], ...] = ()
    tried: tuple[tuple[Op, str], ...] = ()


class Refusal(NamedTuple):
    """A change that ImageKit refused. The same call fails again until the change itself or the key is another one.

    Attributes:
        op: the operation.
        tag: the tag.
        status: the HTTP status; 403 if the key may not change the file.
        message: ImageKit's words.
    """

    op: Op
    tag: str
    status: int
    message: str

    @property
    def is_of_file(self) -> bool:
        """Whether the key may not change the file, whatever the tag."""
        return self.status == HTTPStatus.FORBIDDEN


class FileOutcome(NamedTuple):
    """The outcome of one file's changes.

    Attributes:
        status: the worst status of any of its calls.
        attempts: how often one of its calls was sent, at most: 1 unless one was repeated.
        error: the last error message.
        request_id: the ID that ImageKit gave the last of these calls.
        already: planned changes that somebody else had made before the first write. An undo leaves them alone.
        parts: what was done if not all changes were made; None if the status applies to all of them.
        refused: the changes that ImageKit refused, so that sending them again does not help.
    """

    status: Status
    attempts: int = 0
    error: str | None = None
    request_id: str | None = None
    already: tuple[tuple[Op, str], ...] = ()
    parts: PartialOutcome | None = None
    refused: tuple[Refusal, ...] = ()

    @property
    def reason(self) -> str | None:
        """The error without the request's ID and the tag read back, with which each file has a reason of its own."""
        if self.error is None:
            return None
        reason, _, _ = self.error.partition(READ_BACK)
        return reason.replace(f" (request {self.request_id})", "") if self.request_id else reason

    @property
    def arrived(self) -> bool:
        """Whether all changes are in the library, as far as is known."""
        return self.status in (Status.CONFIRMED, Status.ACCEPTED)

    @property
    def in_part(self) -> bool:
        """Whether the apply made some of the changes, but not all."""
        return bool(self.parts and self.parts.made)

    def made(self, changes: tuple[Change, ...]) -> tuple[Change, ...]:
        """Return those of a file's planned changes that the apply made, as far as is known."""
        if not self.arrived:
            made = self.parts.made if self.parts else ()
            return tuple([item for item in changes if (item.op, item.tag) in made])
        already = self.already
        return tuple([item for item in changes if (item.op, item.tag) not in already]) if already else changes


class RequestCounts(NamedTuple):
    """API calls of an apply.

    Attributes:
        sent: calls that change files.
        succeeded: those of them that succeeded.
        failed: those of them that failed.
        retried: calls of both kinds that were sent again after an error.
        throttled: calls of both kinds that a rate limit refused.
        reads: calls that read files.
    """

    sent: int = 0
    succeeded: int = 0
    failed: int = 0
    retried: int = 0
    throttled: int = 0
    reads: int = 0


class Timing(NamedTuple):
    """The seconds an apply took, how many of them it waited for the rate limit, and its API calls per second."""

    seconds: float = 0.0
    waited: float = 0.0
    requests_per_second: float = 0.0


@dataclass(frozen=True, slots=True)
class Report:
    """What an apply did.

    Attributes:
        plan: the plan that was applied.
        outcome: the result as a whole.
        outcomes: one for each of `plan.changes`, in the same order.
        requests: counts of API calls.
        timing: how long it took.
        finished_at: ISO 8601, UTC.
        diagnostics: what was noticed.
        wrote: whether the run may have changed something; left out of saved reports.
    """

    plan: Plan
    outcome: OutcomeName
    outcomes: Sequence[FileOutcome] = field(repr=False)
    requests: RequestCounts
    timing: Timing
    finished_at: str
    diagnostics: tuple[Diagnostic, ...] = ()
    wrote: bool = field(default=False, compare=False)

    @property
    def converged(self) -> bool:
        """Whether every change was made and, unless switched off, verified."""
        return self.outcome == "converged"

    @property
    def was_killed(self) -> bool:
        """Whether a later run made this report, because the apply was killed. Then `finished_at` is when it began."""
        return any(item.code == KILLED for item in self.diagnostics)

    @property
    def applied_commit(self) -> str | None:
        """The commit of the manifests, if the library now matches all of them as far as is known; else None."""
        inputs = self.plan.inputs
        return inputs.commit if self.converged and not inputs.is_filtered else None
