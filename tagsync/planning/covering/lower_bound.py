"""Prove a lower bound for the number of calls that any cover takes.

By files: a call takes at most 50 of them.

By shares: give the needed cells of tag t the weight w(t) ≥ 0. Let M(c) be at least the weight of every legal call that
covers the needed cell c. Count each needed cell c in exactly one call that covers it, with the share w(c) / M(c). The
cells counted in a call R weigh no more than R, and M(c) is at least that weight for each of them. So their shares add
up to at most 1, and the shares of all needed cells add up to at most the number of calls. This holds for any cover and
any weights.

M for the cell (file f, tag t): consider a call with m files that covers it. All m files are allowed t. Each tag u of
the call is allowed on f, is allowed together with t on at least m files, and is needed on at most min(m, q(u)) files of
the call. Here q(u) is the number of files that are allowed t and need u. So the call weighs at most the sum of w(u)
min(m, q(u)) over those tags, and M is the largest such sum for m up to 50. The sum grows with m until a tag drops out.
So only the values of m at which a tag drops out need a look. The limit on characters only reduces the legal calls,
which keeps the bound valid.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from math import ceil

from tagsync.planning.covering.calls import Limits, Row, Rows

MOST_WORK = 50_000_000
"""With more pairs of tags allowed on one file than this, shares take too long, and only files are counted."""

WORK_TO_IMPROVE = 3_400_000
"""The most pairs examined in all rounds; a first round always runs."""

MOST_ROUNDS = 3
WORTH_A_ROUND = 1.01
"""The weights are improved again as long as the last round raised the bound by this factor."""

PROMISING = 0.9
"""If the shares are below this part of the bound by files, no further round is worth it."""

ROUNDING = 1e-3
"""Far more than the rounding errors of floating point here."""


def lower_bound(needed: Rows, allowed: Rows | None, limits: Limits) -> int:
    """Return a number of calls that no cover can beat.

    Args:
        needed: what must change on each file.
        allowed: what may be touched on each file; None to count files only.
        limits: the maximum number of files in a call.
    """
    by_files = ceil(len(needed) / limits.files)
    if allowed is None:
        return by_files
    return max(by_files, ceil(_shares(needed, allowed, limits, by_files * PROMISING) - ROUNDING))


def _shares(needed: Rows, allowed: Rows, limits: Limits, enough: float) -> float:
    """Return the largest sum of shares in a few rounds of improving weights; stop after one round below `enough`."""
    work = sum([len(row) ** 2 for row in allowed])
    if not 0 < work <= MOST_WORK:
        return 0.0
    table = _TagFiles(needed, allowed, limits)
    # At first, the largest call of each single tag weighs 1, which gives the bound by tags.
    weights = [1 / min(limits.files, count) for count in table.needing]
    best = 0.0
    for _ in range(max(1, min(MOST_ROUNDS, WORK_TO_IMPROVE // work))):
        inverse = [table.inverses(tag, weights) for tag in range(len(weights))]
        total = sum([weight * part for weight, part in zip(weights, inverse, strict=True)])
        if total < best * WORTH_A_ROUND or total < enough:
            return max(best, total)
        best = total
        # Large shares mean that all calls with the tag weigh little. So more weight on the tag raises the bound.
        weights = [w * (part / n) ** 2 for w, part, n in zip(weights, inverse, table.needing, strict=True)]
    return best


class _TagFiles:
    """The files that are allowed each tag."""

    def __init__(self, needed: Rows, allowed: Rows, limits: Limits) -> None:
        self._needed, self._allowed, self._size = needed, allowed, limits.files
        self._files: list[list[int]] = [[] for _ in limits.lengths]
        for file, row in enumerate(allowed):
            for tag in row:
                self._files[tag].append(file)
        count = Counter(chain.from_iterable(needed))
        self.needing = [count[tag] or 1 for tag in range(len(self._files))]
        """The number of files that need each tag; 1 if none does, to avoid dividing by zero."""

    def inverses(self, tag: int, weights: Sequence[float]) -> float:
        """Return the sum of 1 / M over the needed cells of a tag."""
        files = self._files[tag]
        together = Counter(chain.from_iterable([self._allowed[file] for file in files]))
        wanting = Counter(chain.from_iterable([self._needed[file] for file in files]))
        lacking = Counter([self._allowed[file] for file in files if tag in self._needed[file]])
        company = _Company(together, wanting, weights, self._size)
        return sum([count / company.heaviest(row) for row, count in lacking.items()])


class _Company:
    """The tags allowed on the files that are allowed one given tag, including that tag."""

    def __init__(
        self, together: Mapping[int, int], wanting: Mapping[int, int], weights: Sequence[float], size: int
    ) -> None:
        self._together, self._wanting, self._weights = together, wanting, weights
        self._usual = {u: weights[u] * min(size, wanting[u]) for u, files in together.items() if files >= size}
        """The maximum weight of each tag in a full call, for tags that a full call can have."""
        self._rare = {u: weights[u] * files for u, files in together.items() if files < size}
        """The maximum weight of each other tag in any call."""

    def heaviest(self, row: Row) -> float:
        """Return M for the needed cells of the given tag on files that are allowed `row`."""
        rare = row.difference(self._usual)
        usual = row.difference(rare) if rare else row
        best = sum([self._usual[tag] for tag in usual])
        if not rare:
            return best
        most_files = max([self._together[tag] for tag in rare])
        full = sum([self._weights[tag] for tag in usual])
        # A cheap upper bound of every call with rare tags. It settles most rows.
        if full * most_files + sum([self._rare[tag] for tag in rare]) <= best:
            return best
        return self._heaviest_small(list(usual), sorted(rare, key=lambda tag: (-self._together[tag], tag)), best)

    def _heaviest_small(self, carried: list[int], rare: list[int], best: float) -> float:
        """Return the largest weight of a call with rare tags, which has few files; at least `best`."""
        full = sum([self._weights[tag] for tag in carried])
        # From the most common rare tag to the rarest: with each tag, the call can have fewer files.
        for tag in rare:
            carried.append(tag)
            full += self._weights[tag]
            files = self._together[tag]
            if full * files > best:
                best = max(best, sum([self._weights[u] * min(files, self._wanting[u]) for u in carried]))
        return best
