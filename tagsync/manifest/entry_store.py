"""Keep the entries of a run in a nameless SQLite database, indexed by what they select.

SQLite deletes the temporary file right after opening it, so that nothing is left behind however a run ends.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
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
"""The kind of selector; the path, file ID or match; the line (from 0); and the encoded declaration.

The declaration excludes the document's defaults: they may be long, and are the same for every entry.
"""

_MOST_SHARED = 8 << 20
"""The most bytes of shared declarations, encoded and with `_EACH`; they take about three times as much in memory."""

_EACH = 100
"""What a declaration takes whatever it contains. Those of CSV rows are short when encoded, but not in memory."""

_AT_ONCE = 1_000
_CACHE_KIB = 8_192

# The database lasts no longer than the run, so nothing protects it against crashes. Entries by path have no index,
# because they are only read as a whole, sorted.
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
    """Return the row of an entry."""
    data = encode_declaration(declaration)
    if isinstance(selector, ByPath):
        return PATH, selector.path, line, data
    if isinstance(selector, ById):
        return FILE_ID, selector.file_id, line, data
    return MATCH, _encode_match(selector).decode("utf-8"), line, data


def selector_of(kind: _Kind, key: str) -> Selector:
    """Return the selector of a row."""
    if kind == PATH:
        return ByPath(key)
    return ById(key) if kind == FILE_ID else _decode_match(key)


class EntryStore:
    """The entries of one run, in the order of their declaration; implements `IndexedEntries`.

    Args:
        as_of: the day (YYYY-MM-DD) on which `until` is evaluated; None if nothing expires.

    Raises:
        StateError: there is no room for them; each method may raise it.
    """

    def __init__(self, as_of: str | None = None) -> None:
        self._as_of = as_of
        self._count = 0
        self._documents: list[tuple[str, Declaration, str | None]] = []
        """The manifest and the defaults of each document, and the defaults' manifest if it is another."""
        self._defaults: dict[Declaration, Declaration] = {}
        """One object for all equal defaults, so that documents share merged declarations."""
        self._shared: dict[tuple[int, bytes], Declaration] = {}
        self._shared_bytes = 0
        with _explain_storage_errors():
            self._database = SelfClosingDatabase()
            self._database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            self._database.executescript(_TABLE)

    def on(self, day: str) -> "EntryStore":
        """Return the same entries with `until` evaluated on another day (YYYY-MM-DD)."""
        other = copy(self)
        other._as_of, other._shared, other._shared_bytes = day, {}, 0  # noqa: SLF001 - of the same class
        return other

    def add_document(self, manifest: str, defaults: Declaration, defaults_in: str | None = None) -> int:
        """Begin a document or a CSV file, and return its number."""
        self._documents.append((manifest, self._defaults.setdefault(defaults, defaults), defaults_in))
        return len(self._documents) - 1

    def extend(self, document: int, rows: Sequence[EntryRow]) -> None:
        """Append entries of a document."""
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
        """Return a position for `cut`."""
        return self._count, len(self._documents)

    def cut(self, mark: tuple[int, int]) -> None:
        """Remove everything that was added after `mark` was called."""
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
        """Yield the declarations in any order; equal ones may come once."""
        with _explain_storage_errors():
            found = self._database.execute("SELECT document, declaration FROM entries")
            while some := found.fetchmany(_AT_ONCE):
                for document, data in set(some):  # most entries of a batch say the same
                    yield self._shared_declaration(document, data)

    def by_path(self) -> Iterator[tuple[str, int, Entry]]:
        """Yield (path, number, entry) for entries that select by path, sorted by path and number."""
        # SQLite compares text as UTF-8, which sorts in the same order as Python's strings.
        return self._read(f"WHERE kind = {PATH} ORDER BY key, number")

    def by_id(self) -> Iterator[NumberedEntry]:
        """Yield the entries that select by file ID, sorted by ID and number."""
        return self._numbered(f"WHERE kind = {FILE_ID} ORDER BY key, number")

    def with_id(self, file_id: str) -> Sequence[NumberedEntry]:
        """Return the entries that select this file ID."""
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
                    manifest, _, defaults_in = documents[document]
                    entry = Entry(manifest, line, selector, shared_declaration(document, data), defaults_in)
                    yield key, number, entry

    def _shared_declaration(self, document: int, data: bytes) -> Declaration:
        # `_defaults` keeps each object alive, so that its id is a safe key. Hashing long defaults for each entry is
        # slow.
        defaults = self._documents[document][1]
        found = self._shared.get((id(defaults), data))
        if found:
            return found
        self._shared_bytes += len(data) + len(encode_declaration(defaults)) + _EACH
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
            f"tagsync cannot keep the rules in a temporary file ({error}): free some space, or set TMPDIR to another "
            "folder"
        ) from error
