"""Answer searchQueries about a few file objects, in memory and without the HTTP API."""

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from datetime import datetime
from typing import Any, NamedTuple

from tagsync.sandbox.conditions import add_functions
from tagsync.sandbox.search import compile_query
from tagsync.sandbox.seed import row_of
from tagsync.sandbox.store import SCHEMA, where
from tagsync.sandbox.tokens import QueryError


class Answers(NamedTuple):
    """The IDs of the files that each query finds, and why the other queries are refused."""

    found: dict[str, frozenset[str]]
    refused: dict[str, str]


def answers(objects: Iterable[Mapping[str, Any]], queries: Iterable[str], now: datetime) -> Answers:
    """Search in objects of the list API.

    Args:
        objects: valid objects.
        queries: searchQuery texts.
        now: the time that relative times in queries count from.
    """
    result = Answers({}, {})
    with closing(sqlite3.connect(":memory:")) as db:
        add_functions(db)
        db.executescript(SCHEMA)
        rows = (row_of(number, dict(item)) for number, item in enumerate(objects))
        db.executemany(f"INSERT OR IGNORE INTO files VALUES ({', '.join('?' * 18)})", rows)  # noqa: S608 - only marks
        for query in queries:
            try:
                condition, parameters = where("file", compile_query(query, now), None, "all")
            except QueryError as error:
                result.refused[query] = str(error)
                continue
            statement = f"SELECT file_id FROM files WHERE {condition}"  # noqa: S608 - parts of our own, values are parameters
            result.found[query] = frozenset(file_id for (file_id,) in db.execute(statement, parameters))
    return result
