"""Plans, reports and diagnostics as text for people; the rows come from `rows`."""

from collections.abc import Iterable, Sequence

from tagsync.escape import shown
from tagsync.model import Diagnostic, Level, Op, Plan, Report, Status
from tagsync.reporting.console import Lines, Segment
from tagsync.reporting.groups import Group, Line, groups
from tagsync.reporting.guard_view import UNDOING, blocking, judgements
from tagsync.reporting.rows import (
    Names,
    advice,
    calls,
    causes,
    counted,
    missing,
    narrowing,
    reading,
    report_title,
    sent,
    shown_names,
    shown_origin,
    totals,
    unfinished,
    worst_first,
)

SHOWN_GROUPS = 15
"""Groups of a plan that are shown unless all are asked for."""

SHOWN_PATHS = 3
SHOWN_FILES = 50

_SIGNS: dict[Op, tuple[str, str]] = {
    Op.ADD: ("+ ", "green"),
    Op.REMOVE: ("- ", "red"),
    Op.REMOVE_AI: ("- AI ", "red"),
}
_LEVELS: dict[Level, str] = {"error": "bold red", "warning": "yellow", "info": "cyan"}
_STATUSES = {
    Status.CONFIRMED: "green",
    Status.ACCEPTED: "green",
    Status.SKIPPED: "yellow",
    Status.STALE: "yellow",
}


def plan_text(plan: Plan, lines: Lines, *, everything: bool = False) -> None:
    """Write a plan: what changes, by groups of identical changes, then totals."""
    target = f"{shown(plan.target.account)} at {shown(plan.target.endpoint)}"
    if not plan.changes:
        _write_unchanged(plan, target, lines)
        _write_narrowing(plan, lines)
        if everything or not plan.errors:
            _write_missing(plan, lines, everything=everything)
        return
    names = shown_names(plan)
    found = groups(plan.changes, plan.drift)
    kept = found if everything else found[:SHOWN_GROUPS]
    for group in kept:
        write_group(group, names, lines, everything=everything)
        lines.write()
    if len(kept) < len(found):
        left = found.files(len(kept))
        kinds = counted(len(found) - len(kept), "more kind")
        lines.write((f"… and {kinds} of change on {counted(left, 'file')}: --verbose shows them", "dim"))
        lines.write()
    _write_totals(plan, target, lines, everything=everything)


def _write_unchanged(plan: Plan, target: str, lines: Lines) -> None:
    if plan.errors:
        lines.write(
            ("No plan: ", "bold red"),
            f"{counted(plan.count('error'), 'error')} for {target}, nothing is changed.",
        )
        return
    if plan.undoes:
        words = f"{target} shows no change of that apply that can be undone."
        lines.write(("Nothing to undo: ", "bold green"), words)
        return
    files = counted(plan.summary.unchanged, "managed file")
    lines.write(("Nothing to do: ", "bold green"), f"{target} is as declared ({files}).")


def write_group(group: Group, names: Names, lines: Lines, *, everything: bool) -> None:
    """Write one group: its files, and what changes on each of them."""
    count = len(group.paths)
    kept = group.paths if everything else group.paths[:SHOWN_PATHS]
    for path in kept:
        lines.write(("  " + shown(path), "bold"))
    if len(kept) < count:
        lines.write((f"  and {counted(count - len(kept), 'more file')}", "bold"))
    width = min(40, max((len(_SIGNS[line.op][0] + shown(line.tag)) for line in group.lines), default=0))
    for line in group.lines:
        lines.write(*_change_segments(line, names, width))


def _change_segments(line: Line, names: Names, width: int) -> Iterable[Segment]:
    sign, style = _SIGNS[line.op]
    text = (sign + shown(line.tag)).ljust(width)
    yield "      " + text, style
    if line.op == Op.REMOVE_AI:
        yield "  cannot be undone", "bold yellow"
    if line.origin:
        yield f"  {shown_origin(line.origin, names)}{' and elsewhere' if line.more else ''}", "dim"
    if line.cause:
        yield f"  {line.cause}", "dim"


def _write_totals(plan: Plan, target: str, lines: Lines, *, everything: bool) -> None:
    summary = plan.summary
    files = counted(summary.files_changed, "file")
    lines.write(("Plan: ", "bold"), f"{files} to change, {summary.unchanged:,} unchanged, for {target}")
    _write_narrowing(plan, lines)
    for op, sentence in totals(plan):
        sign, style = _SIGNS[op]
        lines.write((f"  {sign[0]} {sentence}", style))
    _write_missing(plan, lines, everything=everything)
    if plan.drift:
        lines.write(f"  since the last apply: {', '.join(causes(plan))}")
    lines.write(f"  {calls(plan)}")
    read = reading(plan.inputs)
    if read:
        lines.write((f"  {read}", "dim"))
    found = judgements(plan)
    counts = f"guards: {', '.join(item.counts for item in found)}"
    lines.write((f"  {UNDOING if plan.undoes else counts}", "dim"))
    for item in blocking(found):
        lines.write(("  ! ", "bold red"), f"{item.guard} blocks: {item.limit}: {item.ack}")
    lines.write((f"  digest {plan.digest}", "dim"))


def _write_missing(plan: Plan, lines: Lines, *, everything: bool) -> None:
    """Write how many files were not found, and their names if everything is to be written."""
    count = missing(plan)
    if not count:
        return
    left = plan.summary.missing - len(plan.missing)
    lines.write(f"  {count}{'' if everything or not plan.missing else ': --verbose names them'}")
    if not everything:
        return
    names = shown_names(plan)
    for path, file_id, origin in plan.missing:
        name = shown(path) if path is not None else f"the file with ID {shown(file_id or '')}"
        lines.write(f"      {name}", (f"  {shown_origin(origin, names)}", "dim"))
    if plan.missing and left:
        lines.write((f"      … and {counted(left, 'more file')}", "dim"))


def _write_narrowing(plan: Plan, lines: Lines) -> None:
    narrowed = narrowing(plan.inputs)
    if narrowed:
        lines.write((f"  {narrowed}", "dim"))


def report_text(report: Report, lines: Lines) -> None:
    """Write what an apply did: files that did not arrive first, then totals."""
    rows = unfinished(report)
    for row in rows[:SHOWN_FILES]:
        status = row.outcome.status
        where = f" (request {shown(row.outcome.request_id)})" if row.outcome.request_id else ""
        lines.write(
            (f"  {status:9} ", _STATUSES.get(status, "red")),
            shown(row.path),
            (f"  {shown(row.outcome.error or '')}{where}", "dim"),
        )
    if len(rows) > SHOWN_FILES:
        lines.write((f"  … and {counted(len(rows) - SHOWN_FILES, 'more file')}: --report json=FILE has all", "dim"))
    style = "bold green" if report.converged else "bold yellow"
    outcome, _, counts = report_title(report).partition(": ")
    lines.write((f"{outcome}: ", style), counts)
    if report.requests.sent:
        lines.write(f"  {sent(report)}")
    _write_narrowing(report.plan, lines)
    for words in advice(report):
        lines.write(f"  {words}")


def diagnostics_text(
    diagnostics: Sequence[Diagnostic], lines: Lines, *, names: Names, limit: int, more: int = 0
) -> None:
    """Write diagnostics, errors first, at most `limit`; `more` is how many others were not even kept."""
    ranked = worst_first(diagnostics)
    for diagnostic in ranked[:limit]:
        where = f"{shown_origin(diagnostic.origin, names)}: " if diagnostic.origin else ""
        lines.write((f"{diagnostic.level}: ", _LEVELS[diagnostic.level]), (where, "bold"), shown(diagnostic.message))
    left = more + max(0, len(ranked) - limit)
    if left:
        lines.write((f"… and {left:,} more", "dim"))
