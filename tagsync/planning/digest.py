"""The fingerprint of a plan: what it is for, what it was made from, what it changes; nothing of time or strategy."""

import hashlib
from collections.abc import Iterable

from tagsync.canonical import canonical
from tagsync.model import ManifestRef, Plan, Policy, TargetName


def digest(
    target: TargetName,
    manifests: Iterable[ManifestRef],
    policy: Policy,
    canonical_changes: Iterable[str],
    *,
    undoes: str | None = None,
) -> str:
    """Return the digest as documents hold it, `sha256:` and 64 hex digits.

    It finds damage and tells plans apart. It is no signature: who can rewrite a plan can rewrite its digest.
    """
    head = {
        "target": target._asdict(),
        "manifests": [{"path": manifest.path, "sha256": manifest.sha256} for manifest in manifests],
        "policy": {guard: limit._asdict() for guard, limit in policy.items()},
        "undoes": undoes,
    }
    hashed = hashlib.sha256(canonical(head).encode("ascii"))
    for line in canonical_changes:
        hashed.update(b"\n")
        hashed.update(line.encode("ascii"))
    return f"sha256:{hashed.hexdigest()}"


def digest_of(plan: Plan) -> str:
    """Return the digest that a plan ought to have."""
    return digest(plan.target, plan.inputs.manifests, plan.policy, plan.canonical_changes, undoes=plan.undoes)
