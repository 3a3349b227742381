"""Files that commands write: whole or not at all, and known to be writable before anything is done."""

import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from tagsync.errors import UsageError
from tagsync.printable import shown


def check_writable(path: Path) -> None:
    """Find out before anything is done that a report could not be written.

    Raises:
        UsageError: its folder is not there or not writable, or the path is a folder itself.
    """
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
        raise UsageError(f"a report cannot be written to {shown(str(path))}: name a file in a folder you can write to")


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
    place = path.resolve()
    descriptor, name = tempfile.mkstemp(dir=place.parent, prefix=".tagsync-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as stream:
            yield stream
        Path(name).replace(place)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(name).unlink()
        raise
