"""A fast yes for manifests whose meaning is beyond doubt; never another answer: the rest is for the YAML parser.

What stands before the entries, and each shape of entry that is not the most usual one, goes through `FileReader` as
well: here it is only settled where one entry ends and the next one starts, and that this one is like one before.
"""

import re
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from tagsync.manifest.accept import FastAccept
from tagsync.manifest.contents import Check, Contents
from tagsync.manifest.document_reader import FileReader
from tagsync.manifest.files import Located
from tagsync.manifest.parsers import EventSource
from tagsync.manifest.rows import FILE_ID, PATH, Row, Unfolding, shape_with_tags
from tagsync.manifest.rules import Fault
from tagsync.manifest.scalars import resolve
from tagsync.model import MAX_TAG_CHARACTERS, joined_length, packed

_CHUNK = 1 << 18
_HEAD_BYTES = 1 << 16
_REMEMBERED = 50_000
"""So many shapes are remembered."""

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


_Tags = tuple[tuple[str, ...], tuple[int, ...]]
"""Tags and their places, in an entry whose first line is the first one."""


class _DeclinedError(Exception):
    """The meaning of this file is not beyond doubt."""


def read_plain(
    located: Located,
    data: bytes,
    *,
    parser: Callable[[bytes], EventSource],
    accepts: FastAccept,
    take: Callable[[list[Row]], None],
) -> Contents | None:
    """Read a plainly written file of entries without any fault.

    Args:
        located: the file, for its name.
        data: its bytes.
        parser: the YAML parser, for what stands around the entries.
        accepts: tells plainly valid entries.
        take: takes rows as they are read; what it was given counts for nothing if the file is declined.

    Returns:
        What else it holds; None if it is declined.
    """
    file = _File(_Tools(located, parser, accepts, take), data)
    try:
        file.read()
    except (_DeclinedError, UnicodeDecodeError):
        return None
    return file.contents


class _Tools(NamedTuple):
    """What `read_plain` was given."""

    located: Located
    parser: Callable[[bytes], EventSource]
    accepts: FastAccept
    take: Callable[[list[Row]], None]

    def by_parser(self, data: bytes) -> tuple[Contents, list[Row]]:
        """Read text that is like a whole file, by the parser.

        Raises:
            _DeclinedError: it has faults.
        """
        rows: list[Row] = []
        reader = FileReader(self.located, data, parser=self.parser, accepts=self.accepts, take=rows.extend)
        reader.read()
        if reader.faults.count:
            raise _DeclinedError
        return reader.contents, rows


class _File:
    """Reads one file."""

    def __init__(self, tools: _Tools, data: bytes) -> None:
        self.contents = Contents()
        self._tools = tools
        self._data = data
        self._line = 0

    def read(self) -> None:
        """Read all documents, each of which has to have entries at its end.

        Raises:
            _DeclinedError: one is not plain.
        """
        data = self._data
        if not data.endswith(b"\n") or self._tools.located.name.endswith(".json"):
            raise _DeclinedError
        start = 0
        while start < len(data):
            found = _HEAD.search(data, start, start + _HEAD_BYTES)
            if not found or len(found[2]) < len(found[1]):
                raise _DeclinedError
            start = self._entries(self._document(data[start : found.start(2)], found), found.start(2))

    def _document(self, head: bytes, found: re.Match[bytes]) -> "_Document":
        """Read what stands before a document's entries, in its place and with no entries."""
        number = len(self.contents.sheets)
        if number and _DIRECTIVE.search(head):
            raise _DeclinedError  # it is one only where a file starts
        inside, _ = self._tools.by_parser(b"\n" * self._line + head[:-1] + b" []\n")
        self._line += head.count(b"\n")
        files_at = packed(self._line - 1, len(found[1]))
        if inside.policy or inside.vocabularies or [sheet.files_at for sheet in inside.sheets] != [files_at]:
            raise _DeclinedError
        self.contents.sheets += inside.sheets
        self.contents.accounts += inside.accounts
        return _Document(self._tools, self.contents, head, number, found[2].decode("ascii"))

    def _entries(self, document: "_Document", start: int) -> int:
        """Read a document's entries, and return where the next document starts."""
        data = self._data
        first = b"\n" + document.indent.encode("ascii") + b"- "
        while start < len(data):
            end = start + _CHUNK
            end = len(data) if end >= len(data) else data.rfind(first, start, end) + 1
            if end <= start:
                raise _DeclinedError
            text = data[start:end].decode("utf-8")
            done, self._line = document.read(text, self._line)
            if done < len(text):
                if not text.startswith(_NEXT_DOCUMENT, done):
                    raise _DeclinedError
                self._line += 1
                return start + len(text[:done].encode("utf-8")) + len(_NEXT_DOCUMENT)
            start = end
        return start


class _Document:
    """Reads the entries of one document, remembering their shapes by how these are written."""

    def __init__(self, tools: _Tools, contents: Contents, head: bytes, number: int, indent: str) -> None:
        self.indent = indent
        self._tools = tools
        self._head = head
        self._number = number
        self._name = tools.located.name
        defaults = contents.sheets[number].defaults
        unfold = Unfolding({number: (self._name, defaults)})
        self._check = Check(unfold, defaults, contents, _decline)
        self._inherited = defaults.tags.values
        self._may_conflict = bool(defaults.absent.values)
        self._start = f"{indent}  tags: ["
        self._patterns = _patterns(indent)
        self._shapes: dict[str | tuple[int, str], tuple[bytes, int]] = {}
        """Shapes and the lines of their entries, by what follows the first line; by column where that is all."""
        self._count = 0
        self._odd = 0

    def read(self, text: str, line: int) -> tuple[int, int]:
        """Take the entries at the start of whole lines from `line` on; return where they end, in text and lines."""
        rows: list[Row] = []
        at, size = 0, len(text)
        match, shapes, number = self._patterns.item.match, self._shapes, self._number
        while at < size:
            found = match(text, at)
            if found is None:
                found = self._patterns.one_line.match(text, at)
                if found is None:
                    break
                rows.append(self._one_line(found, line, at))
                line += 1
            else:
                double, single, plain, quoted, bare, rest = found.groups()
                shape, lines = shapes.get(rest) or self._learn(rest, found, line)
                path = double or single or plain
                if path:
                    rows.append((PATH, path, number, line, shape))
                else:
                    rows.append((FILE_ID, quoted or _text(bare), number, line, shape))
                line += lines
            at = found.end()
        self._count += len(rows)
        self._tools.take(rows)
        return at, line

    def _one_line(self, found: re.Match[str], line: int, start: int) -> Row:
        double, single, plain, tags = found.groups()
        column = found.start(4) - start
        key = (column, tags)
        shape, _ = self._shapes.get(key) or self._remember(key, self._shape(_listed(tags, column)), 1, line)
        return PATH, double or single or plain, self._number, line, shape

    def _learn(self, rest: str, found: re.Match[str], line: int) -> tuple[bytes, int]:
        """Find out the shape that the lines below an entry's first line give it."""
        tags = self._tags(rest)
        shape = (self._by_parser(found), False) if tags is None else self._shape(tags)
        return self._remember(rest, shape, found[0].count("\n"), line)

    def _remember(
        self, key: str | tuple[int, str], found: tuple[bytes, bool], lines: int, line: int
    ) -> tuple[bytes, int]:
        shape, is_good = found
        if not is_good:
            self._check([(PATH, "/", self._number, line, shape)])
        if len(self._shapes) >= _REMEMBERED:
            self._shapes.clear()
        self._shapes[key] = shape, lines
        return shape, lines

    def _tags(self, rest: str) -> _Tags | None:
        """Return the tags that all lines below an entry's first one declare; None where they do anything else."""
        if not rest:
            return (), ()
        start = self._start
        if rest.startswith(start) and rest.endswith("]\n"):
            quoted = _quoted(rest[len(start) : -2], len(start))
            if quoted:
                return quoted
        if found := self._patterns.flow.fullmatch(rest):
            return _listed(found[1], found.start(1), 1)
        found = self._patterns.block.fullmatch(rest)
        if not found or len(found[1]) < len(self.indent) + 2:
            return None
        column = len(found[1]) + 2
        items = rest.split("\n")[1:-1]
        return tuple([_text(item[column:]) for item in items]), tuple(
            [packed(number, column) for number in range(2, len(items) + 2)]
        )

    def _shape(self, found: _Tags) -> tuple[bytes, bool]:
        """Return the shape of an entry with nothing but tags, and whether it plainly has no fault."""
        tags, places = found
        if not self._tools.accepts.tags(tags):
            raise _DeclinedError
        all_tags = self._inherited + tags
        text = "".join(all_tags)
        # All else that may be said comes from the defaults alone, and is found with the first entry.
        is_good = (
            len(self._shapes) > 0
            and not self._may_conflict
            and text.isascii()
            and "," not in text
            and text != ""
            and joined_length(len(all_tags), len(text)) <= MAX_TAG_CHARACTERS
        )
        return shape_with_tags(len(self.indent) + 2, tags, places), is_good

    def _by_parser(self, found: re.Match[str]) -> bytes:
        """Return the shape of any other entry, which has to be a whole one by itself."""
        self._odd += 1
        if _NOT_PLAIN.search(found[0]) or (self._odd > _ODD and self._odd * 4 > self._count):
            raise _DeclinedError
        _, rows = self._tools.by_parser(self._head + found[0].encode("utf-8"))
        double, single, plain, quoted, bare, _ = found.groups()
        path = double or single or plain
        if [row[:2] for row in rows] != [(PATH, path) if path else (FILE_ID, quoted or bare)]:
            raise _DeclinedError
        return rows[0][4]


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


def _quoted(text: str, column: int) -> _Tags | None:
    """Return what `_listed` would of texts in the second line that are all in double quotes; None if they are not."""
    if text[:1] != '"' or "\\" in text or not text.isprintable():
        return None
    values = text[1:-1].split('", "')
    if text[-1] != '"' or text.count('"') != 2 * len(values):
        return None
    places = []
    place = packed(1, column)
    for value in values:
        places.append(place)
        place += len(value) + 4
    return tuple(values), tuple(places)


def _listed(text: str, column: int, line: int = 0) -> _Tags:
    """Return the texts between the brackets of a list, each with its place."""
    found = list(_SCALARS.finditer(text))
    return tuple([_text(scalar[0]) for scalar in found]), tuple(
        [packed(line, column + scalar.start()) for scalar in found]
    )


def _text(scalar: str) -> str:
    """Return what a scalar means, which has to be text."""
    if scalar[0] in _QUOTES:
        return scalar[1:-1]
    if resolve(scalar).__class__ is not str:
        raise _DeclinedError
    return scalar


def _decline(_: Fault) -> None:
    raise _DeclinedError
