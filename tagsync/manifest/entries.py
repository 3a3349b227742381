"""Check entries and defaults by their types, and turn them into declarations; `schema` explains what is refused."""

from collections.abc import Callable, Iterable
from functools import lru_cache
from operator import invert
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, ValidationError, convert, field

from tagsync.manifest.yaml import Map
from tagsync.model import (
    NO_TEXTS,
    AIRule,
    AutoTagger,
    ById,
    ByMatch,
    ByPath,
    Declaration,
    Exclusive,
    Expectation,
    Leniency,
    Selector,
    Texts,
    is_declarable,
)

NO_DEFAULTS = Declaration()

_Text = Annotated[str, Meta(min_length=1)]
_Path = Annotated[str, Meta(pattern="^/")]
_Day = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]
_Percent = Annotated[int, Meta(ge=0, le=100)] | Annotated[float, Meta(ge=0, le=100)]
_Count = Annotated[int, Meta(ge=0)] | Annotated[float, Meta(ge=0, multiple_of=1)]
"""A whole number; 1.0 is one too, as in JSON Schema."""


class _Spec(Struct, forbid_unknown_fields=True, rename="camel"):
    """Part of a manifest; a key that is not there is UNSET, so that null is refused."""


class _Exclusive(_Spec):
    only: Annotated[list[_Text], Meta(min_length=1)]


class _Promote(_Spec):
    min_confidence: _Percent


class _AITags(_Spec):
    remove: list[_Text] | Literal["all"] | UnsetType = UNSET
    min_confidence: _Percent | UnsetType = UNSET
    keep: list[_Text] | UnsetType = UNSET
    source: AutoTagger | UnsetType = UNSET
    promote: _Promote | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.remove == "all" and self.min_confidence is not UNSET:
            raise ValueError("minConfidence beside remove: all")
        if all(getattr(self, name) is UNSET for name in self.__struct_fields__):
            raise ValueError("empty")


class _Expect(_Spec):
    min: _Count | UnsetType = UNSET
    max: _Count | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.min is UNSET and self.max is UNSET:
            raise ValueError("empty")


class _Defaults(_Spec):
    tags: list[str] | UnsetType = UNSET
    absent: list[_Text] | UnsetType = UNSET
    exclusive: bool | _Exclusive | UnsetType = UNSET
    ai_tags: _AITags | UnsetType = UNSET
    if_missing: Leniency | UnsetType = UNSET
    if_over_limit: Leniency | UnsetType = UNSET


class _Entry(_Defaults):
    path: _Path | UnsetType = UNSET
    file_id: _Text | UnsetType = UNSET
    match: _Path | UnsetType = UNSET
    query: _Text | UnsetType = UNSET
    excepts: list[_Path] | UnsetType = field(default=UNSET, name="except")
    expect: _Expect | UnsetType = UNSET
    until: _Day | UnsetType = UNSET

    def __post_init__(self) -> None:
        named = (self.path is not UNSET) + (self.file_id is not UNSET)
        matches = self.match is not UNSET or self.query is not UNSET
        if named + matches != 1:
            raise ValueError("not exactly one selector")
        if named and (self.excepts is not UNSET or self.expect is not UNSET):
            raise ValueError("except or expect without match or query")
        if self.until is not UNSET and self.tags is UNSET:
            raise ValueError("until without tags")


def entry_of(tree: object, place: int) -> tuple[Selector, Declaration] | None:
    """Return what an entry selects and declares, without its document's defaults.

    Args:
        tree: the entry as it was read.
        place: where it starts, packed.

    Returns:
        None if it is not valid. Its tags are not checked: see `are_plain_tags`.
    """
    try:
        spec = convert(tree, _Entry)
    except ValidationError:
        return None
    assert isinstance(tree, Map)  # noqa: S101 - nothing else converts; tells mypy
    base = place >> 32 << 32
    declaration = _declaration(spec, tree, lambda at: at - base)
    if spec.expect or spec.until:
        expect = spec.expect or None
        figures = expect and Expectation(tree.places["expect"] - base, expect.min or 0, _or_none(expect.max))
        declaration = declaration._replace(expect=figures, until=spec.until or None)
    return _selector(spec), declaration._replace(column=place - base)


def defaults_of(tree: Map) -> Declaration:
    """Return what valid defaults declare."""
    return _declaration(convert(tree, _Defaults), tree, invert)


def are_plain_tags(texts: Iterable[str]) -> bool:
    """Tell whether texts are beyond doubt valid tags; of others the schema has to tell."""
    return all(map(_is_plain_tag, texts))


@lru_cache(maxsize=1 << 16)
def _is_plain_tag(text: str) -> bool:
    # Printable text holds no control, bidi or white-space character but the space.
    return text.isprintable() and is_declarable(text)


def with_defaults(own: Declaration, defaults: Declaration, as_of: str | None = None) -> Declaration:
    """Merge a document's defaults into an entry's declaration: lists unite, other values are replaced.

    Args:
        own: what the entry says itself.
        defaults: what its document says for all of them.
        as_of: the day on which `until` is evaluated; None to let nothing expire.
    """
    column, tags, absent, exclusive, rule, if_missing, if_over_limit, expect, until, _ = own
    is_over = until is not None and as_of is not None and until <= as_of
    return Declaration(
        column,
        defaults.tags if is_over else defaults.tags.followed_by(tags),
        defaults.absent.followed_by(absent) if absent.values else defaults.absent,
        _merged_exclusive(defaults.exclusive, exclusive) if exclusive or defaults.exclusive else None,
        _merged_ai_rule(defaults.ai_rule, rule) if rule else defaults.ai_rule,
        if_missing or defaults.if_missing,
        if_over_limit or defaults.if_over_limit,
        expect,
        until,
        tags if is_over else NO_TEXTS,
    )


def _declaration(spec: _Defaults, tree: Map, place_of: Callable[[int], int]) -> Declaration:
    def texts(parent: Map, key: str) -> Texts:
        listed = parent.get(key)
        return Texts(tuple(listed), tuple(map(place_of, listed.places))) if listed else NO_TEXTS

    exclusive = rule = None
    if isinstance(spec.exclusive, _Exclusive):
        exclusive = Exclusive(place_of(tree.places["exclusive"]), texts(tree["exclusive"], "only"))
    elif spec.exclusive is not UNSET:
        exclusive = Exclusive(place_of(tree.places["exclusive"]), None if spec.exclusive else NO_TEXTS)
    if spec.ai_tags:
        rule = AIRule(
            place=place_of(tree.places["aiTags"]),
            remove=NO_TEXTS if spec.ai_tags.remove == "all" else texts(tree["aiTags"], "remove"),
            remove_all=spec.ai_tags.remove == "all",
            min_confidence=_or_none(spec.ai_tags.min_confidence),
            keep=texts(tree["aiTags"], "keep"),
            source=spec.ai_tags.source or None,
            promote=spec.ai_tags.promote.min_confidence if spec.ai_tags.promote else None,
        )
    return Declaration(
        tags=texts(tree, "tags"),
        absent=texts(tree, "absent"),
        exclusive=exclusive,
        ai_rule=rule,
        if_missing=spec.if_missing or None,
        if_over_limit=spec.if_over_limit or None,
    )


def _or_none(number: float | UnsetType) -> int | float | None:
    return None if number is UNSET else number


def _selector(spec: _Entry) -> Selector:
    if spec.path:
        return ByPath(spec.path)
    if spec.file_id:
        return ById(spec.file_id)
    return ByMatch(spec.match or None, spec.query or None, tuple(spec.excepts or ()))


def _is_off(exclusive: Exclusive | None) -> bool:
    """Tell whether this is `exclusive: false`, which is kept as "exclusive over no tags" until defaults are merged."""
    return exclusive is not None and exclusive.only == NO_TEXTS


def _merged_exclusive(default: Exclusive | None, own: Exclusive | None) -> Exclusive | None:
    if own is None or _is_off(own):
        return None if own or _is_off(default) else default
    if default is None or default.only is None or own.only is None:
        return own
    return Exclusive(own.place, default.only.followed_by(own.only))


def _merged_ai_rule(default: AIRule | None, own: AIRule) -> AIRule:
    """Merge two rules. An entry's `remove: all` and `minConfidence` displace each other's default."""
    if default is None:
        return own
    own_confidence = own.min_confidence is not None
    remove_all = own.remove_all or (default.remove_all and not own.remove.values and not own_confidence)
    min_confidence = own.min_confidence if own_confidence else default.min_confidence
    return AIRule(
        place=own.place,
        remove=NO_TEXTS if remove_all else default.remove.followed_by(own.remove),
        remove_all=remove_all,
        min_confidence=None if remove_all else min_confidence,
        keep=default.keep.followed_by(own.keep),
        source=own.source or default.source,
        promote=default.promote if own.promote is None else own.promote,
    )
