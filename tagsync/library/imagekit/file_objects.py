"""Read ImageKit's file objects, one by one and in pages; `wire` reads its other answers.

One object that cannot be read costs no other: it is named with its id and the reason, and left out.
"""

import re
from functools import partial
from operator import itemgetter
from sys import float_info
from typing import Annotated, Any

import msgspec
from msgspec import Meta

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

_INTEGER = Meta(ge=-(2**63), le=2**63 - 1)
_FINITE = Meta(ge=-float_info.max, le=float_info.max)


class _AITagObject(msgspec.Struct):
    name: str
    confidence: Annotated[int, _INTEGER] | Annotated[float, _FINITE] | None = None
    source: str | None = None


class _Version(msgspec.Struct):
    id: Any = None


class _ListedRow(msgspec.Struct, rename="camel"):
    """What tells a listing's rows apart, whatever their kind."""

    type: Any = "file"
    id: Any = None
    name: Any = None
    file_id: Any = None
    folder_id: Any = None
    version_info: _Version | list[Any] | str | int | float | bool | None = None
    created_at: Any = None


class _ListedFile(_ListedRow, rename="camel"):
    """A row that can be read. Members that only describe a file may hold anything."""

    file_id: Annotated[str, Meta(min_length=1, max_length=MAX_ID)] | None = None
    file_path: str | None = None
    tags: list[str] | None = None
    ai_tags: list[_AITagObject] | None = msgspec.field(name="AITags", default=None)
    thumbnail: Any = None
    updated_at: Any = None


_MEMBERS: tuple[tuple[str, Any, str], ...] = (
    # A dot or two in a URL would lead elsewhere.
    ("fileId", Annotated[str, Meta(pattern=rf"(?s)\A(?!\.{{1,2}}\Z).{{1,{MAX_ID}}}\Z")], "it has no usable fileId"),
    ("filePath", str, "it has no usable filePath"),
    ("tags", list[str] | None, "tags is not a list of texts"),
    ("AITags", list[_AITagObject] | None, "AITags is not a list of names with a confidence and a source"),
)
"""The members that a file has to have, their types, and the error if one cannot be read."""


class FileReader:
    """Reads file objects.

    Args:
        thumbnails: whether the files' thumbnails are kept.
    """

    def __init__(self, *, thumbnails: bool = False) -> None:
        self._thumbnails = thumbnails
        self._decode = msgspec.json.Decoder(list[_ListedFile]).decode

    def page(self, answer: Answer) -> Page:
        """Return a listing page (OpenAPI: a bare array); folders and old versions are left out.

        Raises:
            ProtocolError: it is no such page.
        """
        check_json(answer)
        try:
            rows = self._decode(answer.body)
            files = tuple([self._file(row) for row in rows if row.type == "file"])
        except (msgspec.DecodeError, UnicodeError, RecursionError, TypeError):
            return self._page_row_by_row(answer)
        return Page(files, tuple(map(_key, rows)), tuple([_text_or_empty(row.created_at) for row in rows]))

    def _page_row_by_row(self, answer: Answer) -> Page:
        """Return a page in which something is odd about one row, or about the whole of it."""
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
        rows = [msgspec.convert(item, _ListedRow) if isinstance(item, dict) else None for item in items]
        keys = [_key(row) if row else f"odd/{item!r}" for row, item in zip(rows, items, strict=True)]
        moments = tuple([_text_or_empty(row.created_at) if row else "" for row in rows])
        return Page(tuple(files), tuple(keys), moments, tuple(unreadable))

    def details(self, answer: Answer) -> CurrentFile:
        """Return the file of a details answer.

        Raises:
            ProtocolError: the answer is not JSON.
            UnreadableError: it is JSON, but no file object that can be read.
        """
        return self.file(json_body(answer), answer.request_id)

    def file(self, item: Any, request_id: str | None = None) -> CurrentFile:
        """Return one file object. Tags that are null, absent or `[]` are one thing: none.

        Raises:
            UnreadableError: it is no file object that can be read.
        """
        if fault := _fault(item):
            raise UnreadableError(_unreadable(item, fault), request_id)
        return self._file(msgspec.convert(item, _ListedFile))

    def _file(self, row: _ListedFile) -> CurrentFile:
        """Return a row's file; its tags are sorted, for the API promises no order, and no plan may differ by it."""
        if row.file_id is None or row.file_path is None or row.file_id in _NO_STEPS:
            raise TypeError
        ai_tags = [_new_ai_tag((tag.name, tag.confidence, tag.source or "")) for tag in row.ai_tags or ()]
        if len(ai_tags) > 1:
            ai_tags.sort(key=_AI_TAG_ORDER)
        return CurrentFile(
            row.file_id,
            row.file_path,
            tuple(sorted(row.tags or ())),
            tuple(ai_tags),
            _text_or_empty(row.created_at),
            _text_or_empty(row.updated_at),
            _loadable(row.thumbnail) if self._thumbnails else "",
        )


def _fault(item: Any) -> str | None:
    """Return why a file object cannot be read; None if it can. Half a surrogate pair could not be sent back."""
    for name, kind, words in _MEMBERS:
        try:
            msgspec.json.encode(msgspec.convert(item.get(name) if isinstance(item, dict) else None, kind))
        except UnicodeEncodeError:
            return f"{name} has half a surrogate pair"
        except (msgspec.ValidationError, OverflowError):
            return words
    return None


def _unreadable(item: Any, why: str) -> Unreadable:
    """Return what an object that cannot be read says of itself: its ID and path."""
    members = item if isinstance(item, dict) else {}
    return Unreadable(_legible(members.get("fileId")), _legible(members.get("filePath")), why)


def _legible(value: Any) -> str:
    """Return a text as it is, escaped if it has half a surrogate pair; nothing if it is no text."""
    text = _text_or_empty(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        return shown(text)
    return text


def _text_or_empty(value: Any) -> str:
    return value if value.__class__ is str else ""


def _is_file(item: Any) -> bool:
    """Tell whether a row is a file's, or nothing that can be read; media collections have no type and neither ID."""
    if not isinstance(item, dict):
        return True
    return item.get("type", "file") == "file" and ("type" in item or "fileId" in item or "filePath" in item)


_AI_TAG_ORDER = itemgetter(0, 2)
_new_ai_tag = partial(tuple.__new__, AITag)
"""Makes an AI tag of its three values in a third of the time: a large library has millions."""

_NO_STEPS = frozenset((".", ".."))


def _loadable(url: Any) -> str:
    """Return the URL of a file's thumbnail (OpenAPI: `thumbnail`), empty where it is none that a page may load."""
    return url if isinstance(url, str) and _HTTPS.fullmatch(url) else ""


_HTTPS = re.compile("https://[!-~]{1,4000}")


def _key(row: _ListedRow) -> str:
    """Return what tells a listing's rows apart, whatever their kind; media collections have neither ID."""
    identity = row.file_id or row.folder_id
    if not identity:
        return f"{row.type}//{row.id}/{row.name}/{row.created_at}"
    version = row.version_info
    return f"{row.type}/{identity}/{version.id if isinstance(version, _Version) else None}"
