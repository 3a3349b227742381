"""One apply at a time of a library on this machine, or one of each of its shards; not what other machines do.

A lock is an open file that its holder has locked with flock. The kernel drops it with the process, however that
ends, so that there is nothing to unlock by hand. All locks of a library lie in one folder:

    mutex           locked only for as long as it takes to look at the others and to take one
    whole           the apply of everything
    shard-2-of-5    the apply of one shard

What the files say serves messages alone; whether a lock is held is asked of the kernel. What a holder that died has
left is cleared away by who comes next.
"""

import fcntl
import hashlib
import json
import os
import re
import socket
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, TypeVar

from tagsync.environment import setting
from tagsync.errors import LockedError, StateError
from tagsync.escape import shown
from tagsync.model import Part
from tagsync.workspace.state_dir import open_file

T = TypeVar("T")

MUTEX_SECONDS = 1.0
"""So long others may take to look at the locks; they need milliseconds, unless one was stopped in between."""

_MUTEX = "mutex"
_NAME = re.compile(r"whole|shard-([1-9]\d{0,8})-of-([1-9]\d{0,8})", re.ASCII)
_MAX_CONTENT = 1000
_MAX_HOST = 100
_MEND = "set XDG_STATE_HOME to a folder of your own that can be written"


class Wait(NamedTuple):
    """How to wait: a clock in seconds, and what sleeps for so many. What the sleep raises ends the wait."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    pause: float = 0.05
    """Seconds from one try to the next."""

    def until_free(self, attempt: Callable[[], T], within: float) -> T:
        """Return what an attempt does, tried again for so many seconds while it raises LockedError; at least once."""
        end = self.clock() + within
        while True:
            try:
                return attempt()
            except LockedError:
                left = end - self.clock()
                if left <= 0:
                    raise
            self.sleep(min(self.pause, left))


REAL_WAIT = Wait()


@contextmanager
def held(
    key: str,
    *,
    part: Part | None = None,
    timeout: float = 0.0,
    state_home: Path | None = None,
    wait: Wait = REAL_WAIT,
) -> Iterator[None]:
    """Hold the lock of a library, or of one shard of it, for the length of a `with` block.

    Shards of one library exclude each other only if they are the same or count differently; the whole excludes all.
    Programs that the holder starts do not get the lock; a fork that starts no program would.

    Args:
        key: names the library: equal for all that must not run at once.
        part: the shard; None for the whole.
        timeout: seconds to wait for others to end; 0 tries once.
        state_home: the folder below which locks lie; None for `$XDG_STATE_HOME` or `~/.local/state`.
        wait: how to wait.

    Raises:
        LockedError: another apply holds it; the message names that one.
        StateError: there is no place for locks.
    """
    path = (state_home or _state_home()) / "tagsync" / "locks" / _folder_name(key)
    try:
        lock = wait.until_free(lambda: _attempt(path, part, wait), timeout)
    except OSError as error:
        raise StateError(f"the lock folder {shown(str(path))} cannot be used: {error.strerror}: {_MEND}") from error
    try:
        yield
    finally:
        os.close(lock)


def _state_home() -> Path:
    """Return the user's state folder; a relative one counts as unset (XDG base directories)."""
    named = setting("XDG_STATE_HOME")
    if named and Path(named.value).is_absolute():
        return Path(named.value)
    try:
        home = Path.home()
    except RuntimeError as error:
        raise StateError(f"there is no home folder to keep locks in: {_MEND}") from error
    if not home.is_absolute():
        raise StateError(f"the home folder {shown(str(home))} is relative, locks need one for all: {_MEND}")
    return home / ".local" / "state"


def _folder_name(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _attempt(path: Path, part: Part | None, wait: Wait) -> int:
    """Take the lock and return its descriptor, or raise LockedError at once."""
    _make_folder(path)
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _check_folder(folder, path)
        mutex = wait.until_free(lambda: _take_mutex(folder), MUTEX_SECONDS)
        try:
            _refuse_conflicts(folder, part)
            return _take(folder, part)
        finally:
            os.close(mutex)
    finally:
        os.close(folder)


def _make_folder(path: Path) -> None:
    """Make a folder and those above it, all private."""
    with suppress(FileExistsError):
        try:
            path.mkdir(mode=0o700)
        except FileNotFoundError:
            _make_folder(path.parent)
            path.mkdir(mode=0o700)


def _check_folder(folder: int, path: Path) -> None:
    """Refuse a folder in which others could remove or replace locks."""
    found = os.fstat(folder)
    if found.st_uid != os.geteuid():
        raise StateError(f"the lock folder {shown(str(path))} belongs to another user: {_MEND}")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise StateError(f"the lock folder {shown(str(path))} can be written by others: chmod 700 it, or {_MEND}")


def _take_mutex(folder: int) -> int:
    mutex = _opened(folder, _MUTEX, os.O_CREAT)
    # One that was removed since it was opened keeps nobody out: who comes next makes another.
    if _locks(mutex) and os.fstat(mutex).st_nlink:
        return mutex
    os.close(mutex)
    raise LockedError("other applies of this library are just being started: run again, or give --lock-timeout")


def _refuse_conflicts(folder: int, part: Part | None) -> None:
    """Raise LockedError if a lock is held that does not go with `part`; clear away those whose holders are gone."""
    for name in sorted(os.listdir(folder)):
        if not (match := _NAME.fullmatch(name)):
            continue
        other = Part(*map(int, match.groups())) if match[1] else None
        holder = _holder(folder, name)
        if holder is not None and not _go_together(part, other):
            raise LockedError(_refusal(part, other, holder))


def _go_together(one: Part | None, other: Part | None) -> bool:
    return one is not None and other is not None and one.of == other.of and one.index != other.index


def _holder(folder: int, name: str) -> bytes | None:
    """Return what the holder of a lock wrote about itself; None if nobody holds it, and then it is removed."""
    try:
        lock = _opened(folder, name)
    except FileNotFoundError:
        return None
    try:
        if not _locks(lock):
            return os.pread(lock, _MAX_CONTENT, 0)
        # Only who has the mutex takes locks, so that none can be taken between these two lines.
        os.unlink(name, dir_fd=folder)
        return None
    finally:
        os.close(lock)


def _take(folder: int, part: Part | None) -> int:
    name = f"shard-{part.index}-of-{part.of}" if part else "whole"
    lock = _opened(folder, name, os.O_CREAT | os.O_EXCL)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        os.write(lock, json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": since}).encode())
    except BaseException:
        os.close(lock)
        raise
    return lock


def _opened(folder: int, name: str, flags: int = 0) -> int:
    try:
        return open_file(name, os.O_RDWR | flags, folder)
    except StateError as error:
        raise StateError(f"the lock file {name} is no ordinary file of yours: remove it, or {_MEND}") from error


def _locks(descriptor: int) -> bool:
    """Lock an open file, unless it is locked already."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _refusal(part: Part | None, other: Part | None, holder: bytes) -> str:
    what = f"shard {other.index}/{other.of}, " if other else ""
    why = ", and all shards must be of the same number" if part and other and part.of != other.of else ""
    return (
        f"another apply of this library is running on this machine: {what}{_described(holder)}{why}: "
        "run again once it has ended, or give --lock-timeout to wait for it"
    )


def _described(holder: bytes) -> str:
    """Return who a holder says it is; the words are for a person, and may be anyone's."""
    try:
        match json.loads(holder):
            case {"pid": int(pid), "host": str(host), "since": str(since)}:
                return shown(f"process {pid} on {host[:_MAX_HOST]} since {since[:_MAX_HOST]}")
    except (ValueError, RecursionError):
        pass
    return "a process that left no name"
