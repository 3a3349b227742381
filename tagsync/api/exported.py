"""Write an export as files."""

from os import PathLike
from pathlib import Path

from tagsync import schemas
from tagsync.errors import StateError, UsageError
from tagsync.escape import shown
from tagsync.exporting.export import Exported
from tagsync.exporting.files import files_of
from tagsync.workspace.atomic import atomic_write, umask_mode

_SCHEMA = "manifest.schema.json"


def write_export(exported: Exported, folder: str | PathLike[str]) -> int:
    """Write an export into a new or empty folder, with the schema of manifests for editors.

    Returns:
        The size of the manifests and CSV files in bytes.

    Raises:
        UsageError: the folder is not empty, or cannot be used.
        StateError: a file cannot be written; the export is incomplete.
    """
    place = Path(folder)
    check_export_folder(place)
    size = 0
    try:
        place.mkdir(parents=True, exist_ok=True)
        with atomic_write(place.resolve() / _SCHEMA, mode=umask_mode()) as stream:
            stream.write(schemas.text("manifest"))
        for name, text in files_of(exported):
            with atomic_write(place.resolve() / name, mode=umask_mode()) as stream:
                for piece in text:
                    stream.write(piece)
                    size += len(piece.encode())
    except OSError as error:
        where = shown(str(error.filename or place))
        raise StateError(f"{where} cannot be written ({error.strerror}): the export is incomplete") from error
    return size


def check_export_folder(folder: Path) -> None:
    """Check that a folder is new or empty.

    Raises:
        UsageError: it is not empty, or cannot be a folder.
    """
    try:
        inside = next(folder.iterdir(), None)
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(f"{shown(str(folder))} cannot be used ({error.strerror}): choose another folder") from error
    if inside is not None:
        raise UsageError(f"{shown(str(folder))} is not empty, and export overwrites nothing: choose a new folder")
