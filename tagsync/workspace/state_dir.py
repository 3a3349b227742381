"""Create and check the state directory and its files, which another user or a repository may have planted."""

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
    """Return the state directory; create it (mode 0700, ignored by git) if it does not exist.

    Raises:
        StateError: it is a symbolic link, not a folder, another user's, writable by others, tracked by git, or cannot
            be created.
    """
    name = shown(str(path))
    try:
        found = path.lstat()
    except FileNotFoundError:
        _make(path, name)
        # Check it even if `_make` has just run: another process may have created it first.
        return state_directory(path)
    except OSError as error:
        raise StateError(f"the state directory {name} cannot be used: {error.strerror}") from error
    _check_folder(found, f"the state directory {name}")
    if _is_tracked(path):
        raise StateError(
            f"the state directory {name} is tracked by git: run git rm -r --cached {name}, or use another --state-dir"
        )
    return path


def state_folder(state_dir: Path, name: str) -> Path:
    """Return a folder in the state directory; create it if it does not exist.

    Raises:
        StateError: it or the state directory cannot be created or used.
    """
    folder = state_directory(state_dir) / name
    if folder.is_symlink():
        raise StateError(f"the folder {shown(str(folder))} is a symbolic link: remove it and run again")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise StateError(
            f"the folder {shown(str(folder))} cannot be created ({error.strerror}): remove what is in its place, or "
            "use another --state-dir"
        ) from error
    _check_folder(found, f"the folder {shown(str(folder))}")
    return folder


def open_file(path: Path | str, flags: int, folder: int | None = None) -> int:
    """Open a file of the state directory and return its descriptor.

    Args:
        path: the file; created with mode 0600 if the flags say so.
        flags: flags of `os.open`. Symbolic links are not followed, and pipes do not block.
        folder: the descriptor of the folder that `path` is relative to.

    Raises:
        OSError: it cannot be opened; with ELOOP, it is a symbolic link.
        StateError: it is not a regular file, another user's, writable by others, or has a second hard link.
    """
    more = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(path, flags | more, 0o600, dir_fd=folder)
    found = os.fstat(descriptor)
    is_own = found.st_uid == os.geteuid() and found.st_nlink <= 1
    if stat.S_ISREG(found.st_mode) and is_own and not found.st_mode & _OTHERS_MAY_WRITE:
        return descriptor
    os.close(descriptor)
    raise StateError(f"{shown(str(path))} is not a regular file of yours: remove it, or use another --state-dir")


def check_file(path: Path) -> bool:
    """Check a file of the state directory that a library opens by its name; return whether it exists.

    Raises:
        StateError: it is not a regular file of this user.
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
    """Remove a file of the state directory, or a link in its place; return whether it existed.

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
    """Check the files of a database in the state directory, because SQLite follows symbolic links.

    Raises:
        StateError: one of them is not a regular file of this user.
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
        raise StateError(f"the state directory {name} cannot be created: {error.strerror}") from error


def _check_folder(found: os.stat_result, name: str) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise StateError(f"{name} is a symbolic link: use the folder itself")
    if not stat.S_ISDIR(found.st_mode):
        raise StateError(f"{name} is not a folder: use another --state-dir")
    if found.st_uid != os.geteuid():
        raise StateError(f"{name} belongs to another user: use another --state-dir")
    if found.st_mode & _OTHERS_MAY_WRITE:
        raise StateError(f"{name} is writable by others: chmod 700 it, or use another --state-dir")


def _is_tracked(path: Path) -> bool:
    """Return whether git tracks a file in a folder; False without git."""
    here = path.absolute()
    git = next((folder / ".git" for folder in here.parents if (folder / ".git").exists()), None)
    return git is not None and _is_listed(here, _version(git))


def _version(git: Path) -> tuple[int, ...] | None:
    """Return a value that changes with the repository's index; None if it has no index."""
    try:
        if git.is_file():  # a linked work tree or a submodule, whose index is elsewhere
            git = git.parent / git.read_text("utf-8", "surrogateescape").removeprefix("gitdir:").strip()
        found = (git / "index").stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


@lru_cache(maxsize=16)
def _is_listed(path: Path, _index: tuple[int, ...] | None) -> bool:
    """Ask git once for each version of the index, because a command checks its state directory many times."""
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
