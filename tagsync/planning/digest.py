"""The fingerprint of a plan: what it is for, what it was made from, what it changes; nothing of time or strategy."""

import hashlib
from collections.abc import Iterable

from tagsync.canonical import canonical, change_document
from tagsync.model import FileChange, ManifestRef, TargetName


def digest(target: TargetName, manifests: Iterable[ManifestRef], changes: Iterable[FileChange]) -> str:
    """Return the digest as documents hold it, `sha256:` and 64 hex digits.

    It finds damage and tells plans apart. It is no signature: who can rewrite a plan can rewrite its digest.
    """
    head = {
        "target": target._asdict(),
        "manifests": [{"path": manifest.path, "sha256": manifest.sha256} for manifest in manifests],
        "policy": None,
    }
    hashed = hashlib.sha256(canonical(head).encode("ascii"))
    for change in changes:
        hashed.update(b"\n")
        hashed.update(canonical(change_document(change)).encode("ascii"))
    return f"sha256:{hashed.hexdigest()}"
