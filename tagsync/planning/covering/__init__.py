"""Changes to bulk calls: which tags go on which files together, in as few calls as can be; not when they are sent.

One call changes all its tags on all its files, so planning calls is covering a table of files by tags with rectangles.
A cell is *needed* if it must change, *free* if changing it does nothing, and else *forbidden*: no call ever touches it.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import groupby
from math import ceil
from operator import itemgetter
from typing import NamedTuple

from tagsync.model import MAX_FILES_PER_REQUEST, ChangesById, FileChange, Op, Request
from tagsync.planning.covering.baselines import per_tag, per_tag_set
from tagsync.planning.covering.calls import Call
from tagsync.planning.covering.lower_bound import lower_bound
from tagsync.planning.covering.matrix import Cells, Wanted, cells_of, free_cells
from tagsync.planning.covering.partition import calls_per_tag, parts, requests_per_tag
from tagsync.planning.covering.portfolio import fewest

__all__ = ["Costs", "Stages", "Staging", "free_cells", "regroup", "stage"]

MOST_FILES = 150_000
"""So many files of one op are covered together; more are covered in parts, so that memory is bounded."""


class Costs(NamedTuple):
    """A number of calls that no way can beat, and calls by the usual ways."""

    lower_bound: int = 0
    per_file: int = 0
    per_tag_set: int = 0
    per_tag: int = 0


class Stages(NamedTuple):
    """Requests in the order in which they may be sent: each stage once the one before it has ended.

    Additions come before removals, so that an interrupted rename never loses a tag.
    """

    add: tuple[Request, ...]
    remove: tuple[Request, ...]
    costs: Costs

    def requests(self) -> tuple[Request, ...]:
        """Return all requests in order."""
        return self.add + self.remove


class Staging:
    """Takes changes one after the other, none of which it keeps, and returns the requests that carry them out."""

    def __init__(self) -> None:
        self._wanted = {op: Wanted(op) for op in Op}

    def add(self, change: FileChange) -> None:
        """Add a file's changes; files come in the order of their paths and IDs."""
        for op, group in groupby(change.changes, itemgetter(0)):
            self._wanted[op].take(change, tuple([item.tag for item in group]))

    def stages(self, *, exact: bool = False, ai_tag_characters: int | None = None) -> Stages:
        """Return the requests that carry out all changes.

        Args:
            exact: whether calls change needed cells only, and touch nothing besides.
            ai_tag_characters: how long the names of one removeAITags call may be, joined by commas; None for no limit.
        """
        wanted = self._wanted.values()
        covers = [_covered(item, exact=exact, ai_tag_characters=ai_tag_characters) for item in wanted]
        add, remove, remove_ai = [requests for requests, _ in covers]
        costs = Costs(*map(sum, zip(*[costs for _, costs in covers], strict=True)))
        return Stages(add, remove + remove_ai, costs)


def stage(changes: Iterable[FileChange], *, exact: bool = False, ai_tag_characters: int | None = None) -> Stages:
    """Return the requests that carry out changes in any order, each file once; see `Staging`."""
    staging = Staging()
    for change in sorted(changes, key=_place):
        staging.add(change)
    return staging.stages(exact=exact, ai_tag_characters=ai_tag_characters)


def regroup(
    requests: Sequence[Request],
    changes: ChangesById,
    *,
    exact: bool = False,
    ai_tag_characters: int | None = None,
) -> tuple[Request, ...]:
    """Return other requests for what these would change, by what is known now.

    Args:
        requests: requests of one op that were not sent.
        changes: the change of each of their files, by file id.
        exact: as for `Staging.stages`.
        ai_tag_characters: as for `Staging.stages`.

    Returns:
        Requests for the needed cells of these requests alone; what else their files need is for others to change.
    """
    if not requests:
        return ()
    op = requests[0].op
    tags: dict[str, set[str]] = defaultdict(set)
    for request in requests:
        for file_id in request.file_ids:
            tags[file_id].update(request.tags)
    ordered = sorted([changes[file_id] for file_id in tags], key=_place)
    left = [(change, tuple([t for t in change.tags(op) if t in tags[change.file.file_id]])) for change in ordered]
    wanted = Wanted(op)
    for change, needed in left:
        if needed:
            wanted.take(change, needed)
    return _covered(wanted, exact=exact, ai_tag_characters=ai_tag_characters)[0]


def _fewest(cells: Cells) -> tuple[list[Call], Costs]:
    """Return the fewest calls that a method finds for cells, and what they are measured by.

    Of equally many calls those are taken that touch no free cell: nothing has to be proven before they are sent.
    """
    needed, limits = cells.needed, cells.limits
    bound = lower_bound(needed, cells.allowed, limits)
    found = fewest(cells, bound)
    by_set, by_tag = (sum(1 for _ in way(needed, limits)) for way in (per_tag_set, per_tag))
    if by_set <= min(by_tag, len(found)):
        found = list(per_tag_set(needed, limits))
    elif by_tag <= len(found):
        found = list(per_tag(needed, limits))
    return found, Costs(bound, len(needed), by_set, by_tag)


def _covered(wanted: Wanted, *, exact: bool, ai_tag_characters: int | None) -> tuple[tuple[Request, ...], Costs]:
    if len(wanted.file_ids) > MOST_FILES:
        return _covered_in_parts(wanted, exact=exact, ai_tag_characters=ai_tag_characters)
    cells = cells_of(wanted, exact=exact, ai_tag_characters=ai_tag_characters)
    calls, costs = _fewest(cells)
    return _in_order(map(cells.request, calls)), costs


def _covered_in_parts(
    wanted: Wanted, *, exact: bool, ai_tag_characters: int | None
) -> tuple[tuple[Request, ...], Costs]:
    """Cover part after part, each by itself: what they cost adds up, but for what is known of the whole."""
    found: list[Request] = []
    costs = []
    for files in parts(wanted, MOST_FILES):
        cells = cells_of(wanted, exact=exact, ai_tag_characters=ai_tag_characters, files=files)
        calls, cost = _fewest(cells)
        found += map(cells.request, calls)
        costs.append(cost)
    bound = max(ceil(len(wanted.file_ids) / MAX_FILES_PER_REQUEST), *[cost.lower_bound for cost in costs])
    by_tag = calls_per_tag(wanted)
    total = Costs(bound, len(wanted.file_ids), sum(cost.per_tag_set for cost in costs), by_tag)
    return _in_order(found if len(found) < by_tag else requests_per_tag(wanted)), total


def _in_order(requests: Iterable[Request]) -> tuple[Request, ...]:
    return tuple(sorted(requests, key=itemgetter(1)))


def _place(change: FileChange) -> tuple[str, str]:
    return change.file.path, change.file.file_id
