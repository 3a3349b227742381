"""A library file, one list-API file object a line, to rows of the store's table; nothing is stored here."""

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import IO, Any

_BATCH = 5000
_KINDS = ("file", "file-version", "folder")


class SeedError(Exception):
    """A library file or a sandbox database that cannot be used, in words for a person."""


def fingerprint_of(library: Path) -> str:
    """Return what tells whether the library file is still the same."""
    with library.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _open(library: Path) -> IO[str]:
    if library.suffix == ".gz":
        return gzip.open(library, "rt", encoding="utf-8")
    return library.open(encoding="utf-8")


def rows_of(library: Path) -> Iterator[tuple[Any, ...]]:
    """Yield a row for each line.

    Raises:
        SeedError: with file and line.
    """
    try:
        with _open(library) as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield _row(number, line, f"{library}:{number}")
    except (UnicodeDecodeError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise SeedError(f"{library} is not a text file of one JSON object a line") from error


def _row(number: int, line: str, where: str) -> tuple[Any, ...]:
    try:
        return _columns(number, json.loads(line))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise SeedError(f"{where} is not a file object as the list API returns it") from error


def _columns(number: int, item: dict[str, Any]) -> tuple[Any, ...]:
    """Return the row of a file object.

    Raises:
        ValueError, KeyError, TypeError, AttributeError, OverflowError: it is none.
    """
    kind = item.get("type", "file")
    path = item["folderPath"] if kind == "folder" else item["filePath"]
    file_id = item["folderId"] if kind == "folder" else item["fileId"]
    name = item.get("name") or path.rpartition("/")[2]
    ai_tags = _optional(list, item.pop("AITags", None)) or []
    tags = _optional(list, item.pop("tags", None)) or []
    created = _optional(str, item.get("createdAt")) or ""
    updated = _optional(str, item.pop("updatedAt", None)) or created
    file_type = _optional(str, item.get("fileType")) or ""
    custom = json_text(_optional(dict, item.get("customMetadata")) or {}, ascii_only=False)
    _KINDS.index(kind)
    for text in (path, file_id, name, created, updated, file_type, custom, *tags, *(tag["name"] for tag in ai_tags)):
        str.encode(text)
    return (
        number,
        file_id,
        kind,
        name,
        path.rpartition("/")[0] + "/",
        created,
        updated,
        *(_measure(item.get(measure)) for measure in ("size", "width", "height")),
        name.rpartition(".")[2].lower() if kind != "folder" and "." in name else None,
        file_type or None,
        int(bool(item.get("isPrivateFile"))),
        int(bool(item.get("isPublished", True))),
        custom,
        json_text(tags or None),
        json_text(ai_tags or None),
        json_text(item),
    )


def _optional(kind: type | UnionType, value: Any) -> Any:
    """Return a member that may be null or absent.

    Raises:
        TypeError: it is of another type.
    """
    if value is not None and not isinstance(value, kind):
        raise TypeError(value)
    return value


def _measure(value: Any) -> float | None:
    return None if value is None else float(_optional(int | float, value))


def json_text(value: Any, *, ascii_only: bool = True) -> str:
    """Return a value as compact JSON."""
    return json.dumps(value, ensure_ascii=ascii_only, allow_nan=False, separators=(",", ":"))


def batches(rows: Iterator[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    """Yield rows some thousands at a time, the last time perhaps none."""
    batch: list[tuple[Any, ...]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    yield batch
