"""Define calls and rows in numbers, as covering uses them; `matrix` translates between names and numbers.

Files are numbered by path and tags by name, so that results never depend on the hashes of strings.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tagsync.library.limits import MAX_FILES_PER_REQUEST
from tagsync.model import joined_length

Row = frozenset[int]
"""The tags of one file, by number."""

Rows = Sequence[Row]
"""One row for each file, in the order of their numbers."""


class Call(NamedTuple):
    """One API call: every tag on every file."""

    files: tuple[int, ...]
    tags: Row


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one call.

    Attributes:
        lengths: the number of characters of each tag.
        characters: the maximum length of a call's tags, joined by commas; None for no limit.
        files: the maximum number of files; tests use smaller ones.
    """

    lengths: Sequence[int]
    characters: int | None
    files: int = MAX_FILES_PER_REQUEST

    def fit(self, tags: Iterable[int]) -> bool:
        """Return whether tags keep to the limit. A single tag may exceed it: `parts` gives it a call of its own."""
        return self.characters is None or self.length(tags) <= self.characters

    def length(self, tags: Iterable[int]) -> int:
        """Return the length of tags joined by commas."""
        lengths = [self.lengths[tag] for tag in tags]
        return joined_length(len(lengths), sum(lengths))

    def filled(self, tags: Iterable[int], more: Iterable[int]) -> set[int]:
        """Add as many of `more` to tags, in their order, as fit."""
        result = set(tags)
        if self.characters is None:
            return result.union(more)
        length = self.length(result)
        for tag in more:
            longer = length + self.lengths[tag] + bool(result)
            if longer <= self.characters:
                result.add(tag)
                length = longer
        return result

    def parts(self, tags: Iterable[int]) -> list[Row]:
        """Split tags, in their order, into parts that fit."""
        parts: list[Row] = []
        part: list[int] = []
        for tag in tags:
            if part and not self.fit([*part, tag]):
                parts.append(frozenset(part))
                part = []
            part.append(tag)
        return [*parts, frozenset(part)] if part else parts
