"""Read YAML or JSON into plain values with their places; `schema` and `entries` give them a meaning.

This reads PyYAML's events directly. Its `load` keeps no positions, silently keeps the last of two equal keys, and takes
far more time and memory. The items of one list, the rules, are passed on one by one and not kept.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from yaml.scanner import ScannerError

from tagsync.escape import quoted, shown
from tagsync.model import packed

_MAX_DEPTH = 20
"""The maximum nesting of lists and mappings."""

_GIVE_UP_DEPTH = 100
"""The nesting at which reading ends: libyaml's time grows with the square of the depth of lists in brackets."""

MAX_TEXT = 1 << 20
"""Characters of one text. No tag, path or query needs as many, and the copies of a longer one take much memory."""

MAX_ITEMS = 100_000
"""The maximum length of a list or mapping, except for the list of entries; at twice that, reading ends."""

_DEPTH_OF_NAMES = 4
"""The greatest depth of mappings whose keys are texts: spec.renames, and each table in spec.values."""

_FOLDED_FROM = 80
"""Programs that write YAML may break a text of this length into several lines."""

_ROOT = ("",)
_OPENING = (SequenceStartEvent, MappingStartEvent)
_CLOSING = (SequenceEndEvent, MappingEndEvent)
_TOO_DEEP = f"nested deeper than {_MAX_DEPTH} levels: remove some levels"
_PARSER_GAVE_UP = "maximum nesting depth"

_SURROGATE = re.compile("[\ud800-\udfff]")

# Everything that YAML 1.1 or 1.2 may read as something other than text starts with one of these.
_SUSPECT = frozenset("0123456789+-.~yYnNtTfFoO<=")

_NULL = {"", "~", "null", "Null", "NULL"}
_BOOLEANS = {"true": True, "false": False}
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\Z")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,17}\Z")
# Booleans, merge and value keys of 1.1; integers and floats of both, the sexagesimal ones included; timestamps.
_NOT_ONLY_TEXT = re.compile(
    r"""(?:
      [yYnN] | [yY]es | YES | [nN]o | NO | [tT]rue | TRUE | [fF]alse | FALSE | [oO]n | ON | [oO]ff | OFF | << | =
    | [-+]?[0-9][0-9_]* | [-+]?0b[01_]+ | [-+]?0o[0-7_]+ | [-+]?0x[0-9a-fA-F_]+
    | [-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?
    | [-+]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?
    | [-+]?\.(?:inf|Inf|INF) | \.(?:nan|NaN|NAN)
    | [0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|[ \t]+)[0-9].*)?
    )\Z""",
    re.VERBOSE,
)


class NoValue:
    """A placeholder for a value that cannot be used; no schema accepts it."""

    def __init__(self, words: str) -> None:
        self._words = words

    def __repr__(self) -> str:
        return self._words


AMBIGUOUS = NoValue("an unquoted value")
"""A scalar that some version of YAML may read as text, and another as something else."""

REFUSED = NoValue("a refused value")
"""A value with an error that was reported."""


def resolve(text: str) -> str | int | float | bool | NoValue | None:
    """Return the value of an unquoted scalar; AMBIGUOUS if versions of YAML disagree or precision would be lost."""
    if text and text[0] not in _SUSPECT:
        return None if text in _NULL else text
    if text in _NULL:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _INTEGER.match(text):
        return int(text)
    if _DECIMAL.match(text):
        return float(text)
    return AMBIGUOUS if _NOT_ONLY_TEXT.match(text) else text


class EventSource(Protocol):
    """The part of PyYAML's loaders that this module needs; both the libyaml and the pure loader have it."""

    def get_event(self) -> Any:
        """Return the next event."""


class PureParser(yaml.SafeLoader):
    """PyYAML's own parser, changed to treat tabs and invalid escapes as libyaml does."""

    def get_event(self) -> Any:
        """Return the next event.

        Raises:
            yaml.YAMLError: the file is not valid YAML.
        """
        try:
            event: Any = super().get_event()  # type: ignore[no-untyped-call]
        except (ValueError, OverflowError) as error:
            raise self._wrong("found a number that is no character") from error
        if event.__class__ is ScalarEvent and event.style == '"' and _SURROGATE.search(event.value):
            raise self._wrong("found half a surrogate pair")
        return event

    def scan_to_next_token(self) -> None:
        """Skip white space and comments, and tabs where they cannot be indentation."""
        super().scan_to_next_token()
        while self.peek() == "\t" and (self.flow_level or not self.allow_simple_key):
            self.forward()
            super().scan_to_next_token()

    def _wrong(self, problem: str) -> ScannerError:
        return ScannerError(None, None, problem, self.get_mark())


PARSER: Callable[[bytes], EventSource] = getattr(yaml, "CSafeLoader", PureParser)

ReportError = Callable[[int, str, str], None]
"""Called with (packed place, code, message) for each error."""


class GivenUpError(Exception):
    """The rest of the file is not read; the reason was reported as an error."""


class Seq(list[Any]):
    """A list with the packed places of its items."""

    __slots__ = ("places",)

    def __init__(self) -> None:
        super().__init__()
        self.places: list[int] = []


class Map(dict[str, Any]):
    """A mapping with the packed places of its keys and values."""

    __slots__ = ("key_places", "places")

    def __init__(self) -> None:
        super().__init__()
        self.key_places: dict[str, int] = {}
        self.places: dict[str, int] = {}


class TreeReader:
    """Reads the documents of one file.

    Args:
        parser: the source of events.
        report: called for each structural error; reading continues after it.
        stream_at: the path of keys to the list whose items are passed to `item`.
        item: called with (value, place) for each item of that list.
        comment_at: returns the comment that follows an empty value, by line and column; "" if none may be meant as it.
    """

    def __init__(
        self,
        parser: EventSource,
        report: ReportError,
        *,
        stream_at: tuple[str, ...],
        item: Callable[[Any, int], None],
        comment_at: Callable[[int, int], str] = lambda _line, _column: "",
    ) -> None:
        self._next = parser.get_event
        self._report = report
        self._stream_at = (*_ROOT, *stream_at)
        self._item = item
        self._comment_at = comment_at
        self.written: dict[int, str] = {}
        """The source text of unquoted scalars that are not text, by place; messages quote it.

        That of an empty scalar is the comment after it, if that may be meant as the value.
        """
        self.ambiguous_keys: set[int] = set()
        """Places of unquoted keys that may be read as something other than text, in mappings whose keys are names."""

    def documents(self) -> Iterator[tuple[Any, int]]:
        """Yield the value and place of each document, after `item` got the items of the streamed list.

        Raises:
            yaml.YAMLError: the file is not valid YAML; earlier documents are.
            GivenUpError: nesting is too deep or a list too long to read on in reasonable time.
        """
        try:
            yield from self._documents()
        except ScannerError as error:
            # libyaml 0.2.6 and newer stops at this depth itself, before it returns events that it has read ahead.
            mark = error.problem_mark
            if mark is None or _PARSER_GAVE_UP not in (error.problem or ""):
                raise
            self._report(packed(mark.line, mark.column), "nesting", _TOO_DEEP)
            raise GivenUpError from error

    def _documents(self) -> Iterator[tuple[Any, int]]:
        while True:
            event = self._next()
            if event.__class__ is StreamEndEvent:
                return
            if event.__class__ is DocumentStartEvent:
                self.written.clear()
                root = self._next()
                yield self._value(root, 1, _ROOT), _place(root)

    def _value(self, event: Any, depth: int, path: tuple[str, ...] | None) -> Any:
        """Read one value. `path` is None where the streamed list cannot be."""
        kind = event.__class__
        if kind is ScalarEvent:
            return self._scalar(event)
        if kind is AliasEvent:
            alias = f"*{shown(event.anchor, 40)}"
            message = f'replace {alias} with the value that it repeats, or write "{alias}" if it is text'
            self._report_at(event, "alias", f"aliases are not supported: {message}")
            return REFUSED
        self._check_decorations(event)
        if depth > _MAX_DEPTH:
            self._report_at(event, "nesting", _TOO_DEEP)
            self._skip()
            return REFUSED
        if kind is MappingStartEvent:
            return self._map(event, depth, path)
        return self._stream(depth) if path == self._stream_at else self._seq(event, depth)

    def _scalar(self, event: Any) -> Any:
        if event.tag is not None or event.anchor is not None:
            self._check_decorations(event)
            if not event.value:
                return REFUSED
        text: str = event.value
        if len(text) > MAX_TEXT:
            self._report_at(event, "too-long", f"this text has {len(text):,} characters: shorten it to {MAX_TEXT:,}")
            return REFUSED
        if not event.implicit[0]:
            return text
        value = resolve(text)
        if value.__class__ is not str:
            mark = event.start_mark
            self.written[_place(event)] = text or self._comment_at(mark.line, mark.column)
        return value

    def _check_decorations(self, event: Any) -> None:
        if event.tag is not None:
            as_written = shown(event.tag.replace("tag:yaml.org,2002:", "!!", 1), 60)
            message = f"explicit YAML tags are not supported: remove {as_written}{_or_quoted(as_written, event)}"
            self._report_at(event, "explicit-tag", message)
        if event.anchor is not None:
            anchor = f"&{shown(event.anchor, 40)}"
            self._report_at(event, "anchor", f"anchors are not supported: remove {anchor}{_or_quoted(anchor, event)}")

    def _seq(self, start: Any, depth: int) -> Seq:
        seq = Seq()
        places = seq.places
        beyond = 0
        while True:
            event = self._next()
            kind = event.__class__
            # Most items are scalars, and there are millions. Reading them here saves a call for each.
            if kind is ScalarEvent:
                value = self._scalar(event)
                if value.__class__ is str and " - " in value and _is_misread_list(event):
                    message = (
                        f"YAML joins this line and the next into {quoted(value)}: start all items of the list in the "
                        "same column, or put the text in quotation marks"
                    )
                    self._report_at(event, "yaml", message)
                    value = REFUSED
            elif kind is SequenceEndEvent:
                return seq
            else:
                value = self._value(event, depth + 1, None)
            if len(seq) < MAX_ITEMS:
                mark = event.start_mark
                seq.append(value)
                places.append(mark.line << 32 | mark.column)
            else:
                beyond = self._beyond(beyond, start, f"this list has more than {MAX_ITEMS:,} items: split it")

    def _stream(self, depth: int) -> Seq:
        outside = dict(self.written)
        while True:
            event = self._next()
            self.written.clear()
            if event.__class__ is SequenceEndEvent:
                self.written.update(outside)
                return Seq()
            self._item(self._value(event, depth + 1, None), _place(event))

    def _map(self, start: Any, depth: int, path: tuple[str, ...] | None) -> Map:
        result = Map()
        beyond = 0
        while True:
            event = self._next()
            if event.__class__ is MappingEndEvent:
                return result
            key = self._key(event, depth)
            value_event = self._next()
            if value_event.__class__ is ScalarEvent:
                value = self._scalar(value_event)
            else:
                value = self._value(value_event, depth + 1, path and (*path, str(key)))
            if key is None:
                continue
            if key in result:
                first = result.key_places[key]
                again = f"duplicate key {quoted(key)}, first used in line {(first >> 32) + 1}"
                self._report_at(event, "duplicate-key", f"{again}: remove or rename one of them")
            elif len(result) < MAX_ITEMS:
                result[key] = value
                result.key_places[key] = _place(event)
                result.places[key] = _place(value_event)
            else:
                beyond = self._beyond(beyond, start, f"this mapping has more than {MAX_ITEMS:,} keys: split it")

    def _key(self, event: Any, depth: int) -> str | None:
        """Return a key as it is written; None if it is refused."""
        if event.__class__ is not ScalarEvent:
            self._value(event, depth + 1, None)
            self._report_at(event, "key", "a key must be text: replace this list, mapping or alias")
            return None
        if event.tag is not None or event.anchor is not None:
            self._check_decorations(event)
        if event.value == "<<" and event.implicit[0]:
            self._report_at(event, "merge-key", "merge keys are not supported: put what rules share into spec.defaults")
            return None
        key: str = event.value
        if depth <= _DEPTH_OF_NAMES and event.implicit[0] and resolve(key).__class__ is not str:
            self.ambiguous_keys.add(_place(event))
        return key

    def _beyond(self, count: int, start: Any, message: str) -> int:
        """Count an item beyond the maximum; report the first, and stop reading after as many again."""
        if count == 0:
            self._report_at(start, "too-many", message)
        elif count == MAX_ITEMS:
            raise GivenUpError
        return count + 1

    def _skip(self) -> None:
        """Read to the end of the list or mapping that was just opened."""
        depth = 1
        while depth:
            event = self._next()
            depth += isinstance(event, _OPENING) - isinstance(event, _CLOSING)
            if depth > _GIVE_UP_DEPTH:
                raise GivenUpError

    def _report_at(self, event: Any, code: str, message: str) -> None:
        self._report(_place(event), code, message)


def _place(event: Any) -> int:
    mark = event.start_mark
    return packed(mark.line, mark.column)


def _or_quoted(text: str, event: Any) -> str:
    """Return how to write a tag or anchor that may be meant as text, because no value follows it."""
    return f', or write "{text}" if it is text' if event.__class__ is ScalarEvent and not event.value else ""


def _is_misread_list(event: Any) -> bool:
    """Return whether an item of a list contains the next item, because that is indented more."""
    is_plain, is_short = event.implicit[0], len(event.value) < _FOLDED_FROM
    return bool(is_plain and is_short and event.start_mark.line != event.end_mark.line)
