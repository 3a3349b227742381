"""What ImageKit's payloads mean; no network, no waiting, no retries. What it says of its limits is read in `limits`.

Facts of the API are marked with where they come from: the official OpenAPI description or the documentation.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from operator import itemgetter
from typing import Any

from tagsync.errors import ProtocolError
from tagsync.model import AITag, CurrentFile, Op, Request
from tagsync.printable import shown

PAGE_LIMIT = 1000
"""Most files that one listing call returns (OpenAPI: `limit`, maximum 1000)."""

SERVER_WORDS = 300
"""How much of a server's message is repeated."""

MAX_ID = 200
"""A longer file id is none (every published one has 24 characters): calls carry ids in their URLs."""

BULK_PATHS = {op: f"/v1/files/{op}" for op in Op}

_BULK_TAGS_KEY = {Op.ADD: "tags", Op.REMOVE: "tags", Op.REMOVE_AI: "AITags"}


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def request_id(self) -> str | None:
        """The server's name for the call (documentation: every response has `x-ik-requestId`)."""
        found = self.headers.get("x-ik-requestid")
        return shown(found, 100) if found else None


@dataclass(frozen=True, slots=True)
class Done:
    """200 or 207: which files were updated, and the server's words for those that were not."""

    updated: frozenset[str]
    failed: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Gone:
    """404: nothing was applied; the ids that do not exist, empty where the server names none of those asked for."""

    missing: frozenset[str]


@dataclass(frozen=True, slots=True)
class Refused:
    """400 and other final answers: nothing was applied, in the server's words."""

    status: int
    words: str


@dataclass(frozen=True, slots=True)
class Unclear:
    """An answer that contradicts itself or the call; what was applied is not known."""

    why: str


BulkResult = Done | Gone | Refused | Unclear


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing: its files, and a key for each row it had, folders and old versions included.

    `thumbnails` are the files' small pictures by file id, where these were asked for.
    """

    files: tuple[CurrentFile, ...]
    rows: tuple[str, ...]
    thumbnails: Mapping[str, str] = field(default_factory=dict)


class FileReader:
    """Reads file objects; equal texts are kept once, for tags and their sources repeat by the thousand."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def page(self, answer: Answer, *, thumbnails: bool = False) -> Page:
        """Return a listing page (OpenAPI: a bare array); folders and old versions are left out.

        Args:
            answer: the library's answer.
            thumbnails: whether the files' thumbnails are kept too.

        Raises:
            ProtocolError: it is no such page.
        """
        items = json_body(answer)
        if not isinstance(items, list):
            raise ProtocolError("the library's listing is not a list", request_id=answer.request_id)
        if not all(isinstance(item, dict) for item in items):
            raise ProtocolError("the library's listing holds something other than files", request_id=answer.request_id)
        found = [item for item in items if item.get("type", "file") == "file"]
        files = tuple(self.file(item, answer.request_id) for item in found)
        pictures = (
            {file.file_id: _thumbnail(item) for file, item in zip(files, found, strict=True)} if thumbnails else {}
        )
        kept = {file_id: url for file_id, url in pictures.items() if url}
        return Page(files, tuple(map(_row_key, items)), kept)

    def details(self, answer: Answer) -> CurrentFile:
        """Return the file of a details answer.

        Raises:
            ProtocolError: it is no file.
        """
        return self.file(json_body(answer), answer.request_id)

    def file(self, item: Any, request_id: str | None = None) -> CurrentFile:
        """Return one file object. Tags that are null, absent or `[]` are one thing: none.

        Tags are sorted: the API promises no order, and no plan may differ by it.

        Raises:
            ProtocolError: it is no file object.
        """
        try:
            created = item.get("createdAt")
            return CurrentFile(
                file_id=_file_id(item["fileId"]),
                path=_text(item["filePath"]),
                tags=tuple(sorted([self._known_text(tag) for tag in _list(item, "tags")])),
                ai_tags=tuple(sorted([self._ai_tag(tag) for tag in _list(item, "AITags")], key=_AI_TAG_ORDER)),
                created_at=created if created.__class__ is str else "",
            )
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise ProtocolError("the library sent a file that cannot be read", request_id=request_id) from error

    def _known_text(self, value: Any) -> str:
        known = self._known.get(value)
        if known is None:
            known = self._known[value] = _text(value)
        return known

    def _ai_tag(self, item: Any) -> AITag:
        confidence = item.get("confidence")
        if confidence.__class__ not in _NUMBERS or (confidence is not None and not isfinite(confidence)):
            raise TypeError
        return AITag(self._known_text(item["name"]), confidence, self._known_text(item.get("source") or ""))


_AI_TAG_ORDER = itemgetter(0, 2)
_NUMBERS = (float, int, type(None))


def _text(value: Any) -> str:
    """Return a text that can be sent back; half a surrogate pair cannot."""
    if value.__class__ is not str:
        raise TypeError
    text: str = value
    if not text.isascii():
        text.encode()
    return text


def _file_id(value: Any) -> str:
    """Return an id that a URL can hold as one of its steps; a dot or two would lead elsewhere."""
    file_id = _text(value)
    if file_id in _NO_STEPS or len(file_id) > MAX_ID:
        raise ValueError
    return file_id


_NO_STEPS = frozenset(("", ".", ".."))


def _thumbnail(item: Any) -> str:
    """Return the URL of a file's thumbnail (OpenAPI: `thumbnail`), empty where it has none that a page may load."""
    url = item.get("thumbnail")
    return url if isinstance(url, str) and _HTTPS.fullmatch(url) else ""


_HTTPS = re.compile("https://[!-~]{1,4000}")


def _list(item: Any, key: str) -> list[Any]:
    """Return a list that may be null or absent."""
    value = item.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise TypeError
    return value


def _row_key(item: Any) -> str:
    """Return what tells a listing's rows apart, whatever their kind."""
    version = item.get("versionInfo")
    version_id = version.get("id") if isinstance(version, dict) else None
    parts = (item.get("type"), item.get("fileId") or item.get("folderId"), version_id)
    return "/".join(map(str, parts))


def json_body(answer: Answer) -> Any:
    """Return an answer's JSON.

    Raises:
        ProtocolError: it is not JSON, or nested too deeply.
    """
    kind = answer.headers.get("content-type")
    called = shown(kind or "no content type", 60)
    fault = ProtocolError(
        f"the library answered {answer.status} with something that is not JSON ({called})", request_id=answer.request_id
    )
    if kind and "json" not in kind.lower():
        raise fault
    try:
        return json.loads(answer.body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise fault from error


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def bulk_payload(request: Request) -> dict[str, list[str]]:
    """Return the body of a bulk call (OpenAPI: fileIds beside tags, or AITags for removeAITags)."""
    return {"fileIds": list(request.file_ids), _BULK_TAGS_KEY[request.op]: list(request.tags)}


def server_words(answer: Answer) -> str:
    """Return the message of an error answer, safe to print and cut; a stand-in where it has none."""
    try:
        message = json.loads(answer.body)["message"]
    except (ValueError, RecursionError, KeyError, TypeError):
        message = None
    return shown(message, SERVER_WORDS) if isinstance(message, str) and message else f"status {answer.status}"


def bulk_result(answer: Answer, request: Request) -> BulkResult:
    """Return what an answer other than 401, 403, 429 and 5xx says about a bulk call.

    404 is all or nothing (documentation: "If ANY of the fileId is not found ... The whole operation fails").

    Raises:
        ProtocolError: a 2xx or 404 that is not JSON.
    """
    if answer.status in (200, 207):
        return _done(json_body(answer), request)
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
