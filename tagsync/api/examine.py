"""Examine an account: compare how its API behaves with what tagsync expects."""

import asyncio

from tagsync.api.gather import now
from tagsync.events import Listener, ignore
from tagsync.examining.examination import MOST_READS, examine
from tagsync.library.target import Target, probing
from tagsync.model import Diagnosis


def doctor(target: Target, *, listener: Listener = ignore) -> Diagnosis:
    """Examine an account; see `doctor_async`."""
    return asyncio.run(doctor_async(target, listener=listener))


async def doctor_async(target: Target, *, listener: Listener = ignore) -> Diagnosis:
    """Examine an account with at most 60 API calls that only read.

    Args:
        target: the library.
        listener: receives progress events.

    Raises:
        LibraryError: the library cannot be read, for example because of a wrong key.
    """
    async with probing(target, most_reads=MOST_READS, listener=listener) as probe:
        findings = await examine(probe, target.name)
        return Diagnosis(tuple(findings), now(), probe.traffic.reads, probe.traffic.bulk_calls)
