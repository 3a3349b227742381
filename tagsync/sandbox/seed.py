"""Read a library file, with one list-API object per line or in an array, as rows for the store."""

import codecs
import gzip
import hashlib
import io
import json
import stat
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from types import UnionType
from typing import Any, BinaryIO, cast

_BATCH = 5000
_KINDS = ("file", "file-version", "folder")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_ADVICE = "write one file object of the list API per line (jq -c makes such lines), or the API's array"


class SeedError(Exception):
    """A library file or a sandbox database cannot be used; the message is for users."""


class _NotAFile(Exception):  # noqa: N818 - becomes a SeedError with the place
    """An object is not a file, file version or folder of the list API; the message says why."""


def fingerprint_of(library: Path) -> str:
    """Return a hash of the library file, to notice when it changes.

    Raises:
        SeedError: it is not a regular file; a pipe could not be read twice.
        OSError: it cannot be read.
    """
    mode = library.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise SeedError(f"the library file {library} is not a regular file: save it as one")
    with library.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class LibraryFile:
    """A file to seed from: one object per line, or arrays as the list API returns them; gzip if it ends in `.gz`.

    Raises:
        SeedError: it is not text.
        OSError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with closing(self._text_lines()) as lines:
            first = next((line for line in lines if line.strip()), "")
        self._is_array = first.lstrip().startswith("[")

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield a row for each object.

        Raises:
            SeedError: an object is not one of the list API; the message has its place and the reason.
        """
        return (self.row(number, item) for number, item in self.objects())

    def row(self, number: int, item: Any) -> tuple[Any, ...]:
        """Return the row for an object; see `row_of`.

        Raises:
            SeedError: it is not an object of the list API; the message has its place and the reason.
        """
        try:
            return row_of(number, item)
        except _NotAFile as error:
            where = self.place(number)
            raise SeedError(f"{where} is not a file object as the list API returns it: {error}") from error

    def objects(self) -> Iterator[tuple[int, Any]]:
        """Yield the number and the JSON value of each object.

        Raises:
            SeedError: the file is not JSON; the message has the place and the reason.
        """
        return self._array() if self._is_array else self._lines()

    def place(self, number: int) -> str:
        """Return the place of an object, for messages."""
        return f"{self._path}: object {number} of the array" if self._is_array else f"{self._path}:{number}"

    def _lines(self) -> Iterator[tuple[int, Any]]:
        for number, line in enumerate(self._text_lines(), start=1):
            if line.strip():
                try:
                    item = json.loads(line)
                except (ValueError, RecursionError) as error:
                    raise SeedError(f"{self.place(number)} is not JSON: {_reason(error)}; {_ADVICE}") from error
                yield number, item

    def _array(self) -> Iterator[tuple[int, Any]]:
        """Yield the objects of an array, or of several: pages of the list API appended to one file."""
        text = "".join(self._text_lines()).strip()
        number = position = 0
        while position < len(text):
            try:
                page, position = _DECODER.raw_decode(text, position)
            except (ValueError, RecursionError) as error:
                raise SeedError(f"{self._path} is not a valid JSON array: {_reason(error)}; {_ADVICE}") from error
            for item in page if isinstance(page, list) else [page]:
                number += 1
                yield number, item
            while text[position : position + 1].isspace():
                position += 1

    def _text_lines(self) -> Generator[str]:
        """Yield lines of UTF-8, with or without a byte order mark, or of UTF-16 with one, as PowerShell writes."""
        try:
            with self._opened() as binary:
                start = binary.read(2)
                binary.seek(0)
                encoding = "utf-16" if start in _UTF_16 else "utf-8-sig"
                with io.TextIOWrapper(binary, encoding=encoding) as text:
                    yield from text
        except (UnicodeError, EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise SeedError(f"{self._path} is not text in UTF-8: {_ADVICE}") from error

    def _opened(self) -> BinaryIO:
        return cast("BinaryIO", gzip.open(self._path)) if self._path.suffix == ".gz" else self._path.open("rb")


_DECODER = json.JSONDecoder()


def _reason(error: ValueError | RecursionError) -> str:
    return str(error) if isinstance(error, json.JSONDecodeError) else "it is nested too deeply"


def row_of(number: int, item: Any) -> tuple[Any, ...]:
    """Convert an object of the list API to a row.

    Args:
        number: the row's number, which decides the order of rows that sort equally.
        item: the object; members with their own column are removed from it.
    """
    if not isinstance(item, dict):
        raise _NotAFile("it must be a JSON object")
    kind = item.get("type", "file")
    if kind not in _KINDS:
        raise _NotAFile(f"type must be {', '.join(_KINDS[:-1])} or {_KINDS[-1]}")
    of = "folder" if kind == "folder" else "file"
    file_id, path = _required(item, f"{of}Id"), _required(item, f"{of}Path")
    name = _text(item, "name") or path.rpartition("/")[2]
    created, updated = _text(item, "createdAt"), _text(item, "updatedAt")
    custom, tags, ai_tags = _member(item, "customMetadata", dict), _tags(item), _ai_tags(item)
    for column in ("tags", "AITags", "updatedAt"):
        item.pop(column, None)
    return (
        number,
        file_id,
        kind,
        name,
        path.rpartition("/")[0] + "/",
        created,
        updated or created,
        *(_measure(item, measure) for measure in ("size", "width", "height")),
        name.rpartition(".")[2].lower() if kind != "folder" and "." in name else None,
        _text(item, "fileType") or None,
        int(bool(item.get("isPrivateFile"))),
        int(bool(item.get("isPublished", True))),
        _storable("customMetadata", _json_of("customMetadata", custom or {}, ascii_only=False)),
        _json_of("tags", tags or None),
        _json_of("AITags", ai_tags or None),
        _json_of("it", item),
    )


def _member(item: dict[str, Any], name: str, kind: type | UnionType) -> Any:
    """Return a member that may be null or absent."""
    value = item.get(name)
    if value is not None and not isinstance(value, kind):
        raise _NotAFile(f"{name} must be {_EXPECTED[kind]} or null")
    return value


_EXPECTED: dict[type | UnionType, str] = {
    str: "a string",
    list: "a list",
    dict: "an object",
    int | float: "a number",
}


def _text(item: dict[str, Any], name: str) -> str:
    return _storable(name, _member(item, name, str) or "")


def _required(item: dict[str, Any], name: str) -> str:
    if item.get(name) is None:
        raise _NotAFile(f"{name} is missing")
    return _text(item, name)


def _storable(name: str, text: str) -> str:
    """Return a text, after checking that SQLite can store it: it must not have half a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise _NotAFile(f"{name} contains half a surrogate pair") from error
    return text


def _tags(item: dict[str, Any]) -> list[str]:
    tags = _member(item, "tags", list) or []
    for tag in tags:
        if not isinstance(tag, str):
            raise _NotAFile("tags must be a list of strings: write each tag in quotes")
        _storable("tags", tag)
    return list(tags)


def _ai_tags(item: dict[str, Any]) -> list[dict[str, Any]]:
    tags = _member(item, "AITags", list) or []
    for tag in tags:
        if not isinstance(tag, dict) or not isinstance(tag.get("name"), str):
            raise _NotAFile("AITags must be a list of objects, each with a name")
        _storable("AITags", tag["name"])
    return list(tags)


def _measure(item: dict[str, Any], name: str) -> float | None:
    value = _member(item, name, int | float)
    try:
        return None if value is None else float(value)
    except OverflowError as error:
        raise _NotAFile(f"{name} is too large") from error


def _json_of(name: str, value: Any, *, ascii_only: bool = True) -> str:
    try:
        return json_text(value, ascii_only=ascii_only)
    except ValueError as error:
        raise _NotAFile(f"{name} contains NaN or Infinity, which are not valid JSON") from error


def json_text(value: Any, *, ascii_only: bool = True) -> str:
    """Return a value as compact JSON."""
    return _ENCODE[ascii_only](value)


# `json.dumps` would create an encoder for each call.
_ENCODE = {
    ascii_only: json.JSONEncoder(ensure_ascii=ascii_only, allow_nan=False, separators=(",", ":")).encode
    for ascii_only in (True, False)
}


def batches(rows: Iterator[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    """Yield rows in lists of up to 5000; the last list may be empty."""
    batch: list[tuple[Any, ...]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    yield batch
