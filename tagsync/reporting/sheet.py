"""A result as Markdown, JUnit and GitHub lay it out: one value for plans, reports, differences and what went wrong."""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from tagsync.model import Diagnostic, Difference, FileChange, Level, Plan, Report, TargetName, Unlisted
from tagsync.reporting.groups import Groups, groups, removals_first
from tagsync.reporting.guard_view import UNDOING, Judgement, blocking, judgements, judgements_of_apply
from tagsync.reporting.rows import (
    NO_NAMES,
    Names,
    StatusRow,
    advice,
    arrived,
    calls,
    causes,
    counted,
    guard_count,
    missing,
    narrowing,
    plan_title,
    report_title,
    selected,
    sent,
    shown_names,
    status_rows,
    totals,
    unfinished,
    worst_first,
)

Kind = Literal["plan", "report", "difference", "manifests"]


class Section(NamedTuple):
    """Files that change in the same ways, under a title."""

    title: str
    groups: Groups


class Sheet(NamedTuple):
    """What a format lays out; every number in it is final.

    Attributes:
        kind: what it is of.
        title: the outcome in a few words.
        totals: sentences that count everything, whatever else there is room for.
        target: which library, where there was one.
        digest: of the plan, where there is one that could be applied.
        files_changed: how many files the plan changes, or an apply has changed.
        judgements: what each guard says.
        sections: what changes; removals first.
        rows: what became of each file, of a report.
        missed: those of them that did not arrive.
        diagnostics: what was said, errors first.
        more: how many others there are.
        manifests: names of the manifests, as documents call them.
        names: how to show them.
    """

    kind: Kind
    title: str
    totals: tuple[str, ...] = ()
    target: TargetName | None = None
    digest: str | None = None
    files_changed: int = 0
    judgements: tuple[Judgement, ...] = ()
    sections: tuple[Section, ...] = ()
    rows: Sequence[StatusRow] = ()
    missed: Sequence[StatusRow] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    more: tuple[Unlisted, ...] = ()
    manifests: tuple[str, ...] = ()
    names: Names = NO_NAMES

    def more_of(self, level: Level) -> int:
        """Return how many other diagnostics of a level there are."""
        return sum(item.more for item in self.more if item.level == level)


def plan_sheet(plan: Plan, *, refused: bool = False) -> Sheet:
    """Return what there is to show of a plan; one that is refused whatever it holds has no digest to be approved."""
    against = blocking(judgements(plan))
    objections = f", {counted(len(against), 'guard')} against it" if against else ""
    sheet = _planned(plan)._replace(
        title=f"Plan: {plan_title(plan)}{objections}" if plan.changes else plan_title(plan),
        totals=(*_totals(plan), *([calls(plan)] if plan.changes else [])),
        sections=_sections(plan.changes, plan),
    )
    return sheet._replace(digest=None) if refused or plan.errors else sheet


def report_sheet(report: Report) -> Sheet:
    """Return what there is to show of an apply."""
    plan = report.plan
    missed = unfinished(report)
    refused = report.outcome == "refused"
    done: Sequence[FileChange] = () if refused else arrived(report)
    found = judgements_of_apply(report)
    # What a guard says stands with the guards.
    told = [item for item in report.diagnostics if item.code != "guard" or not blocking(found)]
    return _planned(plan)._replace(
        kind="report",
        title=report_title(report),
        totals=(*_totals(plan), *([sent(report)] if report.requests.sent else []), *advice(report)),
        files_changed=len(done),
        judgements=found,
        sections=_sections(done, plan),
        rows=missed if refused else status_rows(report),
        missed=missed,
        diagnostics=tuple(worst_first((*plan.diagnostics, *told))),
    )


def difference_sheet(found: Difference) -> Sheet:
    """Return what there is to show of the difference between two plans."""
    more, fewer = (sum(len(change.changes) for change in side) for side in (found.more, found.fewer))
    sections = (
        Section("Planned now and not before", removals_first(groups(found.more))),
        Section("Planned before and not any more", removals_first(groups(found.fewer))),
    )
    guards = [
        f"{guard_count(was)} before, now {guard_count(guard)}, {'blocks' if guard.blocked else 'passes'}"
        for was, guard in found.guards
    ]
    targets = ["the plans are for different targets"] if found.targets else []
    return Sheet(
        "difference",
        "The same plan" if found.old == found.new else f"Difference: {counted(found.files, 'file')}",
        totals=(
            f"{counted(more, 'change')} planned anew, {fewer:,} not any more",
            f"before: {found.old}",
            *targets,
            *guards,
        ),
        digest=found.new,
        files_changed=found.files,
        sections=tuple(section for section in sections if section.groups),
    )


def manifests_sheet(
    title: str, diagnostics: Iterable[Diagnostic], *, names: Names, manifests: Iterable[str] = (), more: int = 0
) -> Sheet:
    """Return what there is to show of a command that came to no plan.

    Args:
        title: the outcome in a few words.
        diagnostics: what was found.
        names: how to show manifests.
        manifests: the names of those that were read.
        more: how many diagnostics were not even kept.
    """
    return Sheet(
        "manifests",
        title,
        diagnostics=tuple(worst_first(diagnostics)),
        more=(Unlisted("error", "more", more),) if more else (),
        manifests=tuple(manifests),
        names=names,
    )


def _planned(plan: Plan) -> Sheet:
    names = shown_names(plan)
    return Sheet(
        "plan",
        "",
        target=plan.target,
        digest=plan.digest,
        files_changed=plan.summary.files_changed,
        judgements=judgements(plan),
        diagnostics=tuple(worst_first(plan.diagnostics)),
        more=plan.unlisted,
        manifests=tuple(names),
        names=names,
    )


def _totals(plan: Plan) -> tuple[str, ...]:
    summary = plan.summary
    sentences = [
        f"{counted(summary.files_changed, 'file')} to change, {summary.unchanged:,} unchanged",
        narrowing(plan.inputs),
        *(sentence for _op, sentence in reversed(totals(plan))),
        missing(plan),
        f"since the last apply: {', '.join(causes(plan))}" if plan.drift else None,
        selected(plan.coverage, plan.inputs.files) if plan.coverage is not None else None,
        UNDOING if plan.undoes else None,
    ]
    return tuple(filter(None, sentences))


def _sections(changes: Sequence[FileChange], plan: Plan) -> tuple[Section, ...]:
    found = removals_first(groups(changes, plan.drift))
    return (Section("", found),) if found else ()
