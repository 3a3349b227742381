"""Define the searchQuery fields that the sandbox supports: their operators, values and columns."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from tagsync.sandbox.conditions import Condition, on_column, on_member, on_tags
from tagsync.sandbox.tokens import QueryError, Token, expected

EQUALITY = ("=", "IN", "NOT =", "NOT IN")
ORDER = (*EQUALITY, "<", "<=", ">", ">=")
PRESENCE = ("EXISTS", "NOT EXISTS")
TEXT = (*EQUALITY, ":", "HAS")

Compare = Callable[[str, Sequence[Any]], Condition]
Read = Callable[[Token, datetime], Any]


class Field(NamedTuple):
    """A searchable field.

    Attributes:
        operators: the supported operators.
        value: parses one value.
        compare: returns the SQL condition for an operator and values.
    """

    operators: tuple[str, ...]
    value: Read
    compare: Compare


def field_named(token: Token) -> Field:
    """Return the field that a token names, with or without quotation marks.

    Raises:
        QueryError: the sandbox does not support this field.
    """
    if token.kind not in ("word", "string"):
        raise expected("a field", token)
    name = token.text
    if name.startswith("customMetadata."):
        if token.kind != "string":
            raise QueryError('The sandbox reads this field of a searchQuery only in quotes: "customMetadata.field".')
        return _custom(name)
    if name.startswith("embeddedMetadata.") and token.kind != "string":
        raise QueryError('The sandbox reads this field of a searchQuery only in quotes: "embeddedMetadata.field".')
    if name not in _FIELDS:
        supported = ", ".join([*_FIELDS, "customMetadata.FIELD"])
        raise QueryError(
            f"The sandbox does not support the field {name} in searchQuery (ImageKit may); supported: {supported}."
        )
    return _FIELDS[name]


def _custom(full_name: str) -> Field:
    name = full_name.partition(".")[2]
    if not name or not name.isprintable() or '"' in name or "\\" in name:
        raise QueryError(f"The sandbox does not support the customMetadata field name {name!a} in searchQuery.")
    return Field((*ORDER, ":", "HAS", *PRESENCE), _any_value, partial(_on_custom, full_name, f'$."{name}"'))


def _on_custom(full_name: str, path: str, operator: str, values: Sequence[Any]) -> Condition:
    if operator in (":", "HAS") and not isinstance(values[0], str):
        raise QueryError(f"The sandbox supports {operator} for {full_name} in searchQuery only with a text in quotes.")
    return on_member("custom", path, operator, values)


def _text(token: Token, _now: datetime) -> str:
    if token.kind != "string":
        raise expected("a text in quotation marks", token)
    return token.text


def _folder(token: Token, now: datetime) -> str:
    text = _text(token, now)
    return text if text.endswith("/") else text + "/"


def _number(token: Token, _now: datetime) -> float:
    if token.kind != "number":
        raise expected("a number", token)
    return float(token.text)


_UNITS = {"kb": 1000, "mb": 1000_000}


def _size(token: Token, now: datetime) -> float:
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(kb|mb)", token.text.lower())
    if token.kind in ("string", "word") and match:
        return float(match[1]) * _UNITS[match[2]]
    return _number(token, now)


def _boolean(token: Token, _now: datetime) -> int:
    if token.kind == "word" and token.text.lower() in ("true", "false"):
        return int(token.text.lower() == "true")
    raise expected("true or false", token)


def _any_value(token: Token, now: datetime) -> Any:
    if token.kind == "string":
        return token.text
    if token.kind == "number":
        return float(token.text)
    if token.kind == "word" and token.text.lower() in ("true", "false"):
        return _boolean(token, now)
    raise expected("a value", token)


_ABSOLUTE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{3})?Z?)?")
_RELATIVE = re.compile(r"([0-9]{1,6})([hdwmy])")
_HOURS = {"h": 1, "d": 24, "w": 24 * 7, "m": 24 * 30, "y": 24 * 365}


def _moment(token: Token, now: datetime) -> str:
    """Parse a date, a date with a time, or an age (documentation: 1h, 2d, 3w, 4m for months, 1y)."""
    absolute, relative = _ABSOLUTE.fullmatch(token.text), _RELATIVE.fullmatch(token.text)
    if absolute is None and relative is None:
        raise expected("a date", token)
    try:
        if relative:
            moment = now - timedelta(hours=int(relative[1]) * _HOURS[relative[2]])
        else:
            moment = datetime.fromisoformat(token.text)
    except (ValueError, OverflowError) as error:
        raise expected("a date", token) from error
    # isoformat always writes four digits of the year, which strftime does not, and dates are compared as text.
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _column(sql: str, operators: tuple[str, ...], value: Read) -> Field:
    return Field(operators, value, partial(on_column, sql))


def _embedded(name: str, operators: tuple[str, ...], value: Read) -> Field:
    return Field(operators, value, partial(on_member, "rest", f'$.embeddedMetadata."{name}"'))


_FIELDS = {
    "name": _column("name", TEXT, _text),
    "path": _column("folder", (*EQUALITY, ":"), _folder),
    "tags": Field(("IN", "NOT IN", "HAS", *PRESENCE), _text, on_tags),
    "type": _column("type", EQUALITY, _text),
    "id": _column("file_id", EQUALITY, _text),
    "createdAt": _column("created_at", ORDER, _moment),
    "updatedAt": _column("updated_at", ORDER, _moment),
    "createdBy": _column("json_extract(rest, '$.createdBy')", EQUALITY, _text),
    "size": _column("size", ORDER, _size),
    "width": _column("width", ORDER, _number),
    "height": _column("height", ORDER, _number),
    "format": _column("format", ("=", "IN"), _text),
    "private": _column("private", ("=",), _boolean),
    "published": _column("published", ("=",), _boolean),
    "transparency": _column("json_extract(rest, '$.hasAlpha')", ("=",), _boolean),
    "embeddedMetadata.Keywords": _embedded("Keywords", ("IN", "NOT IN", "HAS", *PRESENCE), _text),
    "embeddedMetadata.DateTimeOriginal": _embedded("DateTimeOriginal", (*ORDER, *PRESENCE), _moment),
}
