"""What a schema cannot say of an entry: globs, spellings, contradictions, the 500 characters."""

from collections.abc import Iterator
from typing import NamedTuple

from tagsync.escape import quoted
from tagsync.globs import glob_fault
from tagsync.manifest.entries import declares_something
from tagsync.model import (
    MAX_TAG_CHARACTERS,
    AIRule,
    ByMatch,
    Entry,
    Texts,
    is_stream_safe,
    joined_length,
    normalized,
)
from tagsync.model.texts import MAX_MARKS


class Fault(NamedTuple):
    """Something that is wrong with an entry, at a packed place."""

    place: int
    code: str
    message: str


def faults_of(entry: Entry) -> Iterator[Fault]:
    """Yield what is wrong with an entry whose defaults are merged in."""
    wishes = entry.wishes
    if isinstance(entry.selector, ByMatch):
        yield from _selector_faults(entry, entry.selector)
    if wishes.exclusive and wishes.exclusive.only:
        yield from _only_faults(wishes.exclusive.only)
    if wishes.ai_rule:
        yield from _name_faults(wishes.ai_rule)
    if not declares_something(wishes):
        yield Fault(
            entry.place,
            "declares-nothing",
            "this entry declares nothing: give it tags, absent, exclusive or aiTags",
        )
    yield from _mark_faults(wishes.tags)
    yield from _mark_faults(wishes.absent)
    if not wishes.tags.values:
        return
    yield from _spelling_faults(entry, wishes.tags)
    if wishes.absent.values:
        yield from _contradictions(entry)
    length = _characters(wishes.tags)
    if length > MAX_TAG_CHARACTERS and wishes.if_over_limit in (None, "error"):
        yield Fault(
            entry.place,
            "over-limit",
            f"its tags are {length} characters together; ImageKit allows {MAX_TAG_CHARACTERS} on one file: "
            "declare fewer or shorter ones, or set ifOverLimit",
        )


def is_near_limit(entry: Entry) -> bool:
    """Tell whether an entry's tags keep within the 500 characters only if the commas between them do not count."""
    tags = entry.wishes.tags
    length = _characters(tags)
    return length <= MAX_TAG_CHARACTERS < joined_length(len(set(tags.values)), length)


def _characters(tags: Texts) -> int:
    return sum(map(len, set(tags.values)))


def _selector_faults(entry: Entry, selector: ByMatch) -> Iterator[Fault]:
    for pattern in (*([selector.glob] if selector.glob else []), *selector.excepts):
        if fault := glob_fault(pattern):
            yield Fault(entry.place, "glob", f"the glob {quoted(pattern)} cannot be read: {fault}")
    expect = entry.expect
    if expect and expect.max is not None and expect.min > expect.max:
        yield Fault(expect.place, "range", f"min {expect.min} is more than max {expect.max}: swap them")


def _only_faults(only: Texts) -> Iterator[Fault]:
    for pattern, place in zip(only.values, only.places, strict=True):
        if fault := glob_fault(pattern):
            yield Fault(place, "glob", f"the glob {quoted(pattern)} cannot be read: {fault}")


def _name_faults(rule: AIRule) -> Iterator[Fault]:
    """Names of AI tags are words: one with a star, or `all`, is meant for something else, and removals are for good."""
    for key, texts, fix in (
        ("remove", rule.remove, "write remove: all to remove every AI tag, or name each one"),
        ("keep", rule.keep, "name each AI tag that stays"),
    ):
        for name, place in zip(texts.values, texts.places, strict=True):
            if name.casefold() == "all" or "*" in name:
                yield Fault(place, "wildcard", f"{quoted(name)} in {key} means an AI tag of exactly this name: {fix}")


def _mark_faults(tags: Texts) -> Iterator[Fault]:
    for tag, place in zip(tags.values, tags.places, strict=True):
        if not is_stream_safe(tag):
            words = f"the tag {quoted(tag)} has more than {MAX_MARKS} combining marks in a row: take some of them out"
            yield Fault(place, "marks", words)


def _spelling_faults(entry: Entry, tags: Texts) -> Iterator[Fault]:
    """Two spellings of one tag: equal under NFC, but not the same characters."""
    if all(map(str.isascii, tags.values)):
        return
    first: dict[str, tuple[str, int]] = {}
    for tag, place in zip(tags.values, tags.places, strict=True):
        seen, at = first.setdefault(normalized(tag), (tag, place))
        if seen != tag:
            yield Fault(
                place,
                "two-spellings",
                f"the tag {quoted(tag)} stands at {entry.origin(at)} in another spelling (equal under Unicode NFC): "
                "write both the same way",
            )


def _contradictions(entry: Entry) -> Iterator[Fault]:
    tags, absent = entry.wishes.tags, entry.wishes.absent
    declared = {normalized(tag): place for tag, place in zip(tags.values, tags.places, strict=True)}
    for tag, place in zip(absent.values, absent.places, strict=True):
        at = declared.get(normalized(tag))
        if at is not None:
            yield Fault(
                place,
                "conflict",
                f"{quoted(tag)} is to be absent here and present at {entry.origin(at)}: take one of them out",
            )
