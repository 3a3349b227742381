"""Values to canonical JSON: equal values give equal bytes, which harm no terminal and no CI log; not whole documents.

Keys are sorted, nothing is spaced out, and everything outside ASCII is escaped.
"""

import json
import re
from collections.abc import Collection, Sequence
from typing import Any, Protocol, runtime_checkable

from tagsync.model import Diagnostic, FileChange, Op


def canonical(value: Any) -> str:
    """Return canonical JSON text."""
    text = _ENCODER.encode(value)
    return _CI_COMMAND.sub(r"\\u0023", text) if "##" in text else text


_CI_COMMAND = re.compile(r"#(?=#(?:\[|vso\[))")
"""What GitHub and Azure act on anywhere in a line of a job's output; it can only stand inside of strings."""

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def change_document(change: FileChange) -> dict[str, Any]:
    """Return a file's changes as the plan document holds them."""
    file = change.file
    beside = {"desired": change.desired, "spared": change.spared, "relies": change.relies}
    return {name: value for name, value in beside.items() if value} | {
        "fileId": file.file_id,
        "path": file.path,
        "before": {
            "tags": file.tags,
            "aiTags": [{"name": tag.name, "confidence": tag.confidence, "source": tag.source} for tag in file.ai_tags],
        },
        "add": change.tags(Op.ADD),
        "remove": change.tags(Op.REMOVE),
        "removeAI": change.tags(Op.REMOVE_AI),
        "because": [
            {"op": item.op, "tag": item.tag, "source": str(reason.origin), "rule": reason.rule}
            for item in change.changes
            for reason in item.because
        ],
    }


@runtime_checkable
class _HasLines(Protocol):
    def lines(self) -> Collection[str]: ...


def lines_of(changes: Sequence[FileChange]) -> Collection[str]:
    """Return changes as lines of canonical JSON: as they are, where that is how the changes are kept."""
    if isinstance(changes, _HasLines):
        return changes.lines()
    return tuple([canonical(change_document(change)) for change in changes])


def diagnostic_document(diagnostic: Diagnostic) -> dict[str, Any]:
    """Return a diagnostic as documents hold it."""
    return {
        "level": diagnostic.level,
        "code": diagnostic.code,
        "message": diagnostic.message,
        "source": str(diagnostic.origin) if diagnostic.origin else None,
    }
