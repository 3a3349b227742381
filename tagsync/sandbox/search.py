"""ImageKit's searchQuery, the documented part of it, to SQL; anything else is refused, never guessed.

Where the documentation is silent the sandbox has to choose: AND binds closer than OR, NOT closer than AND; a
backslash escapes a quotation mark or a backslash within a string; texts are compared as they are.
"""

import re
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

MAX_QUERY = 20_000
# SQLite parses with a stack of 100 and evaluates no expression deeper than 1000; what passes here always fits.
_MAX_DEPTH = 12
_MAX_COMPARISONS = 500

_TOKEN = re.compile(
    r"""\s*(?:
      "(?P<string>(?:[^"\\]|\\["\\])*)"
    | (?P<number>-?[0-9]+(?:\.[0-9]+)?(?![\w.-]))
    | (?P<operator><=|>=|[<>=:()\[\],])
    | (?P<word>[A-Za-z0-9_.:-]*[A-Za-z0-9_.-])
    )""",
    re.VERBOSE,
)


class QueryError(Exception):
    """A searchQuery that cannot be read, in words for the caller."""


class Condition(NamedTuple):
    """A SQL condition over the table `files` and its parameters."""

    sql: str
    parameters: tuple[Any, ...] = ()
    names_type: bool = False
    """Whether the query itself says which types it is about; otherwise it is about files."""
    narrows: bool = False
    """Whether an index finds the few rows that may satisfy it."""


class _Token(NamedTuple):
    kind: str
    text: str


class _Field(NamedTuple):
    """A searchable field: its column, which operators it has, and how its values are read."""

    column: str
    operators: frozenset[str]
    value: Callable[["_Parser", _Token], Any]


_INDEXED = frozenset({"file_id", "name", "folder", "updated_at"})
# Code points that stand in no text that can be stored.
_FIRST_SURROGATE, _AFTER_SURROGATES = 0xD800, 0xE000

_EQUALITY = frozenset({"=", "IN", "NOT =", "NOT IN"})
_ORDER = _EQUALITY | {"<", "<=", ">", ">="}
_PREFIX = _EQUALITY | {":"}


def compile_query(text: str, now: datetime) -> Condition:
    """Return the condition that a searchQuery stands for.

    Args:
        text: the query.
        now: what relative times count from.

    Raises:
        QueryError: with words that name what is wrong.
    """
    if len(text) > MAX_QUERY:
        raise QueryError(f"The searchQuery is longer than {MAX_QUERY} characters.")
    return _Parser(text, now).parse()


class _Parser:
    def __init__(self, text: str, now: datetime) -> None:
        self.now = now
        self._tokens = list(_tokenize(text))
        self._position = 0
        self._depth = 0
        self._comparisons = 0
        self._names_type = False

    def parse(self) -> Condition:
        condition = self._any_of()
        if self._peek().kind != "end":
            raise QueryError(f"Unexpected {_named(self._peek())} in searchQuery.")
        return condition._replace(names_type=self._names_type)

    def _peek(self) -> _Token:
        return self._tokens[self._position]

    def _take(self) -> _Token:
        token = self._tokens[self._position]
        self._position += token.kind != "end"
        return token

    def _accept(self, text: str) -> bool:
        """Take the next token if it is this operator or keyword."""
        token = self._peek()
        found = token.kind in ("operator", "word") and token.text.upper() == text
        self._position += found
        return found

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            raise QueryError(f"Expected {text} instead of {_named(self._peek())} in searchQuery.")

    def _any_of(self) -> Condition:
        parts = [self._all_of()]
        while self._accept("OR"):
            parts.append(self._all_of())
        condition = _combined(" OR ", parts)._replace(narrows=all(part.narrows for part in parts))
        return condition if len(parts) == 1 else condition._replace(sql=f"({condition.sql})")

    def _all_of(self) -> Condition:
        parts = [self._one()]
        while self._accept("AND"):
            parts.append(self._one())
        return _combined(" AND ", parts)._replace(narrows=any(part.narrows for part in parts))

    def _one(self) -> Condition:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise QueryError("The searchQuery is nested too deeply.")
        try:
            if self._accept("NOT"):
                inner = self._one()
                return Condition(f"NOT coalesce({inner.sql}, 0)", inner.parameters)
            if self._accept("("):
                inner = self._any_of()
                self._expect(")")
                return inner
            return self._comparison()
        finally:
            self._depth -= 1

    def _comparison(self) -> Condition:
        self._comparisons += 1
        if self._comparisons > _MAX_COMPARISONS:
            raise QueryError(f"The searchQuery has more than {_MAX_COMPARISONS} conditions.")
        name = self._field_name()
        operator = self._operator()
        if name.startswith("customMetadata."):
            return self._custom(name.partition(".")[2], operator)
        field = _FIELDS.get(name)
        if field is None:
            raise QueryError(f"The field {name} is not supported in searchQuery.")
        if operator not in field.operators:
            raise QueryError(f"The operator {operator} is not supported for the field {name} in searchQuery.")
        self._names_type = self._names_type or name == "type"
        values = self._values(operator, lambda token: field.value(self, token))
        if name == "tags":
            return _tags(operator, values)
        if operator == ":":  # a path's value is a folder with a slash at its end: below it is what begins so
            return _begins_with(field.column, values[0])
        narrows = field.column in _INDEXED and not operator.startswith("NOT")
        return _compared(field.column, operator, values)._replace(narrows=narrows)

    def _field_name(self) -> str:
        token = self._take()
        if token.kind == "string" and token.text.startswith("customMetadata."):
            return token.text
        if token.kind != "word":
            raise QueryError(f"Expected a field instead of {_named(token)} in searchQuery.")
        if token.text.startswith("customMetadata."):
            raise QueryError('The field must be quoted in searchQuery: "customMetadata.field".')
        return token.text

    def _operator(self) -> str:
        if self._accept("NOT"):
            if self._accept("IN"):
                return "NOT IN"
            self._expect("=")
            return "NOT ="
        token = self._take()
        operator = token.text.upper()
        if (token.kind == "operator" and operator in ("=", ":", "<", "<=", ">", ">=")) or (
            token.kind == "word" and operator == "IN"
        ):
            return operator
        raise QueryError(f"Expected an operator instead of {_named(token)} in searchQuery.")

    def _values(self, operator: str, read: Callable[[_Token], Any]) -> list[Any]:
        if not operator.endswith("IN"):
            return [read(self._take())]
        self._expect("[")
        values = [read(self._take())]
        while self._accept(","):
            values.append(read(self._take()))
        self._expect("]")
        return values

    def _custom(self, name: str, operator: str) -> Condition:
        column = "json_extract(custom, ?)"
        path = f'$."{name}"'
        if not name or not name.isprintable() or '"' in name or "\\" in name:
            raise QueryError(f"The customMetadata field name {name!a} is not supported in searchQuery.")
        values = self._values(operator, _custom_value)
        if operator == ":" and not isinstance(values[0], str):
            raise QueryError(f"The operator : is only supported with a text for customMetadata.{name} in searchQuery.")
        if operator in ("IN", "NOT IN"):
            marks = ", ".join("?" * len(values))
            hit = f"EXISTS (SELECT 1 FROM json_each(custom, ?) WHERE value IN ({marks}))"  # noqa: S608 - only marks
            return _negated(operator, Condition(hit, (path, *values)))
        if operator == ":":
            return Condition(f"substr({column}, 1, length(?)) = ?", (path, values[0], values[0]))
        compared = _compared(column, operator, values)
        return Condition(compared.sql, (path, *compared.parameters))


def _tokenize(text: str) -> Iterator[_Token]:
    position = 0
    stripped = text.rstrip()
    while position < len(stripped):
        match = _TOKEN.match(stripped, position)
        if match is None:
            raise QueryError(f"Cannot read the searchQuery at character {position + 1}.")
        kind = match.lastgroup or ""
        value = match[kind]
        yield _Token(kind, re.sub(r"\\(.)", r"\1", value) if kind == "string" else value)
        position = match.end()
    yield _Token("end", "")


def _named(token: _Token) -> str:
    return "the end" if token.kind == "end" else f'"{token.text}"'


def _combined(joint: str, parts: list[Condition]) -> Condition:
    sql = joint.join(part.sql for part in parts)
    return Condition(sql, tuple(value for part in parts for value in part.parameters))


def _negated(operator: str, condition: Condition) -> Condition:
    return Condition(f"NOT {condition.sql}", condition.parameters) if operator.startswith("NOT") else condition


def _compared(column: str, operator: str, values: list[Any]) -> Condition:
    marks = ", ".join("?" * len(values))
    if operator == "IN":
        return Condition(f"{column} IN ({marks})", tuple(values))
    if operator == "NOT IN":
        return Condition(f"coalesce({column} NOT IN ({marks}), 1)", tuple(values))
    if operator == "NOT =":
        return Condition(f"{column} IS NOT ?", tuple(values))
    return Condition(f"{column} {operator} ?", tuple(values))


def _begins_with(column: str, value: str) -> Condition:
    """Return the condition as a range, which an index can answer: SQLite orders texts by code point."""
    past = _past(value)
    if past is None:
        return Condition(f"{column} >= ?", (value,))
    return Condition(f"({column} >= ? AND {column} < ?)", (value, past), narrows=True)


def _past(value: str) -> str | None:
    """Return the least text behind all that begin with a value; None if nothing is behind them."""
    shortened = value.rstrip(chr(sys.maxunicode))
    if not shortened:
        return None
    following = ord(shortened[-1]) + 1
    return shortened[:-1] + chr(_AFTER_SURROGATES if following == _FIRST_SURROGATE else following)


def _tags(operator: str, values: list[str]) -> Condition:
    """`tags` searches ordinary tags and AI tags: IN is any of them, NOT IN none of them in either."""
    marks = ", ".join("?" * len(values))
    ordinary = f"EXISTS (SELECT 1 FROM json_each(tags) WHERE value IN ({marks}))"  # noqa: S608 - only marks
    ai = f"EXISTS (SELECT 1 FROM json_each(ai_tags) WHERE json_extract(value, '$.name') IN ({marks}))"  # noqa: S608 - likewise
    return _negated(operator, Condition(f"({ordinary} OR {ai})", (*values, *values)))


def _text(_parser: _Parser, token: _Token) -> str:
    if token.kind != "string":
        raise QueryError(f"Expected a text in quotation marks instead of {_named(token)} in searchQuery.")
    return token.text


def _folder(parser: _Parser, token: _Token) -> str:
    text = _text(parser, token)
    return text if text.endswith("/") else text + "/"


def _number(_parser: _Parser, token: _Token) -> float:
    if token.kind != "number":
        raise QueryError(f"Expected a number instead of {_named(token)} in searchQuery.")
    return float(token.text)


_UNITS = {"kb": 1000, "mb": 1000_000}


def _size(parser: _Parser, token: _Token) -> float:
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(kb|mb)", token.text.lower())
    if token.kind in ("string", "word") and match:
        return float(match[1]) * _UNITS[match[2]]
    return _number(parser, token)


def _boolean(_parser: _Parser, token: _Token) -> int:
    if token.kind == "word" and token.text.lower() in ("true", "false"):
        return int(token.text.lower() == "true")
    raise QueryError(f"Expected true or false instead of {_named(token)} in searchQuery.")


_ABSOLUTE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{3})?Z?)?")
_RELATIVE = re.compile(r"([0-9]{1,6})([hdwmy])")
_HOURS = {"h": 1, "d": 24, "w": 24 * 7, "m": 24 * 30, "y": 24 * 365}


def _moment(parser: _Parser, token: _Token) -> str:
    """Read a date, a date and time, or a time ago (documentation: 1h, 2d, 3w, 4m for months, 1y)."""
    absolute, relative = _ABSOLUTE.fullmatch(token.text), _RELATIVE.fullmatch(token.text)
    if absolute is None and relative is None:
        raise QueryError(f"{_named(token)} is no date in searchQuery.")
    try:
        if relative:
            moment = parser.now - timedelta(hours=int(relative[1]) * _HOURS[relative[2]])
        else:
            moment = datetime.fromisoformat(token.text)
    except (ValueError, OverflowError) as error:
        raise QueryError(f"{_named(token)} is no date in searchQuery.") from error
    # Not strftime: it writes the year 26 with two digits, and dates are compared as texts.
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _custom_value(token: _Token) -> Any:
    if token.kind == "string":
        return token.text
    if token.kind == "number":
        return float(token.text)
    if token.kind == "word" and token.text.lower() in ("true", "false"):
        return int(token.text.lower() == "true")
    raise QueryError(f"Expected a value instead of {_named(token)} in searchQuery.")


_FIELDS = {
    "name": _Field("name", _PREFIX, _text),
    "path": _Field("folder", _PREFIX, _folder),
    "tags": _Field("tags", frozenset({"IN", "NOT IN"}), _text),
    "type": _Field("type", _EQUALITY, _text),
    "id": _Field("file_id", _EQUALITY, _text),
    "createdAt": _Field("created_at", _ORDER, _moment),
    "updatedAt": _Field("updated_at", _ORDER, _moment),
    "size": _Field("size", _ORDER, _size),
    "width": _Field("width", _ORDER, _number),
    "height": _Field("height", _ORDER, _number),
    "format": _Field("format", frozenset({"=", "IN"}), _text),
    "private": _Field("private", frozenset({"="}), _boolean),
    "published": _Field("published", frozenset({"="}), _boolean),
}
