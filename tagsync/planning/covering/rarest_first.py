"""Rarest tag first: what few files need is settled first, and carries along what those files have in common."""

from collections import Counter
from itertools import chain

from tagsync.planning.covering.calls import Call, Limits, Rows
from tagsync.planning.covering.search import Search

RARITY = 0.5
"""How strongly the search prefers rare tags; see `Search`."""


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
    search = Search(needed, allowed, limits, rarity=RARITY)
    for tag in search.rarest_tags():
        files = sorted(search.lacking[tag])
        rest = _split(search, files, {tag})
        if rest:
            search.send(*search.widened(rest, tag))
    return search.calls


def _split(search: Search, files: list[int], tags: set[int]) -> list[int]:
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


def _best_split(search: Search, files: list[int], tags: set[int]) -> int | None:
    """Return the tag worth most to files, among those that a call's worth of them may get, and that fit."""
    gain = Counter(chain.from_iterable(map(search.left.__getitem__, files)))
    common = Counter(chain.from_iterable(map(search.allowed.__getitem__, files)))
    size, worth, limits = search.limits.files, search.worth, search.limits
    ranked = sorted((-gain[tag] * worth[tag], tag) for tag in gain if common[tag] >= size and tag not in tags)
    return next((tag for _, tag in ranked if limits.fit([*tags, tag])), None)


def _send_heaviest(search: Search, files: list[int], tags: set[int]) -> list[int]:
    """Send full calls, the files that need most of the tags first; return those left over."""
    worth, left, size = search.worth, search.left, search.limits.files
    weight = {file: -sum([worth[tag] for tag in left[file] & tags]) for file in files}
    ordered = sorted(files, key=lambda file: (weight[file], file))
    full = len(files) // size * size
    for start in range(0, full, size):
        search.send(ordered[start : start + size], tags)
    return ordered[full:]
