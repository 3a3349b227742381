"""Look up entries by path and file ID while iterating over the files in path order."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import groupby
from operator import itemgetter

from tagsync.model import ById, ByPath, Declaration, Entry, IndexedEntries, NumberedEntry


def indexed(entries: Collection[Entry] | IndexedEntries) -> IndexedEntries:
    """Return an index of entries; those of manifests are indexed already."""
    return entries if isinstance(entries, IndexedEntries) else _FewEntries(entries)


class _FewEntries:
    """An index in memory for a few entries, like those that changed since a revision."""

    def __init__(self, entries: Collection[Entry]) -> None:
        self._entries = entries
        self._by_path: list[tuple[str, int, Entry]] = []
        self._by_id: dict[str, list[NumberedEntry]] = defaultdict(list)
        self._matching: list[NumberedEntry] = []
        for number, entry in enumerate(entries):
            match entry.selector:
                case ByPath(path):
                    self._by_path.append((path, number, entry))
                case ById(file_id):
                    self._by_id[file_id].append((number, entry))
                case _:
                    self._matching.append((number, entry))
        self._by_path.sort(key=itemgetter(0))

    def declarations(self) -> Iterator[Declaration]:
        return (entry.declaration for entry in self._entries)

    def by_path(self) -> Iterator[tuple[str, int, Entry]]:
        return iter(self._by_path)

    def by_id(self) -> Iterator[NumberedEntry]:
        return (found for same in self._by_id.values() for found in same)

    def with_id(self, file_id: str) -> Sequence[NumberedEntry]:
        return self._by_id.get(file_id, ())

    def matching(self) -> Iterator[NumberedEntry]:
        return iter(self._matching)


class PathEntries:
    """Look up the entries of each path, in one pass over sorted paths.

    Args:
        index: the entries.
        missed: called with each entry whose path did not occur.
    """

    def __init__(self, index: IndexedEntries, missed: Callable[[Entry], None]) -> None:
        self._groups = groupby(index.by_path(), key=itemgetter(0))
        self._missed = missed
        self._path: str | None = None
        self._entries: list[NumberedEntry] = []
        self._was_seen = True
        self._advance()

    def at(self, path: str) -> Sequence[NumberedEntry]:
        """Return the entries of a path. Successive calls must not go back in the order."""
        while self._path is not None and self._path < path:
            self._advance()
        if self._path != path:
            return ()
        self._was_seen = True
        return self._entries

    def finish(self) -> None:
        """Report the remaining entries as missed."""
        while self._path is not None:
            self._advance()

    def _advance(self) -> None:
        if not self._was_seen:
            for _, entry in self._entries:
                self._missed(entry)
        self._path, rows = next(self._groups, (None, ()))
        self._entries = [row[1:] for row in rows]
        self._was_seen = False


class IdEntries:
    """Look up the entries of each file ID, and remember which were found."""

    def __init__(self, index: IndexedEntries) -> None:
        self._index = index
        self._any = next(index.by_id(), None) is not None
        self._seen = bytearray()  # one byte for each entry number: a set of a million numbers takes 60 times as much

    def of(self, file_id: str) -> Sequence[NumberedEntry]:
        """Return the entries of a file ID."""
        if not self._any:
            return ()
        entries = self._index.with_id(file_id)
        for number, _ in entries:
            if number >= len(self._seen):
                self._seen.extend(bytes(number + 1 - len(self._seen)))
            self._seen[number] = 1
        return entries

    def missed(self) -> Iterator[Entry]:
        """Yield the entries whose IDs did not occur."""
        known = len(self._seen)
        return (entry for number, entry in self._index.by_id() if number >= known or not self._seen[number])
