"""Write output files atomically, and check beforehand that they can be written."""

import io
import os
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from tagsync.errors import UsageError
from tagsync.escape import shown
from tagsync.manifest.files import CONFIG_NAME, YAML_SUFFIXES, is_manifest_name, is_read_from, may_be_named_by
from tagsync.workspace.atomic import PRIVATE, atomic_write, umask_mode

_LONGEST_TEXT = 1_000_000


def check_writable(paths: Sequence[Path], inputs: Sequence[str] = ()) -> None:
    """Check that a command can write its output files, before it does anything else.

    Args:
        paths: the output files.
        inputs: files and folders that the command reads.

    Raises:
        UsageError: an output file cannot be written, is also an input, or is named twice.
    """
    seen: set[str] = set()
    for path in paths:
        _check_writable(path)
        place = os.path.realpath(path)
        for given in inputs:
            _check_apart(path, place, given)
        if place in seen and not is_special(path):
            raise UsageError(f"{shown(str(path))} is named twice: give each output file a different name")
        seen.add(place)


def warn_of_manifests(paths: Iterable[Path], inputs: Sequence[str], warn: Callable[[str], None]) -> None:
    """Warn of each new file that the next run would read as a manifest, and refuse.

    Args:
        paths: the plans and reports that a command writes as JSON.
        inputs: files and folders that the command reads.
        warn: called with each warning.
    """
    for path in paths:
        place = Path(os.path.realpath(path))
        folder = next((name for given in inputs if (name := _folder_read(given, path)) and _is_in(name, place)), None)
        if folder:
            warn(
                f"{shown(str(path))} will be in a folder of manifests, and the next command that reads "
                f"{shown(folder)} refuses it: write it to another folder, or begin its name with a dot"
            )


def _folder_read(given: str, path: Path) -> str | None:
    """Return the folder in which a command may look for manifests, given an input of this one; None for no folder.

    A plan.json next to a manifest is common, but a plan.yaml there is named like one.
    """
    if Path(given).is_dir():
        return given
    is_beside = path.suffix in YAML_SUFFIXES and Path(given).suffix in YAML_SUFFIXES
    return str(Path(given).parent) if is_beside and Path(given).name != CONFIG_NAME else None


def _is_in(folder: str, place: Path) -> bool:
    """Return whether a file, given by its resolved path, is read as a manifest if the folder is given."""
    top = Path(os.path.realpath(folder))
    return place.is_relative_to(top) and is_read_from(top, place)


def _check_apart(path: Path, place: str, given: str) -> None:
    source = os.path.realpath(given)
    if place == source:
        raise UsageError(f"{shown(str(path))} is an input of this command: write to another file")
    if not Path(place).is_file():
        return
    if Path(place).is_relative_to(source) and is_manifest_name(Path(place).name):
        raise UsageError(f"{shown(str(path))} is one of the manifests in {shown(given)}: write to another file")
    if may_be_named_by(source, place):
        raise UsageError(f"{shown(str(path))} may be a file that manifests name: write to another file")


def _check_writable(path: Path) -> None:
    if str(path) == "-":
        raise UsageError("- is not a file name: for standard output, use --format")
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
        raise UsageError(
            f"{shown(str(path))} cannot be written: choose a file in an existing folder that you can write to"
        )


def is_special(path: Path) -> bool:
    """Return whether a path is a device or a pipe, such as /dev/stdout or the >(command) of a shell."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def text_of(path: Path | None) -> str:
    """Return the text of an output file of an earlier run; empty if there is none, or it is no short file."""
    try:
        if path is None or not path.is_file():
            return ""
        with path.open("rb") as file:
            return file.read(_LONGEST_TEXT).decode("utf-8", "replace")
    except OSError:
        return ""


def in_utf_8(stream: TextIO) -> TextIO:
    """Return a stream after changing its encoding to UTF-8, whatever the locale."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding="utf-8")
    return stream


@contextmanager
def opened(path: Path | None, *, private: bool = False) -> Iterator[TextIO]:
    """Yield standard output or a file, which replaces an existing one when the block ends without an error.

    A symbolic link stays, and its target is replaced. A device or a pipe is written to directly.

    Args:
        path: the file; None for standard output.
        private: whether only the owner can read the file (mode 0600); others follow the umask.
    """
    if path is None:
        yield sys.stdout
        return
    if is_special(path):
        with path.open("w", encoding="utf-8", errors="backslashreplace") as stream:
            yield stream
        return
    with atomic_write(path.resolve(), mode=PRIVATE if private else umask_mode()) as stream:
        yield stream
