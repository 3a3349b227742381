"""Check the payloads of calls to the sandbox, with ImageKit's documented error messages."""

import json
import re
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

HELP = "For support kindly contact us at support@imagekit.io ."
MAX_FILES = 50
MAX_CHARACTERS = 500
MAX_PAGE = 1000
TYPES = ("file", "file-version", "folder", "all")
FILE_TYPES = ("all", "image", "non-image")
PATCHED = ("customCoordinates", "customMetadata", "description")
_AI_ADVICE = (
    "Your request contains invalid value for AITags. Please provide an array of strings. "
    "Example - ['t-shirt','summer-sale']."
)
TAGS_ADVICE = (
    "Your request contains invalid value for tags parameter. "
    "Combined length of all tags should be less than or equal to 500."
)


class Failure(Exception):  # noqa: N818 - a response, raised to return early
    """An error response."""

    def __init__(self, status: int, message: str, **members: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"message": message, "help": HELP, **members}


async def json_body(request: Request) -> dict[str, Any]:
    """Return a call's body, which must be a JSON object."""
    try:
        body = json.loads(await request.body())
        # Python also accepts NaN and half surrogate pairs, which are not valid JSON or cannot be stored.
        json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise Failure(400, "Your request contains an invalid JSON body.")
    return body


def checked_files(body: Mapping[str, Any]) -> list[str]:
    """Return the file IDs of a bulk call."""
    if "fileIds" not in body:
        raise Failure(400, "fileIds parameter is missing.")
    file_ids = body["fileIds"]
    if not isinstance(file_ids, list):
        raise Failure(400, "fileIds should be an Array.")
    if not file_ids:
        raise Failure(400, "fileIds is empty.")
    if len(file_ids) > MAX_FILES:
        raise Failure(400, "A maximum of 50 files can be edited at a time.")
    if not _are_texts(file_ids):
        raise Failure(400, "Your request contains invalid value for fileIds parameter.")
    return file_ids


def checked_tags(body: Mapping[str, Any], key: str) -> list[str]:
    """Return the tags of a bulk call, in the member `key`; their length is not checked yet."""
    if key not in body:
        raise Failure(400, f"{key} parameter is missing.")
    tags = body[key]
    if tags == []:
        raise Failure(400, f"{key} array cannot be empty.")
    advice = _AI_ADVICE if key == "AITags" else TAGS_ADVICE
    if not _are_texts(tags):
        raise Failure(400, advice)
    return list(tags)


def check_patch(body: Mapping[str, Any]) -> None:
    """Check that the members of a PATCH have the documented types."""
    tags = body.get("tags")
    if tags is not None and not (_are_texts(tags) and sum(map(len, dict.fromkeys(tags))) <= MAX_CHARACTERS):
        raise Failure(400, TAGS_ADVICE)
    removed = body.get("removeAITags", [])
    if removed != "all" and not _are_texts(removed):
        raise Failure(400, _AI_ADVICE)
    for name, kind in (("customCoordinates", str), ("description", str), ("customMetadata", dict)):
        if not isinstance(body.get(name), kind | None):
            raise Failure(400, f"Your request contains invalid value for {name} parameter.")
    for value in (body.get("customMetadata") or {}).values():
        if any(isinstance(item, dict | list) for item in (value if isinstance(value, list) else [value])):
            raise Failure(400, "Your request contains invalid value for customMetadata parameter.")


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def page_limit(asked: Mapping[str, str]) -> int:
    """Return the parameter `limit` of a listing."""
    limit = _integer(asked.get("limit", str(MAX_PAGE)), "limit")
    if limit < 1:
        raise Failure(400, f"Minimum value of limit parameter is 1. Value sent is {limit}.")
    if limit > MAX_PAGE:
        raise Failure(400, f"Maximum value of limit parameter is 1000. Value sent is {limit}.")
    return limit


def page_skip(asked: Mapping[str, str]) -> int:
    """Return the parameter `skip` of a listing."""
    skip = _integer(asked.get("skip", "0"), "skip")
    if skip < 0:
        raise Failure(400, f"The value of skip parameter should be greater than or equal to 0. Value sent is {skip}.")
    return skip


def _integer(text: str, name: str) -> int:
    if re.fullmatch("-?[0-9]{1,18}", text) is None:
        raise Failure(400, f"Your request contains invalid value for {name} parameter.")
    return int(text)
