"""Which methods of merging tag sets there are, for which cells, and the best of them."""

from collections.abc import Callable, Mapping

from tagsync.planning.covering.anchored import MOST_WORK, anchored_growth, work
from tagsync.planning.covering.best_fit import best_fit
from tagsync.planning.covering.calls import Call
from tagsync.planning.covering.first_fit import first_fit
from tagsync.planning.covering.matrix import Cells
from tagsync.planning.covering.rarest_first import rarest_first

Method = Callable[[Cells], list[Call] | None]
"""Covers cells; None where the method is not made for them, or would take too long for so many."""

NEAR_ENOUGH = 1.1
"""Calls for each one that is proven to be needed, at which no other method is tried."""


def _rarest_first(cells: Cells) -> list[Call] | None:
    return None if cells.allowed is None else rarest_first(cells.needed, cells.allowed, cells.limits)


def _anchored_growth(cells: Cells) -> list[Call] | None:
    if cells.allowed is None or work(cells.needed, cells.limits) > MOST_WORK:
        return None
    return anchored_growth(cells.needed, cells.allowed, cells.limits)


def _first_fit(cells: Cells) -> list[Call] | None:
    if cells.forbidden is None or cells.limits.characters is not None:
        return None
    return first_fit(cells.needed, cells.forbidden, cells.limits)


def _best_fit(cells: Cells) -> list[Call] | None:
    if cells.forbidden is None or cells.limits.characters is None:
        return None
    return best_fit(cells.needed, cells.forbidden, cells.limits)


METHODS: Mapping[str, Method] = {
    "rarest first": _rarest_first,
    "first fit": _first_fit,
    "best fit": _best_fit,
    "anchored growth": _anchored_growth,
}
"""The quick ones first. Whether one is tried hangs on the cells alone, never on a clock: equal cells, equal calls."""


def fewest(cells: Cells, bound: int) -> list[Call]:
    """Return the fewest calls that a method finds; more methods are tried until one comes near the proven bound."""
    best: list[Call] | None = None
    for method in METHODS.values():
        calls = method(cells)
        if calls is not None and (best is None or len(calls) < len(best)):
            best = calls
        if best is not None and len(best) <= bound * NEAR_ENOUGH:
            break
    return best or []
