"""Turn `kind: Test` documents that the schema accepts into tests, and check what a schema cannot."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from tagsync.escape import quoted, shown
from tagsync.globs import glob_fault
from tagsync.manifest.checks import Finding
from tagsync.manifest.yaml import AMBIGUOUS, Map, Seq
from tagsync.model import NO_TEXTS, FileExpectation, Property, TagExpectation, TestSpec, Texts, normalized
from tagsync.model.testing import not_given

_SOURCE = "google-auto-tagging"
"""The source of a given AI tag that names none."""

_DATES = ("createdAt", "updatedAt")
_OWN_KEYS = frozenset(("path", "aiTags"))


def take_dates(tree: Any, written: Mapping[int, str]) -> None:
    """Make unquoted dates text: nothing else is valid in their place."""
    spec = tree.get("spec")
    if not isinstance(spec, Map):
        return
    given = spec.get("given")
    files = [file for file in given if isinstance(file, Map)] if isinstance(given, Seq) else []
    for holder, keys in ((spec, ("asOf",)), *((file, _DATES) for file in files)):
        for key in keys:
            if holder.get(key) is AMBIGUOUS:
                holder[key] = written[holder.places[key]]


def test_of(tree: Map, place: int, manifest: str) -> TestSpec:
    """Return the test of a valid document; its `library` is as written.

    Args:
        tree: the document.
        place: where it starts, packed.
        manifest: the manifest, as messages show it.
    """
    spec, expect = tree["spec"], tree["spec"].get("expect", Map())
    return TestSpec(
        manifest=manifest,
        name=tree.get("metadata", {}).get("name", ""),
        place=place,
        given=tuple(_file_object(number, file) for number, file in enumerate(spec.get("given", ()), start=1)),
        library=spec.get("library"),
        library_place=spec.places.get("library", place),
        as_of=spec.get("asOf"),
        expect=tuple(
            FileExpectation(path, expect.key_places[path], _tags(each), _tags(each.get("aiTags", Map())))
            for path, each in expect.items()
        ),
        errors=_texts(spec, "expectErrors") or NO_TEXTS,
        properties=tuple(_property(each, at) for each, at in _with_places(spec.get("properties"))),
    )


def check_test(tree: Map) -> Iterator[Finding]:
    """Yield the errors in a test that the schema accepts."""
    spec = tree["spec"]
    yield from _impossible_dates(spec, ("asOf",))
    paths, ids = set[str](), set[str]()
    for file in spec.get("given", ()):
        yield from _impossible_dates(file, _DATES)
        yield from _given_twice(file, "path", paths)
        yield from _given_twice(file, "fileId", ids)
    for each in spec.get("properties", ()):
        for pattern, place in ((each["match"], each.places["match"]), *_with_places(each.get("except"))):
            if fault := glob_fault(pattern):
                yield Finding("error", "glob", f"the glob {quoted(pattern)} is not valid: {fault}", place)
    expected = spec.get("expect", Map())
    if "given" in spec:
        for path, message in not_given((path for path in expected if path not in paths), paths):
            yield Finding("error", "not-given", message, expected.key_places[path])
    for each in expected.values():
        yield from _contradictions(each)
        yield from _contradictions(each.get("aiTags", Map()))


def _impossible_dates(tree: Map, keys: Iterable[str]) -> Iterator[Finding]:
    for key in keys:
        try:
            datetime.fromisoformat(tree.get(key, "2000-01-01"))
        except ValueError:
            message = f"{shown(tree[key])} is not a date in the calendar: correct the day or the month"
            yield Finding("error", "day", message, tree.places[key])


def _given_twice(file: Map, key: str, seen: set[str]) -> Iterator[Finding]:
    if key in file and file[key] in seen:
        message = f"the {key} {quoted(file[key], 200)} is given twice: remove one of the two files"
        yield Finding("error", "given-twice", message, file.places[key])
    seen.add(file.get(key, ""))


def _contradictions(tags: Map) -> Iterator[Finding]:
    """Find tags that a file must have and lack."""
    wanted = {normalized(tag) for key in ("exact", "contains") for tag in tags.get(key, ())}
    for tag, place in _with_places(tags.get("lacks")):
        if normalized(tag) in wanted:
            message = f"{quoted(tag)} is expected to be both present and absent: remove one of the two"
            yield Finding("error", "conflict", message, place)


def _property(tree: Map, place: int) -> Property:
    return Property(
        tree["match"],
        tuple(tree.get("except", ())),
        place,
        removes_none="removes" in tree,
        adds_none="adds" in tree,
        exactly_one_of=tuple(tree.get("exactlyOneOf", ())),
        tags=_tags(tree),
    )


def _tags(tree: Map) -> TagExpectation:
    return TagExpectation(
        _texts(tree, "exact"), _texts(tree, "contains") or NO_TEXTS, _texts(tree, "lacks") or NO_TEXTS
    )


def _texts(tree: Map, key: str) -> Texts | None:
    return Texts(tuple(tree[key]), tuple(tree[key].places)) if key in tree else None


def _with_places(items: Seq | None) -> Iterator[tuple[Any, int]]:
    return zip(items or (), items.places if items else (), strict=True)


def _file_object(number: int, tree: Map) -> dict[str, Any]:
    """Return a given file as the list API has it."""
    path: str = tree["path"]
    found = {
        **{key: value for key, value in tree.items() if key not in _OWN_KEYS},
        "type": "file",
        "fileId": tree.get("fileId", f"given-{number}"),
        "name": path.rpartition("/")[2],
        "filePath": path,
        "tags": list(tree.get("tags", ())),
        "AITags": [_ai_tag(tag) for tag in tree.get("aiTags", ())],
    }
    found.update({key: _moment(tree[key]) for key in _DATES if key in tree})
    return found


def _ai_tag(tree: str | Map) -> dict[str, Any]:
    if isinstance(tree, str):
        return {"name": tree, "confidence": None, "source": _SOURCE}
    return {"name": tree["name"], "confidence": tree.get("confidence"), "source": tree.get("source", _SOURCE)}


def _moment(text: str) -> str:
    """Return a time as the list API writes it, so that queries compare it correctly."""
    if "T" not in text:
        return f"{text}T00:00:00.000Z"
    return text if "." in text else f"{text.removesuffix('Z')}.000Z"
