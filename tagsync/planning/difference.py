"""Compare two plans: what only one of them would change, and whether an interrupted apply left one of the other."""

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


def is_remainder(plan: Plan, approved: Plan) -> bool:
    """Tell whether a plan holds nothing but changes of an approved one, made from the same manifests and policy.

    Args:
        plan: as made now.
        approved: as made before the apply that was interrupted.
    """
    return _basis(plan) == _basis(approved) and _is_within(plan, approved)


def _basis(plan: Plan) -> tuple[object, ...]:
    manifests = {(manifest.path, manifest.sha256) for manifest in plan.inputs.manifests}
    return plan.target, manifests, plan.policy, plan.undoes


def _is_within(plan: Plan, approved: Plan) -> bool:
    # Changes may lie outside of memory: only ids and places are kept in it.
    places = {change.file.file_id: place for place, change in enumerate(approved.changes)}
    for change in plan.changes:
        place = places.get(change.file.file_id)
        if place is None or not _is_part(change, approved.changes[place]):
            return False
    return True


def _is_part(change: FileChange, approved: FileChange) -> bool:
    """Tell whether a file is the same and all its changes were approved, of AI tags also what they rely on."""
    wanted = {(item.op, item.tag) for item in approved.changes}
    if change.file.path != approved.file.path or not all((item.op, item.tag) in wanted for item in change.changes):
        return False
    removed = set(change.remove_ai)
    return {tag for tag in change.file.ai_tags if tag.name in removed} <= set(approved.file.ai_tags)
