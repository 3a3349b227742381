"""Trees held against the JSON Schema, its verdicts put into words; what a schema cannot say is in `rules`.

The schema is the authority on what a manifest may hold. Plainly valid entries never come here (see `accept`).
"""

from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from typing import Any, Literal, NamedTuple

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from referencing import Registry, Resource

from tagsync import schemas
from tagsync.manifest.scalars import AMBIGUOUS
from tagsync.manifest.tree import REFUSED, Map, Seq
from tagsync.printable import quoted, shown

LATER_FIELDS = frozenset({"until", "promote"})
"""Fields of the language that this version does not know yet."""

SELECTORS = ("path", "fileId", "match", "query")

_TYPES = {
    "array": "a list",
    "object": "a mapping",
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
}


class Verdict(NamedTuple):
    """A fault that the schema found."""

    place: int
    code: str
    message: str


Part = Literal["document", "defaults", "entry"]


@cache
def _validator(part: Part) -> Draft202012Validator:
    schema = schemas.load("manifest")
    registry: Registry[Any] = Registry().with_resource(schema["$id"], Resource.from_contents(schema))
    fragment = "" if part == "document" else f"#/$defs/{part}"
    return Draft202012Validator({"$ref": schema["$id"] + fragment}, registry=registry)


def is_valid(part: Part, tree: Any) -> bool:
    """Tell whether the schema accepts a tree."""
    return _validator(part).is_valid(tree)


def verdicts(part: Part, tree: Any, place: int, written: dict[int, str]) -> Iterator[Verdict]:
    """Yield what the schema has against a tree.

    Args:
        part: which part of the schema holds for it.
        tree: what `TreeReader` read.
        place: where the tree starts.
        written: the source text of unquoted scalars, by place.
    """
    for error in _validator(part).iter_errors(tree):
        if error.instance is not REFUSED:
            yield from _explained(error, tree, place, written)


def _explained(error: ValidationError, tree: Any, place: int, written: dict[int, str]) -> Iterator[Verdict]:
    path = list(error.absolute_path)
    at = _place_at(tree, place, path)
    name = next((step for step in reversed(path) if isinstance(step, str)), "this")
    value = error.validator_value
    match error.validator:
        case "additionalProperties":
            yield from _unknown_keys(error)
        case "type":
            yield _wrong_type(at, name, error, written)
        case "oneOf" if isinstance(error.instance, Map):
            yield Verdict(at, "selector", _selector_words(error.instance))
        case "required":
            missing = [key for key in value if key not in error.instance]
            yield Verdict(at, "missing-key", f"{_list_of(missing)} missing: add {'it' if len(missing) == 1 else 'them'}")
        case "not" if isinstance(error.instance, Map):
            at = error.instance.places["minConfidence"]
            yield Verdict(at, "contradiction", "minConfidence does not go with remove: all, which removes them all")
        case "not":
            yield Verdict(at, "tag-text", tag_fault(error.instance))
        case "enum":
            yield Verdict(at, "value", f"{name} is {_written(error.instance, at, written)}: use {_choice(value)}")
        case "const":
            yield Verdict(at, "value", _const_words(name, value, _written(error.instance, at, written)))
        case "pattern":
            yield Verdict(at, "path", f"{quoted(error.instance, 120)} does not start with /: give the whole filePath")
        case "minimum" | "maximum":
            bound = "at least" if error.validator == "minimum" else "at most"
            yield Verdict(at, "range", f"{name} is {error.instance}: it must be {bound} {value}")
        case "minLength" | "minItems" | "minProperties":
            yield Verdict(at, "empty", f"{name} is empty: fill it in or take it out")


def _unknown_keys(error: ValidationError) -> Iterator[Verdict]:
    known = sorted(error.schema["properties"])
    for key in error.instance:
        if key in known:
            continue
        place = error.instance.key_places[key]
        if key in LATER_FIELDS:
            yield Verdict(place, "later", f"{key!r} comes in a later version of tagsync: take it out for now")
            continue
        close = get_close_matches(key, known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(known)}"
        yield Verdict(place, "unknown-key", f"unknown key {quoted(key)} ({hint})")


def _wrong_type(at: int, name: str, error: ValidationError, written: dict[int, str]) -> Verdict:
    value = error.validator_value
    wanted = [value] if isinstance(value, str) else value
    if wanted == ["string"] and at in written:
        text = written[at]
        if not text:
            return Verdict(at, "empty", f"{name} has no value: write one, quoted if it is meant to be empty")
        return Verdict(
            at, "quote", f"{shown(text, 60)} may be read as something other than text: quote it, \"{shown(text, 60)}\""
        )
    words = " or ".join(_TYPES[kind] for kind in wanted)
    return Verdict(at, "type", f"{name} is {_written(error.instance, at, written)}: it must be {words}")


def _const_words(name: str, value: str, instance: str) -> str:
    if name == "remove":
        return f"remove is {instance}: use a list of names, or all"
    return f"{name} is {instance}: this version reads {value!r}"


def _selector_words(entry: Any) -> str:
    present = [key for key in (*SELECTORS, "except", "expect") if key in entry]
    chosen = [key for key in present if key in SELECTORS]
    if not chosen:
        return "an entry says which files it is for: exactly one of path, fileId, or match and/or query"
    if len(chosen) == 1:
        extra = _list_of([key for key in present if key not in SELECTORS], verb="go")
        return f"{extra} only with match or query, not with {chosen[0]}"
    return f"an entry has exactly one of path, fileId, or match and/or query; this one has {' and '.join(chosen)}"


def tag_fault(text: str) -> str:
    """Say what is wrong with a tag that the schema's pattern refuses."""
    if text != text.strip():
        return f"the tag {quoted(text)} starts or ends with white space: trim it"
    if "%" in text:
        return f"the tag {quoted(text)} contains %, which ImageKit does not allow in tags"
    return f"the tag {quoted(text)} contains a control or bidi-control character: remove it"


def _list_of(keys: list[str], verb: str = "is") -> str:
    plural = {"is": "are", "go": "go"}
    singular = {"is": "is", "go": "goes"}
    return f"{' and '.join(keys)} {singular[verb] if len(keys) == 1 else plural[verb]}"


def _choice(values: list[str]) -> str:
    return f"{', '.join(values[:-1])} or {values[-1]}"


def _written(instance: Any, at: int, written: dict[int, str]) -> str:
    """Return a short, safe picture of a value as the manifest has it."""
    if isinstance(instance, (Map, dict)):
        return "a mapping"
    if isinstance(instance, (Seq, list)):
        return "a list"
    if instance is AMBIGUOUS or not isinstance(instance, str):
        return shown(written.get(at, ""), 60) or "empty"
    return quoted(instance)


def _place_at(tree: Any, place: int, path: list[str | int]) -> int:
    """Return the place of the value that a path of keys and indexes leads to."""
    for step in path:
        place = tree.places[step]
        tree = tree[step]
    return place
