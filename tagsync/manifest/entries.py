"""Check entries by type, and turn entries and defaults into declarations; `schema` explains what is refused here.

These types repeat the JSON Schema, because checking with msgspec is hundreds of times faster. A property test compares
them.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from operator import invert
from typing import Annotated, Any, Literal

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
_Day = Annotated[str, Meta(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
_Percent = Annotated[int, Meta(ge=0, le=100)] | Annotated[float, Meta(ge=0, le=100)]
_Count = Annotated[int, Meta(ge=0)] | Annotated[float, Meta(ge=0, multiple_of=1)]
"""A whole number; as in JSON Schema, 1.0 is one."""


class _Spec(Struct, forbid_unknown_fields=True, rename="camel"):
    """A part of a manifest. Missing keys are UNSET, so that null is refused."""


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
            raise ValueError("minConfidence with remove: all")
        if all(getattr(self, name) is UNSET for name in self.__struct_fields__):
            raise ValueError("empty")


class _Expect(_Spec):
    min: _Count | UnsetType = UNSET
    max: _Count | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.min is UNSET and self.max is UNSET:
            raise ValueError("empty")


class _Entry(_Spec):
    path: _Path | UnsetType = UNSET
    file_id: _Text | UnsetType = UNSET
    match: _Path | UnsetType = UNSET
    query: _Text | UnsetType = UNSET
    excepts: list[_Path] | UnsetType = field(default=UNSET, name="except")
    tags: list[str] | UnsetType = UNSET
    absent: list[_Text] | UnsetType = UNSET
    exclusive: bool | _Exclusive | UnsetType = UNSET
    ai_tags: _AITags | UnsetType = UNSET
    if_missing: Leniency | UnsetType = UNSET
    if_over_limit: Leniency | UnsetType = UNSET
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


def entry_of(tree: Any, place: int) -> tuple[Selector, Declaration] | None:
    """Return an entry's selector and declaration, without its document's defaults.

    Args:
        tree: the entry as it was read.
        place: where it starts, packed.

    Returns:
        None if it is invalid. Tags are not checked: see `are_plain_tags`.
    """
    try:
        convert(tree, _Entry)
    except ValidationError:
        return None
    base = place >> 32 << 32
    declaration = _declaration(tree, lambda at: at - base, place - base)
    if "path" in tree:
        return ByPath(tree["path"]), declaration
    if "fileId" in tree:
        return ById(tree["fileId"]), declaration
    return ByMatch(tree.get("match"), tree.get("query"), tuple(tree.get("except", ()))), declaration


def defaults_of(tree: Map) -> Declaration:
    """Return the declaration of a document's valid defaults."""
    return _declaration(tree, invert)


def are_plain_tags(texts: Iterable[str]) -> bool:
    """Return whether texts are certainly valid tags; if not, the schema decides."""
    return all(map(_is_plain_tag, texts))


@lru_cache(maxsize=1 << 16)
def _is_plain_tag(text: str) -> bool:
    # Printable text has no control, bidi or white-space characters except the space.
    return text.isprintable() and is_declarable(text)


def with_defaults(own: Declaration, defaults: Declaration, as_of: str | None = None) -> Declaration:
    """Merge a document's defaults into an entry's declaration: lists are joined, other values are replaced.

    Args:
        own: the entry's own declaration.
        defaults: the document's defaults.
        as_of: the day on which `until` is evaluated; None if nothing expires.
    """
    column, tags, absent, exclusive, rule, if_missing, if_over_limit, expect, until, _ = own
    is_over = until is not None and as_of is not None and until <= as_of
    if defaults is NO_DEFAULTS and not exclusive and not is_over:
        return own  # the common case; `exclusive: false` still needs merging
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


def _declaration(tree: Map, place_of: Callable[[int], int], column: int = 0) -> Declaration:
    def texts(parent: Map, key: str) -> Texts:
        listed = parent.get(key)
        return Texts(tuple(listed), tuple(map(place_of, listed.places))) if listed else NO_TEXTS

    exclusive, rule, expect = tree.get("exclusive"), tree.get("aiTags"), tree.get("expect")
    if exclusive is not None:
        only = texts(exclusive, "only") if isinstance(exclusive, Map) else None if exclusive else NO_TEXTS
        exclusive = Exclusive(place_of(tree.places["exclusive"]), only)
    if rule is not None:
        removes_all = rule.get("remove") == "all"
        rule = AIRule(
            place=place_of(tree.places["aiTags"]),
            remove=NO_TEXTS if removes_all else texts(rule, "remove"),
            remove_all=removes_all,
            min_confidence=rule.get("minConfidence"),
            keep=texts(rule, "keep"),
            source=rule.get("source"),
            promote=rule["promote"]["minConfidence"] if "promote" in rule else None,
        )
    if expect is not None:
        expect = Expectation(place_of(tree.places["expect"]), expect.get("min", 0), expect.get("max"))
    return Declaration(
        column,
        texts(tree, "tags"),
        texts(tree, "absent"),
        exclusive,
        rule,
        tree.get("ifMissing"),
        tree.get("ifOverLimit"),
        expect,
        tree.get("until"),
    )


def _is_off(exclusive: Exclusive | None) -> bool:
    """Return whether this is `exclusive: false`, which is kept as "exclusive over no tags" until defaults merge."""
    return exclusive is not None and exclusive.only == NO_TEXTS


def _merged_exclusive(default: Exclusive | None, own: Exclusive | None) -> Exclusive | None:
    # `false` switches the default off, `true` replaces it, and two lists are joined.
    if own is None or _is_off(own):
        return None if own or _is_off(default) else default
    if default is None or default.only is None or own.only is None:
        return own
    return Exclusive(own.place, default.only.followed_by(own.only))


def _merged_ai_rule(default: AIRule | None, own: AIRule) -> AIRule:
    """Merge two rules. An entry's `remove: all` and `minConfidence` replace each other in the defaults."""
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
