"""Read the changed files back after the last call: what the library shows decides which changes are confirmed."""

from collections.abc import AsyncIterator, Mapping

from tagsync.applying.outcomes import Outcomes
from tagsync.applying.parts import record_shown
from tagsync.applying.preflight import LAG_WAITS, Reread, pause
from tagsync.errors import LibraryError
from tagsync.escape import quoted
from tagsync.events import Listener, ignore
from tagsync.model import READ_BACK, Change, ChangesById, CurrentFile, FileChange, Op, Status, normalized

SOME = 20
"""The number of files to read by their details in each round, because details lag less than an index."""

_OPEN = (Status.ACCEPTED, Status.UNKNOWN)
"""The statuses that reading back may change. A refused file is not expected to change any more."""


async def verify(
    planned: Mapping[str, FileChange],
    outcomes: Outcomes,
    *,
    reread: Reread,
    read_details: Reread,
    listener: Listener = ignore,
) -> None:
    """Read back every file for which a call was sent, and record its final outcome.

    A file that does not show its changes is read again for up to 30 s before it counts as failed.

    Args:
        planned: the plan's changes.
        outcomes: the outcomes so far; updated in place.
        reread: reads many files in few calls, perhaps from an index that lags.
        read_details: reads files one by one, from details that hardly lag.
        listener: receives `AwaitingChanges` for each wait.
    """
    pending = [file_id for file_id in outcomes.touched() if file_id in planned]
    for wait in (*LAG_WAITS, 0.0):
        final = wait == 0.0
        pending = await _differing(pending, planned, outcomes, reread, final=final)
        # If the index lags, the details of a few files already show the changes. A small apply needs no waiting then.
        some = await _differing(pending[:SOME], planned, outcomes, read_details, final=final)
        pending = some + pending[SOME:]
        if not pending:
            return
        await pause(wait, listener)
    await _settle_all(pending, planned, outcomes, read_details)


async def _differing(
    file_ids: list[str], planned: ChangesById, outcomes: Outcomes, read: Reread, *, final: bool
) -> list[str]:
    """Read files, confirm those that show all their changes, and return those that may still show more.

    If reading is `final`, only what a file shows counts as made, because its details may turn out to be unreadable.
    """
    differing, unread = [], set(file_ids)
    async for file_id, file in _read(read, file_ids, outcomes):
        unread.discard(file_id)
        if file is None:
            _settle_missing(file_id, outcomes)
            continue
        change = planned[file_id]
        if differences(change, file):
            if _shows_write(change, file, outcomes):
                outcomes.write_seen(file_id)
            status = outcomes.outcome(file_id).status
            shows_made = status is Status.ACCEPTED or record_shown(change, _shown(change, file), outcomes, final=final)
            # A refused file will not change any more. It is read again only until it shows what other calls made of it.
            if status in _OPEN or not shows_made:
                differing.append(file_id)
        else:
            outcomes.settle(file_id, Status.CONFIRMED)
            outcomes.write_seen(file_id)
            outcomes.lost.check(change, file)
    # What a response says was made of a file stays in doubt until a later reading shows it.
    return differing + [i for i in file_ids if i in unread and outcomes.outcome(i).in_part]


def _settle_missing(file_id: str, outcomes: Outcomes) -> None:
    # ImageKit may refuse a call for a deleted file, with any status and message, so this also explains a failure.
    outcome = outcomes.outcome(file_id)
    if outcome.status in (*_OPEN, Status.FAILED) or outcome.in_part:
        outcomes.settle(file_id, Status.MISSING, "the file was deleted")


async def _settle_all(file_ids: list[str], planned: ChangesById, outcomes: Outcomes, read: Reread) -> None:
    async for file_id, file in _read(read, file_ids, outcomes):
        _settle(planned[file_id], file, outcomes)


async def _read(
    reread: Reread, file_ids: list[str], outcomes: Outcomes
) -> AsyncIterator[tuple[str, CurrentFile | None]]:
    """Yield the current files; mark those that could not be read as unknown."""
    shown: Mapping[str, CurrentFile | None] = {}
    why = "could not be read back: run again"
    try:
        if file_ids:
            shown = await reread(file_ids)
    except LibraryError as error:
        why = f"could not be read back: {error}"
    for file_id in file_ids:
        if file_id in shown:
            yield file_id, shown[file_id]
        elif outcomes.outcome(file_id).status in _OPEN:
            outcomes.settle(file_id, Status.UNKNOWN, why)


def _settle(change: FileChange, file: CurrentFile | None, outcomes: Outcomes) -> None:
    file_id = change.file.file_id
    if file is None:
        _settle_missing(file_id, outcomes)
        return
    outcomes.lost.check(change, file)
    differing = differences(change, file)
    if not differing:
        outcomes.settle(file_id, Status.CONFIRMED)
        outcomes.write_seen(file_id)
        return
    if _shows_write(change, file, outcomes):
        outcomes.write_seen(file_id)
    else:
        outcomes.no_write_seen(file_id)
    record_shown(change, _shown(change, file), outcomes, final=True)
    # After half a minute of waiting, lag is not the reason any more: the change was not made.
    before = outcomes.outcome(file_id)
    if before.status not in _OPEN:
        return
    is_accepted = before.status is Status.ACCEPTED
    why = "ImageKit accepted the change, but does not show it" if is_accepted else before.error
    outcomes.settle(file_id, Status.FAILED, f"{why}{READ_BACK}{differing[0]}")


def differences(change: FileChange, file: CurrentFile) -> list[str]:
    """Return a message for each change that a file does not show."""
    there = _shown(change, file)
    return [f"{_PROBLEMS[item.op]} {quoted(item.tag)}" for item in change.changes if item not in there]


def _shows_write(change: FileChange, file: CurrentFile, outcomes: Outcomes) -> bool:
    """Return whether a file shows a change that it did not show before the first call."""
    already = outcomes.outcome(change.file.file_id).already
    return any((item.op, item.tag) not in already for item in _shown(change, file))


def _shown(change: FileChange, file: CurrentFile) -> list[Change]:
    keys, ai_names = set(map(normalized, file.tags)), {tag.name for tag in file.ai_tags}
    return [item for item in change.changes if _shows(item, file, keys, ai_names)]


def _shows(item: Change, file: CurrentFile, keys: set[str], ai_names: set[str]) -> bool:
    """Return whether a file shows a change. An added tag may have any equal spelling, a removed one only its own."""
    match item.op:
        case Op.ADD:
            return normalized(item.tag) in keys
        case Op.REMOVE:
            return item.tag not in file.tags
        case Op.REMOVE_AI:  # pragma: no branch - there is no other
            return item.tag not in ai_names


_PROBLEMS = {
    Op.ADD: "the file lacks the tag",
    Op.REMOVE: "the file still has the tag",
    Op.REMOVE_AI: "the file still has the AI tag",
}
