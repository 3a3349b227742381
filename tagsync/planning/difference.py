"""Compare two plans: which changes only one of them makes, and whether one is the rest of the other."""

from collections.abc import Iterable, Mapping, Sequence

from tagsync.documents.changes import keep
from tagsync.model import Change, Difference, FileChange, Guard, GuardId, Plan


def difference(old: Plan, new: Plan) -> Difference:
    """Compare two plans by their changes, ignoring reasons and the files' earlier state."""
    return Difference(
        old.digest,
        new.digest,
        None if old.target == new.target else (old.target, new.target),
        keep(_beyond(new.changes, old.changes)),
        keep(_beyond(old.changes, new.changes)),
        tuple(_guards(old.guards, new.guards)),
    )


def _beyond(changes: Sequence[FileChange], others: Iterable[FileChange]) -> Iterable[FileChange]:
    """Yield the changes that others do not make."""
    # Many files change alike. Sharing their sets keeps the memory for a million files small.
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


def is_remainder(plan: Plan, approved: Plan) -> bool:
    """Return whether all changes of a plan are in an approved one, made from the same manifests and policy.

    Args:
        plan: as made now.
        approved: as made before the apply that was interrupted.
    """
    return _basis(plan) == _basis(approved) and _is_within(plan, approved)


def _basis(plan: Plan) -> tuple[object, ...]:
    manifests = {(manifest.path, manifest.sha256) for manifest in plan.inputs.manifests}
    return plan.target, manifests, plan.policy, plan.undoes


def _is_within(plan: Plan, approved: Plan) -> bool:
    # The changes are on disk. Only IDs and positions are kept in memory.
    places = {change.file.file_id: place for place, change in enumerate(approved.changes)}
    for change in plan.changes:
        place = places.get(change.file.file_id)
        if place is None or not _is_part(change, approved.changes[place]):
            return False
    return True


def _is_part(change: FileChange, approved: FileChange) -> bool:
    """Return whether all changes of a file were approved, and its path and the AI tags to remove are still the same."""
    wanted = {(item.op, item.tag) for item in approved.changes}
    if change.file.path != approved.file.path or not all((item.op, item.tag) in wanted for item in change.changes):
        return False
    removed = set(change.remove_ai)
    return {tag for tag in change.file.ai_tags if tag.name in removed} <= set(approved.file.ai_tags)
