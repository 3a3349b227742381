"""What every format shows of a plan, or of the difference between two plans."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property

from tagsync.model import (
    Difference,
    FileChange,
    Op,
    Plan,
    counted,
)
from tagsync.reporting.counts import ChangeCounts, count_changes, unselected_by_folder
from tagsync.reporting.groups import Causes, Groups, causes_of, groups
from tagsync.reporting.guard_view import UNDOING, guard_views
from tagsync.reporting.phrases import (
    cause_counts,
    cause_sentence,
    coverage_sentence,
    filter_sentence,
    guard_count,
    missing_sentence,
    named,
    plan_summary,
    plan_title,
    shown_names,
    worst_first,
)
from tagsync.reporting.view import Kind, Section, View

MAX_NOT_FOUND = 3
"""Declared files that were not found and are named; text output lists all on demand."""


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
        self.is_filtered = self.kind == "plan" and plan.inputs.is_filtered
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

    def named_remarks(self, show: Callable[[str], str]) -> list[str]:
        """Return how many declared files were not found, and the first with their places."""
        count = missing_sentence(self.plan)
        return [f"{count}{self.first_not_found(show)}"] if count else []

    def first_not_found(self, show: Callable[[str], str]) -> str:
        """Return the names and places of the first declared files that were not found, after a colon."""
        first = [
            f"{f'ID {show(file_id)}' if file_id else show(path or '')} ({show(str(named(origin, self.names)))})"
            for path, file_id, origin in self.plan.missing[:MAX_NOT_FOUND]
        ]
        more = self.plan.summary.missing - len(first)
        return f": {', '.join(first)}{f' and {more:,} more' if more else ''}" if first else ""

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
        return one_section(self.counts, self.groups)

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


def one_section(counts: ChangeCounts, found: Groups) -> Sequence[Section]:
    """Return the section of all changes, if there are any."""
    return (Section("", counts, found.removals_first()),) if found else ()
