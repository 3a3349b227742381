"""Which files share a document, so that its defaults carry what they have in common and the text becomes short.

Tags are put in order, the frequent ones first, and the files' sets into a tree of their beginnings. Each node may
become a document whose defaults are its beginning; a file stands in the document of its nearest such node. From the
leaves up the cheapest choice is known for each depth at which the nearest document above may be.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

from tagsync.exporting.text import BETWEEN, SHEET, TAGS_LINE, scalar

Item = TypeVar("Item")


class Group(NamedTuple, Generic[Item]):
    """Files that share a document: its defaults, and each file with the tags that it has beside them."""

    defaults: tuple[str, ...]
    members: tuple[tuple[Item, tuple[str, ...]], ...]


class _Node(Generic[Item]):
    """A beginning of ordered sets of tags.

    Attributes:
        tags: the beginning.
        lengths: what its first tags take, by their number.
        items: what has exactly these tags.
        costs: what everything below takes at the least, if the nearest document above is at such a depth.
        opens: whether a document here is cheaper, likewise.
    """

    __slots__ = ("children", "costs", "items", "lengths", "opens", "tags")

    def __init__(self, tags: tuple[str, ...], lengths: tuple[int, ...]) -> None:
        self.tags = tags
        self.lengths = lengths
        self.items: list[Item] = []
        self.children: dict[str, _Node[Item]] = {}
        self.costs: tuple[int, ...] = ()
        self.opens: tuple[bool, ...] = ()

    def child(self, tag: str) -> "_Node[Item]":
        found = self.children.get(tag)
        if found is None:
            lengths = (*self.lengths, self.lengths[-1] + len(scalar(tag)) + BETWEEN)
            found = self.children[tag] = _Node((*self.tags, tag), lengths)
        return found

    def settle(self) -> None:
        """Choose, once all children have chosen."""
        depth = len(self.tags)
        below = [sum(column) for column in zip(*(child.costs for child in self.children.values()), strict=False)]
        own = [len(self.items) * self._rest(above) for above in range(depth + 1)]
        costs = [item + (below[above] if below else 0) for above, item in enumerate(own)]
        here = costs[depth] + SHEET + self.lengths[depth]
        self.opens = tuple(here < cost for cost in costs[:depth])
        self.costs = (*(min(here, cost) for cost in costs[:depth]), costs[depth])

    def _rest(self, above: int) -> int:
        """Return what the tags of one file take that are not in the defaults of a document above."""
        return TAGS_LINE + self.lengths[-1] - self.lengths[above] if above < len(self.tags) else 0


def shared(files: Sequence[tuple[Item, Iterable[str]]]) -> list[Group[Item]]:
    """Return files in groups, one for each document, the one without defaults first; members keep their order."""
    frequency = Counter(tag for _, tags in files for tag in tags)
    root: _Node[int] = _Node((), (0,))
    nodes = [root]
    for number, (_, tags) in enumerate(files):
        node = root
        for tag in sorted(tags, key=lambda tag: (-frequency[tag], tag)):
            if tag not in node.children:
                nodes.append(node.child(tag))
            node = node.children[tag]
        node.items.append(number)
    for node in reversed(nodes):
        node.settle()
    groups: dict[tuple[str, ...], list[tuple[int, tuple[str, ...]]]] = {(): []}
    _collect(root, groups)
    return [
        Group(defaults, tuple((files[number][0], rest) for number, rest in sorted(members)))
        for defaults, members in sorted(groups.items(), key=lambda group: (bool(group[0]), min(group[1], default=None)))
        if members
    ]


def _collect(root: _Node[int], groups: dict[tuple[str, ...], list[tuple[int, tuple[str, ...]]]]) -> None:
    waiting: list[tuple[_Node[int], int]] = [(root, 0)]
    while waiting:
        node, above = waiting.pop()
        depth = len(node.tags)
        if above < depth and node.opens[above]:
            above = depth
        rest = tuple(sorted(node.tags[above:]))
        for number in node.items:
            groups.setdefault(node.tags[:above], []).append((number, rest))
        waiting.extend((child, above) for child in node.children.values())
