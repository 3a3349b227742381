import json

import pytest
from builders import diagnostics_as, id_of, rendered
from jsonschema import Draft202012Validator

from tagsync import schemas
from tagsync.model import Diagnostic, Origin, Plan, Report


def test_writer_plan_has_all_members_of_the_contract(plan: Plan) -> None:
    document = json.loads(rendered(plan, "json"))
    assert list(document) == [
        "formatVersion",
        "tool",
        "createdAt",
        "digest",
        "target",
        "inputs",
        "summary",
        "estimate",
        "guards",
        "changes",
        "requests",
        "diagnostics",
        "checksum",
    ]
    assert document["formatVersion"] == "1.0"
    assert document["target"] == {"endpoint": "https://api.imagekit.io", "account": "shop"}
    assert document["inputs"]["manifests"] == [{"path": "tags.yaml", "sha256": plan.inputs.manifests[0].sha256}]
    assert document["summary"] == {
        "filesChanged": 2,
        "filesLosing": 2,
        "addTags": 4,
        "removeTags": 2,
        "removeAITags": 1,
        "unchanged": 0,
        "missing": 0,
        "warnings": 2,
    }
    assert set(document["estimate"]) == {
        "writeRequests",
        "lowerBound",
        "perFile",
        "perTagSet",
        "perTag",
        "seconds",
    }
    assert document["changes"][0] == {
        "fileId": id_of("/shop/a.jpg"),
        "path": "/shop/a.jpg",
        "before": {
            "tags": ["draft"],
            "aiTags": [
                {"name": "Dog", "confidence": 12.5, "source": "google-auto-tagging"},
                {"name": "Cat", "confidence": None, "source": "google-auto-tagging"},
            ],
        },
        "add": ["catalog"],
        "remove": ["draft"],
        "removeAI": ["Dog"],
        "because": [
            {"op": "addTags", "tag": "catalog", "source": "tags.yaml:6:14", "rule": "tags"},
            {"op": "removeTags", "tag": "draft", "source": "tags.yaml:7:16", "rule": "absent"},
            {"op": "removeAITags", "tag": "Dog", "source": "tags.yaml:8:15", "rule": "aiTags.minConfidence"},
        ],
    }
    assert {"op": "removeTags", "tags": ["draft"], "fileIds": [id_of("/shop/a.jpg"), id_of("/shop/b.jpg")]} in [
        {**request, "fileIds": sorted(request["fileIds"], key=[id_of("/shop/a.jpg"), id_of("/shop/b.jpg")].index)}
        for request in document["requests"]
    ]
    assert {"level", "code", "message", "source"} == set(document["diagnostics"][0])


def test_writer_report_has_all_members_of_the_contract(report: Report) -> None:
    document = json.loads(rendered(report, "json"))
    assert document["outcome"] == "incomplete"
    assert document["digest"] == report.plan.digest
    assert document["requests"] == {"sent": 7, "succeeded": 3, "failed": 4, "retried": 2, "throttled": 1}
    assert document["timing"] == {"seconds": 1.25, "waited": 0.5, "requestsPerSecond": 5.6}
    first, second = document["changes"]
    assert {key: first[key] for key in ("status", "attempts", "error", "requestId")} == {
        "status": "confirmed",
        "attempts": 2,
        "error": None,
        "requestId": None,
    }
    assert (second["status"], second["error"], second["requestId"]) == ("failed", "no\nway", "req-1")
    assert first["before"]["tags"] == ["draft"]
    assert document["diagnostics"][-1] == {
        "level": "error",
        "code": "halted",
        "message": "3 calls in a row were refused for the same reason",
        "source": None,
    }


def test_writer_output_is_valid_by_its_schemas(plan: Plan, report: Report) -> None:
    Draft202012Validator(schemas.load("plan")).validate(json.loads(rendered(plan, "json")))
    Draft202012Validator(schemas.load("report")).validate(json.loads(rendered(report, "json")))


@pytest.mark.parametrize("name", schemas.NAMES)
def test_writer_schemas_are_valid(name: schemas.SchemaName) -> None:
    Draft202012Validator.check_schema(schemas.load(name))


def test_writer_output_is_ascii_with_one_line_for_each_change(plan: Plan, report: Report) -> None:
    for text in (rendered(plan, "json"), rendered(report, "json")):
        assert text.isascii()
        assert text.endswith("\n}\n")
        assert sum(line.startswith('{"add":') for line in text.splitlines()) == 2


def test_writer_gives_equal_bytes_for_equal_plans(plan: Plan) -> None:
    assert rendered(plan, "json") == rendered(plan, "json")


def test_writer_gives_json_for_errors_without_a_plan() -> None:
    error = Diagnostic("error", "yaml", "not YAML", Origin("a.yaml", 2, 1))
    found = json.loads(diagnostics_as("json", "1 error", [error], more=7))
    assert found["more"] == 7
    assert found["diagnostics"] == [{"level": "error", "code": "yaml", "message": "not YAML", "source": "a.yaml:2:1"}]
