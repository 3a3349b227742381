"""Count changes by operation and tag, and by folder; `groups` finds the files that change in the same way."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from tagsync.model import Cause, Change, Coverage, FileChange, Op, Origin, RuleName, commit_of, folder_of
from tagsync.reporting.groups import Causes

MAX_PLACES = 100
"""Places in manifests that are counted for one tag, so that a rule for each of a million files takes no memory."""

_BY_RISK = (Op.REMOVE_AI, Op.REMOVE, Op.ADD)


class TagCount(NamedTuple):
    """One operation on one tag.

    Attributes:
        op: the operation.
        tag: the tag.
        files: the number of files it changes.
        origin: the first place in the manifests that asks for it; None if no place is known.
        more: the number of other such places, counted up to MAX_PLACES.
        cause: why the change is necessary again; None if it is unknown or differs between files.
        commit: the commit that declared the tag, if the reason is that no rule declares it any more.
    """

    op: Op
    tag: str
    files: int
    origin: Origin | None
    more: int
    cause: Cause | None
    commit: str | None = None


class FolderCount(NamedTuple):
    """How many files directly in a folder change, and how many changes of each kind they have."""

    folder: str
    files: int
    add: int
    remove: int
    remove_ai: int

    @property
    def total(self) -> int:
        """All changes."""
        return self.add + self.remove + self.remove_ai


class ChangeCounts(NamedTuple):
    """Changes counted by operation and tag, and by folder.

    `operations` has removals of AI tags first, which cannot be undone, then other removals, then additions; each with
    the most files first, then by tag. `folders` has the most changes first, then goes by name.
    """

    operations: list[TagCount]
    folders: list[FolderCount]


class _Tally:
    """What is known so far of one operation on one tag."""

    __slots__ = ("cause", "commit", "files", "first", "others")

    def __init__(self, cause: Cause | None) -> None:
        self.files = 0
        self.cause = cause
        self.commit: str | None = None
        self.first: Origin | None = None
        # Most tags have one place, and a set for each of a million tags would be large.
        self.others: set[Origin] | None = None

    def add(self, item: Change, cause: Cause | None) -> None:
        """Count one file."""
        self.files += 1
        if cause is not self.cause:
            self.cause = None
        for reason in item.because:
            if reason.origin != self.first:
                self._add_place(reason.origin)
                if reason.rule == RuleName.PRUNE and self.commit is None:
                    self.commit = commit_of(reason.origin)

    def _add_place(self, origin: Origin) -> None:
        if self.first is None:
            self.first = origin
            return
        if origin < self.first:
            self.first, origin = origin, self.first
        if self.others is None:
            self.others = set()
        if len(self.others) < MAX_PLACES:
            self.others.add(origin)


def count_changes(changes: Iterable[FileChange], causes: Causes) -> ChangeCounts:
    """Count changes, with the causes that are known, by operation and tag, and by folder."""
    tallies: dict[tuple[Op, str], _Tally] = {}
    folders: Counter[tuple[str, Op | None]] = Counter()
    for change in changes:
        folder = folder_of(change.path)
        folders[folder, None] += 1
        for item in change.changes:
            cause = causes.get((change.file_id, item.op, item.tag)) if causes else None
            tally = tallies.get((item.op, item.tag))
            if tally is None:
                tally = tallies[item.op, item.tag] = _Tally(cause)
            tally.add(item, cause)
            folders[folder, item.op] += 1
    return ChangeCounts(_by_risk(tallies), _ranked(folders))


def _by_risk(tallies: Mapping[tuple[Op, str], _Tally]) -> list[TagCount]:
    counts = (
        TagCount(op, tag, tally.files, tally.first, len(tally.others or ()), tally.cause, tally.commit)
        for (op, tag), tally in tallies.items()
    )
    return sorted(counts, key=lambda count: (_BY_RISK.index(count.op), -count.files, count.tag))


def _ranked(counts: Counter[tuple[str, Op | None]]) -> list[FolderCount]:
    """Return folders from how many files (None) and changes of each kind they have."""
    folders = {folder for folder, _ in counts}
    found = [FolderCount(folder, *(counts[folder, op] for op in (None, *Op))) for folder in folders]
    return sorted(found, key=lambda count: (-count.total, count.folder))


def unselected_by_folder(coverage: Coverage) -> list[tuple[str, int]]:
    """Return how many files of each folder no entry selects, the most first, then by name."""
    if coverage.folders:
        return list(coverage.folders)
    folders = Counter(map(folder_of, coverage.unselected))
    return sorted(folders.items(), key=lambda item: (-item[1], item[0]))
