"""Show the difference between two plans as text; `planning` compares them."""

from tagsync.model import Guard, counted
from tagsync.reporting.console import Lines
from tagsync.reporting.groups import Groups
from tagsync.reporting.phrases import guard_count, guard_limit, target_words
from tagsync.reporting.plan_view import DifferenceView
from tagsync.reporting.text import write_groups


def difference_text(view: DifferenceView, lines: Lines, *, everything: bool = False) -> None:
    """Write the changes that are in only one plan, guards that differ, and totals."""
    found = view.difference
    if view.is_same:
        lines.write(("The same plan: ", "bold green"), found.new)
        return
    if found.targets:
        old, new = map(target_words, found.targets)
        lines.write_sentence(("The plans are for different targets: ", "bold red"), f"{old} before, now {new}")
        lines.write()
    for title, groups in view.sides:
        _write_side(title, groups, lines, everything=everything)
    for was, guard in found.guards:
        lines.write_sentence(f"  {_guard_words(was)} → {_guard_words(guard)}")
    more, fewer = view.counts
    lines.write_sentence(
        ("Difference: ", "bold"),
        f"{counted(view.files_changed, 'file')}, {counted(more + fewer, 'change')}: {more:,} only in the new plan, "
        f"{fewer:,} only in the old plan",
    )
    lines.write((f"  old {found.old}", "dim"))
    lines.write((f"  new {found.new}", "dim"))


def _write_side(title: str, groups: Groups, lines: Lines, *, everything: bool) -> None:
    if not groups:
        return
    lines.write((f"{title}:", "bold"))
    left = write_groups(groups, {}, lines, everything=everything)
    if left:
        lines.write_sentence((f"… and {counted(left, 'more kind')} of change: -v lists them", "dim"))
        lines.write()


def _guard_words(guard: Guard) -> str:
    state = "blocks" if guard.blocked else "passes"
    return f"{guard_count(guard)} ({state}; it blocks {guard_limit(guard)})"
