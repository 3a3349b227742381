"""Reports: what became of a plan."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, NamedTuple

from tagsync.model.origins import Diagnostic
from tagsync.model.plan import Plan
from tagsync.model.requests import Op


class Status(StrEnum):
    """What became of one file's changes."""

    CONFIRMED = "confirmed"
    ACCEPTED = "accepted"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"
    STALE = "stale"
    MISSING = "missing"


OutcomeName = Literal["converged", "incomplete", "interrupted", "refused"]


class FileOutcome(NamedTuple):
    """One file's status, the calls that tried, and the last words said about it.

    `already` are planned changes that the library showed before the first write and that no interrupted apply before
    this one sent: tagsync had no part in them.
    """

    status: Status
    attempts: int = 0
    error: str | None = None
    request_id: str | None = None
    already: tuple[tuple[Op, str], ...] = ()


class RequestCounts(NamedTuple):
    """Bulk calls of an apply: sent on the wire, how they ended, and how many were sent again."""

    sent: int = 0
    succeeded: int = 0
    failed: int = 0
    retried: int = 0
    throttled: int = 0


class Timing(NamedTuple):
    """Seconds that writing and reading back took, seconds of them spent waiting for the limit, bulk calls a second."""

    seconds: float = 0.0
    waited: float = 0.0
    requests_per_second: float = 0.0


@dataclass(frozen=True, slots=True)
class Report:
    """What an apply did. `outcomes` stand in the order of `plan.changes`, one for each.

    `wrote` tells whether the run changed something, as far as is known; it is not part of a saved report.
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
        """Whether every change is in the library, as far as it was asked."""
        return self.outcome == "converged"
