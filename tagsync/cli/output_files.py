"""Files that commands write: whole or not at all, and known to be writable before anything is done."""

import os
import stat
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from tagsync.errors import UsageError
from tagsync.escape import shown
from tagsync.manifest.files import is_manifest_name
from tagsync.workspace.atomic import atomic_write


def check_writable(paths: Sequence[Path], inputs: Sequence[str] = ()) -> None:
    """Find out before anything is done that a file could not, or must not, be written.

    Args:
        paths: the files.
        inputs: files and folders of manifests that are read.

    Raises:
        UsageError: its folder is not there or not writable, it is a folder itself, it is read by this very run, or two
            of them are the same file.
    """
    seen: set[str] = set()
    for path in paths:
        _check_writable(path)
        place = os.path.realpath(path)
        for given in inputs:
            _check_apart(path, place, given)
        if place in seen and not is_special(path):
            raise UsageError(f"{shown(str(path))} is named twice: give each document a file of its own")
        seen.add(place)


def _check_apart(path: Path, place: str, given: str) -> None:
    source = os.path.realpath(given)
    if place == source:
        raise UsageError(f"{shown(str(path))} is what this command reads: write to another file")
    if Path(place).is_file() and Path(place).is_relative_to(source) and is_manifest_name(Path(place).name):
        raise UsageError(f"{shown(str(path))} is one of the manifests in {shown(given)}: write to another file")


def _check_writable(path: Path) -> None:
    if str(path) == "-":
        raise UsageError("a file named - is no standard output: --format says what that carries")
    try:
        if is_special(path):
            writable = os.access(path, os.W_OK)
        else:
            writable = not path.is_dir()
            with tempfile.TemporaryFile(dir=path.resolve().parent):
                pass
    except OSError:
        writable = False
    if not writable:
        raise UsageError(f"{shown(str(path))} cannot be written: name a file in a folder that you can write to")


def is_special(path: Path) -> bool:
    """Tell whether a path is a device or a pipe, like /dev/stdout or what a shell makes of >(command)."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


@contextmanager
def opened(path: Path | None) -> Iterator[TextIO]:
    """Yield standard output, or a file that takes the place of an old one only once it is whole (mode 0600).

    A link stays, and what it names is replaced; a device or a pipe is written to as it is.
    """
    if path is None:
        yield sys.stdout
        return
    if is_special(path):
        with path.open("w", encoding="utf-8", errors="backslashreplace") as stream:
            yield stream
        return
    with atomic_write(path.resolve()) as stream:
        yield stream
