"""Read the header of a CSV file: its delimiter and the names of its columns."""

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from itertools import islice

from tagsync.escape import quoted

SELECTORS = ("path", "fileId", "match")
LISTS = ("tags", "absent", "except")
ONLY_WITH_MATCH = ("query", "except")
COLUMNS = (*SELECTORS, "query", *LISTS, "until", "ifMissing", "ifOverLimit", "ifInvalid")
"""The names that a header may have."""

_DELIMITERS = ",;\t"
_OTHER_DELIMITERS = re.compile("[|:]")

_SYNONYMS = {
    "file": "path",
    "filename": "path",
    "filepath": "path",
    "id": "fileId",
    "glob": "match",
}
"""Other words for columns, in lower case."""

_MOST_COMPARED = 40
"""The most names of a header that are searched for a misspelled selector."""


def delimiter_of(header: str) -> str:
    """Return the delimiter that splits a header into the most names of columns; a comma if several do."""
    header = header.rstrip("\r\n")

    def known(delimiter: str) -> int:
        return sum(name.strip('"') in COLUMNS for name in header.split(delimiter))

    return max(_DELIMITERS, key=known)


def header_errors(names: Sequence[str]) -> Iterator[tuple[int | None, str]]:
    """Yield the position of each column that is wrong, or None for the header as a whole, and what is wrong."""
    if names[0].startswith("/"):
        yield 0, "this file has no header: add a first row that names the columns, such as path,tags"
        return
    for position, name in enumerate(names):
        if name not in COLUMNS:
            yield position, _unknown(name)
        elif name in names[:position]:
            yield position, f"duplicate column {name}: remove or rename one of them"
    chosen = [name for name in SELECTORS if name in names]
    if not chosen and not any(_meant(part) in SELECTORS for part in _parts(names)):
        yield None, "no column selects files: name one of them path, fileId or match"
    elif len(chosen) > 1:
        yield None, f"the header has {' and '.join(chosen)}: keep one of them"
    elif chosen and chosen != ["match"]:
        for name in filter(names.__contains__, ONLY_WITH_MATCH):
            yield None, f"{name} cannot be combined with {chosen[0]}: remove this column, or select files with match"


def _parts(names: Sequence[str]) -> Iterator[str]:
    """Yield the first names, as another delimiter splits them."""
    for name in names[:_MOST_COMPARED]:
        yield from islice(_OTHER_DELIMITERS.split(name), _MOST_COMPARED)


def _meant(name: str) -> str | None:
    """Return the column that a name may mean; None if it is like none."""
    word, known = name.strip().lower(), {column.lower(): column for column in COLUMNS}
    if word in _SYNONYMS:
        return _SYNONYMS[word]
    close = get_close_matches(word, known, n=1)
    return known[close[0]] if close else None


def _unknown(name: str) -> str:
    if _OTHER_DELIMITERS.search(name):
        return f"unknown column {quoted(name)}: separate columns with a comma, a semicolon or a tab"
    if name.strip() in COLUMNS:
        return f"the column {quoted(name)} has spaces around its name: remove them"
    hint = f"did you mean {meant!r}?" if (meant := _meant(name)) else f"known columns: {', '.join(COLUMNS)}"
    return f"unknown column {quoted(name)} ({hint})"
