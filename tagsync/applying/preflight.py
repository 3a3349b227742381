"""The touched files read once more before the first write: what is still to be done, and what must not be."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from tagsync.applying.journal_records import Recovered
from tagsync.applying.outcomes import Ledger
from tagsync.model import Change, CurrentFile, FileChange, Op, Request, Status
from tagsync.planning.staleness import Refreshed, missing_name, refresh

Reread = Callable[[Sequence[str]], Awaitable[Mapping[str, CurrentFile | None]]]
"""Reads files once more: None for one that is gone, nothing for one that could not be read."""


LAG_WAITS = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds to wait, one after the other, for an index or details that do not show what was written."""


async def preflight(
    planned: Sequence[FileChange],
    ledger: Ledger,
    *,
    reread: Reread,
    read_details: Reread,
    recovered: Recovered,
    undoes: bool = False,
) -> list[FileChange]:
    """Return the changes that are still to be made, each beside its file as it is now.

    Args:
        planned: the plan's changes.
        ledger: where files are noted that are stale, unreadable, or as they should be already.
        reread: reads many files in few calls.
        read_details: reads files one by one; what it shows is not an index that may lag.
        recovered: what the journal says of an apply that did not come to its end. What that apply changed counts as
            changed by this run, as no report tells of it.
        undoes: whether the plan undoes a run. Then an index that lags may show the state before that run, in which
            nothing is left to undo: details decide.

    Raises:
        LibraryError: they could not be read.
    """
    shown = dict(await reread([change.file.file_id for change in planned]))
    # An index may show a file as it was before it was written to a moment ago.
    lagging, lacking = [], []
    for item in planned:
        file = shown.get(item.file.file_id)
        if file and (not _shows(file, recovered.done.get(file.file_id, ())) or (undoes and _seems_done(item, file))):
            lagging.append(file.file_id)
        if file and missing_name(item, file):
            lacking.append(item)
    if lagging:
        shown |= await read_details(lagging)
    await _await_new_names(lacking, shown, read_details)
    return [change for item in planned if (change := _noted(item, _seen(item, shown), ledger, recovered))]


async def _await_new_names(lacking: list[FileChange], shown: dict[str, CurrentFile | None], read: Reread) -> None:
    """Read files again that lack the new name of a rename: an earlier run may have added it a moment ago."""
    for wait in (0.0, *LAG_WAITS):
        lacking = [
            change for change in lacking if (file := shown.get(change.file.file_id)) and missing_name(change, file)
        ]
        if not lacking:
            return
        await asyncio.sleep(wait)
        shown.update(await read([change.file.file_id for change in lacking]))


def _seems_done(planned: FileChange, file: CurrentFile) -> bool:
    """Tell whether a file shows any of its changes already."""
    seen = refresh(planned, file)
    return seen.stale is None and (seen.change is None or len(seen.change.changes) < len(planned.changes))


def _shows(file: CurrentFile, calls: Sequence[Request]) -> bool:
    """Tell whether a file is as these calls have made it."""
    for op, tags, _ in calls:
        held = {tag.name for tag in file.ai_tags} if op == Op.REMOVE_AI else set(file.tags)
        if not (held.issuperset(tags) if op == Op.ADD else held.isdisjoint(tags)):
            return False
    return True


def _seen(planned: FileChange, shown: Mapping[str, CurrentFile | None]) -> Refreshed | None:
    file_id = planned.file.file_id
    return refresh(planned, shown[file_id]) if file_id in shown else None


def _noted(planned: FileChange, seen: Refreshed | None, ledger: Ledger, recovered: Recovered) -> FileChange | None:
    file_ids = [planned.file.file_id]
    if seen is None:
        ledger.note(file_ids, Status.SKIPPED, error="not sent: the file could not be read again before")
        return None
    if seen.stale is not None:
        ledger.note(file_ids, Status.STALE, error=seen.stale)
        return None
    needed = set(seen.change.changes) if seen.change else set()
    done = [change for change in planned.changes if change not in needed]
    if done:
        others = [change for change in done if not _was_sent(change, planned.file.file_id, recovered)]
        ledger.found(planned.file.file_id, others)
        if len(others) < len(done):
            ledger.write_seen(planned.file.file_id)
    if seen.change is None:
        ledger.note(file_ids, Status.CONFIRMED)
    return seen.change


def _was_sent(change: Change, file_id: str, recovered: Recovered) -> bool:
    """Tell whether the apply that did not come to its end may have made a change."""
    calls = recovered.done.get(file_id, ())
    return file_id in recovered.unknown or any(change.op == op and change.tag in tags for op, tags, _ in calls)
