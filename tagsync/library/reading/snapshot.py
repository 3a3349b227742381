"""Store one complete read of a library in a temporary SQLite database; `reader` fills it page by page."""

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from typing import Self
from unicodedata import is_normalized, normalize

from tagsync.errors import StateError
from tagsync.library.protocol import Page
from tagsync.library.reading.snapshot_rows import COLUMNS, RowCodec
from tagsync.model import CurrentFile
from tagsync.spool import SelfClosingDatabase

_TABLES = """
CREATE TABLE texts (number INTEGER PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE files (
  number INTEGER PRIMARY KEY,
  file_id TEXT NOT NULL,
  path TEXT NOT NULL,
  tags BLOB NOT NULL,
  ai_tags BLOB NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  thumbnail TEXT NOT NULL,
  fields TEXT NOT NULL,
  composed TEXT
);
CREATE TABLE answers (query INTEGER, file_id TEXT, PRIMARY KEY (query, file_id)) WITHOUT ROWID;
"""

_CACHE_KIB = 32 * 1024

_INSERT = f"INSERT OR REPLACE INTO files (number, {COLUMNS}, composed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - a constant
_SELECT = f"SELECT {COLUMNS} FROM files"  # noqa: S608 - a constant

_TWINS = """
SELECT json_group_array(file_id) FROM files WHERE path NOT IN (SELECT composed FROM files WHERE composed NOT NULL)
AND composed IS NULL GROUP BY path HAVING count(*) > 1
UNION ALL
SELECT json_group_array(file_id) FROM (
  SELECT composed AS path, file_id FROM files WHERE composed NOT NULL
  UNION ALL SELECT path, file_id FROM files WHERE path IN (SELECT composed FROM files WHERE composed NOT NULL)
) GROUP BY path HAVING count(*) > 1
"""
"""Groups of files whose paths are equal under NFC. Nearly all paths are in NFC already, so the first part can use the
index on `path`; only paths near the others are sorted."""


class Snapshot(Collection[CurrentFile]):
    """A library's files, sorted by path and ID. Each file has a number: its place in the listing.

    Raises:
        StateError: there is no disk space.
    """

    def __init__(self) -> None:
        with self._explained():
            # SQLite creates the file of this private database only once the cache is full.
            self._db = SelfClosingDatabase()
            self._db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            # Nobody needs this database after a crash: it keeps no journal on disk, and one transaction that never
            # commits spares it every write to disk that fits into the cache.
            self._db.execute("PRAGMA journal_mode = MEMORY")
            for statement in _TABLES.split(";"):
                self._db.execute(statement)
            self._db.execute("BEGIN")
            self._rows = RowCodec()
            self._next = 0
            self._queries = count()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close and delete the database."""
        self._db.close()

    # Filling it

    def begin(self) -> None:
        """Delete all files, before a listing starts."""
        # Inserting without indexes and creating them in `finish` is much faster.
        with self._explained():
            self._db.execute("DROP INDEX IF EXISTS files_by_id")
            self._db.execute("DROP INDEX IF EXISTS files_by_path")
            self._db.execute("DROP INDEX IF EXISTS files_by_composed")
            self._db.execute("DELETE FROM files")
            self._next = 0

    def add_page(self, page: Page) -> None:
        """Add the files of a page after all others."""
        numbers = range(self._next, self._next + len(page.files))
        self._next = numbers.stop
        with self._explained():
            self._insert(zip(numbers, page.files, strict=True))

    def finish(self) -> None:
        """Create the indexes; if a file was listed twice, keep its later row."""
        with self._explained():
            try:
                self._db.execute("CREATE UNIQUE INDEX files_by_id ON files (file_id)")
            except sqlite3.IntegrityError:
                # Only a library that changes meanwhile lists a file twice. Checking each insert instead would be slow.
                self._db.execute(
                    "DELETE FROM files WHERE number NOT IN (SELECT max(number) FROM files GROUP BY file_id)"
                )
                self._db.execute("CREATE UNIQUE INDEX files_by_id ON files (file_id)")
            self._db.execute("CREATE INDEX files_by_path ON files (path, file_id, composed)")
            self._db.execute("CREATE INDEX files_by_composed ON files (composed, file_id) WHERE composed NOT NULL")

    def replace(self, files: Iterable[CurrentFile]) -> None:
        """Replace files by newer readings of them; add unknown ones after all others."""
        with self._explained():
            for file in files:
                known = self._db.execute("SELECT number FROM files WHERE file_id = ?", (file.file_id,)).fetchone()
                number = self._next if known is None else known[0]
                self._next += known is None
                self._insert([(number, file)])

    def _insert(self, numbered: Iterable[tuple[int, CurrentFile]]) -> None:
        rows = [(number, *self._rows.row(file), _composed(file.path)) for number, file in numbered]
        self._db.executemany(_INSERT, rows)
        self._db.executemany("INSERT INTO texts VALUES (?, ?)", self._rows.new_texts())

    # Reading it

    def __len__(self) -> int:
        with self._explained():
            return int(self._db.execute("SELECT count(*) FROM files").fetchone()[0])

    def __iter__(self) -> Iterator[CurrentFile]:
        return self._files(f"{_SELECT} ORDER BY path, file_id")

    def __contains__(self, item: object) -> bool:
        if not isinstance(item, CurrentFile):
            return False
        return item in self._files(f"{_SELECT} WHERE file_id = ?", item.file_id)

    def all_tags(self) -> Iterator[str]:
        """Yield each ordinary tag in the library once."""
        known = set[int]()
        with self._explained():
            for (packed,) in self._db.execute("SELECT tags FROM files"):
                new = self._rows.numbers_of(packed).difference(known)
                known |= new
                yield from map(self._rows.text, new)

    def twins(self) -> Mapping[str, tuple[str, ...]]:
        """Return the groups of file IDs with the same path, or paths equal under NFC, by each ID of a group."""
        with self._explained():
            groups = [tuple(sorted(json.loads(ids))) for (ids,) in self._db.execute(_TWINS)]
        return {file_id: group for group in groups for file_id in group}

    def has(self, *, path: str | None = None, file_id: str | None = None) -> bool:
        """Return whether a file with a path, or with an ID, exists."""
        column, value = ("path", path) if file_id is None else ("file_id", file_id)
        with self._explained():
            statement = f"SELECT EXISTS (SELECT 1 FROM files WHERE {column} = ?)"  # noqa: S608 - one of two names
            return bool(self._db.execute(statement, (value,)).fetchone()[0])

    @property
    def rows(self) -> int:
        """The number of files read so far."""
        return int(self._next)

    def query_matches(self) -> "QueryMatches":
        """Return an empty collection for the IDs of the files that a query finds."""
        return QueryMatches(self._db, next(self._queries), self._explained)

    def _files(self, statement: str, *values: str | int) -> Iterator[CurrentFile]:
        with self._explained():
            yield from map(self._rows.file, self._db.execute(statement, values))

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn SQLite's errors into a StateError that says how to fix them."""
        try:
            yield
        except (sqlite3.Error, IndexError, TypeError, ValueError) as error:
            raise StateError(
                f"cannot write the library's files to a temporary file: {error}: free some disk space, or set TMPDIR "
                "to another folder"
            ) from error


class QueryMatches(Collection[str]):
    """The IDs of the files that a query finds.

    Args:
        db: the snapshot's database.
        number: the number of the query.
        explained: turns SQLite's errors into StateError.
    """

    def __init__(
        self, db: SelfClosingDatabase, number: int, explained: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._db = db
        self._number = number
        self._explained = explained

    def add(self, file_ids: Iterable[str]) -> None:
        """Add IDs."""
        rows = [(self._number, file_id) for file_id in file_ids]
        with self._explained():
            self._db.executemany("INSERT OR IGNORE INTO answers VALUES (?, ?)", rows)

    def clear(self) -> None:
        """Delete all IDs."""
        with self._explained():
            self._db.execute("DELETE FROM answers WHERE query = ?", (self._number,))

    def __contains__(self, file_id: object) -> bool:
        return self._one("SELECT EXISTS (SELECT 1 FROM answers WHERE query = ? AND file_id = ?)", file_id) == 1

    def __iter__(self) -> Iterator[str]:
        with self._explained():
            rows = self._db.execute("SELECT file_id FROM answers WHERE query = ? ORDER BY file_id", (self._number,))
            yield from (file_id for (file_id,) in rows)

    def __len__(self) -> int:
        return self._one("SELECT count(*) FROM answers WHERE query = ?")

    def _one(self, statement: str, *values: object) -> int:
        with self._explained():
            return int(self._db.execute(statement, (self._number, *values)).fetchone()[0])


def _composed(path: str) -> str | None:
    """Return a path in NFC; None if it is in NFC already."""
    return None if path.isascii() or is_normalized("NFC", path) else normalize("NFC", path)
