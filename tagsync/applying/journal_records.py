"""What a journal says, line by line, and what its lines amount to; no file is touched here.

One record a line: the CRC-32 of what follows as eight hex digits, a space, canonical JSON. Each line stands for
itself, so that of a damaged file every line that checks out still counts, and only the damaged ones are left out. That
is safe, as nothing becomes known by it: a call without its outcome counts as unknown, and without an end more is
looked at again than need be. Only a lost intent is forgotten, as are all where there is no journal; the next apply
plans from what the library shows anyway. Kinds and members that a later version may write are left out likewise.
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
    """An apply began: its name, the digest of its plan, and when."""

    run: str
    digest: str
    at: str


class Intent(NamedTuple):
    """A call is about to be sent; numbers count from 1 and repeat in no apply that is still open."""

    number: int
    request: Request


class Outcome(NamedTuple):
    """What a call came to, and the files of which the library said that it updated them."""

    number: int
    kind: OutcomeKind
    updated: tuple[str, ...]


class Ended(NamedTuple):
    """All outcomes of an apply were read back: nothing before this needs looking at again."""

    run: str


Record = Began | Intent | Outcome | Ended


class Recovered(NamedTuple):
    """What applies that did not come to their end have left to look at; a file may be in both.

    Attributes:
        unknown: ids of the files of calls that have no outcome, or an unknown one.
        done: the calls of which the library said that they updated a file, by its id.
    """

    unknown: frozenset[str]
    done: Mapping[str, Sequence[Request]]


NOTHING = Recovered(frozenset(), {})


def encoded(record: Record) -> bytes:
    """Return the line of a record."""
    body = canonical(_document(record)).encode("ascii")
    return b"%08x %b\n" % (crc32(body), body)


def decoded(line: bytes) -> Record | None:
    """Return the record of a line, with or without its end; None if it is damaged or of a kind not known here."""
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
    raise ValueError("no number of a call")


def _texts(values: Any) -> tuple[str, ...]:
    if isinstance(values, list) and all(isinstance(value, str) for value in values):
        return tuple(values)
    raise ValueError("no list of texts")


class Replay:
    """What records amount to, taken one after the other.

    Attributes:
        last_number: the greatest number of a call so far.
    """

    def __init__(self) -> None:
        self._sent: dict[int, Request] = {}
        """Calls without an outcome."""
        self._sent_files = 0
        self._done: dict[str, list[Request]] = defaultdict(list)
        self._unknown: set[str] = set()
        self.last_number = 0

    def add(self, record: Record) -> None:
        """Take the next record."""
        match record:
            case Intent(number, request):
                self._unknown.update(self._settled(number, ()))
                self._sent[number] = request
                self._sent_files += len(request.file_ids)
                self.last_number = max(self.last_number, number)
            case Outcome(number, kind, updated):
                file_ids = self._settled(number, updated)
                self._unknown.update(file_ids if kind == "unknown" else ())
            case Ended():
                self._sent_files = 0
                for kept in (self._sent, self._unknown, self._done):
                    kept.clear()

    def _settled(self, number: int, updated: tuple[str, ...]) -> tuple[str, ...]:
        """Return the files of a call, which is without an outcome no more, and keep what it did."""
        request = self._sent.pop(number, None)
        if request is None:
            return ()
        self._sent_files -= len(request.file_ids)
        for file_id in updated:
            self._done[file_id].append(request)
        return request.file_ids

    @property
    def files(self) -> int:
        """How many ids are kept."""
        return self._sent_files + len(self._unknown) + len(self._done)

    def recovered(self) -> Recovered:
        """Return what is left to look at."""
        unknown = frozenset[str]().union(self._unknown, *(request.file_ids for request in self._sent.values()))
        return Recovered(unknown, self._done)
