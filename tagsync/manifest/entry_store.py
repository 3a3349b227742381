"""Where the rows of a run are kept: in memory while they are few, then in a private temporary file; not what they mean.

SQLite unlinks that file as it opens it, so that nothing is left behind however a run ends.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from tagsync.errors import StateError
from tagsync.manifest.rows import FILE_ID, MATCH, PATH, Row
from tagsync.model import Entry, NumberedEntry
from tagsync.spool import SelfClosingDatabase

IN_MEMORY = 20_000
"""Up to so many entries are kept in memory."""

_AT_ONCE = 1_000
_CACHE_KIB = 8_192

_TABLE = """
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    CREATE TABLE entries (
        number INTEGER PRIMARY KEY, kind INTEGER, key TEXT, document INTEGER, line INTEGER, shape BLOB
    );
    CREATE INDEX by_id ON entries (key) WHERE kind = 1;
    CREATE INDEX matching ON entries (number) WHERE kind = 2;
"""
_INSERT = "INSERT INTO entries (number, kind, key, document, line, shape) VALUES (?, ?, ?, ?, ?, ?)"
_SELECT = "SELECT number, kind, key, document, line, shape FROM entries"


class Rows:
    """The rows of one run, in the order in which they are declared."""

    def __init__(self, in_memory: int | None = None) -> None:
        self._in_memory = IN_MEMORY if in_memory is None else in_memory
        self._pending: list[Row] = []
        self._stored = 0
        self._database: SelfClosingDatabase | None = None

    def __len__(self) -> int:
        return self._stored + len(self._pending)

    def extend(self, rows: Sequence[Row]) -> None:
        """Add rows behind those that are there.

        Raises:
            StateError: there is no room for them.
        """
        self._pending += rows
        if len(self._pending) >= self._in_memory:
            self._store()

    def cut(self, length: int) -> None:
        """Drop all but the first `length` rows."""
        if length >= self._stored:
            del self._pending[length - self._stored :]
            return
        self._pending.clear()
        assert self._database is not None  # noqa: S101 - it holds what is stored; tells mypy
        with _told():
            self._database.execute("DELETE FROM entries WHERE number >= ?", (length,))
        self._stored = length

    def entries(self, unfold: Callable[[Row], Entry]) -> "tuple[Entry, ...] | StoredEntries":
        """Return the entries of all rows; nothing may be added any more."""
        if self._database is None:
            return tuple(map(unfold, self._pending))
        self._store()
        return StoredEntries(self._database, self._stored, unfold)

    def _store(self) -> None:
        with _told():
            if self._database is None:
                self._database = SelfClosingDatabase()
                self._database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
                self._database.executescript(_TABLE)
            self._database.execute("BEGIN")
            numbered = ((number, *row) for number, row in enumerate(self._pending, self._stored))
            self._database.executemany(_INSERT, numbered)
            self._database.execute("COMMIT")
        self._stored += len(self._pending)
        self._pending.clear()


class StoredEntries:
    """Entries that are too many for memory, as `IndexedEntries`.

    Args:
        database: where their rows are.
        count: how many there are.
        unfold: turns a row into an entry.
    """

    def __init__(self, database: SelfClosingDatabase, count: int, unfold: Callable[[Row], Entry]) -> None:
        self._database = database
        self._count = count
        self._unfold = unfold

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Entry]:
        return (self._unfold(row) for _, row in self._rows("ORDER BY number"))

    def __contains__(self, entry: object) -> bool:
        return any(entry == each for each in self)

    def by_path(self) -> Iterator[tuple[str, int, Entry]]:
        """Yield the entries that name a path, with it and their number, sorted by both."""
        # SQLite compares text as UTF-8, which has the order of characters that Python has.
        return (
            (row[1], number, self._unfold(row))
            for number, row in self._rows(f"WHERE kind = {PATH} ORDER BY key, number")
        )

    def by_id(self) -> Iterator[NumberedEntry]:
        """Yield the entries that name a file id, sorted by it and their number."""
        return self._numbered(f"WHERE kind = {FILE_ID} ORDER BY key, number")

    def with_id(self, file_id: str) -> Sequence[NumberedEntry]:
        """Return the entries that name this file id."""
        return tuple(self._numbered(f"WHERE kind = {FILE_ID} AND key = ? ORDER BY number", file_id))

    def matching(self) -> Iterator[NumberedEntry]:
        """Yield the entries that select by glob or query, sorted by number."""
        return self._numbered(f"WHERE kind = {MATCH} ORDER BY number")

    def _numbered(self, which: str, *values: str) -> Iterator[NumberedEntry]:
        return ((number, self._unfold(row)) for number, row in self._rows(which, *values))

    def _rows(self, which: str, *values: str) -> Iterator[tuple[int, Row]]:
        return _read(self._database, which, values)


def _read(database: SelfClosingDatabase, which: str, values: Sequence[object]) -> Iterator[tuple[int, Row]]:
    with _told():
        found = database.execute(f"{_SELECT} {which}", values)
        while some := found.fetchmany(_AT_ONCE):
            for number, kind, key, document, line, shape in some:
                yield number, (kind, key, document, line, shape)


@contextmanager
def _told() -> Iterator[None]:
    """Say what to do where there is no room for the file."""
    try:
        yield
    except sqlite3.Error as error:
        raise StateError(
            f"the entries cannot be kept in a temporary file ({error}): free some space, or set TMPDIR to a folder "
            "with more"
        ) from error
