"""What two plans do otherwise, as text; the comparison is made in `planning`."""

from collections.abc import Sequence

from tagsync.escape import shown
from tagsync.model import Difference, FileChange, Guard
from tagsync.reporting.console import Lines
from tagsync.reporting.groups import groups
from tagsync.reporting.rows import counted, guard_count, guard_limit
from tagsync.reporting.text import SHOWN_GROUPS, write_group


def difference_text(found: Difference, lines: Lines, *, everything: bool = False) -> None:
    """Write what is planned anew, what no more, guards that judge otherwise, and totals."""
    if found.old == found.new:
        lines.write(("The same plan: ", "bold green"), found.new)
        return
    if found.targets:
        old, new = (f"{shown(target.account)} at {shown(target.endpoint)}" for target in found.targets)
        lines.write(("The plans are for different targets: ", "bold red"), f"{old} before, now {new}")
        lines.write()
    _write_side("Planned now and not before", found.more, lines, everything=everything)
    _write_side("Planned before and not any more", found.fewer, lines, everything=everything)
    for was, guard in found.guards:
        lines.write(f"  {_judged(was)} → {_judged(guard)}")
    more, fewer = (sum(len(change.changes) for change in side) for side in (found.more, found.fewer))
    lines.write(
        ("Difference: ", "bold"),
        f"{counted(found.files, 'file')}, {counted(more + fewer, 'change')}, {more:,} of them planned anew, "
        f"{fewer:,} not any more",
    )
    lines.write((f"  old {found.old}", "dim"))
    lines.write((f"  new {found.new}", "dim"))


def _write_side(title: str, changes: Sequence[FileChange], lines: Lines, *, everything: bool) -> None:
    if not changes:
        return
    lines.write((f"{title}:", "bold"))
    found = groups(changes)
    kept = found if everything else found[:SHOWN_GROUPS]
    for group in kept:
        write_group(group, {}, lines, everything=everything)
        lines.write()
    if len(kept) < len(found):
        lines.write((f"… and {counted(len(found) - len(kept), 'more kind')} of change: --verbose shows them", "dim"))
        lines.write()


def _judged(guard: Guard) -> str:
    state = "blocks" if guard.blocked else "passes"
    return f"{guard_count(guard)} ({state}; it blocks {guard_limit(guard)})"
