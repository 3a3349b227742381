"""Parse the documented part of ImageKit's searchQuery and translate it to SQL; anything else is an error.

Where the documentation is silent, the sandbox makes these choices:

- NOT binds more tightly than AND, and AND more tightly than OR.
- In a string, a backslash escapes a quotation mark or a backslash.
- Text is compared exactly, except by HAS, which needs every word in one tag, in any order.
- A file with AI tags only has tags.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tagsync.sandbox.conditions import Condition
from tagsync.sandbox.fields import Field, field_named
from tagsync.sandbox.tokens import QueryError, Token, expected, tokenize

MAX_QUERY = 20_000
# SQLite's parser has a stack of 100, and its expressions a maximum depth of 1000. These limits keep queries below both.
_MAX_DEPTH = 12
_MAX_COMPARISONS = 500
_SIGNS = frozenset({"=", ":", "<", "<=", ">", ">="})
_WORDS = frozenset({"IN", "HAS", "EXISTS"})


def compile_query(text: str, now: datetime) -> Condition:
    """Return the SQL condition for a searchQuery.

    Args:
        text: the query.
        now: the current time, for relative times.

    Raises:
        QueryError: the query is invalid, too large, or not supported by the sandbox.
    """
    if len(text) > MAX_QUERY:
        raise QueryError(f"The sandbox does not support a searchQuery of more than {MAX_QUERY} characters.")
    return _Parser(text, now).parse()


class _Parser:
    def __init__(self, text: str, now: datetime) -> None:
        self._now = now
        self._tokens = list(tokenize(text))
        self._position = 0
        self._depth = 0
        self._comparisons = 0
        self._names_type = False

    def parse(self) -> Condition:
        condition = self._any_of()
        if self._peek().kind != "end":
            raise expected("AND, OR or the end", self._peek())
        return condition._replace(names_type=self._names_type)

    def _peek(self) -> Token:
        return self._tokens[self._position]

    def _take(self) -> Token:
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
            raise expected(text, self._peek())

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
            raise QueryError(f"The sandbox does not support a searchQuery with more than {_MAX_DEPTH} levels.")
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
            raise QueryError(f"The sandbox does not support a searchQuery of more than {_MAX_COMPARISONS} conditions.")
        token = self._take()
        field = field_named(token)
        operator = self._operator()
        if operator not in field.operators:
            raise QueryError(
                f"The sandbox does not support the operator {operator} for the field {token.text} in searchQuery "
                f"(ImageKit may); supported: {', '.join(field.operators)}."
            )
        self._names_type = self._names_type or token.text == "type"
        return field.compare(operator, self._values(operator, field))

    def _operator(self) -> str:
        negation = "NOT " if self._accept("NOT") else ""
        token = self._take()
        operator = token.text.upper()
        if operator not in {"operator": _SIGNS, "word": _WORDS}.get(token.kind, ()):
            raise expected("an operator", token)
        return negation + operator

    def _values(self, operator: str, field: Field) -> Sequence[Any]:
        if operator.endswith("EXISTS"):
            return ()
        if not operator.endswith("IN"):
            return [field.value(self._take(), self._now)]
        self._expect("[")
        values = [field.value(self._take(), self._now)]
        while self._accept(","):
            values.append(field.value(self._take(), self._now))
        self._expect("]")
        return values


def _combined(joint: str, parts: list[Condition]) -> Condition:
    sql = joint.join(part.sql for part in parts)
    return Condition(sql, tuple(value for part in parts for value in part.parameters))
