"""Build ImageKit's API calls and interpret its responses; `file_objects` parses files.

Rules of the API name their source: "OpenAPI" is the official description, "documentation" is ImageKit's website.
"""

import json
import re
from collections import Counter
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from tagsync.errors import AuthorisationError, ProtocolError, ServerFaultError
from tagsync.escape import shown
from tagsync.library.http.response import SERVER_WORDS, Response
from tagsync.library.protocol import Listing
from tagsync.model import Accepted, BulkResult, Done, Gone, Op, Refused, Request, Unclear

FILES_PATH = "/v1/files"
BULK_PATHS = {op: f"{FILES_PATH}/{op}" for op in Op}

_BULK_TAGS_KEY = {Op.ADD: "tags", Op.REMOVE: "tags", Op.REMOVE_AI: "AITags"}


_KEY_REFUSALS = (
    "your account cannot be authenticated",
    "your request contains expired private api key",
    "your account is disabled",
    "your request does not contain private api key",
)
"""ImageKit's messages for a key that it does not accept (documentation), in lower case, without the full stop."""


MAX_VALUES = 1_000_000
"""The maximum number of JSON values in a response: 1000 for each file of a page. In memory, a value may take 30 times
its size in JSON."""

_HALF_PAIR = re.compile("[\ud800-\udfff]")

_FEW_BYTES = 4 << 20
"""The values of shorter bodies are not counted."""


def json_body(response: Response) -> Any:
    """Parse a response's JSON.

    Raises:
        ProtocolError: the response is not JSON, is nested too deeply, or has too many values.
    """
    check_json(response)
    try:
        text = response.body.decode("utf-8-sig", "surrogatepass")
        return json.loads(text, object_hook=_with_sound_keys, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise _no_json(response) from error


def check_json(response: Response) -> None:
    """Check, before parsing, that a response is declared as JSON (or not at all) and will fit in memory.

    Raises:
        ProtocolError: it has another content type, or too many values.
    """
    kind = response.headers.get("content-type")
    if kind and "json" not in kind.lower():
        raise _no_json(response)
    _check_values(response)


def _check_values(response: Response) -> None:
    if len(response.body) > _FEW_BYTES and sum(map(response.body.count, (b"[", b"{", b","))) > MAX_VALUES:
        words = f"ImageKit returned status {response.status} with more than {MAX_VALUES:,} JSON values"
        raise ProtocolError(words, request_id=response.request_id)


def _no_json(response: Response) -> ProtocolError:
    called = shown(response.headers.get("content-type") or "no content type", 60)
    return ProtocolError(
        f"ImageKit returned status {response.status} with a body that is not JSON ({called})",
        request_id=response.request_id,
    )


def _with_sound_keys(members: dict[str, Any]) -> dict[str, Any]:
    """Drop members whose name has half a surrogate pair; msgspec refuses them, and ImageKit has none."""
    if all(map(str.isascii, members)):
        return members
    return {name: value for name, value in members.items() if not _HALF_PAIR.search(name)}


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def details_path(file_id: str) -> str:
    """Return the path of a file's details."""
    return f"{FILES_PATH}/{quote(file_id, safe='')}/details"


def listing_params(listing: Listing, *, skip: int, limit: int) -> dict[str, str]:
    """Return the query parameters of a listing, oldest files first."""
    params = {"limit": str(limit), "skip": str(skip), "sort": "ASC_CREATED"}
    params |= {"type": "file"} if listing.query is None else {"searchQuery": listing.query}
    return params if listing.folder is None else params | {"path": listing.folder}


def bulk_payload(request: Request) -> dict[str, list[str]]:
    """Return the body of a bulk call (OpenAPI: fileIds and tags, or AITags for removeAITags)."""
    return {"fileIds": list(request.file_ids), _BULK_TAGS_KEY[request.op]: list(request.tags)}


def server_words(response: Response) -> str:
    """Return the message of an error response, escaped and shortened; the status if it has none."""
    try:
        _check_values(response)
        message = json.loads(response.body.decode("utf-8-sig", "surrogatepass"))["message"]
    except (ProtocolError, ValueError, RecursionError, KeyError, TypeError):
        message = None
    return shown(message, SERVER_WORDS) if isinstance(message, str) and message else f"status {response.status}"


def refuses_key(response: Response) -> bool:
    """Return whether a response refuses the key itself; any other 403 may be about the files of the call."""
    if response.status != 403:  # noqa: PLR2004 - HTTP
        return response.status == 401  # noqa: PLR2004 - HTTP
    words = " ".join(server_words(response).casefold().split())
    return any(refusal in words for refusal in _KEY_REFUSALS)


def check_status(response: Response, *, is_read: bool) -> None:
    """Raise the errors that a status means for every call.

    Args:
        response: the response.
        is_read: whether the call only reads; a 403 then refuses the key. In a bulk call it may be about single files.

    Raises:
        AuthorisationError: ImageKit does not accept the key.
        ServerFaultError: ImageKit failed (5xx).
        ProtocolError: ImageKit returned a status other than 2xx, 4xx or 5xx.
    """
    status, request_id = response.status, response.request_id
    if refuses_key(response) or (is_read and status == HTTPStatus.FORBIDDEN):
        raise AuthorisationError(
            f"ImageKit does not accept the key: {server_words(response)} Check that it is the private key of this "
            "endpoint's account.",
            request_id=request_id,
        )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise ServerFaultError(f"ImageKit failed: {server_words(response)}", request_id=request_id)
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES and not 400 <= status < 500:  # noqa: PLR2004 - HTTP
        raise ProtocolError(f"ImageKit returned the unexpected status {status}", request_id=request_id)


def bulk_result(response: Response, request: Request) -> BulkResult:
    """Interpret the response to a bulk call, after `check_status`.

    A 404 means that nothing was changed (documentation: "If ANY of the fileId is not found ... The whole operation
    fails"). A 207 reports each file.

    Raises:
        ProtocolError: a 200, 207 or 404 that is not JSON.
    """
    if response.status in (200, 207):
        return _done(json_body(response), request)
    if response.status < 300:  # noqa: PLR2004 - HTTP
        return Accepted(response.status)
    if response.status == 404:  # noqa: PLR2004 - HTTP
        named = _ids(json_body(response), "missingFileIds")
        # Only files of this call count: a wrong ID must not mark another file as deleted.
        return Gone(frozenset(named or ()) & frozenset(request.file_ids))
    return Refused(response.status, server_words(response))


def _done(body: Any, request: Request) -> Done | Unclear:
    """Check that a response names each file of its call exactly once, as updated or with an error."""
    updated = _ids(body, "successfullyUpdatedFileIds")
    errors = body.get("errors") or [] if isinstance(body, dict) else None
    if updated is None or not isinstance(errors, list):
        return Unclear("its response names no files")
    failed: dict[str, str] = {}
    for item in errors:
        if not isinstance(item, dict) or not isinstance(item.get("fileId"), str):
            return Unclear("its response contains an error that names no file")
        failed[item["fileId"]] = shown(str(item.get("error") or "no reason given"), SERVER_WORDS)
    counts = Counter(updated) + Counter(item["fileId"] for item in errors)
    if counts != Counter(set(request.file_ids)):
        return Unclear("its response does not name each file of the call once")
    return Done(frozenset(updated), failed)


def _ids(body: Any, key: str) -> list[str] | None:
    """Return a list of IDs from a response; None if it has none."""
    ids = body.get(key) if isinstance(body, dict) else None
    return ids if isinstance(ids, list) and all(isinstance(item, str) for item in ids) else None
