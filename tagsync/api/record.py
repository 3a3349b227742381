"""Record a library as a file for the sandbox."""

import asyncio
import gzip
import json
import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from os import PathLike
from pathlib import Path
from typing import BinaryIO, NamedTuple

from tagsync.api.gather import check_folder
from tagsync.concurrency import blocking
from tagsync.errors import StateError, UsageError
from tagsync.escape import shown
from tagsync.events import Exporting, FilesRead, Listener, ignore
from tagsync.exporting.redaction import Redactor
from tagsync.library.deadline import check_duration, deadline
from tagsync.library.reading.recording import Recording
from tagsync.library.reading.recording import record as record_pages
from tagsync.library.target import Target, connect
from tagsync.model import Diagnostic
from tagsync.planning.skipped_files import unreadable_finding
from tagsync.workspace.atomic import atomic_write, umask_mode

_KEY_BYTES = 32


class Recorded(NamedTuple):
    """What was recorded.

    Attributes:
        files: the number of files.
        continued: how many of them an interrupted run had read before.
        diagnostics: warnings, for example about files that cannot be read and are left out.
    """

    files: int
    continued: int
    diagnostics: tuple[Diagnostic, ...]


def partial_of(path: Path) -> Path:
    """Return the file that keeps an unfinished recording until the next run."""
    return path.with_name(f"{path.name}.partial")


async def record_async(
    target: Target,
    path: str | PathLike[str],
    *,
    folder: str = "/",
    redact: bool = False,
    max_duration: float | None = None,
    listener: Listener = ignore,
) -> Recorded:
    """Record a library, or a folder of it, as a file for the sandbox: one file object of the list API on each line.

    If a run is interrupted, the file `PATH.partial` keeps what it has read, and the same call goes on from there. That
    file is private, and is never redacted.

    Args:
        target: the library.
        path: a new file; it is compressed if its name ends in `.gz`.
        folder: a path that starts and ends with `/`; its subfolders are included.
        redact: whether to replace names, tags, IDs, URLs and custom metadata by hashes, with a new key for each run.
        max_duration: seconds after which reading fails; None for no limit.
        listener: receives progress events.

    Raises:
        UsageError: the file exists, or an argument is invalid.
        RefusedError: the partial file is of another library or folder, or another run is writing it.
        LibraryError: the library could not be read completely, or not in time.
        StateError: a file cannot be written.
    """
    began = asyncio.get_running_loop().time()
    check_duration(max_duration)
    check_folder(folder)
    path = Path(path)
    check_new(path)
    name = target.name
    about = {"endpoint": name.endpoint, "account": name.account, "folder": folder}
    with closing(Recording(partial_of(path), about)) as recording:
        before = len(recording)
        async with (
            connect(target, listener, objects=True) as client,
            deadline(max_duration, client, since=began),
        ):
            continued = await record_pages(
                client,
                recording,
                is_wanted=lambda file: file.startswith(folder),
                concurrency=target.concurrency,
                on_page=lambda files: listener(FilesRead(files)),
            )
        listener(Exporting(len(recording)))
        _write(recording, path, redact=redact)
        found = Recorded(
            len(recording), before if continued else 0, tuple(map(unreadable_finding, recording.unreadable()))
        )
        if before and not continued:
            message = "the library has changed since the interruption, so it was read again from the start"
            found = found._replace(diagnostics=(Diagnostic("info", "read-again", message), *found.diagnostics))
        recording.remove()
        return found


record = blocking(record_async)


def check_new(path: Path) -> None:
    """Check that a recording can be written to a new file.

    Raises:
        UsageError: the file exists, or its folder does not.
    """
    name = shown(str(path))
    if path.exists() or path.is_symlink():
        raise UsageError(f"{name} exists, and export overwrites nothing: choose a new file")
    if not path.parent.is_dir():
        raise UsageError(f"{name} cannot be written: choose a file in an existing folder")


def _write(recording: Recording, path: Path, *, redact: bool) -> None:
    redacted = Redactor(secrets.token_bytes(_KEY_BYTES)) if redact else None
    try:
        with _opened(path) as stream:
            for item in recording.objects():
                if redacted:
                    stream.write(json.dumps(redacted(json.loads(item)), separators=(",", ":")).encode() + b"\n")
                else:
                    stream.write(item + b"\n")
    except FileExistsError as error:
        raise UsageError(f"{shown(str(path))} exists by now: choose a new file") from error
    except OSError as error:
        raise StateError(
            f"{shown(str(path))} cannot be written ({error.strerror}): fix that, and run the same command again"
        ) from error


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Yield a new file, compressed if its name says so; it appears as a whole when the block ends without an error."""
    with atomic_write(path, overwrite=False, mode=umask_mode()) as text:
        if path.suffix.lower() != ".gz":
            yield text.buffer
            return
        # Without a time and a name in its head, equal recordings are equal files.
        with gzip.GzipFile("", "wb", fileobj=text.buffer, mtime=0) as stream:
            yield stream  # type: ignore[misc]
