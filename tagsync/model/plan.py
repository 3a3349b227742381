"""Plans: what would change, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, NamedTuple, Protocol

from tagsync.model.causes import Drift, Returning
from tagsync.model.current import LISTED, CurrentFile, Reading
from tagsync.model.origins import Diagnostic, Level, ManifestRef, Origin, Unlisted
from tagsync.model.policy import Guard, Policy
from tagsync.model.requests import Op, Request
from tagsync.model.rules import RuleName

if TYPE_CHECKING:
    from tagsync.model.explanation import Explanation


class Reason(NamedTuple):
    """A place that asked for a change, and the rule there that did."""

    origin: Origin
    rule: str


class Change(NamedTuple):
    """One tag on one file, and everything that asked for it."""

    op: Op
    tag: str
    because: tuple[Reason, ...]


class ChangeReason(NamedTuple):
    """What a file's change does to a tag, a place that asked for it, and the rule there that did."""

    op: Op
    tag: str
    origin: Origin
    rule: str


@dataclass(frozen=True, slots=True)
class FileChange:
    """All changes of one file, sorted by op and tag, and the file as it was when planned.

    Attributes:
        file: the file.
        changes: what is to change.
        desired: declared tags that the file has already, in this very spelling: adding them does nothing.
        spared: names of AI tags that a rule keeps on the file, whether it has them or not.
        relies: tags that the file must have when its removals are made: the new names of renamed tags.
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
    def reasons(self) -> tuple[ChangeReason, ...]:
        """Every place that asked for a change, in the order of the changes."""
        return tuple(
            ChangeReason(op, tag, origin, rule) for op, tag, because in self.changes for origin, rule in because
        )

    def tags(self, op: Op) -> tuple[str, ...]:
        """Return the tags that `op` changes, sorted."""
        return tuple([change.tag for change in self.changes if change.op == op])

    def promoted(self) -> tuple[str, ...]:
        """Return the AI tags that may only go once the file has them as ordinary tags."""
        return tuple(
            change.tag
            for change in self.changes
            if change.op == Op.REMOVE_AI and any(reason.rule == RuleName.AI_PROMOTE for reason in change.because)
        )


class ChangesById(Protocol):
    """Changes by their files' IDs."""

    def __getitem__(self, file_id: str, /) -> FileChange:
        """Return a file's changes."""


@dataclass(frozen=True, slots=True)
class Part:
    """Shard `index` of `of`, counted from 1: the files whose paths hash to it."""

    index: int
    of: int


class TargetName(NamedTuple):
    """Which library a plan is for; `account` is a name or a keyed hash of the key, never the key."""

    endpoint: str
    account: str


class Summary(NamedTuple):
    """Counts of (file, tag) pairs by op, and of files."""

    files_changed: int = 0
    add_tags: int = 0
    remove_tags: int = 0
    remove_ai_tags: int = 0
    unchanged: int = 0
    missing: int = 0
    warnings: int = 0


class Estimate(NamedTuple):
    """Bulk calls of this plan, a true lower bound, what the three usual ways would take, seconds at the known rate."""

    write_requests: int = 0
    lower_bound: int = 0
    per_file: int = 0
    per_tag_set: int = 0
    per_tag: int = 0
    seconds: float = 0.0


class Inputs(NamedTuple):
    """What a plan was made from: manifests, the number of files that were read, and the calls that read them.

    `select` (globs), `part` and `changed_since` (a commit) tell which changes are in it where not all are, and
    `partial` that it was made of shards of which some are missing. `reading` tells how the library was read: unless
    `reading.is_complete`, it has more files.
    """

    manifests: tuple[ManifestRef, ...]
    files: int
    read_requests: int
    select: tuple[str, ...] = ()
    part: Part | None = None
    changed_since: str | None = None
    partial: bool = False
    reading: Reading = LISTED

    @property
    def library_size(self) -> float:
        """How many files the library has, about; beyond all bounds where that is not known."""
        return self.files if self.reading.is_complete else inf


class NotFound(NamedTuple):
    """A declared file that was not found: its path or its file id, and the first place that declares it."""

    path: str | None
    file_id: str | None
    origin: Origin


class Coverage(NamedTuple):
    """What manifests leave alone.

    Attributes:
        unselected: paths of files that no entry selects; the first 10,000, sorted.
        idle: entries that select no file; the first 10,000, sorted.
        more_unselected: how many more files no entry selects.
        more_idle: how many more entries select no file.
        folders: if `more_unselected`, how many unselected files each folder has, the most first; at most 10,000.
    """

    unselected: tuple[str, ...]
    idle: tuple[Origin, ...]
    more_unselected: int = 0
    more_idle: int = 0
    folders: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done, and why; a value: making one writes nothing.

    `changes` are sorted by path and lie in a temporary file. A plan with an error among its diagnostics has no changes
    and cannot be applied. `undoes` is the digest of the plan whose apply this one turns round, if it is
    such a plan. `drift` gives the causes of changes, as far as an earlier report tells, and `returning` the AI tags
    that came back after applies removed them; `coverage` and `explanations` are there where they were asked for, and so
    are `thumbnails`,
    addresses of small pictures of the first 10,000 changed files by file id. `diagnostics` and `missing` are the first
    10,000: `unlisted` counts the other diagnostics, `summary.missing` all files that were not found.
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
    explanations: "tuple[Explanation, ...]" = field(default=(), repr=False)

    @property
    def policy(self) -> Policy:
        """Where its guards block."""
        return {guard.id: guard.limit for guard in self.guards}

    @property
    def blocked(self) -> tuple[Guard, ...]:
        """The guards that forbid applying unless they are acknowledged."""
        return tuple(guard for guard in self.guards if guard.blocked)

    @property
    def left_out(self) -> tuple[Diagnostic, ...]:
        """The diagnostics that name declared files which are left alone: they cannot be read or told apart."""
        return tuple(item for item in self.diagnostics if item.code in ("twins", "unreadable") and item.origin)

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The diagnostics that forbid applying."""
        return tuple(d for d in self.diagnostics if d.level == "error")

    def count(self, level: Level) -> int:
        """Return how many diagnostics of a level there are, listed or not."""
        listed = sum(item.level == level for item in self.diagnostics)
        return listed + sum(item.more for item in self.unlisted if item.level == level)
