"""Whether a new plan is the rest of one that an interrupted apply carried out in part."""

from tagsync.model import FileChange, Plan


def is_rest(plan: Plan, approved: Plan) -> bool:
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
