"""Suggest what the author of a manifest may have meant: another key, or another form of a value."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from tagsync.escape import shown
from tagsync.manifest.yaml import Map, Seq, resolve

_NOT_IN_CONFIG = {
    "endpoint": (
        "tagsync.yaml cannot set the endpoint, because it receives the key and anyone who opens a pull request can "
        "edit this file: use --endpoint or TAGSYNC_ENDPOINT"
    ),
    "spec": "tagsync.yaml has no spec: write the keys below it at the top level",
}

_SYNONYMS = {
    "except": ("exclude", "excludes", "excluding", "excluded", "without", "not", "ignore", "skip", "unless"),
    "absent": ("remove", "removes", "removetags", "delete", "untag", "forbid"),
    "tags": ("add", "adds", "addtags", "tag", "label", "labels"),
    "aiTags.minConfidence": ("confidence", "minconfidence", "threshold"),
    "match": ("paths", "glob", "globs", "pattern", "patterns", "include", "includes", "folder", "files"),
    "spec.files": ("rules", "entries", "items"),
}
"""Words of other tools for each key. Words and keys are compared without case, `_` and `-`."""

_KEY_OF = {word: key for key, words in _SYNONYMS.items() for word in words}

_DESTRUCTIVE = frozenset({"exclusive", "removeForbidden"})
"""Keys that remove tags which the rule does not name: a wrong guess at one of these loses data."""

_ONLY_IN_RULES = frozenset({"path", "fileId", "match", "query", "except", "expect", "until"})
_EXAMPLES = {
    "renames": "{old: new}",
    "guards": "{removedTags: {percent: 30}}",
    "values": "{category: {tees: t-shirts}}",
    "environments": "{production: {account: shop-production}}",
}
"""Examples of mappings whose keys users choose, or that contain mappings."""

_MOST_KEYS = 6
_MOST_FORMS = 2
_MOST_CHARACTERS = 60
"""The longest value that fits into a message."""

_PLAIN_ITEM = re.compile(r"[A-Za-z/][\w/*.\- ]*")
_NO_SPACE = re.compile(r"[A-Za-z]+:(?=\S)")
_NUMBER = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*%?\s*")
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}")
_TRUE, _FALSE = frozenset({"y", "yes", "on", "true"}), frozenset({"n", "no", "off", "false"})


def key_hint(key: str, known: Collection[str]) -> str:
    """Return what an unknown key may mean, or the known keys."""
    if "policy" in known and key in _NOT_IN_CONFIG:
        return _NOT_IN_CONFIG[key]
    if key in _ONLY_IN_RULES and "tags" in known:
        return "defaults apply to all rules: write it in each rule instead"
    if key.isdecimal():
        return "a comma separates keys: write decimals with a point, as in 0.7"
    match similar_key(key, known):
        case (parent, name):
            return f"did you mean {parent}: {{{name}: ...}}?"
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


def not_text(text: str) -> str:
    """Return the message about an unquoted scalar that versions of YAML do not read as text.

    Args:
        text: the scalar, not empty.
    """
    word = shown(text, 60)
    return f'YAML reads {word} as {_reading(text)}, not as text: quote it, "{word}"'


def _reading(text: str) -> str:
    word = text.lower()
    if word in _TRUE or word in _FALSE:
        return "true" if word in _TRUE else "false"
    if word in ("~", "null"):
        return "an empty value"
    if text in ("=", "<<"):
        return "a special key"
    return "a date" if _DATE.match(text) else "a number"


def text_hint(name: str, value: Any, *, is_item: bool) -> str:
    """Return how to write a text, for a list or mapping; "" if nothing useful can be said."""
    if isinstance(value, Seq):
        if is_item:
            return ", so remove the inner brackets"
        if name in _ONLY_IN_RULES:
            return ", so write one rule for each"
        item = _flow(value[0]) if len(value) == 1 else ""
        return f", so write {name}: {item}" if item and isinstance(value[0], str) else ""
    return ", so put it in quotation marks" if isinstance(value, Map) else ""


def unquoted_text(value: Any, place: int, written: Mapping[int, str]) -> str | None:
    """Return a text that YAML reads as a mapping because it has no quotation marks; None if it is none.

    Args:
        value: the value.
        place: where it starts.
        written: the source text of unquoted scalars that are not text, by place.
    """
    if not isinstance(value, Map) or len(value) != 1:
        return None
    [(key, content)] = value.items()
    in_braces = value.key_places[key] != place
    if content is None and key and in_braces:
        return f"{{{shown(key, 60)}}}"
    text = content if isinstance(content, str) else written.get(value.places[key])
    if text is None or in_braces or '"' in key + text:
        return None
    return shown(f"{key}: {text}".rstrip(), 60)


def list_hint(name: str, value: Any, place: int, written: Mapping[int, str]) -> str:
    """Return how to write a list, for a value that is none; see `unquoted_text` for the arguments."""
    if name == "files":
        return ", so start each rule with a dash"
    if value is None:
        return ", so add an item, or remove the key"
    if text := unquoted_text(value, place, written) or written.get(place):
        return f', so write {name}: ["{shown(text, 60)}"]'
    items = [item.strip() for item in value.strip("[] ").split(",")] if isinstance(value, str) else []
    listed = _flow(list(filter(None, items)))
    return f", so write {name}: {listed or '[...]'}"


def number_hint(name: str, value: Any) -> str:
    """Return how to write a number, for a text; "" if it contains none."""
    found = _NUMBER.fullmatch(value) if isinstance(value, str) else None
    return f", so write {name}: {found[1]}" if found else ""


def boolean_hint(name: str, text: str) -> str:
    """Return how to write true or false, for another word; "" if it is none."""
    if text.lower() in _TRUE | _FALSE:
        return f", so write {name}: {'true' if text.lower() in _TRUE else 'false'}"
    return ""


def mapping_hint(
    name: str, value: Any, schema: Mapping[str, Any], written: str | None, accepts: Callable[[Any], bool]
) -> str:
    """Return how to write a mapping, for a value that is none; "" if nothing useful can be said.

    Args:
        name: the key.
        value: its value.
        schema: the schema of the mapping.
        written: the value as the manifest has it, if it is no text.
        accepts: returns whether the schema accepts a mapping.
    """
    known = schema.get("properties", {})
    if isinstance(value, str) and (found := _NO_SPACE.match(value)):
        return f", so write a space after {found[0]}"
    if "files" in known and isinstance(value, list):
        return ", so put the rules under spec: files:"
    if "match" in known:
        return ", so start it with path, fileId, match or query"
    if isinstance(schema.get("additionalProperties"), Mapping) or name in _EXAMPLES:
        return f", as in {name}: {_EXAMPLES.get(name, '{tees: t-shirts}')}"
    return _forms(name, value, written, accepts, known) if 0 < len(known) <= _MOST_KEYS else ""


def _forms(name: str, value: Any, written: str | None, accepts: Callable[[Any], bool], known: Collection[str]) -> str:
    """Return the mappings with one key that a value may be meant as, or else the keys."""
    for each in (value, [value]) if isinstance(value, str) else (value,):
        content = _flow(each) or written
        forms = [f"{name}: {{{key}: {content}}}" for key in known if content and accepts({key: each})]
        if forms:
            return f", as in {' or '.join(forms[:_MOST_FORMS])}"
    return f" with {listed(sorted(known))}"


def listed(words: Sequence[str]) -> str:
    """Return words as an alternative: a, b or c."""
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _flow(value: Any) -> str:
    """Return a text, or a list of texts in brackets, as YAML; "" if it needs quotation marks or is too long."""
    if isinstance(value, list):
        text = ", ".join(value) if value and all(isinstance(item, str) and _is_plain(item) for item in value) else ""
        return f"[{text}]" if 0 < len(text) <= _MOST_CHARACTERS else ""
    return value if isinstance(value, str) and len(value) <= _MOST_CHARACTERS and _is_plain(value) else ""


def _is_plain(text: str) -> bool:
    """Return whether YAML reads a text without quotation marks as this text."""
    return _PLAIN_ITEM.fullmatch(text) is not None and isinstance(resolve(text), str)
