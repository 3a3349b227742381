"""Keep the journal on disk: each call before it is sent, then its outcome; `preflight` acts on it in the next run.

The order of writes makes it crash-safe. A call is on disk before it is sent, so after a crash no call is unknown to the
next apply. An outcome follows its call; without one, the call counts as unknown. A finished apply writes an end
record, then replaces the file with an empty one, so the journal does not grow.
"""

import errno
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tagsync.applying.journal_records import (
    NONE,
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
"""The maximum length of a line in bytes, with its end; a call for 50 files takes about 2 KB."""

MAX_BYTES = 256 << 20
"""The maximum number of bytes to read, enough for 90,000 calls of 50 files. Each finished apply empties the file."""

MAX_FILES = 1_000_000
"""The maximum number of file IDs to keep in memory; an ID counts once for each call and set that contains it."""

_ROOM = "free some disk space and run again"
_OPEN_FILES = "allow more open files (ulimit -n) and run again"
_FIXES = {
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EMFILE: _OPEN_FILES,
    errno.ENFILE: _OPEN_FILES,
    errno.ELOOP: "it is a symbolic link, remove it and run again",
    errno.EISDIR: "it is a folder, remove it and run again",
}


class Journal:
    """The journal of a state directory. Open it only while holding the library's lock.

    When a method returns, its record is on disk. After the first disk error, all methods fail, because a record after
    a gap would be misleading.

    Args:
        path: the file; created if it does not exist.
        disk: the file operations.

    Attributes:
        recovered: what interrupted applies have left to check.
        is_open: whether the last apply in the file has not ended.

    Raises:
        StateError: the file cannot be opened or read. All methods raise it if the file cannot be written.
    """

    def __init__(self, path: Path, disk: Disk = REAL_DISK) -> None:
        self._path = path
        self._disk = disk
        self._broken: str | None = None
        self._run = ""
        self._seal = b""
        """The line feed that ends an incomplete last line, so that the next record starts on a line of its own."""
        with self._errors_explained("opened"):
            self._file = disk.open(path)
            try:
                # A new file survives a crash only once its entry in the folder is on disk.
                disk.sync_folder(path.parent)
                replay = self._replayed()
            except BaseException:
                self._file.close()
                raise
        self._number = replay.last_number
        self.recovered, self.is_open = replay.recovered(), replay.is_open

    def began(self, digest: str, at: str, /) -> None:
        """Record that an apply of a plan begins.

        Args:
            digest: the plan's digest.
            at: the current time.
        """
        # With the number, two applies of one plan in the same second still differ.
        self._run = hashlib.sha256(f"{digest} {at} {self._number}".encode()).hexdigest()[:16]
        self._append(Began(self._run, digest, at))

    def intent(self, request: Request, already: Mapping[str, Sequence[str]] = NONE, /) -> int:
        """Record a call that is about to be sent, and return its number.

        Args:
            request: the call.
            already: by file ID, the planned changes among its tags that the file showed before the first call.
        """
        self._number += 1
        self._append(Intent(self._number, request, already))
        return self._number

    def outcome(self, number: int, kind: OutcomeKind, updated: tuple[str, ...], /) -> None:
        """Record the outcome of a call.

        Args:
            number: the number of the call.
            kind: its outcome.
            updated: the files that the response reports as updated.
        """
        self._append(Outcome(number, kind, updated))

    def ended(self) -> None:
        """Record that all outcomes were read back, and start an empty file."""
        # The end record comes first: if replacing the file fails, the old file already says that nothing is left.
        self._append(Ended(self._run))
        new = self._path.with_name(f"{self._path.name}.new")
        with self._errors_explained("emptied"):
            old, self._file = self._file, self._disk.create(new)
            old.close()
            self._file.sync()
            self._disk.rename(new, self._path)
            self._disk.sync_folder(self._path.parent)

    def close(self) -> None:
        """Close the file."""
        with suppress(OSError):  # all records are on disk already, so an error changes nothing
            self._file.close()

    def _replayed(self) -> Replay:
        """Read the file, without damaged lines."""
        replay, size, line = Replay(), 0, b"\n"
        for line in self._file.lines(MAX_LINE):
            size += len(line)
            if record := decoded(line):
                replay.add(record)
            if size > MAX_BYTES or replay.files > MAX_FILES:
                # Ignoring the rest is safe: apply compares with the library anyway, and the journal only adds caution.
                break
        self._seal = b"" if line.endswith(b"\n") else b"\n"
        return replay

    def _append(self, record: Record) -> None:
        line = encoded(record)
        if len(line) > MAX_LINE:
            raise StateError(f"a call of {len(line)} bytes does not fit into the journal: use fewer or shorter tags")
        with self._errors_explained("written"):
            line = self._seal + line
            # An error or signal may leave half a line behind. The next record then starts with a line feed.
            self._seal = b"\n"
            self._file.append(line)
            self._file.sync()
            self._seal = b""

    @contextmanager
    def _errors_explained(self, done: str) -> Iterator[None]:
        """Turn a disk error into a StateError, and raise it again in all later calls."""
        if self._broken is not None:
            raise StateError(self._broken)
        try:
            yield
        except OSError as error:
            fix = _FIXES.get(error.errno or 0, "fix this or use another --state-dir, and run again")
            reason = error.strerror or type(error).__name__
            self._broken = (
                f"the journal {shown(str(self._path))} cannot be {done}: {reason}: {fix}; earlier records are intact"
            )
            raise StateError(self._broken) from error


class NoJournal:
    """A journal that keeps nothing, for applies without a state directory."""

    def __init__(self) -> None:
        self.recovered = NOTHING
        self._number = 0

    def began(self, _digest: str, _at: str, /) -> None:
        """Keep nothing."""

    def intent(self, _request: Request, _already: Mapping[str, Sequence[str]] = NONE, /) -> int:
        """Return the number of a call."""
        self._number += 1
        return self._number

    def outcome(self, _number: int, _kind: OutcomeKind, _updated: tuple[str, ...], /) -> None:
        """Keep nothing."""

    def ended(self) -> None:
        """Keep nothing."""

    def close(self) -> None:
        """Keep nothing."""
