"""A read of a library, kept in SQLite page by page: its files in the order of their paths; not how it is read."""

import os
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Self

from tagsync.errors import StateError
from tagsync.library.fileobjects import Page
from tagsync.library.rows import COLUMNS, Rows
from tagsync.model import CurrentFile
from tagsync.printable import shown
from tagsync.spool import SelfClosingDatabase

_FORMAT = 1
"""The form of the tables (`PRAGMA user_version`); a snapshot of another one is made anew."""

_TABLES = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS texts (number INTEGER PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS files (
  number INTEGER PRIMARY KEY,
  file_id TEXT NOT NULL,
  path TEXT NOT NULL,
  tags BLOB NOT NULL,
  ai_tags BLOB NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  thumbnail TEXT NOT NULL
);
CREATE TEMP TABLE answers (query INTEGER, file_id TEXT, PRIMARY KEY (query, file_id)) WITHOUT ROWID;
"""

_CACHE_KIB = 32 * 1024

_INSERT = f"INSERT INTO files (number, {COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - a constant
_SELECT = f"SELECT {COLUMNS} FROM files"  # noqa: S608 - a constant


class Snapshot(Collection[CurrentFile]):
    """A library's files, sorted by path and id; each has a number, its place in the listing.

    What is written is kept once `keep` is called, all or nothing. A process that finds another one at the same file
    keeps its snapshot to itself, in a temporary file, as does one that is given no place.

    Args:
        place: the file, in a folder that is there.

    Raises:
        StateError: it cannot be used.
    """

    def __init__(self, place: Path | None = None) -> None:
        self._place = place
        with self._told():
            self._db = (place and _shared(place)) or _private()
            self._rows = Rows(text for (text,) in self._db.execute("SELECT text FROM texts ORDER BY number"))
            self._next = self._db.execute("SELECT coalesce(max(number) + 1, 0) FROM files").fetchone()[0]
            self._queries = count()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; what was not kept is lost."""
        self._db.close()

    def keep(self) -> None:
        """Keep what was written. Others may write from here on: they do not change what is read here."""
        with self._told():
            self._db.execute("COMMIT")
            self._db.execute("BEGIN")
            self._db.execute("SELECT 1 FROM files LIMIT 1").fetchone()

    def fact(self, name: str) -> str | None:
        """Return what was noted under a name."""
        with self._told():
            row = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def note(self, name: str, value: str) -> None:
        """Note something about the library or this snapshot of it."""
        with self._told():
            self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    # What a listing fills.

    def begin(self) -> None:
        """Drop all files, for they are going to be read."""
        with self._told():
            self._db.execute("DROP INDEX IF EXISTS files_by_id")
            self._db.execute("DROP INDEX IF EXISTS files_by_path")
            self._db.execute("DELETE FROM files")
            self._db.execute("DELETE FROM facts WHERE name IN ('began', 'thumbnails')")
            self._next = 0

    def take(self, page: Page) -> None:
        """Add the files of a page behind all others."""
        numbers = range(self._next, self._next + len(page.files))
        self._next = numbers.stop
        with self._told():
            rows = [(number, *self._rows.row(file)) for number, file in zip(numbers, page.files, strict=True)]
            self._db.executemany(_INSERT, rows)
            self._db.executemany("INSERT INTO texts VALUES (?, ?)", self._rows.new_texts())

    def finish(self) -> None:
        """Put the files in order; of a file that came up twice, the later row stays."""
        with self._told():
            try:
                self._db.execute("CREATE UNIQUE INDEX files_by_id ON files (file_id)")
            except sqlite3.IntegrityError:
                self._db.execute(
                    "DELETE FROM files WHERE number NOT IN (SELECT max(number) FROM files GROUP BY file_id)"
                )
                self._db.execute("CREATE UNIQUE INDEX files_by_id ON files (file_id)")
            self._db.execute("CREATE INDEX files_by_path ON files (path, file_id)")

    def replace(self, files: Iterable[CurrentFile]) -> None:
        """Put other readings of files in their places, new ones behind all others."""
        with self._told():
            for file in files:
                known = self._db.execute("SELECT number FROM files WHERE file_id = ?", (file.file_id,)).fetchone()
                number = self._next if known is None else known[0]
                self._next += known is None
                self._db.execute(_INSERT.replace("INSERT", "INSERT OR REPLACE", 1), (number, *self._rows.row(file)))
            self._db.executemany("INSERT INTO texts VALUES (?, ?)", self._rows.new_texts())

    def remove(self, file_ids: Iterable[str]) -> None:
        """Drop files that are gone."""
        with self._told():
            self._db.executemany("DELETE FROM files WHERE file_id = ?", [(file_id,) for file_id in file_ids])

    # What a comparison asks.

    def __len__(self) -> int:
        with self._told():
            return int(self._db.execute("SELECT count(*) FROM files").fetchone()[0])

    def __iter__(self) -> Iterator[CurrentFile]:
        return self._files(f"{_SELECT} ORDER BY path, file_id")

    def __contains__(self, item: object) -> bool:
        if not isinstance(item, CurrentFile):
            return False
        return item in self._files(f"{_SELECT} WHERE file_id = ?", item.file_id)

    def all_tags(self) -> Iterator[str]:
        """Yield each ordinary tag that a file has, once."""
        known = set[int]()
        with self._told():
            for (packed,) in self._db.execute("SELECT tags FROM files"):
                new = self._rows.numbers_of(packed).difference(known)
                known |= new
                yield from map(self._rows.text, new)

    def slice(self, first: int, length: int) -> Sequence[CurrentFile]:
        """Return files in the order in which the library lists them."""
        return list(self._files(f"{_SELECT} WHERE number >= ? AND number < ? ORDER BY number", first, first + length))

    @property
    def rows(self) -> int:
        """How many rows a listing has brought so far."""
        return int(self._next)

    @property
    def newest(self) -> str | None:
        """The latest `updated_at`; None if a file has none, or there is no file."""
        with self._told():
            least, most = self._db.execute("SELECT min(updated_at), max(updated_at) FROM files").fetchone()
        return most if least else None

    @property
    def is_numbered(self) -> bool:
        """Whether numbers are places in the library's listing, none left out."""
        return bool(len(self) == self._next)

    def answer(self) -> "Answer":
        """Return room for the ids of the files that a query finds."""
        return Answer(self._db, next(self._queries), self._told)

    def _files(self, statement: str, *values: str | int) -> Iterator[CurrentFile]:
        with self._told():
            yield from map(self._rows.file, self._db.execute(statement, values))

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Put what SQLite says in words that tell what to do."""
        try:
            yield
        except (sqlite3.Error, IndexError, TypeError, ValueError) as error:
            where = f"in {shown(str(self._place))}" if self._place else "in a temporary file"
            raise StateError(
                f"the snapshot of the library cannot be kept {where}: {error}: see to it that there is room, remove "
                "what is there, or name another folder with --state-dir"
            ) from error


class Answer(Collection[str]):
    """The ids of the files that a query finds.

    Args:
        db: the snapshot's database.
        number: which query it is.
        told: puts what SQLite says in words.
    """

    def __init__(self, db: SelfClosingDatabase, number: int, told: Callable[[], AbstractContextManager[None]]) -> None:
        self._db = db
        self._number = number
        self._told = told

    def take(self, file_ids: Iterable[str]) -> None:
        """Add ids."""
        rows = [(self._number, file_id) for file_id in file_ids]
        with self._told():
            self._db.executemany("INSERT OR IGNORE INTO answers VALUES (?, ?)", rows)

    def clear(self) -> None:
        """Drop all ids."""
        with self._told():
            self._db.execute("DELETE FROM answers WHERE query = ?", (self._number,))

    def __contains__(self, file_id: object) -> bool:
        return self._one("SELECT EXISTS (SELECT 1 FROM answers WHERE query = ? AND file_id = ?)", file_id) == 1

    def __iter__(self) -> Iterator[str]:
        with self._told():
            rows = self._db.execute("SELECT file_id FROM answers WHERE query = ? ORDER BY file_id", (self._number,))
            yield from (file_id for (file_id,) in rows)

    def __len__(self) -> int:
        return self._one("SELECT count(*) FROM answers WHERE query = ?")

    def _one(self, statement: str, *values: object) -> int:
        with self._told():
            return int(self._db.execute(statement, (self._number, *values)).fetchone()[0])


def _private() -> SelfClosingDatabase:
    """Return a database in a temporary file that nobody else sees; SQLite makes it once memory does not do."""
    db = _connected("")
    db.execute("PRAGMA journal_mode = MEMORY")
    _make_tables(db)
    db.execute("BEGIN")
    return db


def _shared(place: Path) -> SelfClosingDatabase | None:
    """Return the database at a place, made anew if it is damaged; None if another process writes to it, or none may."""
    try:
        return _locked(place)
    except sqlite3.OperationalError:
        return None
    except sqlite3.DatabaseError:  # damaged, or no database at all: what it held can be read again
        with suppress(OSError, sqlite3.OperationalError):
            for name in (place, Path(f"{place}-wal"), Path(f"{place}-shm")):
                name.unlink(missing_ok=True)
            return _locked(place)
    return None


def _locked(place: Path) -> SelfClosingDatabase:
    try:
        os.close(os.open(place, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise sqlite3.OperationalError(error.strerror) from error
    db = _connected(place)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("BEGIN IMMEDIATE")
        _check_format(db)
        _make_tables(db)
    except BaseException:
        db.close()
        raise
    return db


def _check_format(db: SelfClosingDatabase) -> None:
    if db.execute("PRAGMA user_version").fetchone()[0] not in (0, _FORMAT):
        raise sqlite3.DatabaseError("a snapshot of another format")


def _connected(place: str | Path) -> SelfClosingDatabase:
    db = SelfClosingDatabase(place)
    db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    return db


def _make_tables(db: SelfClosingDatabase) -> None:
    """See to it that the tables are there."""
    for statement in _TABLES.split(";"):
        db.execute(statement)
    db.execute(f"PRAGMA user_version = {_FORMAT}")
