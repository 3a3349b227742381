"""Files that outlive the loss of power: what a journal needs of a disk; a simulation puts its own in place."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from tagsync.workspace.state_dir import open_file


class DiskFile(Protocol):
    """An open file that only grows. Every method may raise OSError."""

    def lines(self, limit: int) -> Iterator[bytes]:
        """Yield what was in the file when it was opened, line by line, longer lines in pieces of `limit` bytes."""

    def append(self, data: bytes) -> None:
        """Write all of `data` at the end."""

    def sync(self) -> None:
        """Return once what was written survives a loss of power."""

    def close(self) -> None:
        """Close the file."""


class Disk(Protocol):
    """What keeps files. Every method may raise OSError."""

    def open(self, path: Path) -> DiskFile:
        """Open a file, made if it is not there."""

    def create(self, path: Path) -> DiskFile:
        """Make an empty file in place of one that may be there."""

    def rename(self, path: Path, to: Path) -> None:
        """Give a file another's name, whose file is gone then."""

    def sync_folder(self, path: Path) -> None:
        """Return once the names of the files in a folder survive a loss of power."""


class RealDisk:
    """The file system. Files are private, and links are not followed."""

    _FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND

    def open(self, path: Path) -> DiskFile:
        """Open a file, made if it is not there.

        Raises:
            StateError: it is no ordinary file, or someone else's.
        """
        return _RealFile(open_file(path, self._FLAGS))

    def create(self, path: Path) -> DiskFile:
        """Make an empty file in place of one that may be there."""
        with suppress(FileNotFoundError):
            path.unlink()
        return _RealFile(open_file(path, self._FLAGS | os.O_EXCL))

    def rename(self, path: Path, to: Path) -> None:
        """Give a file another's name, whose file is gone then."""
        path.replace(to)

    def sync_folder(self, path: Path) -> None:
        """Return once the names of the files in a folder survive a loss of power."""
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class _RealFile:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def lines(self, limit: int) -> Iterator[bytes]:
        with open(self._descriptor, "rb", closefd=False) as stream:
            while line := stream.readline(limit):
                yield line

    def append(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._descriptor, data) :]

    def sync(self) -> None:
        os.fsync(self._descriptor)

    def close(self) -> None:
        os.close(self._descriptor)


REAL_DISK = RealDisk()
