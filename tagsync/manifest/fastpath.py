"""Read plainly written manifests without the YAML parser, and leave all others to it.

Parsing YAML takes most of the time that a large manifest needs. This fast path accepts only text with one obvious
meaning, and declines a file at the first doubt. What precedes the entries, and each entry with more than tags, still
goes through the YAML parser. Entries that are written like an earlier one are not read again.
"""

import re
from collections.abc import Callable
from typing import NoReturn

import yaml

from tagsync.manifest.document_check import DocumentCheck
from tagsync.manifest.document_reader import DocumentReader, FileContents
from tagsync.manifest.entries import are_plain_tags
from tagsync.manifest.entry_rows import read_row
from tagsync.manifest.entry_store import FILE_ID, PATH, EntryRow, EntryStore, encode_declaration
from tagsync.manifest.files import Located
from tagsync.manifest.yaml import EventSource, GivenUpError, TreeReader, resolve
from tagsync.model import NO_TEXTS, Declaration, Texts, packed

_CHUNK = 1 << 18
_HEAD_BYTES = 1 << 16
_REMEMBERED = 50_000
"""The most ways to write an entry that are remembered."""

_MOST_PARSED = 100
"""After this many entries went through the parser one by one, they must be a small part of all entries."""

_HEAD = re.compile(rb"^( +)files:\n( *)- ", re.MULTILINE)
_DIRECTIVE = re.compile(b"^%", re.MULTILINE)
_NEXT_DOCUMENT = "---\n"

# Quotes and escapes are excluded, and so is every character that ends a line in some version of YAML, or that a parser
# may refuse or skip.
_UNSAFE = r"\x00-\x1f\x7f-\xa0\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff"
# A plain scalar starts with a letter and has no character that means anything to YAML, not even a colon in a word.
_WORD = r"[\w./+@~=()-]+"
_DOUBLE, _SINGLE, _PLAIN = rf'[^"\\{_UNSAFE}]*', rf"[^'{_UNSAFE}]*", rf"[^\W\d_](?:{_WORD})?(?: {_WORD})*"
_SCALAR = rf'(?:"{_DOUBLE}"|\'{_SINGLE}\'|{_PLAIN})'
_LIST = rf"{_SCALAR}(?:, {_SCALAR})*"
# A path with * gets a warning, which only the other way of reading knows how to place.
_PATH = rf'(?:"(/[^*"\\{_UNSAFE}]*)"|\'(/[^*\'{_UNSAFE}]*)\'|(/(?:{_WORD}(?: {_WORD})*)?))'
_FILE_ID = rf'(?:"([^"\\{_UNSAFE}]+)"|([^\W_]+))'

_SCALARS = re.compile(_SCALAR)
_QUOTES = "\"'"
_NOT_PLAIN = re.compile(rf"[{_UNSAFE.replace('x1f', 'x09', 1)}\x0b-\x1f]")


class _DeclinedError(Exception):
    """The meaning of this file is not obvious."""


def read_plain(
    located: Located, data: bytes, *, parser: Callable[[bytes], EventSource], entries: EntryStore
) -> FileContents | None:
    """Read a plainly written file of entries that has no errors.

    Args:
        located: the file, for its name.
        data: its bytes.
        parser: the YAML parser.
        entries: where its entries are added.

    Returns:
        The other contents of the file. None if the file is declined; then no entries are added.
    """
    if not data.endswith(b"\n") or located.name.endswith(".json"):
        return None
    # Entries are stored while the file is read. If doubt arises later, the store goes back to this mark.
    mark, file = entries.mark(), _PlainFile(located, data, parser, entries)
    try:
        file.read()
    except (_DeclinedError, UnicodeDecodeError, yaml.YAMLError, GivenUpError):
        entries.cut(mark)
        return None
    return file.contents


class _PlainFile:
    """Read the documents of one file; each must end in entries."""

    def __init__(
        self, located: Located, data: bytes, parser: Callable[[bytes], EventSource], entries: EntryStore
    ) -> None:
        self.contents = FileContents()
        self._located = located
        self._data = data
        self._parser = parser
        self._entries = entries
        self._line = 0

    def read(self) -> None:
        """Read all documents.

        Raises:
            _DeclinedError: one is not plain.
        """
        start = 0
        while start < len(self._data):
            found = _HEAD.search(self._data, start, start + _HEAD_BYTES)
            # Items that are indented less than their key would not belong to it.
            if not found or len(found[2]) < len(found[1]):
                raise _DeclinedError
            defaults = self._read_head(self._data[start : found.start(2)], len(found[1]))
            start = self._read_entries(defaults, found[2].decode("ascii"), found.start(2))

    def _read_head(self, head: bytes, column: int) -> Declaration:
        """Read what precedes a document's entries, as if the document had none, and return its defaults.

        Args:
            head: the lines down to `files:`.
            column: the column of the key `files`.
        """
        if self._line and _DIRECTIVE.search(head):
            raise _DeclinedError  # a directive is valid only at the start of a file
        found: list[Declaration] = []
        # Empty lines give everything in the head its true line number. An empty list takes the place of the entries.
        data = b"\n" * self._line + head[:-1] + b" []\n"
        reader = DocumentReader(
            self._located, data, parser=self._parser, take=lambda defaults, _: found.append(defaults)
        )
        reader.read()
        self._line += head.count(b"\n")
        contents, files_at = reader.contents, [packed(self._line - 1, column)]
        if reader.errors.count or contents.policy or contents.vocabularies or contents.csv_at or contents.tests:
            raise _DeclinedError
        if contents.files_at != files_at:
            raise _DeclinedError
        self.contents.files_at += files_at
        self.contents.accounts += contents.accounts
        return found[0]

    def _read_entries(self, defaults: Declaration, indent: str, start: int) -> int:
        """Read a document's entries, and return where the next document starts."""
        name, data = self._located.name, self._data
        number = self._entries.add_document(name, defaults)
        check = DocumentCheck(name, defaults, self.contents.warnings, _decline)
        reader = _EntryReader(indent, self._parser, check)
        first = f"\n{indent}- ".encode("ascii")
        while start < len(data):
            # Decoding in chunks bounds memory. A chunk ends where the next entry starts.
            end = start + _CHUNK
            end = len(data) if end >= len(data) else data.rfind(first, start, end) + 1
            if end <= start:
                raise _DeclinedError
            text = data[start:end].decode("utf-8")
            rows, done, self._line = reader.read(text, self._line)
            self._entries.extend(number, rows)
            # The first line that is no plain entry may only begin another document.
            if done < len(text):
                if not text.startswith(_NEXT_DOCUMENT, done):
                    raise _DeclinedError
                self._line += 1
                self.contents.names |= check.finish()
                return start + len(text[:done].encode("utf-8")) + len(_NEXT_DOCUMENT)
            start = end
        self.contents.names |= check.finish()
        return start


class _EntryReader:
    """Read the entries of one document, and remember what they declare by how it is written."""

    def __init__(self, indent: str, parser: Callable[[bytes], EventSource], check: DocumentCheck) -> None:
        self._column = len(indent) + 2
        self._parser = parser
        self._check = check
        # The entry as export writes it, as one line, and the two ways to write its tags.
        self._entry = re.compile(rf"{indent}- (?:path: {_PATH}|fileId: {_FILE_ID})\n((?:{indent}  [^\n]*\n)*)")
        self._one_line = re.compile(rf"{indent}- \{{path: {_PATH}, tags: \[({_LIST}|)\]\}}\n")
        self._flow = re.compile(rf"{indent}  tags: \[({_LIST}|)\]\n")
        self._block = re.compile(rf"{indent}  tags:\n( {{{self._column},}})- {_SCALAR}\n(?:\1- {_SCALAR}\n)*")
        self._known: dict[str | tuple[int, str], tuple[bytes, int]] = {}
        """Encoded declarations and numbers of lines, by the text after an entry's first line.

        For entries of one line, by the column of their tags and the text of these: places count from the entry's start.
        """
        self._count = self._parsed = 0

    def read(self, text: str, line: int) -> tuple[list[EntryRow], int, int]:
        """Return the entries at the start of `text`, which begins at `line`, and the position and line after them."""
        rows: list[EntryRow] = []
        at, size, known = 0, len(text), self._known
        while at < size:
            if found := self._entry.match(text, at):
                double, single, plain, quoted, bare, rest = found.groups()
                data, lines = known.get(rest) or self._learn(rest, found, line)
                path = double or single or plain
                rows.append((PATH, path, line, data) if path else (FILE_ID, quoted or _text(bare), line, data))
            elif found := self._one_line.match(text, at):
                double, single, plain, tags = found.groups()
                key = found.start(4) - at, tags
                data, lines = known.get(key) or self._remember(key, self._with_tags(_listed(tags, key[0]), line), 1)
                rows.append((PATH, double or single or plain, line, data))
            else:
                break
            line += lines
            at = found.end()
        self._count += len(rows)
        return rows, at, line

    def _learn(self, rest: str, found: re.Match[str], line: int) -> tuple[bytes, int]:
        tags = self._tags(rest)
        data = self._parse(found, line) if tags is None else self._with_tags(tags, line)
        return self._remember(rest, data, found[0].count("\n"))

    def _remember(self, key: str | tuple[int, str], data: bytes, lines: int) -> tuple[bytes, int]:
        # Clearing all is simpler than dropping the oldest, and costs only reading a few entries again.
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[key] = data, lines
        return data, lines

    def _tags(self, rest: str) -> Texts | None:
        """Return the tags that the lines below an entry's first one declare; None if they contain anything else."""
        if not rest:
            return NO_TEXTS
        if found := self._flow.fullmatch(rest):
            return _listed(found[1], found.start(1), 1)
        found = self._block.fullmatch(rest)
        if not found:
            return None
        column = len(found[1]) + 2
        items = rest.split("\n")[1:-1]
        places = [packed(number, column) for number in range(2, len(items) + 2)]
        return Texts(tuple([_text(item[column:]) for item in items]), tuple(places))

    def _with_tags(self, tags: Texts, line: int) -> bytes:
        """Return the encoded declaration of an entry with only tags."""
        if not are_plain_tags(tags.values) or any("{" in tag for tag in tags.values):
            raise _DeclinedError
        declaration = Declaration(self._column, tags)
        data = encode_declaration(declaration)
        if not self._check.is_plain(declaration):
            self._check([(PATH, "/", line, data)])  # any path will do: only the errors of a match depend on it
        return data

    def _parse(self, found: re.Match[str], line: int) -> bytes:
        """Return the encoded declaration of any other entry; it must be complete by itself."""
        self._parsed += 1
        # One by one, the parser is slower than for a whole file. Beyond a quarter of the entries, the fast path loses.
        if _NOT_PLAIN.search(found[0]) or (self._parsed > _MOST_PARSED and self._parsed * 4 > self._count):
            raise _DeclinedError
        rows: list[EntryRow | None] = []
        reader = TreeReader(
            self._parser(found[0].encode("utf-8")),
            _decline,
            stream_at=(),
            item=lambda tree, place: rows.append(read_row(tree, place, reader.written, _decline)),
        )
        documents = [tree for tree, _ in reader.documents()]
        double, single, plain, quoted, bare, _ = found.groups()
        path = double or single or plain
        expected = (PATH, path, 0) if path else (FILE_ID, quoted or bare, 0)
        # The expressions above have found one entry with this selector. If the parser disagrees, they misread the text.
        if documents != [[]] or len(rows) != 1 or not rows[0] or rows[0][:3] != expected:
            raise _DeclinedError
        self._check([(PATH, "/", line, rows[0][3])])
        return rows[0][3]


def _listed(text: str, column: int, line: int = 0) -> Texts:
    """Return the texts between the brackets of a list, with their places."""
    # Splitting is much faster than matching scalars. It is right if all of them are in double quotes.
    values, between = text[1:-1].split('", "'), len('", "')
    written = values
    if text[:1] + text[-1:] != '""' or text.count('"') != 2 * len(values):
        written = _SCALARS.findall(text)
        values, between = list(map(_text, written)), len(", ")
    places, place = [], packed(line, column)
    for scalar in written:
        places.append(place)
        place += len(scalar) + between
    return Texts(tuple(values), tuple(places))


def _text(scalar: str) -> str:
    """Return the meaning of a scalar, which must be text."""
    if scalar[0] in _QUOTES:
        return scalar[1:-1]
    if resolve(scalar).__class__ is not str:
        raise _DeclinedError
    return scalar


def _decline(*_: object) -> NoReturn:
    raise _DeclinedError
