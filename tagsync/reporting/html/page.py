"""Plans, reports, differences and diagnostics as HTML pages; the rows come from `rows`, the page from `page`."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from heapq import merge
from typing import NamedTuple

from tagsync.model import Coverage, Diagnostic, Difference, Level, Plan, Report, Status, Unlisted
from tagsync.reporting.counts import unselected_by_folder
from tagsync.reporting.groups import causes_of
from tagsync.reporting.guard_view import Judgement, blocking, judgement, judgements, judgements_of_apply
from tagsync.reporting.html.charts import call_charts, change_charts
from tagsync.reporting.html.table import FileRow, embedded
from tagsync.reporting.html.template import Card, Notice, Page, Uncovered, rendered
from tagsync.reporting.rows import (
    NO_NAMES,
    Names,
    advice,
    causes,
    counted,
    duration,
    missing,
    named,
    narrowing,
    plan_title,
    selected,
    shown_names,
    status_counts,
    worst_first,
)

SHOWN_DIAGNOSTICS = 200

SHOWN_FOLDERS = 10
"""Folders of files that no entry selects; the fullest."""

SHOWN_ENTRIES = 50
"""Entries that select no file."""

_TONES: Mapping[Status, str] = {
    Status.CONFIRMED: "good",
    Status.ACCEPTED: "good",
    Status.SKIPPED: "warn",
    Status.STALE: "warn",
}
"""How a status looks; all others look bad."""

_LEVELS: Mapping[Level, str] = {"error": "error", "warning": "warning", "info": "note"}


def plan_html(plan: Plan, *, thumbnails: bool = False) -> Iterator[str]:
    """Yield a page that shows a plan.

    Args:
        plan: the plan.
        thumbnails: whether the page may load the files' thumbnails, which tells their host who looks at it.
    """
    names = shown_names(plan)
    found = _listed(plan.diagnostics, names, plan.unlisted)
    judged = judgements(plan)
    pictures = plan.thumbnails if thumbnails else {}
    rows = (FileRow(change, thumbnail=pictures.get(change.file.file_id, "")) for change in plan.changes)
    return rendered(
        Page(
            kind="plan",
            title=plan_title(plan),
            tone="bad" if plan.errors else "warn" if plan.blocked else "",
            facts=_facts(plan, plan.created_at),
            blocking=blocking(judged),
            cards=() if plan.errors else _plan_cards(plan),
            since=", ".join(causes(plan)),
            diagnostics=found.notices,
            counts=found.counts,
            more=found.more,
            charts=[*change_charts(plan.changes), *call_charts(plan)],
            guards=judged,
            uncovered=plan.coverage and _uncovered(plan.coverage, plan.inputs.files, names),
            files=len(plan.changes),
            data=embedded(rows, causes_of(plan.drift), names=names),
            images=thumbnails,
        )
    )


def report_html(report: Report, *, thumbnails: bool = False) -> Iterator[str]:
    """Yield a page that shows what an apply did.

    Args:
        report: the report.
        thumbnails: whether the page may load the files' thumbnails, which tells their host who looks at it.
    """
    plan = report.plan
    names = shown_names(plan)
    found = _listed((*plan.diagnostics, *report.diagnostics), names, plan.unlisted)
    pictures = plan.thumbnails if thumbnails else {}
    rows = (
        FileRow(change, outcome.status, _tone(outcome.status), outcome, pictures.get(change.file.file_id, ""))
        for change, outcome in zip(plan.changes, report.outcomes, strict=True)
    )
    return rendered(
        Page(
            kind="report",
            title="Apply refused: nothing was changed" if report.outcome == "refused" else f"Apply {report.outcome}",
            tone="good" if report.converged else "warn",
            advice=advice(report),
            facts=_facts(plan, report.finished_at),
            cards=_report_cards(report),
            since=", ".join(causes(plan)),
            diagnostics=found.notices,
            counts=found.counts,
            more=found.more,
            charts=change_charts(plan.changes),
            guards=judgements_of_apply(report),
            uncovered=plan.coverage and _uncovered(plan.coverage, plan.inputs.files, names),
            files=len(plan.changes),
            data=embedded(rows, causes_of(plan.drift), names=names),
            then="Planned",
            images=thumbnails,
        )
    )


def difference_html(found: Difference) -> Iterator[str]:
    """Yield a page that shows what two plans do otherwise."""
    more = (FileRow(change, "planned anew", "good") for change in found.more)
    fewer = (FileRow(change, "not any more", "warn") for change in found.fewer)
    rows = merge(more, fewer, key=lambda row: row.change.file.path)
    targets = [f"{target.account} at {target.endpoint}" for target in found.targets or ()]
    facts = [("Old target", targets[0]), ("New target", targets[1])] if targets else []
    same = found.old == found.new
    counts = [sum(len(change.changes) for change in side) for side in (found.more, found.fewer)]
    cards = [
        Card(f"{number:,}", f"{'change' if number == 1 else 'changes'} {words}")
        for number, words in zip(counts, _SIDES, strict=True)
        if not same
    ]
    guards = [
        item
        for was, guard in found.guards
        for item in (_past(judgement(was, found.old, "old: ")), judgement(guard, found.new, "new: "))
    ]
    return rendered(
        Page(
            kind="difference",
            title="The same plan" if same else f"{counted(found.files, 'file')} planned otherwise",
            tone="bad" if targets else "",
            advice=["The plans are for different targets."] if targets else (),
            facts=[*facts, ("Old digest", found.old), ("New digest", found.new)],
            cards=cards,
            guards=guards,
            files=len(found.more) + len(found.fewer),
            data=embedded(rows, {}, names={}),
            state="In the new plan",
        )
    )


def _past(found: Judgement) -> Judgement:
    """Return what a guard said of a plan that is not to be applied any more."""
    return found._replace(counts=f"{found.counts}, blocked", blocks=False) if found.blocks else found


_SIDES = ("planned anew", "not planned any more")


def diagnostics_html(
    title: str, diagnostics: Iterable[Diagnostic], *, names: Names = NO_NAMES, more: int = 0
) -> Iterator[str]:
    """Yield a page for a command that came to no plan.

    Args:
        title: the outcome in a few words.
        diagnostics: what was found.
        names: how to show manifests.
        more: how many diagnostics were not even kept.
    """
    found = _listed(diagnostics, names)
    errors = found.errors + more
    return rendered(
        Page(
            kind="check",
            title=title,
            tone="bad" if errors else "good",
            diagnostics=found.notices,
            counts=found.counts,
            more=found.more + more,
        )
    )


def _facts(plan: Plan, made: str) -> list[tuple[str, str]]:
    """Return what the page's head says, by name; the digest is a fact that people copy."""
    facts = [
        ("Account", plan.target.account),
        ("Endpoint", plan.target.endpoint),
        ("Made", made),
        ("Narrowed", (narrowing(plan.inputs) or "").removeprefix("narrowed ")),
        ("Only files that match", " or ".join(plan.inputs.select)),
        ("Missing", missing(plan) or ""),
        ("Reverts", plan.undoes or ""),
        ("Digest", plan.digest),
    ]
    return [(name, value) for name, value in facts if value]


def _plan_cards(plan: Plan) -> list[Card]:
    summary, estimate = plan.summary, plan.estimate
    undone = "cannot be undone" if summary.remove_ai_tags else ""
    time = f"about {duration(estimate.seconds)}" if estimate.seconds else ""
    return [
        Card(f"{summary.files_changed:,}", "files to change", f"{summary.unchanged:,} unchanged"),
        Card(f"{summary.add_tags:,}", "tags to add", tone="add" if summary.add_tags else ""),
        Card(f"{summary.remove_tags:,}", "tags to remove", tone="remove" if summary.remove_tags else ""),
        Card(f"{summary.remove_ai_tags:,}", "AI tags to remove", undone, "remove" if undone else ""),
        Card(f"{estimate.write_requests:,}", "bulk calls", time),
    ]


def _report_cards(report: Report) -> list[Card]:
    sent = report.requests
    cards = [Card(f"{count:,}", status, tone=_tone(status)) for status, count in status_counts(report)]
    if sent.sent:
        cards.append(Card(f"{sent.sent:,}", "bulk calls", f"{sent.retried:,} retried, {sent.throttled:,} throttled"))
    if report.timing.seconds:
        waited = f"{duration(report.timing.waited)} of it waited"
        cards.append(Card(duration(report.timing.seconds), "to write and read back", waited))
    return cards


def _tone(status: Status) -> str:
    return _TONES.get(status, "bad")


class _Listed(NamedTuple):
    """The diagnostics that a page has room for, and how many there are."""

    notices: tuple[Notice, ...]
    counts: str
    errors: int
    more: int


def _listed(diagnostics: Iterable[Diagnostic], names: Names, unlisted: Iterable[Unlisted] = ()) -> _Listed:
    ranked = worst_first(diagnostics)
    kept = tuple(Notice(item.level, _place(item, names), item.message) for item in ranked[:SHOWN_DIAGNOSTICS])
    levels = Counter(item.level for item in ranked)
    for item in unlisted:
        levels[item.level] += item.more
    counts = ", ".join(counted(levels[level], noun) for level, noun in _LEVELS.items() if levels[level])
    return _Listed(kept, counts, levels["error"], levels.total() - len(kept))


def _place(diagnostic: Diagnostic, names: Names) -> str:
    return str(named(diagnostic.origin, names)) if diagnostic.origin else ""


def _uncovered(coverage: Coverage, files: int, names: Names) -> Uncovered:
    folders = unselected_by_folder(coverage)
    idle = len(coverage.idle) + coverage.more_idle
    rest = sum(number for _, number in folders[SHOWN_FOLDERS:])
    more = [
        f"{counted(rest, 'file')} in {counted(len(folders) - SHOWN_FOLDERS, 'more folder')}" if rest else "",
        counted(idle - SHOWN_ENTRIES, "more entry", "more entries") if idle > SHOWN_ENTRIES else "",
    ]
    return Uncovered(
        selected(coverage, files),
        tuple((folder, f"{number:,}") for folder, number in folders[:SHOWN_FOLDERS]),
        tuple(str(named(origin, names)) for origin in coverage.idle[:SHOWN_ENTRIES]),
        tuple(filter(None, more)),
    )
