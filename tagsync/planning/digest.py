"""Compute the digest of a plan over its target, manifests, policy, changes and blocking guards."""

import hashlib
from collections.abc import Collection, Iterable

from tagsync.documents.canonical import canonical
from tagsync.documents.changes import lines_of
from tagsync.model import Guard, ManifestRef, Plan, TargetName


def digest(
    target: TargetName,
    manifests: Iterable[ManifestRef],
    guards: Collection[Guard],
    canonical_changes: Iterable[str],
    *,
    undoes: str | None = None,
) -> str:
    """Return the digest: `sha256:` and 64 hex digits.

    It detects damage and identifies a plan. It is not a signature: anyone who can edit a plan can compute a new digest.

    Args:
        target: the library.
        manifests: the manifests of the plan.
        guards: every guard, with its limit and whether it blocks.
        canonical_changes: lines of canonical JSON.
        undoes: for an undo plan, the digest of the plan that it reverts.
    """
    # Some guards depend on the whole library (which tags are new), and cannot be evaluated again from the plan alone.
    # So the digest covers which ones block.
    blocked = [guard.id for guard in guards if guard.blocked]
    head = {
        "target": {name: value for name, value in target._asdict().items() if value is not None},
        "manifests": [{"path": manifest.path, "sha256": manifest.sha256} for manifest in manifests],
        "policy": {guard.id: guard.limit._asdict() for guard in guards},
        "undoes": undoes,
    } | ({"blocked": blocked} if blocked else {})
    hashed = hashlib.sha256(canonical(head).encode("ascii"))
    for line in canonical_changes:
        hashed.update(b"\n")
        hashed.update(line.encode("ascii"))
    return f"sha256:{hashed.hexdigest()}"


def digest_of(plan: Plan) -> str:
    """Compute the digest of a plan from its content."""
    return digest(plan.target, plan.inputs.manifests, plan.guards, lines_of(plan.changes), undoes=plan.undoes)
