"""Cover the changes of one op with the fewest calls that any method finds."""

from collections.abc import Iterable
from math import ceil
from operator import itemgetter
from typing import NamedTuple, Self

from tagsync.library.limits import MAX_FILES_PER_REQUEST
from tagsync.model import Request
from tagsync.planning.covering.baselines import per_tag, per_tag_set
from tagsync.planning.covering.calls import Call
from tagsync.planning.covering.first_fit import first_fit
from tagsync.planning.covering.lower_bound import lower_bound
from tagsync.planning.covering.matrix import Matrix, Wanted, matrix_of
from tagsync.planning.covering.partition import calls_per_tag, parts, requests_per_tag
from tagsync.planning.covering.rarest_first import rarest_first

MOST_FILES = 150_000
"""The most files covered together. More are covered in parts, which bounds memory."""


class Costs(NamedTuple):
    """A lower bound for the number of calls, and the number that the usual ways take."""

    lower_bound: int = 0
    per_file: int = 0
    per_tag_set: int = 0
    per_tag: int = 0

    @classmethod
    def total(cls, costs: Iterable[Self]) -> Self:
        """Add up the costs of one or more covers."""
        return cls(*map(sum, zip(*costs, strict=True)))


def cover(wanted: Wanted, *, exact: bool) -> tuple[tuple[Request, ...], Costs]:
    """Return API calls that make all changes, sorted by their tags, and their costs."""
    if len(wanted.file_ids) > MOST_FILES:
        return _cover_in_parts(wanted, exact=exact)
    matrix = matrix_of(wanted, exact=exact)
    calls, costs = _fewest(matrix)
    return _sorted(map(matrix.request, calls)), costs


def merge_calls(matrix: Matrix) -> list[Call]:
    """Cover a matrix by merging tag sets: by first fit if most cells are free, else by rarest first."""
    if matrix.forbidden is not None:
        return first_fit(matrix.needed, matrix.forbidden, matrix.limits)
    return rarest_first(matrix.needed, matrix.allowed or (), matrix.limits)


def _fewest(matrix: Matrix) -> tuple[list[Call], Costs]:
    """Return the fewest calls that any way finds.

    On a tie, calls without free cells win, because they need no proof before they are sent.
    """
    needed, limits = matrix.needed, matrix.limits
    # Counting first avoids keeping three lists of calls at the same time.
    by_set, by_tag = (sum(1 for _ in way(needed, limits)) for way in (per_tag_set, per_tag))
    merged = merge_calls(matrix)
    costs = Costs(lower_bound(needed, matrix.allowed, limits), len(needed), by_set, by_tag)
    if by_set <= min(by_tag, len(merged)):
        return list(per_tag_set(needed, limits)), costs
    if by_tag <= len(merged):
        return list(per_tag(needed, limits)), costs
    return merged, costs


def _cover_in_parts(wanted: Wanted, *, exact: bool) -> tuple[tuple[Request, ...], Costs]:
    """Cover part after part, and add up the costs, unless the whole gives a better figure."""
    found: list[Request] = []
    costs = []
    for files in parts(wanted, MOST_FILES):
        matrix = matrix_of(wanted, exact=exact, files=files)
        calls, cost = _fewest(matrix)
        found += map(matrix.request, calls)
        costs.append(cost)
    by_tag = calls_per_tag(wanted)
    # One call can cover files of several parts, so the lower bounds of parts must not be added up.
    total = Costs.total(costs)._replace(
        lower_bound=max(ceil(len(wanted.file_ids) / MAX_FILES_PER_REQUEST), *[cost.lower_bound for cost in costs]),
        per_tag=by_tag,
    )
    return _sorted(found if len(found) < by_tag else requests_per_tag(wanted)), total


def _sorted(requests: Iterable[Request]) -> tuple[Request, ...]:
    return tuple(sorted(requests, key=itemgetter(1)))
