"""Manifests as they were at a git revision, checked out beside the work tree and nowhere else."""

import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from tagsync import api
from tagsync.errors import ManifestError, RefusedError, TagsyncError, UsageError
from tagsync.model import DesiredState
from tagsync.planning.since import Revision
from tagsync.printable import shown

_NOTHING = DesiredState((), ())


def revision_of(ref: str, paths: Sequence[str], *, as_of: date | None, policy_counts: bool) -> Revision:
    """Return what manifests declared at a revision.

    Args:
        ref: what git takes for a commit.
        paths: files and folders, as they are named today.
        as_of: the day on which entries that end are judged.
        policy_counts: whether the policies among them are those that hold.

    Raises:
        UsageError: a path is standard input, or not in a git work tree, or there is no such revision.
        RefusedError: the manifests had faults.
    """
    if "-" in paths:
        raise UsageError("--changed-since needs manifests in a git work tree, which standard input is not")
    top = Path(_git(_folder_of(paths[0]), "rev-parse", "--show-toplevel"))
    commit = _git(top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}", ref=ref)
    with tempfile.TemporaryDirectory(prefix="tagsync-") as folder:
        tree = Path(os.path.realpath(folder)) / "tree"
        old = [(str(tree / _within(path, top)), path) for path in paths]
        _check_out(top, commit, tree, [str(_within(path, top)) for path in paths])
        desired = _declared([pair for pair in old if _holds_manifests(Path(pair[0]))], ref, as_of)
    return Revision(ref, commit, desired, policy_counts)


def _declared(places: Sequence[tuple[str, str]], ref: str, as_of: date | None) -> DesiredState:
    """Return what manifests declare, shown as if they were where they are today: pairs of where they are, and that."""
    if not places:
        return _NOTHING
    try:
        desired = api.validate([old for old, _ in places], as_of=as_of)
    except ManifestError as error:
        raise RefusedError(
            f"the manifests at {shown(ref, 100)} have faults ({error.diagnostics[0].message}), so that what they "
            "selected is not known: plan without --changed-since"
        ) from error
    manifests = tuple(item._replace(shown_as=_as_today(item.shown_as, places)) for item in desired.manifests)
    return replace(desired, manifests=manifests)


def _as_today(path: str, places: Sequence[tuple[str, str]]) -> str:
    for old, given in places:
        if path == old or path.startswith(f"{old}/"):
            return str(Path(given) / Path(path).relative_to(old))
    return path


def _holds_manifests(path: Path) -> bool:
    """Tell whether there is anything to read at a path: an empty folder was no fault then."""
    return path.is_file() or any(path.rglob("*"))


def _folder_of(path: str) -> Path:
    here = Path(os.path.realpath(path))
    return here if here.is_dir() else here.parent


def _within(path: str, top: Path) -> Path:
    """Return a path as seen from the top of its work tree.

    Raises:
        UsageError: it is outside.
    """
    # The last part may be a link of its own: only what leads to it is followed.
    here = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links
    found = Path(os.path.relpath(Path(os.path.realpath(here.parent)) / here.name, os.path.realpath(top)))
    if found.parts[:1] == ("..",):
        raise UsageError(f"{shown(path)} is not in the git work tree of the other PATHs: --changed-since takes one")
    return found


def _check_out(top: Path, commit: str, tree: Path, paths: Sequence[str]) -> None:
    """Write what a revision has below some paths into a folder, as git would in a work tree."""
    tree.mkdir()
    index = {"GIT_INDEX_FILE": str(tree.parent / "index")}
    _git(top, "read-tree", commit, more=index)
    found = _git(top, "ls-files", "-z", "--", *(f":(top,literal){path}" for path in paths), more=index)
    _git(top, "checkout-index", f"--prefix={tree}/", "-z", "--stdin", more=index, fed=found)


def _git(
    folder: Path, *arguments: str, ref: str | None = None, more: dict[str, str] | None = None, fed: str = ""
) -> str:
    """Return what git prints.

    Raises:
        UsageError: there is no git, or no such revision, or git fails with words of its own.
    """
    try:
        ran = subprocess.run(  # noqa: S603 - arguments are a list, no shell reads them
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - the git that the user's PATH names
            input=fed,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            env=os.environ | (more or {}),
            check=True,
        )
    except FileNotFoundError as error:
        raise UsageError("--changed-since needs git, which is not installed here") from error
    except subprocess.CalledProcessError as error:
        if ref is not None:
            raise UsageError(
                f"--changed-since: git knows no revision {shown(ref, 100)} here: check the name, and that the clone "
                "is deep enough (fetch-depth: 0)"
            ) from error
        raise TagsyncError(f"--changed-since: {shown((error.stderr or '').strip(), 300)}") from error
    return ran.stdout.rstrip("\n")
