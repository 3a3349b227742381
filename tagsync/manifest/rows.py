"""Entries as rows, which are small and quick to write, sort and read back; not where rows are kept.

A row says what an entry selects and in which line of which document it stands. All else is in its shape: bytes that
equal entries share, with places counted from the entry's line. A document's defaults are not in it.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Literal

import msgspec

from tagsync.manifest.entries import expired, settled, with_defaults
from tagsync.model import (
    NO_TEXTS,
    AIRule,
    ById,
    ByMatch,
    ByPath,
    Entry,
    Exclusive,
    Expectation,
    Texts,
    Wishes,
)
from tagsync.model.desired import AutoTagger, Leniency

Kind = Literal[0, 1, 2]
"""What an entry selects by."""

PATH: Literal[0] = 0
FILE_ID: Literal[1] = 1
MATCH: Literal[2] = 2

Row = tuple[Kind, str, int, int, bytes]
"""Kind, the path or file id, the document's number, the line from 0, the shape."""

Document = tuple[str, Wishes]
"""A document's manifest and its defaults."""

_REMEMBERED = 50_000
"""So many shapes are kept at hand; the memory that they take is bounded, however many there are."""

_Texts = tuple[tuple[str, ...], tuple[int, ...]]
_Number = int | float


class _Exclusive(msgspec.Struct, array_like=True, frozen=True):
    place: int
    only: _Texts | None


class _AIRule(msgspec.Struct, array_like=True, frozen=True):
    place: int
    remove: _Texts
    remove_all: bool
    min_confidence: _Number | None
    keep: _Texts
    source: AutoTagger | None
    promote: _Number | None


class _Expectation(msgspec.Struct, array_like=True, frozen=True):
    place: int
    min: _Number
    max: _Number | None


class _More(msgspec.Struct, array_like=True, frozen=True):
    """What few entries have."""

    absent: _Texts
    exclusive: _Exclusive | None
    ai_rule: _AIRule | None
    expect: _Expectation | None
    match: tuple[str | None, str | None, tuple[str, ...]] | None
    until: date | None


class _Shape(msgspec.Struct, array_like=True, frozen=True):
    column: int
    tags: _Texts
    if_missing: Leniency | None
    if_over_limit: Leniency | None
    more: _More | None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Shape).decode


def row_of(entry: Entry, document: int, until: date | None = None) -> Row:
    """Return an entry's row.

    Args:
        entry: as it stands in the manifest, without its document's defaults.
        document: the number of its document.
        until: the day from which its tags are to be absent.
    """
    line = entry.place >> 32
    base = line << 32
    kind, key, match = _selected(entry)
    wishes, expect = entry.wishes, entry.expect
    more = None
    if match or until or expect or wishes.absent.values or wishes.exclusive or wishes.ai_rule:
        more = _More(
            _packed(wishes.absent, base),
            _packed_exclusive(wishes.exclusive, base),
            _packed_rule(wishes.ai_rule, base),
            None if expect is None else _Expectation(expect.place - base, expect.min, expect.max),
            match,
            until,
        )
    shape = _Shape(entry.place - base, _packed(wishes.tags, base), wishes.if_missing, wishes.if_over_limit, more)
    return kind, key, document, line, _encode(shape)


def shape_with_tags(column: int, tags: tuple[str, ...], places: tuple[int, ...]) -> bytes:
    """Return the shape of an entry in this column of its line that has tags alone."""
    return _encode(_Shape(column, (tags, places), None, None, None))


class Unfolding:
    """Turns rows back into entries, their documents' defaults merged in.

    Args:
        documents: by number; more may be added behind them.
        as_of: the day on which entries that end are judged; None to let none end.
    """

    def __init__(self, documents: Mapping[int, Document], as_of: date | None = None) -> None:
        self._documents = documents
        self._as_of = as_of
        self._groups: dict[Wishes, int] = {}
        """Documents of equal defaults, which are many, share what is known of shapes."""
        self._group_of: dict[int, tuple[str, int]] = {}
        self._known: dict[tuple[int, bytes], _Known] = {}

    def __call__(self, row: Row) -> Entry:
        """Return the entry of a row."""
        kind, key, document, line, shape = row
        manifest, group = self._group_of.get(document) or self._grouped(document)
        known = self._known.get((group, shape)) or self._learn(group, document, shape)
        if known[0] is None:
            return self._with_more(row, known[1])
        values, inherited, column, places, absent, exclusive, rule, if_missing, if_over_limit = known
        base = line << 32
        tags = Texts(values, inherited + tuple([base + place for place in places]))
        wishes = Wishes(tags, absent, exclusive, rule, if_missing, if_over_limit)
        return Entry(manifest, base + column, ByPath(key) if kind == PATH else ById(key), wishes)

    def _grouped(self, document: int) -> tuple[str, int]:
        manifest, defaults = self._documents[document]
        group = self._groups.setdefault(defaults, len(self._groups))
        self._group_of[document] = manifest, group
        return manifest, group

    def _learn(self, group: int, document: int, data: bytes) -> "_Known":
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        shape = _decode(data)
        known: _Known = (None, shape) if shape.more else self._plain(shape, document)
        self._known[group, data] = known
        return known

    def _plain(self, shape: _Shape, document: int) -> "_Plain":
        manifest, defaults = self._documents[document]
        merged = settled(with_defaults(Entry(manifest, 0, ByPath(""), Wishes()), defaults)).wishes
        values, places = shape.tags
        return (
            merged.tags.values + values,
            merged.tags.places,
            shape.column,
            places,
            merged.absent,
            merged.exclusive,
            merged.ai_rule,
            shape.if_missing or merged.if_missing,
            shape.if_over_limit or merged.if_over_limit,
        )

    def _with_more(self, row: Row, shape: _Shape) -> Entry:
        kind, key, document, line, _ = row
        more = shape.more
        assert more is not None  # noqa: S101 - asked by the caller; tells mypy
        manifest, defaults = self._documents[document]
        selector = ByMatch(*more.match) if more.match else ByPath(key) if kind == PATH else ById(key)
        bare = replace(_bare(shape, more, manifest, line << 32), selector=selector)
        entry = settled(with_defaults(bare, defaults))
        return expired(entry, bare.wishes.tags) if more.until and self._as_of and self._as_of >= more.until else entry


_Plain = tuple[
    tuple[str, ...],
    tuple[int, ...],
    int,
    tuple[int, ...],
    Texts,
    Exclusive | None,
    AIRule | None,
    Leniency | None,
    Leniency | None,
]
_Known = tuple[None, _Shape] | _Plain
"""What all rows of one shape and document have in common; a plain tuple, for it is taken apart for each row."""


def _selected(entry: Entry) -> tuple[Kind, str, ByMatch | None]:
    selector = entry.selector
    if isinstance(selector, ByPath):
        return PATH, selector.path, None
    if isinstance(selector, ById):
        return FILE_ID, selector.file_id, None
    return MATCH, "", selector


def _packed(texts: Texts, base: int) -> _Texts:
    return texts.values, tuple([place - base for place in texts.places])


def _packed_exclusive(exclusive: Exclusive | None, base: int) -> _Exclusive | None:
    if exclusive is None:
        return None
    only = exclusive.only
    return _Exclusive(exclusive.place - base, None if only is None else _packed(only, base))


def _packed_rule(rule: AIRule | None, base: int) -> _AIRule | None:
    if rule is None:
        return None
    return _AIRule(
        rule.place - base,
        _packed(rule.remove, base),
        rule.remove_all,
        rule.min_confidence,
        _packed(rule.keep, base),
        rule.source,
        rule.promote,
    )


def _bare(shape: _Shape, more: _More, manifest: str, base: int) -> Entry:
    """Return an entry of a shape whose line is `base`; what it selects is not looked at."""
    wishes = Wishes(
        tags=_unpacked(shape.tags, base),
        absent=_unpacked(more.absent, base),
        exclusive=_unpacked_exclusive(more.exclusive, base),
        ai_rule=_unpacked_rule(more.ai_rule, base),
        if_missing=shape.if_missing,
        if_over_limit=shape.if_over_limit,
    )
    return Entry(manifest, base + shape.column, ByPath(""), wishes, _expectation(more.expect, base))


def _unpacked_exclusive(exclusive: _Exclusive | None, base: int) -> Exclusive | None:
    if exclusive is None:
        return None
    only = exclusive.only
    return Exclusive(base + exclusive.place, None if only is None else _unpacked(only, base))


def _unpacked_rule(rule: _AIRule | None, base: int) -> AIRule | None:
    if rule is None:
        return None
    return AIRule(
        base + rule.place,
        _unpacked(rule.remove, base),
        rule.remove_all,
        rule.min_confidence,
        _unpacked(rule.keep, base),
        rule.source,
        rule.promote,
    )


def _expectation(expect: _Expectation | None, base: int) -> Expectation | None:
    if expect is None:
        return None
    # A schema takes 1.0 for a whole number, too.
    return Expectation(base + expect.place, expect.min, expect.max)  # type: ignore[arg-type]


def _unpacked(texts: _Texts, base: int) -> Texts:
    values, places = texts
    return Texts(values, tuple([base + place for place in places])) if values else NO_TEXTS
