"""Read the files of a plan again before the first write, and find the changes that are still needed and allowed."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

from tagsync.applying.journal_records import Recovered
from tagsync.applying.outcomes import Outcomes
from tagsync.events import AwaitingChanges, AwaitingIndex, Listener, ignore
from tagsync.library.protocol import MAX_LOOKUPS, Files
from tagsync.model import CurrentFile, FileChange, Op, Request, Status
from tagsync.planning.staleness import Refreshed, missing_name, refresh

Reread = Callable[[Sequence[str]], Awaitable[Files]]
"""Reads files again by ID; None for a deleted file. A file that could not be read has no item."""


LAG_WAITS = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds to wait between reads until ImageKit shows what was written; 30 s in total."""


async def pause(seconds: float, listener: Listener) -> None:
    """Wait until ImageKit may show more of what was written, and announce it."""
    if seconds:
        listener(AwaitingChanges(seconds))
    await asyncio.sleep(seconds)


async def look_again(
    planned: Mapping[str, FileChange],
    *,
    reread: Reread,
    read_details: Reread,
    recovered: Recovered,
    listener: Listener = ignore,
) -> Mapping[str, CurrentFile | None]:
    """Read the current state of a plan's files.

    Args:
        planned: the plan's changes.
        reread: reads many files in few calls, perhaps from an index that lags.
        read_details: reads files one by one, from details that hardly lag.
        recovered: what the journal knows of an interrupted apply.
        listener: receives an event for each wait.

    Returns:
        The files by ID; None for a deleted file. A file that could not be read has no item.

    Raises:
        LibraryError: the files could not be read.
    """
    shown = await reread(list(planned))
    # A lagging index shows files as they were before the latest writes. Read those again that it would mislead about:
    # a file without the calls of an interrupted apply, or with a planned change that somebody may have reverted.
    doubtful, lacking = [], []
    for file_id, change in planned.items():
        file = shown.get(file_id)
        if file and (not _shows(file, recovered.done.get(file_id, ())) or _seems_done(change, file, recovered)):
            doubtful.append(file_id)
        elif file and missing_name(change, file):
            lacking.append(file_id)
    if len(doubtful) > MAX_LOOKUPS:
        listener(AwaitingIndex(sum(LAG_WAITS)))
        await asyncio.sleep(sum(LAG_WAITS))
    if doubtful:
        again = await (reread if len(doubtful) > MAX_LOOKUPS else read_details)(doubtful)
        for file_id in doubtful:
            if file_id in again:
                shown[file_id] = again[file_id]
            else:
                del shown[file_id]
    await _await_new_names([*lacking, *doubtful], planned, shown, read_details, listener)
    return shown


async def _await_new_names(
    lacking: list[str], planned: Mapping[str, FileChange], shown: Files, read_details: Reread, listener: Listener
) -> None:
    """Read files again until they show the new tag of a rename, which an earlier apply may just have added."""
    for wait in (0.0, *LAG_WAITS):
        lacking = [i for i in lacking if (file := shown.get(i)) and missing_name(planned[i], file)]
        if not lacking:
            return
        await pause(wait, listener)
        shown.update(await read_details(lacking))


def _seems_done(planned: FileChange, file: CurrentFile, recovered: Recovered) -> bool:
    """Return whether a file shows any of its changes already, other than those of an interrupted apply."""
    if (file.tags, file.ai_tags) == (planned.file.tags, planned.file.ai_tags):  # as nearly all files
        return False
    seen = refresh(planned, file)
    needed = seen.change.changes if seen.change else ()
    return seen.stale is None and any(
        change not in needed and not recovered.was_sent(change, planned.file_id) for change in planned.changes
    )


def _shows(file: CurrentFile, calls: Sequence[Request]) -> bool:
    """Return whether a file shows the effect of these calls."""
    for op, tags, _ in calls:
        held = {tag.name for tag in file.ai_tags} if op == Op.REMOVE_AI else set(file.tags)
        if not (held.issuperset(tags) if op == Op.ADD else held.isdisjoint(tags)):
            return False
    return True


def still_needed(
    planned: Mapping[str, FileChange],
    shown: Mapping[str, CurrentFile | None],
    outcomes: Outcomes,
    recovered: Recovered,
) -> Iterator[FileChange]:
    """Yield the changes that are still needed, each with the current state of its file.

    Args:
        planned: the plan's changes.
        shown: the current files.
        outcomes: records the other files: stale, unreadable, or without a needed change.
        recovered: what the journal knows of an interrupted apply. Its changes count as made by this one, because it
            left no report that undo could use.
    """
    for file_id, change in planned.items():
        if file_id not in shown:
            outcomes.note([file_id], Status.SKIPPED, error="not sent: the file could not be read again")
            continue
        seen = refresh(change, shown[file_id])
        if seen.stale is not None:
            outcomes.note([file_id], Status.STALE, error=seen.stale)
            continue
        _note_done(file_id, change, seen, outcomes, recovered)
        if seen.change is None:
            outcomes.note([file_id], Status.CONFIRMED)
        else:
            yield seen.change


def _note_done(file_id: str, planned: FileChange, seen: Refreshed, outcomes: Outcomes, recovered: Recovered) -> None:
    """Record the changes that a file shows before the first write, and whether an interrupted apply made some."""
    needed = seen.change.changes if seen.change else ()
    if len(needed) == len(planned.changes):
        return
    done = [change for change in planned.changes if change not in needed]
    others = [change for change in done if not recovered.was_sent(change, file_id)]
    outcomes.found(file_id, others)
    if len(others) < len(done):
        outcomes.write_seen(file_id)
