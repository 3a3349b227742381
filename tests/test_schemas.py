import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from tagsync import schemas

FOLDER = Path(__file__).parents[1] / "examples"
EXAMPLES = sorted(path for name in ("captures", "manifests") for path in (FOLDER / name).iterdir())
MANIFEST = schemas.load("manifest")
VALIDATOR = Draft202012Validator(MANIFEST)


def manifest_of(*entries: Any, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "tagsync/v1", "kind": "TagSet", "spec": {"files": list(entries), **spec}}


def document(kind: str, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "tagsync/v1", "kind": kind, "spec": spec}


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from parts(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from parts(value)


def test_schemas_of_manifests_are_valid() -> None:
    assert MANIFEST["$schema"] == "https://json-schema.org/draft/2020-12/schema"

    Draft202012Validator.check_schema(MANIFEST)


def test_schemas_are_returned_as_shipped() -> None:
    text = schemas.text("manifest")

    assert json.loads(text) == MANIFEST
    assert text.endswith("}\n")


def test_schemas_use_every_definition() -> None:
    references = {part["$ref"] for part in parts(MANIFEST) if "$ref" in part}

    assert references == {f"#/$defs/{name}" for name in MANIFEST["$defs"]}


def test_schemas_describe_every_field() -> None:
    definitions = MANIFEST["$defs"]
    fields = {**definitions["metadata"]["properties"], **definitions["defaults"]["properties"]}
    fields |= definitions["entry"]["properties"] | {"files": definitions["spec"]["properties"]["files"]}
    described = {
        name: {**definitions.get(part.get("$ref", "").rpartition("/")[2], {}), **part} for name, part in fields.items()
    }

    assert [name for name, part in described.items() if not part.get("description")] == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_schemas_accept_the_examples(path: Path) -> None:
    documents = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))

    assert documents
    for document in documents:
        VALIDATOR.validate(document)


@pytest.mark.parametrize(
    "document",
    [
        {
            **manifest_of(
                {"path": "/shop/shoes/red.jpg", "tags": ["shoes", "red"], "aiTags": {"remove": ["person"]}},
                {"fileId": "5e21880d5efe355febd4bccd", "tags": ["hero"], "absent": ["draft"]},
                {
                    "match": "/shop/shoes/**",
                    "except": ["/shop/shoes/archive/**"],
                    "tags": ["shoes"],
                    "exclusive": {"only": ["shoe*", "season-*"]},
                    "aiTags": {"remove": "all", "keep": ["Shoe"]},
                    "expect": {"min": 1, "max": 5000},
                },
                {"match": "/shop/**", "query": 'createdAt > "7d"', "tags": ["new"]},
                defaults={"tags": ["catalog"], "ifMissing": "warn", "aiTags": {"minConfidence": 70}},
            ),
            "metadata": {"name": "footwear", "account": "shop-production"},
        },
        manifest_of(),
        manifest_of({"query": "size > 1", "except": [], "tags": []}),
        manifest_of({"path": "/a", "exclusive": False, "ifOverLimit": "skip"}, defaults={}),
        manifest_of({"path": "/a", "absent": ["50%", " x ", "a\nb"]}),
        manifest_of({"path": "/a", "tags": ["red"], "until": "2026-12-31"}),
        manifest_of({"path": "/a", "aiTags": {"promote": {"minConfidence": 95}}}),
        document(
            "Policy",
            guards={
                "removedTags": {"percent": 30, "above": 100},
                "removedAiTags": {"percent": 50},
                "changedFiles": {"above": 5000},
                "emptiedFiles": {"above": 0},
                "newTags": {"above": 500},
            },
        ),
        document("Vocabulary", allowed=["red"], forbidden=["50%"], removeForbidden=True, renames={"a": "b"}),
        document(
            "Test",
            given=[{"path": "/shop/tees/A1-front.jpg", "tags": ["draft"]}],
            expect={"/shop/tees/A1-front.jpg": {"contains": ["t-shirts", "sku-a1"], "lacks": ["draft"]}},
            properties=[{"match": "/legal/**", "removes": "none"}],
        ),
        document("Test", library="library.jsonl", asOf="2026-12-31", expectErrors=["conflict"]),
    ],
)
def test_schemas_accept_the_manifests_of_the_contract(document: dict[str, Any]) -> None:
    VALIDATOR.validate(document)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {**manifest_of(), "apiVersion": "tagsync/v2"},
        {**manifest_of(), "kind": "Policy"},
        {**manifest_of(), "kind": "Vocabulary"},
        document("Policy", guards={}),
        document("Policy", guards={"removedTags": {}}),
        document("Policy", guards={"removedTag": {"above": 1}}),
        document("Policy", guards={"emptiedFiles": {"percent": 1}}),
        document("Policy", guards={"removedTags": {"percent": 101}}),
        document("Vocabulary"),
        document("Vocabulary", allowed=["50%"]),
        document("Vocabulary", renames={"a": " b"}),
        document("Test", given=[]),
        document("Test", expectErrors=["conflict"]),
        document("Test", given=[], library="library.jsonl", expectErrors=["conflict"]),
        document("Test", given=[], expect={"a": {"exact": []}}),
        document("Test", given=[], properties=[{"match": "/a"}]),
        {**manifest_of(), "status": {}},
        {**manifest_of(), "metadata": {"name": ""}},
        {"apiVersion": "tagsync/v1", "kind": "TagSet"},
        manifest_of("red"),
        manifest_of({"tags": ["red"]}),
        manifest_of({"path": "/a", "fileId": "b", "tags": ["red"]}),
        manifest_of({"path": "/a", "query": "b", "tags": ["red"]}),
        manifest_of({"path": "/a", "expect": {"min": 1}, "tags": ["red"]}),
        manifest_of({"fileId": "a", "except": ["/b"], "tags": ["red"]}),
        manifest_of({"match": "a", "tags": ["red"]}),
        manifest_of({"path": "/a", "tags": [1]}),
        manifest_of({"path": "/a", "tags": [""]}),
        manifest_of({"path": "/a", "tags": [" red"]}),
        manifest_of({"path": "/a", "tags": ["red "]}),
        manifest_of({"path": "/a", "tags": ["50%"]}),
        manifest_of({"path": "/a", "tags": ["a\tb"]}),
        manifest_of({"path": "/a", "tags": ["a\u202eb"]}),
        manifest_of({"path": "/a", "absent": ["red"], "until": "2026-12-31"}),
        manifest_of({"path": "/a", "tags": ["red"], "until": "tomorrow"}),
        manifest_of({"path": "/a", "aiTags": {"promote": {}}}),
        manifest_of({"path": "/a", "aiTags": {"promote": {"minConfidence": 101}}}),
        manifest_of({"path": "/a", "aiTags": {"remove": "all", "minConfidence": 70}}),
        manifest_of({"path": "/a", "aiTags": {"remove": "some"}}),
        manifest_of({"path": "/a", "aiTags": {"minConfidence": 100.5}}),
        manifest_of({"path": "/a", "aiTags": {"source": "google"}}),
        manifest_of({"path": "/a", "exclusive": {}}),
        manifest_of({"path": "/a", "ifMissing": "ignore"}),
        manifest_of({"match": "/a", "tags": ["red"], "expect": {"min": -1}}),
        manifest_of(defaults={"path": "/a"}),
    ],
)
def test_schemas_refuse_what_the_contract_forbids(document: dict[str, Any]) -> None:
    assert not VALIDATOR.is_valid(document)
