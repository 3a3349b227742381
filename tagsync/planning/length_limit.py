"""Check whether a file's tags fit into ImageKit's 500 characters while its changes are made.

Additions are sent before removals, so the old and new tags of a file must fit together.
"""

from collections.abc import Iterable, Sequence
from enum import Enum

from tagsync.escape import quoted
from tagsync.library.limits import MAX_TAG_CHARACTERS
from tagsync.model import Change, CurrentFile, Diagnostic, Entry, Op, joined_length
from tagsync.planning.bounded import LEVEL_OF


class Fit(Enum):
    """How a file's changes relate to the limit."""

    FITS = "fits"
    TIGHT = "fits unless ImageKit counts the commas between tags"
    OVER = "does not fit"


def fit(file: CurrentFile, changes: Iterable[Change]) -> Fit:
    """Check a file that gains a tag; one that gains none always fits, even if its tags are too long already."""
    added = _added(changes)
    tags = [*file.tags, *added]
    if not added or joined_length(len(tags), _length(tags)) <= MAX_TAG_CHARACTERS:
        return Fit.FITS
    return Fit.TIGHT if _length(tags) <= MAX_TAG_CHARACTERS else Fit.OVER


def excess(file: CurrentFile, changes: Sequence[Change]) -> str:
    """Describe how far the tags of a file exceed the limit."""
    added = _added(changes)
    removed = {change.tag for change in changes if change.op == Op.REMOVE}
    after = _length([*(tag for tag in file.tags if tag not in removed), *added])
    if after > MAX_TAG_CHARACTERS:
        return f"its tags would have {after} characters; ImageKit allows {MAX_TAG_CHARACTERS}"
    return (
        f"its old and new tags together have {_length([*file.tags, *added])} characters; ImageKit allows "
        f"{MAX_TAG_CHARACTERS}, and old tags are removed only after the new ones are added"
    )


def limit_finding(
    file: CurrentFile, changes: Sequence[Change], entries: Sequence[Entry], verdict: Fit
) -> Diagnostic | None:
    """Return the diagnostic for a file that is tight or over the limit; None if its entries say to skip it."""
    path, origin = quoted(file.path, 200), next(change.because[0].origin for change in changes if change.op == Op.ADD)
    if verdict is Fit.TIGHT:
        message = (
            f"the tags of {path} fit into {MAX_TAG_CHARACTERS} characters only if ImageKit does not count the "
            "commas between them: tagsync sends them, but ImageKit may refuse them"
        )
        return Diagnostic("warning", "near-limit", message, origin)
    leniencies = {entry.declaration.if_over_limit or "error" for entry in entries}
    # If entries disagree, the strictest applies: LEVEL_OF starts with it.
    level = next(LEVEL_OF[item] for item in LEVEL_OF if item in leniencies)
    message = (
        f"{path} is not changed: {excess(file, changes)}; declare fewer or shorter tags, remove old tags in an earlier "
        "apply, or set ifOverLimit"
    )
    return Diagnostic(level, "over-limit", message, origin) if level else None


def _added(changes: Iterable[Change]) -> list[str]:
    return [change.tag for change in changes if change.op == Op.ADD]


def _length(tags: Iterable[str]) -> int:
    return sum(map(len, tags))
