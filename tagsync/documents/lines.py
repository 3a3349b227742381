"""Read the lines of a document's long lists as values; `changes` reads those of changes.

Each reader raises NotPlainError for a line that is not plainly what it should be. Such a line may still be valid by the
schema. A property test checks that all lines which are read are.
"""

import json
import re
from functools import lru_cache
from math import isfinite
from typing import Any, NoReturn, TypeVar

import msgspec

from tagsync.model import (
    Cause,
    Diagnostic,
    Drift,
    Level,
    NotFound,
    Op,
    Origin,
    Request,
    Returning,
)

T = TypeVar("T")

MAX_FILES = 50

_PLACE = re.compile(r".*:[0-9]{1,9}:[0-9]{1,9}", re.DOTALL)


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
    source: str | None


class NotPlainError(ValueError):
    """A line is not plainly what it should be."""


def strict_json(data: bytes | str) -> Any:
    """Return what JSON holds.

    Raises:
        ValueError: it is none, or has a number that JSON does not have.
        RecursionError: it is nested beyond reason.
    """
    return json.loads(data, parse_constant=_no_number, parse_float=_number)


def request_of(line: bytes) -> Request:
    """Return the request that a line holds."""
    found = decoded(line, _Request)
    if not 0 < len(found.file_ids) <= MAX_FILES:
        raise NotPlainError
    return Request(found.op, found.tags, found.file_ids)


def drift_of(line: bytes) -> Drift:
    """Return a change's cause that a line holds."""
    found = decoded(line, _Drift)
    return Drift(found.file_id, found.op, found.tag, found.cause)


def returning_of(line: bytes) -> Returning:
    """Return the AI tag that comes back that a line holds."""
    found = decoded(line, _Returning)
    if found.runs < 1:
        raise NotPlainError
    return Returning(found.file_id, found.path, found.tag, found.runs)


def not_found_of(line: bytes) -> NotFound:
    """Return the file that was not found that a line holds."""
    found = decoded(line, _NotFound)
    if not is_place(found.source) or (found.path is None) == (found.file_id is None):
        raise NotPlainError
    return NotFound(found.path, found.file_id, origin_of(found.source))


def diagnostic_of(line: bytes) -> Diagnostic:
    """Return the diagnostic that a line holds."""
    found = decoded(line, _Diagnostic)
    if found.source is not None and not is_place(found.source):
        raise NotPlainError
    return Diagnostic(found.level, found.code, found.message, origin_of(found.source) if found.source else None)


@lru_cache(maxsize=1 << 16)
def origin_of(source: str) -> Origin:
    """Return the place that a document names."""
    file, line, column = source.rsplit(":", 2)
    return Origin(file, int(line), int(column))


@lru_cache(maxsize=1 << 16)
def is_place(source: str) -> bool:
    """Tell whether a text is `file:line:column`."""
    return _PLACE.fullmatch(source) is not None


_DECODERS: dict[type, msgspec.json.Decoder[Any]] = {}


def decoded(line: bytes, kind: type[T]) -> T:
    """Return what a line holds.

    Raises:
        NotPlainError: it is not plainly of this kind.
    """
    decoder = _DECODERS.get(kind) or _DECODERS.setdefault(kind, msgspec.json.Decoder(kind))
    try:
        found: T = decoder.decode(line)
    except msgspec.DecodeError:
        try:
            # Half of a surrogate pair is text to JSON, and to the library; the decoder takes it for damage.
            found = msgspec.convert(strict_json(line), kind)
        except (ValueError, RecursionError) as error:
            raise NotPlainError from error
    return found


def _number(text: str) -> float:
    number = float(text)
    return number if isfinite(number) else _no_number(text)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number that JSON has")
