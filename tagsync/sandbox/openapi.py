"""Describe the sandbox's API in OpenAPI, for tests of other programs; `payload_checks` checks the calls."""

from typing import Any

from tagsync.sandbox.payload_checks import FILE_TYPES, MAX_CHARACTERS, MAX_FILES, MAX_PAGE, TYPES
from tagsync.sandbox.search import MAX_QUERY
from tagsync.sandbox.store import SORTS

JSON = "application/json"
_TEXTS: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
_FILE = {"$ref": "#/components/schemas/File"}
_ERRORS = {
    400: "The call is invalid.",
    401: "The key is missing.",
    403: "The key is of another account.",
    404: "The file does not exist.",
    429: "The rate limit is exceeded.",
}


def document() -> dict[str, Any]:
    """Return the OpenAPI description. Responses of fault scripts are not part of it."""
    bulk = {
        "addTags": ("tags", "Add tags to files."),
        "removeTags": ("tags", "Remove tags from files."),
        "removeAITags": ("AITags", "Remove AI tags from files, by name."),
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "The sandbox of tagsync", "version": "1"},
        "security": [{"key": []}],
        "paths": {
            "/v1/files": {"get": _list()},
            "/v1/files/{fileId}/details": {"parameters": [_file_id()], "get": _details(), "patch": _patch()},
            **{f"/v1/files/{name}": {"post": _bulk(name, *about)} for name, about in bulk.items()},
        },
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "basic"}},
            "schemas": {"File": _file(), "Error": _error()},
        },
    }


def _operation(name: str, summary: str, answers: dict[int, dict[str, Any]], errors: tuple[int, ...]) -> dict[str, Any]:
    responses = {
        str(status): {"description": "Success.", "content": {JSON: {"schema": schema}}}
        for status, schema in answers.items()
    }
    error = {"$ref": "#/components/schemas/Error"}
    responses |= {
        str(status): {"description": _ERRORS[status], "content": {JSON: {"schema": error}}} for status in errors
    }
    return {"operationId": name, "summary": summary, "responses": responses}


def _list() -> dict[str, Any]:
    texts = {"path": {}, "searchQuery": {"maxLength": MAX_QUERY}}
    choices = {"type": TYPES, "fileType": FILE_TYPES, "sort": sorted(SORTS)}
    numbers = {"limit": {"minimum": 1, "maximum": MAX_PAGE}, "skip": {"minimum": 0, "maximum": 10**18 - 1}}
    schemas = {
        **{name: {"type": "string", **limits} for name, limits in texts.items()},
        **{name: {"type": "string", "enum": list(values)} for name, values in choices.items()},
        **{name: {"type": "integer", **limits} for name, limits in numbers.items()},
    }
    answer = {"type": "array", "items": _FILE, "maxItems": MAX_PAGE}
    return {
        **_operation("list", "List or search files.", {200: answer}, (400, 401, 403, 429)),
        "parameters": [{"name": name, "in": "query", "schema": schema} for name, schema in schemas.items()],
    }


def _file_id() -> dict[str, Any]:
    return {"name": "fileId", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _details() -> dict[str, Any]:
    return _operation("details", "Read a file.", {200: _FILE}, (400, 401, 403, 404, 429))


def _patch() -> dict[str, Any]:
    value = {"type": ["string", "number", "boolean", "null"]}
    members = {
        "tags": {**_TEXTS, "type": ["array", "null"]},
        "removeAITags": {"anyOf": [_TEXTS, {"const": "all"}]},
        "customCoordinates": {"type": ["string", "null"]},
        "description": {"type": ["string", "null"]},
        "customMetadata": {
            "type": ["object", "null"],
            "additionalProperties": {"anyOf": [value, {"type": "array", "items": value}]},
        },
    }
    return {
        **_operation("patch", "Change a file.", {200: _FILE}, (400, 401, 403, 404, 429)),
        "requestBody": _body({"type": "object", "properties": members}),
    }


def _bulk(name: str, key: str, summary: str) -> dict[str, Any]:
    updated = {"successfullyUpdatedFileIds": _TEXTS}
    fault = _object({"fileId": {"type": "string"}, "error": {"type": "string"}})
    answers = {200: _object(updated), 207: _object({**updated, "errors": {"type": "array", "items": fault}})}
    file_ids = {**_TEXTS, "minItems": 1, "maxItems": MAX_FILES}
    tags = {**_TEXTS, "minItems": 1}
    if key == "tags":
        tags["description"] = f"At most {MAX_CHARACTERS} characters together."
    return {
        **_operation(name, summary, answers, (400, 401, 403, 404, 429)),
        "requestBody": _body(_object({"fileIds": file_ids, key: tags})),
    }


def _object(members: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": members, "required": list(members)}


def _body(schema: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {JSON: {"schema": schema}}}


def _file() -> dict[str, Any]:
    ai_tag = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "confidence": {"type": ["number", "null"]},
            "source": {"type": "string"},
        },
        "required": ["name"],
    }
    return {
        "type": "object",
        "properties": {
            "type": {"type": "string"},
            "fileId": {"type": "string"},
            "filePath": {"type": "string"},
            "name": {"type": "string"},
            "tags": {**_TEXTS, "type": ["array", "null"]},
            "AITags": {"type": ["array", "null"], "items": ai_tag},
            "customMetadata": {"type": ["object", "null"]},
            "createdAt": {"type": "string"},
            "updatedAt": {"type": "string"},
        },
        "required": ["type", "name", "createdAt", "updatedAt"],
    }


def _error() -> dict[str, Any]:
    members = {"message": {"type": "string"}, "help": {"type": "string"}, "missingFileIds": _TEXTS}
    return {"type": "object", "properties": members, "required": ["message"]}
