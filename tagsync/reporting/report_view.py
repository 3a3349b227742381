"""What every format shows of an apply."""

from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from tagsync.escape import shown
from tagsync.model import (
    FileChange,
    FileOutcome,
    Op,
    Report,
    Status,
    counted,
)
from tagsync.reporting.groups import groups
from tagsync.reporting.phrases import (
    sent_sentence,
    status_counts,
    tag_counts,
    worst_first,
)
from tagsync.reporting.plan_view import PlanView, one_section
from tagsync.reporting.subsequence import Subsequence
from tagsync.reporting.view import Kind, NotMade, Section, StatusRow

EXAMPLES = 3
"""Files that are named as examples of a reason."""

_REPEATABLE = (Status.FAILED, Status.SKIPPED, Status.UNKNOWN)
"""What the same command may still do. It does not help a file that is stale or missing."""

CANCELLED = "Apply cancelled: nothing was changed"
_REFUSED = "Apply refused: nothing was changed"


class ReportView(PlanView):
    """What formats show of an apply; of a refused one, the files that it was refused for."""

    kind: Kind = "report"

    def __init__(self, report: Report) -> None:
        plan = report.plan
        super().__init__(plan)
        self.report = report
        self.refused = report.outcome == "refused"
        self.succeeded = report.converged
        self.digest, self.applied_commit = plan.digest, report.applied_commit
        counts = Counter(outcome.status for outcome in report.outcomes)
        self.statuses = [(status, counts[status]) for status in Status if counts[status]]
        self.advice = list[str]()
        lasting = sum(bool(outcome.refused) for outcome in report.outcomes)
        if not self.refused and (
            report.outcome == "interrupted" or sum(counts[each] for each in _REPEATABLE) > lasting
        ):
            start = "Fix what ImageKit refused, then run" if lasting else "Run"
            self.advice.append(f"{start} the same command again: it sends only what is missing.")
        elif lasting:
            self.advice.append("Fix what ImageKit refused: the same command fails again.")
        if counts[Status.STALE]:
            self.advice.append("Plan again to change the stale files.")
        if self.refused:
            self.title = _REFUSED if any(item.level == "error" for item in report.diagnostics) else CANCELLED
            self.files_changed = 0
            self.missed = self.rows = self._rows([Status.STALE])
        else:
            self.missed = self._rows([status for status in Status if not FileOutcome(status).arrived])
            self.rows = self._rows(list(Status))
            self.files_changed = len(self._counted_changes)
            self.title = self._outcome_title()
            # Those that block were acknowledged.
            self.guards = tuple(guard._replace(blocks=False) for guard in self.guards)
        self.remarks = [*self._plan_remarks(), *self.advice]
        self.all_diagnostics = worst_first((*plan.diagnostics, *report.diagnostics))
        # What a guard that blocks says stands with the guards.
        self.diagnostics = [item for item in self.all_diagnostics if item.code != "guard" or not self.blocking]

    def named_remarks(self, show: Callable[[str], str]) -> list[str]:
        """Return which files were not found, and which commit was applied."""
        return [*super().named_remarks(show), *filter(None, [self.commit_words(show)])]

    def commit_words(self, show: Callable[[str], str] = shown) -> str:
        """Return which commit was applied, or why none was; nothing of an incomplete apply, or without git."""
        inputs = self.report.plan.inputs
        if self.report.applied_commit:
            return f"Applied commit: {self.report.applied_commit}"
        if self.report.converged and inputs.uncommitted:
            return f"No applied commit: {show(inputs.uncommitted)} is not committed"
        if self.report.converged and inputs.commit:
            return "No applied commit: the plan leaves out changes"
        return ""

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
        in_part = sum(outcome.in_part for outcome in self.report.outcomes)
        some = f" ({in_part:,} in part)" if in_part else ""
        changed = f"{counted(self.files_changed, 'file')} changed{some}: {tag_counts(totals)}"
        files = changed if totals else "No files changed"
        return f"{files} · {sent_sentence(self.report)}" if self.report.requests.sent else files

    @cached_property
    def sections(self) -> Sequence[Section]:
        """What has changed; removals first."""
        return one_section(self.counts, groups(self._counted_changes, self.causes))

    @property
    def pending(self) -> tuple[Mapping[Op, int], int]:
        """The changes that are still to be made, by operation, and the number of their files."""
        if self.refused:
            return super().pending
        left = Counter[Op]()
        for row in self.missed:
            left.update(row.left)
        return left, len(self.missed)

    @cached_property
    def _counted_changes(self) -> Sequence[FileChange]:
        """The changes that the apply has made, as far as is known, without those that were there before its calls."""
        if self.refused:
            return ()
        changes, outcomes = self.plan.changes, self.report.outcomes
        positions = array("I", (at for at, outcome in enumerate(outcomes) if _has_made(changes, outcome, at)))

        def made(change: FileChange, position: int) -> FileChange:
            found = outcomes[position].made(change.changes)
            return change if found is change.changes else replace(change, changes=found)

        return Subsequence(changes, positions, made)

    @cached_property
    def not_made(self) -> list[NotMade]:
        """Why files were not changed, each reason once; the most files first."""
        reasons: dict[tuple[Status, str | None, bool], NotMade] = {}
        left: defaultdict[tuple[Status, str | None, bool], Counter[Op]] = defaultdict(Counter)
        for row in self.missed:
            key = row.outcome.status, row.outcome.reason, row.outcome.in_part
            known = reasons.get(key) or NotMade(*key)
            examples = known.examples if len(known.examples) == EXAMPLES else (*known.examples, row.path)
            reasons[key] = known._replace(files=known.files + 1, examples=examples)
            left[key].update(row.left)
        found = [item._replace(left=tag_counts(left[key])) for key, item in reasons.items()]
        return sorted(found, key=lambda item: (-item.files, item.status, item.error or "", item.in_part))

    def _rows(self, statuses: Container[Status]) -> Sequence[StatusRow]:
        outcomes = self.report.outcomes

        def row(change: FileChange, position: int) -> StatusRow:
            return StatusRow(change, outcomes[position])

        return Subsequence(self.plan.changes, self._positions(statuses), row)

    def _positions(self, statuses: Container[Status]) -> Sequence[int]:
        return array("I", (at for at, outcome in enumerate(self.report.outcomes) if outcome.status in statuses))


def _has_made(changes: Sequence[FileChange], outcome: FileOutcome, position: int) -> bool:
    """Return whether an apply made any change of a file; read the file's changes only if they matter."""
    if not outcome.arrived:
        return outcome.in_part
    return not outcome.already or len(outcome.already) < len(changes[position].changes)
