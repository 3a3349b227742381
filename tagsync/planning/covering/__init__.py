"""Group changes into as few API calls as possible; `applying` sends them.

One call sets all its tags on all its files. So grouping changes means covering a matrix of files by tags with
rectangles. A cell is *needed* if it must change, *free* if changing it is a no-op, and otherwise *forbidden*: no call
touches it.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from tagsync.model import ChangesById, FileChange, Op, Request
from tagsync.planning.covering.matrix import Wanted, free_cells
from tagsync.planning.covering.portfolio import Costs, cover

__all__ = ["Costs", "Stages", "Staging", "free_cells", "regroup", "stage"]


class Stages(NamedTuple):
    """API calls by stage: a stage may start once the previous one has ended.

    Additions come before removals, so that an interrupted rename never loses a tag.
    """

    add: tuple[Request, ...]
    remove: tuple[Request, ...]
    costs: Costs

    def requests(self) -> tuple[Request, ...]:
        """Return all calls in order."""
        return self.add + self.remove


class Staging:
    """Collect what each file needs, without keeping the changes, and group it into API calls."""

    def __init__(self) -> None:
        self._wanted = {op: Wanted(op) for op in Op}

    def add(self, change: FileChange) -> None:
        """Add a file's changes; files must come in the order of their paths and IDs."""
        for op, group in groupby(change.changes, itemgetter(0)):
            self._wanted[op].add(change, tuple([item.tag for item in group]))

    def stages(self, *, exact: bool = False) -> Stages:
        """Return the API calls that make all changes.

        Args:
            exact: whether calls may contain needed cells only.
        """
        covers = [cover(wanted, exact=exact) for wanted in self._wanted.values()]
        add, remove, remove_ai = [requests for requests, _ in covers]
        return Stages(add, remove + remove_ai, Costs.total(costs for _, costs in covers))


def stage(changes: Iterable[FileChange], *, exact: bool = False) -> Stages:
    """Group changes in any order, one for each file, into API calls; see `Staging`."""
    staging = Staging()
    for change in sorted(changes, key=_path_and_id):
        staging.add(change)
    return staging.stages(exact=exact)


def regroup(requests: Sequence[Request], changes: ChangesById, *, exact: bool = False) -> tuple[Request, ...]:
    """Group the changes that some API calls would make into new calls.

    Args:
        requests: calls of one op that were not sent.
        changes: the changes of their files, by file ID.
        exact: as for `Staging.stages`.

    Returns:
        Calls for the needed cells of these calls only; what else their files need is left to other calls.
    """
    if not requests:
        return ()
    tags: dict[str, set[str]] = defaultdict(set)
    for request in requests:
        for file_id in request.file_ids:
            tags[file_id].update(request.tags)
    wanted = Wanted(requests[0].op)
    for change in sorted([changes[file_id] for file_id in tags], key=_path_and_id):
        needed = tuple([tag for tag in change.tags(wanted.op) if tag in tags[change.file_id]])
        if needed:
            wanted.add(change, needed)
    return cover(wanted, exact=exact)[0]


def _path_and_id(change: FileChange) -> tuple[str, str]:
    return change.path, change.file_id
