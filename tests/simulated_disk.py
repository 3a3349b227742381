"""A disk in memory that fails or crashes at a given operation, and what is left of it then; not a file system's whole.

Operations are counted from 1: opening, making, appending, syncing, renaming, syncing a folder. Where one fails or
crashes that appends, a part of what it was to write may be there.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from random import Random


class CrashError(BaseException):
    """The process or the machine is gone. No `except Exception` may survive that."""


@dataclass
class Content:
    """A file's bytes, of which only so many are safe from a loss of power; files only grow."""

    data: bytearray = field(default_factory=bytearray)
    safe: int = 0


Names = dict[Path, Content]


class SimulatedDisk:
    """Keeps files in memory.

    Args:
        random: decides which part of what is not safe survives.
        crash_at: the operation in which all ends; every later one ends likewise.
        faults: error numbers by the operation that fails with them.
    """

    def __init__(self, random: Random, *, crash_at: int | None = None, faults: Mapping[int, int] | None = None) -> None:
        self._random = random
        self.crash_at = crash_at
        self._faults = dict(faults or {})
        self._names: list[Names] = [{}]
        """The names as they are safe, then after each change since."""
        self.operations = 0

    def put(self, path: Path, data: bytes) -> None:
        """Put a file there, as if it always had been."""
        self._names = [{**self._names[-1], path: Content(bytearray(data), len(data))}]

    def data(self, path: Path) -> bytes:
        """Return what a process reads in a file."""
        return bytes(self._names[-1][path].data)

    def paths(self) -> set[Path]:
        """Return which files there are for a process."""
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
        """Return the disk as the next process finds it after this one was killed: with all that was written."""
        return self._left({path: bytes(content.data) for path, content in self._names[-1].items()})

    def after_power_loss(self) -> "SimulatedDisk":
        """Return the disk after a loss of power: what is safe, and perhaps a part of the rest, perhaps as rubbish."""
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


class SimulatedFile:
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
