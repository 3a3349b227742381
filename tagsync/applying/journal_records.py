"""Encode, decode and replay the records of a journal; `journal` keeps them on disk.

Each line is one record: the CRC-32 of the rest as eight hex digits, a space, and canonical JSON. Damaged lines, and
record kinds and members of later versions, are ignored. That is safe. A call without its outcome counts as unknown, and
without an end record, more files are checked than necessary. Only a lost intent is forgotten, as without a journal; the
next apply compares with the library anyway.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple
from zlib import crc32

from tagsync.documents.canonical import canonical
from tagsync.model import Op, Request

OutcomeKind = Literal["done", "refused", "unknown"]


class Began(NamedTuple):
    """An apply began: its ID, the digest of its plan, and the time."""

    run: str
    digest: str
    at: str


class Intent(NamedTuple):
    """A call is about to be sent; its number, from 1, is unique among all calls that have no end record after them."""

    number: int
    request: Request


class Outcome(NamedTuple):
    """The outcome of a call, and the files that its response reports as updated."""

    number: int
    kind: OutcomeKind
    updated: tuple[str, ...]


class Ended(NamedTuple):
    """All outcomes of an apply were read back: nothing before this needs a check."""

    run: str


Record = Began | Intent | Outcome | Ended


class Recovered(NamedTuple):
    """What interrupted applies have left to check. A file may be in both.

    Attributes:
        unknown: the IDs of files with calls that have no outcome or an unknown one.
        done: the calls whose response reports a file as updated, by the file's ID.
    """

    unknown: frozenset[str]
    done: Mapping[str, Sequence[Request]]


NOTHING = Recovered(frozenset(), {})


def encoded(record: Record) -> bytes:
    """Return the line of a record."""
    body = canonical(_document(record)).encode("ascii")
    return b"%08x %b\n" % (crc32(body), body)


def decoded(line: bytes) -> Record | None:
    """Return the record of a line, with or without its line feed; None if it is damaged or of an unknown kind."""
    checksum, _, body = line.removesuffix(b"\n").partition(b" ")
    if checksum != b"%08x" % crc32(body):
        return None
    try:
        return _record(json.loads(body))
    except (ValueError, RecursionError):
        return None


def _document(record: Record) -> dict[str, Any]:
    match record:
        case Began(run, digest, at):
            return {"kind": "began", "run": run, "digest": digest, "at": at}
        case Intent(number, (op, tags, file_ids)):
            return {"kind": "intent", "number": number, "op": op, "tags": tags, "fileIds": file_ids}
        case Outcome(number, kind, updated):
            return {"kind": "outcome", "number": number, "outcome": kind, "updated": updated}
        case Ended(run):  # pragma: no branch - there is no other
            return {"kind": "ended", "run": run}


def _record(document: Any) -> Record | None:
    match document:
        case {"kind": "began", "run": str(run), "digest": str(digest), "at": str(at)}:
            return Began(run, digest, at)
        case {"kind": "intent", "number": number, "op": op, "tags": [_, *_] as tags, "fileIds": [_, *_] as file_ids}:
            return Intent(_number(number), Request(Op(op), _texts(tags), _texts(file_ids)))
        case {"kind": "outcome", "number": number, "outcome": "done" | "refused" | "unknown" as kind, "updated": ids}:
            return Outcome(_number(number), kind, _texts(ids))
        case {"kind": "ended", "run": str(run)}:
            return Ended(run)
    return None


def _number(value: Any) -> int:
    if type(value) is int and 0 < value < 1 << 53:
        return value
    raise ValueError("not the number of a call")


def _texts(values: Any) -> tuple[str, ...]:
    if isinstance(values, list) and all(isinstance(value, str) for value in values):
        return tuple(values)
    raise ValueError("not a list of strings")


class Replay:
    """Collects what the records of a journal, in order, leave to check.

    Attributes:
        last_number: the highest number of a call so far.
        is_open: whether an apply began and has not ended.
    """

    def __init__(self) -> None:
        self._sent: dict[int, Request] = {}
        """Calls without an outcome."""
        self._sent_files = 0
        self._done: dict[str, list[Request]] = defaultdict(list)
        self._unknown: set[str] = set()
        self.last_number = 0
        self.is_open = False

    def add(self, record: Record) -> None:
        """Add the next record."""
        match record:
            case Intent(number, request):
                # A number that is still open means that its outcome is lost, so its files count as unknown.
                self._unknown.update(self._settled(number, ()))
                self._sent[number] = request
                self._sent_files += len(request.file_ids)
                self.last_number = max(self.last_number, number)
            case Outcome(number, kind, updated):
                file_ids = self._settled(number, updated)
                self._unknown.update(file_ids if kind == "unknown" else ())
            case Began():
                self.is_open = True
            case Ended():  # pragma: no branch - there is no other
                self.is_open = False
                self._sent_files = 0
                for kept in (self._sent, self._unknown, self._done):
                    kept.clear()

    def _settled(self, number: int, updated: tuple[str, ...]) -> tuple[str, ...]:
        """Remove a call from those without an outcome, keep what it updated, and return its files."""
        request = self._sent.pop(number, None)
        if request is None:
            return ()
        self._sent_files -= len(request.file_ids)
        for file_id in updated:
            self._done[file_id].append(request)
        return request.file_ids

    @property
    def files(self) -> int:
        """The number of IDs in memory."""
        return self._sent_files + len(self._unknown) + len(self._done)

    def recovered(self) -> Recovered:
        """Return what is left to check."""
        unknown = frozenset[str]().union(self._unknown, *(request.file_ids for request in self._sent.values()))
        return Recovered(unknown, self._done)
