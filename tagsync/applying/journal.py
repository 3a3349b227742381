"""The journal: each call on disk before it is sent, and then what came of it; not what is to be done about that."""

import errno
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tagsync.applying.journal_records import (
    NOTHING,
    Began,
    Ended,
    Intent,
    Outcome,
    OutcomeKind,
    Record,
    Replay,
    decoded,
    encoded,
)
from tagsync.errors import StateError
from tagsync.escape import shown
from tagsync.model import Request
from tagsync.workspace.durable_file import REAL_DISK, Disk

MAX_LINE = 1 << 20
"""No line is longer, its end included; a call of 50 files takes about 2 KB."""

MAX_BYTES = 256 << 20
"""No journal is read further. 90,000 calls of 50 files fit in with their outcomes; each finished apply empties it."""

MAX_FILES = 1_000_000
"""Of so many files the state is known at most, each counted for the calls and sets that it is in."""

_ROOM = "make room and run again"
_OPEN_FILES = "allow more open files (ulimit -n) and run again"
_MENDS = {
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EMFILE: _OPEN_FILES,
    errno.ENFILE: _OPEN_FILES,
    errno.ELOOP: "it is a symbolic link, remove it and run again",
    errno.EISDIR: "it is a folder, remove it and run again",
}


class Journal:
    """A journal on disk, one for all applies of a state directory; who opens it holds the lock.

    What a method has noted is on disk when it returns. After the first fault of the disk nothing more can be noted:
    what follows would be nowhere to be found.

    Args:
        path: the file, made if it is not there.
        disk: what keeps it.

    Attributes:
        recovered: what earlier applies have left to look at.

    Raises:
        StateError: the file cannot be used. So do all methods, if it cannot be written.
    """

    def __init__(self, path: Path, disk: Disk = REAL_DISK) -> None:
        self._path = path
        self._disk = disk
        self._broken: str | None = None
        self._run = ""
        self._seal = b""
        """What ends a line that is not whole, so that the next one is not glued to it."""
        with self._faults_told("opened"):
            self._file = disk.open(path)
            try:
                disk.sync_folder(path.parent)
                replay = self._replayed()
            except BaseException:
                self._file.close()
                raise
        self._number = replay.last_number
        self.recovered = replay.recovered()

    def began(self, digest: str, at: str, /) -> None:
        """Note that an apply begins of the plan with this digest."""
        self._run = hashlib.sha256(f"{digest} {at} {self._number}".encode()).hexdigest()[:16]
        self._append(Began(self._run, digest, at))

    def intent(self, request: Request, /) -> int:
        """Note that a call is about to be sent, and return its number."""
        self._number += 1
        self._append(Intent(self._number, request))
        return self._number

    def outcome(self, number: int, kind: OutcomeKind, updated: tuple[str, ...], /) -> None:
        """Note what a call came to, and the files of which the library said that it updated them."""
        self._append(Outcome(number, kind, updated))

    def ended(self) -> None:
        """Note that all outcomes were read back, and start an empty file: the journal never grows without end."""
        self._append(Ended(self._run))
        new = self._path.with_name(f"{self._path.name}.new")
        with self._faults_told("emptied"):
            old, self._file = self._file, self._disk.create(new)
            old.close()
            self._file.sync()
            self._disk.rename(new, self._path)
            self._disk.sync_folder(self._path.parent)

    def close(self) -> None:
        """Close the file. All that was noted is on disk already: an error says nothing of it."""
        with suppress(OSError):
            self._file.close()

    def _replayed(self) -> Replay:
        """Read the file, and leave out what is damaged."""
        replay, size, line = Replay(), 0, b"\n"
        for line in self._file.lines(MAX_LINE):
            size += len(line)
            if record := decoded(line):
                replay.add(record)
            if size > MAX_BYTES or replay.files > MAX_FILES:
                # The rest is as good as not noted: apply plans from what the library shows, and converges without.
                break
        self._seal = b"" if line.endswith(b"\n") else b"\n"
        return replay

    def _append(self, record: Record) -> None:
        line = encoded(record)
        if len(line) > MAX_LINE:
            raise StateError(f"a call of {len(line)} bytes does not fit into the journal: name fewer or shorter tags")
        with self._faults_told("written"):
            line = self._seal + line
            # Whatever ends this early, be it a signal, may leave half a line behind.
            self._seal = b"\n"
            self._file.append(line)
            self._file.sync()
            self._seal = b""

    @contextmanager
    def _faults_told(self, done: str) -> Iterator[None]:
        """Raise StateError for a fault of the disk, and for all that follows it."""
        if self._broken is not None:
            raise StateError(self._broken)
        try:
            yield
        except OSError as error:
            mend = _MENDS.get(error.errno or 0, "name another --state-dir, or mend that and run again")
            reason = error.strerror or type(error).__name__
            self._broken = (
                f"the journal {shown(str(self._path))} cannot be {done}: {reason}: {mend}; nothing noted so far is lost"
            )
            raise StateError(self._broken) from error


class NoJournal:
    """Stands in for a journal where there is no state directory: takes the same notes and keeps none."""

    def __init__(self) -> None:
        self.recovered = NOTHING
        self._number = 0

    def began(self, _digest: str, _at: str, /) -> None:
        """Keep nothing."""

    def intent(self, _request: Request, /) -> int:
        """Return the number of a call, and keep nothing else."""
        self._number += 1
        return self._number

    def outcome(self, _number: int, _kind: OutcomeKind, _updated: tuple[str, ...], /) -> None:
        """Keep nothing."""

    def ended(self) -> None:
        """Keep nothing."""

    def close(self) -> None:
        """Keep nothing open."""
