"""Explain errors of YAML syntax in tagsync's own words: what is wrong, where, and how to fix it.

A parser knows what it expected, not what the author meant. So this looks at the lines around the error, for the
mistakes that people make most: indentation, tabs, open quotation marks and brackets, missing spaces.
"""

import re
import sys
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice, pairwise
from typing import NamedTuple

import yaml

from tagsync.escape import quoted, shown
from tagsync.globs import rooted
from tagsync.model import packed

# libyaml treats all of these as line breaks when it counts lines.
_LINE_BREAK = re.compile("\r\n|\n|\r|\x85|\u2028|\u2029".encode())
_KEY_WITHOUT_SPACE = re.compile(r"\s*(?:- +)*([A-Za-z]+):(?=\S)")
_DASH_WITHOUT_SPACE = re.compile(r"\s*-(?=[A-Za-z])")
_KEY = re.compile(r"\s*(?:- +)*[\w\"']+ *:(?:\s|$)")

_MAX_SHOWN = 10_000
"""Bytes of a line that are looked at: a line may have 60 MiB."""

_INDENTATION = "wrong indentation: start all keys of a mapping, or all items of a list, in the same column"
_WORD = re.compile(r"\w+")
_VALUE = re.compile(r"[^\s,\[\]{}]+")
_COMMENT = re.compile(r"(?:^|[\s,\[{])(#[^\s,\[\]{}]+)")
_QUOTED = re.compile(r"""'[^']*'|"[^"]*\"""")
_DASH = re.compile(r" *- +(?=\S)")
_MAX_LINES = 1000
"""Lines before an error that are searched for the line to line up with."""


class Explained(NamedTuple):
    """A place, packed, and a message for it."""

    place: int
    message: str


class _Error(NamedTuple):
    """A parser's error: its words, its place, and where the value starts that it was reading."""

    words: str
    line: int
    column: int
    start: tuple[int, int] | None
    data: bytes

    @property
    def source(self) -> str:
        """The line with the error."""
        return _line(self.data, self.line)

    @property
    def start_character(self) -> str:
        """The first character of the value that was being read."""
        return _line(self.data, self.start[0])[self.start[1] :][:1] if self.start else ""


def explain(error: yaml.MarkedYAMLError, data: bytes) -> Explained:
    """Return where an error is and what to do about it.

    Args:
        error: what the parser raised.
        data: the file, valid UTF-8.
    """
    mark = error.problem_mark or error.context_mark
    words = " ".join(filter(None, (error.context, error.problem)))
    if mark is None:
        return Explained(0, f"invalid YAML: {shown(words, 200)}")
    start = error.context_mark
    found = _Error(
        words,
        mark.line,
        mark.column,
        (start.line, start.column) if start else None,
        data,
    )
    if known := _tab(found) or _hidden_by_comment(found):
        return known
    explained = next((words_for(found) for pattern, words_for in _EXPLANATIONS if pattern.search(words)), None)
    place, message = explained or _here(found, f"invalid YAML: {words[:200]}")
    return Explained(place, shown(message))


def comment_after(data: bytes, line: int, column: int) -> str:
    """Return the first word of the comment that follows an empty value, if it may be meant as the value; else ""."""
    found = re.match(r"\s+(#[^\s#,\[\]{}][^\s,\[\]{}]*)", _line(data, line)[column:])
    return found[1] if found else ""


def _here(error: _Error, message: str) -> Explained:
    return Explained(packed(error.line, error.column), message)


def _at_start(error: _Error, message: str) -> Explained:
    return Explained(packed(*error.start), message) if error.start else _here(error, message)


def _line(data: bytes, number: int) -> str:
    """Return the start of a line, found without splitting the data: it may have millions of lines."""
    start, end = 0, len(data)
    for count, found in enumerate(_LINE_BREAK.finditer(data)):
        if count == number:
            end = found.start()
            break
        start = found.end()
    return data[start : min(end, start + _MAX_SHOWN)].decode("utf-8-sig" if number == 0 else "utf-8", "replace")


def _previous(error: _Error) -> tuple[int, str]:
    """Return the number and the text of the last line before the error that is not blank."""
    for number in range(error.line - 1, max(-1, error.line - 10), -1):
        if (line := _line(error.data, number)).strip():
            return number, line
    return 0, ""


def _indentation(error: _Error, column: int) -> Explained:
    """Explain a line that starts in a wrong column: name the nearest column where it may start."""
    is_item = error.source.lstrip().startswith("- ")
    # Of two columns that are equally near, the deeper one continues what the line before belongs to.
    near = min(_open_columns(error, is_item=is_item), key=lambda at: (abs(at[0] - column), -at[0]), default=None)
    words = _INDENTATION
    if near and near[0] != column:
        above = _WORD.match(_line(error.data, near[1])[near[0] :].lstrip("\"'"))
        words = (
            f"wrong indentation: this line starts in column {column + 1}; start it in column {near[0] + 1}, like "
            f"{quoted(above[0]) if above else 'the dash'} in line {near[1] + 1}"
        )
    return Explained(packed(error.line, column), words)


def _open_columns(error: _Error, *, is_item: bool) -> Iterator[tuple[int, int]]:
    """Yield the columns, with their lines, where a key or an item of a list may follow the lines before an error."""
    outermost = sys.maxsize
    for number, line in reversed(_lines_before(error)):
        text = line.lstrip()
        column = len(line) - len(text)
        if not text or text.startswith("#") or column >= outermost:
            continue
        start = column
        while dash := _DASH.match(line, column):
            if is_item:
                yield column, number
            column = dash.end()
        if not is_item and _KEY.match(line) and column < outermost:
            yield column, number
        outermost = start


def _lines_before(error: _Error) -> list[tuple[int, str]]:
    """Return the last lines before an error with their numbers."""
    # One pass, as finding a single line already means to look at all before it.
    ends = deque[int](maxlen=_MAX_LINES + 1)
    ends.append(0)
    for found in islice(_LINE_BREAK.finditer(error.data), error.line):
        ends.append(found.end())
    lines = [
        error.data[start:end][:_MAX_SHOWN].decode("utf-8-sig", "replace").rstrip("\r\n")
        for start, end in pairwise(ends)
    ]
    return list(enumerate(lines, error.line - len(lines)))


def _tab(error: _Error) -> Explained | None:
    indentation = error.source[: len(error.source) - len(error.source.lstrip())]
    if "\t" not in indentation or error.start_character in ("[", "{", '"', "'"):
        return None
    place = packed(error.line, indentation.index("\t"))
    return Explained(place, "a tab indents this line: YAML allows only spaces there, so replace the tab with spaces")


def _hidden_by_comment(error: _Error) -> Explained | None:
    """Explain a list or mapping in brackets whose end is in a comment, such as [#sale]."""
    opening = [error.start[0]] if error.start else []
    for number in (*opening, _previous(error)[0]) if "flow" in error.words else ():
        line = _line(error.data, number)
        for found in _COMMENT.finditer(line):
            before, hidden = _QUOTED.sub("", line[: found.start(1)]), line[found.end() :]
            if "'" not in before and '"' not in before and ("]" in hidden or "}" in hidden):
                return Explained(packed(number, found.start(1)), shown(hidden_words(found[1])))
    return None


def hidden_words(comment: str) -> str:
    """Return how to write a value that YAML reads as a comment.

    Args:
        comment: the value, which starts with #.
    """
    return f'# starts a comment, so YAML ignores the rest of this line: write "{shown(comment, 60)}" in quotation marks'


def _unclosed_quote(error: _Error) -> Explained:
    mark = error.start_character
    return _at_start(error, f"this quotation mark is not closed: add another {mark} where the text ends")


def _flow(error: _Error) -> Explained:
    """Explain a list or mapping in brackets that does not go on after an item."""
    opening = error.start_character
    closing, kind = ("}", "mapping") if opening == "{" else ("]", "list")
    mark = error.source[error.column - 1 : error.column]
    if mark in ("'", '"'):
        fix = "''" if mark == "'" else r"\""
        return _here(error, f"the text ends at the {mark} before this: for a {mark} inside the text, write {fix}")
    if error.start and error.start[0] == error.line:
        return _here(error, f"a comma or {closing} is missing here: add it, or put the item before in quotation marks")
    return _at_start(error, f"this {opening} is not closed: add {closing} at the end of the {kind}")


def _second_colon(error: _Error) -> Explained:
    """Explain a colon in a place that has no key: the mistake is in this line or the one before."""
    before = error.source[: error.column]
    if ": " in before:
        return _here(error, "a second colon in this line: if it belongs to the value, put the value in quotation marks")
    number, line = _previous(error)
    for at, text in ((error.line, error.source), (number, line)):
        if found := _DASH_WITHOUT_SPACE.match(text):
            return Explained(packed(at, found.end()), "a space is missing after the dash: write - and a space")
    if found := _KEY_WITHOUT_SPACE.match(line):
        return _missing_space(number, found)
    if not _KEY.match(line):
        place = packed(number, len(line) - len(line.lstrip()))
        return Explained(place, "a colon is missing in this line: write key: value")
    return _indentation(error, len(before) - len(before.lstrip()))


def _missing_space(line: int, found: re.Match[str]) -> Explained:
    return Explained(packed(line, found.end()), f"a space is missing after the colon: write {found[1]}: and a space")


def _key_without_colon(error: _Error) -> Explained:
    line, column = error.start or (error.line, error.column)
    if found := _KEY_WITHOUT_SPACE.match(_line(error.data, line)):
        return _missing_space(line, found)
    return Explained(packed(line, column), "a colon is missing after this key: write key: value")


def _block(error: _Error) -> Explained:
    """Explain a line that belongs to no list or mapping, or text after a value that has ended."""
    if error.source[: error.column].strip():
        message = "this text follows a complete value: put the whole value in quotation marks, or start a new line"
        return _here(error, message)
    return _indentation(error, error.column)


def _first_character(error: _Error) -> Explained:
    character = error.source[error.column : error.column + 1]
    if character == "\t":
        return _here(error, "a tab is not allowed here: replace it with a space")
    return _here(error, f"a value cannot start with {character}: write {_in_quotes(error, error.column)}")


def _in_quotes(error: _Error, column: int, line: str | None = None) -> str:
    """Return the value that starts in a column, in quotation marks."""
    found = _VALUE.match(error.source if line is None else line, column)
    return f'"{shown(found[0], 60)}"' if found and '"' not in found[0] else "it in quotation marks"


def _reference(error: _Error) -> Explained:
    number, column = error.start or (error.line, error.column)
    line = _line(error.data, number)
    value = _in_quotes(error, column, line)
    if value.startswith('"*') and line[:column].rstrip().endswith("match:"):
        value = f'"{rooted(value[1:-1])}"'
    return _at_start(error, f"a value cannot start with {error.start_character}: write {value}")


def _saying(message: str) -> Callable[[_Error], Explained]:
    return lambda error: _here(error, message)


_EXPLANATIONS: tuple[tuple[re.Pattern[str], Callable[[_Error], Explained]], ...] = (
    (re.compile("quoted scalar found unexpected"), _unclosed_quote),
    (
        re.compile("unknown escape character"),
        _saying(r"unknown escape: for a backslash, write \\ or use single quotes"),
    ),
    (re.compile("parsing a flow (sequence|mapping)"), _flow),
    (
        re.compile("node content"),
        _saying("a value is missing here: add one, or remove the comma or bracket"),
    ),
    (re.compile("mapping values are not allowed"), _second_colon),
    (re.compile("simple key"), _key_without_colon),
    (re.compile("parsing a block (collection|mapping)"), _block),
    (
        re.compile(r"sequence \w+ are not allowed"),
        _saying("a list starts on its own line: move - to a new line"),
    ),
    (re.compile("cannot start any token"), _first_character),
    (re.compile("scanning an (alias|anchor)"), _reference),
    (re.compile("scanning a block scalar"), _saying("text after | or > starts on the next line: move it there")),
    (re.compile("ing a tag"), _reference),
    (re.compile("incompatible YAML document"), _saying("YAML 1.1 and 1.2 are supported: remove the %YAML line")),
    (re.compile(r"expected '?<\w+ start>"), _saying("this text is outside of any YAML document: start one with ---")),
)
"""What parsers say, in either's words, and what explains it; the first match counts."""
