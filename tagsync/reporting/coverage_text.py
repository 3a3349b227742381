"""Show as text which files no rule selects, and which rules select no file."""

from tagsync.escape import shown
from tagsync.model import counted
from tagsync.reporting.console import Lines
from tagsync.reporting.counts import FEW_FOLDERS
from tagsync.reporting.phrases import shown_origin
from tagsync.reporting.plan_view import PlanView

SHOWN_ENTRIES = 20


def coverage_text(view: PlanView, lines: Lines, *, everything: bool = False) -> None:
    """Write the coverage of a plan that has it: unselected files by folder, or path by path with `everything`."""
    coverage = view.plan.coverage
    if coverage is None:
        return
    lines.write()
    lines.write_sentence(("Coverage: ", "bold"), view.covered or "")
    if everything:
        for path in coverage.unselected:
            lines.write(f"  {shown(path)}")
        if coverage.more_unselected:
            lines.write((f"  … and {counted(coverage.more_unselected, 'more file')}", "dim"))
    else:
        _write_folders(view, lines)
    kept = coverage.idle if everything else coverage.idle[:SHOWN_ENTRIES]
    for origin in kept:
        lines.write_sentence((f"  {shown_origin(origin, view.names)}", "bold"), "  selects no file")
    left = len(coverage.idle) + coverage.more_idle - len(kept)
    if left:
        hint = "" if everything else ": -v lists them"
        lines.write((f"  … and {counted(left, 'more rule')}{hint}", "dim"))


def _write_folders(view: PlanView, lines: Lines) -> None:
    for folder, count in view.unselected[:FEW_FOLDERS]:
        lines.write(f"  {count:,} in {shown(folder)}")
    left = view.unselected[FEW_FOLDERS:]
    if left:
        files = counted(sum(count for _, count in left), "file")
        lines.write_sentence((f"  … and {files} in {counted(len(left), 'more folder')}: -v lists them", "dim"))
