"""Write cells of CSV files, of which a spreadsheet runs none as a formula; `manifest.csv_rows` restores them."""

import csv
import re
from collections.abc import Iterable

DEFAULT_SEPARATOR = ";"
"""What separates the values in a cell, unless `listSeparator` says otherwise."""

# ImageKit allows no % in tags, so the last one always separates them.
_SEPARATORS = f"{DEFAULT_SEPARATOR}|%"

# What starts a formula, also in the full width that spreadsheets in Japanese accept. An apostrophe marks escaped text,
# so text that starts with one is escaped, too: then any text is restored exactly.
_STARTS = "[=+@\t\r\n\uff1d\uff0b\uff0d\uff20'-]"
_RISKY = re.compile(_STARTS)
_ESCAPED = re.compile(f"'{_STARTS}")


def list_separator(values: Iterable[str]) -> str:
    """Return a separator that none of the values in cells contains; a semicolon, if possible."""
    used = {mark for value in values for mark in _SEPARATORS if mark in value}
    return next((mark for mark in _SEPARATORS if mark not in used), _SEPARATORS[-1])


def escaped_cell(text: str) -> str:
    """Return the text of a cell with an apostrophe before it if a spreadsheet could run it as a formula."""
    return f"'{text}" if _RISKY.match(text) else text


def csv_row(cells: Iterable[str | float]) -> str:
    """Return cells as a line of CSV."""
    return str(_WRITER.writerow(cells))


def is_escaped_cell(text: str) -> bool:
    """Return whether the text of a cell starts with the apostrophe of `escaped_cell`."""
    return _ESCAPED.match(text) is not None


class _Echo:
    """A file whose `write` returns the text, which `writerow` then returns."""

    def write(self, text: str) -> str:
        return text


_WRITER = csv.writer(_Echo(), lineterminator="\n")
