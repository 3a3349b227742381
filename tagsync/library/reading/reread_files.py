"""Store files that were read again in a temporary SQLite database, because there may be millions."""

import sqlite3
from collections.abc import Iterable, Iterator, MutableMapping
from contextlib import contextmanager

import msgspec

from tagsync.errors import StateError
from tagsync.model import AITag, CurrentFile
from tagsync.spool import SelfClosingDatabase

_Rest = tuple[str, tuple[str, ...], tuple[AITag, ...], str, str, str] | None
"""A file without its ID; None for one that was deleted."""


class RereadFiles(MutableMapping[str, CurrentFile | None]):
    """Files by ID; None for a deleted one. A file that could not be read has no item.

    Raises:
        StateError: there is no disk space.
    """

    def __init__(self) -> None:
        self._pack = msgspec.msgpack.Encoder().encode
        self._unpack: msgspec.msgpack.Decoder[_Rest] = msgspec.msgpack.Decoder(_Rest)
        with _explained():
            self._db = SelfClosingDatabase()
            # Nothing is ever rolled back, and nobody needs the file after a crash.
            self._db.execute("PRAGMA journal_mode = OFF")
            self._db.execute("CREATE TABLE files (file_id TEXT PRIMARY KEY, rest BLOB NOT NULL) WITHOUT ROWID")
            self._db.execute("BEGIN")

    def add(self, files: Iterable[CurrentFile]) -> None:
        """Add files; a later reading replaces an earlier one."""
        for file in files:
            self[file.file_id] = file

    def __setitem__(self, file_id: str, file: CurrentFile | None) -> None:
        rest = file and (file.path, file.tags, file.ai_tags, file.created_at, file.updated_at, file.thumbnail)
        with _explained():
            self._db.execute("INSERT OR REPLACE INTO files VALUES (?, ?)", (file_id, self._pack(rest)))

    def __getitem__(self, file_id: str) -> CurrentFile | None:
        with _explained():
            row = self._db.execute("SELECT rest FROM files WHERE file_id = ?", (file_id,)).fetchone()
        if row is None:
            raise KeyError(file_id)
        rest = self._unpack.decode(row[0])
        return rest and CurrentFile(file_id, *rest)

    def __delitem__(self, file_id: str) -> None:
        with _explained():
            if not self._db.execute("DELETE FROM files WHERE file_id = ?", (file_id,)).rowcount:
                raise KeyError(file_id)

    def __iter__(self) -> Iterator[str]:
        with _explained():
            yield from (file_id for (file_id,) in self._db.execute("SELECT file_id FROM files"))

    def __len__(self) -> int:
        with _explained():
            return int(self._db.execute("SELECT count(*) FROM files").fetchone()[0])


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StateError(
            f"cannot write the files that were read again to a temporary file: {error}: free some disk space, or set "
            "TMPDIR to another folder"
        ) from error
