"""The plan of an apply that has not come to its end: kept in the state directory until one does."""

import os
from collections.abc import Callable
from pathlib import Path

from tagsync.cli.connection import file_name
from tagsync.cli.files import opened
from tagsync.cli.options import LibrarySettings
from tagsync.cli.saved_documents import read_saved
from tagsync.documents.written import plan_document
from tagsync.errors import TagsyncError
from tagsync.library.target import Target
from tagsync.model import Plan, Report
from tagsync.planning.difference import is_remainder
from tagsync.workspace.state_dir import check_file, state_folder

FOLDER = "unfinished"

Warn = Callable[[str], None]


def begun(plan: Plan, library: LibrarySettings, where: Target, warn: Warn) -> Plan | None:
    """Return the plan that an earlier apply has carried out in part, if a new plan is the rest of it; else None."""
    if not plan.changes:
        return None
    try:
        path = _path(library, where)
        found = read_saved(path) if path and check_file(path) else None
    except TagsyncError as error:
        warn(f"the plan of an earlier apply is of no use: {error}")
        return None
    return found if isinstance(found, Plan) and is_remainder(plan, found) else None


def begin(plan: Plan, library: LibrarySettings, where: Target, warn: Warn) -> None:
    """Keep a plan that is about to be applied. If that fails, only its rest cannot be recognised later."""
    try:
        path = state_folder(library.state_dir, FOLDER) / _name(library, where)
        check_file(path)
        with opened(path) as stream:
            stream.writelines(plan_document(plan))
    except (OSError, TagsyncError) as error:
        words = error.strerror if isinstance(error, OSError) else error
        warn(f"the plan could not be kept for an apply that goes on with it: {words}")


def end(report: Report, library: LibrarySettings, where: Target, warn: Warn) -> None:
    """Remove the kept plan once all of it is done; a run of selected files alone has not done all of it."""
    scope = report.plan.inputs
    if not report.converged or scope.select or scope.changed_since is not None:
        return
    try:
        path = _path(library, where)
        if path:
            path.unlink(missing_ok=True)
    except (OSError, TagsyncError) as error:
        words = error.strerror if isinstance(error, OSError) else error
        warn(f"the plan that is done now could not be removed: {words}")


def _path(library: LibrarySettings, where: Target) -> Path | None:
    """Return where a plan is kept; None without a state directory; looking for it makes none."""
    if not os.path.lexists(library.state_dir):
        return None
    return state_folder(library.state_dir, FOLDER) / _name(library, where)


def _name(library: LibrarySettings, where: Target) -> str:
    return f"{file_name(library, where)}.json"
