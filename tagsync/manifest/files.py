"""Find manifest files and read their bytes."""

import errno
import os
import posixpath
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tagsync.errors import ManifestError, UsageError
from tagsync.model import Diagnostic, Origin

MAX_FILE_BYTES = 64 * 1024 * 1024
"""The maximum size of a manifest."""

CONFIG_NAME = "tagsync.yaml"
"""The name of the file that sets the manifests of a repository, which is no manifest itself."""

STDIN = "<stdin>"
"""The name of standard input."""

YAML_SUFFIXES = (".yaml", ".yml")
"""How the names of YAML files end; nobody expects a saved plan in one."""
_SUFFIXES = (*YAML_SUFFIXES, ".json")
_SUFFIX_WORDS = f"{', '.join(YAML_SUFFIXES)} or .json"
CSV_SUFFIXES = (".csv", ".tsv")
_LIBRARY_SUFFIXES = (".jsonl",)

MANIFEST_SUFFIXES = _SUFFIXES + CSV_SUFFIXES
"""How the names of files that a run may read as manifests end."""
NOT_MANIFESTS = ".schema.json"
_LIBRARY = "library.jsonl"
_NO_SUCH_FILE = "this file or folder does not exist: check the path"
_LEADS_OUT = "this link leads out of the given folder: give its target as a PATH of the command"


class Located(NamedTuple):
    """A manifest file: its name in plans and reports (relative, with `/`), its name in messages, and its path."""

    name: str
    shown_as: str
    path: Path | None
    """None for standard input."""
    inside: str | None = None
    """The resolved folder that the files it names must be in."""


ReportFile = Callable[[str, str, str], None]
"""Called with (file as shown, code, message)."""


def locate(paths: Sequence[str], report: ReportFile, *, skip: str | None = None) -> list[Located]:
    """Find the manifests at some paths, sorted by name and without duplicates.

    Names are relative to the common folder of the paths, so they do not depend on where tagsync runs.
    The file `skip`, a resolved path, is left out.

    Raises:
        UsageError: there are no paths.
    """
    if not paths:
        raise UsageError("no manifests given: name files or folders, or - for standard input")
    found: dict[str, Located] = {}
    # A shell expands manifests/* to all that `init` writes there. Given alone, such a file is an error.
    paths = [path for path in paths if not _comes_with_manifests(path)] or paths
    root = _common_folder(paths)
    for path in paths:
        for file in _manifests_at(path, report, skip):
            if file is None:
                found["-"] = Located(STDIN, STDIN, None)
                continue
            name = os.path.relpath(os.path.abspath(file), root).replace(os.sep, "/")  # noqa: PTH100 - resolve() would follow links
            inside = os.path.realpath(path if _is_folder(path) else Path(path).parent)
            located = Located(name, str(file), file, inside)
            target = os.path.realpath(file)
            # If a file has several names, the first in sort order counts, so the order of paths does not matter. If it
            # is in several of the given folders, the outermost counts.
            known = found.get(target, located)
            inside = min(known.inside or inside, inside, key=len)
            found[target] = min(known, located, key=_by_name)._replace(inside=inside)
    return sorted(found.values(), key=_by_name)


def locate_csv(manifest: Located, path: str) -> Located:
    """Return the CSV file that a manifest names, relative to its own folder.

    Raises:
        ValueError: the file is refused or missing; the message says why.
    """
    return _locate_named(manifest, path, "CSV file", CSV_SUFFIXES)


def locate_library(manifest: Located, path: str) -> Located:
    """Return the library file that a test names, as `locate_csv` does."""
    return _locate_named(manifest, path, "library file", _LIBRARY_SUFFIXES)


def _locate_named(manifest: Located, path: str, what: str, suffixes: tuple[str, ...]) -> Located:
    if manifest.path is None or manifest.inside is None:
        raise ValueError(f"a manifest on standard input cannot name {what}s: save the manifest as a file")
    if not path.lower().endswith(suffixes):
        raise ValueError(f"the name of a {what} ends in {' or '.join(suffixes)}: rename the file")
    if "\0" in path or not path.isprintable() or os.path.isabs(path):  # noqa: PTH117 - no Path of unchecked text
        raise ValueError(f"this is not a relative path: write the path from this manifest's folder to the {what}")
    file = os.path.normpath(Path(manifest.path).parent / path)
    target = os.path.realpath(file)
    if not Path(target).is_relative_to(manifest.inside):
        raise ValueError("this file is not in the given folder: move it there, or give a folder that contains both")
    shown_as = os.path.normpath(Path(manifest.shown_as).parent / path)
    name = posixpath.normpath(posixpath.join(posixpath.dirname(manifest.name), path))
    return Located(name, shown_as, Path(target), manifest.inside)


def is_manifest_name(name: str) -> bool:
    """Return whether a file with this name is read when its folder is given."""
    return name.endswith(_SUFFIXES) and not name.startswith(".") and not name.endswith(NOT_MANIFESTS)


def is_read_from(folder: Path, file: Path) -> bool:
    """Return whether a file below a folder is read as a manifest when the folder is given."""
    *folders, name = file.relative_to(folder).parts
    return is_manifest_name(name) and not any(part.startswith(".") for part in folders)


def may_be_named_by(manifests: str, path: str) -> bool:
    """Return whether a manifest may name a file, such as a CSV file or the library of a test.

    Args:
        manifests: a manifest or a folder, as a resolved path.
        path: the file, as a resolved path.
    """
    top = Path(manifests)
    if is_manifest_name(top.name) and not top.is_dir():
        top = top.parent
    return path.lower().endswith(CSV_SUFFIXES + _LIBRARY_SUFFIXES) and Path(path).is_relative_to(top)


def _comes_with_manifests(path: str) -> bool:
    """Return whether a file is one of those that `init` writes next to manifests."""
    is_one = path.endswith(NOT_MANIFESTS) or os.path.basename(path) == _LIBRARY  # noqa: PTH119 - cheaper
    return is_one and os.path.isfile(path)  # noqa: PTH113 - Path.is_file may raise


def holds_manifests(path: str, skip: str | None = None) -> bool:
    """Return whether a path is a manifest other than `skip`, or a folder with one below it."""
    return next(_manifests_at(path, lambda *_: None, skip), None) is not None


def check_paths(paths: Sequence[str]) -> None:
    """Check that paths are manifests, or folders of them, without reading them.

    Raises:
        ManifestError: with an error for each path that is not.
    """
    errors: list[Diagnostic] = []
    locate(paths, lambda file, code, message: errors.append(Diagnostic("error", code, message, Origin(file, 1, 1))))
    if errors:
        raise ManifestError(tuple(errors))


def read(located: Located, *, limit: int = MAX_FILE_BYTES) -> bytes:
    """Return the bytes of a file, at most `limit`.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not a regular file, too large, or closed; the message says which.
    """
    if located.path is None:
        if sys.stdin is None:  # closed by whoever started this process
            raise ValueError("standard input is closed: name files or folders instead")
        data = sys.stdin.buffer.read(limit + 1)
    else:
        # Opening without blocking keeps a FIFO from hanging the run.
        descriptor = os.open(located.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ValueError("this is not a regular file: name a manifest or a folder of them")
            data = file.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"this file is larger than {limit >> 20} MiB: split it")
    return data


def why_unreadable(error: OSError) -> str:
    """Return why a file that a manifest names cannot be read, and what to do."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return "this file does not exist: check the path, which is relative to this manifest"
    return f"{error.strerror}: check the path and its permissions"


def _by_name(located: Located) -> tuple[str, str]:
    return located.name, located.shown_as


def _common_folder(paths: Sequence[str]) -> str:
    folders = [
        absolute if _is_folder(absolute) else str(Path(absolute).parent)
        for absolute in (os.path.abspath(path) for path in paths if path != "-")  # noqa: PTH100 - resolve() would follow links
    ]
    return os.path.commonpath(folders) if folders else ""


def _manifests_at(path: str, report: ReportFile, skip: str | None = None) -> Iterator[Path | None]:
    if path == "-":
        yield None
        return
    here = Path(path)
    if _is_folder(path):
        found = [file for file in _walk(here, report) if not (file.name == CONFIG_NAME and is_same(file, skip))]
        if not found:
            hint = "to write a first one, use tagsync init DIR"
            report(path, "no-manifests", f"no manifest in this folder: add a file that ends in {_SUFFIX_WORDS}; {hint}")
        yield from found
    elif not _exists(path):
        report(path or "''", "no-such-file", _NO_SUCH_FILE)
    elif here.name.lower().endswith((*_LIBRARY_SUFFIXES, ".jsonl.gz")):
        report(path, "not-a-manifest", "a library is neither a manifest nor a saved plan: name it with --sandbox")
    elif here.name.lower().endswith(CSV_SUFFIXES):
        report(path, "not-a-manifest", "a CSV file is not a manifest: name it in spec.filesFrom of a manifest")
    elif here.suffix not in _SUFFIXES:
        report(
            path,
            "not-a-manifest",
            f"the name of a manifest ends in {_SUFFIX_WORDS}: rename this file or name another",
        )
    elif not is_same(here, skip):
        yield here


def is_same(path: str | Path, resolved: str | None) -> bool:
    """Return whether a path leads to a file, given by its resolved path."""
    return resolved is not None and os.path.realpath(path) == resolved


def _walk(folder: Path, report: ReportFile) -> Iterator[Path]:
    """Yield the manifests below a folder; follow links only to files inside it."""
    inside = os.path.realpath(folder)

    def unreadable(error: OSError) -> None:
        report(str(error.filename), "unreadable", f"{error.strerror}: check its permissions")

    for here, folders, files in os.walk(folder, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in folders:
            if _leads_out(Path(here, name), inside):
                report(str(Path(here, name)), "symlink", _LEADS_OUT)
        for name in sorted(files):
            if not is_manifest_name(name):
                continue
            file = Path(here, name)
            if _leads_out(file, inside):
                report(str(file), "symlink", _LEADS_OUT)
            else:
                yield file


def _is_folder(path: str) -> bool:
    """Return whether a path is a folder; Path.is_dir would raise if a link cannot be followed."""
    return os.path.isdir(path)  # noqa: PTH112 - see above


def _exists(path: str) -> bool:
    """Return whether a path exists or cannot be checked; in the second case, reading it gives the reason."""
    try:
        os.stat(path)  # noqa: PTH116 - Path("") is the current folder
    except OSError as error:
        return error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)
    except ValueError:  # a null character
        return False
    return True


def _leads_out(path: Path, folder: str) -> bool:
    is_link = os.path.islink(path)  # noqa: PTH114 - Path.is_symlink raises in a folder that may not be entered
    return is_link and os.path.commonpath([os.path.realpath(path), folder]) != folder
