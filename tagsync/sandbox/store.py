"""Store the sandbox's library in SQLite: seeded from a file of list-API objects, and kept between runs."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from time import time
from typing import Any, NamedTuple
from zlib import crc32

from tagsync.sandbox.conditions import Condition, add_functions
from tagsync.sandbox.folders import folder_rows
from tagsync.sandbox.order import Orders, RowQuery
from tagsync.sandbox.seed import LibraryFile, SeedError, batches, fingerprint_of, json_text

SCHEMA = """
CREATE TABLE files (
  number INTEGER PRIMARY KEY,
  file_id TEXT NOT NULL UNIQUE,
  type TEXT NOT NULL,
  name TEXT NOT NULL,
  folder TEXT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  size REAL, width REAL, height REAL, format TEXT, file_type TEXT,
  private INTEGER, published INTEGER,
  custom TEXT NOT NULL,
  tags TEXT NOT NULL,
  ai_tags TEXT NOT NULL,
  rest TEXT NOT NULL
) STRICT;
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""

# Changes that listings do not show yet, if the index lags.
_PENDING = """
CREATE TABLE IF NOT EXISTS pending (
  number INTEGER PRIMARY KEY,
  written REAL NOT NULL,
  file_id TEXT NOT NULL,
  tags TEXT NOT NULL,
  ai_tags TEXT NOT NULL,
  updated_at TEXT
) STRICT
"""

# Created after the rows are inserted, because that is faster.
_INDEXES = """
CREATE INDEX files_by_creation ON files (type, created_at, number);
CREATE INDEX files_by_folder ON files (folder);
CREATE INDEX files_by_name ON files (name);
CREATE INDEX files_by_update ON files (updated_at);
"""

_SORTS = {
    "NAME": "name",
    "CREATED": "created_at",
    "UPDATED": "updated_at",
    "HEIGHT": "height",
    "WIDTH": "width",
    "SIZE": "size",
    "RELEVANCE": "created_at",
}
SORTS = frozenset(f"{direction}_{name}" for direction in ("ASC", "DESC") for name in _SORTS)


class File(NamedTuple):
    """The changeable parts of a file."""

    file_id: str
    tags: list[str]
    ai_tags: list[dict[str, Any]]


class Store:
    """The sandbox's library. Use it from one thread at a time.

    Args:
        database: the SQLite file, created and seeded if it does not exist; `:memory:` for a temporary one.
        library: the file to seed from, in the format of `seed.LibraryFile`.

    Attributes:
        source: the hash of the library file that the database was seeded from.
        source_changed: whether the library file has changed since the database was seeded from it.
        index_lag: seconds until listings and searches show a change of tags.
        details_lag: seconds until details show it, at most `index_lag`.
        clock: returns seconds, for these lags.

    Raises:
        SeedError: the database or the library file cannot be used.
    """

    def __init__(self, database: str | Path, library: Path) -> None:
        self.source_changed = False
        self.index_lag = self.details_lag = 0.0
        self.clock: Callable[[], float] = time
        with ExitStack() as on_failure:
            try:
                self._db = sqlite3.connect(database, isolation_level=None, timeout=30, check_same_thread=False)
                on_failure.callback(self._db.close)
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.execute("PRAGMA synchronous = OFF")
                add_functions(self._db)
                seeded = self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'facts'").fetchone()
                self.source = fingerprint = fingerprint_of(library)
                if seeded is None:
                    self._seed(library, fingerprint)
                else:
                    self._db.execute(_PENDING)
                    self.source = self._fact("source")
                    self.source_changed = self.source != fingerprint
            except sqlite3.Error as error:
                raise SeedError(
                    f"the sandbox database {database} cannot be used ({error}): try sandbox reset"
                ) from error
            except OSError as error:
                raise SeedError(f"the library file {library} cannot be read: {error.strerror}") from error
            on_failure.pop_all()
        self._orders = Orders(self._db)
        self._shuffles = 0
        self._db.create_function("shuffled", 4, _shuffled, deterministic=True)

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def _fact(self, name: str) -> str:
        row = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return str(row[0])

    def _seed(self, library: Path, fingerprint: str) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for statement in (*SCHEMA.split(";"), _PENDING):
                self._db.execute(statement)
            file = LibraryFile(library)
            for rows in batches(file.rows()):
                self._insert(file, rows)
            for statement in _INDEXES.split(";"):
                self._db.execute(statement)
            self._insert(file, list(folder_rows(self._db)))
            self._db.execute("INSERT INTO facts VALUES ('source', ?)", (fingerprint,))
            # Without statistics, SQLite uses the index on `type` for every query, which hardly narrows any.
            self._db.execute("ANALYZE")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _insert(self, file: LibraryFile, rows: Sequence[tuple[Any, ...]]) -> None:
        try:
            self._db.executemany(f"INSERT INTO files VALUES ({', '.join('?' * 18)})", rows)  # noqa: S608 - only marks
        except sqlite3.IntegrityError as error:
            stored = self._db.execute("SELECT coalesce(max(number), 0) FROM files").fetchone()[0]
            number, file_id = next(row[:2] for row in rows if row[0] > stored)
            raise SeedError(f"{file.place(number)} has the same id as an earlier object: {file_id}") from error

    def list(
        self,
        *,
        kind: str,
        condition: Condition | None,
        path: str | None,
        file_type: str,
        sort: str,
        limit: int,
        skip: int,
        shuffle: int = 0,
    ) -> str:
        """Return a page of a listing as JSON.

        Args:
            kind: the type of objects, `all` for files and folders, or `any`.
            condition: the condition of a searchQuery.
            path: a folder, without its subfolders.
            file_type: `all`, `image` or `non-image`.
            sort: a member of `SORTS`.
            limit: the maximum number of objects.
            skip: how many objects to skip.
            shuffle: the percentage of groups with equal sort keys to put in another order.
        """
        condition_sql, parameters = where(kind, condition, path, file_type)
        direction, _, name = sort.partition("_")
        ties = "number"
        if shuffle:
            self._shuffles += 1
            ties, parameters = f"shuffled({_SORTS[name]}, number, ?, ?)", (*parameters, shuffle, self._shuffles)
        statement = f"SELECT number FROM files WHERE {condition_sql} ORDER BY {_SORTS[name]} {direction}, {ties}"  # noqa: S608 - parts of our own, values are parameters
        # API calls change only tags, custom metadata and `updatedAt`, so other listings stay the same.
        listing = RowQuery(statement, parameters, lasts=condition is None and name != "UPDATED")
        self._settle()
        with self._db:
            self._db.execute("BEGIN")  # no other process changes the rows between the two statements
            numbers = self._orders.page(listing, limit=limit, skip=skip)
            rows = self._db.execute(
                f"SELECT number, {_JSON} FROM files WHERE number IN (SELECT value FROM json_each(?))",  # noqa: S608 - a constant
                (json_text(numbers),),
            )
            texts: dict[int, str] = dict(rows)
        return f"[{','.join([texts[number] for number in numbers])}]"

    def details(self, file_id: str) -> str | None:
        """Return a file as JSON; None if it does not exist."""
        self._settle()
        row = self._db.execute(
            f"SELECT {_JSON} FROM files WHERE file_id = ? AND type = 'file'",  # noqa: S608 - a constant
            (file_id,),
        ).fetchone()
        newer = self._newest(file_id, self.clock() - self.details_lag)
        if row is None or newer is None:
            return None if row is None else str(row[0])
        tags, ai_tags, updated_at = newer
        members = json.loads(row[0]) | {"tags": json.loads(tags), "AITags": json.loads(ai_tags)}
        return json_text(members | ({"updatedAt": updated_at} if updated_at else {}))

    def files(self, file_ids: Iterable[str]) -> dict[str, File]:
        """Return the existing files among some IDs, with all changes."""
        wanted = list(dict.fromkeys(file_ids))
        marks = ", ".join("?" * len(wanted))
        rows = self._db.execute(
            f"SELECT file_id, tags, ai_tags FROM files WHERE type = 'file' AND file_id IN ({marks})",  # noqa: S608 - only marks
            wanted,
        )
        found = {}
        for file_id, *columns in rows.fetchall():
            tags, ai_tags, *_ = self._newest(file_id, inf) or columns
            found[file_id] = File(file_id, json.loads(tags) or [], json.loads(ai_tags) or [])
        return found

    def save(self, files: Sequence[File], *, moves_update: bool = True) -> None:
        """Store the tags of files in one transaction; empty tags become null.

        Args:
            files: the files.
            moves_update: whether their `updatedAt` becomes the current time.
        """
        now = timestamp(datetime.now(UTC)) if moves_update else None
        changes = [(json_text(file.tags or None), json_text(file.ai_tags or None), now, file.file_id) for file in files]
        self._db.execute("BEGIN IMMEDIATE")
        if self.index_lag:
            written = self.clock()
            self._db.executemany(
                "INSERT INTO pending (tags, ai_tags, updated_at, file_id, written) VALUES (?, ?, ?, ?, ?)",
                [(*change, written) for change in changes],
            )
        else:
            self._db.executemany(_UPDATE, changes)
        self._db.execute("COMMIT")

    def has_tag(self, tag: str) -> bool:
        """Return whether any file has an ordinary tag."""
        query = "SELECT 1 FROM files, json_each(files.tags) WHERE value = ? LIMIT 1"
        return self._db.execute(query, (tag,)).fetchone() is not None

    def _newest(self, file_id: str, until: float) -> tuple[str, str, str | None] | None:
        """Return the newest change of a file, up to a time, that listings do not show yet: tags, AI tags, updatedAt."""
        query = "SELECT tags, ai_tags, updated_at FROM pending WHERE file_id = ? AND written <= ? ORDER BY number DESC"
        found: tuple[str, str, str | None] | None = self._db.execute(query, (file_id, until)).fetchone()
        return found

    def _settle(self) -> None:
        """Let listings show the changes whose time has come; also those of a clock that was ahead."""
        if self._db.execute("SELECT 1 FROM pending LIMIT 1").fetchone() is None:
            return
        now = self.clock()
        times = (now - self.index_lag, now)
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            due = "FROM pending WHERE written <= ? OR written > ?"
            changes = self._db.execute(f"SELECT tags, ai_tags, updated_at, file_id {due} ORDER BY number", times)
            self._db.executemany(_UPDATE, changes.fetchall())
            self._db.execute(f"DELETE {due}", times)

    def patch(self, file_id: str, members: dict[str, Any]) -> None:
        """Set other members of a file object."""
        row = self._db.execute("SELECT rest, custom FROM files WHERE file_id = ?", (file_id,)).fetchone()
        rest, custom = json.loads(row[0]) | members, json.loads(row[1])
        custom |= members.get("customMetadata") or {}
        rest["customMetadata"] = custom = {name: value for name, value in custom.items() if value is not None}
        self._db.execute(
            "UPDATE files SET rest = ?, custom = ?, updated_at = ? WHERE file_id = ?",
            (json_text(rest), json_text(custom, ascii_only=False), timestamp(datetime.now(UTC)), file_id),
        )


_UPDATE = "UPDATE files SET tags = ?, ai_tags = ?, updated_at = coalesce(?, updated_at) WHERE file_id = ?"


def _shuffled(key: object, number: int, percent: int, answer: int) -> int:
    """Return the sort key of a row among those with equal keys: its number, or a hash if the group is shuffled."""
    if crc32(f"{answer} {key}".encode()) % 100 >= percent:
        return number
    return crc32(f"{answer} {key} {number}".encode())


# A file object in JSON consists of `rest`, which does not change, and the members that calls change.
_JSON = (
    "substr(rest, 1, length(rest) - 1) || CASE rest WHEN '{}' THEN '' ELSE ',' END || CASE type WHEN 'folder' THEN "
    "'\"updatedAt\":\"' || updated_at || '\"}' ELSE "
    "'\"tags\":' || tags || ',\"AITags\":' || ai_tags || ',\"updatedAt\":\"' || updated_at || '\"}' END"
)


def timestamp(moment: datetime) -> str:
    """Return a UTC time as the API writes it, with milliseconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


_KINDS = {"all": ("file", "folder"), "any": ("file", "folder", "file-version")}
"""The types of rows that stand for several."""


def where(kind: str, condition: Condition | None, path: str | None, file_type: str) -> tuple[str, tuple[Any, ...]]:
    """Return the SQL condition of a listing and its parameters; see `Store.list`."""
    parts: list[str] = []
    parameters: tuple[Any, ...] = ()
    if condition:
        parts.append(f"({condition.sql})")
        parameters += condition.parameters
    if not condition or not condition.names_type:
        # Conditions on names, folders or times narrow more than the type. The plus keeps SQLite from using its index.
        column = "+type" if condition and condition.narrows else "type"
        kinds = _KINDS.get(kind, (kind,))
        parts.append(f"{column} IN ({', '.join('?' * len(kinds))})" if len(kinds) > 1 else f"{column} = ?")
        parameters += kinds
    if path is not None:
        parts.append("folder = ?")
        parameters += (path if path.endswith("/") else path + "/",)
    if file_type != "all":
        parts.append("file_type = ?")
        parameters += (file_type,)
    return " AND ".join(parts), parameters
