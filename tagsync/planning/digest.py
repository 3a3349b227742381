"""Compute the digest of a plan: of its target, manifests, policy and changes, and which guards block it."""

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
    """Return the digest as documents hold it, `sha256:` and 64 hex digits.

    It detects damage and identifies a plan. It is no signature: who can rewrite a plan can rewrite its digest.

    Args:
        target: the library.
        manifests: what the plan was made from.
        guards: with their limits. Nobody can compute again from a plan what the whole library has, like the tags that
            are new to it: so the digest says which guards block, if any do.
        canonical_changes: lines of canonical JSON.
        undoes: the digest of the plan that this one reverts.
    """
    blocked = [guard.id for guard in guards if guard.blocked]
    head = {
        "target": target._asdict(),
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
    """Return the digest that a plan ought to have."""
    return digest(plan.target, plan.inputs.manifests, plan.guards, lines_of(plan.changes), undoes=plan.undoes)
