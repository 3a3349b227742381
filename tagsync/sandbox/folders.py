"""Add the folders of all paths to a seeded library, because ImageKit lists them as well."""

import hashlib
import sqlite3
from collections.abc import Iterator
from typing import Any

from tagsync.sandbox.seed import row_of

_PLACES = "SELECT folder, min(nullif(created_at, '')) FROM files GROUP BY folder"
_NAMED = "SELECT json_extract(rest, '$.folderPath') FROM files WHERE type = 'folder'"


def folder_rows(db: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """Yield a row for each folder that is not in the table `files` yet.

    Its `createdAt` is that of the oldest file or folder below it.
    """
    created: dict[str, str] = {}
    for folder, oldest in db.execute(_PLACES):
        path = folder.rstrip("/")
        while path.startswith("/"):
            known = created.get(path)
            created[path] = min(filter(None, (known, oldest)), default="")
            path = path.rpartition("/")[0].rstrip("/")
    for (path,) in db.execute(_NAMED):
        created.pop(path.rstrip("/"), None)
    (last,) = db.execute("SELECT coalesce(max(number), 0) FROM files").fetchone()
    for number, path in enumerate(sorted(created), start=last + 1):
        yield row_of(number, _folder(path, created[path]))


def _folder(path: str, created: str) -> dict[str, Any]:
    """Return a folder as the list API does; its ID is derived from its path."""
    return {
        "type": "folder",
        "folderId": hashlib.sha256(f"folder {path}".encode()).hexdigest()[:24],
        "folderPath": path,
        "name": path.rpartition("/")[2],
        "customMetadata": {},
        **({"createdAt": created} if created else {}),
    }
