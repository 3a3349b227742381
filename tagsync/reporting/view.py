"""What every format shows of a plan, a report, a difference or diagnostics; formats lay it out and compute nothing.

A view computes each part once, when a format first asks for it.
"""

from array import array
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Literal, NamedTuple

from tagsync.model import (
    IN_PART,
    Diagnostic,
    Difference,
    FileChange,
    FileOutcome,
    Level,
    Op,
    Plan,
    Report,
    Status,
    TargetName,
    TestResult,
    Unlisted,
)
from tagsync.reporting.counts import ChangeCounts, count_changes, unselected_by_folder
from tagsync.reporting.groups import Causes, Groups, causes_of, groups
from tagsync.reporting.guard_view import UNDOING, GuardView, guard_views
from tagsync.reporting.phrases import (
    NO_NAMES,
    Names,
    cause_counts,
    cause_sentence,
    change_counts,
    counted,
    coverage_sentence,
    filter_sentence,
    guard_count,
    missing_sentence,
    plan_summary,
    plan_title,
    sent_sentence,
    shown_names,
    status_counts,
    worst_first,
)
from tagsync.reporting.subsequence import Subsequence

Kind = Literal["plan", "report", "difference", "manifests", "tests"]

EXAMPLES = 3
"""Files that are named as examples of a reason."""

_ARRIVED = (Status.CONFIRMED, Status.ACCEPTED)
"""Statuses of changes that are in the library, as far as is known."""


CANCELLED = "Apply cancelled: nothing was changed"
_REFUSED = "Apply refused: nothing was changed"


class Section(NamedTuple):
    """Changes under a title: by operation and tag, by folder, and by groups of files that change in the same ways."""

    title: str
    counts: ChangeCounts
    groups: Groups


class StatusRow(NamedTuple):
    """What became of a file's changes."""

    path: str
    file_id: str
    outcome: FileOutcome

    @property
    def arrived(self) -> bool:
        """Whether they are in the library, as far as is known."""
        return self.outcome.status in _ARRIVED


class NotMade(NamedTuple):
    """Files that were not changed for one reason.

    Attributes:
        status: their status.
        error: the error message, if there is one.
        files: their number.
        examples: the paths of the first of them.
    """

    status: Status
    error: str | None
    files: int
    examples: tuple[str, ...] = ()


class View:
    """What comments and CI systems show of any result.

    Attributes:
        kind: what the result is.
        title: the result in a few words.
        headline: what changes or has changed, counted.
        remarks: sentences about the result as a whole.
        target: which library, where there was one.
        digest: of the plan, where there is one that could be applied.
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
    remarks: Sequence[str] = ()
    target: TargetName | None = None
    digest: str | None = None
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
        return [*filter(None, [self.headline]), *self.remarks]

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


class PlanView(View):
    """What formats show of a plan.

    Args:
        plan: the plan.
        refused: whether it is refused whatever it holds, so that it has no digest to be approved.
    """

    kind: Kind = "plan"

    def __init__(self, plan: Plan, *, refused: bool = False) -> None:
        self.plan = plan
        self.target = plan.target
        self.digest = None if refused or plan.errors else plan.digest
        self.files_changed = plan.summary.files_changed
        self.guards = guard_views(plan)
        self.diagnostics = worst_first(plan.diagnostics)
        self.unlisted = plan.unlisted
        self.names = shown_names(plan)
        self.manifests = tuple(self.names)
        self.covered = coverage_sentence(plan.coverage, plan.inputs.files) if plan.coverage else None
        self.since = ", ".join(cause_counts(plan))
        verdict = f"Plan{self._blocked_by()}: {plan_title(plan)}"
        self.title = verdict if plan.changes else plan_title(plan)
        self.remarks = [*self._plan_remarks()]

    def _blocked_by(self) -> str:
        guards = self.blocking
        if len(guards) == 1:
            return f" blocked by guard {guards[0].guard}"
        return f" blocked by {len(guards)} guards" if guards else ""

    def _plan_remarks(self) -> Iterable[str]:
        plan = self.plan
        sentences = [
            filter_sentence(plan.inputs),
            missing_sentence(plan),
            cause_sentence(plan),
            self.covered,
            UNDOING if plan.undoes else None,
        ]
        return filter(None, sentences)

    @property
    def headline(self) -> str:
        """What changes, counted."""
        if self.plan.changes:
            return plan_summary(self.plan)
        return "" if self.plan.errors else f"{counted(self.plan.summary.unchanged, 'managed file')} unchanged"

    @property
    def pending(self) -> tuple[Mapping[Op, int], int]:
        """The changes that are still to be made, by operation, and the number of their files."""
        summary = self.plan.summary
        changes = {Op.ADD: summary.add_tags, Op.REMOVE: summary.remove_tags, Op.REMOVE_AI: summary.remove_ai_tags}
        return changes, summary.files_changed

    @cached_property
    def causes(self) -> Causes:
        """Why each change is necessary again, as far as is known."""
        return causes_of(self.plan.drift)

    @cached_property
    def groups(self) -> Groups:
        """The planned changes, grouped by what they do."""
        return groups(self.plan.changes, self.causes)

    @cached_property
    def sections(self) -> Sequence[Section]:
        """What changes; removals first."""
        return _one_section(self.counts, self.groups)

    @cached_property
    def counts(self) -> ChangeCounts:
        """How often each tag changes, and how much in each folder."""
        return count_changes(self._counted_changes, self.causes)

    @cached_property
    def _counted_changes(self) -> Sequence[FileChange]:
        return self.plan.changes

    @cached_property
    def unselected(self) -> list[tuple[str, int]]:
        """How many files of each folder no entry selects, the most first, as far as the plan has it."""
        return unselected_by_folder(self.plan.coverage) if self.plan.coverage else []


class ReportView(PlanView):
    """What formats show of an apply; of a refused one, the files that it was refused for."""

    kind: Kind = "report"

    def __init__(self, report: Report) -> None:
        plan = report.plan
        super().__init__(plan)
        self.report = report
        self.refused = report.outcome == "refused"
        self.digest = plan.digest
        counts = Counter(outcome.status for outcome in report.outcomes)
        self.statuses = [(status, counts[status]) for status in Status if counts[status]]
        self.advice = _advice(report, counts)
        if self.refused:
            self.title = _REFUSED if any(item.level == "error" for item in report.diagnostics) else CANCELLED
            self.files_changed = 0
            self.missed = self.rows = self._rows([Status.STALE])
        else:
            self.missed = self._rows([status for status in Status if status not in _ARRIVED])
            self.rows = self._rows(list(Status))
            self.files_changed = len(self._counted_changes)
            self.title = self._outcome_title()
            # Those that block were acknowledged.
            self.guards = tuple(guard._replace(blocks=False) for guard in self.guards)
        self.remarks = [*self._plan_remarks(), *self.advice]
        self.all_diagnostics = worst_first((*plan.diagnostics, *report.diagnostics))
        # What a guard that blocks says stands with the guards.
        self.diagnostics = [item for item in self.all_diagnostics if item.code != "guard" or not self.blocking]

    def _outcome_title(self) -> str:
        report, statuses = self.report, status_counts(self.statuses)
        if report.converged and self.rows and not self.files_changed:
            return f"Nothing to do: this plan is already applied ({statuses})"
        return f"Apply {'complete' if report.converged else report.outcome}: {statuses}"

    @cached_property
    def headline(self) -> str:
        """What has changed, counted, and how many API calls that took."""
        totals = Counter[Op]()
        for item in self.counts.operations:
            totals[item.op] += item.files
        changes = change_counts(totals[Op.ADD], totals[Op.REMOVE], totals[Op.REMOVE_AI])
        files = f"{counted(self.files_changed, 'file')} changed: {changes}" if changes else "No files changed"
        if in_part := sum((row.outcome.error or "").startswith(IN_PART) for row in self.missed):
            files += f", {in_part:,} more in part"
        return f"{files} · {sent_sentence(self.report)}" if self.report.requests.sent else files

    @cached_property
    def sections(self) -> Sequence[Section]:
        """What has changed; removals first."""
        return _one_section(self.counts, groups(self._counted_changes, self.causes))

    @property
    def pending(self) -> tuple[Mapping[Op, int], int]:
        """The changes that are still to be made, by operation, and the number of their files."""
        if self.refused:
            return super().pending
        left = Counter[Op]()
        if self.missed:
            for change, outcome in zip(self.plan.changes, self.report.outcomes, strict=True):
                if outcome.status not in _ARRIVED:
                    left.update(item.op for item in change.changes)
        return left, len(self.missed)

    @cached_property
    def _counted_changes(self) -> Sequence[FileChange]:
        """The changes that the apply has made, as far as is known, without those that were there before its calls."""
        if self.refused:
            return ()
        changes, outcomes = self.plan.changes, self.report.outcomes
        positions = array("I", (at for at in self._positions(_ARRIVED) if _made(changes, outcomes, at)))

        def made(change: FileChange, position: int) -> FileChange:
            already = outcomes[position].already
            left = tuple([item for item in change.changes if (item.op, item.tag) not in already])
            return replace(change, changes=left) if already else change

        return Subsequence(changes, positions, made)

    @cached_property
    def not_made(self) -> list[NotMade]:
        """Why files were not changed, each reason once; the most files first."""
        reasons: dict[tuple[Status, str | None], NotMade] = {}
        for row in self.missed:
            key = row.outcome.status, _reason(row.outcome)
            known = reasons.get(key) or NotMade(*key, 0)
            examples = known.examples if len(known.examples) == EXAMPLES else (*known.examples, row.path)
            reasons[key] = known._replace(files=known.files + 1, examples=examples)
        found = reasons.values()
        return sorted(found, key=lambda item: (-item.files, item.status, item.error or ""))

    def _rows(self, statuses: Container[Status]) -> Sequence[StatusRow]:
        outcomes = self.report.outcomes

        def row(change: FileChange, position: int) -> StatusRow:
            return StatusRow(change.file.path, change.file.file_id, outcomes[position])

        return Subsequence(self.plan.changes, self._positions(statuses), row)

    def _positions(self, statuses: Container[Status]) -> Sequence[int]:
        return array("I", (at for at, outcome in enumerate(self.report.outcomes) if outcome.status in statuses))


class DifferenceView(View):
    """What formats show of the difference between two plans."""

    kind: Kind = "difference"

    def __init__(self, difference: Difference) -> None:
        self.difference = difference
        self.digest = difference.new
        self.is_same = difference.old == difference.new
        self.files_changed = difference.files
        self.title = "The same plan" if self.is_same else f"Difference: {counted(self.files_changed, 'file')}"
        more, fewer = (sum(len(change.changes) for change in side) for side in (difference.more, difference.fewer))
        self.counts = more, fewer
        guards = [
            f"{guard_count(old)} before, now {guard_count(new)}, {'blocks' if new.blocked else 'passes'}"
            for old, new in difference.guards
        ]
        targets = ["the plans are for different targets"] if difference.targets else []
        changes = f"{counted(more, 'change')} only in the new plan, {fewer:,} only in the old plan"
        self.remarks = [changes, f"Digest of the old plan: {difference.old}", *targets, *guards]

    @cached_property
    def sides(self) -> Sequence[tuple[str, Groups]]:
        """What only the newer plan changes, and what only the older one does, each with a title."""
        return (
            ("Only in the new plan", groups(self.difference.more)),
            ("Only in the old plan", groups(self.difference.fewer)),
        )

    @cached_property
    def sections(self) -> Sequence[Section]:
        """What only one of the plans changes; removals first."""
        return [
            Section(title, count_changes(changes, {}), found.removals_first())
            for (title, found), changes in zip(self.sides, (self.difference.more, self.difference.fewer), strict=True)
            if found
        ]


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


def _reason(outcome: FileOutcome) -> str | None:
    """Return an outcome's error without the request's id, with which each would be a reason of its own."""
    if outcome.error and outcome.request_id:
        return outcome.error.replace(f" (request {outcome.request_id})", "")
    return outcome.error


def _made(changes: Sequence[FileChange], outcomes: Sequence[FileOutcome], position: int) -> bool:
    """Return whether a file had not all of its changes before the first call."""
    already = outcomes[position].already
    return not already or len(already) < len(changes[position].changes)


def _advice(report: Report, counts: Mapping[Status, int]) -> list[str]:
    """Return what to do where an apply did not do everything."""
    found = []
    if not report.converged and report.outcome != "refused":
        found.append("Run the same command again: it sends only what is missing.")
    if counts[Status.STALE]:
        found.append("Plan again to change the stale files.")
    return found


def _one_section(counts: ChangeCounts, found: Groups) -> Sequence[Section]:
    return (Section("", counts, found.removals_first()),) if found else ()
