"""Paths and payloads of ImageKit's API, and what its answers mean; `files` reads file objects.

Facts of the API are marked with where they come from: the official OpenAPI description or the documentation.
"""

import json
import re
from collections import Counter
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from tagsync.errors import AuthorisationError, ProtocolError, ServerFaultError
from tagsync.escape import shown
from tagsync.library.http.answer import SERVER_WORDS, Answer
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
"""What ImageKit answers to a key that it does not accept (documentation), without case and full stop."""


MAX_VALUES = 1_000_000
"""What holds more is no answer: a thousand for each file of a page. Each may take thirty times its bytes in memory."""

_HALF_PAIR = re.compile("[\ud800-\udfff]")

_FEW_BYTES = 4 << 20
"""The values of a body no longer than this are not counted."""


def json_body(answer: Answer) -> Any:
    """Return an answer's JSON.

    Raises:
        ProtocolError: it is not JSON, nested too deeply, or of more values than an answer has.
    """
    check_json(answer)
    try:
        text = answer.body.decode("utf-8-sig", "surrogatepass")
        return json.loads(text, object_hook=_with_sound_keys, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise _no_json(answer) from error


def check_json(answer: Answer) -> None:
    """Check that an answer says of itself that it is JSON, or says nothing, and that it can be read in little memory.

    Raises:
        ProtocolError: it says otherwise, or it holds too many values.
    """
    kind = answer.headers.get("content-type")
    if kind and "json" not in kind.lower():
        raise _no_json(answer)
    _check_values(answer)


def _check_values(answer: Answer) -> None:
    if len(answer.body) > _FEW_BYTES and sum(map(answer.body.count, (b"[", b"{", b","))) > MAX_VALUES:
        words = f"the library answered {answer.status} with more than {MAX_VALUES:,} values"
        raise ProtocolError(words, request_id=answer.request_id)


def _no_json(answer: Answer) -> ProtocolError:
    called = shown(answer.headers.get("content-type") or "no content type", 60)
    return ProtocolError(
        f"the library answered {answer.status} with something that is not JSON ({called})", request_id=answer.request_id
    )


def _with_sound_keys(members: dict[str, Any]) -> dict[str, Any]:
    """Leave out members whose name has half a surrogate pair: ImageKit names none so, and msgspec refuses them."""
    if all(map(str.isascii, members)):
        return members
    return {name: value for name, value in members.items() if not _HALF_PAIR.search(name)}


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def details_path(file_id: str) -> str:
    """Return the path of a file's details."""
    return f"{FILES_PATH}/{quote(file_id, safe='')}/details"


def listing_params(listing: Listing, *, skip: int, limit: int) -> dict[str, str]:
    """Return the parameters of a listing, oldest files first."""
    params = {"limit": str(limit), "skip": str(skip), "sort": "ASC_CREATED"}
    params |= {"type": "file"} if listing.query is None else {"searchQuery": listing.query}
    return params if listing.folder is None else params | {"path": listing.folder}


def bulk_payload(request: Request) -> dict[str, list[str]]:
    """Return the body of a bulk call (OpenAPI: fileIds and tags, or AITags for removeAITags)."""
    return {"fileIds": list(request.file_ids), _BULK_TAGS_KEY[request.op]: list(request.tags)}


def server_words(answer: Answer) -> str:
    """Return the message of an error answer, safe to print and cut; a stand-in where it has none."""
    try:
        _check_values(answer)
        message = json.loads(answer.body.decode("utf-8-sig", "surrogatepass"))["message"]
    except (ProtocolError, ValueError, RecursionError, KeyError, TypeError):
        message = None
    return shown(message, SERVER_WORDS) if isinstance(message, str) and message else f"status {answer.status}"


def refuses_key(answer: Answer) -> bool:
    """Tell whether an answer refuses the key itself; any other 403 may be about the files of its call."""
    if answer.status != 403:  # noqa: PLR2004 - HTTP
        return answer.status == 401  # noqa: PLR2004 - HTTP
    words = " ".join(server_words(answer).casefold().split())
    return any(refusal in words for refusal in _KEY_REFUSALS)


def check_status(answer: Answer, *, is_read: bool) -> None:
    """Raise what an answer's status means for any call. A 403 to a bulk call may be about single files.

    Raises:
        LibraryError: the library refuses the key, failed, or answered with a status that no call has.
    """
    status, request_id = answer.status, answer.request_id
    if refuses_key(answer) or (is_read and status == HTTPStatus.FORBIDDEN):
        raise AuthorisationError(
            f"the library does not accept the key: {server_words(answer)} Check what IMAGEKIT_PRIVATE_KEY, or the "
            "file that IMAGEKIT_PRIVATE_KEY_FILE names, holds, and that it is of this endpoint's account.",
            request_id=request_id,
        )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise ServerFaultError(f"the library failed: {server_words(answer)}", request_id=request_id)
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES and not 400 <= status < 500:  # noqa: PLR2004 - HTTP
        raise ProtocolError(f"the library answered {status}, which it never should", request_id=request_id)


def bulk_result(answer: Answer, request: Request) -> BulkResult:
    """Return what an answer other than 401, 429, 5xx and a refusal of the key says about a bulk call.

    404 is all or nothing (documentation: "If ANY of the fileId is not found ... The whole operation fails").

    Raises:
        ProtocolError: a 2xx or 404 that is not JSON.
    """
    if answer.status in (200, 207):
        return _done(json_body(answer), request)
    if answer.status < 300:  # noqa: PLR2004 - HTTP
        return Accepted(answer.status)
    if answer.status == 404:  # noqa: PLR2004 - HTTP
        named = _ids(json_body(answer), "missingFileIds")
        return Gone(frozenset(named or ()) & frozenset(request.file_ids))
    return Refused(answer.status, server_words(answer))


def _done(body: Any, request: Request) -> Done | Unclear:
    """Hold an answer against its call: each file named once, either as updated or with an error."""
    updated = _ids(body, "successfullyUpdatedFileIds")
    errors = body.get("errors") or [] if isinstance(body, dict) else None
    if updated is None or not isinstance(errors, list):
        return Unclear("its answer names no files")
    failed: dict[str, str] = {}
    for item in errors:
        if not isinstance(item, dict) or not isinstance(item.get("fileId"), str):
            return Unclear("its answer holds an error that names no file")
        failed[item["fileId"]] = shown(str(item.get("error") or "no reason given"), SERVER_WORDS)
    counts = Counter(updated) + Counter(item["fileId"] for item in errors)
    if counts != Counter(set(request.file_ids)):
        return Unclear("its answer does not name each file of the call once")
    return Done(frozenset(updated), failed)


def _ids(body: Any, key: str) -> list[str] | None:
    """Return a list of ids from an answer; None where there is none."""
    ids = body.get(key) if isinstance(body, dict) else None
    return ids if isinstance(ids, list) and all(isinstance(item, str) for item in ids) else None
