"""Keep lists bounded: a plan lists the first of what may be as many as files, and counts the rest."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from itertools import islice
from typing import Any, Generic, TypeVar

from tagsync.model import Diagnostic, Leniency, Level, Origin, Unlisted

T = TypeVar("T")

MOST_LISTED = 10_000
"""A plan lists this many items of each kind."""

LEVELS: tuple[Level, ...] = ("error", "warning", "info")
"""The levels of diagnostics, the worst first."""

LEVEL_OF: Mapping[Leniency, Level | None] = {"error": "error", "warn": "warning", "skip": None}
"""The level of a finding by the leniency of its entry; None for no finding."""


def first_of(items: Iterable[T]) -> Iterator[T]:
    """Yield the first `MOST_LISTED` items."""
    return islice(items, MOST_LISTED)


def is_full(items: Sized) -> bool:
    """Tell whether a list has all the items that it may have."""
    return len(items) >= MOST_LISTED


class First(Generic[T]):
    """The first items by a key, in memory that does not grow with the number of items.

    Args:
        key: sorts items; no two that differ may have the same.
    """

    def __init__(self, key: Callable[[T], Any]) -> None:
        self._key = key
        self._kept: list[T] = []
        self._last: Any = None
        """The key of the last item that is still listed, once there are too many."""
        self.count = 0
        """How many items there were."""

    def add(self, item: T) -> None:
        """Add an item."""
        self.count += 1
        if self._last is not None and self._key(item) > self._last:
            return
        self._kept.append(item)
        if len(self._kept) >= 2 * MOST_LISTED:
            self._kept = self.items()
            self._last = self._key(self._kept[-1])

    def items(self) -> list[T]:
        """Return the first `MOST_LISTED` items, sorted."""
        return sorted(self._kept, key=self._key)[:MOST_LISTED]

    @property
    def more(self) -> int:
        """How many items are not among those."""
        return max(0, self.count - MOST_LISTED)


class DiagnosticLog:
    """The diagnostics of a run, each once: the first by level and place are listed, the rest counted."""

    def __init__(self, diagnostics: Iterable[Diagnostic] = ()) -> None:
        self._first = First[Diagnostic](_by_level_and_place)
        self._counts = Counter[tuple[Level, str]]()
        self._seen: set[int] = set()
        """Hashes: what is the same for many files is said once, whether it is listed or not."""
        self.extend(diagnostics)

    def extend(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Add diagnostics."""
        for diagnostic in diagnostics:
            key = hash(diagnostic)
            if key not in self._seen:
                self._seen.add(key)
                self.count(diagnostic.level, diagnostic.code, 1)
                self._first.add(diagnostic)

    def count(self, level: Level, code: str, number: int) -> None:
        """Count diagnostics that are not listed."""
        self._counts[level, code] += number

    def total(self, level: Level) -> int:
        """Return how many diagnostics of a level there are."""
        return sum(count for (other, _), count in self._counts.items() if other == level)

    def listed(self) -> tuple[Diagnostic, ...]:
        """Return the first diagnostics, sorted by place."""
        return tuple(sorted(self._first.items(), key=_by_place))

    def unlisted(self) -> tuple[Unlisted, ...]:
        """Return how many others there are, the worst level first."""
        left = self._counts.copy()
        left.subtract((item.level, item.code) for item in self._first.items())
        found = [Unlisted(level, code, count) for (level, code), count in left.items() if count]
        return tuple(sorted(found, key=lambda item: (LEVELS.index(item.level), item.code)))


def _by_place(diagnostic: Diagnostic) -> tuple[Origin, str, str]:
    return diagnostic.origin or Origin("", 0, 0), diagnostic.code, diagnostic.message


def _by_level_and_place(diagnostic: Diagnostic) -> tuple[int, Origin, str, str]:
    return LEVELS.index(diagnostic.level), *_by_place(diagnostic)
