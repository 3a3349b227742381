"""Read earlier revisions of manifests with git, from a repository that is not trusted.

No hook runs, nothing in the repository changes, and variables that point git to another repository are removed.
"""

import os
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from tagsync.errors import RefusedError, UsageError
from tagsync.escape import quoted, shown

_OPTIONS = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "core.symlinks=true")

_OURS = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_DIR",
        "GIT_GLOB_PATHSPECS",
        "GIT_ICASE_PATHSPECS",
        "GIT_INDEX_FILE",
        "GIT_LITERAL_PATHSPECS",
        "GIT_NAMESPACE",
        "GIT_NOGLOB_PATHSPECS",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_WORK_TREE",
    }
)
"""Variables that git sets for hooks; tagsync run from a hook would otherwise read another repository or index."""

_MOST_LINES = 20
_MOST_CHARACTERS = 300

_COMMIT = re.compile(r"[0-9a-f]{40,64}")

_FIELDS = {"1": 8, "u": 10, "?": 1}
"""The fields before the path in a line of git status, by the kind of the line."""

_PLAIN_REF = re.compile(r"refs/[\w./-]+", re.ASCII)

_UNSHALLOW = "fetch the whole history: git fetch --unshallow origin (fetch-depth: 0 in GitHub Actions)"

_LINK, _SUBMODULE = "120000", "160000"
"""The modes of entries of a revision that are not files."""


def git_command(folder: Path, *arguments: str) -> list[str]:
    """Return the command line that runs git in a folder."""
    return ["git", "-C", str(folder), *_OPTIONS, *arguments]


def git_environment() -> dict[str, str]:
    """Return the environment for running git."""
    return {name: value for name, value in os.environ.items() if name not in _OURS}


def top_of(folder: Path) -> Path | None:
    """Return the top of the work tree that a folder is in; None if git knows none, or is not installed.

    Git refuses a repository of another user, whose files must not decide what a run does.
    """
    try:
        return Path(os.path.realpath(_line(folder, "rev-parse", "--show-toplevel")))
    except UsageError:
        return None


class Commit(NamedTuple):
    """The commit of some files.

    Attributes:
        hash: the full hash of HEAD; None without a commit, or if a file differs from it.
        uncommitted: the first file that differs from HEAD, relative to the top of the work tree; None if none does.
    """

    hash: str | None = None
    uncommitted: str | None = None


def commit_of(paths: Sequence[str], suffixes: tuple[str, ...], *, but: str) -> Commit:
    """Return the commit of the files below some paths; an empty one without a git repository.

    Args:
        paths: files and folders of one work tree.
        suffixes: how the names of the files that count end.
        but: how the names of those among them end that do not count.
    """
    here = Path(os.path.realpath(paths[0]))
    # Without --no-optional-locks, git would write to the index. In a submodule, it would follow that one's settings.
    options = ("--no-optional-locks", "--literal-pathspecs", "status", "--porcelain=v2", "-z", "--branch")
    status = (*options, "--no-renames", "--untracked-files=all", "--ignore-submodules=all")
    try:
        found = _run(
            here if here.is_dir() else here.parent, *status, "--", *map(os.path.realpath, paths), option="tagsync"
        )
    except UsageError:
        return Commit()
    lines = os.fsdecode(found).split("\0")
    names = (line for line in lines if not line.startswith("#"))
    changed = [line for line in names if line.lower().endswith(suffixes) and not line.lower().endswith(but)]
    if changed:
        return Commit(uncommitted=changed[0].split(" ", _FIELDS[changed[0][0]])[-1])
    commit = lines[0].rpartition(" ")[2]
    return Commit(commit if _COMMIT.fullmatch(commit) else None)


class WorkTree:
    """The git work tree that contains a path.

    Args:
        path: a file or folder, which need not exist.
        option: the option that needs git, for errors.

    Raises:
        UsageError: git is not installed, or the path is not in a work tree.
    """

    def __init__(self, path: str, option: str) -> None:
        self._option = option
        here = Path(os.path.realpath(path))
        while not here.is_dir():
            here = here.parent
        self.top = Path(os.path.realpath(_line(here, "rev-parse", "--show-toplevel", option=option)))

    def commit(self, ref: str) -> str:
        """Return the full hash of a revision's commit.

        Args:
            ref: a revision, or `A...B` for the merge base of A and B; both default to HEAD.

        Raises:
            UsageError: git knows no such commit.
        """
        first, dots, second = ref.partition("...")
        if dots:
            return self._merge_base(first or "HEAD", second or "HEAD")
        if ".." in ref:
            raise UsageError(
                f"{self._option} {shown(ref, 100)}: give one revision, or A...B for the merge base of A and B"
            )
        words = f"git knows no revision {shown(ref, 100)} here: check the name, and {self._how_to_fetch(ref)}"
        found = self._line("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}", otherwise=words)
        # Of ^REF, git returns the commit after the same sign, which would leave it out.
        if not _COMMIT.fullmatch(found):
            raise UsageError(f"{self._option}: {words}")
        return found

    def _is_shallow(self) -> bool:
        return self._line("rev-parse", "--is-shallow-repository") == "true"

    def _how_to_fetch(self, ref: str) -> str:
        """Return how to get a revision that this clone lacks."""
        # A runner fetches branches, but no other refs. Users copy this command, so it must not contain any other text.
        if _PLAIN_REF.fullmatch(ref):
            return f"fetch it: git fetch origin {ref}:{ref}"
        return _UNSHALLOW if self._is_shallow() else "fetch enough history (fetch-depth: 0)"

    def _merge_base(self, first: str, second: str) -> str:
        words = (
            f"{shown(first, 100)} and {shown(second, 100)} have no common commit here: check the names, and fetch "
            "enough history (fetch-depth: 0)"
        )
        return self._line("merge-base", self.commit(first), self.commit(second), otherwise=words)

    def later(self, commit: str, paths: Sequence[Path]) -> list[str]:
        """Return the commits after a commit, up to HEAD, that changed files below some paths; the oldest first.

        Of a merged branch, only the merge counts, because a run starts from the main branch.

        Raises:
            UsageError: the clone is shallow, and these commits are unknown.
        """
        if self._is_shallow():
            words = f"this clone is shallow and may lack commits since {commit[:7]}: {_UNSHALLOW}"
            self._line("merge-base", "--is-ancestor", commit, "HEAD", otherwise=words)
        arguments = ("log", "--first-parent", "--reverse", "--format=%H", f"{commit}..HEAD", "--")
        return self._line(*arguments, *map(_below, paths)).split()

    def day_of(self, commit: str) -> str | None:
        """Return the day on which a commit was made (YYYY-MM-DD, UTC); None for a day that the calendar lacks."""
        try:
            made = int(self._line("log", "-1", "--format=%ct", commit))
            return datetime.fromtimestamp(made, UTC).date().isoformat()
        except (ValueError, OverflowError, OSError):
            return None

    def _line(self, *arguments: str, otherwise: str | None = None) -> str:
        return _line(self.top, *arguments, otherwise=otherwise, option=self._option)

    def within(self, path: str) -> Path:
        """Return a path relative to the top of the work tree.

        Raises:
            UsageError: the path is outside, or leads through a symbolic link inside.
        """
        # A link inside the work tree may have had another target at the earlier revision.
        here = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links
        for part in (here, *here.parents):
            if part.is_symlink() and self._contains(part.parent):
                raise UsageError(f"{shown(path)} leads through the link {shown(str(part))}: use the path of its target")
        if not self._contains(here):
            raise UsageError(
                f"{shown(path)} is not in the git work tree of the other PATHs: with {self._option}, all PATHs must be"
                " in one"
            )
        return Path(os.path.realpath(here)).relative_to(self.top)

    def _contains(self, path: Path) -> bool:
        return Path(os.path.realpath(path)).is_relative_to(self.top)

    def check_out(self, commit: str, paths: Sequence[Path], into: Path, suffixes: Iterable[str]) -> None:
        """Write a revision's files below some paths to a folder.

        Args:
            commit: the revision.
            paths: paths relative to the top of the work tree.
            into: the folder, created if it is missing; `INTO.index` is used for a temporary index.
            suffixes: how the names of the files that count end. Other links out of the work tree are left out.

        Raises:
            RefusedError: a path contains a submodule, or a symbolic link that leads out of the work tree.
        """
        if not into.exists():
            into.mkdir()
            _run(self.top, "read-tree", commit, more=_index_of(into), option=self._option)
        self._check_parents(commit, paths)
        for link in self._check_out(commit, paths, into):
            if link in paths:
                raise self._unknown(commit, str(link), "a symbolic link")
            # A link to a file of the same revision stays. The reader of manifests checks that the file is below PATH.
            target = os.path.normpath(link.parent / (into / link).readlink())
            if not f"{target}/".startswith(("/", "../")):
                continue
            if link.name.lower().endswith(tuple(suffixes)):
                raise self._unknown(commit, str(link), "a symbolic link that leads out of the repository")
            (into / link).unlink()

    def _check_parents(self, commit: str, paths: Sequence[Path]) -> None:
        """Check that the folders above some paths were folders; below a link or submodule, git lists no files."""
        parents = sorted({parent for path in paths for parent in path.parents if parent != Path()})
        listed = ("ls-tree", "-z", "--full-tree", commit, "--", *map(str, parents))
        for entry in _run(self.top, *listed, option=self._option).split(b"\0") if parents else ():
            kind = {_LINK: "a symbolic link", _SUBMODULE: "a submodule"}.get(os.fsdecode(entry[:6]))
            if kind:
                raise self._unknown(commit, os.fsdecode(entry.partition(b"\t")[2]), kind)

    def check_out_more(self, commit: str, paths: Sequence[Path], into: Path) -> None:
        """Write more files of a revision to a folder; see `check_out`.

        Raises:
            RefusedError: a path contains a submodule or a symbolic link, whose target may not be in the folder.
        """
        for link in self._check_out(commit, paths, into):
            (into / link).unlink()
            raise self._unknown(commit, str(link), "a symbolic link")

    def _unknown(self, commit: str, name: str, kind: str) -> RefusedError:
        return RefusedError(
            f"{quoted(name, 200)} is {kind} at commit {commit[:7]}, so its earlier content is unknown: use a later "
            f"revision, or plan without {self._option}"
        )

    def _check_out(self, commit: str, paths: Sequence[Path], into: Path) -> list[Path]:
        """Write files, and return those that are symbolic links."""
        index = _index_of(into)
        listed = ("ls-files", "--stage", "-z", "--", *map(_below, paths))
        entries = _run(self.top, *listed, more=index, option=self._option).split(b"\0")
        names, links = [], []
        for entry in filter(None, entries):
            mode, name = os.fsdecode(entry[:6]), entry.partition(b"\t")[2]
            if mode == _SUBMODULE:
                raise self._unknown(commit, os.fsdecode(name), "a submodule")
            if mode == _LINK:
                links.append(Path(os.fsdecode(name)))
            names.append(name + b"\0")
        checkout = ("checkout-index", "--force", f"--prefix={into}/", "-z", "--stdin")
        _run(self.top, *checkout, more=index, fed=b"".join(names), option=self._option)
        return links


def _index_of(folder: Path) -> Mapping[str, str]:
    return {"GIT_INDEX_FILE": f"{folder}.index"}


def _below(path: Path) -> str:
    """Return a pathspec for the files below a path relative to the top of the work tree."""
    return ":(top)" if path == Path() else f":(top,literal){path}"


def _line(folder: Path, *arguments: str, otherwise: str | None = None, option: str = "tagsync") -> str:
    """Run git and return the line that it prints; see `_run`."""
    return os.fsdecode(_run(folder, *arguments, otherwise=otherwise, option=option)).removesuffix("\n")


def _run(
    folder: Path,
    *arguments: str,
    otherwise: str | None = None,
    more: Mapping[str, str] | None = None,
    fed: bytes = b"",
    option: str,
) -> bytes:
    """Run git and return its standard output.

    Args:
        folder: the folder to run it in.
        arguments: the command and its arguments.
        otherwise: the error message if git fails; by default git's own message.
        more: additional environment variables.
        fed: the standard input.
        option: the option that needs git, for errors.

    Raises:
        UsageError: git is not installed, or it fails.
    """
    try:
        ran = subprocess.run(  # noqa: S603 - arguments are a list, no shell reads them
            git_command(folder, *arguments),
            input=fed,
            capture_output=True,
            env={**git_environment(), **(more or {})},
            check=True,
        )
    except FileNotFoundError as error:
        raise UsageError(f"{option} needs git, which is not installed here") from error
    except subprocess.CalledProcessError as error:
        first, *advice = _words(error.stderr) or ["git failed without a message"]
        failed = UsageError(f"{option}: {otherwise or first}")
        for line in () if otherwise else advice:
            failed.add_note(line)
        raise failed from error
    return ran.stdout


def _words(output: bytes) -> list[str]:
    """Return the lines of git's output, escaped and shortened."""
    lines = os.fsdecode(output).splitlines()
    return [shown(line.strip(), _MOST_CHARACTERS) for line in lines if line.strip()][:_MOST_LINES]
