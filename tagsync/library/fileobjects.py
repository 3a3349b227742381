"""What ImageKit's file objects mean, one by one and in pages; what else it answers is in `wire`."""

import re
from dataclasses import dataclass
from functools import partial
from math import isfinite
from operator import itemgetter
from typing import Annotated, Any

import msgspec

from tagsync.errors import ProtocolError
from tagsync.library.wire import Answer, check_json, json_body
from tagsync.model import AITag, CurrentFile

PAGE_LIMIT = 1000
"""Most files that one listing call returns (OpenAPI: `limit`, maximum 1000)."""

MAX_ID = 200
"""A longer file id is none (every published one has 24 characters): calls carry ids in their URLs."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing: its files, and a key for each row it had, folders and old versions included."""

    files: tuple[CurrentFile, ...]
    rows: tuple[str, ...]


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
        except (ValueError, TypeError, RecursionError):  # not plain: perhaps all the same a page
            return self._odd_page(answer)
        return Page(files, tuple(map(_plain_key, items)))

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
        if not all(isinstance(item, dict) for item in items):
            raise ProtocolError("the library's listing holds something other than files", request_id=answer.request_id)
        files = tuple(self.file(item, answer.request_id) for item in items if item.get("type", "file") == "file")
        return Page(files, tuple(map(_row_key, items)))

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
            created, updated = item.get("createdAt"), item.get("updatedAt")
            return CurrentFile(
                file_id=_file_id(item["fileId"]),
                path=_text(item["filePath"]),
                tags=tuple(sorted(map(_text, _list(item, "tags")))),
                ai_tags=tuple(sorted([_ai_tag(tag) for tag in _list(item, "AITags")], key=_AI_TAG_ORDER)),
                created_at=created if created.__class__ is str else "",
                updated_at=updated if updated.__class__ is str else "",
                thumbnail=_loadable(item.get("thumbnail")) if self._thumbnails else "",
            )
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise ProtocolError("the library sent a file that cannot be read", request_id=request_id) from error


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


def _row_key(item: Any) -> str:
    """Return what tells a listing's rows apart, whatever their kind."""
    version = item.get("versionInfo")
    version_id = version.get("id") if isinstance(version, dict) else None
    return f"{item.get('type', 'file')}/{item.get('fileId') or item.get('folderId')}/{version_id}"


def _plain_key(item: _PlainRow) -> str:
    return f"{item.type}/{item.file_id or item.folder_id}/{item.version_info and item.version_info.id}"
