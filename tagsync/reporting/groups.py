"""Group changes by what they do; memory grows with the kinds of change, and hardly with the files."""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

from tagsync.model import Cause, Drift, FileChange, Op, Origin, packed
from tagsync.reporting.subsequence import Subsequence
from tagsync.spool import LazySequence

_CAUSES = (None, *Cause)
_MIXED = len(_CAUSES)


class GroupLine(NamedTuple):
    """One operation on one tag, for all files of a group.

    Attributes:
        op: the operation.
        tag: the tag.
        origin: the first place in the manifests that asks for it; None if no place is known.
        more: whether there are other such places.
        cause: why the change is necessary again; None if it is unknown or differs between files.
    """

    op: Op
    tag: str
    origin: Origin | None
    more: bool
    cause: Cause | None = None


class ChangeGroup(NamedTuple):
    """Files that change in the same way."""

    paths: Sequence[str]
    lines: tuple[GroupLine, ...]


Causes = Mapping[tuple[str, Op, str], Cause]
"""Causes of changes by file ID, operation and tag."""


def groups(changes: Sequence[FileChange], causes: Causes | None = None) -> "Groups":
    """Return changes grouped by what they do, the groups with the most files first, then by the first path."""
    return Groups(changes, _Kinds(changes, causes or {}))


def causes_of(drift: Iterable[Drift]) -> Causes:
    """Return the causes of changes by file ID, operation and tag."""
    return {(item.file_id, item.op, item.tag): item.cause for item in drift}


class Groups(LazySequence[ChangeGroup]):
    """Groups, each made only when it is accessed."""

    def __init__(self, changes: Sequence[FileChange], kinds: "_Kinds", *, removals_first: bool = False) -> None:
        self._changes, self._kinds, self._removals_first = changes, kinds, removals_first
        ranked = kinds.ranked(changes)
        self._order = sorted(ranked, key=kinds.only_adds) if removals_first else ranked

    def removals_first(self) -> "Groups":
        """Return the groups that remove anything before the others, each with its removals before its additions."""
        return Groups(self._changes, self._kinds, removals_first=True)

    def files(self, start: int) -> int:
        """Return the number of files in the groups from index `start` on."""
        counts = self._kinds.counts
        return sum(counts[kind] for kind in self._order[start:])

    def __len__(self) -> int:
        return len(self._order)

    def _at(self, index: int) -> ChangeGroup:
        kind = self._order[index]
        lines = self._kinds.lines(kind)
        if self._removals_first:
            lines = tuple(sorted(lines, key=lambda line: line.op is Op.ADD))
        return ChangeGroup(Subsequence(self._changes, self._kinds.members(kind), _path), lines)


class _Kinds:
    """The distinct sets of operations and tags, each with a number; arrays keep a million of them small."""

    def __init__(self, changes: Iterable[FileChange], known: Causes) -> None:
        self.counts = array("I")
        """How many changes are of each kind."""
        self._known = known
        self._of = array("I")
        """Each change's kind."""
        self._firsts = array("I")
        """Each kind's first change."""
        self._starts = array("I", (0,))
        """Where each kind's lines begin."""
        self._items, self._more, self._causes = array("I"), bytearray(), bytearray()
        """Each line's op and tag, whether several places ask for it, and its cause."""
        self._files, self._places = array("I"), array("Q")
        """The first place that asks for each line: the number of its manifest, from 1, and where there."""
        self._op_tags: dict[tuple[Op, str], int] = {}
        self._manifests: dict[str, int] = {}
        self._names: list[str] = []
        self._numbers: dict[bytes, int] = {}
        self._are_sorted, last = True, ""
        for change in changes:
            self._take(change)
            self._are_sorted = self._are_sorted and last <= change.file.path
            last = change.file.path
        self._by_number = list(self._op_tags)

    def _take(self, change: FileChange) -> None:
        numbers = self._op_tags
        items = array("I", [numbers.setdefault((op, tag), len(numbers)) for op, tag, _ in change.changes])
        key = items.tobytes()
        kind = self._numbers.get(key)
        if kind is None:
            kind = self._numbers[key] = len(self.counts)
            self._firsts.append(len(self._of))
            self.counts.append(0)
            self._items += items
            for column in (self._files, self._places, self._more, self._causes):
                column.extend([0] * len(items))
            self._starts.append(len(self._items))
        self._note(change, kind, is_first=not self.counts[kind])
        self.counts[kind] += 1
        self._of.append(kind)

    def _note(self, change: FileChange, kind: int, *, is_first: bool) -> None:
        for place, item in enumerate(change.changes, self._starts[kind]):
            for reason in item.because:
                self._note_origin(place, reason.origin)
            if self._known:
                cause = _CAUSES.index(self._known.get((change.file.file_id, item.op, item.tag)))
                self._causes[place] = cause if is_first or self._causes[place] == cause else _MIXED

    def _note_origin(self, line: int, origin: Origin) -> None:
        manifests = self._manifests
        file = manifests.get(origin.file)
        if file is None:
            self._names.append(origin.file)
            file = manifests[origin.file] = len(self._names)
        place = packed(origin.line, origin.column)
        least = self._files[line]
        if file == least and place == self._places[line]:
            return
        if least:
            self._more[line] = 1
        if not least or (place < self._places[line] if file == least else origin.file < self._names[least - 1]):
            self._files[line], self._places[line] = file, place

    def _origin(self, line: int) -> Origin | None:
        file, place = self._files[line], self._places[line]
        return Origin(self._names[file - 1], place >> 32, place & 0xFFFFFFFF) if file else None

    def only_adds(self, kind: int) -> bool:
        """Return whether a kind removes nothing."""
        items = self._items[self._starts[kind] : self._starts[kind + 1]]
        return all(self._by_number[item][0] is Op.ADD for item in items)

    def lines(self, kind: int) -> tuple[GroupLine, ...]:
        """Return a kind's lines."""
        return tuple(map(self._line, range(self._starts[kind], self._starts[kind + 1])))

    def _line(self, place: int) -> GroupLine:
        op, tag = self._by_number[self._items[place]]
        cause = self._causes[place]
        return GroupLine(
            op, tag, self._origin(place), bool(self._more[place]), None if cause == _MIXED else _CAUSES[cause]
        )

    def ranked(self, changes: Sequence[FileChange]) -> Sequence[int]:
        """Return the kinds, those with the most files first, then by their first path."""
        counts, firsts = self.counts, self._firsts
        if self._are_sorted:
            return array("I", sorted(range(len(counts)), key=lambda kind: (-counts[kind], firsts[kind])))
        paths = [changes[first].file.path for first in firsts]
        return array("I", sorted(range(len(counts)), key=lambda kind: (-counts[kind], paths[kind], firsts[kind])))

    def members(self, kind: int) -> memoryview:
        """Return the positions of a kind's changes, in order."""
        positions, ends = self._members
        return memoryview(positions)[ends[kind] : ends[kind + 1]]

    @cached_property
    def _members(self) -> tuple["array[int]", "array[int]"]:
        """The positions of all changes, kind by kind, and where each kind ends among them."""
        ends = array("I", accumulate(self.counts, initial=0))
        free = ends[:]
        positions = array("I", bytes(4 * len(self._of)))
        for position, kind in enumerate(self._of):
            positions[free[kind]] = position
            free[kind] += 1
        return positions, ends


def _path(change: FileChange, _position: int) -> str:
    return change.file.path
