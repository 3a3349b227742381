"""Keep long sequences on disk, in nameless temporary files and in SQLite."""

import os
import sqlite3
import tempfile
import weakref
from abc import abstractmethod
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import IO, Generic, TypeVar, overload

from tagsync.errors import StateError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_BLOCK = 1 << 18


class LazySequence(Sequence[T_co], Generic[T_co]):
    """A sequence that makes each item when it is accessed, and equals every sequence with equal items."""

    @abstractmethod
    def _at(self, index: int) -> T_co:
        """Return the item at an index within the sequence."""

    @overload
    def __getitem__(self, index: int) -> T_co: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[T_co, ...]: ...
    def __getitem__(self, index: int | slice) -> T_co | tuple[T_co, ...]:
        places = range(len(self))[index]
        return tuple(map(self._at, places)) if isinstance(places, range) else self._at(places)

    def __iter__(self) -> Iterator[T_co]:
        return map(self._at, range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(mine == its for mine, its in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]


class Spool(LazySequence[T_co]):
    """A sequence in a temporary file; items are decoded whenever they are read.

    Args:
        records: bytes without line breaks.
        decode: makes an item from its record.

    Raises:
        StateError: temporary files cannot be written.
    """

    def __init__(self, records: Iterable[bytes], decode: Callable[[bytes], T_co]) -> None:
        self._decode = decode
        self._ends = array("Q", (0,))
        """The end of each record, including its line break."""
        try:
            self._file = tempfile.TemporaryFile(buffering=_BLOCK)  # noqa: SIM115 - closed with the last reference
        except OSError as error:
            raise _no_room(error) from error
        weakref.finalize(self, _closed, self._file)
        place = 0
        for record in records:
            place += len(record) + 1
            self._ends.append(place)
            try:
                self._file.write(record + b"\n")
            except OSError as error:
                raise _no_room(error) from error
        try:
            self._file.flush()
        except OSError as error:
            raise _no_room(error) from error

    def records(self) -> Iterator[bytes]:
        """Yield the records in order; concurrent readers do not affect each other."""
        # `pread` leaves the file's position alone, so that several iterators can read at the same time.
        number, place, rest = self._file.fileno(), 0, b""
        while block := os.pread(number, _BLOCK, place):
            place += len(block)
            *whole, rest = (rest + block).split(b"\n")
            yield from whole

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __iter__(self) -> Iterator[T_co]:
        return map(self._decode, self.records())

    def _at(self, index: int) -> T_co:
        start = self._ends[index]
        return self._decode(os.pread(self._file.fileno(), self._ends[index + 1] - start - 1, start))


class SelfClosingDatabase:
    """An SQLite database that is closed once nothing refers to it.

    Entries and files outlive the function that made them, and iterators outlive both. So no `with` block could say when
    to close it. Any thread may drop the last reference. A plain connection would wait for the garbage collector,
    because it is part of a reference cycle.

    Args:
        place: the file; empty for a nameless temporary one.
    """

    def __init__(self, place: str | os.PathLike[str] = "") -> None:
        connection = sqlite3.connect(place, timeout=0, isolation_level=None, check_same_thread=False)
        weakref.finalize(self, connection.close)
        self.execute = connection.execute
        self.executemany = connection.executemany
        self.executescript = connection.executescript
        self.close = connection.close


def _closed(file: IO[bytes]) -> None:
    with suppress(OSError):  # a failed write was reported when it happened
        file.close()


def _no_room(error: OSError) -> StateError:
    return StateError(
        f"tagsync cannot write temporary files to {tempfile.gettempdir()} ({error.strerror}): free some space there, "
        "or set TMPDIR to another folder"
    )
