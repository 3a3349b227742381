"""Make and check the state directory and the files in it, which others may have put there to mislead a run."""

import os
import stat
import subprocess
from functools import lru_cache
from pathlib import Path

from tagsync.errors import StateError
from tagsync.escape import shown
from tagsync.workspace.git import git_command, git_environment

DATABASE_SUFFIXES = ("", "-wal", "-shm", "-journal")
"""The files that SQLite keeps for one database."""

_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


def state_directory(path: Path) -> Path:
    """Return the state directory, made (mode 0700, ignored by git) if it is not there.

    Raises:
        StateError: it is a link, not a folder, someone else's, writable by others, tracked by git, or cannot be made.
    """
    name = shown(str(path))
    try:
        found = path.lstat()
    except FileNotFoundError:
        _make(path, name)
        # Another process may have been quicker: what is there now is looked at as if it always had been.
        return state_directory(path)
    except OSError as error:
        raise StateError(f"the state directory {name} cannot be used: {error.strerror}") from error
    _check_folder(found, f"the state directory {name}")
    if _is_tracked(path):
        raise StateError(f"the state directory {name} is tracked by git: run git rm -r --cached on it, or name another")
    return path


def state_folder(state_dir: Path, name: str) -> Path:
    """Return a folder of the state directory, made if it is not there.

    Raises:
        StateError: it, or the state directory, cannot be made or used.
    """
    folder = state_directory(state_dir) / name
    if folder.is_symlink():
        raise StateError(f"the folder {shown(str(folder))} is a symbolic link: remove it and run again")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise StateError(
            f"the folder {shown(str(folder))} cannot be made ({error.strerror}): remove what is there, or name another "
            "with --state-dir"
        ) from error
    _check_folder(found, f"the folder {shown(str(folder))}")
    return folder


def open_file(path: Path | str, flags: int, folder: int | None = None) -> int:
    """Open a file of the state directory, and return its descriptor; a file that is made is private.

    Args:
        path: the file.
        flags: as `os.open` takes them. Links are not followed, and pipes are not waited for.
        folder: the descriptor of the folder that `path` starts from.

    Raises:
        OSError: it cannot be opened; with ELOOP, it is a symbolic link.
        StateError: it is no regular file, someone else's, writable by others, or has another name as well.
    """
    more = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags | more, 0o600, dir_fd=folder)
    found = os.fstat(descriptor)
    is_own = found.st_uid == os.geteuid() and found.st_nlink <= 1
    if stat.S_ISREG(found.st_mode) and is_own and not found.st_mode & _OTHERS_MAY_WRITE:
        return descriptor
    os.close(descriptor)
    raise StateError(f"{shown(str(path))} is no ordinary file of yours: remove it, or name another --state-dir")


def check_file(path: Path) -> bool:
    """Check a file of the state directory that something else opens; return whether it is there.

    Raises:
        StateError: it is a link, a pipe, or anything else than a regular file of one's own.
    """
    try:
        os.close(open_file(path, os.O_RDONLY))
    except FileNotFoundError:
        return False
    except OSError as error:
        reason = "it is a symbolic link" if path.is_symlink() else error.strerror
        raise StateError(f"{shown(str(path))} cannot be used: {reason}: remove it and run again") from error
    return True


def remove_file(path: Path) -> bool:
    """Remove a file of the state directory, or the link in its place; return whether it was there.

    Raises:
        StateError: it cannot be removed.
    """
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StateError(
            f"{shown(str(path))} cannot be removed: {error.strerror}: remove it yourself and run again"
        ) from error
    return True


def check_database(path: Path) -> None:
    """Check the files of a database in the state directory, for SQLite follows links.

    Raises:
        StateError: one of them is a link, a pipe, or anything else than a regular file of one's own.
    """
    for suffix in DATABASE_SUFFIXES:
        check_file(path.with_name(path.name + suffix))


def _make(path: Path, name: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700)
        with os.fdopen(open_file(path / ".gitignore", os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
            file.write(b"*\n")
    except FileExistsError:
        pass
    except OSError as error:
        raise StateError(f"the state directory {name} cannot be made: {error.strerror}") from error


def _check_folder(found: os.stat_result, name: str) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise StateError(f"{name} is a symbolic link: name the folder itself")
    if not stat.S_ISDIR(found.st_mode):
        raise StateError(f"{name} is not a folder: name another with --state-dir")
    if found.st_uid != os.geteuid():
        raise StateError(f"{name} belongs to another user: name another with --state-dir")
    if found.st_mode & _OTHERS_MAY_WRITE:
        raise StateError(f"{name} can be written by others: chmod 700 it, or name another with --state-dir")


def _is_tracked(path: Path) -> bool:
    """Tell whether git tracks a file in a folder; where there is no git, nothing is tracked."""
    here = path.absolute()
    git = next((folder / ".git" for folder in here.parents if (folder / ".git").exists()), None)
    return git is not None and _is_listed(here, _version(git))


def _version(git: Path) -> tuple[int, ...] | None:
    """Return what changes with each change of a repository's index; None if there is none."""
    try:
        if git.is_file():  # of a work tree or submodule, whose index is elsewhere
            git = git.parent / git.read_text("utf-8", "surrogateescape").removeprefix("gitdir:").strip()
        found = (git / "index").stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


@lru_cache(maxsize=16)
def _is_listed(path: Path, _index: tuple[int, ...] | None) -> bool:
    """Ask git, once for each version of the index: a command looks at its state directory many times."""
    try:
        listed = subprocess.run(  # noqa: S603 - no shell, and the path stands behind --
            git_command(path.parent, "ls-files", "--", f":(literal){path.name}"),
            capture_output=True,
            env=git_environment(),
            check=False,
        )
    except OSError:
        return False
    return bool(listed.stdout)
