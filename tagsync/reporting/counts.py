"""Counts of changes by tag and by folder, for charts and summaries."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from tagsync.model import Coverage, FileChange, Op


class Tally(NamedTuple):
    """How many changes of each kind a tag or a folder has."""

    name: str
    add: int
    remove: int
    remove_ai: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.add + self.remove + self.remove_ai


def changes_by_tag(changes: Iterable[FileChange]) -> list[Tally]:
    """Return how often each tag changes, the most changes first, then by name."""
    return _tallies(Counter((item.tag, item.op) for change in changes for item in change.changes))


def changes_by_folder(changes: Iterable[FileChange]) -> list[Tally]:
    """Return how many changes the files right in each folder have, the most first, then by name."""
    counts: Counter[tuple[str, Op]] = Counter()
    for change in changes:
        folder = folder_of(change.file.path)
        for item in change.changes:
            counts[folder, item.op] += 1
    return _tallies(counts)


def _tallies(counts: Mapping[tuple[str, Op], int]) -> list[Tally]:
    names = {name for name, _ in counts}
    found = [Tally(name, *(counts.get((name, op), 0) for op in Op)) for name in names]
    return sorted(found, key=lambda tally: (-tally.total, tally.name))


def unselected_by_folder(coverage: Coverage) -> list[tuple[str, int]]:
    """Return how many files of each folder no entry selects, the most first, then by name."""
    if coverage.folders:
        return list(coverage.folders)
    folders = Counter(map(folder_of, coverage.unselected))
    return sorted(folders.items(), key=lambda item: (-item[1], item[0]))


def folder_of(path: str) -> str:
    """Return the folder part of a path, its slash at the end included."""
    return path[: path.rfind("/") + 1]
