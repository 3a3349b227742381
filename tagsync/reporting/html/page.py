"""Show plans, reports, differences and diagnostics as HTML pages; `template` renders them."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import merge
from typing import Any

from tagsync.model import (
    SANDBOX_ACCOUNT,
    Diagnostic,
    FileChange,
    FileOutcome,
    Plan,
    Status,
    Unlisted,
    as_shown,
    counted,
)
from tagsync.reporting.counts import FEW_FOLDERS
from tagsync.reporting.guard_view import guard_view
from tagsync.reporting.html.charts import call_chart, folder_chart, middle, tag_table
from tagsync.reporting.html.table import FileRow, embedded
from tagsync.reporting.html.template import Card, Notice, NotMadeRow, PageContent, Uncovered, rendered
from tagsync.reporting.phrases import (
    LEVEL_WORDS,
    MIN_WAIT,
    Names,
    cause_sentence,
    duration,
    filter_sentence,
    named,
    outcome_words,
    plan_title,
    status_words,
    target_words,
)
from tagsync.reporting.plan_view import DifferenceView, PlanView
from tagsync.reporting.report_view import ReportView
from tagsync.reporting.view import DiagnosticsView

SHOWN_DIAGNOSTICS = 200

SHOWN_REASONS = 20

SHOWN_FOLDERS = FEW_FOLDERS
"""Folders of files that no rule selects; those with the most."""

SHOWN_ENTRIES = 50
"""Rules that select no file."""

_TONES: Mapping[Status, str] = {
    Status.CONFIRMED: "good",
    Status.ACCEPTED: "good",
    Status.SKIPPED: "warn",
    Status.STALE: "warn",
}
"""How a status looks; all others look bad."""


def plan_html(view: PlanView, *, thumbnails: bool = False) -> Iterator[str]:
    """Yield a page that shows a plan.

    Args:
        view: the plan.
        thumbnails: whether the page may load the files' thumbnails, which tells their host who looks at it.
    """
    plan = view.plan
    pictures = plan.thumbnails if thumbnails else {}
    rows = (FileRow(change, thumbnail=pictures.get(change.file.file_id, "")) for change in plan.changes)
    return rendered(
        PageContent(
            kind="plan",
            title=view.title if view.blocking else plan_title(plan),
            tone="bad" if plan.errors or view.blocking else "",
            blocking=view.blocking,
            advice=[f"{view.headline}."] if view.headline and not plan.changes else (),
            cards=_plan_cards(plan) if plan.changes else (),
            calls=call_chart(plan),
            images=thumbnails,
            **_of_plan(view, rows, plan.created_at),
            **_listed(view.diagnostics, view.names, view.unlisted),
        )
    )


def report_html(view: ReportView, *, thumbnails: bool = False) -> Iterator[str]:
    """Yield a page that shows what an apply did.

    Args:
        view: the report.
        thumbnails: whether the page may load the files' thumbnails, which tells their host who looks at it.
    """
    report = view.report
    pictures = view.plan.thumbnails if thumbnails else {}

    def row(change: FileChange, outcome: FileOutcome) -> FileRow:
        picture = pictures.get(change.file.file_id, "")
        words = f"{status_words(outcome.status)}{', in part' if outcome.in_part else ''}"
        return FileRow(change, words, _tone(outcome.status), outcome, picture)

    return rendered(
        PageContent(
            kind="report",
            title=view.title if view.refused else view.title.partition(":")[0],
            tone=_tone_of_report(view),
            advice=[*([] if view.refused else [f"{_signed(view.headline)}."]), *view.advice],
            cards=_report_cards(view),
            not_made=[
                NotMadeRow(
                    f"{item.files:,}",
                    _signed(item.left),
                    outcome_words(item.status, in_part=item.in_part),
                    _tone(item.status),
                    item.error or "",
                )
                for item in view.not_made[:SHOWN_REASONS]
            ],
            then="Planned",
            images=thumbnails,
            **_of_plan(view, map(row, view.plan.changes, report.outcomes), report.finished_at),
            **_listed(view.all_diagnostics, view.names, view.unlisted),
        )
    )


def difference_html(view: DifferenceView) -> Iterator[str]:
    """Yield a page that shows what two plans do otherwise."""
    found = view.difference
    more = (FileRow(change, "new plan", "good") for change in found.more)
    fewer = (FileRow(change, "old plan", "warn") for change in found.fewer)
    rows = merge(more, fewer, key=lambda row: row.change.file.path)
    targets = [target_words(target, str) for target in found.targets or ()]
    facts = [("Old target", targets[0]), ("New target", targets[1])] if targets else []
    cards = [
        Card(f"{number:,}", f"{'change' if number == 1 else 'changes'} {words}")
        for number, words in zip(view.counts, ("only in the new plan", "only in the old plan"), strict=True)
        if not view.is_same
    ]
    guards = [
        item
        for was, guard in found.guards
        for item in (
            # Nobody has to acknowledge a guard of an old plan any more.
            guard_view(was, found.old, plan="old plan")._replace(blocks=False),
            guard_view(guard, found.new, plan="new plan"),
        )
    ]
    return rendered(
        PageContent(
            kind="difference",
            title=view.title,
            tone="bad" if targets else "",
            advice=["The plans are for different targets."] if targets else (),
            facts=[*facts, ("Old digest", found.old), ("New digest", found.new)],
            cards=cards,
            guards=guards,
            files=len(found.more) + len(found.fewer),
            data=embedded(rows, {}, names={}),
            state="Only in",
        )
    )


def diagnostics_html(view: DiagnosticsView) -> Iterator[str]:
    """Yield a page for a command that made no plan."""
    listed = _listed(view.diagnostics, view.names)
    more = view.more_of("error")
    failed = more or any(item.level == "error" for item in view.diagnostics)
    members = listed | {"more": listed["more"] + more}
    return rendered(PageContent(kind="check", title=view.title, tone="bad" if failed else "good", **members))


def _of_plan(view: PlanView, rows: Iterator[FileRow], moment: str) -> dict[str, Any]:
    """Return what pages of a plan and of its report both show."""
    plan = view.plan
    is_past = view.kind == "report"
    return {
        "facts": _facts(view, moment),
        "causes": cause_sentence(plan) or "",
        "tags": tag_table(view.counts.operations, view.names, is_past=is_past),
        "folders": folder_chart(view.counts.folders, is_past=is_past),
        "guards": view.guards,
        "uncovered": _uncovered(view),
        "files": len(plan.changes),
        "data": embedded(rows, view.causes, names=view.names),
    }


def _facts(view: PlanView, moment: str) -> list[tuple[str, str]]:
    """Return names and values for the top of the page."""
    plan, missing = view.plan, view.plan.summary.missing
    facts = [
        ("Environment", plan.target.environment or ""),
        ("Account", plan.target.account if plan.target.account != SANDBOX_ACCOUNT else ""),
        ("Sandbox", plan.target.sandbox or "") if plan.target.sandbox else ("Endpoint", plan.target.endpoint),
        ("Applied" if view.kind == "report" else "Planned", moment.replace("T", " ").replace("Z", " UTC")),
        ("Filtered", (filter_sentence(plan.inputs) or "").removeprefix("Filtered ")),
        ("Only files that match", " or ".join(plan.inputs.select)),
        ("Not found", f"{counted(missing, 'declared file')}{view.first_not_found(middle)}" if missing else ""),
        ("Undoes", plan.undoes or ""),
        ("Digest of this filtered plan" if view.is_filtered else "Digest", view.digest or ""),
    ]
    return [(name, value) for name, value in facts if value]


def _plan_cards(plan: Plan) -> list[Card]:
    summary, estimate = plan.summary, plan.estimate
    undone = "cannot be undone" if summary.remove_ai_tags else ""
    time = f"about {duration(estimate.seconds)}" if estimate.seconds else ""
    losing = f"{summary.files_losing:,} lose tags, " if summary.files_losing else ""
    return [
        Card(f"{summary.files_changed:,}", "files to change", f"{losing}{summary.unchanged:,} unchanged"),
        Card(f"{summary.remove_ai_tags:,}", "AI tags to remove", undone, "remove" if undone else ""),
        Card(f"{summary.remove_tags:,}", "tags to remove", tone="remove" if summary.remove_tags else ""),
        Card(f"{summary.add_tags:,}", "tags to add", tone="add" if summary.add_tags else ""),
        Card(f"{estimate.write_requests:,}", "API calls", time),
    ]


def _report_cards(view: ReportView) -> list[Card]:
    report, sent = view.report, view.report.requests
    cards = [
        Card(f"{count:,}", f"{'file' if count == 1 else 'files'} {status_words(status)}", tone=_tone(status))
        for status, count in view.statuses
    ]
    if sent.sent:
        counts = ((sent.retried, "retried"), (sent.throttled, "rate-limited"))
        reads = [f"and {counted(sent.reads, 'read')}"] if sent.reads else []
        delays = ", ".join([*reads, *(f"{count:,} {words}" for count, words in counts if count)])
        cards.append(Card(f"{sent.sent:,}", "API calls", delays))
    if report.timing.seconds:
        waited = f"{duration(report.timing.waited)} of it waiting" if report.timing.waited >= MIN_WAIT else ""
        cards.append(Card(duration(report.timing.seconds), "to write and verify", waited))
    return cards


def _signed(words: str) -> str:
    """Return counts of changes with the sign that cards and labels have."""
    return re.sub(r"(?<!\S)-(?=\d)", "\N{MINUS SIGN}", words)


def _tone_of_report(view: ReportView) -> str:
    if view.report.converged:
        return "good"
    return "bad" if view.refused or any(_tone(status) == "bad" for status, _ in view.statuses) else "warn"


def _tone(status: Status) -> str:
    return _TONES.get(status, "bad")


def _listed(ranked: Sequence[Diagnostic], names: Names, unlisted: Iterable[Unlisted] = ()) -> dict[str, Any]:
    """Return the diagnostics that a page has room for, and how many there are."""
    levels = Counter(item.level for item in ranked)
    for item in unlisted:
        levels[item.level] += item.more
    kept = ranked[:SHOWN_DIAGNOSTICS]
    return {
        "diagnostics": [
            Notice(item.level, LEVEL_WORDS[item.level], item.where, item.message)
            for item in (as_shown(each, names) for each in kept)
        ],
        "counts": ", ".join(counted(levels[level], noun) for level, noun in LEVEL_WORDS.items() if levels[level]),
        "more": levels.total() - len(kept),
    }


def _uncovered(view: PlanView) -> Uncovered | None:
    coverage, folders = view.plan.coverage, view.unselected
    if coverage is None:
        return None
    idle = len(coverage.idle) + coverage.more_idle
    rest = sum(number for _, number in folders[SHOWN_FOLDERS:])
    more = [
        f"{counted(rest, 'file')} in {counted(len(folders) - SHOWN_FOLDERS, 'more folder')}" if rest else "",
        counted(idle - SHOWN_ENTRIES, "more rule") if idle > SHOWN_ENTRIES else "",
    ]
    return Uncovered(
        view.covered or "",
        tuple((folder, f"{number:,}") for folder, number in folders[:SHOWN_FOLDERS]),
        tuple(str(named(origin, view.names)) for origin in coverage.idle[:SHOWN_ENTRIES]),
        tuple(filter(None, more)),
    )
