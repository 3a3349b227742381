"""A result as Markdown, JUnit and GitHub lay it out: one value for plans, reports, differences and what went wrong."""

from collections.abc import Iterable, Sequence
from types import MappingProxyType
from typing import Literal, NamedTuple

from tagsync.model import Diagnostic, Difference, FileChange, Guard, Plan, Report, Status, TargetName
from tagsync.reporting.rows import (
    Group,
    Names,
    StatusRow,
    calls,
    causes,
    counted,
    groups,
    guard_count,
    guard_limit,
    narrowing,
    removals_first,
    selected,
    sent,
    shown_names,
    status_counts,
    status_rows,
    totals,
    worst_first,
)

Kind = Literal["plan", "report", "difference", "manifests"]


class Judgement(NamedTuple):
    """A guard of a plan, what it counts in words, and if it blocks, why and how to let this very plan through."""

    guard: Guard
    words: str
    objection: str | None


class Section(NamedTuple):
    """Files that change in the same ways, under a title."""

    title: str
    groups: Sequence[Group]


class Sheet(NamedTuple):
    """What a format lays out; every number in it is final.

    Attributes:
        kind: what it is of.
        title: the outcome in a few words.
        totals: sentences that count everything, whatever else there is room for.
        target: which library, where there was one.
        digest: of the plan, where there is one that could be applied.
        files_changed: how many files the plan changes.
        judgements: what each guard says.
        sections: what changes; removals first.
        rows: what became of each file, of a report.
        diagnostics: what was said, errors first.
        more: how many others were not even kept.
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
    rows: tuple[StatusRow, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    more: int = 0
    manifests: tuple[str, ...] = ()
    names: Names = MappingProxyType({})


def plan_sheet(plan: Plan) -> Sheet:
    """Return what there is to show of a plan."""
    return _planned(plan)._replace(
        kind="plan",
        title=_plan_title(plan),
        totals=(*_plan_totals(plan), calls(plan)) if plan.changes else _plan_totals(plan),
        sections=_sections(plan.changes, plan),
    )


def report_sheet(report: Report) -> Sheet:
    """Return what there is to show of an apply."""
    counts = ", ".join(f"{count:,} {status}" for status, count in status_counts(report)) or "nothing to do"
    done = [
        change
        for change, outcome in zip(report.plan.changes, report.outcomes, strict=True)
        if outcome.status in (Status.CONFIRMED, Status.ACCEPTED)
    ]
    return _planned(report.plan)._replace(
        kind="report",
        title=f"Apply {report.outcome}: {counts}",
        totals=(*_plan_totals(report.plan), *([sent(report)] if report.requests.sent else ())),
        sections=_sections(done, report.plan),
        rows=tuple(status_rows(report)),
        diagnostics=tuple(worst_first((*report.plan.diagnostics, *report.diagnostics))),
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
        totals=(f"{more:,} changes planned anew, {fewer:,} not any more", f"before: {found.old}", *targets, *guards),
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
        more=more,
        manifests=tuple(manifests),
        names=names,
    )


def _planned(plan: Plan) -> Sheet:
    names = shown_names(plan)
    return Sheet(
        "plan",
        "",
        target=plan.target,
        digest=None if plan.errors else plan.digest,
        files_changed=plan.summary.files_changed,
        judgements=tuple(Judgement(guard, guard_count(guard), _objection(guard, plan)) for guard in plan.guards),
        diagnostics=tuple(worst_first(plan.diagnostics)),
        manifests=tuple(names),
        names=names,
    )


def _objection(guard: Guard, plan: Plan) -> str | None:
    return f"blocks: {guard_limit(guard)}: --ack {guard.id}@{plan.digest}" if guard.blocked else None


def _plan_title(plan: Plan) -> str:
    if plan.errors:
        return f"No plan: {counted(len(plan.errors), 'error')}"
    if not plan.changes:
        return "Nothing to revert" if plan.undoes else "Nothing to do"
    blocked = f", {counted(len(plan.blocked), 'guard')} against it" if plan.blocked else ""
    return f"Plan: {counted(plan.summary.files_changed, 'file')} to change{blocked}"


def _plan_totals(plan: Plan) -> tuple[str, ...]:
    summary = plan.summary
    drift = (f"since the last apply: {', '.join(causes(plan))}",) if plan.drift else ()
    covered = (selected(plan.coverage, plan.inputs.files),) if plan.coverage is not None else ()
    missing = (f"{counted(summary.missing, 'declared file')} not in the library",) if summary.missing else ()
    files = f"{counted(summary.files_changed, 'file')} to change, {summary.unchanged:,} unchanged"
    narrowed = narrowing(plan.inputs)
    return (
        files,
        *([narrowed] if narrowed else []),
        *(sentence for _op, sentence in reversed(totals(plan))),
        *missing,
        *drift,
        *covered,
    )


def _sections(changes: Iterable[FileChange], plan: Plan) -> tuple[Section, ...]:
    found = removals_first(groups(changes, plan.drift))
    return (Section("", found),) if found else ()
