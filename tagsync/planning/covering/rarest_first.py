"""Rarest tag first: calls for the tag that the fewest files need take along what those files have in common."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from heapq import heapify, heappop, heappush
from itertools import chain

from tagsync.planning.covering.calls import Call, Limits, Row, Rows

RARITY = 0.5
"""A cell is worth its tag's number of needed cells to the power of minus this: few other calls can take a rare tag."""


class _Search:
    """What is left to cover, and how a call is widened and filled up; arguments as for `rarest_first`."""

    def __init__(self, needed: Rows, allowed: Rows, limits: Limits) -> None:
        self.left = list(needed)
        """What each file still needs."""
        self.allowed = allowed
        self.limits = limits
        self.lacking: list[set[int]] = [set() for _ in limits.lengths]
        """The files that still need each tag."""
        for file, tags in enumerate(needed):
            for tag in tags:
                self.lacking[tag].add(file)
        self._allowing: list[list[int]] = [[] for _ in limits.lengths]
        """The files that may get each tag; those that need nothing more may be gone."""
        for file, tags in enumerate(allowed):
            for tag in tags:
                self._allowing[tag].append(file)
        self.worth = [len(files) ** -RARITY if files else 0.0 for files in self.lacking]
        """What covering one cell of each tag is worth."""
        self.calls: list[Call] = []

    def rarest_tags(self) -> Iterator[int]:
        """Yield the tag that the fewest files need, again and again, until nothing is left to cover."""
        heap = [(len(files), tag) for tag, files in enumerate(self.lacking) if files]
        heapify(heap)
        while heap:
            count, tag = heappop(heap)
            files = self.lacking[tag]
            if len(files) == count:
                yield tag
            if files:
                heappush(heap, (len(files), tag))

    def widened(self, files: list[int], tag: int) -> tuple[list[int], set[int]]:
        """Return files and tags of a call for too few files: widened by what they share, filled up with others.

        Others join with what they themselves need of what all share, so that files join that lack different tags.
        """
        tags = self.closed(files, {tag})
        if len(files) == self.limits.files:
            return files, tags
        common = self._common(files)
        joined = list(files)
        for file in self._gaining(files, tags, common):
            # The call's tags, those too that came with files before, may be forbidden here.
            if not tags <= self.allowed[file]:
                continue
            shared = common & self.allowed[file]
            wider = self.limits.filled(tags, self._by_worth(self.left[file] & shared - tags))
            if not wider.isdisjoint(self.left[file]):
                joined.append(file)
                tags, common = wider, shared
            if len(joined) == self.limits.files:
                break
        return joined, tags

    def _gaining(self, files: list[int], tags: set[int], common: Row) -> list[int]:
        """Return files that may yet join a call: those first that need most of what its files share."""
        left, worth = self.left, self.worth
        gaining = [
            (-sum([worth[tag] for tag in left[file] & common]), file)
            for file in self._able(tags).difference(files)
            if not left[file].isdisjoint(common)
        ]
        return [file for _, file in sorted(gaining)]

    def _able(self, tags: set[int]) -> set[int]:
        """Return unfinished files among which are all that may get tags; those that need nothing more are forgotten."""
        rarest = min(tags, key=lambda tag: (len(self._allowing[tag]), tag))
        self._allowing[rarest] = [file for file in self._allowing[rarest] if self.left[file]]
        return set(self._allowing[rarest])

    def _by_worth(self, tags: Iterable[int]) -> list[int]:
        return sorted(tags, key=lambda tag: (-self.worth[tag], tag))

    def _common(self, files: Sequence[int]) -> Row:
        """Return the tags that all of some files may get."""
        return frozenset.intersection(*[self.allowed[file] for file in files])

    def closed(self, files: Sequence[int], tags: Iterable[int]) -> set[int]:
        """Return tags and, by worth, as many others as fit that all files may get and one of them needs."""
        tags = set(tags)
        together = frozenset(files)
        useful = []
        for tag in self._common(files) - tags:
            gaining = len(self.lacking[tag] & together)
            if gaining:
                useful.append((-gaining * self.worth[tag], tag))
        return self.limits.filled(tags, [tag for _, tag in sorted(useful)])

    def send(self, files: Sequence[int], tags: Iterable[int]) -> None:
        """Note a call, widened to all that its files share, and what it covers."""
        row = Row(self.closed(files, tags))
        self.calls.append(Call(tuple(sorted(files)), row))
        for file in files:
            for tag in self.left[file] & row:
                self.lacking[tag].discard(file)
            self.left[file] -= row


def rarest_first(needed: Rows, allowed: Rows, limits: Limits) -> list[Call]:
    """Cover cells, one tag after another, the one that the fewest files still need first.

    While a call's worth of files needs the tag, they are split by the tag that is worth most to them, again and again,
    and full calls are sent; the few that remain take along whatever they have in common, and others that gain from it.

    Args:
        needed: what each file must get.
        allowed: what each file may get, its needed tags included.
        limits: how much one call takes; each tag alone fits.

    Returns:
        Calls that together cover all that is needed, and nothing that is not allowed.
    """
    search = _Search(needed, allowed, limits)
    for tag in search.rarest_tags():
        files = sorted(search.lacking[tag])
        rest = _split(search, files, {tag})
        if rest:
            search.send(*search.widened(rest, tag))
    return search.calls


def _split(search: _Search, files: list[int], tags: set[int]) -> list[int]:
    """Send calls of full size that carry tags and more; return the files that are left, too few for another."""
    size = search.limits.files
    if len(files) < size:
        return files
    tags = search.closed(files, tags)
    while len(files) >= size:
        best = _best_split(search, files, tags)
        if best is None:
            return _send_heaviest(search, files, tags)
        inside = [file for file in files if best in search.allowed[file]]
        outside = [file for file in files if best not in search.allowed[file]]
        files = outside + _split(search, inside, tags | {best})
    return files


def _best_split(search: _Search, files: list[int], tags: set[int]) -> int | None:
    """Return the tag worth most to files, among those that a call's worth of them may get, and that fit."""
    gain = Counter(chain.from_iterable(map(search.left.__getitem__, files)))
    common = Counter(chain.from_iterable(map(search.allowed.__getitem__, files)))
    size, worth, limits = search.limits.files, search.worth, search.limits
    ranked = sorted((-gain[tag] * worth[tag], tag) for tag in gain if common[tag] >= size and tag not in tags)
    return next((tag for _, tag in ranked if limits.fit([*tags, tag])), None)


def _send_heaviest(search: _Search, files: list[int], tags: set[int]) -> list[int]:
    """Send full calls, the files that need most of the tags first; return those left over."""
    worth, left, size = search.worth, search.left, search.limits.files
    weight = {file: -sum([worth[tag] for tag in left[file] & tags]) for file in files}
    ordered = sorted(files, key=lambda file: (weight[file], file))
    full = len(files) // size * size
    for start in range(0, full, size):
        search.send(ordered[start : start + size], tags)
    return ordered[full:]
