"""Check trees by the JSON Schema; `explanations` explains its errors, and `checks` has what a schema cannot check.

The schema defines what a manifest may contain. It takes about a millisecond for each entry. So only entries that
`entries` refuses come here.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Literal, cast, get_args

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError
from referencing import Registry, Resource

from tagsync import schemas
from tagsync.escape import quoted, shown
from tagsync.manifest.explanations import EXPLANATIONS, SELECTORS, Finding, SchemaError
from tagsync.manifest.hints import key_hint, similar_key, synonym
from tagsync.manifest.misplaced import Home, Path, home_of, how_to_move
from tagsync.manifest.yaml import REFUSED, Map
from tagsync.model import invisible_fault

DocumentKind = Literal["TagSet", "Policy", "Vocabulary", "Test"]
KINDS = get_args(DocumentKind)
"""The kinds of documents."""


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
        other = synonym(key, schema.get("properties", {}))
        return home if is_empty or not other or other[-1] == key else None

    @property
    def document(self) -> schemas.SchemaName:
        """The name of the schema of the tree."""
        return "config" if self._definition == "Config" else "manifest"

    @property
    def whole(self) -> str:
        """What messages call the tree."""
        return "this rule" if self._definition == "entry" else "this"


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
        case "oneOf" if isinstance(here, Map) and not any(key in here for key in SELECTORS):
            missing = [(*path, key) for key in SELECTORS]
        case "type" if here is None:
            missing = [path]
    return any(each[: len(start)] == start for start in missing for each in meant)


def _explained(
    error: ValidationError, tree: Any, place: int, written: Mapping[int, str], misnamed: _Misnamed
) -> Iterator[SchemaError]:
    path = list(error.absolute_path)
    name = shown(next((step for step in reversed(path) if isinstance(step, str)), misnamed.whole), 60)
    keyword = str(error.validator)
    at = _place_at(tree, place, path)
    is_item = bool(path) and isinstance(path[-1], int) and name != misnamed.whole
    finding = Finding(
        keyword, error.validator_value, error.instance, error.schema, at, name, is_item, written, misnamed.document
    )
    if keyword == "additionalProperties" and "patternProperties" not in finding.schema:
        return _unknown_keys(finding, path, misnamed)
    return EXPLANATIONS[keyword](finding)


def _unknown_keys(finding: Finding, path: Sequence[str | int], misnamed: _Misnamed) -> Iterator[SchemaError]:
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


def _place_at(tree: Any, place: int, path: list[str | int]) -> int:
    """Return the place of the value at a path of keys and indexes."""
    for step in path:
        place = tree.places[step]
        tree = tree[step]
    return place
