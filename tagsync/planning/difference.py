"""Two plans beside each other, at the finest grain: what only one of them would change; neither is judged."""

from collections.abc import Iterable, Mapping, Sequence

from tagsync.documents.changes import keep
from tagsync.model import Change, Difference, FileChange, Guard, GuardId, Plan


def difference(old: Plan, new: Plan) -> Difference:
    """Return what a newer plan does otherwise; what asked for a change does not count, nor how its file was before.

    Args:
        old: the older plan.
        new: the newer one.
    """
    return Difference(
        old.digest,
        new.digest,
        None if old.target == new.target else (old.target, new.target),
        keep(_beyond(new.changes, old.changes)),
        keep(_beyond(old.changes, new.changes)),
        tuple(_guards(old.guards, new.guards)),
    )


def _beyond(changes: Sequence[FileChange], others: Iterable[FileChange]) -> Iterable[FileChange]:
    """Yield what changes do that others do not."""
    same: dict[frozenset[tuple[str, str]], frozenset[tuple[str, str]]] = {}
    known: dict[str, frozenset[tuple[str, str]]] = {}
    for change in others:
        pairs = frozenset([(item.op, item.tag) for item in change.changes])
        known[change.file.file_id] = same.setdefault(pairs, pairs)
    for change in changes:
        there = known.get(change.file.file_id, frozenset())
        left: tuple[Change, ...] = tuple(item for item in change.changes if (item.op, item.tag) not in there)
        if left:
            yield FileChange(change.file, left)


def _guards(old: Iterable[Guard], new: Iterable[Guard]) -> Iterable[tuple[Guard, Guard]]:
    before: Mapping[GuardId, Guard] = {guard.id: guard for guard in old}
    for guard in new:
        was = before.get(guard.id, guard)
        if (was.observed, was.limit, was.blocked) != (guard.observed, guard.limit, guard.blocked):
            yield was, guard
