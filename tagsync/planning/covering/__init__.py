"""Changes to bulk calls: which tags go on which files together, in as few calls as can be; not when they are sent.

One call changes all its tags on all its files, so planning calls is covering a table of files by tags with rectangles.
A cell is *needed* if it must change, *free* if changing it does nothing, and else *forbidden*: no call ever touches it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from tagsync.model import FileChange, Op, Request
from tagsync.planning.covering.bounds import lower_bound
from tagsync.planning.covering.calls import Call
from tagsync.planning.covering.cells import Cells, Wanted, cells_of, free_cells
from tagsync.planning.covering.methods import fewest
from tagsync.planning.covering.usual import per_tag, per_tag_set

__all__ = ["Costs", "Stages", "free_cells", "regroup", "stage"]


class Costs(NamedTuple):
    """A number of calls that no way can beat, and calls by the usual ways."""

    lower_bound: int = 0
    per_file: int = 0
    per_tag_set: int = 0
    per_tag: int = 0


class Stages(NamedTuple):
    """Requests in the order in which they may be sent: each stage once the one before it has ended.

    Additions come before removals, so that an interrupted rename never loses a tag; the other way only for files
    whose additions do not fit into the 500 characters before their removals are done.
    """

    make_room: tuple[Request, ...]
    add: tuple[Request, ...]
    remove: tuple[Request, ...]
    costs: Costs

    def requests(self) -> tuple[Request, ...]:
        """Return all requests in order."""
        return self.make_room + self.add + self.remove


def stage(changes: Iterable[FileChange], *, exact: bool = False, ai_tag_characters: int | None = None) -> Stages:
    """Return the requests that carry out changes.

    Args:
        changes: what is to change, each file once.
        exact: whether calls change needed cells only, and touch nothing besides.
        ai_tag_characters: how long the names of one removeAITags call may be, joined by commas; None for no limit.

    Returns:
        The requests, the same for the same changes in whatever order.
    """
    wanted: dict[tuple[bool, Op], list[tuple[FileChange, tuple[str, ...]]]] = defaultdict(list)
    for change in sorted(changes, key=_place):
        for op, group in groupby(change.changes, itemgetter(0)):
            early = change.remove_first and op == Op.REMOVE
            wanted[early, op].append((change, tuple([item.tag for item in group])))
    covers = [
        _covered(op, wanted[early, op], exact=exact, ai_tag_characters=ai_tag_characters)
        for early, op in ((True, Op.REMOVE), (False, Op.ADD), (False, Op.REMOVE), (False, Op.REMOVE_AI))
    ]
    room, add, remove, remove_ai = [requests for requests, _ in covers]
    costs = Costs(*map(sum, zip(*[costs for _, costs in covers], strict=True)))
    return Stages(room, add, remove + remove_ai, costs)


def regroup(
    requests: Sequence[Request],
    changes: Mapping[str, FileChange],
    *,
    exact: bool = False,
    ai_tag_characters: int | None = None,
) -> tuple[Request, ...]:
    """Return other requests for what these would change, by what is known now.

    Args:
        requests: requests of one op that were not sent.
        changes: the change of each of their files, by file id.
        exact: as for `stage`.
        ai_tag_characters: as for `stage`.

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
    wanted = [(change, needed) for change, needed in left if needed]
    return _covered(op, wanted, exact=exact, ai_tag_characters=ai_tag_characters)[0]


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


def _covered(
    op: Op, wanted: Wanted, *, exact: bool, ai_tag_characters: int | None
) -> tuple[tuple[Request, ...], Costs]:
    cells = cells_of(op, wanted, exact=exact, ai_tag_characters=ai_tag_characters)
    calls, costs = _fewest(cells)
    return tuple(sorted(map(cells.request, calls), key=itemgetter(1))), costs


def _place(change: FileChange) -> tuple[str, str]:
    return change.file.path, change.file.file_id
