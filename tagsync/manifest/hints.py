"""Suggest what the author of a manifest may have meant: another key, or another form of a value."""

import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any

from tagsync.escape import shown
from tagsync.manifest.yaml import Map, resolve

_ENDPOINT = (
    "tagsync.yaml cannot set the endpoint, because it receives the key and anyone who opens a pull request can edit "
    "this file: use --endpoint or TAGSYNC_ENDPOINT"
)

_SYNONYMS = {
    "except": ("exclude", "excludes", "excluding", "excluded", "without", "not", "ignore", "skip", "unless"),
    "absent": ("remove", "removes", "removetags", "delete", "untag", "forbid"),
    "tags": ("add", "adds", "addtags", "tag", "label", "labels"),
    "aiTags.minConfidence": ("confidence", "minconfidence", "threshold"),
    "match": ("paths", "glob", "globs", "pattern", "patterns", "include", "includes", "folder", "files"),
    "files": ("rules", "entries", "items"),
}
"""Words of other tools for each key. Words and keys are compared without case, `_` and `-`."""

_KEY_OF = {word: key for key, words in _SYNONYMS.items() for word in words}

_DESTRUCTIVE = frozenset({"exclusive", "removeForbidden"})
"""Keys that remove tags which the rule does not name: a wrong guess at one of these loses data."""

_MOST_KEYS = 6
_PLAIN_ITEM = re.compile(r"[A-Za-z/][\w/*.\- ]*")


def key_hint(key: str, known: Collection[str]) -> str:
    """Return what an unknown key may mean, or the known keys."""
    if key == "endpoint" and "policy" in known:
        return _ENDPOINT
    match similar_key(key, known):
        case (parent, name):
            return f"did you mean {name!r} in {parent!r}?"
        case (name,):
            return f"did you mean {name!r}?"
    return f"known keys: {', '.join(known)}"


def synonym(key: str, known: Collection[str]) -> tuple[str, ...]:
    """Return the known key that is spelled a little differently or that other tools call so, after its parent's."""
    word = _folded(key)
    for name in known:
        if _folded(name) == word:
            return (name,)
    parent, _, name = _KEY_OF.get(word, "").rpartition(".")
    # In aiTags itself, the parent is not needed.
    if name and name in known:
        return (name,)
    return (parent, name) if parent and parent in known else ()


def similar_key(key: str, known: Collection[str]) -> tuple[str, ...]:
    """Return the known key that an unknown one may mean, after its parent's; () if none is similar."""
    if found := synonym(key, known):
        return found
    word, by_word = _folded(key), {_folded(name): name for name in known}
    likely = [each for each in by_word if by_word[each] not in _DESTRUCTIVE or _is_one_edit(word, each)]
    return tuple(by_word[each] for each in get_close_matches(word, likely, n=1))


def _folded(key: str) -> str:
    return key.replace("_", "").replace("-", "").lower()


def _is_one_edit(one: str, other: str) -> bool:
    """Return whether a letter more, less or changed, or two swapped letters, make one word the other."""
    while one and other and one[0] == other[0]:
        one, other = one[1:], other[1:]
    while one and other and one[-1] == other[-1]:
        one, other = one[:-1], other[:-1]
    return max(len(one), len(other)) <= 1 or (len(one) == 2 and one == other[::-1])  # noqa: PLR2004 - a pair


def list_hint(name: str, value: Any) -> str:
    """Return how to write a list, for a value that is none; "" if nothing useful can be said."""
    if name == "files":
        return ", so start each rule with a dash"
    if text := unquoted_placeholder(value):
        return f', so write {name}: ["{text}"]'
    if not isinstance(value, str):
        return ""
    items = [item.strip() for item in value.split(",") if item.strip()]
    if items and len(value) <= 60 and all(map(_is_plain, items)):  # noqa: PLR2004 - what fits into a message
        return f", so write {name}: [{', '.join(items)}]"
    return f", so write {name}: [...]"


def mapping_hint(name: str, value: Any, schema: Mapping[str, Any]) -> str:
    """Return how to write a mapping, for a value that is none; "" if nothing useful can be said."""
    known = schema.get("properties", {})
    if name == "spec" and "files" in known and isinstance(value, list):
        return ", so put the rules under spec: files:"
    return f" with {' or '.join(sorted(known))}" if 0 < len(known) <= _MOST_KEYS else ""


def unquoted_placeholder(value: Any) -> str | None:
    """Return a placeholder that YAML reads as a mapping because it has no quotation marks; None if it is none."""
    if isinstance(value, Map) and len(value) == 1:
        key, content = next(iter(value.items()))
        if content is None and key:
            return f"{{{shown(key, 60)}}}"
    return None


def _is_plain(text: str) -> bool:
    """Return whether YAML reads a text without quotation marks as this text."""
    return _PLAIN_ITEM.fullmatch(text) is not None and isinstance(resolve(text), str)
