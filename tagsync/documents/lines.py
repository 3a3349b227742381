"""Write and read the items of long lists, one line each, as typed structs; `changes` does so for changes."""

import json
import re
from functools import lru_cache
from math import isfinite
from typing import Annotated, Any, ClassVar, NoReturn, Self, TypeVar

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import astuple

from tagsync.model import Cause, Diagnostic, Drift, Level, NotFound, Op, Origin, Request, Returning

T = TypeVar("T")

_PLACE = re.compile(r":[0-9]{1,9}:[0-9]{1,9}\Z")
Place = Annotated[str, Meta(pattern=_PLACE.pattern)]
"""`file:line:column`."""


class Record(Struct, gc=False, rename="camel", omit_defaults=True):
    """The JSON form of a value of the model; by default its members have the names of the value's fields."""

    kind: ClassVar[type]

    @classmethod
    def from_value(cls, value: Any) -> Self:
        """Convert a value."""
        return cls(*value)

    def value(self) -> Any:
        """Return the value."""
        return self.kind(*astuple(self))


class RequestItem(Record):
    """A call."""

    kind = Request

    op: Op
    tags: tuple[str, ...]
    file_ids: Annotated[tuple[str, ...], Meta(min_length=1, max_length=50)]


class DriftItem(Record):
    """A change's cause."""

    kind = Drift

    file_id: str
    op: Op
    tag: str
    cause: Cause


class ReturningItem(Record):
    """An AI tag that came back."""

    kind = Returning

    file_id: str
    path: str
    tag: str
    runs: Annotated[int, Meta(ge=1)]


class NotFoundItem(Record):
    """A file that was not found, by path or by ID."""

    source: Place
    path: str | None = None
    file_id: str | None = None

    def __post_init__(self) -> None:
        """Check that the item has exactly one of path and ID."""
        if (self.path is None) == (self.file_id is None):
            raise ValueError("exactly one of path and fileId is required")

    @classmethod
    def from_value(cls, value: NotFound) -> Self:
        """Convert a file that was not found."""
        return cls(str(value.origin), value.path, value.file_id)

    def value(self) -> NotFound:
        """Return the file that was not found."""
        return NotFound(self.path, self.file_id, origin_of(self.source))


class DiagnosticItem(Record):
    """A diagnostic."""

    level: Level
    code: str
    message: str
    source: Place | None

    @classmethod
    def from_value(cls, value: Diagnostic) -> Self:
        """Convert a diagnostic."""
        return cls(value.level, value.code, value.message, str(value.origin) if value.origin else None)

    def value(self) -> Diagnostic:
        """Return the diagnostic."""
        return Diagnostic(self.level, self.code, self.message, origin_of(self.source) if self.source else None)


class NotPlainError(ValueError):
    """A line does not have the required form."""


def strict_json(data: bytes | str) -> Any:
    """Parse JSON strictly.

    Raises:
        ValueError: it is not JSON; NaN and infinity are not JSON either.
        RecursionError: it is nested too deeply.
    """
    return json.loads(data, parse_constant=_no_number, parse_float=_number)


@lru_cache(maxsize=1 << 16)
def origin_of(source: str) -> Origin:
    """Parse `file:line:column`."""
    file, line, column = source.rsplit(":", 2)
    return Origin(file, int(line), int(column))


@lru_cache(maxsize=1 << 16)
def is_place(source: str) -> bool:
    """Return whether a text is `file:line:column`."""
    return _PLACE.search(source) is not None


_DECODERS: dict[type, msgspec.json.Decoder[Any]] = {}


def decoded(line: bytes, kind: type[T]) -> T:
    """Parse a line into a struct.

    Raises:
        NotPlainError: the line does not have this form.
    """
    decoder = _DECODERS.get(kind) or _DECODERS.setdefault(kind, msgspec.json.Decoder(kind))
    try:
        found: T = decoder.decode(line)
    except msgspec.DecodeError:
        try:
            # JSON and the library accept half of a surrogate pair, but msgspec does not: try again without msgspec.
            found = msgspec.convert(strict_json(line), kind)
        except (ValueError, RecursionError) as error:
            raise NotPlainError from error
    return found


def _number(text: str) -> float:
    number = float(text)
    return number if isfinite(number) else _no_number(text)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a JSON number")
