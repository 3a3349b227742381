"""Calls and rows in numbers, as the methods of covering use them; `matrix` translates names.

Files and tags are numbered in the order of paths and of names, so that nothing depends on how text is hashed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tagsync.model import MAX_FILES_PER_REQUEST, joined_length

Row = frozenset[int]
"""Tags of one file, by number."""

Rows = Sequence[Row]
"""One row for each file, in the order of their numbers."""


class Call(NamedTuple):
    """Every tag on every file."""

    files: tuple[int, ...]
    tags: Row


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one call takes.

    Attributes:
        lengths: the characters of each tag.
        characters: how long a call's tags may be, joined by commas; None where nothing limits them.
        files: how many files a call takes; smaller only in tests.
    """

    lengths: Sequence[int]
    characters: int | None
    files: int = MAX_FILES_PER_REQUEST

    def fit(self, tags: Iterable[int]) -> bool:
        """Say whether tags keep to the limit on characters; one tag alone may exceed it, and only `parts` lets it."""
        return self.characters is None or self.length(tags) <= self.characters

    def length(self, tags: Iterable[int]) -> int:
        """Return the length of tags joined by commas."""
        lengths = [self.lengths[tag] for tag in tags]
        return joined_length(len(lengths), sum(lengths))

    def filled(self, tags: Iterable[int], more: Iterable[int]) -> set[int]:
        """Return tags and as many of the others, tried in their order, as fit beside them."""
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
        """Return tags, cut in their order into parts that fit."""
        parts: list[Row] = []
        part: list[int] = []
        for tag in tags:
            if part and not self.fit([*part, tag]):
                parts.append(frozenset(part))
                part = []
            part.append(tag)
        return [*parts, frozenset(part)] if part else parts
