"""Write rows of files and tags as CSV, in the form that `manifest.csv_rows` reads."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from tagsync.escape import shown
from tagsync.model import cells
from tagsync.model.cells import DEFAULT_SEPARATOR, csv_row, escaped_cell
from tagsync.model.templates import escaped_braces

LONGEST_CELL = csv.field_size_limit()
"""The most characters of a cell that can be read."""


class Row(NamedTuple):
    """One file: its path, which starts with a slash, its tags, and whether they may exceed 500 characters."""

    path: str
    tags: tuple[str, ...]
    lenient: bool = False


def fits_in_row(path: str, tags: Sequence[str]) -> bool:
    """Return whether a row can select a file by its path and declare its tags.

    Text that needs escapes on a terminal or in a CI log does not fit, because CSV has none.
    """
    text = f"{path},{_list_cell(tags, DEFAULT_SEPARATOR)}"
    return len(text) < LONGEST_CELL and shown(text) == text


def list_separator(rows: Iterable[Row]) -> str:
    """Return a separator that no tag contains; a semicolon, if possible."""
    return cells.list_separator(tag for row in rows for tag in row.tags)


def csv_text(rows: Sequence[Row], separator: str) -> Iterator[str]:
    """Yield the text of a CSV file in lines."""
    some_are_lenient = any(row.lenient for row in rows)
    yield csv_row(("path", "tags", "ifOverLimit") if some_are_lenient else ("path", "tags"))
    for path, tags, lenient in rows:
        cells = path, _list_cell(tags, separator)
        yield csv_row((*cells, "skip" if lenient else "") if some_are_lenient else cells)


def split_rows(rows: Sequence[Row], characters: int) -> Iterator[Sequence[Row]]:
    """Split rows into parts whose text is not much longer than a number of characters; one part at least."""
    start = length = 0
    for at, row in enumerate(rows):
        if length > characters:
            yield rows[start:at]
            start, length = at, 0
        length += len(row.path) + sum(map(len, row.tags)) + len(row.tags)
    yield rows[start:]


def _list_cell(tags: Iterable[str], separator: str) -> str:
    return escaped_cell(separator.join(map(escaped_braces, tags)))
