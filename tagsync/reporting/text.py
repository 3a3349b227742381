"""Show plans, reports and diagnostics as text for people."""

from collections.abc import Iterator, Sequence
from itertools import chain

from tagsync.escape import shown, shown_tag
from tagsync.model import REFUSED_CHANGE, Diagnostic, FileChange, Level, Plan, Status, as_shown, counted
from tagsync.reporting.console import Lines, Segment, padded
from tagsync.reporting.groups import ChangeGroup, GroupLine, Groups
from tagsync.reporting.guard_view import UNDOING
from tagsync.reporting.phrases import (
    Names,
    call_sentence,
    cause_sentence,
    common_cause,
    filter_sentence,
    missing_sentence,
    plan_summary,
    reading_sentence,
    reason_words,
    shown_origin,
    target_words,
    worst_first,
)
from tagsync.reporting.plan_view import PlanView
from tagsync.reporting.report_view import ReportView
from tagsync.reporting.tag_lines import SIGNS, TagRow, column_width, tag_row, write_rows, write_tag_lines

SHOWN_LINES = 60
"""Lines of a plan, beyond which the rarest additions are only counted; removals and the largest additions stay."""

FEW_FILES = 5
"""A plan of no more files names them below its summary."""

SHOWN_GROUPS = 15
"""Groups of a difference that are shown unless all are asked for."""

SHOWN_PATHS = 3
SHOWN_REASONS = 20
"""Reasons for unchanged files that are shown; usually there are two or three."""

_LEVELS: dict[Level, Segment] = {
    "error": ("error: ", "bold red"),
    "warning": ("warning: ", "yellow"),
    "info": ("notice: ", "cyan"),
}
_STATUSES = {
    Status.CONFIRMED: "green",
    Status.ACCEPTED: "green",
    Status.SKIPPED: "yellow",
    Status.STALE: "yellow",
}


def plan_text(
    view: PlanView, lines: Lines, *, everything: bool = False, with_blocks: bool = True, most_lines: int = SHOWN_LINES
) -> None:
    """Write a plan: one line for each operation on a tag, a summary line, and remarks.

    Args:
        view: the plan.
        lines: writes the lines.
        everything: whether to add details, and all files.
        with_blocks: whether to say why guards block the plan and how to allow it; otherwise, they are only named, and
            on a terminal not even that, because the error right below names them.
        most_lines: how many lines the plan takes at most, unless removals and the largest additions need more.
    """
    plan = view.plan
    target = target_words(plan.target)
    remarks = list(_remarks(view, everything=everything, with_blocks=with_blocks, is_terminal=lines.width is not None))
    if not plan.changes:
        if everything:
            _write_missing(view, lines)
        _write_unchanged(plan, target, lines)
    else:
        few = [] if everything or view.files_changed > FEW_FILES else list(plan.changes)
        lines.write(("Plan: ", "bold"), target)
        lines.write()
        room = None if everything else most_lines - len(remarks) - len(few) - 4
        same = common_cause(plan) is not None
        write_tag_lines(view.counts.operations, view.names, lines, room=room, with_causes=not same)
        lines.write()
        if everything:
            _write_files(view, lines)
            _write_missing(view, lines)
            _write_emptied(plan, lines)
        lines.write_sentence((plan_summary(plan), "bold"))
        _write_few(few, lines)
    for remark in remarks:
        lines.write_sentence(*remark)
    if everything:
        _write_details(plan, lines)


def _write_few(changes: Sequence[FileChange], lines: Lines) -> None:
    """Write a few files, each with its changes, removals first, unless all have the same."""
    each = [[(op, tag) for op in reversed(SIGNS) for tag in change.tags(op)] for change in changes]
    width = column_width((shown(change.path) for change in changes), lines)
    alike = all(made == each[0] for made in each)
    for change, made in zip(changes, each, strict=True):
        path = shown(change.path)
        signed = [(f"  {SIGNS[op][0]}{shown_tag(tag)}", SIGNS[op][1]) for op, tag in made]
        lines.write_sentence("  " + (path if alike else padded(path, width)), *(() if alike else signed))


def _write_unchanged(plan: Plan, target: str, lines: Lines) -> None:
    if plan.errors:
        errors = counted(plan.count("error"), "error")
        lines.write_sentence(("No plan: ", "bold red"), f"{errors} for {target}.")
        return
    if plan.undoes:
        words = f"no change of that apply is left to undo in {target}."
        lines.write_sentence(("Nothing to undo: ", "bold green"), words)
        return
    warnings = [counted(plan.summary.warnings, "warning")] if plan.summary.warnings else []
    if not plan.summary.unchanged:
        where = "the selection contains no managed file" if filter_sentence(plan.inputs) else "no rule selects a file"
        words = f" ({warnings[0]})" if warnings else ""
        lines.write_sentence(("Nothing to do: ", "bold yellow"), f"{where} of {target}{words}.")
        return
    counts = ", ".join([counted(plan.summary.unchanged, "managed file"), *warnings])
    style = "bold yellow" if warnings else "bold green"
    lines.write_sentence(("Nothing to do: ", style), f"{target} matches the manifests ({counts}).")


def _remarks(
    view: PlanView, *, everything: bool, with_blocks: bool, is_terminal: bool
) -> Iterator[tuple[Segment, ...]]:
    """Yield the lines below the summary."""
    plan = view.plan
    if words := filter_sentence(plan.inputs):
        yield ((words, ""),)
    missing = missing_sentence(plan)
    if missing and (everything or not plan.errors):
        hint = f" (-v lists {'it' if plan.summary.missing == 1 else 'them'})"
        yield ((f"{missing}{'' if everything or not plan.missing else hint}", ""),)
    if not plan.changes:
        return
    if words := cause_sentence(plan):
        yield ((words, ""),)
    yield from _guard_remarks(view, with_blocks=with_blocks, is_terminal=is_terminal)


def _guard_remarks(view: PlanView, *, with_blocks: bool, is_terminal: bool) -> Iterator[tuple[Segment, ...]]:
    for guard in view.guards:
        if guard.blocks and with_blocks:
            yield ((guard.objection, "bold red"),)
        elif guard.blocks and not is_terminal:
            yield ((f"Above the limit of guard {guard.guard}", "bold red"),)
        elif guard.below:
            verdict, colon, figures = guard.below.partition(":")
            yield ((verdict + colon, "yellow"), (figures, ""))


def _write_details(plan: Plan, lines: Lines) -> None:
    """Write what a plan leaves unchanged, what it costs, and its digest."""
    if not plan.changes:
        return
    lines.write_sentence((f"{counted(plan.summary.unchanged, 'managed file')} unchanged", "dim"))
    lines.write_sentence((call_sentence(plan), "dim"))
    lines.write_sentence((reading_sentence(plan.inputs), "dim"))
    if plan.undoes:
        lines.write_sentence((UNDOING, "dim"))
    lines.write_sentence((f"Digest {plan.digest}", "dim"))


def _write_missing(view: PlanView, lines: Lines) -> None:
    """Write which files were not found."""
    plan = view.plan
    if not plan.missing:
        return
    lines.write(("Files not found", "bold"))
    for path, file_id, origin in plan.missing:
        name = shown(path) if path is not None else f"the file with ID {shown(file_id or '')}"
        lines.write_sentence(f"  {name}", (f"  {shown_origin(origin, view.names)}", "dim"))
    left = plan.summary.missing - len(plan.missing)
    if left:
        lines.write((f"  … and {counted(left, 'more file')}", "dim"))
    lines.write()


def _write_emptied(plan: Plan, lines: Lines) -> None:
    """Write which files are left without ordinary tags."""
    emptied = (change.path for change in plan.changes if change.empties)
    first = next(emptied, None)
    if first is not None:
        lines.write(("Files left without ordinary tags", "bold"))
        for path in chain([first], emptied):
            lines.write(f"  {shown(path)}")
        lines.write()


def _write_files(view: PlanView, lines: Lines) -> None:
    """Write every file, those with the same changes for the same reasons together."""
    for section in view.sections:
        lines.write(("Files", "bold"))
        write_groups(section.groups, view.names, lines, everything=True)


def write_groups(groups: Groups, names: Names, lines: Lines, *, everything: bool) -> int:
    """Write the first groups, or all with the places that ask for each, and return how many are left."""
    groups = groups.by_place() if everything else groups
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
    width = column_width((SIGNS[line.op][0] + shown_tag(line.tag) for line in group.lines), lines)

    def row(line: GroupLine) -> TagRow:
        label = f"      {padded(SIGNS[line.op][0] + shown_tag(line.tag), width)}"
        return tag_row(label, line, names, [line.cause] if line.cause else [])

    write_rows(map(row, group.lines), lines)


def report_text(
    view: ReportView,
    lines: Lines,
    *,
    everything: bool = False,
    plan_shown: bool = False,
    with_refusals: bool = True,
) -> None:
    """Write what an apply changed, in the form of a plan, and what it did not change and why.

    Args:
        view: the report.
        lines: writes the lines.
        everything: whether to list all files too.
        plan_shown: whether the plan is right above: if all of it was changed, it is not repeated.
        with_refusals: whether to name the changes that ImageKit refused; not if the caller does.
    """
    report, operations = view.report, view.counts.operations
    if operations and not (plan_shown and report.converged):
        lines.write(("Changed", "bold"), f" in {target_words(report.plan.target)}")
        lines.write()
        write_tag_lines(operations, view.names, lines, room=None if everything else SHOWN_LINES, with_causes=False)
        lines.write()
    if everything:
        _write_all_rows(view, lines)
    if operations or report.requests.sent:
        lines.write_sentence((view.headline, "bold"))
    if words := filter_sentence(report.plan.inputs):
        lines.write_sentence(words)
    _write_not_made(view, lines)
    outcome, _, counts = view.title.partition(": ")
    lines.write_sentence((f"{outcome}: ", "bold green" if report.converged else "bold yellow"), counts)
    if words := view.commit_words():
        lines.write_sentence(words)
    for words in view.advice:
        lines.write_sentence(words)
    if with_refusals:
        found = [item for item in report.diagnostics if item.code == REFUSED_CHANGE]
        diagnostics_text(found, lines, names=view.names, limit=len(found))


def _write_not_made(view: ReportView, lines: Lines) -> None:
    """Write each reason for which files were not changed, with some of the files."""
    reasons = view.not_made
    if not reasons:
        return
    lines.write()
    lines.write(("Not changed as planned", "bold"))
    for item in reasons[:SHOWN_REASONS]:
        why = reason_words(item.status, item.error, in_part=item.in_part)
        words = f"  {counted(item.files, 'file')}{f' ({item.left})' if item.left else ''}: {why}"
        lines.write_sentence((words, _STATUSES.get(item.status, "red")))
        for path in item.examples:
            lines.write((f"      {shown(path)}", "dim"))
        left = item.files - len(item.examples)
        if left:
            lines.write((f"      and {counted(left, 'more file')}", "dim"))
    others = sum(item.files for item in reasons[SHOWN_REASONS:])
    if others:
        lines.write_sentence(
            (f"  … and {counted(others, 'file')} for other reasons (--report text=FILE lists them)", "dim")
        )
    lines.write()


def _write_all_rows(view: ReportView, lines: Lines) -> None:
    """Write every file that was changed, and every file that was not, with the last message about it."""
    for section in view.sections:
        lines.write(("Files changed", "bold"))
        write_groups(section.groups, view.names, lines, everything=True)
    if view.missed:
        lines.write(("Files not changed as planned", "bold"))
    for row in view.missed:
        status, error, request = row.outcome.status, row.outcome.error, row.outcome.request_id
        where = f" (request {shown(request)})" if request else ""
        words = f"{reason_words(status, error, in_part=row.outcome.in_part)}{where}"
        lines.write_sentence(f"  {shown(row.path)}", (f"  {words}", _STATUSES.get(status, "red")))
    if view.missed:
        lines.write()


def diagnostics_text(
    diagnostics: Sequence[Diagnostic], lines: Lines, *, names: Names, limit: int, more: int = 0
) -> None:
    """Write at most `limit` diagnostics, errors first; `more` is the number of others that were not kept."""
    ranked = worst_first(diagnostics)
    for diagnostic in ranked[:limit]:
        item = as_shown(diagnostic, names)
        where = f"{shown(item.where)}: " if item.origin else ""
        lines.write_sentence(_LEVELS[item.level], (where, "bold"), shown(item.message))
    left = more + max(0, len(ranked) - limit)
    if left:
        lines.write((f"… and {left:,} more", "dim"))
