"""Keep lists bounded: list the first 10,000 items and count the rest."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from itertools import islice
from typing import Any, Generic, TypeVar

from tagsync.model import Diagnostic, Leniency, Level, Origin, Unlisted

T = TypeVar("T")

MOST_LISTED = 10_000
"""The most items of each kind that a plan lists."""

LEVELS: tuple[Level, ...] = ("error", "warning", "info")
"""The levels of diagnostics, most severe first."""

LEVEL_OF: Mapping[Leniency, Level | None] = {"error": "error", "warn": "warning", "skip": None}
"""The level of a finding by its entry's leniency; None for no finding."""


def first_of(items: Iterable[T]) -> Iterator[T]:
    """Yield the first `MOST_LISTED` items."""
    return islice(items, MOST_LISTED)


def is_full(items: Sized) -> bool:
    """Return whether a list has reached `MOST_LISTED`."""
    return len(items) >= MOST_LISTED


class First(Generic[T]):
    """Keep the first `MOST_LISTED` items by a key, in bounded memory.

    Args:
        key: sorts the items; different items need different keys.
    """

    def __init__(self, key: Callable[[T], Any]) -> None:
        self._key = key
        self._kept: list[T] = []
        self._last: Any = None
        """The key of the last item that can still be listed, once there are enough items."""
        self.count = 0
        """The number of items added."""

    def add(self, item: T) -> None:
        """Add an item."""
        self.count += 1
        if self._last is not None and self._key(item) > self._last:
            return
        self._kept.append(item)
        # Sorting only when the list has doubled makes the cost of each item logarithmic.
        if len(self._kept) >= 2 * MOST_LISTED:
            self._kept = self.items()
            self._last = self._key(self._kept[-1])

    def items(self) -> list[T]:
        """Return the first `MOST_LISTED` items, sorted."""
        return sorted(self._kept, key=self._key)[:MOST_LISTED]

    @property
    def more(self) -> int:
        """The number of items beyond the first."""
        return max(0, self.count - MOST_LISTED)


class DiagnosticLog:
    """Collect the diagnostics of a run, each once: the first by level and place are listed, the others counted."""

    def __init__(self, diagnostics: Iterable[Diagnostic] = ()) -> None:
        self._first = First[Diagnostic](_by_level_and_place)
        self._counts = Counter[tuple[Level, str]]()
        self._seen: set[int] = set()
        """Hashes of all diagnostics, listed or not: a finding that many files share is counted once."""
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
        """Count diagnostics without listing them."""
        self._counts[level, code] += number

    def total(self, level: Level) -> int:
        """Return the number of diagnostics of a level."""
        return sum(count for (other, _), count in self._counts.items() if other == level)

    def listed(self) -> tuple[Diagnostic, ...]:
        """Return the first diagnostics, sorted by place."""
        return tuple(sorted(self._first.items(), key=_by_place))

    def unlisted(self) -> tuple[Unlisted, ...]:
        """Return the counts of the other diagnostics, most severe level first."""
        left = self._counts.copy()
        left.subtract((item.level, item.code) for item in self._first.items())
        found = [Unlisted(level, code, count) for (level, code), count in left.items() if count]
        return tuple(sorted(found, key=lambda item: (LEVELS.index(item.level), item.code)))


def _by_place(diagnostic: Diagnostic) -> tuple[Origin, str, str]:
    return diagnostic.origin or Origin("", 0, 0), diagnostic.code, diagnostic.message


def _by_level_and_place(diagnostic: Diagnostic) -> tuple[int, Origin, str, str]:
    return LEVELS.index(diagnostic.level), *_by_place(diagnostic)
