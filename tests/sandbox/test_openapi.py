import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import yaml
from builders import Sandbox, ai, examples, file_object, id_of, run
from hypothesis import HealthCheck, given, settings
from sandbox.asking import basic, send
from schemathesis.checks import not_a_server_error
from schemathesis.generation.modes import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tagsync.sandbox.openapi import document

OFFICIAL = Path(__file__).parents[3] / "shared" / "imagekit-openapi.yaml"
HTTP_METHODS = {"get", "post", "patch"}


def operations(openapi: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the operations of a document by method and path."""
    return {
        f"{method} {path}": {**operation, "parameters": item.get("parameters", []) + operation.get("parameters", [])}
        for path, item in openapi["paths"].items()
        for method, operation in item.items()
        if method in HTTP_METHODS
    }


def test_openapi_is_served_without_a_key(sandbox: Callable[..., Sandbox]) -> None:
    library = sandbox(key="private_right")

    async def ask() -> Any:
        return await send(library.app, "GET", "/openapi.json")

    answer = run(ask())
    assert answer.status_code == 200
    assert answer.json() == json.loads(json.dumps(document()))


@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize("operation", operations(document()))
@pytest.mark.drawn
def test_openapi_describes_responses_to_any_call(
    sandbox: Callable[..., Sandbox], operation: str, mode: GenerationMode
) -> None:
    library = sandbox(file_object("/a.jpg", ["x"], [ai("Dog")]), file_object("/b/c.png"))
    method, path = operation.split(" ")
    found = schemathesis.openapi.from_asgi("/openapi.json", library.app)[path][method]
    statuses = Counter[int]()

    @settings(
        max_examples=examples(30),
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=found.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        if statuses.total() % 2:
            name_a_file(case)
        answer = case.call(headers=basic("private_any:"))
        statuses[answer.status_code] += 1
        case.validate_response(answer, checks=CHECKS)

    ask()
    assert sum(statuses.values()) > 25
    if mode is GenerationMode.POSITIVE:
        assert 200 in statuses
    else:
        assert 400 in statuses or 404 in statuses
    assert {200, 207, 400, 401, 404, 405} >= set(statuses)


CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance, status_code_conformance]


def name_a_file(case: Any) -> None:
    """Have a call name a file that is there, which chance would never find."""
    if case.path_parameters:
        case.path_parameters["fileId"] = id_of("/a.jpg")
    if isinstance(case.body, dict) and case.body.get("fileIds"):
        case.body["fileIds"] = [id_of("/a.jpg")]


@pytest.mark.skipif(not OFFICIAL.exists(), reason="ImageKit's own description is not available next to this checkout")
def test_openapi_agrees_with_imagekit() -> None:
    official = yaml.safe_load(OFFICIAL.read_text("utf-8"))
    for name, ours in operations(document()).items():
        theirs = operations(official)[name]
        assert parameters(ours) <= parameters(theirs), name
        assert members(document(), ours) <= members(official, theirs), name
        assert {status for status in theirs["responses"] if status < "300"} <= set(ours["responses"]), name


def parameters(operation: dict[str, Any]) -> set[str]:
    return {item["name"] for item in operation["parameters"] if "name" in item}


def members(openapi: dict[str, Any], operation: dict[str, Any]) -> set[str]:
    """Return the members of an operation's body, whichever of its forms has them."""
    body = resolved(openapi, operation.get("requestBody", {}))
    forms = [resolved(openapi, content["schema"]) for content in body.get("content", {}).values()]
    found = set[str]()
    while forms:
        form = resolved(openapi, forms.pop())
        found.update(form.get("properties", ()))
        forms += [part for key in ("anyOf", "oneOf", "allOf") for part in form.get(key, ())]
    return found


def resolved(openapi: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in value:
        place = value["$ref"].removeprefix("#/").split("/")
        value = openapi
        for key in place:
            value = value[key]
    return value
