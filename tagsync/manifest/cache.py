"""What manifests held when they were read before, by the hash of their bytes; nothing that a run could not do without.

Whatever is wrong with the file that it is kept in, manifests are read as if there were none. Faults are never kept.
"""

import hashlib
import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from tagsync import __version__
from tagsync.manifest.contents import Contents, Sheet
from tagsync.manifest.notes import Note
from tagsync.manifest.rows import Kind, Row, check_shape, packed_wishes, unpacked_wishes
from tagsync.manifest.sources import STDIN

LEAST_BYTES = 16 * 1024
"""Smaller manifests are read sooner than they are found here."""

KEPT_DAYS = 14
"""What no run has asked for so long is dropped."""

_MOST_BYTES = 1 << 30
_DAY_SECONDS = 86_400
_FORMAT = 2
_ROWS_AT_ONCE = 1_000
_LONGEST = 1 << 28
_LINES = 1 << 31
_REMEMBERED = 50_000
_PATIENCE = 1.0
"""Seconds for which another process that writes is waited for."""

_FILES = "CREATE TABLE files (key BLOB PRIMARY KEY, head BLOB, digest BLOB, used INTEGER)"
_PIECES = "CREATE TABLE pieces (key BLOB, number INTEGER, rows BLOB, PRIMARY KEY (key, number))"


class _Head(msgspec.Struct, array_like=True, frozen=True):
    """All but a manifest's rows."""

    sheets: tuple[tuple[bytes, int | None], ...]
    accounts: tuple[tuple[str, int], ...]
    notes: tuple[tuple[Note, int], ...]
    count: int


_encode = msgspec.msgpack.Encoder().encode
_head = msgspec.msgpack.Decoder(_Head).decode
_rows = msgspec.msgpack.Decoder(list[Row]).decode


class _DamagedError(Exception):
    """Something that is kept is not as it was written."""


def key_of(name: str, digest: bytes) -> bytes:
    """Return the key of a manifest, by its name and the sha256 of its bytes: JSON is read in a way of its own."""
    way = "json" if name.endswith(".json") else "stdin" if name == STDIN else "yaml"
    return hashlib.sha256(f"{_FORMAT} {__version__} {way} ".encode() + digest).digest()


class Cache:
    """A file in which contents are kept from run to run, for several processes at once.

    Args:
        path: the file, made if it is not there; its folder is.
        today: the day, counted from any one.
    """

    def __init__(self, path: Path, today: int | None = None) -> None:
        self._path = path
        self._today = int(time.time() // _DAY_SECONDS) if today is None else today
        self._good: set[tuple[Kind, bytes]] = set()
        self._has_grown = False
        self._is_open = False
        self._database: sqlite3.Connection | None = None

    def get(self, key: bytes, take: Callable[[list[Row]], None]) -> Contents | None:
        """Return what a manifest held, once its rows have been handed over.

        What was handed over counts for nothing if this returns None.
        """
        database = self._opened()
        if database is None:
            return None
        try:
            return self._get(database, key, take)
        except (_DamagedError, ValueError, msgspec.MsgspecError):
            self._drop(database, key)
        except sqlite3.OperationalError:
            self.close()
        except (sqlite3.Error, OverflowError):
            self._make_anew()
        return None

    def put(self, key: bytes, contents: Contents, rows: Iterable[Row]) -> None:
        """Keep what a manifest held, if it has entries and nothing else."""
        if contents.policy or contents.vocabularies or not contents.sheets:
            return
        database = self._opened()
        if database is None:
            return
        try:
            database.execute("BEGIN IMMEDIATE")
            self._put(database, key, contents, rows)
            database.execute("COMMIT")
            self._has_grown = True
        except sqlite3.Error:
            self.close()  # there is no room, it may not be written, or another process writes for long

    def close(self) -> None:
        """Drop what was not asked for in a long time, and close the file."""
        database, self._database = self._database, None
        if database is None:
            return
        with suppress(sqlite3.Error):
            if self._has_grown and not database.in_transaction:
                self._prune(database)
        with suppress(sqlite3.Error):
            database.close()

    def _get(self, database: sqlite3.Connection, key: bytes, take: Callable[[list[Row]], None]) -> Contents | None:
        found = database.execute("SELECT head, digest, used FROM files WHERE key = ?", (key,)).fetchone()
        if found is None:
            return None
        data, digest, used = found
        if not isinstance(data, bytes):
            raise _DamagedError
        head = _head(data)
        contents = Contents(
            [Sheet(unpacked_wishes(defaults), at) for defaults, at in head.sheets],
            list(head.accounts),
            dict(head.notes),
        )
        hashed = hashlib.sha256()
        count = 0
        for rows in self._pieces(database, key, hashed, len(contents.sheets)):
            count += len(rows)
            take(rows)
        if count != head.count or _digest(data, hashed.digest()) != digest:
            raise _DamagedError
        if used != self._today:
            with suppress(sqlite3.OperationalError):
                database.execute("UPDATE files SET used = ? WHERE key = ?", (self._today, key))
        return contents

    def _pieces(self, database: sqlite3.Connection, key: bytes, hashed: Any, documents: int) -> Iterator[list[Row]]:
        for (data,) in database.execute("SELECT rows FROM pieces WHERE key = ? ORDER BY number", (key,)):
            if not isinstance(data, bytes):
                raise _DamagedError
            hashed.update(data)
            rows = _rows(data)
            self._check(rows, documents)
            yield rows

    def _check(self, rows: list[Row], documents: int) -> None:
        """Check that rows can be unfolded, whoever wrote them."""
        if not all(0 <= document < documents for document in {row[2] for row in rows}):
            raise _DamagedError
        if not all(0 <= line < _LINES for line in {row[3] for row in rows}):
            raise _DamagedError
        new = {(row[0], row[4]) for row in rows}.difference(self._good)
        for kind, shape in new:
            check_shape(kind, shape)
        if len(self._good) > _REMEMBERED:
            self._good.clear()
        self._good |= new

    def _put(self, database: sqlite3.Connection, key: bytes, contents: Contents, rows: Iterable[Row]) -> None:
        database.execute("DELETE FROM files WHERE key = ?", (key,))
        database.execute("DELETE FROM pieces WHERE key = ?", (key,))
        pieces = hashlib.sha256()
        count = 0
        rows = iter(rows)
        number = 0
        while some := list(islice(rows, _ROWS_AT_ONCE)):
            data = _encode(some)
            pieces.update(data)
            count += len(some)
            database.execute("INSERT INTO pieces VALUES (?, ?, ?)", (key, number, data))
            number += 1
        sheets = tuple((packed_wishes(sheet.defaults), sheet.files_at) for sheet in contents.sheets)
        head = _encode(_Head(sheets, tuple(contents.accounts), tuple(contents.notes.items()), count))
        digest = _digest(head, pieces.digest())
        database.execute("INSERT INTO files VALUES (?, ?, ?, ?)", (key, head, digest, self._today))

    def _drop(self, database: sqlite3.Connection, key: bytes) -> None:
        with suppress(sqlite3.Error):
            database.execute("DELETE FROM files WHERE key = ?", (key,))

    def _prune(self, database: sqlite3.Connection) -> None:
        (size,) = database.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").fetchone()
        least = self._today if size > _MOST_BYTES else self._today - KEPT_DAYS
        database.execute("DELETE FROM files WHERE used < ?", (least,))
        database.execute("DELETE FROM pieces WHERE key NOT IN (SELECT key FROM files)")

    def _opened(self) -> sqlite3.Connection | None:
        if not self._is_open:
            self._is_open = True
            try:
                self._database = _opened(self._path)
            except sqlite3.OperationalError:
                self._database = None
            except sqlite3.Error:
                self._make_anew()
            except OSError:
                self._database = None
        return self._database

    def _make_anew(self) -> None:
        """Put an empty file in the place of one that is damaged."""
        database, self._database = self._database, None
        with suppress(sqlite3.Error):
            if database is not None:
                database.close()
        with suppress(OSError, sqlite3.Error):
            for suffix in ("", "-wal", "-shm"):
                Path(f"{self._path}{suffix}").unlink(missing_ok=True)
            self._database = _opened(self._path)


def _digest(head: bytes, pieces: bytes) -> bytes:
    return hashlib.sha256(head + pieces).digest()


def _opened(path: Path) -> sqlite3.Connection:
    """Return the database in a file.

    Raises:
        OSError: it is not the user's own regular file, or cannot be made.
        sqlite3.OperationalError: it cannot be used now.
        sqlite3.DatabaseError: it is none of this kind.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    try:
        found = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
        raise OSError("not a file of one's own")
    database = sqlite3.connect(path, isolation_level=None, timeout=_PATIENCE, check_same_thread=False)
    try:
        _set_up(database)
    except BaseException:
        database.close()
        raise
    return database


def _set_up(database: sqlite3.Connection) -> None:
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
    database.execute("PRAGMA trusted_schema = OFF")
    database.execute("PRAGMA auto_vacuum = FULL")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute("BEGIN IMMEDIATE")
    try:
        if not database.execute("SELECT 1 FROM sqlite_master").fetchone():
            database.execute(_FILES)
            database.execute(_PIECES)
        made = {sql for (sql,) in database.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")}
    finally:
        database.execute("COMMIT")
    if made != {_FILES, _PIECES}:
        raise sqlite3.DatabaseError("tables of another kind")
