"""Write and read a file's changes and outcome as a line of JSON, and keep many of them in a temporary file."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, Literal

import msgspec

from tagsync.documents.canonical import canonical
from tagsync.documents.lines import NotPlainError, decoded, is_place, origin_of
from tagsync.model import (
    AITag,
    Change,
    CurrentFile,
    FileChange,
    FileOutcome,
    Op,
    PartialOutcome,
    Reason,
    Refusal,
    Status,
)
from tagsync.spool import Spool

OPS = {Op.ADD: "add", Op.REMOVE: "remove", Op.REMOVE_AI: "removeAI"}
"""The members with a file's changes."""


class _AITagMember(msgspec.Struct, gc=False):
    name: str
    confidence: float | int | None
    source: str


class _Before(msgspec.Struct, gc=False, rename="camel"):
    tags: tuple[str, ...]
    ai_tags: tuple[_AITagMember, ...]


class _ReasonMember(msgspec.Struct, gc=False):
    op: Literal["addTags", "removeTags", "removeAITags"]
    tag: str
    source: str
    rule: str


class _Tags(msgspec.Struct, gc=False):
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    remove_ai: tuple[str, ...] = msgspec.field(name="removeAI", default=())

    def items(self) -> tuple[tuple[Op, str], ...]:
        named = ((Op.ADD, self.add), (Op.REMOVE, self.remove), (Op.REMOVE_AI, self.remove_ai))
        return tuple([(op, tag) for op, tags in named for tag in tags])


class _RefusalMember(msgspec.Struct, gc=False):
    op: Op
    tag: str
    status: int
    message: str


class _ChangeLine(msgspec.Struct, gc=False, kw_only=True):
    file_id: str = msgspec.field(name="fileId")
    path: str
    before: _Before
    add: tuple[str, ...]
    remove: tuple[str, ...]
    remove_ai: tuple[str, ...] = msgspec.field(name="removeAI")
    because: tuple[_ReasonMember, ...]
    present: tuple[str, ...] = ()
    spared: tuple[str, ...] = ()
    relies: tuple[str, ...] = ()


class _OutcomeLine(_ChangeLine, gc=False, kw_only=True):
    status: Status
    attempts: int
    error: str | None
    request_id: str | None = msgspec.field(name="requestId")
    already: _Tags = msgspec.field(default_factory=_Tags)
    made: _Tags | None = None
    tried: _Tags = msgspec.field(default_factory=_Tags)
    refused: tuple[_RefusalMember, ...] = ()


class _FileId(msgspec.Struct, gc=False):
    file_id: str = msgspec.field(name="fileId")


def change_document(change: FileChange) -> dict[str, Any]:
    """Return a file's changes as JSON members of a plan."""
    file = change.file
    optional = {"present": change.desired, "spared": change.spared, "relies": change.relies}
    return {name: value for name, value in optional.items() if value} | {
        "fileId": file.file_id,
        "path": file.path,
        "before": {
            "tags": file.tags,
            "aiTags": [{"name": tag.name, "confidence": tag.confidence, "source": tag.source} for tag in file.ai_tags],
        },
        "add": change.add,
        "remove": change.remove,
        "removeAI": change.remove_ai,
        "because": [
            {"op": reason.op, "tag": reason.tag, "source": str(reason.origin), "rule": reason.rule}
            for reason in change.reasons
        ],
    }


def change_of(line: bytes) -> FileChange:
    """Parse a file's changes from a line that was checked or written by tagsync; ignore unknown members."""
    found = decoded(line, _ChangeLine)
    because: dict[tuple[str, str], list[Reason]] = {}
    for item in found.because:
        because.setdefault((item.op, item.tag), []).append(_reason(item.source, item.rule))
    ai_tags = tuple([AITag(tag.name, tag.confidence, tag.source) for tag in found.before.ai_tags])
    file = CurrentFile(found.file_id, found.path, found.before.tags, ai_tags)
    changes = [
        Change(op, tag, tuple(because.get((op, tag), ())))
        for op, tags in ((Op.ADD, found.add), (Op.REMOVE, found.remove), (Op.REMOVE_AI, found.remove_ai))
        for tag in tags
    ]
    return FileChange(file, tuple(changes), desired=found.present, spared=found.spared, relies=found.relies)


def check_change(line: bytes) -> None:
    """Check a line of a plan.

    Raises:
        NotPlainError: the line is not exactly a file's changes.
    """
    _check_places(decoded(line, _ChangeLine))


def outcome_document(outcome: FileOutcome) -> dict[str, Any]:
    """Return the JSON members that a report adds to a file's changes."""
    document: dict[str, Any] = {
        "status": outcome.status,
        "attempts": outcome.attempts,
        "error": outcome.error,
        "requestId": outcome.request_id,
    }
    if outcome.already:
        document["already"] = _by_op(outcome.already)
    if outcome.parts:
        document["made"] = _by_op(outcome.parts.made)
        if outcome.parts.tried:
            document["tried"] = _by_op(outcome.parts.tried)
    if outcome.refused:
        document["refused"] = [refusal._asdict() for refusal in outcome.refused]
    return document


def _by_op(items: Iterable[tuple[Op, str]]) -> dict[str, list[str]]:
    return {name: tags for op, name in OPS.items() if (tags := [tag for found, tag in items if found == op])}


def outcome_of(line: bytes) -> FileOutcome:
    """Check a line of a report and return the file's outcome.

    Raises:
        NotPlainError: the line is not exactly a file's changes and outcome.
    """
    found = decoded(line, _OutcomeLine)
    _check_places(found)
    if found.attempts < 0:
        raise NotPlainError
    parts = None if found.made is None else PartialOutcome(found.made.items(), found.tried.items())
    refused = tuple([Refusal(item.op, item.tag, item.status, item.message) for item in found.refused])
    return FileOutcome(
        found.status, found.attempts, found.error, found.request_id, found.already.items(), parts, refused
    )


class Changes(Spool[FileChange]):
    """Changes in a temporary file, each as the canonical line of a plan.

    After the line come a tab and the file's `createdAt`, which a plan does not contain. A line itself has no tab.
    """

    def __init__(self, lines: Iterable[bytes]) -> None:
        super().__init__(lines, _change)

    def lines(self) -> Iterator[str]:
        """Yield the lines of canonical JSON."""
        return (record.partition(b"\t")[0].decode("ascii") for record in self.records())


def keep(changes: Iterable[FileChange]) -> Changes:
    """Write changes to a temporary file."""
    return Changes(map(_record, changes))


def lines_of(changes: Sequence[FileChange]) -> Iterable[str]:
    """Return changes as lines of canonical JSON."""
    return changes.lines() if isinstance(changes, Changes) else (canonical(change_document(item)) for item in changes)


def file_ids_of(changes: Sequence[FileChange]) -> Iterator[str]:
    """Yield the IDs of the files."""
    if isinstance(changes, Spool):
        return (decoded(record.partition(b"\t")[0], _FileId).file_id for record in changes.records())
    return (change.file_id for change in changes)


def _record(change: FileChange) -> bytes:
    created_at = change.file.created_at
    return (canonical(change_document(change)) + (f"\t{canonical(created_at)}" if created_at else "")).encode("ascii")


def _change(record: bytes) -> FileChange:
    line, _, created_at = record.partition(b"\t")
    change = change_of(line)
    return replace(change, file=replace(change.file, created_at=json.loads(created_at))) if created_at else change


@lru_cache(maxsize=1 << 16)
def _reason(source: str, rule: str) -> Reason:
    return Reason(origin_of(source), rule)


def _check_places(found: _ChangeLine) -> None:
    for reason in found.because:
        if not is_place(reason.source):
            raise NotPlainError
