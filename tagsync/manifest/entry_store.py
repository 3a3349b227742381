"""Keep the entries of a run in a nameless SQLite database, indexed by what they select.

SQLite unlinks its temporary file as it opens it, so that nothing is left behind however a run ends.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import msgspec

from tagsync.errors import StateError
from tagsync.manifest.entries import with_defaults
from tagsync.model import ById, ByMatch, ByPath, Declaration, Entry, NumberedEntry, Selector
from tagsync.spool import SelfClosingDatabase

PATH: Literal[0] = 0
FILE_ID: Literal[1] = 1
MATCH: Literal[2] = 2

_Kind = Literal[0, 1, 2]

EntryRow = tuple[_Kind, str, int, bytes]
"""What an entry selects by, the path, file ID or match, its line from 0, and its own declaration, encoded.

The declaration is without its document's defaults: they may be long, and stand for every entry.
"""

_MOST_SHARED = 4 << 20
"""How many bytes the shared declarations take at most, as they are encoded; about ten times as many in memory."""

_AT_ONCE = 1_000
_CACHE_KIB = 8_192

_TABLE = """
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    CREATE TABLE entries (
        number INTEGER PRIMARY KEY, kind INTEGER, key TEXT, document INTEGER, line INTEGER, declaration BLOB
    );
    CREATE INDEX by_id ON entries (key) WHERE kind = 1;
    CREATE INDEX matching ON entries (number) WHERE kind = 2;
"""
_INSERT = "INSERT INTO entries (number, kind, key, document, line, declaration) VALUES (?, ?, ?, ?, ?, ?)"
_SELECT = "SELECT number, kind, key, document, line, declaration FROM entries"

encode_declaration = msgspec.msgpack.Encoder().encode
decode_declaration = msgspec.msgpack.Decoder(Declaration).decode
_encode_match = msgspec.json.Encoder().encode
_decode_match = msgspec.json.Decoder(ByMatch).decode


def row_of(selector: Selector, line: int, declaration: Declaration) -> EntryRow:
    """Return an entry's row."""
    data = encode_declaration(declaration)
    if isinstance(selector, ByPath):
        return PATH, selector.path, line, data
    if isinstance(selector, ById):
        return FILE_ID, selector.file_id, line, data
    return MATCH, _encode_match(selector).decode("utf-8"), line, data


def selector_of(kind: _Kind, key: str) -> Selector:
    """Return what a row selects by."""
    if kind == PATH:
        return ByPath(key)
    return ById(key) if kind == FILE_ID else _decode_match(key)


class EntryStore:
    """The entries of one run, in the order in which they are declared; `IndexedEntries` once they are all there.

    Args:
        as_of: the day, as YYYY-MM-DD, on which `until` is evaluated; None to let nothing expire.

    Raises:
        StateError: there is no room for them; each method may raise it.
    """

    def __init__(self, as_of: str | None = None) -> None:
        self._as_of = as_of
        self._count = 0
        self._documents: list[tuple[str, Declaration]] = []
        """The manifest and the defaults of each document."""
        self._defaults: dict[Declaration, Declaration] = {}
        """One object for all equal defaults, so that documents share declarations."""
        self._shared: dict[tuple[int, bytes], Declaration] = {}
        self._shared_bytes = 0
        with _explain_storage_errors():
            self._database = SelfClosingDatabase()
            self._database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            self._database.executescript(_TABLE)

    def add_document(self, manifest: str, defaults: Declaration) -> int:
        """Begin a document behind those that are there, and return its number."""
        self._documents.append((manifest, self._defaults.setdefault(defaults, defaults)))
        return len(self._documents) - 1

    def extend(self, document: int, rows: Sequence[EntryRow]) -> None:
        """Add entries of a document behind those that are there."""
        numbered = (
            (number, kind, key, document, line, data)
            for number, (kind, key, line, data) in enumerate(rows, self._count)
        )
        with _explain_storage_errors():
            self._database.execute("BEGIN")
            self._database.executemany(_INSERT, numbered)
            self._database.execute("COMMIT")
        self._count += len(rows)

    def mark(self) -> tuple[int, int]:
        """Return what `cut` takes to drop all that is added from now on."""
        return self._count, len(self._documents)

    def cut(self, mark: tuple[int, int]) -> None:
        """Drop all that was added since `mark` was called."""
        self._count, documents = mark
        del self._documents[documents:]
        with _explain_storage_errors():
            self._database.execute("DELETE FROM entries WHERE number >= ?", (self._count,))

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Entry]:
        return (entry for _, _, entry in self._read("ORDER BY number"))

    def __contains__(self, entry: object) -> bool:
        return any(entry == each for each in self)

    def declarations(self) -> Iterator[Declaration]:
        """Yield what entries declare, in any order; what several declare alike may come once."""
        with _explain_storage_errors():
            found = self._database.execute("SELECT document, declaration FROM entries")
            while some := found.fetchmany(_AT_ONCE):
                for document, data in set(some):
                    yield self._shared_declaration(document, data)

    def by_path(self) -> Iterator[tuple[str, int, Entry]]:
        """Yield the entries that name a path, with it and their number, sorted by both."""
        # SQLite compares text as UTF-8, which has the order of characters that Python has.
        return self._read(f"WHERE kind = {PATH} ORDER BY key, number")

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
        return ((number, entry) for _, number, entry in self._read(which, *values))

    def _read(self, which: str, *values: str) -> Iterator[tuple[str, int, Entry]]:
        documents, shared_declaration = self._documents, self._shared_declaration
        with _explain_storage_errors():
            found = self._database.execute(f"{_SELECT} {which}", values)
            while some := found.fetchmany(_AT_ONCE):
                for number, kind, key, document, line, data in some:
                    selector = ByPath(key) if kind == PATH else selector_of(kind, key)
                    entry = Entry(documents[document][0], line, selector, shared_declaration(document, data))
                    yield key, number, entry

    def _shared_declaration(self, document: int, data: bytes) -> Declaration:
        defaults = self._documents[document][1]
        found = self._shared.get((id(defaults), data))
        if found:
            return found
        self._shared_bytes += len(data) + len(encode_declaration(defaults))
        if self._shared_bytes > _MOST_SHARED:
            self._shared.clear()
            self._shared_bytes = 0
        declaration = with_defaults(decode_declaration(data), defaults, self._as_of)
        self._shared[id(defaults), data] = declaration
        return declaration


@contextmanager
def _explain_storage_errors() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StateError(
            f"the entries cannot be kept in a temporary file ({error}): free some space, or set TMPDIR to a folder "
            "with more"
        ) from error
