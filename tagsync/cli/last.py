"""Reports of earlier applies: kept in the state directory, and found again for plans and undo."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from tagsync import api
from tagsync.cli.accounts import document_account
from tagsync.cli.connection import file_name, library_name
from tagsync.cli.files import opened
from tagsync.cli.options import LibrarySettings
from tagsync.cli.saved_documents import read_saved
from tagsync.documents.writer import report_document
from tagsync.errors import DocumentError, TagsyncError, UsageError
from tagsync.escape import shown
from tagsync.library.target import Target
from tagsync.model import Report
from tagsync.workspace.state_dir import check_file, state_folder

FOLDER = "last"
NONE = "none"
"""What --last takes to mean that no earlier report is to be looked at."""

MOST = 10
"""This many reports that changed something are kept of each library, and of each of its shards."""

Warn = Callable[[str], None]


class History(NamedTuple):
    """The report of the last apply, and those before it, which are read one by one, newest first."""

    last: Report | None
    earlier: Iterable[Report]


class _Kept(NamedTuple):
    """A kept report.

    Its number grows from apply to apply. It has none if the apply changed nothing: such a report is only kept while it
    is the newest.
    """

    run: str
    number: int | None
    path: Path


def history(given: str | None, library: LibrarySettings, where: Target, warn: Warn) -> History:
    """Return the reports that the next plan looks at.

    Args:
        given: a path, `none`, or None for what the state directory has.
        library: which library.
        where: the target.
        warn: takes a warning about a report in the state directory that cannot be used.

    Raises:
        DocumentError: the given file is no sound report.
        RefusedError: it is of another library.
        UsageError: it is a plan.
    """
    if given == NONE:
        return History(None, ())
    if given is not None:
        return History(_read(Path(given), where), ())
    try:
        found = [item.path for item in _kept(library, where) if item.run == file_name(library, where)]
        last = _read_kept(found[0], where) if found else None
    except TagsyncError as error:
        warn(f"the last report tells nothing: {error}")
        return History(None, ())
    return History(last, _earlier(found[1:], where, warn))


def _earlier(paths: Iterable[Path], where: Target, warn: Warn) -> Iterator[Report]:
    for path in paths:
        try:
            yield _read_kept(path, where)
        except TagsyncError as error:
            warn(f"an earlier report tells nothing: {error}")


def newest_change(library: LibrarySettings, where: Target) -> tuple[Path, Report]:
    """Return the newest kept report that changed something, of this target or a shard of it, and its path.

    Raises:
        DocumentError: there is none, or it is not as it was written.
        StateError: the state directory cannot be used.
    """
    for item in _kept(library, where):
        if item.number is not None:
            check_file(item.path)
            found = _report(item.path)
            named = replace(where, account=where.account or document_account(found.plan.target))
            if named.is_named(found.plan.target):  # else it is of the same key under another account name
                return item.path, found
    raise DocumentError(
        f"{shown(str(library.state_dir))} has no report of an apply that changed something in "
        f"{where.name.account} at {where.name.endpoint}: name a file that apply --report json=FILE wrote"
    )


def _read_kept(path: Path, where: Target) -> Report:
    """Read a kept report of this key; if the run or the report has no name for the account, it is the run's account."""
    check_file(path)
    found = _report(path)
    if where.account is None or document_account(found.plan.target) is None:
        found = replace(found, plan=replace(found.plan, target=found.plan.target._replace(account=where.name.account)))
    api.check_report(found, where)
    return found


def _read(path: Path, where: Target) -> Report:
    found = _report(path)
    api.check_report(found, where)
    return found


def _report(path: Path) -> Report:
    found = read_saved(path)
    if isinstance(found, Report):
        return found
    raise UsageError(f"{shown(str(path))} is a plan: --last takes the report of an apply (--report json=FILE)")


def keep_report(report: Report, library: LibrarySettings, where: Target, warn: Warn) -> None:
    """Keep a report for plans and undo, and remove the oldest one of too many.

    A report that changed nothing replaces none that did. If anything fails, that is a warning: the apply has done its
    work.
    """
    if report.outcome == "refused":
        return
    try:
        run = file_name(library, where)
        found = _kept(library, where)
        number = 1 + max((item.number or 0 for item in found), default=0) if report.wrote else None
        path = state_folder(library.state_dir, FOLDER) / _file(run, number)
        check_file(path)
        with opened(path) as stream:
            stream.writelines(report_document(report))
        mine = [item for item in found if item.run == run]
        numbered = [item for item in mine if item.number is not None]
        spare = [*numbered[MOST - 1 :], *(item for item in mine if item.number is None)] if report.wrote else []
        for item in spare:
            item.path.unlink(missing_ok=True)
    except (OSError, TagsyncError) as error:
        words = error.strerror if isinstance(error, OSError) else error
        warn(f"the report could not be kept for the next plan: {words}")


def _kept(library: LibrarySettings, where: Target) -> list[_Kept]:
    """Return the kept reports of a library and its shards, newest first; looking for them makes no state directory.

    Raises:
        StateError: the state directory cannot be used.
    """
    if not os.path.lexists(library.state_dir):
        return []
    folder = state_folder(library.state_dir, FOLDER)
    name = re.compile(rf"({library_name(where)}(?:-\d+-of-\d+)?)\.(?:(\d+)|unchanged)\.json")
    found = [
        _Kept(match[1], int(match[2]) if match[2] else None, path)
        for path in folder.iterdir()
        if (match := name.fullmatch(path.name))
    ]
    return sorted(found, key=lambda item: (item.number is None, item.number or 0, item.run), reverse=True)


def _file(run: str, number: int | None) -> str:
    return f"{run}.{'unchanged' if number is None else f'{number:06d}'}.json"
