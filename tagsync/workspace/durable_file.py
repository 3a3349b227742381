"""Write files that survive a power loss, as a journal needs them; tests replace the disk by a simulated one."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tagsync.workspace.state_dir import open_file


class DiskFile:
    """An open file to append to. Every method may raise OSError."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def lines(self, limit: int) -> Iterator[bytes]:
        """Yield the file's lines as of its opening; longer lines come in pieces of `limit` bytes."""
        with open(self._descriptor, "rb", closefd=False) as stream:
            while line := stream.readline(limit):
                yield line

    def append(self, data: bytes) -> None:
        """Write all of `data` at the end."""
        while data:
            data = data[os.write(self._descriptor, data) :]

    def sync(self) -> None:
        """Wait until the written data would survive a power loss."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


class Disk:
    """The file operations of a journal. Files are private, and symbolic links are not followed.

    Every method may raise OSError.
    """

    _FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND

    def open(self, path: Path) -> DiskFile:
        """Open a file; create it if it does not exist.

        Raises:
            StateError: it is not a regular file of this user.
        """
        return DiskFile(open_file(path, self._FLAGS))

    def create(self, path: Path) -> DiskFile:
        """Create an empty file, in place of an existing one."""
        with suppress(FileNotFoundError):
            path.unlink()
        return DiskFile(open_file(path, self._FLAGS | os.O_EXCL))

    def rename(self, path: Path, to: Path) -> None:
        """Rename a file, in place of an existing one."""
        path.replace(to)

    def sync_folder(self, path: Path) -> None:
        """Wait until the file names in a folder would survive a power loss."""
        # fsync on a file covers its content only. Its name is data of the folder.
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


REAL_DISK = Disk()


def make_durable(path: Path) -> None:
    """Wait until a file and its name would survive a power loss.

    Raises:
        OSError: it cannot be written to the disk.
    """
    for each in (path, path.parent):
        descriptor = os.open(each, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
