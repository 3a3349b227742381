"""Define plans: what would change, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple, Protocol

from tagsync.model.causes import Drift, Returning
from tagsync.model.current import LISTED, CurrentFile, Reading
from tagsync.model.explanation import Explanation
from tagsync.model.origins import Diagnostic, Level, ManifestRef, Origin, Reason, RuleName, Unlisted
from tagsync.model.policy import Guard, Policy
from tagsync.model.requests import Op, Request


class Change(NamedTuple):
    """The addition or removal of one tag on one file, and all reasons for it."""

    op: Op
    tag: str
    because: tuple[Reason, ...]


class ChangeReason(NamedTuple):
    """One change of a file with one of its reasons."""

    op: Op
    tag: str
    origin: Origin
    rule: str


@dataclass(frozen=True, slots=True)
class FileChange:
    """All changes of one file.

    Attributes:
        file: the file when the plan was made.
        changes: sorted by op and tag.
        desired: declared tags that the file already has in the same spelling. Adding them is a no-op change.
        spared: names of AI tags that a rule keeps, whether the file has them or not.
        relies: tags that the file must have before its removals are sent: the new names of renamed tags.
    """

    file: CurrentFile
    changes: tuple[Change, ...]
    desired: tuple[str, ...] = ()
    spared: tuple[str, ...] = ()
    relies: tuple[str, ...] = ()

    @property
    def file_id(self) -> str:
        """The file's ID."""
        return self.file.file_id

    @property
    def path(self) -> str:
        """The file's path when planned."""
        return self.file.path

    @property
    def add(self) -> tuple[str, ...]:
        """Tags to add, sorted."""
        return self.tags(Op.ADD)

    @property
    def remove(self) -> tuple[str, ...]:
        """Ordinary tags to remove, sorted."""
        return self.tags(Op.REMOVE)

    @property
    def remove_ai(self) -> tuple[str, ...]:
        """Names of AI tags to remove, sorted."""
        return self.tags(Op.REMOVE_AI)

    @property
    def empties(self) -> bool:
        """Whether a file that has ordinary tags is left without any."""
        removed = self.remove
        return bool(removed) and not self.add and set(self.file.tags).issubset(removed)

    @property
    def loses(self) -> bool:
        """Whether the file loses any tag or AI tag."""
        return any(change.op is not Op.ADD for change in self.changes)

    @property
    def reasons(self) -> tuple[ChangeReason, ...]:
        """All reasons, in the order of the changes."""
        return tuple(
            ChangeReason(op, tag, origin, rule) for op, tag, because in self.changes for origin, rule in because
        )

    def tags(self, op: Op) -> tuple[str, ...]:
        """Return the tags that `op` changes, sorted."""
        return tuple([change.tag for change in self.changes if change.op == op])

    def promoted(self) -> tuple[str, ...]:
        """Return the AI tags that may be removed only once the file has them as ordinary tags."""
        return tuple(
            change.tag
            for change in self.changes
            if change.op == Op.REMOVE_AI and any(reason.rule == RuleName.AI_PROMOTE for reason in change.because)
        )

    def awaited(self) -> tuple[str, ...]:
        """Return the ordinary tags that the file must show before anything is removed from it."""
        if all(item.op == Op.ADD for item in self.changes):
            return ()
        return (*self.add, *self.promoted(), *self.relies)


class ChangesById(Protocol):
    """Changes by file ID."""

    def __getitem__(self, file_id: str, /) -> FileChange:
        """Return a file's changes."""


@dataclass(frozen=True, slots=True)
class Part:
    """Shard `index` (from 1) of `of`: the files whose paths hash to it."""

    index: int
    of: int


SANDBOX_SCHEME = "sandbox:"
"""What the endpoint of a sandbox starts with; the name of its library file follows."""


SANDBOX_ACCOUNT = "sandbox"
"""The account of a library without a key, such as a sandbox, for which nothing names one."""


class TargetName(NamedTuple):
    """The library that a plan is for, and the environment of `tagsync.yaml`, if any.

    `account` is a name or a keyed hash of the key.
    """

    endpoint: str
    account: str
    environment: str | None = None

    @property
    def sandbox(self) -> str | None:
        """The name of the library file of a sandbox; None for a library behind an API."""
        name = self.endpoint.removeprefix(SANDBOX_SCHEME)
        return None if name == self.endpoint else name


class Summary(NamedTuple):
    """Counts of files, and of (file, tag) pairs by op.

    `files_losing` counts the changed files that lose any tag or AI tag; None in older plans.
    """

    files_changed: int = 0
    add_tags: int = 0
    remove_tags: int = 0
    remove_ai_tags: int = 0
    unchanged: int = 0
    missing: int = 0
    warnings: int = 0
    files_losing: int | None = None


class Estimate(NamedTuple):
    """The number of API calls that a plan takes, and their time.

    Attributes:
        write_requests: calls of this plan.
        lower_bound: no plan of the same changes takes fewer calls.
        per_file: calls if each file had its own.
        per_tag_set: calls if each set of tags had its own.
        per_tag: calls if each tag had its own.
        seconds: expected duration of these calls, and of the reads before, between and after them, at the known rates.
    """

    write_requests: int = 0
    lower_bound: int = 0
    per_file: int = 0
    per_tag_set: int = 0
    per_tag: int = 0
    seconds: float = 0.0


class Inputs(NamedTuple):
    """What a plan was made from.

    Attributes:
        manifests: the manifests.
        files: the number of files that were read.
        read_requests: the API calls that read them.
        select: the globs that the plan is filtered by.
        part: the shard that the plan is filtered by.
        changed_since: the commit that the plan is filtered by.
        partial: whether it was merged from shards of which some were missing.
        commit: the commit of the manifests, if they are in a git repository and all of them are committed.
        uncommitted: a manifest of a git repository that is not committed, so that there is no commit.
        library_sha256: the hash of the file that a sandbox's library was filled from.
        reading: how the library was read. Unless `reading.is_complete`, the library has more files.
    """

    manifests: tuple[ManifestRef, ...]
    files: int
    read_requests: int
    select: tuple[str, ...] = ()
    part: Part | None = None
    changed_since: str | None = None
    partial: bool = False
    reading: Reading = LISTED
    commit: str | None = None
    uncommitted: str | None = None
    library_sha256: str | None = None

    @property
    def is_filtered(self) -> bool:
        """Whether the plan may leave out changes that the manifests ask for."""
        return bool(self.select or self.part or self.changed_since or self.partial)

    @property
    def library_size(self) -> float:
        """The approximate number of files in the library; infinite if it is not known."""
        return self.files if self.reading.is_complete else inf


class NotFound(NamedTuple):
    """A declared file that was not found: its path or file ID, and the first place that declares it."""

    path: str | None
    file_id: str | None
    origin: Origin


class Coverage(NamedTuple):
    """Files that no entry selects, and entries that select no file.

    Attributes:
        unselected: paths of files that no entry selects; the first 10,000, sorted.
        idle: entries that select no file; the first 10,000, sorted.
        more_unselected: the number of unselected files beyond those.
        more_idle: the number of idle entries beyond those.
        folders: if `more_unselected`, the number of unselected files in each folder, highest first; at most 10,000.
    """

    unselected: tuple[str, ...]
    idle: tuple[Origin, ...]
    more_unselected: int = 0
    more_idle: int = 0
    folders: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What an apply would change, and why.

    Attributes:
        target: the library.
        created_at: ISO 8601, UTC.
        digest: identifies what the plan does.
        inputs: what it was made from.
        summary: counts of its changes.
        estimate: the API calls it takes.
        changes: sorted by path, kept in a temporary file. Empty if there is an error among the diagnostics.
        requests: the API calls, for information; apply groups the changes again.
        diagnostics: the first 10,000.
        guards: every guard, with its figures.
        undoes: for an undo plan, the digest of the plan that it reverts.
        drift: the causes of changes, if an earlier report shows them.
        returning: AI tags that came back after earlier applies removed them.
        coverage: what manifests leave alone, if requested.
        thumbnails: addresses of small pictures of the first 10,000 changed files by file ID, if requested.
        missing: the first 10,000 declared files that were not found; `summary.missing` counts all.
        unlisted: counts of the diagnostics beyond those listed.
        explanations: of the paths that were requested.
    """

    target: TargetName
    created_at: str
    digest: str
    inputs: Inputs
    summary: Summary
    estimate: Estimate
    changes: Sequence[FileChange] = field(repr=False)
    requests: Sequence[Request] = field(repr=False)
    diagnostics: tuple[Diagnostic, ...] = field(repr=False)
    guards: tuple[Guard, ...] = field(default=(), repr=False)
    undoes: str | None = None
    drift: Sequence[Drift] = field(default=(), repr=False)
    returning: Sequence[Returning] = field(default=(), repr=False)
    coverage: Coverage | None = field(default=None, repr=False)
    thumbnails: Mapping[str, str] = field(default_factory=dict, repr=False)
    missing: Sequence[NotFound] = field(default=(), repr=False)
    unlisted: tuple[Unlisted, ...] = ()
    explanations: tuple[Explanation, ...] = field(default=(), repr=False)

    @property
    def policy(self) -> Policy:
        """The limits of its guards."""
        return {guard.id: guard.limit for guard in self.guards}

    @property
    def blocked(self) -> tuple[Guard, ...]:
        """The guards that block an apply unless the user acknowledges them."""
        return tuple(guard for guard in self.guards if guard.blocked)

    @property
    def left_out(self) -> tuple[Diagnostic, ...]:
        """The diagnostics about declared files that cannot be read, or that share a path with others."""
        return tuple(item for item in self.diagnostics if item.code in ("twins", "unreadable") and item.origin)

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The diagnostics that block an apply."""
        return tuple(d for d in self.diagnostics if d.level == "error")

    def count(self, level: Level) -> int:
        """Return how many diagnostics of a level there are, listed or not."""
        listed = sum(item.level == level for item in self.diagnostics)
        return listed + sum(item.more for item in self.unlisted if item.level == level)
