"""Find the rows of a page of a listing, so that a deep page costs no more than the first; `store` reads the rows."""

import sqlite3
from array import array
from collections import OrderedDict
from typing import Any, NamedTuple

_REMEMBERED = 4
"""The number of listings in the cache; each takes eight bytes per row."""


class RowQuery(NamedTuple):
    """A query for the row numbers of a listing, in its order.

    Attributes:
        statement: the SQL statement.
        parameters: its parameters.
        lasts: whether no API call changes its rows or their order.
    """

    statement: str
    parameters: tuple[Any, ...] = ()
    lasts: bool = False


class Orders:
    """Pages of listings, with a cache of row numbers that is valid until the database changes.

    Args:
        db: the database. Changes by other processes are noticed, too.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._remembered: OrderedDict[RowQuery, tuple[tuple[int, ...], array[int]]] = OrderedDict()

    def page(self, listing: RowQuery, *, limit: int, skip: int) -> list[int]:
        """Return the numbers of a page's rows."""
        if skip:
            return self._all(listing)[skip : skip + limit].tolist()
        # Most listings have one page, and an index may find it without reading all rows.
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
        """Return a value that changes when this connection or another one writes."""
        return (self._db.total_changes, *self._db.execute("PRAGMA data_version").fetchone())
