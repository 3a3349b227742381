"""Valid trees to declared entries, and defaults merged into them; faults are found elsewhere."""

from dataclasses import replace
from typing import Any

from tagsync.manifest.tree import Map
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

NO_WISHES = Wishes()


def wishes_of(tree: Map) -> Wishes:
    """Return what an entry or a document's defaults declare."""
    return Wishes(
        tags=_texts(tree, "tags"),
        absent=_texts(tree, "absent"),
        exclusive=_exclusive(tree),
        ai_rule=_ai_rule(tree),
        if_missing=tree.get("ifMissing"),
        if_over_limit=tree.get("ifOverLimit"),
    )


def entry_of(tree: Map, manifest: str, place: int) -> Entry:
    """Return a valid entry, without its document's defaults."""
    expect = tree.get("expect")
    return Entry(
        manifest=manifest,
        place=place,
        selector=_selector(tree),
        wishes=wishes_of(tree),
        expect=expect and Expectation(tree.places["expect"], expect.get("min", 0), expect.get("max")),
    )


def with_defaults(entry: Entry, defaults: Wishes) -> Entry:
    """Merge defaults into an entry: lists unite, other values are replaced by the entry's own."""
    if defaults is NO_WISHES:
        return entry
    own = entry.wishes
    wishes = Wishes(
        tags=defaults.tags + own.tags,
        absent=defaults.absent + own.absent,
        exclusive=_merged_exclusive(defaults.exclusive, own.exclusive),
        ai_rule=_merged_ai_rule(defaults.ai_rule, own.ai_rule),
        if_missing=own.if_missing or defaults.if_missing,
        if_over_limit=own.if_over_limit or defaults.if_over_limit,
    )
    return Entry(entry.manifest, entry.place, entry.selector, wishes, entry.expect)


def declares_something(wishes: Wishes) -> bool:
    """Tell whether wishes ask for anything at all."""
    if wishes.tags.values or wishes.absent.values:
        return True
    exclusive, rule = wishes.exclusive, wishes.ai_rule
    if exclusive is not None and not _is_off(exclusive):
        return True
    if rule is None:
        return False
    judges = rule.remove_all or rule.min_confidence is not None or rule.promote is not None
    return judges or bool(rule.remove.values or rule.keep.values)


def places_of(wishes: Wishes) -> set[int]:
    """Return the places of what wishes list."""
    exclusive = wishes.exclusive
    only = exclusive.only if exclusive else None
    rule = wishes.ai_rule
    named = (*rule.remove.places, *rule.keep.places) if rule else ()
    return {*wishes.tags.places, *wishes.absent.places, *(only.places if only else ()), *named}


def expired(entry: Entry, own: Texts) -> Entry:
    """Return an entry whose day has come: its own tags are to be absent, those of its document's defaults stay."""
    wishes = entry.wishes
    inherited = len(wishes.tags.values) - len(own.values)
    tags = Texts(wishes.tags.values[:inherited], wishes.tags.places[:inherited])
    return replace(entry, wishes=replace(wishes, tags=tags, expired=own))


def settled(entry: Entry) -> Entry:
    """Drop an `exclusive: false`, whose only use is to override a default."""
    exclusive = entry.wishes.exclusive
    if exclusive is None or not _is_off(exclusive):
        return entry
    return replace(entry, wishes=replace(entry.wishes, exclusive=None))


def _is_off(exclusive: Exclusive) -> bool:
    """`exclusive: false` is kept as "exclusive over no tags" until defaults are merged."""
    return exclusive.only == NO_TEXTS


def _texts(tree: Map, key: str) -> Texts:
    seq = tree.get(key)
    return Texts(tuple(seq), tuple(seq.places)) if seq else NO_TEXTS


def _selector(tree: Map) -> ByPath | ById | ByMatch:
    if "path" in tree:
        return ByPath(tree["path"])
    if "fileId" in tree:
        return ById(tree["fileId"])
    return ByMatch(tree.get("match"), tree.get("query"), tuple(tree.get("except", ())))


def _exclusive(tree: Map) -> Exclusive | None:
    value: Any = tree.get("exclusive")
    if value is None:
        return None
    place = tree.places["exclusive"]
    if isinstance(value, Map):
        return Exclusive(place, _texts(value, "only"))
    return Exclusive(place, None if value else NO_TEXTS)


def _merged_exclusive(default: Exclusive | None, own: Exclusive | None) -> Exclusive | None:
    if default is None or own is None:
        return own or default
    if default.only is None or own.only is None or _is_off(own):
        return own
    return Exclusive(own.place, default.only + own.only)


def _ai_rule(tree: Map) -> AIRule | None:
    value: Map | None = tree.get("aiTags")
    if value is None:
        return None
    removes_all = value.get("remove") == "all"
    return AIRule(
        place=tree.places["aiTags"],
        remove=NO_TEXTS if removes_all else _texts(value, "remove"),
        remove_all=removes_all,
        min_confidence=value.get("minConfidence"),
        keep=_texts(value, "keep"),
        source=value.get("source"),
        promote=value["promote"]["minConfidence"] if "promote" in value else None,
    )


def _merged_ai_rule(default: AIRule | None, own: AIRule | None) -> AIRule | None:
    """Merge two rules. An entry's `remove: all` and `minConfidence` displace each other's default."""
    if default is None or own is None:
        return own or default
    own_confidence = own.min_confidence is not None
    remove_all = own.remove_all or (default.remove_all and not own.remove.values and not own_confidence)
    min_confidence = own.min_confidence if own_confidence else default.min_confidence
    return AIRule(
        place=own.place,
        remove=NO_TEXTS if remove_all else default.remove + own.remove,
        remove_all=remove_all,
        min_confidence=None if remove_all else min_confidence,
        keep=default.keep + own.keep,
        source=own.source or default.source,
        promote=default.promote if own.promote is None else own.promote,
    )
