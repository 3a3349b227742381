"""Group changes by what they do; memory grows with the kinds of change, and hardly with the files."""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

from tagsync.model import Cause, Change, Drift, FileChange, Op, Origin
from tagsync.reporting.subsequence import Subsequence
from tagsync.spool import LazySequence

_CAUSES = (None, *Cause)
_MIXED = len(_CAUSES)


class GroupLine(NamedTuple):
    """One operation on one tag, for all files of a group.

    Attributes:
        op: the operation.
        tag: the tag.
        origin: the first place in the manifests that asks for it; None if no place is known, or if the places differ
            between files.
        more: the number of other such places.
        cause: why the change is necessary again; None if it is unknown or differs between files.
    """

    op: Op
    tag: str
    origin: Origin | None
    more: int
    cause: Cause | None = None


class ChangeGroup(NamedTuple):
    """Files that change in the same way."""

    paths: Sequence[str]
    lines: tuple[GroupLine, ...]


Causes = Mapping[tuple[str, Op, str], Cause]
"""Causes of changes by file ID, operation and tag."""


def groups(changes: Sequence[FileChange], causes: Causes | None = None) -> "Groups":
    """Return changes grouped by what they do, the groups with the most files first, then by the first path."""
    return Groups(changes, causes or {})


def causes_of(drift: Iterable[Drift]) -> Causes:
    """Return the causes of changes by file ID, operation and tag."""
    return {(item.file_id, item.op, item.tag): item.cause for item in drift}


class Groups(LazySequence[ChangeGroup]):
    """Groups, each made only when it is accessed.

    Args:
        changes: the changes.
        causes: why they are necessary again, as far as it is known.
        by_place: whether files whose changes other places in the manifests ask for are in a group of their own.
        removals_first: whether groups and lines that remove anything come before the others.
    """

    def __init__(
        self, changes: Sequence[FileChange], causes: Causes, *, by_place: bool = False, removals_first: bool = False
    ) -> None:
        self._changes, self._causes, self._by_place, self._removals_first = changes, causes, by_place, removals_first

    def removals_first(self) -> "Groups":
        """Return the groups that remove anything before the others, each with its removals before its additions."""
        return Groups(self._changes, self._causes, by_place=self._by_place, removals_first=True)

    def by_place(self) -> "Groups":
        """Return groups whose files all change because of the same places in the manifests."""
        return Groups(self._changes, self._causes, by_place=True, removals_first=self._removals_first)

    @cached_property
    def _kinds(self) -> "_Kinds":
        return _Kinds(self._changes, self._causes, by_place=self._by_place)

    @cached_property
    def _order(self) -> Sequence[int]:
        ranked = self._kinds.ranked(self._changes)
        return sorted(ranked, key=self._kinds.only_adds) if self._removals_first else ranked

    def files(self, start: int) -> int:
        """Return the number of files in the groups from index `start` on."""
        counts = self._kinds.counts
        return sum(counts[kind] for kind in self._order[start:])

    def __len__(self) -> int:
        return len(self._order)

    def _at(self, index: int) -> ChangeGroup:
        kind = self._order[index]
        lines = self._kinds.lines(kind, self._changes)
        if self._removals_first:
            lines = tuple(sorted(lines, key=lambda line: line.op is Op.ADD))
        return ChangeGroup(Subsequence(self._changes, self._kinds.members(kind), _path), lines)


class _Kinds:
    """The distinct sets of operations and tags, each with a number; arrays keep a million of them small."""

    def __init__(self, changes: Iterable[FileChange], known: Causes, *, by_place: bool) -> None:
        self.counts = array("I")
        """How many changes are of each kind."""
        self._known, self._by_place = known, by_place
        self._of = array("I")
        """Each change's kind."""
        self._firsts = array("I")
        """Each kind's first change."""
        self._starts = array("I", (0,))
        """Where each kind's lines begin."""
        self._items, self._causes = array("I"), bytearray()
        """Each line's op and tag, and its cause."""
        self._places, self._differs = array("q"), bytearray()
        """A hash of the places that ask for each line, and whether they differ between files."""
        self._op_tags: dict[tuple[Op, str], int] = {}
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
        places = array("q", [hash(_places(item)) for item in change.changes])
        key = items.tobytes() + places.tobytes() if self._by_place else items.tobytes()
        kind = self._numbers.get(key)
        if kind is None:
            kind = self._numbers[key] = len(self.counts)
            self._firsts.append(len(self._of))
            self.counts.append(0)
            self._items += items
            self._places += places
            self._differs.extend(bytes(len(items)))
            self._causes.extend(bytes(len(items)))
            self._starts.append(len(self._items))
        self._note(change, places, kind)
        self.counts[kind] += 1
        self._of.append(kind)

    def _note(self, change: FileChange, places: "array[int]", kind: int) -> None:
        is_first = not self.counts[kind]
        for line, (item, place) in enumerate(zip(change.changes, places, strict=True), self._starts[kind]):
            if place != self._places[line]:
                self._differs[line] = 1
            if self._known:
                cause = _CAUSES.index(self._known.get((change.file.file_id, item.op, item.tag)))
                self._causes[line] = cause if is_first or self._causes[line] == cause else _MIXED

    def only_adds(self, kind: int) -> bool:
        """Return whether a kind removes nothing."""
        items = self._items[self._starts[kind] : self._starts[kind + 1]]
        return all(self._by_number[item][0] is Op.ADD for item in items)

    def lines(self, kind: int, changes: Sequence[FileChange]) -> tuple[GroupLine, ...]:
        """Return a kind's lines."""
        first = changes[self._firsts[kind]]
        return tuple(map(self._line, range(self._starts[kind], self._starts[kind + 1]), first.changes))

    def _line(self, line: int, change: Change) -> GroupLine:
        places = () if self._differs[line] else sorted(set(_places(change)))
        cause = self._causes[line]
        return GroupLine(
            change.op,
            change.tag,
            places[0] if places else None,
            max(0, len(places) - 1),
            None if cause == _MIXED else _CAUSES[cause],
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


def _places(change: Change) -> tuple[Origin, ...]:
    return tuple(reason.origin for reason in change.because)


def _path(change: FileChange, _position: int) -> str:
    return change.file.path
