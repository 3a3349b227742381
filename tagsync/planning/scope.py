"""Which files' changes are in a plan once everything was judged."""

import hashlib
from collections.abc import Collection

from tagsync.globs import path_glob
from tagsync.model import Part


class Scope:
    """Which files' changes are in a plan: all, or those that satisfy each of what is given.

    Args:
        only: a glob over paths.
        part: a shard.
        numbers: places in the library's files.
    """

    def __init__(self, only: str | None, part: Part | None, numbers: Collection[int] | None = None) -> None:
        self._matches = path_glob(only).fullmatch if only is not None else None
        self._part = part
        self._numbers = numbers

    def includes(self, path: str) -> bool:
        """Tell by a file's path alone."""
        matches, part = self._matches, self._part
        return (matches is None or bool(matches(path))) and (part is None or in_part(path, part))

    def holds(self, number: int, path: str) -> bool:
        """Tell of a file of the library."""
        return (self._numbers is None or number in self._numbers) and self.includes(path)


def in_part(path: str, part: Part) -> bool:
    """Tell whether a path hashes to a shard: the same on every machine, and each path to one of them."""
    return int.from_bytes(hashlib.sha256(path.encode()).digest()[:8]) % part.of == part.index - 1
