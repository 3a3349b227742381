"""Read manifests whose meaning is beyond doubt without the YAML parser; decline all others.

What stands before the entries, and each shape of entry that is not the most usual one, goes through the YAML parser:
here it is only settled where one entry ends and the next one starts, and that this one is like one before.
"""

import re
from collections.abc import Callable
from functools import cache
from typing import NamedTuple, NoReturn

import yaml

from tagsync.manifest.checks import DocumentCheck
from tagsync.manifest.document_reader import DocumentReader, FileContents, read_row
from tagsync.manifest.entries import are_plain_tags
from tagsync.manifest.entry_store import FILE_ID, PATH, EntryStore, Row, encode_declaration
from tagsync.manifest.files import Located
from tagsync.manifest.yaml import EventSource, GivenUpError, TreeReader, resolve
from tagsync.model import Declaration, Texts, packed

_CHUNK = 1 << 18
_HEAD_BYTES = 1 << 16
_REMEMBERED = 50_000
"""Up to so many shapes are remembered."""

_ODD = 100
"""So many shapes may go through the parser one by one before they have to be few among the entries."""

_HEAD = re.compile(rb"^( +)files:\n( *)- ", re.MULTILINE)
_DIRECTIVE = re.compile(b"^%", re.MULTILINE)
_NEXT_DOCUMENT = "---\n"

# No quote, no escape, nothing that ends a line in some version of YAML or that a parser may refuse or skip.
_UNSAFE = r"\x00-\x1f\x7f-\xa0\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff"
_WORD = r"[\w./+@~=()-]+"
_DOUBLE, _SINGLE, _PLAIN = rf'[^"\\{_UNSAFE}]*', rf"[^'{_UNSAFE}]*", rf"[^\W\d_](?:{_WORD})?(?: {_WORD})*"
_SCALAR = rf'(?:"{_DOUBLE}"|\'{_SINGLE}\'|{_PLAIN})'
_LIST = rf"{_SCALAR}(?:, {_SCALAR})*"
_PATH = rf'(?:"(/{_DOUBLE})"|\'(/{_SINGLE})\'|(/(?:{_WORD}(?: {_WORD})*)?))'
_FILE_ID = rf'(?:"([^"\\{_UNSAFE}]+)"|([^\W_]+))'

_SCALARS = re.compile(_SCALAR)
_QUOTES = "\"'"
_NOT_PLAIN = re.compile(rf"[{_UNSAFE.replace('x1f', 'x09', 1)}\x0b-\x1f]")


class _DeclinedError(Exception):
    """The meaning of this file is not beyond doubt."""


def read_plain(
    located: Located, data: bytes, *, parser: Callable[[bytes], EventSource], entries: EntryStore
) -> FileContents | None:
    """Read a plainly written file of entries without any error.

    Args:
        located: the file, for its name.
        data: its bytes.
        parser: the YAML parser, for what stands around the entries.
        entries: where its entries are added.

    Returns:
        What else it holds; None, and nothing is added, if it is declined.
    """
    mark, file = entries.mark(), _File(located, data, parser, entries)
    try:
        file.read()
    except (_DeclinedError, UnicodeDecodeError, yaml.YAMLError, GivenUpError):
        entries.cut(mark)
        return None
    return file.contents


class _File:
    """Reads one file."""

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
        """Read all documents, each of which has to have entries at its end.

        Raises:
            _DeclinedError: one is not plain.
        """
        data = self._data
        if not data.endswith(b"\n") or self._located.name.endswith(".json"):
            raise _DeclinedError
        start = 0
        while start < len(data):
            found = _HEAD.search(data, start, start + _HEAD_BYTES)
            if not found or len(found[2]) < len(found[1]):
                raise _DeclinedError
            defaults = self._read_head(data[start : found.start(2)], found)
            start = self._read_entries(defaults, found[2].decode("ascii"), found.start(2))

    def _read_head(self, head: bytes, found: re.Match[bytes]) -> Declaration:
        """Read what stands before a document's entries, as a file in its place that has none, and return defaults."""
        if self._line and _DIRECTIVE.search(head):
            raise _DeclinedError  # it is one only where a file starts
        defaults: list[Declaration] = []
        data = b"\n" * self._line + head[:-1] + b" []\n"
        reader = DocumentReader(
            self._located, data, parser=self._parser, take=lambda declared, _: defaults.append(declared)
        )
        reader.read()
        self._line += head.count(b"\n")
        inside = reader.contents
        files_at = [packed(self._line - 1, len(found[1]))]
        if reader.errors.count or inside.policy or inside.vocabularies or inside.files_at != files_at:
            raise _DeclinedError
        self.contents.files_at += files_at
        self.contents.accounts += inside.accounts
        return defaults[0]

    def _read_entries(self, defaults: Declaration, indent: str, start: int) -> int:
        """Read a document's entries, and return where the next document starts."""
        name, data = self._located.name, self._data
        check = DocumentCheck(name, defaults, self.contents.warnings, _decline)
        document = _Document(indent, self._parser, check)
        number = self._entries.add_document(name, defaults)
        first = f"\n{indent}- ".encode("ascii")
        while start < len(data):
            end = start + _CHUNK
            end = len(data) if end >= len(data) else data.rfind(first, start, end) + 1
            if end <= start:
                raise _DeclinedError
            text = data[start:end].decode("utf-8")
            rows, done, self._line = document.read(text, self._line)
            self._entries.extend(number, rows)
            if done < len(text):
                if not text.startswith(_NEXT_DOCUMENT, done):
                    raise _DeclinedError
                self._line += 1
                return start + len(text[:done].encode("utf-8")) + len(_NEXT_DOCUMENT)
            start = end
        return start


class _Document:
    """Reads the entries of one document, remembering their shapes by how these are written."""

    def __init__(self, indent: str, parser: Callable[[bytes], EventSource], check: DocumentCheck) -> None:
        self._indent = indent
        self._parser = parser
        self._check = check
        self._patterns = _patterns(indent)
        self._shapes: dict[str | tuple[int, str], tuple[bytes, int]] = {}
        """Declarations and the lines of their entries, by what follows the first line; by column where that is all."""
        self._count = 0
        self._odd = 0

    def read(self, text: str, line: int) -> tuple[list[Row], int, int]:
        """Return the entries at the start of whole lines from `line` on, and where they end, in text and lines."""
        rows: list[Row] = []
        at, size = 0, len(text)
        match, one_line, shapes = self._patterns.item.match, self._patterns.one_line.match, self._shapes
        while at < size:
            if found := match(text, at):
                double, single, plain, quoted, bare, rest = found.groups()
                data, lines = shapes.get(rest) or self._learn(rest, found, line)
                path = double or single or plain
                rows.append((PATH, path, line, data) if path else (FILE_ID, quoted or _text(bare), line, data))
            elif found := one_line(text, at):
                double, single, plain, tags = found.groups()
                column = found.start(4) - at
                key = column, tags
                data, lines = shapes.get(key) or self._remember(key, self._with_tags(_listed(tags, column), line), 1)
                rows.append((PATH, double or single or plain, line, data))
            else:
                break
            line += lines
            at = found.end()
        self._count += len(rows)
        return rows, at, line

    def _learn(self, rest: str, found: re.Match[str], line: int) -> tuple[bytes, int]:
        """Find out what the lines below an entry's first line declare."""
        tags = self._tags(rest)
        data = self._by_parser(found, line) if tags is None else self._with_tags(tags, line)
        return self._remember(rest, data, found[0].count("\n"))

    def _remember(self, key: str | tuple[int, str], data: bytes, lines: int) -> tuple[bytes, int]:
        if len(self._shapes) >= _REMEMBERED:
            self._shapes.clear()
        self._shapes[key] = data, lines
        return data, lines

    def _tags(self, rest: str) -> Texts | None:
        """Return the tags that all lines below an entry's first one declare; None where they do anything else."""
        if not rest:
            return Texts()
        if found := self._patterns.flow.fullmatch(rest):
            return _listed(found[1], found.start(1), 1)
        found = self._patterns.block.fullmatch(rest)
        if not found or len(found[1]) < len(self._indent) + 2:
            return None
        column = len(found[1]) + 2
        items = rest.split("\n")[1:-1]
        places = [packed(number, column) for number in range(2, len(items) + 2)]
        return Texts(tuple([_text(item[column:]) for item in items]), tuple(places))

    def _with_tags(self, tags: Texts, line: int) -> bytes:
        """Return the declaration of an entry with nothing but tags."""
        if not are_plain_tags(tags.values):
            raise _DeclinedError
        declaration = Declaration(len(self._indent) + 2, tags)
        data = encode_declaration(declaration)
        if not self._check.is_plain(declaration):
            self._check([(PATH, "/", line, data)])
        return data

    def _by_parser(self, found: re.Match[str], line: int) -> bytes:
        """Return the declaration of any other entry, which has to be a whole one by itself."""
        self._odd += 1
        if _NOT_PLAIN.search(found[0]) or (self._odd > _ODD and self._odd * 4 > self._count):
            raise _DeclinedError
        rows: list[Row | None] = []
        reader = TreeReader(
            self._parser(found[0].encode("utf-8")),
            _decline,
            stream_at=(),
            item=lambda tree, place: rows.append(read_row(tree, place, reader.written, _decline)),
        )
        trees = [tree for tree, _ in reader.documents()]
        double, single, plain, quoted, bare, _ = found.groups()
        path = double or single or plain
        expected = (PATH, path, 0) if path else (FILE_ID, quoted or bare, 0)
        if trees == [[]] and len(rows) == 1 and rows[0] and rows[0][:3] == expected:
            self._check([(PATH, "/", line, rows[0][3])])
            return rows[0][3]
        raise _DeclinedError


class _Patterns(NamedTuple):
    """How entries are written at one indentation."""

    item: re.Pattern[str]
    one_line: re.Pattern[str]
    flow: re.Pattern[str]
    block: re.Pattern[str]


@cache
def _patterns(indent: str) -> _Patterns:
    return _Patterns(
        re.compile(rf"{indent}- (?:path: {_PATH}|fileId: {_FILE_ID})\n((?:{indent}  [^\n]*\n)*)"),
        re.compile(rf"{indent}- \{{path: {_PATH}, tags: \[({_LIST}|)\]\}}\n"),
        re.compile(rf"{indent}  tags: \[({_LIST}|)\]\n"),
        re.compile(rf"{indent}  tags:\n( *)- {_SCALAR}\n(?:\1- {_SCALAR}\n)*"),
    )


def _listed(text: str, column: int, line: int = 0) -> Texts:
    """Return the texts between the brackets of a list, each with its place."""
    values, between = text[1:-1].split('", "'), len('", "')
    written = values
    if text[:1] + text[-1:] != '""' or text.count('"') != 2 * len(values):  # not all of them in double quotes
        written = _SCALARS.findall(text)
        values, between = list(map(_text, written)), len(", ")
    places, place = [], packed(line, column)
    for scalar in written:
        places.append(place)
        place += len(scalar) + between
    return Texts(tuple(values), tuple(places))


def _text(scalar: str) -> str:
    """Return what a scalar means, which has to be text."""
    if scalar[0] in _QUOTES:
        return scalar[1:-1]
    if resolve(scalar).__class__ is not str:
        raise _DeclinedError
    return scalar


def _decline(*_: object) -> NoReturn:
    raise _DeclinedError
