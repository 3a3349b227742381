"""Read ImageKit's file objects, one by one and in pages; `wire` reads its other answers.

One object that cannot be read costs no other: it is named with its id and the reason, and left out.
"""

import re
from collections.abc import Callable
from functools import partial
from math import isfinite
from operator import itemgetter
from typing import Annotated, Any

import msgspec

from tagsync.errors import ProtocolError, UnreadableError
from tagsync.escape import shown
from tagsync.library.http.answer import Answer
from tagsync.library.imagekit.wire import check_json, json_body
from tagsync.library.protocol import Page
from tagsync.model import AITag, CurrentFile, Unreadable

PAGE_LIMIT = 1000
"""Most files that one listing call returns (OpenAPI: `limit`, maximum 1000)."""

MAX_ID = 200
"""A longer file id is none (every published one has 24 characters): calls carry ids in their URLs."""


_PERCENT = msgspec.Meta(ge=0, le=100)


class _PlainAITag(msgspec.Struct):
    name: str
    confidence: Annotated[int, _PERCENT] | Annotated[float, _PERCENT] | None = None
    source: str | None = None


class _PlainVersion(msgspec.Struct):
    id: str | None = None


class _PlainRow(msgspec.Struct, rename="camel"):
    """A row of a listing as nearly all of them are; what is not is read member by member."""

    type: str = "file"
    id: str | None = None
    name: str | None = None
    file_id: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID)] | None = None
    file_path: str | None = None
    folder_id: str | None = None
    tags: list[str] | None = None
    ai_tags: list[_PlainAITag] | None = msgspec.field(name="AITags", default=None)
    version_info: _PlainVersion | None = None
    thumbnail: str | None = None
    created_at: str | None = None
    updated_at: str | None = None


class FileReader:
    """Reads file objects.

    Args:
        thumbnails: whether the files' thumbnails are kept.
    """

    def __init__(self, *, thumbnails: bool = False) -> None:
        self._thumbnails = thumbnails
        self._plain = msgspec.json.Decoder(list[_PlainRow])

    def page(self, answer: Answer) -> Page:
        """Return a listing page (OpenAPI: a bare array); folders and old versions are left out.

        Raises:
            ProtocolError: it is no such page.
        """
        check_json(answer)
        try:
            items = self._plain.decode(answer.body)
            files = tuple([self._plain_file(item) for item in items if item.type == "file"])
        except (msgspec.DecodeError, UnicodeError, RecursionError, TypeError):
            # Something odd about one row, or the whole of it: reading row by row tells, and makes the same a page
            return self._odd_page(answer)
        return Page(files, tuple(map(_plain_key, items)), tuple([item.created_at or "" for item in items]))

    def _plain_file(self, item: _PlainRow) -> CurrentFile:
        if item.file_id is None or item.file_path is None or item.file_id in _NO_STEPS:
            raise TypeError
        ai_tags = [_new_ai_tag((tag.name, tag.confidence, tag.source or "")) for tag in item.ai_tags or ()]
        if len(ai_tags) > 1:
            ai_tags.sort(key=_AI_TAG_ORDER)
        return CurrentFile(
            item.file_id,
            item.file_path,
            tuple(sorted(item.tags or ())),
            tuple(ai_tags),
            item.created_at or "",
            item.updated_at or "",
            _loadable(item.thumbnail) if self._thumbnails else "",
        )

    def _odd_page(self, answer: Answer) -> Page:
        items = json_body(answer)
        if not isinstance(items, list):
            raise ProtocolError("the library's listing is not a list", request_id=answer.request_id)
        if items and not any(isinstance(item, dict) for item in items):
            raise ProtocolError("the library's listing holds something other than files", request_id=answer.request_id)
        files, unreadable = [], []
        for item in filter(_is_file, items):
            try:
                files.append(self.file(item))
            except UnreadableError as error:
                unreadable.append(error.what)
        rows = tuple(map(_row_key, items))
        return Page(tuple(files), rows, tuple(map(_moment, items)), tuple(unreadable))

    def details(self, answer: Answer) -> CurrentFile:
        """Return the file of a details answer.

        Raises:
            ProtocolError: the answer is not JSON.
            UnreadableError: it is JSON, but no file object that can be read.
        """
        return self.file(json_body(answer), answer.request_id)

    def file(self, item: Any, request_id: str | None = None) -> CurrentFile:
        """Return one file object. Tags that are null, absent or `[]` are one thing: none.

        Tags are sorted: the API promises no order, and no plan may differ by it.

        Raises:
            UnreadableError: it is no file object that can be read.
        """
        values: list[Any] = []
        for name, read, why in _MEMBERS:
            try:
                values.append(read(item))
            except UnicodeEncodeError as error:
                raise UnreadableError(_unreadable(item, f"{name} has half a surrogate pair"), request_id) from error
            except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
                raise UnreadableError(_unreadable(item, why), request_id) from error
        updated = item.get("updatedAt")
        file_id, path, tags, ai_tags = values
        return CurrentFile(
            file_id,
            path,
            tags,
            ai_tags,
            _moment(item),
            updated if updated.__class__ is str else "",
            _loadable(item.get("thumbnail")) if self._thumbnails else "",
        )


def _unreadable(item: Any, why: str) -> Unreadable:
    """Return what an object that cannot be read says of itself: its ID and path, escaped where they are not sound."""
    members = item if isinstance(item, dict) else {}
    return Unreadable(_legible(members.get("fileId")), _legible(members.get("filePath")), why)


def _legible(value: Any) -> str:
    """Return a text as it is, escaped if it has half a surrogate pair; nothing if it is no text."""
    try:
        return _text(value)
    except TypeError:
        return ""
    except UnicodeEncodeError:
        return shown(value)


def _is_file(item: Any) -> bool:
    """Tell whether a row is a file's, or nothing that can be read; media collections have no type and neither ID."""
    if not isinstance(item, dict):
        return True
    return item.get("type", "file") == "file" and ("type" in item or "fileId" in item or "filePath" in item)


def _moment(item: Any) -> str:
    created = item.get("createdAt") if isinstance(item, dict) else None
    return created if isinstance(created, str) else ""


def _ai_tag(item: Any) -> AITag:
    confidence = item.get("confidence")
    if confidence.__class__ not in _NUMBERS or (confidence is not None and not isfinite(confidence)):
        raise TypeError
    return AITag(_text(item["name"]), confidence, _text(item.get("source") or ""))


_AI_TAG_ORDER = itemgetter(0, 2)
_new_ai_tag = partial(tuple.__new__, AITag)
"""Makes an AI tag of its three values in a third of the time: a large library has millions."""

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


def _loadable(url: Any) -> str:
    """Return the URL of a file's thumbnail (OpenAPI: `thumbnail`), empty where it is none that a page may load."""
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


_MEMBERS: tuple[tuple[str, Callable[[Any], Any], str], ...] = (
    ("fileId", lambda item: _file_id(item["fileId"]), "it has no usable fileId"),
    ("filePath", lambda item: _text(item["filePath"]), "it has no usable filePath"),
    ("tags", lambda item: tuple(sorted(map(_text, _list(item, "tags")))), "tags is not a list of texts"),
    (
        "AITags",
        lambda item: tuple(sorted([_ai_tag(tag) for tag in _list(item, "AITags")], key=_AI_TAG_ORDER)),
        "AITags is not a list of names with a confidence and a source",
    ),
)
"""The members that a file has to have, in the order of `CurrentFile`, and what is wrong where one cannot be read."""


def _row_key(item: Any) -> str:
    """Return what tells a listing's rows apart, whatever their kind."""
    if not isinstance(item, dict):
        return f"odd/{item!r}"
    version = item.get("versionInfo")
    version_id = version.get("id") if isinstance(version, dict) else None
    identity = item.get("fileId") or item.get("folderId")
    kind = item.get("type", "file")
    if not identity:
        return _nameless(kind, *(item.get(name) for name in ("id", "name", "createdAt")))
    return f"{kind}/{identity}/{version_id}"


def _plain_key(item: _PlainRow) -> str:
    identity = item.file_id or item.folder_id
    if not identity:
        return _nameless(item.type, item.id, item.name, item.created_at)
    return f"{item.type}/{identity}/{item.version_info and item.version_info.id}"


def _nameless(kind: Any, *rest: Any) -> str:
    """Return a key for a row without fileId and folderId, as media collections are."""
    return f"{kind}//{'/'.join(map(str, rest))}"
