"""Build the SQL condition for one comparison of a searchQuery; `search` combines them."""

import re
import sqlite3
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

_INDEXED = frozenset({"file_id", "name", "folder", "updated_at"})
# Code points that no stored text contains.
_FIRST_SURROGATE, _AFTER_SURROGATES = 0xD800, 0xE000
_WORD = re.compile(r"[^\W_]+")


class Condition(NamedTuple):
    """A SQL condition on the table `files`.

    Attributes:
        sql: the condition.
        parameters: its parameters.
        names_type: whether the query has a condition on `type`; otherwise it finds files only.
        narrows: whether an index can find the few rows that satisfy it.
    """

    sql: str
    parameters: tuple[Any, ...] = ()
    names_type: bool = False
    narrows: bool = False


def add_functions(db: sqlite3.Connection) -> None:
    """Define the SQL functions that conditions use."""
    db.create_function("has_words", 2, _has_words, deterministic=True)


def _has_words(text: Any, query: str) -> bool:
    """Return whether a text contains each word of a query, ignoring case; the last word may be a prefix."""
    if not isinstance(text, str):
        return False
    words, wanted = _WORD.findall(text.casefold()), _WORD.findall(query.casefold())
    return bool(wanted) and set(wanted[:-1]) <= set(words) and any(word.startswith(wanted[-1]) for word in words)


def on_column(column: str, operator: str, values: Sequence[Any]) -> Condition:
    """Compare a column, or another SQL expression with one value for each row."""
    if operator == ":":
        # A range can use an index, because SQLite sorts by code point.
        past = _past(values[0])
        if past is None:
            return Condition(f"{column} >= ?", (values[0],))
        return Condition(f"({column} >= ? AND {column} < ?)", (values[0], past), narrows=True)
    if operator == "HAS":
        return Condition(f"has_words({column}, ?)", (values[0],))
    narrows = column in _INDEXED and not operator.startswith("NOT")
    return _compared(column, operator, values)._replace(narrows=narrows)


def on_member(column: str, path: str, operator: str, values: Sequence[Any]) -> Condition:
    """Compare a member of a JSON column; IN, NOT IN and HAS apply to each item of a list."""
    if operator.endswith("EXISTS"):
        return _negated(operator, Condition(f"(coalesce(json_type({column}, ?), 'null') <> 'null')", (path,)))
    if operator in ("IN", "NOT IN", "HAS"):
        found = Condition(_item(f"{column}, ?", "value", operator, values), (path, *values))
        return _negated(operator, found)
    extracted = f"json_extract({column}, ?)"
    if operator == ":":
        return Condition(f"substr({extracted}, 1, length(?)) = ?", (path, values[0], values[0]))
    compared = _compared(extracted, operator, values)
    return Condition(compared.sql, (path, *compared.parameters))


def on_tags(operator: str, values: Sequence[str]) -> Condition:
    """Compare the ordinary tags and the AI tags of a file together."""
    if operator.endswith("EXISTS"):
        return _negated(operator, Condition("(json_array_length(tags) + json_array_length(ai_tags) > 0)"))
    ordinary = _item("tags", "value", operator, values)
    ai = _item("ai_tags", "json_extract(value, '$.name')", operator, values)
    return _negated(operator, Condition(f"({ordinary} OR {ai})", (*values, *values)))


def _item(array: str, value: str, operator: str, values: Sequence[Any]) -> str:
    test = f"has_words({value}, ?)" if operator == "HAS" else f"{value} IN ({', '.join('?' * len(values))})"
    return f"EXISTS (SELECT 1 FROM json_each({array}) WHERE {test})"  # noqa: S608 - names of columns and marks


def _negated(operator: str, condition: Condition) -> Condition:
    return Condition(f"NOT {condition.sql}", condition.parameters) if operator.startswith("NOT") else condition


def _compared(column: str, operator: str, values: Sequence[Any]) -> Condition:
    marks = ", ".join("?" * len(values))
    if operator == "IN":
        return Condition(f"{column} IN ({marks})", tuple(values))
    if operator == "NOT IN":
        return Condition(f"coalesce({column} NOT IN ({marks}), 1)", tuple(values))
    if operator == "NOT =":
        return Condition(f"{column} IS NOT ?", tuple(values))
    return Condition(f"{column} {operator} ?", tuple(values))


def _past(value: str) -> str | None:
    """Return the first text after all texts with a prefix; None if there is none."""
    shortened = value.rstrip(chr(sys.maxunicode))
    if not shortened:
        return None
    following = ord(shortened[-1]) + 1
    return shortened[:-1] + chr(_AFTER_SURROGATES if following == _FIRST_SURROGATE else following)
