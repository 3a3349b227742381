"""Find where a key belongs that is at the wrong level of a document, and say how to move it there."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from tagsync import schemas
from tagsync.manifest.yaml import Map
from tagsync.model import unpacked

Path = tuple[str | int, ...]
"""Keys and indexes that lead from a tree to a value in it."""

_ITEM = 0
_RULE: Path = ("spec", "files", _ITEM)
_INDENT = 2


class Home(NamedTuple):
    """Where a key belongs.

    Attributes:
        path: the path of the mapping where it belongs; None if that is not in the tree.
        way: the path from the mapping that has the key, or from the document if `is_around`.
        is_around: whether it belongs in a mapping around the one that has it.
    """

    path: Path | None
    way: Path
    is_around: bool


def home_of(key: str, path: Sequence[str | int], schema: Mapping[str, Any], definition: str) -> Home | None:
    """Return where a key belongs that a mapping may not have; None if no mapping inside or around it may.

    Args:
        key: the key.
        path: leads from a tree to the mapping.
        schema: the schema of the mapping.
        definition: the name of the tree's definition in the schema of manifests, or "Config".
    """
    document = _schema("config" if definition == "Config" else "manifest")
    if below := _below(document, schema, key):
        return Home((*path, *below), below, is_around=False)
    # Rules are checked one by one, each as a tree of its own.
    before = _RULE if definition == "entry" else ()
    start = document["$defs"].get("tagSet" if definition == "entry" else definition, document)
    above = _above(document, start, (*before, *path), key)
    if above is None:
        return None
    return Home(above[len(before) :] if len(above) >= len(before) else None, above, is_around=True)


def how_to_move(key: str, home: Home, here: Map, place: int) -> str:
    """Return how to move a key to where it belongs.

    Args:
        key: the key.
        home: where it belongs.
        here: the mapping that has it.
        place: where that mapping starts.
    """
    # In brackets, indentation has no meaning.
    is_block = place == min(here.key_places.values())
    if home.is_around:
        where = "the rule" if home.way == _RULE else _dotted(home.way) or "the top level"
        return f"it belongs {'in' if home.way else 'at'} {where}" + (", so indent it less" if is_block else "")
    return _to_inner(key, here, home.way) if is_block else f"move it into {_dotted(home.way)}"


@cache
def _schema(name: schemas.SchemaName) -> dict[str, Any]:
    return schemas.load(name)


def _inside(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[tuple[str | int, Any]]:
    """Yield the schema of each value that a value may contain, with the step that leads there."""
    steps: dict[str | int, Any] = {**schema.get("properties", {}), **schema.get("patternProperties", {})}
    steps[_ITEM] = schema.get("items")
    for step, inner in steps.items():
        if isinstance(inner, dict):
            yield step, document["$defs"][inner["$ref"].rpartition("/")[2]] if "$ref" in inner else inner


def _below(document: Mapping[str, Any], schema: Mapping[str, Any], key: str) -> Path:
    """Return the path to the nearest mapping inside a mapping that may have a key; () if there is none."""
    waiting = deque[tuple[Path, Any]]([((), schema)])
    while waiting:
        path, here = waiting.popleft()
        if path and key in here.get("properties", ()):
            return path
        # All keys of defaults are keys of rules too, and meant for a rule more often.
        waiting.extend(((*path, step), inner) for step, inner in _inside(document, here) if step != "defaults")
    return ()


def _above(document: Mapping[str, Any], here: Mapping[str, Any], path: Path, key: str) -> Path | None:
    """Return the path of the nearest mapping around a mapping that may have a key."""
    found = None
    for depth, step in enumerate(path):
        if key in here.get("properties", ()):
            found = path[:depth]
        here = dict(_inside(document, here)).get(_ITEM if isinstance(step, int) else step, {})
    return found


def _to_inner(key: str, here: Map, way: Path) -> str:
    name = str(way[0])
    if len(way) == 1:
        if name not in here:
            return f"write {name}: above it, and indent it to column {_column_of_key(here, key) + _INDENT}"
        line = unpacked("", here.key_places[name]).line
        return f"indent it below {name} (line {line}), to column {_column(here, name)}"
    if way[-1] != _ITEM:
        return f"it belongs in an environment, as in environments: {{production: {{{key}: ...}}}}"
    inner: Any = here
    for step in way[:-2]:
        inner = inner.get(str(step)) if isinstance(inner, Map) else None
    items = str(way[-2])
    item = "a rule" if items == "files" else f"an item of {items}"
    if isinstance(inner, Map) and inner.get(items) is not None:
        return f"it belongs in {item}: indent it to column {_column(inner, items) + _INDENT}"
    return f"it belongs in {item}: write {_dotted(way)}: above it, and a dash before the first key of {item}"


def _column(parent: Map, key: str) -> int:
    """Return the column where the contents of a key start, or should start if there are none in other lines."""
    value = parent[key]
    first = min(value.key_places.values(), default=0) if isinstance(value, Map) else parent.places[key]
    inside, own = unpacked("", first), unpacked("", parent.key_places[key])
    return inside.column if value is not None and inside.line > own.line else _column_of_key(parent, key) + _INDENT


def _column_of_key(parent: Map, key: str) -> int:
    return unpacked("", parent.key_places[key]).column


def _dotted(path: Path) -> str:
    """Return a path as messages name it; steps of lists and of names that users choose are left out."""
    return ".".join(step for step in path if isinstance(step, str) and step.isalpha())
