"""The export command: write a library as manifests, to standard output or into a new folder."""

import io
import re
import sys
from collections.abc import Iterable
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
from tagsync.escape import shown
from tagsync.exporting.export import Exported
from tagsync.exporting.manifest_text import ManifestDraft, joined, manifest_text, scalar, split
from tagsync.reporting.phrases import counted

_SCHEMA = "manifest.schema.json"
LONGEST = 12_000_000
"""The maximum of characters in a file. Encoded, it is still smaller than the largest manifest that tagsync reads."""

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]+")


def export(folder: str, into: Path | None, library: LibrarySettings, settings: OutputSettings) -> int:
    """Read the library and write it as manifests."""
    library = for_library(library, settings)
    output = Output(settings)
    if into is not None:
        _check_empty(into)
    with output.failures_written(), workspace_of(library, output.warn) as workspace, output.progress() as listener:
        found = until_signal(
            lambda: export_async(workspace.target, folder=folder, max_duration=library.max_duration, listener=listener)
        )
    output.diagnostics(found.diagnostics, {})
    about = f"Exported from {workspace.target.name.account}: the ordinary tags below {scalar(folder)}."
    if not found.files:
        output.warn(f"nothing to export: no file below {folder} has a tag; check the path")
    if into is None:
        whole = joined(draft for drafts in found.manifests.values() for draft in drafts)
        size = _print(manifest_text(whole, about))
    else:
        size = _write(found, into, about)
    output.say(
        f"Exported {counted(found.tags, 'tag')} of {counted(found.files, 'file')}{f' to {into}' if into else ''}: "
        f"{counted(_entries(found), 'rule')}, {counted(size, 'byte')}; AI tags are left out, "
        "because a manifest cannot add them"
    )
    return 0


def _entries(found: Exported) -> int:
    return sum(len(draft.entries) for drafts in found.manifests.values() for draft in drafts)


def _print(text: Iterable[str]) -> int:
    """Write a manifest to standard output as UTF-8, whatever the locale, and return its size in bytes."""
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
        UsageError: it is not empty, or cannot be a folder.
    """
    try:
        inside = next(folder.iterdir(), None)
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(f"{shown(str(folder))} cannot be used ({error.strerror}): choose another folder") from error
    if inside is not None:
        raise UsageError(f"{shown(str(folder))} is not empty, and export overwrites nothing: choose a new folder")


def _write(found: Exported, folder: Path, about: str) -> int:
    """Write a manifest for each top folder, and the schema; return the size of the manifests in bytes."""
    size = 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with opened(folder / _SCHEMA) as stream:
            stream.write(schemas.text("manifest"))
        taken: set[str] = set()
        for top, drafts in found.manifests.items() or [("", (ManifestDraft((), ()),))]:
            for part in (part for draft in drafts for part in split(draft, LONGEST)):
                with opened(folder / f"{_name(top, taken)}.yaml") as stream:
                    size += _put(manifest_text(part, f"{about} Files in {scalar(f'/{top}')}."), stream)
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
