"""Encode, decode and replay the records of a journal; `journal` keeps them on disk.

Each line is one record: the CRC-32 of the rest as eight hex digits, a space, and canonical JSON. Damaged lines, and
record kinds and members of later versions, are ignored. That is safe. A call without its outcome counts as unknown, and
without an end record, more files are checked than necessary. Only a lost intent is forgotten, as without a journal; the
next apply compares with the library anyway.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import Any, Literal, NamedTuple
from zlib import crc32

from tagsync.documents.canonical import canonical
from tagsync.model import Change, Op, Request

NONE: Mapping[str, Sequence[str]] = MappingProxyType({})

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
    already: Mapping[str, Sequence[str]] = NONE
    """By file ID, the planned changes among its tags that the file showed before the first call."""


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
        unknown: the calls that have no outcome or an unknown one, by file ID.
        done: the calls whose response reports a file as updated, by file ID.
    """

    unknown: Mapping[str, Sequence[Request]]
    done: Mapping[str, Sequence[Request]]

    def was_sent(self, change: Change, file_id: str) -> bool:
        """Return whether an interrupted apply may have made a change."""
        calls = chain(self.unknown.get(file_id, ()), self.done.get(file_id, ()))
        return any(change.op == op and change.tag in tags for op, tags, _ in calls)


NOTHING = Recovered({}, {})


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
        case Intent(number, (op, tags, file_ids), already):
            found = {"kind": "intent", "number": number, "op": op, "tags": tags, "fileIds": file_ids}
            return found | ({"already": dict(already)} if already else {})
        case Outcome(number, kind, updated):
            return {"kind": "outcome", "number": number, "outcome": kind, "updated": updated}
        case Ended(run):  # pragma: no branch - there is no other
            return {"kind": "ended", "run": run}


def _record(document: Any) -> Record | None:
    match document:
        case {"kind": "began", "run": str(run), "digest": str(digest), "at": str(at)}:
            return Began(run, digest, at)
        case {"kind": "intent", "number": number, "op": op, "tags": [_, *_] as tags, "fileIds": [_, *_] as file_ids}:
            request = Request(Op(op), _texts(tags), _texts(file_ids))
            return Intent(_number(number), request, _texts_by_name(document.get("already", {})))
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


def _texts_by_name(values: Any) -> dict[str, tuple[str, ...]]:
    if isinstance(values, dict):
        return {name: _texts(texts) for name, texts in values.items()}
    raise ValueError("not lists of strings by name")


class Replay:
    """Collects what the records of a journal, in order, leave to check.

    Attributes:
        last_number: the highest number of a call so far.
        is_open: whether an apply began and has not ended.
    """

    def __init__(self) -> None:
        self._sent: dict[int, Intent] = {}
        """Calls without an outcome."""
        self._sent_files = 0
        self._done: dict[str, list[Request]] = defaultdict(list)
        self._unknown: dict[str, list[Request]] = defaultdict(list)
        self.last_number = 0
        self.is_open = False

    def add(self, record: Record) -> None:
        """Add the next record."""
        match record:
            case Intent(number, request):
                # A number that is still open means that its outcome is lost, so its files count as unknown.
                self._settle(number, (), is_known=False)
                self._sent[number] = record
                self._sent_files += len(request.file_ids)
                self.last_number = max(self.last_number, number)
            case Outcome(number, kind, updated):
                self._settle(number, updated, is_known=kind != "unknown")
            case Began():
                self.is_open = True
            case Ended():  # pragma: no branch - there is no other
                self.is_open = False
                self._sent_files = 0
                for kept in (self._sent, self._unknown, self._done):
                    kept.clear()

    def _settle(self, number: int, updated: Iterable[str], *, is_known: bool) -> None:
        """Remove a call from those without an outcome, and keep what it updated or may have changed."""
        intent = self._sent.pop(number, None)
        if intent is None:
            return
        self._sent_files -= len(intent.request.file_ids)
        _keep(self._done, intent, updated)
        if not is_known:
            _keep(self._unknown, intent, intent.request.file_ids)

    @property
    def files(self) -> int:
        """The number of IDs in memory."""
        return self._sent_files + len(self._unknown) + len(self._done)

    def recovered(self) -> Recovered:
        """Return what is left to check."""
        unknown = defaultdict(list, {file_id: [*calls] for file_id, calls in self._unknown.items()})
        for intent in self._sent.values():
            _keep(unknown, intent, intent.request.file_ids)
        return Recovered(unknown, self._done)


def _keep(calls: dict[str, list[Request]], intent: Intent, file_ids: Iterable[str]) -> None:
    """Keep a call for files, without the changes that they showed before the apply."""
    for file_id in file_ids:
        if already := intent.already.get(file_id):
            request = intent.request._replace(tags=tuple([tag for tag in intent.request.tags if tag not in already]))
            calls[file_id].append(request)
        else:
            calls[file_id].append(intent.request)
