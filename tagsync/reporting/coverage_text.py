"""What manifests leave alone, as text: files that no entry selects, by folder, and entries that select no file."""

from tagsync.escape import shown
from tagsync.model import Coverage
from tagsync.reporting.console import Lines
from tagsync.reporting.counts import unselected_by_folder
from tagsync.reporting.phrases import Names, counted, coverage_sentence, shown_origin

SHOWN_FOLDERS = 10
"""Folders of files that no entry selects, the fullest first, that are shown unless all are asked for."""

SHOWN_ENTRIES = 20


def coverage_text(coverage: Coverage, files: int, names: Names, lines: Lines, *, everything: bool = False) -> None:
    """Write what manifests leave alone.

    Args:
        coverage: that.
        files: how many files the library has.
        names: how to show manifests.
        lines: where to.
        everything: whether all is to be written, path by path.
    """
    lines.write(("Coverage: ", "bold"), coverage_sentence(coverage, files))
    if everything:
        for path in coverage.unselected:
            lines.write(f"  {shown(path)}")
        if coverage.more_unselected:
            lines.write((f"  … and {counted(coverage.more_unselected, 'more file')}", "dim"))
    else:
        _write_folders(coverage, lines)
    kept = coverage.idle if everything else coverage.idle[:SHOWN_ENTRIES]
    for origin in kept:
        lines.write((f"  {shown_origin(origin, names)}", "bold"), "  selects no file")
    left = len(coverage.idle) + coverage.more_idle - len(kept)
    if left:
        hint = "" if everything else ": --verbose shows them"
        lines.write((f"  … and {counted(left, 'more entry', 'more entries')}{hint}", "dim"))


def _write_folders(coverage: Coverage, lines: Lines) -> None:
    ranked = unselected_by_folder(coverage)
    for folder, count in ranked[:SHOWN_FOLDERS]:
        lines.write(f"  {count:,} in {shown(folder)}")
    left = ranked[SHOWN_FOLDERS:]
    if left:
        files = counted(sum(count for _, count in left), "file")
        lines.write((f"  … and {files} in {counted(len(left), 'more folder')}: --verbose shows them", "dim"))
