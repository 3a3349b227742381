"""Cover additions and removals by rarest tag first: each call starts from a tag that few files need.

A rare tag fits into few calls, so it decides which files a call has. Common tags fit into many calls and fill the gaps.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from heapq import heapify, heappop, heappush
from itertools import chain

from tagsync.planning.covering.calls import Call, Limits, Row, Rows

RARITY = 0.5
"""A cell is worth its tag's number of needed cells to the power of minus this. So rare tags are worth more."""

FINISHED = Row()


class _Search:
    """The state of the search: what is left to cover, and the calls so far. See `rarest_first` for the arguments."""

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
        """The files that may get each tag; finished files are dropped now and then."""
        for file, tags in enumerate(allowed):
            for tag in tags:
                self._allowing[tag].append(file)
        self.worth = [len(files) ** -RARITY if files else 0.0 for files in self.lacking]
        """What covering one cell of each tag is worth."""
        self.calls: list[Call] = []

    def rarest_tags(self) -> Iterator[int]:
        """Yield the tag that the fewest files still need, until nothing is left to cover."""
        heap = [(len(files), tag) for tag, files in enumerate(self.lacking) if files]
        heapify(heap)
        while heap:
            count, tag = heappop(heap)
            files = self.lacking[tag]
            # Calls for other tags may have covered some of its cells. Then it goes back with its new count.
            if len(files) == count:
                yield tag
            if files:
                heappush(heap, (len(files), tag))

    def widened(self, files: list[int], tag: int) -> tuple[list[int], set[int]]:
        """Extend a call that has too few files: add what they have in common, then other files.

        A file joins with the tags that it needs itself and that all files may get. So files that lack different tags
        can share a call.
        """
        tags = self.closed(files, {tag})
        if len(files) == self.limits.files:
            return files, tags
        common = self._common(files)
        joined = list(files)
        for file in self._gaining(files, tags, common):
            # Files that joined before may have added tags that are forbidden on this one.
            if not tags <= self.allowed[file]:
                continue
            shared = common & self.allowed[file]
            wider = self.limits.filled(tags, self._by_worth(self.left[file] & shared - tags))
            # A file that gets nothing it needs would only take the place of another.
            if not wider.isdisjoint(self.left[file]):
                joined.append(file)
                tags, common = wider, shared
            if len(joined) == self.limits.files:
                break
        return joined, tags

    def _gaining(self, files: list[int], tags: set[int], common: Row) -> list[int]:
        """Return the files that may still join a call, those first that need most of what its files share."""
        left, worth = self.left, self.worth
        gaining = [
            (-sum([worth[tag] for tag in left[file] & common]), file)
            for file in self._candidates(tags).difference(files)
            if not left[file].isdisjoint(common)
        ]
        return [file for _, file in sorted(gaining)]

    def _candidates(self, tags: set[int]) -> set[int]:
        """Return unfinished files that include all that may get the tags."""
        # The files of the rarest tag are a superset that is small enough; `widened` checks each of them. Finished files
        # are dropped here, so that each is skipped only once.
        rarest = min(tags, key=lambda tag: (len(self._allowing[tag]), tag))
        self._allowing[rarest] = [file for file in self._allowing[rarest] if self.left[file]]
        return set(self._allowing[rarest])

    def _by_worth(self, tags: Iterable[int]) -> list[int]:
        return sorted(tags, key=lambda tag: (-self.worth[tag], tag))

    def _common(self, files: Sequence[int]) -> Row:
        """Return the tags that all of some files may get."""
        return frozenset.intersection(*[self.allowed[file] for file in files])

    def closed(self, files: Sequence[int], tags: Iterable[int]) -> set[int]:
        """Add as many other tags as fit that all files may get and at least one needs, the most valuable first."""
        tags = set(tags)
        together = frozenset(files)
        useful = []
        for tag in self._common(files) - tags:
            gaining = len(self.lacking[tag] & together)
            if gaining:
                useful.append((-gaining * self.worth[tag], tag))
        return self.limits.filled(tags, [tag for _, tag in sorted(useful)])

    def send(self, files: Sequence[int], tags: Iterable[int]) -> None:
        """Record a call with all tags that its files share, and what it covers."""
        row = Row(self.closed(files, tags))
        self.calls.append(Call(tuple(sorted(files)), row))
        for file in files:
            for tag in self.left[file] & row:
                self.lacking[tag].discard(file)
            # Finished files share one row, because Python makes a new object of 216 bytes for each empty difference.
            self.left[file] = self.left[file] - row or FINISHED


def rarest_first(needed: Rows, allowed: Rows, limits: Limits) -> list[Call]:
    """Cover the needed cells, starting with the tag that the fewest files still need.

    If enough files for a full call need the tag, they are split by the tag that is worth most to them, recursively, and
    full calls are sent. The remaining files share one call with what they have in common, and with other files that
    gain from it.

    Args:
        needed: what each file must get.
        allowed: what each file may get, including its needed tags.
        limits: the limits of one call; each single tag fits.

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
    """Send full calls with these tags and more, and return the remaining files, too few for another."""
    size = search.limits.files
    if len(files) < size:
        return files
    tags = search.closed(files, tags)
    # Splitting off files with one more tag in common makes calls with more tags. Without such a tag left, the files are
    # as similar as possible, and full calls can be cut from them.
    while len(files) >= size:
        best = _best_split(search, files, tags)
        if best is None:
            return _send_heaviest(search, files, tags)
        inside = [file for file in files if best in search.allowed[file]]
        outside = [file for file in files if best not in search.allowed[file]]
        # Too few files inside for another call go back to the others, with which they share fewer tags.
        files = outside + _split(search, inside, tags | {best})
    return files


def _best_split(search: _Search, files: list[int], tags: set[int]) -> int | None:
    """Return the tag worth most to the files, among those that fit and that enough files for a full call may get."""
    gain = Counter(chain.from_iterable(map(search.left.__getitem__, files)))
    common = Counter(chain.from_iterable(map(search.allowed.__getitem__, files)))
    size, worth, limits = search.limits.files, search.worth, search.limits
    # Ties go to the lowest number, not to a set's order, so that equal inputs give equal calls.
    ranked = sorted((-gain[tag] * worth[tag], tag) for tag in gain if common[tag] >= size and tag not in tags)
    return next((tag for _, tag in ranked if limits.fit([*tags, tag])), None)


def _send_heaviest(search: _Search, files: list[int], tags: set[int]) -> list[int]:
    """Send full calls, the files that need most of the tags first, and return the remaining files."""
    worth, left, size = search.worth, search.left, search.limits.files
    # The files that stay behind then need little of these tags, and other calls can fit that in.
    weight = {file: -sum([worth[tag] for tag in left[file] & tags]) for file in files}
    ordered = sorted(files, key=lambda file: (weight[file], file))
    full = len(files) // size * size
    for start in range(0, full, size):
        search.send(ordered[start : start + size], tags)
    return ordered[full:]
