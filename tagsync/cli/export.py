"""The export command: write a library as manifests or CSV, to standard output or into a new folder."""

import sys
from collections.abc import Iterable
from pathlib import Path

from tagsync.api.exported import check_export_folder, write_export
from tagsync.api.gather import export_async
from tagsync.cli.configuration import for_library
from tagsync.cli.connection import read_library
from tagsync.cli.options import LibrarySettings, OutputSettings
from tagsync.cli.output import Output
from tagsync.cli.output_files import in_utf_8
from tagsync.errors import UsageError
from tagsync.escape import shown
from tagsync.exporting import ExportFormat
from tagsync.exporting.csv_text import list_separator
from tagsync.exporting.export import Exported
from tagsync.exporting.files import only_rows, text_of
from tagsync.model import counted
from tagsync.model.cells import DEFAULT_SEPARATOR


def export(
    folder: str, into: Path | None, library: LibrarySettings, settings: OutputSettings, *, kind: ExportFormat
) -> int:
    """Read the library and write it in a format."""
    library = for_library(library, settings)
    output = Output(settings)
    if into is not None:
        _check_folder(into)
    found = read_library(export_async, library, output, folder=folder, kind=kind)
    if kind == "csv" and into is None:
        found = only_rows(found)
    output.diagnostics(found.diagnostics, {})
    if not found.files:
        output.warn(f"nothing to export: no file below {folder} has a tag; check the path")
    if into:
        size = write_export(found, into)
    else:
        separator = list_separator(found.rows)
        if separator != DEFAULT_SEPARATOR:
            output.warn(
                f"some tags contain {DEFAULT_SEPARATOR}, so {separator} separates the tags in a cell: set "
                f'listSeparator: "{separator}" in the manifest'
            )
        size = _print(text_of(found))
    output.say(
        f"Exported {counted(found.tags, 'tag')} of {counted(found.files, 'file')}{f' to {into}' if into else ''}: "
        f"{counted(_entries(found), 'rule')}, {counted(size, 'byte')}; AI tags are left out, "
        "because a manifest cannot add them"
    )
    return 0


def _entries(found: Exported) -> int:
    return len(found.rows) + sum(len(draft.entries) for drafts in found.manifests.values() for draft in drafts)


def _check_folder(folder: Path) -> None:
    """Check that a folder is new or empty, and not named like a CSV file.

    Raises:
        UsageError: it is not.
    """
    if folder.suffix.lower() == ".csv":
        name, stem = shown(str(folder)), shown(str(folder.with_suffix("")))
        raise UsageError(
            f"{name} is the name of a file, and -o takes a folder: use -o {stem}; for the rows alone, use "
            f"--format csv > {name}"
        )
    check_export_folder(folder)


def _print(text: Iterable[str]) -> int:
    """Write text to standard output as UTF-8, whatever the locale, and return its size in bytes."""
    stream, size = in_utf_8(sys.stdout), 0
    for piece in text:
        stream.write(piece)
        size += len(piece.encode())
    return size
