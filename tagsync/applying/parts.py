"""Find out which changes of a file were made, and which were sent in vain, if the apply did not make them all."""

from collections.abc import Collection, Iterable

from tagsync.applying.outcomes import Outcomes
from tagsync.applying.remaining import RemainingChanges
from tagsync.model import Change, ChangesById, FileChange, Op, PartialOutcome


def record_parts(planned: ChangesById, remaining: RemainingChanges, outcomes: Outcomes) -> None:
    """Record what the calls made of each file that may be changed in part.

    Args:
        planned: the plan's changes.
        remaining: the changes that no call has made.
        outcomes: the outcomes so far; updated in place.
    """
    for file_id in outcomes.in_part():
        left = {(item.op, item.tag) for item in remaining[file_id].changes}
        tried = remaining.tried(file_id)
        items = _keys(planned[file_id].changes, without=outcomes.outcome(file_id).already)
        made = tuple(item for item in items if item not in left)
        outcomes.record(file_id, PartialOutcome(made, tuple(item for item in items if item in left and item in tried)))


def record_shown(change: FileChange, there: Iterable[Change], outcomes: Outcomes, *, final: bool = False) -> bool:
    """Record the changes that a file shows when it is read back, and return whether it shows all that were made.

    Args:
        change: the file's planned changes.
        there: those that the file shows.
        outcomes: the outcomes so far; updated in place.
        final: whether ImageKit had time to show all, so that a change it does not show was not made.
    """
    outcome = outcomes.outcome(change.file_id)
    keys, before = set(_keys(there)), outcome.parts
    items = _keys(change.changes, without=outcome.already)
    # Until ImageKit had time to show a change, its response counts. After that, only what the file shows counts.
    expected = tuple(item for item in items if item in keys or (before and item in before.made))
    made = tuple(item for item in expected if item in keys) if final else expected
    # Without parts, a call for each change was accepted.
    sent = items if before is None else (*before.made, *before.tried)
    tried = tuple(item for item in items if item in sent and item not in made)
    outcomes.record(change.file_id, PartialOutcome(made, tried))
    return keys.issuperset(expected)


def _keys(changes: Iterable[Change], without: Collection[object] = ()) -> list[tuple[Op, str]]:
    return [(op, tag) for op, tag, _ in changes if (op, tag) not in without]
