"""Compare a planned change with the file as it is now: what is still needed, or why it must not be made."""

from collections import defaultdict
from typing import NamedTuple

from tagsync.escape import quoted
from tagsync.model import Change, CurrentFile, FileChange, Op, normalized
from tagsync.planning.length_limit import Fit, excess, fit


class Refreshed(NamedTuple):
    """What became of a planned change: `change` is what is left of it, None if nothing; or why it is stale."""

    change: FileChange | None
    stale: str | None = None


def refresh(planned: FileChange, file: CurrentFile | None) -> Refreshed:
    """Update a planned change by a fresh reading of its file.

    It is stale when the file is gone or has another path, when an AI tag to be removed has another confidence or
    source than it had, when the new name of a renamed tag has gone, or when the 500 characters would now be passed.
    Whatever else happened to the file does no harm: what is still needed is made.

    Args:
        planned: the change, beside the file as it was.
        file: the file as it is; None if it was deleted.
    """
    if file is None:
        return Refreshed(None, "the file is gone since the plan")
    stale = _stale(planned, file)
    if stale is not None:
        return Refreshed(None, stale)
    changes = _needed(planned, file)
    if not changes:
        return Refreshed(None)
    if fit(file, changes) is Fit.OVER:
        return Refreshed(None, f"by now, {excess(file, changes)}")
    there = set(planned.desired).union(planned.add).intersection(file.tags)
    desired = tuple(sorted(there)) if any(change.op == Op.ADD for change in changes) else ()
    return Refreshed(FileChange(file, changes, desired, planned.spared, planned.relies))


def _stale(planned: FileChange, file: CurrentFile) -> str | None:
    """Say what happened to a file that makes its change stale, whatever is still needed of it; None if nothing did."""
    if file.path != planned.file.path:
        return f"the file has moved to {quoted(file.path, 200)} since the plan"
    rejudged = _rejudged_name(planned, file)
    if rejudged is not None:
        return f"the AI tag {quoted(rejudged)} has another confidence or source since the plan"
    missing = missing_name(planned, file)
    if missing is not None:
        return f"the tag {quoted(missing)}, which an old one is renamed to, is gone since the plan"
    return None


def missing_name(planned: FileChange, file: CurrentFile) -> str | None:
    """Return a new name that the file does not have and will not get, although an old one is to go; None if none."""
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
        if (normalized(change.tag) not in keys if change.op == Op.ADD else change.tag in removable[change.op])
    )


def _rejudged_name(planned: FileChange, file: CurrentFile) -> str | None:
    """Return an AI tag that is to go and is not the one that was judged; None if there is none."""
    going = set(planned.remove_ai)
    if not going:
        return None
    before: dict[str, set[tuple[float | None, str]]] = defaultdict(set)
    for tag in planned.file.ai_tags:
        before[tag.name].add((tag.confidence, tag.source))
    return next(
        (
            tag.name
            for tag in file.ai_tags
            if tag.name in going and (tag.confidence, tag.source) not in before[tag.name]
        ),
        None,
    )
