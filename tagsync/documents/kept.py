"""Changes and other lists kept as the lines that documents hold, outside of memory where they are many; no documents.

A line is read anew each time that its item is asked for.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from tagsync.documents.canonical import canonical, change_document
from tagsync.documents.lines import change_of
from tagsync.model import FileChange
from tagsync.spool import Spool, few_or_rest

T = TypeVar("T")

MADE_IN_MEMORY = 1 << 16
"""So many changes stay in memory when a plan is made: they are there already, and reading them anew takes time."""

_BESIDE = b"\t"
"""Stands between a line, which holds none, and what documents do not tell of the file's changes."""


class Changes(Spool[FileChange]):
    """Changes outside of memory.

    Args:
        records: a line of canonical JSON each.
        exact: whether the lines hold the changes alone; those of a report tell what became of them, too.
    """

    def __init__(self, records: Iterable[bytes], *, exact: bool = True) -> None:
        super().__init__(records, _change)
        self._exact = exact

    def lines(self) -> Collection[str]:
        """Return the changes as lines of canonical JSON."""
        return _Lines(self)

    def each_line(self) -> Iterator[str]:
        """Yield the changes as lines of canonical JSON."""
        if self._exact:
            return (record.partition(_BESIDE)[0].decode("ascii") for record in self.records())
        return (canonical(change_document(change)) for change in self)


class _Lines(Collection[str]):
    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    def __len__(self) -> int:
        return len(self._changes)

    def __iter__(self) -> Iterator[str]:
        return self._changes.each_line()

    def __contains__(self, line: object) -> bool:
        return any(line == mine for mine in self)


def kept_changes(changes: Iterable[FileChange]) -> Sequence[FileChange]:
    """Return changes as a sequence: a tuple if they are few, else outside of memory."""
    few, many = few_or_rest(changes, MADE_IN_MEMORY)
    return few if many is None else Changes(map(_record, many))


def kept_lines(lines: Iterable[bytes], *, exact: bool) -> tuple[Sequence[FileChange], Collection[str]]:
    """Return changes and their lines, from checked lines; see `Changes`."""
    few, many = few_or_rest(lines)
    if many is not None:
        changes = Changes(many, exact=exact)
        return changes, changes.lines()
    return tuple(map(change_of, few)), tuple([line.decode("ascii") for line in few])


def kept(lines: Iterable[bytes], decode: Callable[[bytes], T]) -> Sequence[T]:
    """Return the items of checked lines: a tuple if they are few, else outside of memory."""
    few, many = few_or_rest(lines)
    return tuple(map(decode, few)) if many is None else Spool(many, decode)


def _record(change: FileChange) -> bytes:
    line = canonical(change_document(change))
    created = change.file.created_at
    beside = f"\t{canonical(created)}" if created else ""
    return (line + beside).encode("ascii")


def _change(record: bytes) -> FileChange:
    line, _, beside = record.partition(_BESIDE)
    change = change_of(line)
    if not beside:
        return change
    return replace(change, file=replace(change.file, created_at=json.loads(beside)))
