"""A disk in memory that fails or crashes at a given operation, and its content afterwards.

Operations are counted from 1: open, create, append, sync, rename, sync of a folder. A failed append may have written a
part of its data.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from random import Random

from tagsync.workspace.durable_file import Disk, DiskFile


class CrashError(BaseException):
    """The process or the machine crashed. `except Exception` must not catch this."""


@dataclass
class Content:
    """A file's bytes, of which the first `safe` ones survive a power loss; files only grow."""

    data: bytearray = field(default_factory=bytearray)
    safe: int = 0


Names = dict[Path, Content]


class SimulatedDisk(Disk):
    """Keeps files in memory.

    Args:
        random: decides which unsynced data survives.
        crash_at: the operation that crashes, like all later ones.
        faults: the error number for each operation that fails.
    """

    def __init__(self, random: Random, *, crash_at: int | None = None, faults: Mapping[int, int] | None = None) -> None:
        self._random = random
        self.crash_at = crash_at
        self._faults = dict(faults or {})
        self._names: list[Names] = [{}]
        """The names that survive a power loss, then the names after each later change."""
        self.operations = 0

    def put(self, path: Path, data: bytes) -> None:
        """Add a file that survives a power loss."""
        self._names = [{**self._names[-1], path: Content(bytearray(data), len(data))}]

    def data(self, path: Path) -> bytes:
        """Return the content of a file as a process reads it."""
        return bytes(self._names[-1][path].data)

    def paths(self) -> set[Path]:
        """Return the files that a process sees."""
        return set(self._names[-1])

    def open(self, path: Path) -> "SimulatedFile":
        self._operate()
        if path not in self._names[-1]:
            self._names.append({**self._names[-1], path: Content()})
        return SimulatedFile(self, self._names[-1][path])

    def create(self, path: Path) -> "SimulatedFile":
        self._operate()
        self._names.append({**self._names[-1], path: Content()})
        return SimulatedFile(self, self._names[-1][path])

    def rename(self, path: Path, to: Path) -> None:
        self._operate()
        names = dict(self._names[-1])
        names[to] = names.pop(path)
        self._names.append(names)

    def sync_folder(self, path: Path) -> None:
        self._operate()
        assert {name.parent for name in self._names[-1]} == {path}
        self._names = self._names[-1:]

    def append(self, content: Content, data: bytes) -> None:
        try:
            self._operate()
        except BaseException:
            content.data += data[: self._random.randint(0, len(data))]
            raise
        content.data += data

    def sync(self, content: Content) -> None:
        self._operate()
        content.safe = len(content.data)

    def after_kill(self) -> "SimulatedDisk":
        """Return the disk after the process was killed, with everything that was written."""
        return self._left({path: bytes(content.data) for path, content in self._names[-1].items()})

    def after_power_loss(self) -> "SimulatedDisk":
        """Return the disk after a power loss: synced data, and perhaps a part of the rest, perhaps garbled."""
        names = self._random.choice(self._names)
        return self._left({path: self._torn(content) for path, content in names.items()})

    def _left(self, files: Mapping[Path, bytes]) -> "SimulatedDisk":
        left = SimulatedDisk(self._random)
        for path, data in files.items():
            left.put(path, data)
        return left

    def _torn(self, content: Content) -> bytes:
        rest = bytes(content.data[content.safe :])
        part = rest[: self._random.randint(0, len(rest))]
        rubbish = (part, part, bytes(len(part)), self._random.randbytes(len(part)))
        return bytes(content.data[: content.safe]) + self._random.choice(rubbish)

    def _operate(self) -> None:
        self.operations += 1
        if self.crash_at is not None and self.operations >= self.crash_at:
            raise CrashError
        if number := self._faults.get(self.operations):
            raise OSError(number, os.strerror(number))


class SimulatedFile(DiskFile):
    """An open file of a simulated disk."""

    def __init__(self, disk: SimulatedDisk, content: Content) -> None:
        self._disk = disk
        self._content = content
        self._open = True

    def lines(self, limit: int) -> Iterator[bytes]:
        assert self._open
        stream = BytesIO(self._content.data)
        return iter(lambda: stream.readline(limit), b"")

    def append(self, data: bytes) -> None:
        assert self._open
        self._disk.append(self._content, data)

    def sync(self) -> None:
        assert self._open
        self._disk.sync(self._content)

    def close(self) -> None:
        assert self._open
        self._open = False
