"""Anchored growth: around the rarest tag, tags are added one by one as long as a full call is worth more with them.

It looks at many more calls than `rarest` before it sends one; where tags are few and usual that saves some calls.
"""

from collections import Counter
from collections.abc import Mapping
from heapq import nlargest
from itertools import chain
from typing import NamedTuple

from tagsync.planning.covering.calls import Call, Limits, Rows
from tagsync.planning.covering.search import Search

RARITY = 0.3
"""How strongly the search prefers rare tags; see `Search`."""

CANDIDATES = 8
"""So many tags are tried at each step."""

FEWEST_PART = 0.4
"""A call stops growing once fewer files than this part of a full call could go on with it."""

MOST_WORK = 20_000_000
"""What `work` may come to for this method to be worth its time."""


def work(needed: Rows, limits: Limits) -> int:
    """Return about how many files growing looks at: for each call of a tag, all that still need it."""
    count = Counter(chain.from_iterable(needed))
    return sum([files * files // limits.files for files in count.values()])


def anchored_growth(needed: Rows, allowed: Rows, limits: Limits) -> list[Call]:
    """Cover cells call by call: each grows from the rarest tag that is left, and the best state that it met is sent.

    Args:
        needed: what each file must get.
        allowed: what each file may get, its needed tags included.
        limits: how much one call takes; each tag alone fits.

    Returns:
        Calls that together cover all that is needed, and nothing that is not allowed.
    """
    search = Search(needed, allowed, limits, rarity=RARITY)
    for tag in search.rarest_tags():
        files = sorted(search.lacking[tag])
        if len(files) > limits.files:
            files = _grown(search, files, tag)
        search.send(*search.widened(files, tag))
    return search.calls


class _Step(NamedTuple):
    """A call with one tag more, its worth, and the files that may get all its tags."""

    worth: float
    tag: int
    files: list[int]


def _grown(search: Search, files: list[int], anchor: int) -> list[int]:
    """Return the files of the best call met while tags are added to the anchor."""
    size = search.limits.files
    tags = {anchor}
    weight = dict.fromkeys(files, search.worth[anchor])
    most, best = size * search.worth[anchor], files[:size]
    while step := _next_step(search, files, tags, weight):
        files = step.files
        tags.add(step.tag)
        for file in files:
            if step.tag in search.left[file]:
                weight[file] += search.worth[step.tag]
        if step.worth > most:
            most, best = step.worth, sorted(files, key=lambda file: (-weight[file], file))[:size]
    return best


def _next_step(search: Search, files: list[int], tags: set[int], weight: Mapping[int, float]) -> _Step | None:
    """Return the tag that leaves the most worth in a full call, of the few that most of the files need."""
    best: _Step | None = None
    size, left, allowed = search.limits.files, search.left, search.allowed
    for tag in _candidates(search, files, tags):
        able = [file for file in files if tag in allowed[file]]
        if len(able) < size * FEWEST_PART:
            continue
        worth = search.worth[tag]
        weights = [weight[file] + worth if tag in left[file] else weight[file] for file in able]
        total = sum(nlargest(size, weights))
        if best is None or total > best.worth:
            best = _Step(total, tag, able)
    return best


def _candidates(search: Search, files: list[int], tags: set[int]) -> list[int]:
    gain = Counter(chain.from_iterable(map(search.left.__getitem__, files)))
    ranked = sorted([(-count * search.worth[tag], tag) for tag, count in gain.items() if tag not in tags])
    return [tag for _, tag in ranked[:CANDIDATES] if search.limits.fit([*tags, tag])]
