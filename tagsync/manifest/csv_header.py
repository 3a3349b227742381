"""Read the header of a CSV file: its delimiter and the names of its columns."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from tagsync.escape import quoted

SELECTORS = ("path", "fileId", "match")
LISTS = ("tags", "absent", "except")
ONLY_WITH_MATCH = ("query", "except")
COLUMNS = (*SELECTORS, "query", *LISTS, "until", "ifMissing", "ifOverLimit", "ifInvalid")
"""The names that a header may have."""

_DELIMITERS = ",;\t"


def delimiter_of(header: str) -> str:
    """Return the delimiter that splits a header into the most names of columns; a comma if several do."""
    header = header.rstrip("\r\n")

    def known(delimiter: str) -> int:
        return sum(name.strip('"') in COLUMNS for name in header.split(delimiter))

    return max(_DELIMITERS, key=known)


def header_errors(names: Sequence[str]) -> Iterator[tuple[int | None, str]]:
    """Yield the position of each column that is wrong, or None for the header as a whole, and what is wrong."""
    for position, name in enumerate(names):
        if name not in COLUMNS:
            yield position, _unknown(name)
        elif name in names[:position]:
            yield position, f"duplicate column {name}: remove or rename one of them"
    chosen = [name for name in SELECTORS if name in names]
    if len(chosen) != 1:
        had = " and ".join(chosen) or "none of path, fileId and match"
        yield None, f"the header has {had}: it must have exactly one of path, fileId and match"
    elif chosen != ["match"]:
        for name in filter(names.__contains__, ONLY_WITH_MATCH):
            yield None, f"{name} cannot be combined with {chosen[0]}: use match, or remove the column"


def _unknown(name: str) -> str:
    close = get_close_matches(name.strip().lower(), [known.lower() for known in COLUMNS], n=1)
    if close:
        meant = next(known for known in COLUMNS if known.lower() == close[0])
        return f"unknown column {quoted(name)} (did you mean {meant!r}?)"
    return f"unknown column {quoted(name)} (known columns: {', '.join(COLUMNS)})"
