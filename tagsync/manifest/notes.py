"""What is valid in a manifest and may still mean something else than its author thinks: warnings and notices."""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tagsync.escape import quoted
from tagsync.manifest.tree import Map, Seq
from tagsync.model import ByMatch, Entry, Level, Texts


class Note(NamedTuple):
    """A warning or notice without its place: the same about many entries is said once, at the first of them."""

    level: Level
    code: str
    message: str


Noted = dict[Note, int]
"""Notes and the packed places where they apply first."""

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_ASKS_FOR_TAGS = re.compile(r"(?<![\w.])tags\b\s*(?:NOT\s+)?(?:IN|HAS|EXISTS)\b|\bEXISTS\s+tags\b", re.IGNORECASE)

_OF_QUERY = Note(
    "info",
    "query-tags",
    "a condition on tags also matches AI tags: check that this query is meant to select files that have the tag only "
    "from auto-tagging",
)


def notes_of(entry: Entry) -> Iterator[tuple[Note, int]]:
    """Yield notes about an entry whose defaults are merged in, each with its packed place."""
    wishes = entry.wishes
    for tag, place in _where(",", wishes.tags):
        yield _of_comma(tag), place
    for tag, place in _where("*", wishes.absent):
        words = "to remove tags by a glob, use exclusive: {only: [...]}"
        yield _of_wildcard("absent", tag, words), place
    selector = entry.selector
    if isinstance(selector, ByMatch) and selector.query and _asks_for_tags(selector.query):
        yield _OF_QUERY, entry.place


def notes_of_vocabulary(spec: Map) -> Iterator[tuple[Note, int]]:
    """Yield notes about a valid vocabulary."""
    for key in ("allowed", "forbidden"):
        words: Seq = spec.get(key, Seq())
        for word, place in _where("*", Texts(tuple(words), tuple(words.places))):
            yield _of_wildcard(key, word, "write out each tag"), place
    renames: Map = spec.get("renames", Map())
    places: Mapping[str, int] = renames.key_places
    for old in renames:
        if "*" in old:
            yield _of_wildcard("renames", old, "write out each tag"), places[old]


def _where(character: str, texts: Texts) -> Iterator[tuple[str, int]]:
    """Yield the texts that contain a character, with their places."""
    if character in "".join(texts.values):
        for text, place in zip(texts.values, texts.places, strict=True):
            if character in text:
                yield text, place


def _of_comma(tag: str) -> Note:
    message = f"the tag {quoted(tag)} holds a comma: it cannot be set through upload forms, which split there"
    return Note("warning", "comma", message)


def _of_wildcard(key: str, name: str, fix: str) -> Note:
    message = f"{quoted(name)} in {key} means a tag of exactly this name, * is no wildcard there: {fix}"
    return Note("warning", "wildcard", message)


def _asks_for_tags(query: str) -> bool:
    """Tell whether a query has a condition on `tags`, whose name may stand between quotation marks."""
    return _ASKS_FOR_TAGS.search(_STRING.sub(lambda found: "tags" if found[0] == '"tags"' else '""', query)) is not None
