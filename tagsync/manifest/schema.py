"""Check trees by the JSON Schema, and explain its errors; `checks` has the checks that a schema cannot make.

The schema defines what a manifest may contain. It takes about a millisecond for each entry. So only entries that
`entries` refuses come here.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Literal, NamedTuple, cast, get_args

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError
from referencing import Registry, Resource

from tagsync import schemas
from tagsync.escape import quoted, shown
from tagsync.manifest.hints import key_hint, list_hint, mapping_hint, similar_key, synonym, unquoted_placeholder
from tagsync.manifest.misplaced import Home, Path, home_of, how_to_move
from tagsync.manifest.yaml import REFUSED, Map
from tagsync.model import invisible_fault

DocumentKind = Literal["TagSet", "Policy", "Vocabulary", "Test"]
KINDS = get_args(DocumentKind)
"""The kinds of documents."""

_SELECTORS = ("path", "fileId", "match", "query")

_TYPES = {
    "array": "a list",
    "object": "a mapping",
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
}


SchemaError = tuple[int, str, str]
"""A packed place, a code and a message."""

Definition = DocumentKind | Literal["Config", "defaults", "entry", "values", "filesFrom", "listSeparator"]

_DEFINITIONS: dict[Definition, str] = {
    "TagSet": "tagSet",
    "Policy": "policy",
    "Vocabulary": "vocabulary",
    "Test": "test",
}

_FORMATS = FormatChecker(formats=())


@_FORMATS.checks("tagsync-tag")
def _is_visible(value: object) -> bool:
    """Check for invisible characters. This is a format, because validators read patterns for these differently."""
    return not isinstance(value, str) or invisible_fault(value) is None


@cache
def _validator(definition: Definition) -> Draft202012Validator:
    schema = schemas.load("config" if definition == "Config" else "manifest")
    registry: Registry[Any] = Registry().with_resource(schema["$id"], Resource.from_contents(schema))
    fragment = "" if definition == "Config" else f"#/$defs/{_DEFINITIONS.get(definition, definition)}"
    reference = {"$ref": f"{schema['$id']}{fragment}"}
    return Draft202012Validator(reference, registry=registry, format_checker=_FORMATS)


def is_valid(definition: Definition, tree: Any) -> bool:
    """Return whether the schema accepts a tree."""
    return _validator(definition).is_valid(tree)


def errors(definition: Definition, tree: Any, place: int, written: Mapping[int, str]) -> Iterator[SchemaError]:
    """Yield the errors that the schema finds in a tree.

    Args:
        definition: the definition in the schema.
        tree: the tree that `TreeReader` read.
        place: where the tree starts.
        written: the source text of unquoted scalars, by place.
    """
    found = [error for error in _validator(definition).iter_errors(tree) if error.instance is not REFUSED]
    misnamed = _Misnamed(definition)
    meant = {home for error in found if error.validator == "additionalProperties" for home in misnamed.meant(error)}
    for error in found:
        if not _follows(error, meant):
            yield from _explained(error, tree, place, written, misnamed)


class _Misnamed:
    """Find what the unknown keys of a tree mean.

    Args:
        definition: the definition of the tree in the schema.
    """

    def __init__(self, definition: Definition) -> None:
        self._definition = _DEFINITIONS.get(definition, definition)

    def meant(self, error: ValidationError) -> Iterator[Path]:
        """Yield the path of each key that an unknown key of a mapping means."""
        path, here, schema = tuple(error.absolute_path), cast("Map", error.instance), cast("Any", error.schema)
        for key in here:
            if key in schema.get("properties", {}):
                continue
            home = self.home(key, here, path, schema)
            if home:
                yield from [(*home.path, key)] if home.path is not None else ()
            elif similar := similar_key(key, schema.get("properties", {})):
                yield (*path, *similar)

    def home(self, key: str, here: Map, path: Sequence[str | int], schema: Any) -> Home | None:
        """Return where a key belongs if it is at the wrong level; None if it is misspelled."""
        home = home_of(key, path, schema, self._definition)
        # Words such as `remove` may mean a key of this mapping or of an inner one. An empty inner one lacks its keys.
        is_empty = home and len(home.way) == 1 and here.get(str(home.way[0]), 0) is None
        return home if is_empty or not synonym(key, schema.get("properties", {})) else None


def _follows(error: ValidationError, meant: Collection[Path]) -> bool:
    """Return whether an error is due to keys with an error of their own: a wrong name, or at the wrong level."""
    path, here, wanted = tuple(error.absolute_path), error.instance, cast("Any", error.validator_value)
    missing: list[Path] = []
    match str(error.validator):
        case "required":
            missing = [(*path, key) for key in wanted if key not in cast("Map", here)]
        case "dependentRequired":
            missing = [(*path, "tags")]
        case "anyOf":
            missing = [(*path, each["required"][0]) for each in wanted]
        case "oneOf" if isinstance(here, Map) and not any(key in here for key in _SELECTORS):
            missing = [(*path, key) for key in _SELECTORS]
        case "type" if here is None:
            missing = [path]
    return any(each[: len(start)] == start for start in missing for each in meant)


class _Finding(NamedTuple):
    """An error of the validator with its place in the manifest."""

    keyword: str
    value: Any
    instance: Any
    schema: Any
    at: int
    name: str
    is_item: bool
    written: Mapping[int, str]

    @property
    def subject(self) -> str:
        """What a message calls the value."""
        return f"an item of {self.name}" if self.is_item else self.name

    def picture(self) -> str:
        """Return the value as the manifest has it, short and safe to print."""
        if isinstance(self.instance, dict):
            return "a mapping"
        if isinstance(self.instance, list):
            return "a list"
        if isinstance(self.instance, str):
            return quoted(self.instance)
        return shown(self.written.get(self.at, ""), 60) or "empty"


def _explained(
    error: ValidationError, tree: Any, place: int, written: Mapping[int, str], misnamed: _Misnamed
) -> Iterator[SchemaError]:
    path = list(error.absolute_path)
    name = next((step for step in reversed(path) if isinstance(step, str)), "this")
    keyword = str(error.validator)
    at = _place_at(tree, place, path)
    is_item = bool(path) and isinstance(path[-1], int) and name != "this"
    finding = _Finding(keyword, error.validator_value, error.instance, error.schema, at, name, is_item, written)
    if keyword == "additionalProperties" and "patternProperties" not in finding.schema:
        return _unknown_keys(finding, path, misnamed)
    return _EXPLANATIONS[keyword](finding)


def _unknown_keys(finding: _Finding, path: Sequence[str | int], misnamed: _Misnamed) -> Iterator[SchemaError]:
    here = finding.instance
    known = sorted(finding.schema["properties"])
    for key in here:
        if key in known:
            continue
        if home := misnamed.home(key, here, path, finding.schema):
            words = f"the key {quoted(key)} is at the wrong level: {how_to_move(key, home, here, finding.at)}"
        else:
            words = f"unknown key {quoted(key)} ({key_hint(key, known)})"
        yield (here.key_places[key], "unknown-key", words)


def _wrong_names(finding: _Finding) -> Iterator[SchemaError]:
    for key in finding.instance:
        if any(re.search(pattern, key) for pattern in finding.schema["patternProperties"]):
            continue
        if finding.name == "environments":
            words = f"{quoted(key)} cannot name an environment: use letters, digits, dots, dashes and underscores"
            yield (finding.instance.key_places[key], "name", words)
        else:
            yield (finding.instance.key_places[key], "path", _not_a_path(key))


def _wrong_type(finding: _Finding) -> Iterator[SchemaError]:
    at, subject = finding.at, finding.subject
    wanted = [finding.value] if isinstance(finding.value, str) else finding.value
    if "string" in wanted and (meant := unquoted_placeholder(finding.instance)):
        yield (at, "quote", f'{meant} without quotation marks is a YAML mapping: write "{meant}"')
        return
    if wanted != ["string"] or at not in finding.written:
        kinds = " or ".join(_TYPES[kind] for kind in wanted)
        yield (at, "type", f"{subject} is {finding.picture()}: it must be {kinds}{_form_hint(wanted, finding)}")
        return
    text = shown(finding.written[at], 60)
    if text:
        yield (at, "quote", f'{text} may be read as something other than text: quote it, "{text}"')
    else:
        yield (at, "empty", f"{subject} has no value: write one")


def _form_hint(wanted: list[str], finding: _Finding) -> str:
    if wanted == ["array"]:
        return list_hint(finding.name, finding.instance)
    return mapping_hint(finding.name, finding.instance, finding.schema) if wanted == ["object"] else ""


def _selector(finding: _Finding) -> Iterator[SchemaError]:
    entry = finding.instance
    if not isinstance(entry, Map):
        return  # its type is an error of its own
    chosen = [key for key in _SELECTORS if key in entry]
    rest = [key for key in ("except", "expect") if key in entry]
    if not chosen:
        message = "this rule selects no files: add path, fileId, or match and/or query"
    elif len(chosen) > 1:
        message = f"this rule has {' and '.join(chosen)}: keep exactly one of path, fileId, or match and/or query"
    else:
        message = f"{' and '.join(rest)} cannot be combined with {chosen[0]}: use match or query, or remove it"
    yield (finding.at, "selector", message)


def _missing_keys(finding: _Finding) -> Iterator[SchemaError]:
    for key in finding.value:
        if key not in finding.instance:
            where = "" if finding.name == "this" else f" in {finding.name}"
            yield (finding.at, "missing-key", f"missing key {quoted(key)}{where}")


def _none_of_keys(finding: _Finding) -> Iterator[SchemaError]:
    keys = [each["required"][0] for each in finding.value]
    yield (finding.at, "missing-key", f"missing key {quoted(keys[0])} in {finding.name}: add {_listed(keys)}")


def _forbidden(finding: _Finding) -> Iterator[SchemaError]:
    if isinstance(finding.instance, Map) and "library" in finding.instance:
        message = "library cannot be combined with given: keep one of the two"
        yield (finding.instance.key_places["library"], "contradiction", message)
    elif isinstance(finding.instance, Map):
        at = finding.instance.places["minConfidence"]
        message = "minConfidence cannot be combined with remove: all, which removes every AI tag: remove one of the two"
        yield (at, "contradiction", message)
    else:
        yield (finding.at, "tag-text", _tag_fault(finding.instance))


def _wrong_value(finding: _Finding) -> Iterator[SchemaError]:
    if finding.keyword == "enum":
        allowed = _listed(finding.value)
    elif finding.name == "remove":
        allowed = "a list of names, or all"
    else:
        allowed = repr(finding.value)
    yield (finding.at, "value", f"{finding.name} is {finding.picture()}: use {allowed}")


def _wrong_form(finding: _Finding) -> Iterator[SchemaError]:
    if finding.name in ("until", "asOf", "createdAt", "updatedAt"):
        time = " or YYYY-MM-DDThh:mm:ssZ" if finding.name.endswith("At") else ""
        yield (finding.at, "day", f"{finding.name} is {finding.picture()}: write a day as YYYY-MM-DD{time}")
        return
    if finding.name == "key":
        # Do not show the value: it may be the private key itself, written here by mistake.
        message = (
            "key must name an environment variable that begins with IMAGEKIT_ and does not end in _FILE, such as "
            "IMAGEKIT_PRIVATE_KEY_STAGING: set the private key in that variable"
        )
        yield (finding.at, "key", message)
        return
    if finding.name == "listSeparator":
        message = f"listSeparator is {finding.picture()}: use one punctuation mark such as ; or |"
        yield (finding.at, "value", message)
        return
    yield (finding.at, "path", _not_a_path(finding.instance))


def _not_a_path(text: str) -> str:
    return f"{quoted(text, 120)} does not start with /: write the full filePath"


def _lacks_tags(finding: _Finding) -> Iterator[SchemaError]:
    at = finding.instance.places["until"]
    yield (at, "missing-key", "until applies to the tags of the same rule, which has none: add tags")


def _out_of_range(finding: _Finding) -> Iterator[SchemaError]:
    bound = "at least" if finding.keyword == "minimum" else "at most"
    message = f"{finding.name} is {finding.instance}: it must be {bound} {finding.value}"
    yield (finding.at, "range", message)


def _empty(finding: _Finding) -> Iterator[SchemaError]:
    subject = "this tag" if finding.is_item and finding.name in ("tags", "absent") else finding.subject
    yield (finding.at, "empty", f"{subject} is empty: add a value, or remove it")


def _too_long(finding: _Finding) -> Iterator[SchemaError]:
    yield (finding.at, "too-long", f"{finding.subject} is too long: shorten it to {finding.value} characters")


def _listed(values: list[str]) -> str:
    return f"{', '.join(values[:-1])} or {values[-1]}"


_EXPLANATIONS: dict[str, Callable[[_Finding], Iterator[SchemaError]]] = {
    "additionalProperties": _wrong_names,
    "type": _wrong_type,
    "oneOf": _selector,
    "required": _missing_keys,
    "anyOf": _none_of_keys,
    "not": _forbidden,
    "format": _forbidden,
    "enum": _wrong_value,
    "const": _wrong_value,
    "pattern": _wrong_form,
    "dependentRequired": _lacks_tags,
    "minimum": _out_of_range,
    "maximum": _out_of_range,
    "minLength": _empty,
    "maxLength": _too_long,
    "minItems": _empty,
    "minProperties": _empty,
}


def _tag_fault(text: str) -> str:
    """Return what is wrong with a tag that the schema refuses."""
    if text != text.strip():
        return f"the tag {quoted(text)} starts or ends with white space: trim it"
    if "%" in text:
        return f"the tag {quoted(text)} contains %, which ImageKit does not allow in tags: remove it"
    fault = invisible_fault(text)
    if fault:
        return f"the tag {quoted(text)} {fault}: use only visible characters"
    return f"the tag {quoted(text)} contains a control or bidi-control character: remove it"


def _place_at(tree: Any, place: int, path: list[str | int]) -> int:
    """Return the place of the value at a path of keys and indexes."""
    for step in path:
        place = tree.places[step]
        tree = tree[step]
    return place
