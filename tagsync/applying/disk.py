"""Files that outlive the loss of power: what a journal needs of a disk; a simulation puts its own in place."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from tagsync.errors import StateError
from tagsync.printable import shown


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

    _FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC

    def open(self, path: Path) -> DiskFile:
        """Open a file, made if it is not there.

        Raises:
            StateError: it is no ordinary file, or someone else's.
        """
        descriptor = os.open(path, self._FLAGS, 0o600)
        found = os.fstat(descriptor)
        if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid():
            return _RealFile(descriptor)
        os.close(descriptor)
        raise StateError(f"{shown(str(path))} is no ordinary file of yours: remove it, or name another --state-dir")

    def create(self, path: Path) -> DiskFile:
        """Make an empty file in place of one that may be there."""
        with suppress(FileNotFoundError):
            path.unlink()
        return _RealFile(os.open(path, self._FLAGS | os.O_EXCL, 0o600))

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
