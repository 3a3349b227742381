"""Read manifests as they were at a git revision, from a temporary copy."""

import os
import tempfile
from collections.abc import Callable, Sequence
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
    """Read what manifests declared at a git revision.

    Args:
        ref: a git revision, or `A...B` for the merge base of two.
        given: the paths of files and folders as of now.
        as_of: the date (UTC) to evaluate `until` for; today if None.
        policy_counts: whether the policies among the manifests apply.

    Raises:
        UsageError: a path is standard input or outside a git work tree, or git fails or knows no such revision.
        RefusedError: the manifests had errors then, or a path contained something other than files.
    """
    if not ref:
        raise UsageError("--changed-since is empty: use a revision such as origin/main")
    paths = listed(given)
    if "-" in paths:
        raise UsageError("--changed-since cannot read manifests from standard input: use files in a git work tree")
    found = WorkTree(paths[0])
    commit = found.commit(ref)
    within = [found.within(path) for path in paths]
    with tempfile.TemporaryDirectory(prefix="tagsync-") as folder:
        tree = Path(os.path.realpath(folder)) / "tree"
        found.check_out(commit, within, tree)
        config = str(tree / found.within(given.file)) if isinstance(given, Config) else None
        old = [str(tree / path) for path in within if holds_manifests(str(tree / path), config)]

        def fetch_csv(file: Path) -> None:
            """Write a CSV file that a manifest named then; a PATH that is a manifest does not contain it."""
            if not file.exists():
                found.check_out_more([file.relative_to(tree)], tree)

        desired = _declared(old, ref, as_of, config, fetch_csv) if old else _NOTHING
    return Revision(ref, commit, desired, policy_counts)


def _declared(
    paths: Sequence[str], ref: str, as_of: date | None, config: str | None, fetch_csv: Callable[[Path], None]
) -> DesiredState:
    try:
        return read(paths, as_of=as_of, config=config, fetch_csv=fetch_csv)
    except ManifestError as error:
        raise RefusedError(
            f"the manifests at {shown(ref, 100)} have errors ({error.diagnostics[0].message}), so the files that they "
            "selected are unknown: plan without --changed-since"
        ) from error
