"""Split a searchQuery into tokens; `search` parses them."""

import re
from collections.abc import Iterator
from typing import NamedTuple

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
    """The sandbox cannot evaluate a searchQuery. ImageKit may accept it, so each message names the sandbox."""


class Token(NamedTuple):
    """A token: its kind (`string`, `number`, `operator`, `word` or `end`) and its text without quotes."""

    kind: str
    text: str

    def __str__(self) -> str:
        return "the end" if self.kind == "end" else f'"{self.text}"'


def tokenize(text: str) -> Iterator[Token]:
    """Yield the tokens of a query, ending with one of kind `end`.

    Raises:
        QueryError: a character does not start a token.
    """
    position = 0
    stripped = text.rstrip()
    while position < len(stripped):
        match = _TOKEN.match(stripped, position)
        if match is None:
            raise QueryError(f"The sandbox cannot read the searchQuery at character {position + 1}.")
        kind = match.lastgroup or ""
        value = match[kind]
        yield Token(kind, re.sub(r"\\(.)", r"\1", value) if kind == "string" else value)
        position = match.end()
    yield Token("end", "")


def expected(what: str, token: Token) -> QueryError:
    """Return the error for an unexpected token."""
    return QueryError(f"The sandbox cannot read the searchQuery: expected {what} instead of {token}.")
