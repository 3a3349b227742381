"""Read YAML or JSON into plain values that know their places; `schema` and `entries` say what they mean.

PyYAML's event stream is read directly: its `load` keeps no positions, silently keeps the last of two equal keys, and
takes far more time and memory. Items of one named list are handed over as they come and not kept.
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
"""How deep lists and mappings may nest."""

_GIVE_UP_DEPTH = 100
"""Where reading ends: libyaml's time grows with the square of the depth of flow collections."""

MAX_ITEMS = 100_000
"""How many items a list or mapping may hold, except for the list of entries; at twice as many, reading ends."""

_DEPTH_OF_NAMES = 3
"""The depth of mappings whose keys are tags: spec.renames."""

_ROOT = ("",)
_OPENING = (SequenceStartEvent, MappingStartEvent)
_CLOSING = (SequenceEndEvent, MappingEndEvent)
_TOO_DEEP = f"nested deeper than {_MAX_DEPTH} levels: flatten this"
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
    """Stands for a value that cannot be used; it fits no schema on purpose."""

    def __init__(self, words: str) -> None:
        self._words = words

    def __repr__(self) -> str:
        return self._words


AMBIGUOUS = NoValue("an unquoted value")
"""A scalar that is neither plainly text nor plainly a number, a boolean or null."""

REFUSED = NoValue("a refused value")
"""A value that was reported as an error already."""


def resolve(text: str) -> str | int | float | bool | NoValue | None:
    """Return what an unquoted scalar means, or AMBIGUOUS where versions of YAML disagree or precision would be lost."""
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
    """The part of PyYAML's loaders that is used; both the libyaml and the pure one have it."""

    def get_event(self) -> Any:
        """Return the next event."""


class PureParser(yaml.SafeLoader):
    """PyYAML's own parser, made to treat tabs and escapes of no character as libyaml does."""

    def get_event(self) -> Any:
        """Return the next event.

        Raises:
            yaml.YAMLError: the file is no YAML.
        """
        try:
            event: Any = super().get_event()  # type: ignore[no-untyped-call]
        except (ValueError, OverflowError) as error:
            raise self._wrong("found a number that stands for nothing") from error
        if event.__class__ is ScalarEvent and event.style == '"' and _SURROGATE.search(event.value):
            raise self._wrong("found half a surrogate pair")
        return event

    def scan_to_next_token(self) -> None:
        """Skip white space and comments, including tabs wherever they cannot be indentation."""
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
    """The rest of the file is not read; why was reported as an error."""


class Seq(list[Any]):
    """A list that knows the packed places of its items."""

    __slots__ = ("places",)

    def __init__(self) -> None:
        super().__init__()
        self.places: list[int] = []


class Map(dict[str, Any]):
    """A mapping that knows the packed places of its keys and values."""

    __slots__ = ("key_places", "places")

    def __init__(self) -> None:
        super().__init__()
        self.key_places: dict[str, int] = {}
        self.places: dict[str, int] = {}


class TreeReader:
    """Reads one file's documents.

    Args:
        parser: where events come from.
        report: called for each error of structure; reading goes on after it.
        stream_at: the keys that lead to the list whose items are streamed.
        item: called with (value, place) for each item of that list.
    """

    def __init__(
        self,
        parser: EventSource,
        report: ReportError,
        *,
        stream_at: tuple[str, ...],
        item: Callable[[Any, int], None],
    ) -> None:
        self._next = parser.get_event
        self._report = report
        self._stream_at = (*_ROOT, *stream_at)
        self._item = item
        self.written: dict[int, str] = {}
        """The source text of the unquoted scalars that are not text, by place, for messages."""
        self.ambiguous_keys: set[int] = set()
        """Places of unquoted keys that may be read as something other than text, down to where documents have names."""

    def documents(self) -> Iterator[tuple[Any, int]]:
        """Yield each document's value and place; streamed items have been handed over by then.

        Raises:
            yaml.YAMLError: the file is no YAML; what was yielded before is good.
            GivenUpError: nesting so deep, or lists so long, that reading on would take too long.
        """
        try:
            yield from self._documents()
        except ScannerError as error:
            # libyaml from 0.2.6 on gives up by itself, before it hands out what it has read ahead.
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
        """Read one value. `path` is None where no list can be streamed any more."""
        kind = event.__class__
        if kind is ScalarEvent:
            return self._scalar(event)
        if kind is AliasEvent:
            message = f"aliases are not read: write out what *{shown(event.anchor, 40)} stands for"
            self._report_at(event, "alias", message)
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
        text: str = event.value
        if not event.implicit[0]:
            return text
        value = resolve(text)
        if value.__class__ is not str:
            self.written[_place(event)] = text
        return value

    def _check_decorations(self, event: Any) -> None:
        if event.tag is not None:
            as_written = shown(event.tag.replace("tag:yaml.org,2002:", "!!", 1), 60)
            self._report_at(event, "explicit-tag", f"explicit tags are not read: remove {as_written}")
        if event.anchor is not None:
            self._report_at(event, "anchor", f"anchors are not read: remove &{shown(event.anchor, 40)}")

    def _seq(self, start: Any, depth: int) -> Seq:
        seq = Seq()
        places = seq.places
        beyond = 0
        while True:
            event = self._next()
            kind = event.__class__
            if kind is ScalarEvent:
                value = self._scalar(event)
            elif kind is SequenceEndEvent:
                return seq
            else:
                value = self._value(event, depth + 1, None)
            if len(seq) < MAX_ITEMS:
                mark = event.start_mark
                seq.append(value)
                places.append(mark.line << 32 | mark.column)
            else:
                beyond = self._beyond(beyond, start, f"a list of more than {MAX_ITEMS:,} items: split it")

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
                again = f"the key {quoted(key)} stands here a second time (first in line {(first >> 32) + 1})"
                self._report_at(event, "duplicate-key", f"{again}: keep one of them")
            elif len(result) < MAX_ITEMS:
                result[key] = value
                result.key_places[key] = _place(event)
                result.places[key] = _place(value_event)
            else:
                beyond = self._beyond(beyond, start, f"a mapping of more than {MAX_ITEMS:,} keys: split it")

    def _key(self, event: Any, depth: int) -> str | None:
        """Return a mapping's key as it is written; None where it is refused."""
        if event.__class__ is not ScalarEvent:
            self._value(event, depth + 1, None)
            self._report_at(event, "key", "a key is plain text, not a list, a mapping or an alias")
            return None
        if event.tag is not None or event.anchor is not None:
            self._check_decorations(event)
        if event.value == "<<" and event.implicit[0]:
            self._report_at(event, "merge-key", "merge keys are not read: use spec.defaults for what entries share")
            return None
        key: str = event.value
        if depth <= _DEPTH_OF_NAMES and event.implicit[0] and resolve(key).__class__ is not str:
            self.ambiguous_keys.add(_place(event))
        return key

    def _beyond(self, count: int, start: Any, message: str) -> int:
        """Count one more item of a list or mapping that has too many, and report the first."""
        if count == 0:
            self._report_at(start, "too-many", message)
        elif count == MAX_ITEMS:
            raise GivenUpError
        return count + 1

    def _skip(self) -> None:
        """Read on to the end of the list or mapping that was just opened."""
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
