"""Views of plans and reports, and diagnostics, as text for people."""

from collections.abc import Iterable, Sequence

from tagsync.escape import shown
from tagsync.model import Diagnostic, Level, Op, Plan, Status
from tagsync.reporting.console import Lines, Segment
from tagsync.reporting.groups import ChangeGroup, GroupLine, Groups
from tagsync.reporting.guard_view import UNDOING
from tagsync.reporting.phrases import (
    Names,
    call_sentence,
    counted,
    filter_sentence,
    missing_sentence,
    reading_sentence,
    sent_sentence,
    shown_origin,
    target_words,
    total_sentences,
    worst_first,
)
from tagsync.reporting.view import PlanView, ReportView

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


def plan_text(view: PlanView, lines: Lines, *, everything: bool = False) -> None:
    """Write a plan: what changes, by groups of identical changes, then totals."""
    plan = view.plan
    target = target_words(plan.target)
    if not plan.changes:
        _write_unchanged(plan, target, lines)
        _write_filter(plan, lines)
        if everything or not plan.errors:
            _write_missing(view, lines, everything=everything)
        return
    left = write_groups(view.groups, view.names, lines, everything=everything)
    if left:
        files = counted(view.groups.files(len(view.groups) - left), "file")
        kinds = counted(left, "more kind")
        lines.write((f"… and {kinds} of change on {files}: --verbose shows them", "dim"))
        lines.write()
    _write_totals(view, target, lines, everything=everything)


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


def write_groups(groups: Groups, names: Names, lines: Lines, *, everything: bool) -> int:
    """Write the first groups, or all, and return how many are left."""
    kept = groups if everything else groups[:SHOWN_GROUPS]
    for group in kept:
        _write_group(group, names, lines, everything=everything)
        lines.write()
    return len(groups) - len(kept)


def _write_group(group: ChangeGroup, names: Names, lines: Lines, *, everything: bool) -> None:
    count = len(group.paths)
    kept = group.paths if everything else group.paths[:SHOWN_PATHS]
    for path in kept:
        lines.write(("  " + shown(path), "bold"))
    if len(kept) < count:
        lines.write((f"  and {counted(count - len(kept), 'more file')}", "bold"))
    width = min(40, max((len(_SIGNS[line.op][0] + shown(line.tag)) for line in group.lines), default=0))
    for line in group.lines:
        lines.write(*_change_segments(line, names, width))


def _change_segments(line: GroupLine, names: Names, width: int) -> Iterable[Segment]:
    sign, style = _SIGNS[line.op]
    text = (sign + shown(line.tag)).ljust(width)
    yield "      " + text, style
    if line.op == Op.REMOVE_AI:
        yield "  cannot be undone", "bold yellow"
    if line.origin:
        yield f"  {shown_origin(line.origin, names)}{' and elsewhere' if line.more else ''}", "dim"
    if line.cause:
        yield f"  {line.cause}", "dim"


def _write_totals(view: PlanView, target: str, lines: Lines, *, everything: bool) -> None:
    plan, summary = view.plan, view.plan.summary
    files = counted(summary.files_changed, "file")
    lines.write(("Plan: ", "bold"), f"{files} to change, {summary.unchanged:,} unchanged, for {target}")
    _write_filter(plan, lines)
    for op, sentence in total_sentences(plan):
        sign, style = _SIGNS[op]
        lines.write((f"  {sign[0]} {sentence}", style))
    _write_missing(view, lines, everything=everything)
    if view.since:
        lines.write(f"  since the last apply: {view.since}")
    lines.write(f"  {call_sentence(plan)}")
    read = reading_sentence(plan.inputs)
    if read:
        lines.write((f"  {read}", "dim"))
    counts = f"guards: {', '.join(guard.counts for guard in view.guards)}"
    lines.write((f"  {UNDOING if plan.undoes else counts}", "dim"))
    for guard in view.blocking:
        lines.write(("  ! ", "bold red"), f"{guard.guard} blocks: {guard.limit}: {guard.ack}")
    lines.write((f"  digest {plan.digest}", "dim"))


def _write_missing(view: PlanView, lines: Lines, *, everything: bool) -> None:
    """Write how many files were not found, and their names if everything is to be written."""
    plan = view.plan
    count = missing_sentence(plan)
    if not count:
        return
    lines.write(f"  {count}{'' if everything or not plan.missing else ': --verbose names them'}")
    if not everything:
        return
    for path, file_id, origin in plan.missing:
        name = shown(path) if path is not None else f"the file with ID {shown(file_id or '')}"
        lines.write(f"      {name}", (f"  {shown_origin(origin, view.names)}", "dim"))
    left = plan.summary.missing - len(plan.missing)
    if plan.missing and left:
        lines.write((f"      … and {counted(left, 'more file')}", "dim"))


def _write_filter(plan: Plan, lines: Lines) -> None:
    if words := filter_sentence(plan.inputs):
        lines.write((f"  {words}", "dim"))


def report_text(view: ReportView, lines: Lines) -> None:
    """Write what an apply did: files that did not arrive first, then totals."""
    report, rows = view.report, view.missed
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
    outcome, _, counts = view.title.partition(": ")
    lines.write((f"{outcome}: ", "bold green" if report.converged else "bold yellow"), counts)
    if report.requests.sent:
        lines.write(f"  {sent_sentence(report)}")
    _write_filter(report.plan, lines)
    for words in view.advice:
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
