"""Manifests as they were at a git revision, checked out beside the work tree and nowhere else."""

import os
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from tagsync.api.gather import Paths, listed, read
from tagsync.errors import ManifestError, RefusedError, UsageError
from tagsync.escape import shown
from tagsync.manifest.files import holds_manifests
from tagsync.model import Config, DesiredState
from tagsync.planning.changed_since import Revision
from tagsync.workspace.git import WorkTree

_NOTHING = DesiredState((), ())


def revision_of(ref: str, given: Paths, *, as_of: date | None = None, policy_counts: bool = True) -> Revision:
    """Return what manifests declared at a revision.

    Args:
        ref: what git takes for a commit, or `A...B` for the merge base of two.
        given: files and folders, as they are named today.
        as_of: the day on which entries that end are judged.
        policy_counts: whether the policies among them are those that hold.

    Raises:
        UsageError: a path is standard input, or not in a git work tree, or git has no such revision or fails.
        RefusedError: the manifests had faults, or were not all files.
    """
    if not ref:
        raise UsageError("--changed-since names no revision: give one like origin/main")
    paths = listed(given)
    if "-" in paths:
        raise UsageError("--changed-since needs manifests in a git work tree, which standard input is not")
    found = WorkTree(paths[0])
    commit = found.commit(ref)
    within = [found.within(path) for path in paths]
    with tempfile.TemporaryDirectory(prefix="tagsync-") as folder:
        tree = Path(os.path.realpath(folder)) / "tree"
        found.check_out(commit, within, tree)
        config = str(tree / found.within(given.file)) if isinstance(given, Config) else None
        old = [str(tree / path) for path in within if holds_manifests(str(tree / path), config)]
        desired = _declared(old, ref, as_of, config) if old else _NOTHING
    return Revision(ref, commit, desired, policy_counts)


def _declared(paths: Sequence[str], ref: str, as_of: date | None, config: str | None) -> DesiredState:
    try:
        return read(paths, as_of=as_of, config=config)
    except ManifestError as error:
        raise RefusedError(
            f"the manifests at {shown(ref, 100)} have faults ({error.diagnostics[0].message}), so that what they "
            "selected is not known: plan without --changed-since"
        ) from error
