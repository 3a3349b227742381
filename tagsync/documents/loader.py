"""Load saved plans and reports: line by line, with long lists in temporary files, checking everything."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from io import SEEK_END, BytesIO
from typing import Any, BinaryIO

import msgspec
from jsonschema import Draft202012Validator

from tagsync import schemas
from tagsync.documents.canonical import canonical
from tagsync.documents.changes import Changes, change_of, check_change, outcome_of
from tagsync.documents.checksum import CHECKSUM_BYTES, check_checksum, looks_saved
from tagsync.documents.document import MAX_CODES, LongLists, PlanDocument, ReportDocument, to_plan, to_report
from tagsync.documents.lines import (
    DiagnosticItem,
    DriftItem,
    NotFoundItem,
    Record,
    RequestItem,
    ReturningItem,
    decoded,
    strict_json,
)
from tagsync.errors import DocumentError
from tagsync.escape import quoted, shown
from tagsync.model import (
    Diagnostic,
    FileOutcome,
    Plan,
    Report,
)
from tagsync.spool import Spool

MAX_DOCUMENT_BYTES = 1 << 30

MAX_PARSED = 32 << 20
"""The maximum size in bytes for parsing a file that does not begin or end like a plan or report."""

MAX_LINE = 48 << 20
MAX_VALUES = 2_000_000
"""The maximum number of bytes and JSON values to keep in memory, without the long lists."""

_VERSIONS = ("formatVersion", "reportVersion")
_VERSION = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*"(format|report)Version"\s*:\s*("(?:[^"\\]|\\.)*"|[-+.\w]+)')
_MEMBER = re.compile(rb'"([A-Za-z]+)":')


def load_document(data: bytes | BinaryIO, name: str) -> Plan | Report:
    """Load a plan or report.

    Args:
        data: the content of the file, or a seekable stream of it.
        name: the name of the file in messages.

    Raises:
        DamagedError: a byte has changed since it was written.
        DocumentError: it is not a plan or report, has another format version, or violates its schema.
    """
    stream = BytesIO(data) if isinstance(data, bytes) else data
    kind = _kind_of(stream, name)
    # The checksum comes first: with a damaged file, "changed after tagsync wrote it" helps more than a parse error.
    reader = _Reader(stream, check_checksum(stream, name), kind, name)
    reader.read()
    try:
        if kind == "plan":
            return to_plan(msgspec.convert(reader.members, PlanDocument), reader.lists)
        return to_report(msgspec.convert(reader.members, ReportDocument), reader.lists)
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        # msgspec cannot quote half of a surrogate pair in its own message about a value of the wrong type.
        raise reader.refusal(reader.members) from error


def is_saved(stream: BinaryIO) -> bool:
    """Return whether a file is a plan or report, even a damaged one: it has `formatVersion` or `reportVersion`."""
    size = stream.seek(0, SEEK_END)
    stream.seek(max(0, size - CHECKSUM_BYTES))
    end = stream.read()
    stream.seek(0)
    start = stream.read(2 * CHECKSUM_BYTES)
    if looks_saved(start, end):
        return True
    # Reformatted JSON does not begin like a plan. Parse it, within limits, to recognise it all the same.
    if size > MAX_PARSED:
        return False
    data = start + stream.read(MAX_PARSED)
    if not any(f'"{name}"'.encode() in data for name in _VERSIONS) or _count_values(data) > MAX_VALUES:
        return False
    try:
        root = strict_json(data)
    except (ValueError, RecursionError):
        return False
    return isinstance(root, dict) and any(name in root for name in _VERSIONS)


def _kind_of(stream: BinaryIO, name: str) -> schemas.SchemaName:
    stream.seek(0)
    found = _VERSION.match(stream.read(2 * CHECKSUM_BYTES))
    if found is None:
        # All JSON output has a checksum. Output of another kind, such as that of a failed run, may well be unchanged.
        if is_saved(stream):
            check_checksum(stream, name)
        raise DocumentError(
            f"{shown(name)} is not a tagsync plan or report: use a file from a successful plan --out or --report "
            "json=FILE"
        )
    version = found[2].decode(errors="replace")
    if not version.startswith('"1.'):
        version = quoted(version.strip('"'))
        raise DocumentError(
            f"{shown(name)} has format version {version}, this tagsync reads 1.x: use the tagsync version that wrote it"
        )
    return "plan" if found[1] == b"format" else "report"


class _Reader:
    """Reads the members of a plan or report, and the items of its long lists.

    Args:
        stream: the file.
        size: the number of bytes before its checksum.
        kind: plan or report.
        name: the name of the file in messages.

    Attributes:
        members: all members as JSON; the long lists are empty.
        lists: the long lists.
    """

    def __init__(self, stream: BinaryIO, size: int, kind: schemas.SchemaName, name: str) -> None:
        self.members: dict[str, Any] = {}
        self.lists = LongLists()
        self._kind, self._name = kind, name
        self._lines = self._each_line(stream, size + len(",\n"))
        self._index, self._item = 0, b""  # of the long list that is being read, for error messages
        self._bytes = self._values = 0  # in memory
        self._long_lists: dict[str, Callable[[], None]] = {
            "changes": self._changes if kind == "plan" else self._outcomes,
            "drift": partial(self._keep, "drift", DriftItem),
            "returning": partial(self._keep, "returning", ReturningItem),
            "missing": partial(self._keep, "missing", NotFoundItem),
            "diagnostics": self._diagnostics,
        }
        if kind == "plan":
            self._long_lists["requests"] = partial(self._keep, "requests", RequestItem)

    def read(self) -> None:
        """Read everything.

        Raises:
            DocumentError: the layout is not tagsync's, or an item violates the schema.
        """
        if next(self._lines, b"") != b"{\n":
            raise self._not_laid_out()
        for line in self._lines:
            self._read_member(line)

    def refusal(self, value: object, *place: str | int) -> DocumentError:
        """Return the error for a value that violates the schema.

        Args:
            value: all members, one member, or an item of a long list.
            place: nothing, the member's name, or the member's name and the item's index.
        """
        # The fast decoders only say that something is wrong. The schema gives the place and the reason.
        root = schemas.load(self._kind)
        schema = root["properties"].get(place[0], {}) if place else root
        schema = schema["items"] if len(place) > 1 else schema
        error = next(Draft202012Validator({**schema, "$defs": root["$defs"]}).iter_errors(value), None)
        if error is None:
            return self._not_laid_out()
        where = "/".join(map(str, (*place, *error.absolute_path))) or "its root"
        return DocumentError(
            f"{shown(self._name)} is invalid at {shown(where, 200)}: {shown(error.message, 200)}; use the file that "
            "tagsync wrote"
        )

    def _not_laid_out(self) -> DocumentError:
        return DocumentError(
            f"{shown(self._name)} does not have this version's layout, or is too large: use the tagsync version that "
            "wrote it"
        )

    def _each_line(self, stream: BinaryIO, left: int) -> Iterator[bytes]:
        stream.seek(0)
        while left:
            line = stream.readline(min(left, MAX_LINE + 1))
            if len(line) > MAX_LINE or not line.endswith(b"\n"):
                raise self._not_laid_out()
            left -= len(line)
            yield line

    def _read_member(self, line: bytes) -> None:
        match = _MEMBER.match(line)
        if not match or (key := match[1].decode()) in self.members:
            raise self._not_laid_out()
        value = line[match.end() :]
        if value == b"[\n" and key in self._long_lists:
            self.members[key] = []
            try:
                self._long_lists[key]()
            except (ValueError, RecursionError) as error:
                raise self.refusal(self._parsed(self._item), key, self._index) from error
        elif value == b"[\n":
            self.members[key] = list(map(self._kept, self._items()))
        elif value.endswith(b",\n"):
            self.members[key] = self._kept(value[:-2])
            if key in self._long_lists and self.members[key] != []:
                raise self.refusal(self.members[key], key)
        else:
            raise self._not_laid_out()

    def _items(self) -> Iterator[bytes]:
        """Yield the items of a list, one line each, and consume its end."""
        more = True
        for index, line in enumerate(self._lines):
            if not more and line == b"],\n":
                return
            if not more:
                break
            more = line.endswith(b",\n")
            self._index, self._item = index, line[: -2 if more else -1]
            try:
                item = _harmless(self._item)
            except (ValueError, RecursionError) as error:
                raise self._not_laid_out() from error
            yield item
        raise self._not_laid_out()

    def _changes(self) -> None:
        self.lists.changes = Changes(self._checked(check_change))

    def _outcomes(self) -> None:
        same: dict[FileOutcome, FileOutcome] = {}
        outcomes: list[FileOutcome] = []

        def note(line: bytes) -> None:
            outcome = outcome_of(line)
            outcomes.append(same.setdefault(outcome, outcome))

        self.lists.changes = Spool(self._checked(note), change_of)
        self.lists.outcomes = tuple(outcomes)

    def _keep(self, name: str, kind: type[Record]) -> None:
        def value(line: bytes) -> object:
            return decoded(line, kind).value()

        setattr(self.lists, name, Spool(self._checked(value), value))

    def _diagnostics(self) -> None:
        """Keep diagnostics in memory, because they are sorted later; beyond the limit, only count them."""
        found: list[Diagnostic] = []
        more = self.lists.unlisted
        for line in self._items():
            diagnostic = decoded(line, DiagnosticItem).value()
            if self._has_room(line):
                found.append(diagnostic)
                continue
            more[diagnostic.level, diagnostic.code] += 1
            if len(more) > MAX_CODES:
                raise self._not_laid_out()
        self.lists.diagnostics = tuple(found)

    def _checked(self, check: Callable[[bytes], object]) -> Iterator[bytes]:
        for line in self._items():
            check(line)
            yield line

    def _kept(self, value: bytes) -> Any:
        """Parse a value to keep in memory, within the limits."""
        if not self._has_room(value):
            raise self._not_laid_out()
        return self._parsed(value)

    def _has_room(self, value: bytes) -> bool:
        """Count a value as kept in memory, and return whether all such values are within the limits."""
        self._bytes += len(value)
        self._values += 1 + _count_values(value)
        return self._bytes <= MAX_LINE and self._values <= MAX_VALUES

    def _parsed(self, value: bytes) -> Any:
        try:
            return strict_json(value)
        except (ValueError, RecursionError) as error:
            raise self._not_laid_out() from error


def _harmless(line: bytes) -> bytes:
    """Return a line in canonical JSON, because temporary files and reports repeat it unchanged."""
    if line.isascii() and b"##" not in line and b"\t" not in line:
        return line
    return canonical(strict_json(line)).encode("ascii")


def _count_values(data: bytes) -> int:
    """Return an upper bound for the number of values in JSON, minus one."""
    return sum(map(data.count, (b"[", b"{", b",")))
