"""Compare a planned change with the file as it is now: what is still needed, or why it must not be made."""

from collections import defaultdict
from typing import NamedTuple

from tagsync.escape import quoted
from tagsync.model import Change, CurrentFile, FileChange, Op, normalized
from tagsync.planning.length_limit import Fit, excess, fit


class Refreshed(NamedTuple):
    """The result: what is still to change, None for nothing; or why the change is stale."""

    change: FileChange | None
    stale: str | None = None


def refresh(planned: FileChange, file: CurrentFile | None) -> Refreshed:
    """Update a planned change with a fresh read of its file.

    A change is stale if

    - the file was deleted or moved,
    - the confidence or source of an AI tag to remove has changed,
    - the new name of a renamed tag was removed, or
    - the tags would exceed 500 characters.

    Any other change by somebody else is harmless: apply makes what is still needed.

    Args:
        planned: the change, with the file as it was.
        file: the file now; None if it was deleted.
    """
    if file is None:
        return Refreshed(None, "the file was deleted after the plan was made")
    stale = _stale(planned, file)
    if stale is not None:
        return Refreshed(None, stale)
    changes = _needed(planned, file)
    if not changes:
        return Refreshed(None)
    if fit(file, changes) is Fit.OVER:
        return Refreshed(None, f"the file has other tags than in the plan: {excess(file, changes)}")
    there = set(planned.desired).union(planned.add).intersection(file.tags)
    desired = tuple(sorted(there)) if any(change.op == Op.ADD for change in changes) else ()
    return Refreshed(FileChange(file, changes, desired, planned.spared, planned.relies))


def _stale(planned: FileChange, file: CurrentFile) -> str | None:
    """Return why a change is stale, whether or not it is still needed; None if it is not."""
    if file.path != planned.file.path:
        return f"the file was moved to {quoted(file.path, 200)} after the plan was made"
    # A removal of an AI tag cannot be undone. The user approved it for the confidence and source that the plan showed.
    changed = _changed_ai_tag(planned, file)
    if changed is not None:
        return f"AI tag {quoted(changed)} has another confidence or source than in the plan"
    missing = missing_name(planned, file)
    if missing is not None:
        return f"the tag {quoted(missing)}, the new name of a renamed tag, was removed after the plan was made"
    return None


def missing_name(planned: FileChange, file: CurrentFile) -> str | None:
    """Return a new name that the file lacks and will not get although the old one is removed; None if there is none."""
    if not planned.relies or not set(planned.remove).intersection(file.tags):
        return None
    there = set(map(normalized, (*file.tags, *planned.add)))
    return next((tag for tag in planned.relies if normalized(tag) not in there), None)


def _needed(planned: FileChange, file: CurrentFile) -> tuple[Change, ...]:
    """Return the planned changes that the file does not show yet."""
    keys = {normalized(tag) for tag in file.tags}
    removable = {Op.REMOVE: set(file.tags), Op.REMOVE_AI: {tag.name for tag in file.ai_tags}}
    return tuple(
        change
        for change in planned.changes
        # Additions compare under NFC, as another spelling of the tag is enough. Removals go by the exact text, as the
        # API does.
        if (normalized(change.tag) not in keys if change.op == Op.ADD else change.tag in removable[change.op])
    )


def _changed_ai_tag(planned: FileChange, file: CurrentFile) -> str | None:
    """Return an AI tag to remove that differs from the one in the plan; None if there is none."""
    removed = set(planned.remove_ai)
    if not removed:
        return None
    before: dict[str, set[tuple[float | None, str]]] = defaultdict(set)
    for tag in planned.file.ai_tags:
        before[tag.name].add((tag.confidence, tag.source))
    return next(
        (
            tag.name
            for tag in file.ai_tags
            if tag.name in removed and (tag.confidence, tag.source) not in before[tag.name]
        ),
        None,
    )
