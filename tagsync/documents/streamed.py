"""A sealed document read line by line, if it is laid out as tagsync writes it; any other has to be read whole."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, BinaryIO

from tagsync.documents.canonical import canonical
from tagsync.documents.changes import Changes, change_of, check_change, outcome_of
from tagsync.documents.lines import (
    NotPlainError,
    diagnostic_of,
    drift_of,
    not_found_of,
    request_of,
    returning_of,
    strict_json,
)
from tagsync.documents.seal import damaged
from tagsync.model import Diagnostic, Drift, FileChange, FileOutcome, Level, NotFound, Request, Returning
from tagsync.spool import Spool

MAX_LINE = 48 << 20
MAX_VALUES = 2_000_000
"""What is kept in memory at the most: so many bytes, and values, of all that is not in one of the long lists."""

MAX_CODES = 1000
"""Diagnostics that are only counted have no more levels and codes than these."""

_FIRST = re.compile(rb'"(format|report)Version":"1(\.[^"\\]*)?",\n')
_MEMBER = re.compile(rb'"([A-Za-z]+)":')
_SEAL = re.compile(rb'"checksum":"sha256:([0-9a-f]{64})"\n')


@dataclass(slots=True)
class Contents:
    """What a document holds: its long lists as values, and all else as JSON, in which they are empty."""

    members: dict[str, Any] = field(default_factory=dict)
    changes: Sequence[FileChange] = ()
    outcomes: Sequence[FileOutcome] = ()
    requests: Sequence[Request] = ()
    drift: Sequence[Drift] = ()
    returning: Sequence[Returning] = ()
    missing: Sequence[NotFound] = ()
    diagnostics: Sequence[Diagnostic] = ()
    unlisted: Counter[tuple[Level, str]] = field(default_factory=Counter)
    """How many diagnostics of each level and code are not among them, because memory had no room."""


def streamed(stream: BinaryIO, name: str) -> Contents | None:
    """Return what a document holds; None where it is laid out otherwise, or not plainly valid.

    Args:
        stream: the document.
        name: how messages call it.

    Raises:
        DamagedError: a byte of it is not as it was written.
    """
    lines = _Sealed(stream)
    if next(lines, b"") != b"{\n" or not (first := _FIRST.fullmatch(next(lines, b""))):
        return None
    reader = _Reader(lines, is_plan=first[1] == b"format")
    try:
        reader.take(first[0])
        for line in lines:
            reader.take(line)
    except (NotPlainError, ValueError, RecursionError):
        if lines.is_cut:
            raise damaged(name) from None
        return None
    if lines.is_too_long:
        return None
    if not lines.are_whole():
        raise damaged(name)
    return reader.contents


def count_values(data: bytes) -> int:
    """Return how many values JSON may hold at the most, but for one."""
    return sum(map(data.count, (b"[", b"{", b",")))


class _Sealed:
    """The lines of a document before its seal, and whether it fits them."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._hashed = sha256()
        self._last = b""
        self._seal: re.Match[bytes] | None = None
        self.is_cut = False
        """Whether the document ended within a line, or before its seal."""
        self.is_too_long = False
        """Whether a line was longer than any that is read."""

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        line = self._stream.readline(MAX_LINE + 1)
        self._seal = _SEAL.fullmatch(line)
        self.is_too_long = len(line) > MAX_LINE
        self.is_cut = not line.endswith(b"\n") and not self.is_too_long
        if self._seal or self.is_cut or self.is_too_long:
            raise StopIteration
        self._hashed.update(self._last)
        self._last = line
        return line

    def are_whole(self) -> bool:
        """Tell whether the seal is there, fits and ends the document."""
        self._hashed.update(self._last.removesuffix(b",\n"))
        fits = self._seal is not None and self._hashed.hexdigest().encode() == self._seal[1]
        return fits and self._last.endswith(b",\n") and self._stream.readline() == b"}\n" and not self._stream.read(1)


class _Reader:
    """Takes members, and the items of lists from the lines that follow."""

    def __init__(self, lines: Iterator[bytes], *, is_plan: bool) -> None:
        self.contents = Contents()
        self._lines = lines
        self._bytes, self._values = 0, 0
        """What was kept so far."""
        self._lists: dict[str, Callable[[], None]] = {"changes": self._changes if is_plan else self._outcomes}
        self._lists |= {"requests": self._requests} if is_plan else {}
        self._lists |= {"drift": self._drift, "returning": self._returning, "missing": self._missing}
        self._lists["diagnostics"] = self._diagnostics

    def take(self, line: bytes) -> None:
        """Take a member by its first line.

        Raises:
            ValueError: it is none, or not plainly valid.
        """
        members = self.contents.members
        found = _MEMBER.match(line)
        key = found[1].decode() if found else ""
        value = line[found.end() :] if found else b""
        if not key or key in members or not value.endswith(b"\n"):
            raise NotPlainError
        if value != b"[\n":
            if not value.endswith(b",\n") or (key in self._lists and value != b"[],\n"):
                raise NotPlainError
            members[key] = self._kept(value[:-2])
        elif key in self._lists:
            members[key] = []
            self._lists[key]()
        else:
            members[key] = list(map(self._kept, self._items()))

    def _kept(self, value: bytes) -> Any:
        """Return a value that is kept in memory.

        Raises:
            ValueError: it is no JSON, or too much.
        """
        if not self._has_room(value):
            raise NotPlainError
        return strict_json(value)

    def _has_room(self, value: bytes) -> bool:
        """Count what is kept in memory, and tell whether it is not too much."""
        self._bytes += len(value)
        self._values += 1 + count_values(value)
        return self._bytes <= MAX_LINE and self._values <= MAX_VALUES

    def _items(self) -> Iterator[bytes]:
        """Yield the items of a list, each of which has a line, and end behind it."""
        more = True
        for line in self._lines:
            if line == b"],\n":
                if more:
                    break
                return
            if not more:
                break
            more = line.endswith(b",\n")
            yield _harmless(line[: -2 if more else -1])
        raise NotPlainError

    def _changes(self) -> None:
        self.contents.changes = Changes(self._checked(check_change))

    def _outcomes(self) -> None:
        same: dict[FileOutcome, FileOutcome] = {}
        outcomes: list[FileOutcome] = []

        def note(line: bytes) -> None:
            outcome = outcome_of(line)
            outcomes.append(same.setdefault(outcome, outcome))

        self.contents.changes = Spool(self._checked(note), change_of)
        self.contents.outcomes = tuple(outcomes)

    def _requests(self) -> None:
        self.contents.requests = Spool(self._checked(request_of), request_of)

    def _drift(self) -> None:
        self.contents.drift = Spool(self._checked(drift_of), drift_of)

    def _returning(self) -> None:
        self.contents.returning = Spool(self._checked(returning_of), returning_of)

    def _missing(self) -> None:
        self.contents.missing = Spool(self._checked(not_found_of), not_found_of)

    def _diagnostics(self) -> None:
        """Keep diagnostics in memory, as they are sorted to be shown; where there is no more room, count them."""
        found: list[Diagnostic] = []
        more = self.contents.unlisted
        for line in self._items():
            diagnostic = diagnostic_of(line)
            if self._has_room(line):
                found.append(diagnostic)
                continue
            more[diagnostic.level, diagnostic.code] += 1
            if len(more) > MAX_CODES:
                raise NotPlainError
        self.contents.diagnostics = tuple(found)

    def _checked(self, check: Callable[[bytes], object]) -> Iterator[bytes]:
        for line in self._items():
            check(line)
            yield line


def _harmless(line: bytes) -> bytes:
    """Return a line that can be written out again as it is."""
    if line.isascii() and b"##" not in line and b"\t" not in line:
        return line
    return canonical(strict_json(line)).encode("ascii")
