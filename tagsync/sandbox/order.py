"""Which rows a page of a listing has; a deep page costs no more than the first. What rows look like is in `store`."""

import sqlite3
from array import array
from collections import OrderedDict
from typing import Any, NamedTuple

_REMEMBERED = 4
"""How many listings are remembered at once: eight bytes a row each."""


class RowQuery(NamedTuple):
    """A statement that selects the numbers of all rows of a listing, in its order, and the statement's parameters."""

    statement: str
    parameters: tuple[Any, ...] = ()
    lasts: bool = False
    """Whether no call changes which rows it has, nor their order."""


class Orders:
    """Pages of listings, the order of some of them remembered as long as nothing was written.

    Args:
        db: the database. Whoever writes to it, here or in another process, is noticed.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._remembered: OrderedDict[RowQuery, tuple[tuple[int, ...], array[int]]] = OrderedDict()

    def page(self, listing: RowQuery, *, limit: int, skip: int) -> list[int]:
        """Return the numbers of a page's rows."""
        if skip:
            return self._all(listing)[skip : skip + limit].tolist()
        # Most listings have one page, and an index may find it without a look at all the others.
        rows = self._db.execute(f"{listing.statement} LIMIT ?", (*listing.parameters, limit))
        return [number for (number,) in rows]

    def _all(self, listing: RowQuery) -> "array[int]":
        state = () if listing.lasts else self._state()
        known = self._remembered.pop(listing, None)
        if known is None or known[0] != state:
            rows = self._db.execute(listing.statement, listing.parameters)
            known = (state, array("q", (number for (number,) in rows)))
        self._remembered[listing] = known
        if len(self._remembered) > _REMEMBERED:
            self._remembered.popitem(last=False)
        return known[1]

    def _state(self) -> tuple[int, ...]:
        """Return what is another one once this connection or any other has written."""
        return (self._db.total_changes, *self._db.execute("PRAGMA data_version").fetchone())
