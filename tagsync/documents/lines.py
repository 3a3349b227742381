"""Lines of a document's long lists to values, checked as their schemas ask; where lines come from is for others.

What is refused here may still be valid: the schema judges it. A property test holds that all that is taken is.
"""

import json
import re
from functools import lru_cache
from math import isfinite
from typing import Any, Literal, NoReturn, TypeVar

import msgspec

from tagsync.model import (
    AITag,
    Cause,
    Change,
    CurrentFile,
    Diagnostic,
    Drift,
    FileChange,
    FileOutcome,
    Level,
    NotFound,
    Op,
    Origin,
    Reason,
    Request,
    Returning,
    Status,
)

T = TypeVar("T")

MAX_FILES = 50

_PLACE = re.compile(r".*:[0-9]{1,9}:[0-9]{1,9}", re.DOTALL)
_Text = str | None


class _AITag(msgspec.Struct, gc=False):
    name: str
    confidence: float | int | None
    source: str


class _Before(msgspec.Struct, gc=False, rename="camel"):
    tags: tuple[str, ...]
    ai_tags: tuple[_AITag, ...]


class _Reason(msgspec.Struct, gc=False):
    op: Literal["addTags", "removeTags", "removeAITags"]
    tag: str
    source: str
    rule: str


class _Change(msgspec.Struct, gc=False, kw_only=True):
    file_id: str = msgspec.field(name="fileId")
    path: str
    before: _Before
    add: tuple[str, ...]
    remove: tuple[str, ...]
    remove_ai: tuple[str, ...] = msgspec.field(name="removeAI")
    because: tuple[_Reason, ...]
    desired: tuple[str, ...] = ()
    spared: tuple[str, ...] = ()
    relies: tuple[str, ...] = ()


class _Already(msgspec.Struct, gc=False):
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    remove_ai: tuple[str, ...] = msgspec.field(name="removeAI", default=())


class _Outcome(_Change, gc=False, kw_only=True):
    status: Status
    attempts: int
    error: _Text
    request_id: _Text = msgspec.field(name="requestId")
    already: _Already = msgspec.field(default_factory=_Already)


class _Request(msgspec.Struct, gc=False):
    op: Op
    tags: tuple[str, ...]
    file_ids: tuple[str, ...] = msgspec.field(name="fileIds")


class _Drift(msgspec.Struct, gc=False, rename="camel"):
    file_id: str
    op: Op
    tag: str
    cause: Cause


class _Returning(msgspec.Struct, gc=False, rename="camel"):
    file_id: str
    path: str
    tag: str
    runs: int


class _NotFound(msgspec.Struct, gc=False, rename="camel"):
    source: str
    path: str | None = None
    file_id: str | None = None


class _Diagnostic(msgspec.Struct, gc=False):
    level: Level
    code: str
    message: str
    source: _Text


class NotPlainError(ValueError):
    """A line is not plainly what it should be."""


def strict_json(data: bytes | str) -> Any:
    """Return what JSON holds.

    Raises:
        ValueError: it is none, or has a number that JSON does not have.
        RecursionError: it is nested beyond reason.
    """
    return json.loads(data, parse_constant=_no_number, parse_float=_number)


def check_change(line: bytes) -> None:
    """Check a plan's line.

    Raises:
        NotPlainError: it is not plainly a file's changes.
    """
    _check_places(_decoded(line, _CHANGE, _Change))


def outcome_of(line: bytes) -> FileOutcome:
    """Return what became of a file by a report's line, all of which is checked.

    Raises:
        NotPlainError: it is not plainly a file's changes and what became of them.
    """
    found = _decoded(line, _OUTCOME, _Outcome)
    _check_places(found)
    if found.attempts < 0:
        raise NotPlainError
    named = ((Op.ADD, found.already.add), (Op.REMOVE, found.already.remove), (Op.REMOVE_AI, found.already.remove_ai))
    already = tuple([(op, tag) for op, tags in named for tag in tags])
    return FileOutcome(found.status, found.attempts, found.error, found.request_id, already)


def request_of(line: bytes) -> Request:
    """Return the request that a line holds.

    Raises:
        NotPlainError: it is not plainly one.
    """
    found = _decoded(line, _REQUEST, _Request)
    if not 0 < len(found.file_ids) <= MAX_FILES:
        raise NotPlainError
    return Request(found.op, found.tags, found.file_ids)


def drift_of(line: bytes) -> Drift:
    """Return a change's cause that a line holds.

    Raises:
        NotPlainError: it is not plainly one.
    """
    found = _decoded(line, _DRIFT, _Drift)
    return Drift(found.file_id, found.op, found.tag, found.cause)


def returning_of(line: bytes) -> Returning:
    """Return the AI tag that comes back that a line holds.

    Raises:
        NotPlainError: it is not plainly one.
    """
    found = _decoded(line, _RETURNING, _Returning)
    if found.runs < 1:
        raise NotPlainError
    return Returning(found.file_id, found.path, found.tag, found.runs)


def not_found_of(line: bytes) -> NotFound:
    """Return the file that was not found that a line holds.

    Raises:
        NotPlainError: it is not plainly one.
    """
    found = _decoded(line, _NOT_FOUND, _NotFound)
    if not _is_place(found.source) or (found.path is None) == (found.file_id is None):
        raise NotPlainError
    return NotFound(found.path, found.file_id, origin_of(found.source))


def diagnostic_of(line: bytes) -> Diagnostic:
    """Return the diagnostic that a line holds.

    Raises:
        NotPlainError: it is not plainly one.
    """
    found = _decoded(line, _DIAGNOSTIC, _Diagnostic)
    if found.source is not None and not _is_place(found.source):
        raise NotPlainError
    return Diagnostic(found.level, found.code, found.message, origin_of(found.source) if found.source else None)


def change_of(line: bytes) -> FileChange:
    """Return a file's changes, of a line that was checked or is tagsync's own; what else it holds is left out."""
    found = _decoded(line, _CHANGE, _Change)
    because: dict[tuple[str, str], list[Reason]] = {}
    for item in found.because:
        reason = _reason(item.source, item.rule)
        same = because.get((item.op, item.tag))
        if same is None:
            because[item.op, item.tag] = [reason]
        else:
            same.append(reason)
    ai_tags = tuple([AITag(tag.name, tag.confidence, tag.source) for tag in found.before.ai_tags])
    file = CurrentFile(found.file_id, found.path, found.before.tags, ai_tags)
    changes = [
        Change(op, tag, tuple(because.get((name, tag), ())))
        for op, name, tags in (
            (Op.ADD, "addTags", found.add),
            (Op.REMOVE, "removeTags", found.remove),
            (Op.REMOVE_AI, "removeAITags", found.remove_ai),
        )
        for tag in tags
    ]
    return FileChange(file, tuple(changes), desired=found.desired, spared=found.spared, relies=found.relies)


@lru_cache(maxsize=1 << 16)
def origin_of(source: str) -> Origin:
    """Return the place that a document names."""
    file, line, column = source.rsplit(":", 2)
    return Origin(file, int(line), int(column))


@lru_cache(maxsize=1 << 16)
def _reason(source: str, rule: str) -> Reason:
    return Reason(origin_of(source), rule)


@lru_cache(maxsize=1 << 16)
def _is_place(source: str) -> bool:
    return _PLACE.fullmatch(source) is not None


def _check_places(found: _Change) -> None:
    for reason in found.because:
        if not _is_place(reason.source):
            raise NotPlainError


def _decoded(line: bytes, decoder: msgspec.json.Decoder[T], kind: type[T]) -> T:
    try:
        return decoder.decode(line)
    except msgspec.DecodeError:
        try:
            # Half of a surrogate pair is text to JSON, and to the library; the decoder takes it for damage.
            return msgspec.convert(strict_json(line), kind)
        except (ValueError, RecursionError) as error:
            raise NotPlainError from error


def _number(text: str) -> float:
    number = float(text)
    return number if isfinite(number) else _no_number(text)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number that JSON has")


_CHANGE, _OUTCOME = msgspec.json.Decoder(_Change), msgspec.json.Decoder(_Outcome)
_REQUEST, _DRIFT = msgspec.json.Decoder(_Request), msgspec.json.Decoder(_Drift)
_RETURNING, _NOT_FOUND = msgspec.json.Decoder(_Returning), msgspec.json.Decoder(_NotFound)
_DIAGNOSTIC = msgspec.json.Decoder(_Diagnostic)
