"""Whether a file's tags fit into ImageKit's 500 characters, and in which order; the rule itself is in `model`."""

from collections.abc import Iterable, Sequence
from enum import Enum

from tagsync.model import MAX_TAG_CHARACTERS, Change, CurrentFile, Op, joined_length


class Fit(Enum):
    """How a file's changes go together with the limit."""

    FITS = "fits"
    REMOVE_FIRST = "fits once the removals are done"
    OVER = "does not fit"


def length_after(file: CurrentFile, changes: Iterable[Change]) -> int:
    """Return the length of a file's tags after its changes, joined by commas."""
    added = [change.tag for change in changes if change.op == Op.ADD]
    removed = {change.tag for change in changes if change.op == Op.REMOVE}
    return _length([*(tag for tag in file.tags if tag not in removed), *added])


def fit(file: CurrentFile, changes: Sequence[Change]) -> Fit:
    """Judge a file that gains a tag; one that gains none always fits, however long its tags are already."""
    added = [change.tag for change in changes if change.op == Op.ADD]
    if not added or _length([*file.tags, *added]) <= MAX_TAG_CHARACTERS:
        return Fit.FITS
    return Fit.REMOVE_FIRST if length_after(file, changes) <= MAX_TAG_CHARACTERS else Fit.OVER


def _length(tags: list[str]) -> int:
    return joined_length(len(tags), sum(map(len, tags)))
