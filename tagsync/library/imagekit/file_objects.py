"""Parse ImageKit's file objects, single or in pages; `wire` parses its other responses.

An object that cannot be parsed does not affect others: the page lists it with its ID and the reason.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from operator import itemgetter
from sys import float_info
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from tagsync.errors import ProtocolError, UnreadableError
from tagsync.escape import shown
from tagsync.library.http.response import Response
from tagsync.library.imagekit.wire import check_json, json_body
from tagsync.library.protocol import Page
from tagsync.model import AITag, CurrentFile, Unreadable
from tagsync.model.templates import CREATED_AT, CUSTOM_METADATA, FILE_TYPE

MAX_ID = 200
"""The maximum length of a file ID, because URLs contain IDs. Every published ID has 24 characters."""

_INTEGER = Meta(ge=-(2**63), le=2**63 - 1)
_FINITE = Meta(ge=-float_info.max, le=float_info.max)


class _AITagObject(msgspec.Struct):
    name: str
    confidence: Annotated[int, _INTEGER] | Annotated[float, _FINITE] | None = None
    source: str | None = None


class _Version(msgspec.Struct):
    id: Any = None


class _ListedRow(msgspec.Struct, rename="camel"):
    """The fields that identify a row of a listing, of any kind."""

    type: Any = "file"
    id: Any = None
    name: Any = None
    file_id: Any = None
    folder_id: Any = None
    version_info: _Version | list[Any] | str | int | float | bool | None = None
    created_at: Any = None


class _ListedFile(_ListedRow, rename="camel"):
    """A row with a valid file. Fields that only describe the file may contain anything."""

    file_id: Annotated[str, Meta(min_length=1, max_length=MAX_ID)] | None = None
    file_path: str | None = None
    tags: list[str] | None = None
    ai_tags: list[_AITagObject] | None = msgspec.field(name="AITags", default=None)
    thumbnail: Any = None
    updated_at: Any = None


class _FileWithFields(_ListedFile, rename="camel"):
    """A file with the data that templates can use."""

    file_type: Any = None
    custom_metadata: Any = None


_MEMBERS: tuple[tuple[str, Any, str], ...] = (
    # The IDs "." and ".." would change the path of a URL.
    ("fileId", Annotated[str, Meta(pattern=rf"(?s)\A(?!\.{{1,2}}\Z).{{1,{MAX_ID}}}\Z")], "it has no usable fileId"),
    ("filePath", str, "it has no usable filePath"),
    ("tags", list[str] | None, "tags is not a list of strings"),
    ("AITags", list[_AITagObject] | None, "AITags is not a list of names with a confidence and a source"),
)
"""The required fields of a file, their types, and the error message for an invalid one."""


class FileReader:
    """Parses file objects.

    Args:
        thumbnails: whether to keep the files' thumbnail URLs.
        fields: the data to keep for templates, like `fileType` and `customMetadata.season`; `createdAt` is always kept.
            `customMetadata` keeps all its fields.
        objects: whether pages keep the files' JSON objects.
    """

    def __init__(self, *, thumbnails: bool = False, fields: Collection[str] = (), objects: bool = False) -> None:
        self._thumbnails = thumbnails
        self._objects = objects
        self._fields = tuple(sorted(set(fields) - {CREATED_AT}))
        self._kind = _FileWithFields if self._fields else _ListedFile
        self._decode = msgspec.json.Decoder(list[self._kind]).decode  # type: ignore[name-defined]

    def page(self, response: Response) -> Page:
        """Parse a listing page (OpenAPI: a bare array).

        Returns:
            The page; its `files` do not include folders and old versions.

        Raises:
            ProtocolError: the response is not a listing.
        """
        check_json(response)
        # Decode the whole page at once, which is fast. Only if that fails, parse row by row.
        try:
            rows = self._decode(response.body)
            files = tuple([self._file(row) for row in rows if row.type == "file"])
            objects = _objects(response.body, rows) if self._objects else ()
        except (msgspec.DecodeError, UnicodeError, RecursionError, TypeError):
            return self._page_row_by_row(response)
        moments = tuple([_text_or_empty(row.created_at) for row in rows])
        return Page(files, tuple(map(_key, rows)), moments, objects=objects)

    def _page_row_by_row(self, response: Response) -> Page:
        """Parse a page with invalid rows."""
        items = json_body(response)
        if not isinstance(items, list):
            raise ProtocolError("the listing is not a JSON array", request_id=response.request_id)
        if items and not any(isinstance(item, dict) for item in items):
            raise ProtocolError("the listing contains no file objects", request_id=response.request_id)
        files, unreadable, objects = [], [], []
        for item in filter(_is_file, items):
            try:
                files.append(self.file(item))
            except UnreadableError as error:
                unreadable.append(error.what)
            else:
                # Half a surrogate pair, which no text file can have, becomes a question mark.
                objects.append(json.dumps(item, ensure_ascii=False).encode("utf-8", "replace"))
        rows = [msgspec.convert(item, _ListedRow) if isinstance(item, dict) else None for item in items]
        keys = [_key(row) if row else f"odd/{item!r}" for row, item in zip(rows, items, strict=True)]
        moments = tuple([_text_or_empty(row.created_at) if row else "" for row in rows])
        return Page(tuple(files), tuple(keys), moments, tuple(unreadable), tuple(objects) if self._objects else ())

    def details(self, response: Response) -> CurrentFile:
        """Parse the response with a file's details.

        Raises:
            ProtocolError: the response is not JSON.
            UnreadableError: it is not a valid file object.
        """
        return self.file(json_body(response), response.request_id)

    def file(self, item: Any, request_id: str | None = None) -> CurrentFile:
        """Parse one file object. Tags that are null, absent or `[]` all mean no tags.

        Raises:
            UnreadableError: it is not a valid file object.
        """
        if reason := _invalid(item):
            raise UnreadableError(_unreadable(item, reason), request_id)
        return self._file(msgspec.convert(item, self._kind))

    def _file(self, row: _ListedFile) -> CurrentFile:
        if row.file_id is None or row.file_path is None or row.file_id in _DOT_SEGMENTS:
            raise TypeError
        # The API promises no order of tags. Sort them, so that equal libraries give equal plans.
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
            tuple(_field_values(row, self._fields)) if isinstance(row, _FileWithFields) else (),
        )


def _objects(body: bytes, rows: Sequence[_ListedRow]) -> tuple[bytes, ...]:
    """Return the JSON of each file on a page, in one line."""
    raw = msgspec.json.decode(body, type=list[msgspec.Raw])
    # Valid JSON has line breaks only between tokens, so removing them changes no value.
    return tuple(
        [bytes(item).translate(None, b"\r\n") for item, row in zip(raw, rows, strict=True) if row.type == "file"]
    )


def _field_values(row: _FileWithFields, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the data that a file has as text; a field with several values once for each, sorted."""
    custom = row.custom_metadata if isinstance(row.custom_metadata, dict) else {}
    for name in chain.from_iterable(_all_of(custom) if name == CUSTOM_METADATA else [name] for name in names):
        value = row.file_type if name == FILE_TYPE else custom.get(name.partition(".")[2])
        values = value if isinstance(value, list) else [value]
        # The API promises no order of a multi-select field either.
        for text in sorted(set(map(_text_of, values)) - {""}):
            yield name, text


def _all_of(custom: Mapping[str, Any]) -> list[str]:
    """Return the names of all fields of custom metadata."""
    return sorted(f"{CUSTOM_METADATA}.{_legible(name)}" for name in custom)


def _text_of(value: Any) -> str:
    """Return text, a number or a boolean as JSON has it; empty for all else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value:.15g}" if isinstance(value, float) else str(value)
    return _text_or_empty(value)


def _invalid(item: Any) -> str | None:
    """Return why a file object is invalid; None if it is valid."""
    for name, kind, words in _MEMBERS:
        try:
            # Encode it, too: text with half a surrogate pair can be parsed, but could not be sent back.
            msgspec.json.encode(msgspec.convert(item.get(name) if isinstance(item, dict) else None, kind))
        except UnicodeEncodeError:
            return f"{name} contains half a surrogate pair"
        except (msgspec.ValidationError, OverflowError):
            return words
    return None


def _unreadable(item: Any, why: str) -> Unreadable:
    """Describe an invalid object by its ID and path, as far as it has them."""
    members = item if isinstance(item, dict) else {}
    return Unreadable(_legible(members.get("fileId")), _legible(members.get("filePath")), why)


def _legible(value: Any) -> str:
    """Return a string, escaped if it has half a surrogate pair; empty for any other value."""
    text = _text_or_empty(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        return shown(text)
    return text


def _text_or_empty(value: Any) -> str:
    return value if value.__class__ is str else ""


def _is_file(item: Any) -> bool:
    """Return whether a row is a file or an unknown value; media collections have no type and no ID or path."""
    if not isinstance(item, dict):
        return True  # parsing it fails, and the page then lists it as unreadable
    return item.get("type", "file") == "file" and ("type" in item or "fileId" in item or "filePath" in item)


_AI_TAG_ORDER = itemgetter(0, 2)
_new_ai_tag = partial(tuple.__new__, AITag)
"""Builds an AI tag in a third of the usual time, because a large library has millions."""

_DOT_SEGMENTS = frozenset((".", ".."))


def _loadable(url: Any) -> str:
    """Return a file's thumbnail URL (OpenAPI: `thumbnail`); empty if an HTML report must not load it."""
    return url if isinstance(url, str) and _HTTPS.fullmatch(url) else ""


_HTTPS = re.compile("https://[!-~]{1,4000}")


def _key(row: _ListedRow) -> str:
    """Return a key that identifies a row of any kind within a listing."""
    identity = row.file_id or row.folder_id
    if not identity:  # a media collection
        return f"{row.type}//{row.id}/{row.name}/{row.created_at}"
    version = row.version_info
    return f"{row.type}/{identity}/{version.id if isinstance(version, _Version) else None}"
