"""Which files are manifests, and their bytes; not what is in them."""

import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tagsync.errors import UsageError

MAX_FILE_BYTES = 64 * 1024 * 1024
"""A larger manifest is refused."""

SUFFIXES = (".yaml", ".yml", ".json")
_NOT_MANIFESTS = ".schema.json"


class Located(NamedTuple):
    """A manifest file: its name in documents (relative, with `/`), how messages show it, and where it is."""

    name: str
    shown_as: str
    path: Path | None
    """None stands for standard input."""


Report = Callable[[str, str, str], None]
"""Called with (file as shown, code, message)."""


def locate(paths: Sequence[str], report: Report) -> list[Located]:
    """Find the manifests that paths stand for, sorted by name; a file is taken once, however often it is named.

    Names are relative to the folder that the paths have in common, so that they do not depend on where tagsync runs.

    Raises:
        UsageError: no path at all.
    """
    if not paths:
        raise UsageError("no manifests named: give files or folders, or - for standard input")
    found: dict[str, Located] = {}
    root = _common_folder(paths)
    for path in paths:
        for file in _manifests_at(path, report):
            if file is None:
                found["-"] = Located("<stdin>", "<stdin>", None)
            else:
                name = os.path.relpath(os.path.abspath(file), root).replace(os.sep, "/")  # noqa: PTH100 - resolve() would follow links
                found.setdefault(os.path.realpath(file), Located(name, str(file), file))
    return sorted(found.values(), key=lambda located: (located.name, located.shown_as))


def read(located: Located) -> bytes:
    """Return a manifest's bytes.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not a regular file, or too large; the message says which.
    """
    if located.path is None:
        data = sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
    else:
        # Opening without blocking keeps a FIFO from hanging the run.
        descriptor = os.open(located.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ValueError("is not a regular file: name a manifest or a folder of them")
            data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise ValueError(f"is larger than {MAX_FILE_BYTES >> 20} MiB: split it")
    return data


def _common_folder(paths: Sequence[str]) -> str:
    folders = [
        absolute if Path(absolute).is_dir() else str(Path(absolute).parent)
        for absolute in (os.path.abspath(path) for path in paths if path != "-")  # noqa: PTH100 - resolve() would follow links
    ]
    return os.path.commonpath(folders) if folders else ""


def _manifests_at(path: str, report: Report) -> Iterator[Path | None]:
    if path == "-":
        yield None
        return
    here = Path(path)
    if here.is_dir():
        found = list(_walk(here, report))
        if not found:
            report(path, "no-manifests", f"no manifest in this folder: it holds no {', '.join(SUFFIXES)} file")
        yield from found
    elif not os.path.lexists(path):
        report(path, "no-such-file", "there is no such file or folder: check the path")
    elif here.suffix not in SUFFIXES:
        report(
            path,
            "not-a-manifest",
            f"a manifest's name ends in {', '.join(SUFFIXES)}: rename it or name another",
        )
    else:
        yield here


def _walk(folder: Path, report: Report) -> Iterator[Path]:
    """Yield the manifests below a folder. Links are followed to files inside it, never out of it."""
    inside = os.path.realpath(folder)

    def unreadable(error: OSError) -> None:
        report(str(error.filename), "unreadable", f"{error.strerror}: check its permissions")

    for here, folders, files in os.walk(folder, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in folders:
            link = Path(here, name)
            if link.is_symlink() and not _is_below(link, inside):
                report(str(link), "symlink", "this link leads out of the given folder: name its target as a PATH")
        for name in sorted(files):
            if name.startswith(".") or name.endswith(_NOT_MANIFESTS) or not name.endswith(SUFFIXES):
                continue
            file = Path(here, name)
            if file.is_symlink() and not _is_below(file, inside):
                report(str(file), "symlink", "this link leads out of the given folder: name its target as a PATH")
            else:
                yield file


def _is_below(path: Path, folder: str) -> bool:
    return os.path.commonpath([os.path.realpath(path), folder]) == folder
