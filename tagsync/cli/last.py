"""The last apply's report: found for the next plan, and kept for it in the state directory."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from tagsync import api
from tagsync.cli.options import LibrarySettings
from tagsync.cli.output import opened
from tagsync.cli.saved import read_saved
from tagsync.cli.targets import lock_keys
from tagsync.errors import DocumentError, RefusedError, StateError, TagsyncError, UsageError
from tagsync.model import Report
from tagsync.printable import shown
from tagsync.reporting.documents import report_document
from tagsync.state import state_directory

NONE = "none"
"""What --last takes to mean that no earlier report is to be looked at."""

Warn = Callable[[str], None]


def last_report(given: str | None, library: LibrarySettings, where: api.Target, warn: Warn) -> Report | None:
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
        kept = _place(library, where)
        return _read(kept, where) if kept.exists() else None
    except (OSError, DocumentError, RefusedError, StateError, UsageError) as error:
        warn(f"the last report tells nothing: {error}")
        return None


def _read(path: Path, where: api.Target) -> Report:
    found = read_saved(path)
    if not isinstance(found, Report):
        raise UsageError(f"{shown(str(path))} is a plan: --last takes the report of an apply (--report json=FILE)")
    api.check_last(found, where)
    return found


def keep_report(report: Report, library: LibrarySettings, where: api.Target, warn: Warn) -> None:
    """Keep a report for the next plan; where that fails it is told, for the apply itself has done its work."""
    if report.outcome == "refused":
        return
    try:
        place = _place(library, where)
        place.parent.mkdir(mode=0o700, exist_ok=True)
        with opened(place) as stream:
            stream.writelines(report_document(report))
    except (OSError, TagsyncError) as error:
        words = error.strerror if isinstance(error, OSError) else error
        warn(f"the report could not be kept for the next plan: {words}")


def _place(library: LibrarySettings, where: api.Target) -> Path:
    name = sha256(lock_keys(library, where)[0].encode("utf-8", "surrogateescape")).hexdigest()[:16]
    shard = f"-{library.shard.index}-of-{library.shard.of}" if library.shard else ""
    return state_directory(library.state_dir) / "last" / f"{name}{shard}.json"
