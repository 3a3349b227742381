"""Restore the file that doctor writes on, at the end of a run or at the start of the next one."""

import asyncio
from collections.abc import Sequence

from tagsync.errors import LibraryError
from tagsync.escape import quoted
from tagsync.events import Examining, Listener, ignore
from tagsync.examining.note import PREFIX, Note, is_ours
from tagsync.library.imagekit.probe import Answer, Probe
from tagsync.model import BulkResult, Op, Refused

_WAITS = (0, 1, 2, 4, 8, 15, 30)
"""Seconds to wait before each look at the file's details, which may lag."""

_UNKNOWN_LAG = 10
"""Seconds that details may lag if nothing is known about it."""

_FEW_CHARACTERS = 400


_EXAMINING = Examining("whether the file has its tags again")


async def restore(probe: Probe, note: Note, lag: float | None, listener: Listener = ignore) -> str:
    """Remove doctor's tags from a file, and add the tags that it had and lost.

    Args:
        probe: sends the calls.
        note: the file as it was.
        lag: seconds until details show a change; None if unknown.
        listener: receives `Examining` for each reading.

    Returns:
        The result, in words.

    Raises:
        LibraryError: the file could not be restored.
    """
    listener(_EXAMINING)
    refusal = await _remove(probe, note, note.ours)
    listener(_EXAMINING)
    # Details from before the first write would look as if there were nothing to restore.
    await asyncio.sleep(_UNKNOWN_LAG if lag is None else lag)
    for seconds in _WAITS:
        await asyncio.sleep(seconds)
        listener(_EXAMINING)
        answer = await probe.details(note.file_id)
        if answer.status == 404:  # noqa: PLR2004 - HTTP
            return f"{quoted(note.path, 200)} was deleted meanwhile"
        if answer.content is None:
            continue
        ours = {tag for tag in answer.content.tags if is_ours(tag)} - set(note.tags)
        lost = set(note.tags) - set(answer.content.tags)
        if not ours and not lost:
            return f"{quoted(note.path, 200)} has the tags that it had before"
        if ours:
            refusal = await _remove(probe, note, sorted(ours))
        else:
            refusal = _key_refusal(await probe.bulk(Op.ADD, [note.file_id], sorted(lost)))
        if refusal:
            break
    why = f": {refusal} Use a key that can write." if refusal else "."
    raise LibraryError(
        f"{quoted(note.path, 200)} could not be restored{why} Run doctor again, or remove its tags that start with "
        f"{PREFIX}"
    )


async def _remove(probe: Probe, note: Note, tags: Sequence[str]) -> str:
    """Remove tags from the file; return the message of a library that refuses the key."""
    for group in _groups(tags):
        answer = await probe.bulk(Op.REMOVE, [note.file_id], group)
        if refusal := _key_refusal(answer):
            return refusal
        # The library may refuse a call because of one tag: it is not there, or may not be in a call.
        if isinstance(answer.content, Refused):
            for tag in group:
                await probe.bulk(Op.REMOVE, [note.file_id], [tag])
    return ""


def _groups(tags: Sequence[str]) -> list[list[str]]:
    """Return tags in groups that fit into one call, whatever the library counts."""
    groups: list[list[str]] = [[]]
    for tag in tags:
        if groups[-1] and len(",".join([*groups[-1], tag])) > _FEW_CHARACTERS:
            groups.append([])
        groups[-1].append(tag)
    return [group for group in groups if group]


def _key_refusal(answer: Answer[BulkResult]) -> str:
    """Return the message of a library that does not let the key write; empty otherwise."""
    return answer.words if answer.status in (401, 403) else ""
