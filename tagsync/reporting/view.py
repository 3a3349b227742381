"""What every format shows of a result; formats lay it out and compute nothing.

A view computes each part once, when a format first asks for it. `plan_view` and `report_view` have the views of plans
and reports.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple

from tagsync.escape import shown
from tagsync.model import (
    Diagnostic,
    FileChange,
    FileOutcome,
    Level,
    Op,
    Status,
    TargetName,
    TestResult,
    Unlisted,
)
from tagsync.reporting.counts import ChangeCounts
from tagsync.reporting.groups import Groups
from tagsync.reporting.guard_view import GuardView
from tagsync.reporting.phrases import (
    NO_NAMES,
    Names,
    worst_first,
)

Kind = Literal["plan", "report", "difference", "manifests", "tests"]


class Section(NamedTuple):
    """Changes under a title: by operation and tag, by folder, and by groups of files that change in the same ways."""

    title: str
    counts: ChangeCounts
    groups: Groups


class StatusRow(NamedTuple):
    """What became of a file's changes.

    Attributes:
        change: the file and its planned changes.
        outcome: what became of them.
    """

    change: FileChange
    outcome: FileOutcome

    @property
    def path(self) -> str:
        """The file's path."""
        return self.change.file.path

    @property
    def left(self) -> Counter[Op]:
        """How many changes of each kind were not made."""
        done = {*self.outcome.already, *(self.outcome.parts.made if self.outcome.parts else ())}
        return Counter(item.op for item in self.change.changes if (item.op, item.tag) not in done)


class NotMade(NamedTuple):
    """Files that were not changed for one reason.

    Attributes:
        status: their status.
        error: the error message, if there is one.
        in_part: whether some of their changes were made.
        files: their number.
        examples: the paths of the first of them.
        left: the changes that were not made, counted.
    """

    status: Status
    error: str | None
    in_part: bool
    files: int = 0
    examples: tuple[str, ...] = ()
    left: str = ""


class View:
    """What comments and CI systems show of any result.

    Attributes:
        kind: what the result is.
        title: the result in a few words.
        headline: what changes or has changed, counted.
        succeeded: whether everything was done, as far as the result itself shows.
        remarks: sentences about the result as a whole.
        target: which library, where there was one.
        digest: of the plan, where there is one that could be applied.
        is_filtered: whether the digest is that of a plan that leaves out changes, so that an apply makes another plan.
        applied_commit: the commit of the manifests that an apply completed.
        files_changed: how many files the plan changes, or an apply has changed.
        guards: what each guard says.
        rows: what became of each file, of a report.
        missed: those of them that did not arrive.
        diagnostics: errors first.
        unlisted: how many other diagnostics there are.
        names: how to show manifests.
        manifests: names of the manifests that were read, as documents call them.
        tests: the results of tests.
    """

    kind: Kind
    title: str
    succeeded: bool = True
    remarks: Sequence[str] = ()
    target: TargetName | None = None
    digest: str | None = None
    is_filtered: bool = False
    applied_commit: str | None = None
    files_changed: int = 0
    guards: Sequence[GuardView] = ()
    rows: Sequence[StatusRow] = ()
    missed: Sequence[StatusRow] = ()
    diagnostics: Sequence[Diagnostic] = ()
    unlisted: Sequence[Unlisted] = ()
    names: Names = NO_NAMES
    manifests: Sequence[str] = ()
    tests: Sequence[TestResult] = ()

    @property
    def headline(self) -> str:
        """What changes or has changed, counted; empty if nothing does."""
        return ""

    @property
    def totals(self) -> Sequence[str]:
        """Everything that is counted, in sentences."""
        return [*filter(None, [self.headline]), *self.named_remarks(shown), *self.remarks]

    def named_remarks(self, show: Callable[[str], str]) -> list[str]:  # noqa: ARG002 - for a plan or report
        """Return the remarks that contain names of files, which `show` makes safe for an output."""
        return []

    @property
    def sections(self) -> Sequence[Section]:
        """What changes; removals first."""
        return ()

    @property
    def not_made(self) -> Sequence[NotMade]:
        """Why files were not changed, each reason once; the most files first."""
        return ()

    @property
    def blocking(self) -> list[GuardView]:
        """The guards that block the plan."""
        return [guard for guard in self.guards if guard.blocks]

    def more_of(self, level: Level) -> int:
        """Return how many diagnostics of a level are not listed."""
        return sum(item.more for item in self.unlisted if item.level == level)


class DiagnosticsView(View):
    """What formats show of a command that made no plan.

    Args:
        title: the outcome in a few words.
        diagnostics: what was found.
        names: how to show manifests.
        manifests: the names of those that were read.
        more: how many diagnostics were not even kept.
    """

    kind: Kind = "manifests"

    def __init__(
        self,
        title: str,
        diagnostics: Iterable[Diagnostic],
        *,
        names: Names = NO_NAMES,
        manifests: Iterable[str] = (),
        more: int = 0,
    ) -> None:
        self.title = title
        self.diagnostics = worst_first(diagnostics)
        self.names = names
        self.manifests = tuple(manifests)
        self.unlisted = (Unlisted("error", "more", more),) if more else ()
