"""Look up changes by file ID: as planned, as needed before the first write, and as still needed now."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from tagsync.documents.changes import file_ids_of
from tagsync.model import ChangesById, CurrentFile, FileChange, Op, Request
from tagsync.planning.staleness import refresh

_RECENT = 1024
"""The size of the cache of changes; those of the calls in flight are read many times."""


class PlannedChanges(Mapping[str, FileChange]):
    """A plan's changes in its order, decoded on access."""

    def __init__(self, changes: Sequence[FileChange], requests: Iterable[Request] = ()) -> None:
        self._changes = changes
        # The plan's requests hold the same IDs: use their strings, as a million more take 70 MB.
        known = {file_id: file_id for request in requests for file_id in request.file_ids}
        file_ids = file_ids_of(changes)
        self._places = {known.get(file_id, file_id): place for place, file_id in enumerate(file_ids)}

    def __getitem__(self, file_id: str) -> FileChange:
        return self._changes[self._places[file_id]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


class FreshChanges:
    """The changes that are needed before the first write, computed from the files as they are now.

    Args:
        planned: the plan's changes.
        shown: the current files; some may need no change.
    """

    def __init__(self, planned: ChangesById, shown: Mapping[str, CurrentFile | None]) -> None:
        self._planned = planned
        self._shown = shown
        self._recent: dict[str, FileChange] = {}

    def __getitem__(self, file_id: str) -> FileChange:
        found = self._recent.get(file_id)
        if found is None:
            found = refresh(self._planned[file_id], self._shown[file_id]).change
            if found is None:
                raise KeyError(file_id)
            if len(self._recent) >= _RECENT:
                self._recent.clear()
            self._recent[file_id] = found
        return found


class RemainingChanges:
    """The changes that are still needed while calls succeed."""

    def __init__(self, fresh: ChangesById) -> None:
        self._fresh = fresh
        self._done: dict[str, tuple[Request, ...]] = {}
        self._tried: dict[str, tuple[Request, ...]] = {}

    def __getitem__(self, file_id: str) -> FileChange:
        change = self._fresh[file_id]
        for request in self._done.get(file_id, ()):
            tags = set(request.tags)
            left = tuple(item for item in change.changes if item.op != request.op or item.tag not in tags)
            added = sorted(tags.intersection(change.add)) if request.op == Op.ADD else ()
            change = replace(change, changes=left, desired=(*change.desired, *added))
        return change

    def take_off(self, request: Request, file_ids: Iterable[str]) -> None:
        """Remove the changes that a call has made on files."""
        _append(self._done, request, file_ids)

    def take_as_tried(self, request: Request, file_ids: Iterable[str]) -> None:
        """Record that a call was sent for files, and that its response does not say that it changed them."""
        _append(self._tried, request, file_ids)

    def tried(self, file_id: str) -> set[tuple[Op, str]]:
        """Return what such calls would have changed on a file."""
        return {(request.op, tag) for request in self._tried.get(file_id, ()) for tag in request.tags}


def shows(request: Request, change: FileChange, file: CurrentFile) -> bool:
    """Return whether a file shows all that a request changes of it."""
    now = refresh(change, file)
    needed = now.change.tags(request.op) if now.change else ()
    return now.stale is None and not set(request.tags).intersection(needed)


def _append(histories: dict[str, tuple[Request, ...]], request: Request, file_ids: Iterable[str]) -> None:
    # Nearly all files of a call have had the same calls before, so each such history is stored once.
    longer: dict[tuple[Request, ...], tuple[Request, ...]] = {}
    for file_id in file_ids:
        before = histories.get(file_id, ())
        histories[file_id] = longer.setdefault(before, (*before, request))
