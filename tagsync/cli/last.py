"""The last apply's report: found for the next plan, and kept for it in the state directory; not what it tells."""

import os
from collections.abc import Callable
from pathlib import Path

from tagsync import api
from tagsync.cli.files import opened
from tagsync.cli.options import LibrarySettings
from tagsync.cli.saved import read_saved
from tagsync.cli.targets import file_name, sandbox_file_name
from tagsync.errors import TagsyncError, UsageError
from tagsync.model import Report
from tagsync.printable import shown
from tagsync.reporting.documents import report_document
from tagsync.state import check_file, state_folder
from tagsync.target import Target

FOLDER = "last"
NONE = "none"
"""What --last takes to mean that no earlier report is to be looked at."""

Warn = Callable[[str], None]


def last_report(given: str | None, library: LibrarySettings, where: Target, warn: Warn) -> Report | None:
    """Return the report that the next plan is to look at.

    Args:
        given: a path, `none`, or None for what the state directory has.
        library: which library.
        where: the target.
        warn: told of a report in the state directory that is of no use.

    Raises:
        DocumentError: the given file is no sound report.
        RefusedError: it is of another library.
        UsageError: it is a plan.
    """
    if given == NONE:
        return None
    if given is not None:
        return _read(Path(given), where)
    try:
        kept = _kept_at(library, where)
        return _read(kept, where) if kept else None
    except TagsyncError as error:
        warn(f"the last report tells nothing: {error}")
        return None


def _read(path: Path, where: Target) -> Report:
    found = read_saved(path)
    if not isinstance(found, Report):
        raise UsageError(f"{shown(str(path))} is a plan: --last takes the report of an apply (--report json=FILE)")
    api.check_report(found, where)
    return found


def keep_report(report: Report, library: LibrarySettings, where: Target, warn: Warn) -> None:
    """Keep a report for the next plan; where that fails it is told, for the apply itself has done its work."""
    if report.outcome == "refused":
        return
    try:
        path = state_folder(library.state_dir, FOLDER) / _name(library, where)
        check_file(path)
        with opened(path) as stream:
            stream.writelines(report_document(report))
    except (OSError, TagsyncError) as error:
        words = error.strerror if isinstance(error, OSError) else error
        warn(f"the report could not be kept for the next plan: {words}")


def forget_reports(sandbox: Path, state_dir: Path) -> None:
    """Remove the reports of a sandbox's library, of its shards too."""
    for path in state_folder(state_dir, FOLDER).glob(f"{sandbox_file_name(sandbox, state_dir)}*.json"):
        path.unlink(missing_ok=True)


def _kept_at(library: LibrarySettings, where: Target) -> Path | None:
    """Return where the state directory holds a report, if it does; looking for it makes nothing.

    Raises:
        StateError: the state directory cannot be used.
    """
    if not os.path.lexists(library.state_dir):
        return None
    path = state_folder(library.state_dir, FOLDER) / _name(library, where)
    return path if check_file(path) else None


def _name(library: LibrarySettings, where: Target) -> str:
    return f"{file_name(library, where)}.json"
