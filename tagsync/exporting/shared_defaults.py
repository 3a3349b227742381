"""Group files that share tags into manifests, so that each manifest's defaults state the shared tags once.

The search is greedy. It starts with the tag that takes up most text. If the files that have it save enough text as a
manifest of their own, they become a group, and the search continues inside and outside of that group. If a group
shrinks until it no longer pays, its files go back into the manifest without defaults.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from heapq import heapify, heappop, heappush
from typing import Generic, NamedTuple, TypeVar

from tagsync.exporting.manifest_text import BETWEEN, ENVELOPE, TAGS_LINE, tag_scalar

Item = TypeVar("Item")

THRIFT = 6
"""A manifest must save this many times its own length, because readers prefer few files to few bytes."""

_Numbered = tuple[int, frozenset[str]]
"""A file's number, and those of its tags that are not in its manifest's defaults."""


class SharedDefaults(NamedTuple, Generic[Item]):
    """Files that share a manifest: the tags in its defaults, and each file with its other tags."""

    defaults: tuple[str, ...]
    members: tuple[tuple[Item, tuple[str, ...]], ...]


def share_defaults(files: Sequence[tuple[Item, Iterable[str]]]) -> list[SharedDefaults[Item]]:
    """Group files into manifests, the one without defaults first; members keep their order."""
    groups: dict[tuple[str, ...], list[_Numbered]] = {}
    for defaults, members in _split([(number, frozenset(tags)) for number, (_, tags) in enumerate(files)]):
        bare = sum(not tags for _, tags in members)
        # The group no longer pays if its subgroups have taken most of its files.
        if defaults and _pays(len(members), defaults, defaults, bare=bare):
            groups[tuple(sorted(defaults))] = members
        else:
            groups.setdefault((), []).extend((number, tags | defaults) for number, tags in members)
    return [
        SharedDefaults(
            defaults, tuple((files[number][0], tuple(sorted(tags))) for number, tags in sorted(members, key=_number))
        )
        for defaults, members in sorted(groups.items(), key=lambda group: (bool(group[0]), min(map(_number, group[1]))))
    ]


def _split(files: list[_Numbered]) -> Iterator[tuple[frozenset[str], list[_Numbered]]]:
    """Yield groups with different defaults, and their members without these tags."""
    waiting: list[tuple[frozenset[str], list[_Numbered]]] = [(frozenset(), files)]
    while waiting:
        defaults, members = waiting.pop()
        taken: set[int] = set()
        for more, places in _subgroups(defaults, members):
            taken.update(places)
            waiting.append((defaults | more, [(members[at][0], members[at][1] - more) for at in places]))
        rest = [member for at, member in enumerate(members) if at not in taken]
        if rest:
            yield defaults, rest


def _subgroups(defaults: frozenset[str], members: Sequence[_Numbered]) -> Iterator[tuple[frozenset[str], list[int]]]:
    """Yield groups inside a group that pay: their common tags, and the positions of their members."""
    places: dict[str, list[int]] = {}
    for at, (_, tags) in enumerate(members):
        for tag in tags:
            places.setdefault(tag, []).append(at)
    counts = Counter({tag: len(having) for tag, having in places.items() if len(having) > 1})
    taken: set[int] = set()
    heap = [(-count * _length(tag), tag) for tag, count in counts.items()]
    heapify(heap)
    while heap:
        weight, tag = heappop(heap)
        now = -counts[tag] * _length(tag)
        if now != weight:  # some of its files went into other groups
            if counts[tag] > 1:
                heappush(heap, (now, tag))
            continue
        having = [at for at in places[tag] if at not in taken]
        # Files with this tag may share more tags, which then become defaults too.
        common = frozenset.intersection(*(members[at][1] for at in having))
        bare = sum(len(members[at][1]) == len(common) for at in having)
        if _pays(len(having), common, common | defaults, bare=bare):
            taken.update(having)
            for at in having:
                counts.subtract(members[at][1] & counts.keys())
            yield common, having


def _pays(count: int, saved: Iterable[str], defaults: Iterable[str], *, bare: int) -> bool:
    """Return whether a manifest saves enough text.

    Args:
        count: the number of its files.
        saved: the tags that these files' entries no longer need.
        defaults: the tags in its defaults.
        bare: the number of files with no other tags.
    """
    cost = ENVELOPE + sum(map(_length, defaults))
    return count * sum(map(_length, saved)) + bare * TAGS_LINE > THRIFT * cost


@lru_cache(maxsize=1 << 16)
def _length(tag: str) -> int:
    return len(tag_scalar(tag)) + BETWEEN


def _number(member: _Numbered) -> int:
    return member[0]
