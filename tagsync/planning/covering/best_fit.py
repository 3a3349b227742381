"""Best fit, for removals where the length of a call's tags is limited: alike files share a call."""

from collections import Counter
from dataclasses import dataclass, field
from itertools import chain

from tagsync.planning.covering.calls import Call, Limits, Row, Rows

MOST_COMPARISONS = 6_000_000
"""So often a file's tags are held beside an open call's: fewer calls are open at a time where there are more files."""


def best_fit(needed: Rows, forbidden: Rows, limits: Limits) -> list[Call]:
    """Put file after file into the open call whose tags it lengthens least; files with the same usual tags in a row.

    Args:
        needed: the tags that must go from each file.
        forbidden: the tags that must not go; every other tag may be taken from the file without harm.
        limits: how much one call takes.

    Returns:
        Calls that together cover all that is needed, and nothing that is forbidden.
    """
    opened: list[_Open] = []
    calls: list[_Open] = []
    most = max(10, min(100, MOST_COMPARISONS // (len(needed) or 1)))
    for file, tags in _alike_in_a_row(needed, limits):
        call = _tightest(opened, tags, forbidden[file], limits)
        if call is None:
            if len(opened) == most:
                opened.remove(max(opened, key=lambda item: item.length))
            call = _Open()
            opened.append(call)
            calls.append(call)
        call.add(file, tags, forbidden[file], limits)
        if len(call.files) == limits.files:
            opened.remove(call)
    return [Call(tuple(sorted(call.files)), Row(call.tags)) for call in calls]


@dataclass(slots=True, eq=False)
class _Open:
    """A call that may take more files; its length counts a comma after each tag."""

    files: set[int] = field(default_factory=set)
    tags: set[int] = field(default_factory=set)
    spared: set[int] = field(default_factory=set)
    length: int = 0

    def growth(self, tags: Row, limits: Limits) -> int:
        return sum([limits.lengths[tag] + 1 for tag in tags - self.tags])

    def add(self, file: int, tags: Row, spared: Row, limits: Limits) -> None:
        self.length += self.growth(tags, limits)
        self.files.add(file)
        self.tags |= tags
        self.spared |= spared


def _alike_in_a_row(needed: Rows, limits: Limits) -> list[tuple[int, Row]]:
    """Return each file with its tags, or with as many of them at a time as fit into a call, the usual tags first."""
    count = Counter(chain.from_iterable(needed))
    rank = {tag: number for number, tag in enumerate(sorted(count, key=lambda tag: (-count[tag], tag)))}
    items = [
        (sorted(map(rank.__getitem__, part)), file, part)
        for file, row in enumerate(needed)
        for part in limits.parts(sorted(row, key=rank.__getitem__))
    ]
    return [(file, part) for _, file, part in sorted(items, key=lambda item: item[:2])]


def _tightest(opened: list[_Open], tags: Row, spared: Row, limits: Limits) -> _Open | None:
    """Return the call that grows least of those with room in which nothing clashes."""
    best, least = None, 0
    for call in opened:
        if call.spared.isdisjoint(tags) and call.tags.isdisjoint(spared):
            growth = call.growth(tags, limits)
            if (best is None or growth < least) and _has_room(call, growth, limits):
                best, least = call, growth
    return best


def _has_room(call: _Open, growth: int, limits: Limits) -> bool:
    return not growth or limits.characters is None or call.length + growth - 1 <= limits.characters
