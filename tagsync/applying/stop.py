"""End a run before its time: on a signal, for a reason of its own, or at a limit."""

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from tagsync.errors import message_of

GRACE = 4.0
"""Seconds that calls in flight get once a run is interrupted (contract: then they count as unknown)."""


class Ending:
    """Whether a run is to end, and why.

    Args:
        stop: set from outside to interrupt the run: nothing more is sent, calls in flight get four seconds.
        abort: set from outside to give up calls in flight at once.
    """

    def __init__(self, stop: asyncio.Event, abort: asyncio.Event) -> None:
        self.stop = stop
        self.abort = abort
        self.over = asyncio.Event()
        """Set by an interrupt and by a halt alike: nothing more is sent, and whoever waits for a turn gives up."""
        self.halted: str | None = None
        """Why the run ended of its own accord; None if it did not."""
        self.as_asked = False
        """Whether that was a limit which was given to the run."""
        self.failure: str | None = None
        """What went wrong in the run itself, not in the library; None if nothing did."""

    @property
    def interrupted(self) -> bool:
        """Whether the run was interrupted from outside."""
        return self.stop.is_set()

    def halt(self, why: str, *, as_asked: bool = False) -> None:
        """End the run: nothing more is sent, calls in flight end. The first reason is told."""
        if self.halted is None:
            self.halted, self.as_asked = why, as_asked
        self.over.set()

    def fail(self, error: Exception) -> None:
        """End the run for an error of its own. The first one is reported, however else the run ended before."""
        words = message_of(error)
        self.failure = self.failure or words
        self.halt(words)

    @contextmanager
    def watched(self, max_duration: float | None, *, spent: float = 0.0) -> Iterator[None]:
        """Notice, while entered, an interrupt and the end of the run's time.

        Args:
            max_duration: seconds that the run has; None for no end.
            spent: how many of them are over already.
        """
        loop = asyncio.get_running_loop()
        watching = asyncio.ensure_future(self._watch())
        timer = None
        if max_duration is not None:
            words = f"max-duration reached: {max_duration:g} s are over"
            timer = loop.call_later(max(0.0, max_duration - spent), partial(self.halt, words, as_asked=True))
        try:
            yield
        finally:
            watching.cancel()
            if timer:
                timer.cancel()

    async def _watch(self) -> None:
        await self.stop.wait()
        self.over.set()

    def why_not_sent(self) -> str:
        """Return in words why a call was not sent."""
        return f"not sent: {self.halted}" if self.halted else "not sent: the run was interrupted"


async def run_until(event: asyncio.Event, work: Awaitable[object], *, within: float | None = None) -> bool:
    """Await work, and give it up as soon as an event is set or its seconds are over.

    Returns:
        Whether the work came to its end.
    """
    working = asyncio.ensure_future(work)
    try:
        if not await ended_before(event, [working], within=within):
            return False
        await working
        return True
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def ended_before(
    event: asyncio.Event, tasks: Sequence[asyncio.Future[Any]], *, within: float | None = None
) -> bool:
    """Wait until all tasks end, an event is set or the seconds are over; tell whether all tasks have ended."""
    working: asyncio.Future[Any] = asyncio.gather(*tasks, return_exceptions=True)
    asked: asyncio.Future[Any] = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait([working, asked], timeout=within, return_when=asyncio.FIRST_COMPLETED)
        return all(task.done() for task in tasks)
    finally:
        asked.cancel()
