"""Counts of changes by tag and by folder, for charts and summaries."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from tagsync.model import Coverage, FileChange, Op


class ChangeCount(NamedTuple):
    """How many changes of each kind a tag or a folder has."""

    name: str
    add: int
    remove: int
    remove_ai: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.add + self.remove + self.remove_ai


class ChangeCounts(NamedTuple):
    """Changes counted by tag, and by the folder right in which the files are: the most first, then by name."""

    by_tag: list[ChangeCount]
    by_folder: list[ChangeCount]


def count_changes(changes: Iterable[FileChange]) -> ChangeCounts:
    """Count changes by tag and by folder."""
    tags: Counter[tuple[str, Op]] = Counter()
    folders: Counter[tuple[str, Op]] = Counter()
    for change in changes:
        folder = folder_of(change.file.path)
        for item in change.changes:
            tags[item.tag, item.op] += 1
            folders[folder, item.op] += 1
    return ChangeCounts(_ranked(tags), _ranked(folders))


def _ranked(counts: Mapping[tuple[str, Op], int]) -> list[ChangeCount]:
    names = {name for name, _ in counts}
    found = [ChangeCount(name, *(counts.get((name, op), 0) for op in Op)) for name in names]
    return sorted(found, key=lambda count: (-count.total, count.name))


def unselected_by_folder(coverage: Coverage) -> list[tuple[str, int]]:
    """Return how many files of each folder no entry selects, the most first, then by name."""
    if coverage.folders:
        return list(coverage.folders)
    folders = Counter(map(folder_of, coverage.unselected))
    return sorted(folders.items(), key=lambda item: (-item[1], item[0]))


def folder_of(path: str) -> str:
    """Return the folder part of a path, its slash at the end included."""
    return path[: path.rfind("/") + 1]
