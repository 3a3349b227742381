"""Divide an export into files: their names and texts."""

import re
from collections.abc import Iterable, Iterator
from itertools import chain

from tagsync.escape import quoted
from tagsync.exporting.csv_text import csv_text, list_separator, split_rows
from tagsync.exporting.export import Exported
from tagsync.exporting.manifest_text import ManifestDraft, joined, manifest_text, scalar, split
from tagsync.model import Diagnostic

LONGEST = 12_000_000
"""The maximum of characters in a file. Encoded, it is still smaller than the largest manifest that tagsync reads."""

_LIBRARY = "library"
_BYTE_ORDER_MARK = "\ufeff"
"""Without it, Excel does not read a file as UTF-8."""

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]+")

File = tuple[str, Iterable[str]]
"""The name and the text of a file to write."""


def files_of(exported: Exported) -> Iterator[File]:
    """Yield the files of an export."""
    return _csv_files(exported) if exported.kind == "csv" else _manifests(exported)


def text_of(exported: Exported) -> Iterator[str]:
    """Yield an export as one manifest, or only its rows as one CSV file."""
    if exported.kind == "csv":
        return csv_text(exported.rows, list_separator(exported.rows))
    return manifest_text(joined(draft for drafts in exported.manifests.values() for draft in drafts), exported.about)


def only_rows(exported: Exported) -> Exported:
    """Leave out files that cannot be rows, with a warning for each."""
    left_out = [entry.selector for drafts in exported.manifests.values() for draft in drafts for entry in draft.entries]
    why = "its path or tags cannot be in a CSV file, or other files share its path; -o DIR writes them to library.yaml"
    warnings = [
        Diagnostic("warning", "not-exported", f"the tags of {quoted(selector, 200)} are left out: {why}")
        for selector in left_out
    ]
    return exported._replace(
        manifests={},
        files=len(exported.rows),
        tags=sum(len(row.tags) for row in exported.rows),
        diagnostics=(*exported.diagnostics, *warnings),
    )


def _manifests(exported: Exported) -> Iterator[File]:
    """Yield the manifests of each folder. Each has one YAML document, because many tools read only one of a file."""
    taken: set[str] = set()
    for top, drafts in exported.manifests.items() or [("", (ManifestDraft((), ()),))]:
        for part in (part for draft in drafts for part in split(draft, LONGEST)):
            yield f"{_name(top, taken)}.yaml", manifest_text(part, f"{exported.about} Files in {scalar(f'/{top}')}.")


def _csv_files(exported: Exported) -> Iterator[File]:
    """Yield CSV files, and the manifest that names them and declares the files that cannot be rows."""
    separator, names = list_separator(exported.rows), list[str]()
    taken: set[str] = set()
    for rows in split_rows(exported.rows, LONGEST):
        names.append(f"{_name(_LIBRARY, taken)}.csv")
        yield names[-1], chain([_BYTE_ORDER_MARK], csv_text(rows, separator))
    taken.clear()
    for draft in exported.manifests[_LIBRARY]:
        for part in split(draft._replace(csv_files=tuple(names), separator=separator), LONGEST):
            yield f"{_name(_LIBRARY, taken)}.yaml", manifest_text(part, exported.about)


def _name(top: str, taken: set[str]) -> str:
    """Return an unused name for a manifest that every file system accepts."""
    stem = _NOT_IN_NAMES.sub("-", top)[:60].strip("-") or "root"
    name, number = stem, 1
    while name.lower() in taken:
        number += 1
        name = f"{stem}-{number}"
    taken.add(name.lower())
    return name
