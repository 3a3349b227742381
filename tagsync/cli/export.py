"""The export command: write a library as manifests or CSV, to standard output or into a new folder."""

import io
import re
import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TextIO

from tagsync import schemas
from tagsync.api.gather import export_async
from tagsync.cli.configuration import for_library
from tagsync.cli.connection import workspace_of
from tagsync.cli.options import LibrarySettings, OutputSettings
from tagsync.cli.output import Output
from tagsync.cli.output_files import opened
from tagsync.cli.signals import until_signal
from tagsync.errors import StateError, UsageError
from tagsync.escape import quoted, shown
from tagsync.exporting import ExportFormat
from tagsync.exporting.csv_text import csv_text, list_separator, split_rows
from tagsync.exporting.export import Exported
from tagsync.exporting.manifest_text import ManifestDraft, joined, manifest_text, scalar, split
from tagsync.model import Diagnostic
from tagsync.model.cells import DEFAULT_SEPARATOR
from tagsync.reporting.phrases import counted

_SCHEMA = "manifest.schema.json"
LONGEST = 12_000_000
"""The maximum of characters in a file. Encoded, it is still smaller than the largest manifest that tagsync reads."""

_LIBRARY = "library"
_BYTE_ORDER_MARK = "\ufeff"
"""Without it, Excel does not read a file as UTF-8."""

_File = tuple[str, Iterable[str]]
"""The name and the text of a file to write."""

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]+")


def export(
    folder: str, into: Path | None, library: LibrarySettings, settings: OutputSettings, *, kind: ExportFormat
) -> int:
    """Read the library and write it in a format."""
    library = for_library(library, settings)
    output = Output(settings)
    if into is not None:
        _check_empty(into)
    with output.failures_written(), workspace_of(library, output.warn) as workspace, output.progress() as listener:
        found = until_signal(
            lambda: export_async(
                workspace.target, folder=folder, kind=kind, max_duration=library.max_duration, listener=listener
            )
        )
    if kind == "csv" and into is None:
        found = _only_rows(found)
    output.diagnostics(found.diagnostics, {})
    about = f"Exported from {workspace.target.name.account}: the ordinary tags below {scalar(folder)}."
    if not found.files:
        output.warn(f"nothing to export: no file below {folder} has a tag; check the path")
    if into:
        size = _write((_csv_files if kind == "csv" else _manifests)(found, about), into)
    elif kind == "csv":
        size = _print_rows(found, output)
    else:
        whole = joined(draft for drafts in found.manifests.values() for draft in drafts)
        size = _print(manifest_text(whole, about))
    output.say(
        f"Exported {counted(found.tags, 'tag')} of {counted(found.files, 'file')}{f' to {into}' if into else ''}: "
        f"{counted(_entries(found), 'rule')}, {counted(size, 'byte')}; AI tags are left out, "
        "because a manifest cannot add them"
    )
    return 0


def _entries(found: Exported) -> int:
    return len(found.rows) + sum(len(draft.entries) for drafts in found.manifests.values() for draft in drafts)


def _only_rows(found: Exported) -> Exported:
    """Leave out files that cannot be rows, with a warning for each."""
    left_out = [entry.selector for drafts in found.manifests.values() for draft in drafts for entry in draft.entries]
    why = "its path or tags cannot be in a CSV file, or other files share its path; -o DIR writes them to library.yaml"
    warnings = [
        Diagnostic("warning", "not-exported", f"the tags of {quoted(selector, 200)} are left out: {why}")
        for selector in left_out
    ]
    return found._replace(
        manifests={},
        files=len(found.rows),
        tags=sum(len(row.tags) for row in found.rows),
        diagnostics=(*found.diagnostics, *warnings),
    )


def _print_rows(found: Exported, output: Output) -> int:
    separator = list_separator(found.rows)
    if separator != DEFAULT_SEPARATOR:
        output.warn(
            f"some tags contain {DEFAULT_SEPARATOR}, so {separator} separates the tags in a cell: set "
            f'listSeparator: "{separator}" in the manifest'
        )
    return _print(csv_text(found.rows, separator))


def _print(text: Iterable[str]) -> int:
    """Write text to standard output as UTF-8, whatever the locale, and return its size in bytes."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    return _put(text, sys.stdout)


def _put(text: Iterable[str], stream: TextIO) -> int:
    size = 0
    for piece in text:
        stream.write(piece)
        size += len(piece.encode())
    return size


def _check_empty(folder: Path) -> None:
    """Check that a folder is new or empty.

    Raises:
        UsageError: it is not empty, cannot be a folder, or is named like a CSV file.
    """
    if folder.suffix.lower() == ".csv":
        name, stem = shown(str(folder)), shown(str(folder.with_suffix("")))
        raise UsageError(
            f"{name} is the name of a file, and -o takes a folder: use -o {stem}; for the rows alone, use "
            f"--format csv > {name}"
        )
    try:
        inside = next(folder.iterdir(), None)
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(f"{shown(str(folder))} cannot be used ({error.strerror}): choose another folder") from error
    if inside is not None:
        raise UsageError(f"{shown(str(folder))} is not empty, and export overwrites nothing: choose a new folder")


def _manifests(found: Exported, about: str) -> Iterator[_File]:
    """Yield a manifest for each top folder."""
    taken: set[str] = set()
    for top, drafts in found.manifests.items() or [("", (ManifestDraft((), ()),))]:
        for part in (part for draft in drafts for part in split(draft, LONGEST)):
            yield f"{_name(top, taken)}.yaml", manifest_text(part, f"{about} Files in {scalar(f'/{top}')}.")


def _csv_files(found: Exported, about: str) -> Iterator[_File]:
    """Yield CSV files, and the manifest that names them and declares the files that cannot be rows."""
    separator, names = list_separator(found.rows), list[str]()
    taken: set[str] = set()
    for rows in split_rows(found.rows, LONGEST):
        names.append(f"{_name(_LIBRARY, taken)}.csv")
        yield names[-1], chain([_BYTE_ORDER_MARK], csv_text(rows, separator))
    taken.clear()
    for draft in found.manifests[_LIBRARY]:
        for part in split(draft._replace(csv_files=tuple(names), separator=separator), LONGEST):
            yield f"{_name(_LIBRARY, taken)}.yaml", manifest_text(part, about)


def _write(files: Iterable[_File], folder: Path) -> int:
    """Write the schema and other files; return the size of the others in bytes."""
    size = 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with opened(folder / _SCHEMA) as stream:
            stream.write(schemas.text("manifest"))
        for name, text in files:
            with opened(folder / name) as stream:
                size += _put(text, stream)
    except OSError as error:
        where = shown(str(error.filename or folder))
        raise StateError(f"{where} cannot be written ({error.strerror}): the export is incomplete") from error
    return size


def _name(top: str, taken: set[str]) -> str:
    """Return an unused name for a manifest that every file system accepts."""
    stem = _NOT_IN_NAMES.sub("-", top)[:60].strip("-") or "root"
    name, number = stem, 1
    while name.lower() in taken:
        number += 1
        name = f"{stem}-{number}"
    taken.add(name.lower())
    return name
