"""Changes grouped by what they do, in memory that grows with the kinds of change and not with the files; no layout."""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, overload

from tagsync.model import Cause, Drift, FileChange, Op, Origin, packed
from tagsync.reporting.views import View

_CAUSES = (None, *Cause)
_MIXED = len(_CAUSES)


class Line(NamedTuple):
    """One tag of a group, and where it was asked for, as far as is known; `more` says that there were other places.

    `cause` is there where it is known and the same for all files of the group.
    """

    op: Op
    tag: str
    origin: Origin | None
    more: bool
    cause: Cause | None = None


class Group(NamedTuple):
    """Files that change in the same way."""

    paths: Sequence[str]
    lines: tuple[Line, ...]


Causes = Mapping[tuple[str, Op, str], Cause]
"""Causes of changes by file id, op and tag."""


def groups(changes: Sequence[FileChange], drift: Iterable[Drift] = ()) -> "Groups":
    """Return changes grouped by what they do, with their causes: most files first, then by the first path."""
    return Groups(changes, _Kinds(changes, causes_of(drift)))


def removals_first(found: "Groups") -> "Groups":
    """Return groups, those that remove anything first, with their removals before their additions."""
    return found.turned()


def causes_of(drift: Iterable[Drift]) -> Causes:
    """Return the causes of changes by what they are the causes of."""
    return {(item.file_id, item.op, item.tag): item.cause for item in drift}


class Groups(Sequence[Group]):
    """Groups, each made when it is asked for; `turned` ones have their removals first, see `removals_first`."""

    def __init__(self, changes: Sequence[FileChange], kinds: "_Kinds", *, turned: bool = False) -> None:
        self._changes, self._kinds, self._turned = changes, kinds, turned
        ranked = kinds.ranked(changes)
        self._order = sorted(ranked, key=kinds.only_adds) if turned else ranked
        self._members = kinds.members()

    def turned(self) -> "Groups":
        """Return them with what removes anything first."""
        return Groups(self._changes, self._kinds, turned=True)

    def files(self, start: int) -> int:
        """Return how many files the groups from that one on have."""
        counts = self._kinds.counts
        return sum(counts[kind] for kind in self._order[start:])

    def __len__(self) -> int:
        return len(self._order)

    @overload
    def __getitem__(self, index: int) -> Group: ...
    @overload
    def __getitem__(self, index: slice) -> list[Group]: ...
    def __getitem__(self, index: int | slice) -> Group | list[Group]:
        kinds = self._order[index]
        return self._group(kinds) if isinstance(kinds, int) else list(map(self._group, kinds))

    def __iter__(self) -> Iterator[Group]:
        return map(self._group, self._order)

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def _group(self, kind: int) -> Group:
        lines = self._kinds.lines(kind)
        if self._turned:
            lines = tuple(sorted(lines, key=lambda line: line.op is Op.ADD))
        return Group(View(self._changes, self._members[kind], _path), lines)


class _Kinds:
    """What is told apart: sets of ops and tags, by number, with a few figures each."""

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
        """Tell whether a kind removes nothing."""
        items = self._items[self._starts[kind] : self._starts[kind + 1]]
        return all(self._by_number[item][0] is Op.ADD for item in items)

    def lines(self, kind: int) -> tuple[Line, ...]:
        """Return a kind's lines."""
        return tuple(map(self._line, range(self._starts[kind], self._starts[kind + 1])))

    def _line(self, place: int) -> Line:
        op, tag = self._by_number[self._items[place]]
        cause = self._causes[place]
        return Line(op, tag, self._origin(place), bool(self._more[place]), None if cause == _MIXED else _CAUSES[cause])

    def ranked(self, changes: Sequence[FileChange]) -> Sequence[int]:
        """Return the kinds, those of most files first, then by their first path."""
        counts, firsts = self.counts, self._firsts
        if self._are_sorted:
            return array("I", sorted(range(len(counts)), key=lambda kind: (-counts[kind], firsts[kind])))
        paths = [changes[first].file.path for first in firsts]
        return array("I", sorted(range(len(counts)), key=lambda kind: (-counts[kind], paths[kind], firsts[kind])))

    def members(self) -> "_Members":
        """Return the places of each kind's changes."""
        return _Members(self._of, self.counts)


class _Members:
    """The places of each kind's changes, in order."""

    def __init__(self, of: "array[int]", counts: "array[int]") -> None:
        self._ends = array("I", (0,))
        for count in counts:
            self._ends.append(self._ends[-1] + count)
        free = self._ends[:]
        self._places = array("I", bytes(4 * len(of)))
        for place, kind in enumerate(of):
            self._places[free[kind]] = place
            free[kind] += 1

    def __getitem__(self, kind: int) -> memoryview:
        return memoryview(self._places)[self._ends[kind] : self._ends[kind + 1]]


def _path(change: FileChange) -> str:
    return change.file.path
