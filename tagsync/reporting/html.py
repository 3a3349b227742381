"""Plans, reports and diagnostics as one self-contained HTML page that loads nothing; the rows come from `rows`.

Templates escape whatever they are given. The page's one style and one script are constant, and its policy admits
nothing but these two, by their hashes: what a manifest or a library may say can neither run nor load anything.
"""

from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, NamedTuple

from jinja2 import Environment, FunctionLoader, StrictUndefined

import tagsync
from tagsync.model import Diagnostic, Guard, Level, Plan, Report, Status
from tagsync.printable import shown
from tagsync.reporting.charts import Chart, call_charts, change_charts
from tagsync.reporting.embedded import FileRow, embedded
from tagsync.reporting.rows import (
    advice,
    causes,
    counted,
    duration,
    guard_count,
    guard_limit,
    status_counts,
    worst_first,
)

SHOWN_DIAGNOSTICS = 200

_TONES: Mapping[Status, str] = {
    Status.CONFIRMED: "good",
    Status.ACCEPTED: "good",
    Status.SKIPPED: "warn",
    Status.STALE: "warn",
}
"""How a status looks; all others look bad."""


_LEVELS: Mapping[Level, str] = {"error": "error", "warning": "warning", "info": "note"}


class Card(NamedTuple):
    """One number of the page's head, and how it looks."""

    number: str
    label: str
    note: str = ""
    tone: str = ""


def plan_html(plan: Plan, *, thumbnails: bool = False) -> Iterator[str]:
    """Yield a page that shows a plan.

    Args:
        plan: the plan.
        thumbnails: whether the page may load the files' thumbnails, which tells their host who looks at it.
    """
    rows = (FileRow(change) for change in plan.changes)
    charts = [*change_charts(plan.changes), *call_charts(plan)]
    return _page(
        plan,
        kind="plan",
        title=_plan_title(plan),
        tone="bad" if plan.errors else "warn" if plan.blocked else "",
        advice=[],
        made=plan.created_at,
        cards=_plan_cards(plan) if not plan.errors else [],
        charts=charts,
        diagnostics=plan.diagnostics,
        rows=rows,
        thumbnails=thumbnails,
    )


def report_html(report: Report, *, thumbnails: bool = False) -> Iterator[str]:
    """Yield a page that shows what an apply did.

    Args:
        report: the report.
        thumbnails: whether the page may load the files' thumbnails, which tells their host who looks at it.
    """
    plan = report.plan
    pairs = zip(plan.changes, report.outcomes, strict=True)
    return _page(
        plan,
        kind="report",
        title=f"Apply {report.outcome}",
        tone="good" if report.converged else "warn",
        advice=advice(report),
        made=report.finished_at,
        cards=_report_cards(report),
        charts=change_charts(plan.changes),
        diagnostics=(*plan.diagnostics, *report.diagnostics),
        rows=(FileRow(change, outcome.status, outcome) for change, outcome in pairs),
        thumbnails=thumbnails,
    )


def diagnostics_html(diagnostics: Iterable[Diagnostic], *, more: int = 0) -> Iterator[str]:
    """Yield a page for a command that came to no plan: what was found, and how much more there was."""
    kept = tuple(diagnostics)
    errors = sum(diagnostic.level == "error" for diagnostic in kept) + more
    return _rendered(
        kind="check",
        title=f"No plan: {counted(errors, 'error')}" if errors else "No errors",
        tone="bad" if errors else "good",
        advice=[],
        facts=[],
        cards=[],
        charts=[],
        guards=[],
        blocked=[],
        since="",
        **_diagnostics(kept, {}, more),
        files=0,
        data=iter(['{"files":[]}']),
        images=False,
    )


def _page(  # the head of plans and reports is one
    plan: Plan,
    *,
    kind: str,
    title: str,
    tone: str,
    advice: Sequence[str],
    made: str,
    cards: Sequence[Card],
    charts: Sequence[Chart],
    diagnostics: Iterable[Diagnostic],
    rows: Iterator[FileRow],
    thumbnails: bool,
) -> Iterator[str]:
    names = {manifest.path: manifest.shown_as for manifest in plan.inputs.manifests}
    known = {(item.file_id, item.op, item.tag): item.cause for item in plan.drift}
    return _rendered(
        kind=kind,
        title=title,
        tone=tone,
        advice=advice,
        facts=_facts(plan, made),
        cards=cards,
        charts=[chart for chart in charts if chart.bars],
        guards=[_judgement(guard, plan.digest) for guard in plan.guards],
        blocked=[_judgement(guard, plan.digest) for guard in plan.blocked] if kind == "plan" else [],
        since=", ".join(causes(plan)),
        **_diagnostics(tuple(diagnostics), names, 0),
        files=len(plan.changes),
        data=embedded(rows, known, names=names),
        images=thumbnails,
    )


def _rendered(**values: Any) -> Iterator[str]:
    """Yield the page's pieces; `images` tells whether its policy admits any beside the style and the script."""
    style, script = map(_text, ("page.css", "page.js"))
    template = _environment().get_template("page.html.j2")
    policy = _policy(style, script, images=values["images"])
    version = tagsync.__version__
    return template.generate(**values, style=style, script=script, policy=policy, version=version)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_text), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["shown"] = shown
    return environment


def _text(name: str) -> str:
    return files("tagsync.reporting").joinpath("templates", name).read_text(encoding="utf-8")


def _policy(style: str, script: str, *, images: bool) -> str:
    hashes = (b64encode(sha256(text.encode()).digest()).decode() for text in (style, script))
    parts = "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'".format(*hashes)
    return f"{parts}{'; img-src https:' if images else ''}; base-uri 'none'; form-action 'none'"


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
    time = f"about {duration(estimate.seconds)}" if estimate.seconds else ""
    return [
        Card(f"{summary.files_changed:,}", "files to change", f"{summary.unchanged:,} unchanged"),
        Card(f"{summary.add_tags:,}", "tags to add", tone="add" if summary.add_tags else ""),
        Card(f"{summary.remove_tags:,}", "tags to remove", tone="remove" if summary.remove_tags else ""),
        _ai_card(summary.remove_ai_tags),
        Card(f"{estimate.write_requests:,}", "bulk calls", time),
    ]


def _ai_card(count: int) -> Card:
    return Card(f"{count:,}", "AI tags to remove", *(("cannot be undone", "remove") if count else ()))


def _report_cards(report: Report) -> list[Card]:
    sent = report.requests
    cards = [Card(f"{count:,}", status, tone=_TONES.get(status, "bad")) for status, count in status_counts(report)]
    if sent.sent:
        cards.append(Card(f"{sent.sent:,}", "bulk calls", f"{sent.retried:,} retried, {sent.throttled:,} throttled"))
    if report.timing.seconds:
        waited = f"{duration(report.timing.waited)} of it waited"
        cards.append(Card(duration(report.timing.seconds), "to write and read back", waited))
    return cards


class Judgement(NamedTuple):
    """A guard in words; of one that blocks, some of what it counts, and what lets the plan through."""

    guard: str
    counts: str
    limit: str
    blocks: bool
    examples: tuple[str, ...]
    ack: str


def _judgement(guard: Guard, digest: str) -> Judgement:
    examples = (*guard.files, *guard.tags)
    ack = f"--ack {guard.id}@{digest}"
    return Judgement(guard.id, guard_count(guard), guard_limit(guard), guard.blocked, examples, ack)


def _diagnostics(diagnostics: Sequence[Diagnostic], names: Mapping[str, str], more: int) -> dict[str, Any]:
    """Return the diagnostics that the page has room for, and how many more there are."""
    ranked = worst_first(diagnostics)
    kept = [(item.level, _place(item, names), item.message) for item in ranked[:SHOWN_DIAGNOSTICS]]
    levels = Counter(item.level for item in ranked)
    counts = ", ".join(counted(levels[level], noun) for level, noun in _LEVELS.items() if levels[level])
    return {"diagnostics": kept, "counts": counts, "more": more + len(ranked) - len(kept)}


def _place(diagnostic: Diagnostic, names: Mapping[str, str]) -> str:
    origin = diagnostic.origin
    return str(origin._replace(file=names.get(origin.file, origin.file))) if origin else ""
