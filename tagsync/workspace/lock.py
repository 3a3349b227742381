"""Lock a library, or a shard of it, so that only one apply at a time runs on this machine.

A lock is an open file that its process has locked with flock. The kernel releases it when the process ends, however
that happens, so nobody has to unlock anything. All locks of a library are in one folder:

    mutex           locked for a moment, while a process checks the other locks and takes one
    whole           an apply of the whole library
    shard-2-of-5    an apply of one shard

The content of the files is used in messages only; flock alone decides whether a lock is taken. The next process
removes the files of processes that died.
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
"""How long to wait for the mutex; other processes need it for milliseconds, unless one is suspended."""

_MUTEX = "mutex"
_NAME = re.compile(r"whole|shard-([1-9]\d{0,8})-of-([1-9]\d{0,8})", re.ASCII)
_MAX_CONTENT = 1000
_MAX_HOST = 100
_FIX = "set XDG_STATE_HOME to your own folder with write permission"


class Wait(NamedTuple):
    """The clock, the sleep and the pause of a wait, in seconds; an exception from `sleep` ends the wait."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    pause: float = 0.05

    def until_free(self, attempt: Callable[[], T], within: float) -> T:
        """Call `attempt`, and retry it while it raises LockedError, for a number of seconds."""
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
    """Lock a library, or one shard of it, for the duration of a `with` block.

    Two shards can be locked at the same time if they are different shards of the same number. A lock of the whole
    library excludes all others. Programs started in the block do not inherit the lock, but a plain fork does.

    Args:
        key: the name of the library.
        part: the shard; None for the whole library.
        timeout: seconds to wait for other applies to finish; 0 tries once.
        state_home: the folder for user state; None for `$XDG_STATE_HOME` or `~/.local/state`.
        wait: the clock and the sleep to use.

    Raises:
        LockedError: another apply has locked it; the message names its process.
        StateError: the lock folder cannot be used.
    """
    path = (state_home or _state_home()) / "tagsync" / "locks" / _folder_name(key)
    try:
        lock = wait.until_free(lambda: _attempt(path, part, wait), timeout)
    except OSError as error:
        raise StateError(f"the lock folder {shown(str(path))} cannot be used: {error.strerror}: {_FIX}") from error
    try:
        yield
    finally:
        os.close(lock)


def _state_home() -> Path:
    """Return the user's state folder (XDG base directories: a relative path counts as unset)."""
    named = setting("XDG_STATE_HOME")
    if named and Path(named.value).is_absolute():
        return Path(named.value)
    try:
        home = Path.home()
    except RuntimeError as error:
        raise StateError(f"there is no home folder for locks: {_FIX}") from error
    if not home.is_absolute():
        raise StateError(f"the home folder {shown(str(home))} is a relative path: {_FIX}")
    return home / ".local" / "state"


def _folder_name(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _attempt(path: Path, part: Part | None, wait: Wait) -> int:
    """Take the lock and return its descriptor; raise LockedError if it is taken."""
    # Checking the other locks and taking one must be one step, hence the mutex. Files are opened relative to the
    # checked folder, so that nobody can exchange the folder in between.
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
    """Create a folder and its parents, all private (`Path.mkdir` gives parents the mode of the umask)."""
    with suppress(FileExistsError):
        try:
            path.mkdir(mode=0o700)
        except FileNotFoundError:
            _make_folder(path.parent)
            path.mkdir(mode=0o700)


def _check_folder(folder: int, path: Path) -> None:
    """Refuse a folder in which other users could remove or replace locks."""
    found = os.fstat(folder)
    if found.st_uid != os.geteuid():
        raise StateError(f"the lock folder {shown(str(path))} belongs to another user: {_FIX}")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise StateError(f"the lock folder {shown(str(path))} is writable by others: chmod 700 it, or {_FIX}")


def _take_mutex(folder: int) -> int:
    mutex = _opened(folder, _MUTEX, os.O_CREAT)
    # If the file was removed since it was opened, locking it excludes nobody: the next process creates a new one.
    if _locks(mutex) and os.fstat(mutex).st_nlink:
        return mutex
    os.close(mutex)
    raise LockedError("another apply of this library is just starting: run again, or wait with --lock-timeout")


def _refuse_conflicts(folder: int, part: Part | None) -> None:
    """Raise LockedError if another lock excludes `part`; remove the files of processes that ended."""
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
    """Return what the process with a lock wrote about itself; if there is none, remove the file and return None."""
    try:
        lock = _opened(folder, name)
    except FileNotFoundError:
        return None
    try:
        if not _locks(lock):
            return os.pread(lock, _MAX_CONTENT, 0)
        # No other process can take this lock now, because locks are taken only with the mutex.
        os.unlink(name, dir_fd=folder)
        return None
    finally:
        os.close(lock)


def _take(folder: int, part: Part | None) -> int:
    name = f"shard-{part.index}-of-{part.of}" if part else "whole"
    # With the mutex held and other files checked, a file of this name cannot exist: O_EXCL guards against mistakes.
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
        raise StateError(f"the lock file {name} is not a regular file of yours: remove it, or {_FIX}") from error


def _locks(descriptor: int) -> bool:
    """Lock an open file; return False if it is locked already."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _refusal(part: Part | None, other: Part | None, holder: bytes) -> str:
    what = f"shard {other.index}/{other.of}, " if other else ""
    why = ", and all shards must use the same N" if part and other and part.of != other.of else ""
    return (
        f"another apply of this library is running on this machine: {what}{_described(holder)}{why}: "
        "run again when it has finished, or wait with --lock-timeout"
    )


def _described(holder: bytes) -> str:
    """Describe the process with a lock, for a message; the file's content is not trusted."""
    try:
        match json.loads(holder):
            case {"pid": int(pid), "host": str(host), "since": str(since)}:
                return shown(f"process {pid} on {host[:_MAX_HOST]} since {since[:_MAX_HOST]}")
    except (ValueError, RecursionError):
        pass
    return "an unknown process"
