"""Plans, reports, differences and diagnostics as HTML pages; the rows come from `rows`, the page from `page`."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from tagsync.model import Coverage, Diagnostic, Difference, Guard, Level, Origin, Plan, Report, Status
from tagsync.reporting.charts import call_charts, change_charts
from tagsync.reporting.embedded import Causes, FileRow, embedded
from tagsync.reporting.page import Card, Judgement, Notice, Page, Uncovered, rendered
from tagsync.reporting.rows import (
    Names,
    advice,
    causes,
    counted,
    duration,
    guard_count,
    guard_limit,
    shown_names,
    status_counts,
    worst_first,
)
from tagsync.reporting.tallies import unselected_by_folder

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
    found = _listed(plan.diagnostics, names)
    pictures = plan.thumbnails if thumbnails else {}
    rows = (FileRow(change, thumbnail=pictures.get(change.file.file_id, "")) for change in plan.changes)
    return rendered(
        Page(
            kind="plan",
            title=_plan_title(plan),
            tone="bad" if plan.errors else "warn" if plan.blocked else "",
            facts=_facts(plan, plan.created_at),
            blocking=[_judgement(guard, plan.digest) for guard in plan.blocked],
            cards=() if plan.errors else _plan_cards(plan),
            since=", ".join(causes(plan)),
            diagnostics=found.notices,
            counts=found.counts,
            more=found.more,
            charts=[*change_charts(plan.changes), *call_charts(plan)],
            guards=[_judgement(guard, plan.digest) for guard in plan.guards],
            uncovered=plan.coverage and _uncovered(plan.coverage, plan.inputs.files, names),
            files=len(plan.changes),
            data=embedded(rows, _causes(plan), names=names),
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
    found = _listed((*plan.diagnostics, *report.diagnostics), names)
    pictures = plan.thumbnails if thumbnails else {}
    rows = (
        FileRow(change, outcome.status, _tone(outcome.status), outcome, pictures.get(change.file.file_id, ""))
        for change, outcome in zip(plan.changes, report.outcomes, strict=True)
    )
    return rendered(
        Page(
            kind="report",
            title=f"Apply {report.outcome}",
            tone="good" if report.converged else "warn",
            advice=advice(report),
            facts=_facts(plan, report.finished_at),
            cards=_report_cards(report),
            since=", ".join(causes(plan)),
            diagnostics=found.notices,
            counts=found.counts,
            more=found.more,
            charts=change_charts(plan.changes),
            guards=[_judgement(guard, plan.digest) for guard in plan.guards],
            uncovered=plan.coverage and _uncovered(plan.coverage, plan.inputs.files, names),
            files=len(plan.changes),
            data=embedded(rows, _causes(plan), names=names),
            then="Planned",
            images=thumbnails,
        )
    )


def difference_html(found: Difference) -> Iterator[str]:
    """Yield a page that shows what two plans do otherwise."""
    more = (FileRow(change, "planned anew", "good") for change in found.more)
    fewer = (FileRow(change, "not any more", "warn") for change in found.fewer)
    rows = sorted((*more, *fewer), key=lambda row: row.change.file.path)
    targets = [f"{target.account} at {target.endpoint}" for target in found.targets or ()]
    facts = [("Old target", targets[0]), ("New target", targets[1])] if targets else []
    same = found.old == found.new
    counts = [sum(len(change.changes) for change in side) for side in (found.more, found.fewer)]
    cards = [Card(f"{number:,}", words) for number, words in zip(counts, _SIDES, strict=True) if not same]
    guards = [
        judgement
        for was, guard in found.guards
        for judgement in (_judgement(was, found.old, "old: "), _judgement(guard, found.new, "new: "))
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
            files=len(rows),
            data=embedded(rows, {}, names={}),
            state="In the new plan",
        )
    )


_SIDES = ("changes planned anew", "changes not planned any more")


def diagnostics_html(diagnostics: Iterable[Diagnostic], *, more: int = 0) -> Iterator[str]:
    """Yield a page for a command that came to no plan: what was found, and how much more there was."""
    found = _listed(diagnostics, {})
    errors = found.errors + more
    return rendered(
        Page(
            kind="check",
            title=f"No plan: {counted(errors, 'error')}" if errors else "No errors",
            tone="bad" if errors else "good",
            diagnostics=found.notices,
            counts=found.counts,
            more=found.more + more,
        )
    )


def _causes(plan: Plan) -> Causes:
    return {(item.file_id, item.op, item.tag): item.cause for item in plan.drift}


def _plan_title(plan: Plan) -> str:
    if plan.errors:
        return f"No plan: {counted(len(plan.errors), 'error')}"
    if not plan.changes:
        return "Nothing to revert" if plan.undoes else "Nothing to do"
    return f"{counted(plan.summary.files_changed, 'file')} to change"


def _facts(plan: Plan, made: str) -> list[tuple[str, str]]:
    """Return what the page's head says, by name; the digest is a fact that people copy."""
    part = plan.inputs.part
    facts = [
        ("Account", plan.target.account),
        ("Endpoint", plan.target.endpoint),
        ("Made", made),
        ("Only files that match", plan.inputs.select or ""),
        ("Shard", f"{part.index} of {part.of}" if part else ""),
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


def _judgement(guard: Guard, digest: str, prefix: str = "") -> Judgement:
    examples = (*guard.files, *guard.tags)
    ack = f"--ack {guard.id}@{digest}"
    return Judgement(guard.id, prefix + guard_count(guard), guard_limit(guard), guard.blocked, examples, ack)


class _Listed(NamedTuple):
    """The diagnostics that a page has room for, and how many there are."""

    notices: tuple[Notice, ...]
    counts: str
    errors: int
    more: int


def _listed(diagnostics: Iterable[Diagnostic], names: Names) -> _Listed:
    ranked = worst_first(diagnostics)
    kept = tuple(Notice(item.level, _place(item, names), item.message) for item in ranked[:SHOWN_DIAGNOSTICS])
    levels = Counter(item.level for item in ranked)
    counts = ", ".join(counted(levels[level], noun) for level, noun in _LEVELS.items() if levels[level])
    return _Listed(kept, counts, levels["error"], len(ranked) - len(kept))


def _place(diagnostic: Diagnostic, names: Names) -> str:
    return _named(diagnostic.origin, names) if diagnostic.origin else ""


def _named(origin: Origin, names: Names) -> str:
    return str(origin._replace(file=names.get(origin.file, origin.file)))


def _uncovered(coverage: Coverage, files: int, names: Names) -> Uncovered:
    count = len(coverage.unselected)
    folders = unselected_by_folder(coverage)
    rest = sum(number for _, number in folders[SHOWN_FOLDERS:])
    more = [
        f"{counted(rest, 'file')} in {counted(len(folders) - SHOWN_FOLDERS, 'more folder')}" if rest else "",
        counted(len(coverage.idle) - SHOWN_ENTRIES, "more entry", "more entries")
        if len(coverage.idle) > SHOWN_ENTRIES
        else "",
    ]
    return Uncovered(
        f"{files - count:,} of {counted(files, 'file')} selected, {count:,} by no entry",
        tuple((folder, f"{number:,}") for folder, number in folders[:SHOWN_FOLDERS]),
        tuple(_named(origin, names) for origin in coverage.idle[:SHOWN_ENTRIES]),
        tuple(filter(None, more)),
    )
