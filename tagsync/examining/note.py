"""Note the tags of a file before the first write, so that the next run can restore them whatever happens."""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tagsync.documents.canonical import canonical
from tagsync.errors import StateError
from tagsync.escape import shown
from tagsync.workspace.durable_file import REAL_DISK, Disk
from tagsync.workspace.state_dir import open_file, remove_file

PREFIX = "tagsync-doctor-"
"""The start of all tags that doctor adds."""

_MAX_BYTES = 100_000


@dataclass(frozen=True, slots=True)
class Note:
    """A file that doctor writes on.

    Attributes:
        file_id: its ID.
        path: its path.
        tags: its ordinary tags before the first write.
        ours: the tags that doctor may add.
    """

    file_id: str
    path: str
    tags: tuple[str, ...]
    ours: tuple[str, ...]


def is_ours(tag: str) -> bool:
    """Return whether doctor has added a tag, in whatever form the library keeps it."""
    return tag.strip().casefold().startswith(PREFIX)


def write_note(note: Note, place: Path, disk: Disk = REAL_DISK) -> None:
    """Write a note so that it survives a power loss: either completely or not at all.

    Raises:
        StateError: it cannot be written.
    """
    members = {"fileId": note.file_id, "path": note.path, "tags": note.tags, "ours": note.ours}
    temporary = place.with_suffix(".new")
    try:
        file = disk.create(temporary)
        try:
            file.append(f"{canonical(members)}\n".encode())
            file.sync()
        finally:
            file.close()
        disk.rename(temporary, place)
        disk.sync_folder(place.parent)
    except OSError as error:
        raise StateError(
            f"{shown(str(place))} cannot be written ({error.strerror}), so nothing was changed: use another --state-dir"
        ) from error


def read_note(place: Path) -> Note | None:
    """Return the note of an interrupted run; None if there is none.

    Raises:
        StateError: it cannot be read.
    """
    try:
        with os.fdopen(open_file(place, os.O_RDONLY), "rb") as file:
            found: Any = json.loads(file.read(_MAX_BYTES))
        return Note(
            _text(found["fileId"]),
            _text(found["path"]),
            _texts(found["tags"]),
            tuple(filter(is_ours, _texts(found["ours"]))),
        )
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateError(f"{shown(str(place))} cannot be read: {error.strerror}: remove it and run again") from error
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise StateError(
            f"{shown(str(place))} is damaged. An interrupted run may have left tags on a file: look for tags that "
            f"start with {PREFIX}, remove them in ImageKit, and remove this file"
        ) from error


def remove_note(place: Path) -> None:
    """Remove a note, once its file is restored."""
    remove_file(place)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError
    return value


def _texts(values: Iterable[Any]) -> tuple[str, ...]:
    return tuple(_text(value) for value in values)
