"""Plan to undo an apply: compare its report with the library."""

import asyncio

from tagsync.api.belonging import check_environment, check_library_file, check_report
from tagsync.api.gather import now
from tagsync.api.lag import lag_left, written
from tagsync.applying.preflight import LAG_WAITS, Reread, pause
from tagsync.concurrency import blocking
from tagsync.events import Listener, LookingAgain, ignore
from tagsync.library.deadline import check_duration, deadline
from tagsync.library.protocol import Files
from tagsync.library.target import Target, connect
from tagsync.model import Plan, Report
from tagsync.planning.undo import make_undo, touched, unsettled


async def undo_async(
    report: Report,
    *,
    target: Target,
    ai_as_tags: bool = False,
    max_duration: float | None = None,
    listener: Listener = ignore,
) -> Plan:
    """Plan to undo an apply: revert each of its changes that was new then and is still there. This only reads.

    Args:
        report: the report of the apply. The files are compared with the library, whatever status it gives them.
        target: the library.
        ai_as_tags: whether removed AI tags return as ordinary tags, without confidence and source.
        max_duration: seconds after which reading fails; None for no limit.
        listener: receives progress events.

    Returns:
        The plan. Its warnings name what it leaves out, and the one with the code `left-out` counts it. The one with the
        code `made-before` counts the changes that the apply found made, which are left out too.

    Raises:
        UsageError: `max_duration` is invalid.
        RefusedError: the report is of another target.
        LibraryError: the files could not be read, or not in time.
    """
    began = asyncio.get_running_loop().time()
    check_duration(max_duration)
    check_report(report, target)
    check_environment(report, target)
    check_library_file(report.plan, target, "the report is of")
    file_ids = touched(report)
    async with connect(target, listener) as client, deadline(max_duration, client, since=began):
        reader = client.file_reads(
            library_size=report.plan.inputs.library_size,
            concurrency=target.concurrency,
            on_read=lambda done, files: listener(LookingAgain(files, done)),
        )
        listener(LookingAgain(len(file_ids)))
        files = await reader.many(file_ids) if file_ids else {}
        if lagging := unsettled(report, files):
            files.update(await reader.singly(lagging))
            await _await_details(report, files, reader.singly, listener)
        reads, read_rate = client.traffic.reads, client.read_rate
    return make_undo(
        report,
        files,
        created_at=now(),
        read_requests=reads,
        bulk_rate=target.bulk_rate,
        read_rate=read_rate,
        ai_as_tags=ai_as_tags,
    )


async def _await_details(report: Report, files: Files, read_details: Reread, listener: Listener) -> None:
    """Read files again until they show what an apply that has just ended made of them, because details may lag, too.

    Args:
        report: the report of the apply. The details of files that it verified have shown it, so they do not lag.
        files: its files by ID; updated in place.
        read_details: reads files by their details.
        listener: receives an event for each wait.
    """
    unverified = list(written(report, verified=False))
    for wait in LAG_WAITS:
        lagging = [file_id for file_id, shows in unverified if (file := files.get(file_id)) and not shows(file)]
        if not lagging or not lag_left(report):
            return
        await pause(wait, listener)
        files.update(await read_details(lagging))


undo = blocking(undo_async)
