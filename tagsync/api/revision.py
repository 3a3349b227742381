"""Read manifests as they were at git revisions, from a temporary copy."""

import os
import tempfile
from datetime import date
from pathlib import Path

from tagsync.api.gather import Paths, listed, read
from tagsync.errors import ManifestError, RefusedError, UsageError
from tagsync.escape import shown
from tagsync.manifest.config import manifests_at
from tagsync.manifest.files import CONFIG_NAME, CSV_SUFFIXES, MANIFEST_SUFFIXES, NOT_MANIFESTS, holds_manifests
from tagsync.model import Config, DesiredState, Diagnostic, Report
from tagsync.planning.changed_since import Revision
from tagsync.workspace.git import Commit, WorkTree, commit_of

CHANGED_SINCE = "--changed-since"
PRUNE_SINCE = "--prune-since"

_SHORT = 12
"""The digits of a commit in messages, enough for any repository."""

_MAX_RULES = 100_000
"""Up to this number of rules, reading manifests twice for a notice takes few seconds and little memory."""

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
    history = _History(ref, given, as_of, CHANGED_SINCE)
    try:
        return history.at(history.commit, policy_counts=policy_counts)
    except ManifestError as error:
        raise RefusedError(
            f"the manifests at {shown(ref, 100)} have errors ({error.diagnostics[0].message}), so the files that they "
            f"selected are unknown: plan without {CHANGED_SINCE}"
        ) from error


def revisions_since(ref: str, given: Paths, *, as_of: date | None = None) -> tuple[Revision, ...]:
    """Read what manifests declared at a git revision, and at each later commit that changed them.

    An apply that failed halfway may have added tags of a later commit. A later commit with errors in its manifests is
    left out, because no apply can have used it.

    Args:
        ref: a git revision, or `A...B` for the merge base of two.
        given: the paths of files and folders as of now.
        as_of: the date (UTC) to evaluate `until` for; today if None.

    Returns:
        The revisions, the oldest first.

    Raises:
        UsageError: as `revision_of`, or the clone lacks commits since then.
        RefusedError: the manifests had errors at `ref`, or a path contained something other than files.
    """
    history = _History(ref, given, as_of, PRUNE_SINCE)
    try:
        found = history.at(history.commit)
    except ManifestError as error:
        raise RefusedError(
            f"{PRUNE_SINCE} {shown(ref, 100)}: the manifests at commit {history.commit[:7]} have errors "
            f"({_first_of(error)}), so the tags that they declared are unknown: use a later commit whose manifests "
            f"are valid, or plan without {PRUNE_SINCE}"
        ) from error
    later: dict[str, Revision | None] = {}
    # A commit may name CSV files outside the paths. Then commits that changed only these count, too.
    while not later.keys() >= set(commits := history.later()):
        for commit in (commit for commit in commits if commit not in later):
            try:
                later[commit] = history.at(commit)
            except ManifestError:
                later[commit] = None
    return (found, *(revision for commit in commits if (revision := later[commit])))


def commit_of_manifests(given: Paths, desired: DesiredState) -> Commit:
    """Return the commit of manifests; an empty one if they are outside a git repository."""
    paths = listed(given)
    if not paths or "-" in paths:
        return Commit()
    # A PATH that is a manifest does not contain the CSV files that it names.
    csv_files = [ref.shown_as for ref in desired.manifests if ref.path.lower().endswith(CSV_SUFFIXES)]
    config = [given.file] if isinstance(given, Config) and "manifests" in given.origins else []
    return commit_of([*paths, *csv_files, *config], MANIFEST_SUFFIXES, but=NOT_MANIFESTS)


def revision_of_report(last: Report, given: Paths, desired: DesiredState, *, as_of: date | None) -> Revision | None:
    """Read what manifests declared at the commit of the previous report.

    Return None if they were the same as now, if there are very many rules, or if git or the manifests of then do not
    allow it: only a notice needs this.
    """
    inputs = last.plan.inputs
    if (
        len(desired.entries) > _MAX_RULES
        or inputs.commit is None
        or {ref.sha256 for ref in inputs.manifests} == {ref.sha256 for ref in desired.manifests}
    ):
        return None
    try:
        return revision_of(inputs.commit[:_SHORT], given, as_of=as_of)
    except (UsageError, RefusedError):
        return None


def _first_of(error: ManifestError) -> str:
    """Return the first error of manifests, with its place."""
    first = error.diagnostics[0]
    return f"{shown(first.where)}: {first.message}" if first.origin else first.message


def _from_top(found: Diagnostic, top: Path) -> Diagnostic:
    """Return an error with the path of its manifest from the top of the repository."""
    origin = found.origin
    return found._replace(origin=origin and origin._replace(file=os.path.relpath(origin.file, top)))


class _History:
    """The manifests at a git revision and after it; see `revision_of` for arguments and errors."""

    def __init__(self, ref: str, given: Paths, as_of: date | None, option: str) -> None:
        if not ref:
            raise UsageError(f"{option} is empty: use a revision such as origin/main")
        paths = listed(given)
        if not paths:
            raise UsageError("no manifests given: name files or folders, or - for standard input")
        if "-" in paths:
            raise UsageError(f"{option} cannot read manifests from standard input: use files in a git work tree")
        self._ref, self._as_of = ref, as_of
        self._csv_files: set[Path] = set()
        self._tree = WorkTree(paths[0], option)
        self.commit = self._tree.commit(ref)
        self._within = [self._tree.within(path) for path in paths]
        self._named = set(self._within)
        """The paths, and those that the tagsync.yaml of a revision named instead."""
        self._config = self._tree.within(given.file) if isinstance(given, Config) else None
        self._named_by: Config | None = None
        """The tagsync.yaml that names the paths. A link to one may have had another target, so it does not count."""
        if isinstance(given, Config) and "manifests" in given.origins and Path(given.file).name == CONFIG_NAME:
            self._named_by = given

    def later(self) -> list[str]:
        """Return the later commits that changed manifests, or what names manifests in a commit read so far."""
        config = [self._config] if self._config and self._named_by else []
        return self._tree.later(self.commit, [*sorted(self._named), *config, *sorted(self._csv_files)])

    def at(self, commit: str, *, policy_counts: bool = True) -> Revision:
        """Read the manifests of a commit.

        Raises:
            ManifestError: they have errors. Their places name paths from the top of the repository.
        """
        with tempfile.TemporaryDirectory(prefix="tagsync-") as folder:
            top = Path(os.path.realpath(folder)) / "tree"
            config = str(top / self._config) if self._config else None
            try:
                paths = self._paths_at(commit, top)
                self._tree.check_out(commit, paths, top, MANIFEST_SUFFIXES)
                old = [str(top / path) for path in paths if holds_manifests(str(top / path), config)]
                desired = self._read(commit, old, config, top) if old else _NOTHING
            except ManifestError as error:
                raise ManifestError(tuple(_from_top(found, top) for found in error.diagnostics), error.more) from error
        names = {manifest.path: os.path.relpath(manifest.shown_as, top) for manifest in desired.manifests}
        return Revision(self._ref, commit, desired, policy_counts, names, self._tree.day_of(commit))

    def _paths_at(self, commit: str, top: Path) -> list[Path]:
        """Return the paths of the manifests at a commit: those that its tagsync.yaml named, if it names them now."""
        if not self._config or not self._named_by:
            return self._within
        self._tree.check_out(commit, [self._config], top, MANIFEST_SUFFIXES)
        file = top / self._config
        found = manifests_at(file, top, self._named_by.environment) if file.exists() else None
        self._named.update(found or ())
        return self._within if found is None else found

    def _read(self, commit: str, paths: list[str], config: str | None, top: Path) -> DesiredState:
        def fetch_csv(file: Path) -> None:
            """Write a CSV file that a manifest named then; a PATH that is a manifest does not contain it."""
            if not file.exists():
                self._csv_files.add(file.relative_to(top))
                self._tree.check_out_more(commit, [file.relative_to(top)], top)

        return read(paths, as_of=self._as_of, config=config, fetch_csv=fetch_csv)
