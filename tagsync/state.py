"""The state directory: where tagsync keeps what may be lost without harm; what is kept there is others' business."""

import os
import stat
import subprocess
from pathlib import Path

from tagsync.errors import StateError
from tagsync.printable import shown


def state_directory(path: Path) -> Path:
    """Return the state directory, made (mode 0700, ignored by git) if it is not there.

    Raises:
        StateError: it is a link, not a folder, someone else's, tracked by git, or cannot be made.
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
    if stat.S_ISLNK(found.st_mode):
        raise StateError(f"the state directory {name} is a symbolic link: name the folder itself")
    if not stat.S_ISDIR(found.st_mode):
        raise StateError(f"the state directory {name} is not a folder: name another with --state-dir")
    if found.st_uid != os.geteuid():
        raise StateError(f"the state directory {name} belongs to another user: name another with --state-dir")
    if _is_tracked(path):
        raise StateError(f"the state directory {name} is tracked by git: run git rm -r --cached on it, or name another")
    return path


def _make(path: Path, name: str) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        (path / ".gitignore").write_text("*\n", encoding="ascii")
    except OSError as error:
        raise StateError(f"the state directory {name} cannot be made: {error.strerror}") from error


def _is_tracked(path: Path) -> bool:
    """Tell whether git tracks a file in a folder; where there is no git, nothing is tracked."""
    if not any((folder / ".git").exists() for folder in path.absolute().parents):
        return False
    try:
        listed = subprocess.run(  # noqa: S603 - no shell, and the path stands behind --
            ["git", "ls-files", "--", path.name],  # noqa: S607 - the user's own git
            cwd=path.absolute().parent,
            capture_output=True,
            check=False,
        )
    except OSError:
        return False
    return bool(listed.stdout)
