"""End an apply early: on a signal, at a limit, or because going on is useless."""

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from tagsync.errors import message_of

GRACE = 4.0
"""Seconds that calls in flight get after an interrupt; then their outcome is unknown."""


class Ending:
    """Whether and why an apply ends early.

    Args:
        stop: set from outside to interrupt the apply: no call starts, and calls in flight get four seconds.
        abort: set from outside to cancel calls in flight at once.

    Attributes:
        over: set by an interrupt and by `halt`; no call starts, and calls waiting for the rate limit give up.
        halted: why the apply ended itself; None if it did not.
        as_asked: whether it ended at a limit that the user set.
        failure: the error of tagsync itself; None if there is none.
    """

    def __init__(self, stop: asyncio.Event, abort: asyncio.Event) -> None:
        self.stop = stop
        self.abort = abort
        self.over = asyncio.Event()
        self.halted: str | None = None
        self.as_asked = False
        self.failure: str | None = None

    @property
    def interrupted(self) -> bool:
        """Whether the apply was interrupted from outside."""
        return self.stop.is_set()

    def halt(self, why: str, *, as_asked: bool = False) -> None:
        """Start no more calls; calls in flight finish. Only the first reason is reported."""
        if self.halted is None:
            self.halted, self.as_asked = why, as_asked
        self.over.set()

    def fail(self, error: Exception) -> None:
        """End the apply because of an error in tagsync. The first such error is reported in any case."""
        words = message_of(error)
        self.failure = self.failure or words
        self.halt(words)

    @contextmanager
    def watched(self, max_duration: float | None, *, spent: float = 0.0) -> Iterator[None]:
        """Watch for an interrupt and for the end of the time during a `with` block.

        Args:
            max_duration: the time limit in seconds; None for no limit.
            spent: how many of these seconds are over already.
        """
        loop = asyncio.get_running_loop()
        watching = asyncio.ensure_future(self._watch())
        timer = None
        if max_duration is not None:
            words = f"max-duration reached: {max_duration:g} s have passed"
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
        """Return the message for a call that was not sent."""
        return f"not sent: {self.halted}" if self.halted else "not sent: the run was interrupted"


async def run_until(event: asyncio.Event, work: Awaitable[object], *, within: float | None = None) -> bool:
    """Await work; cancel it when an event is set or a number of seconds is over.

    Returns:
        Whether the work finished.
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
    """Wait until all tasks finish, an event is set or a number of seconds is over, without cancelling.

    Returns:
        Whether all tasks finished.
    """
    working: asyncio.Future[Any] = asyncio.gather(*tasks, return_exceptions=True)
    asked: asyncio.Future[Any] = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait([working, asked], timeout=within, return_when=asyncio.FIRST_COMPLETED)
        return all(task.done() for task in tasks)
    finally:
        asked.cancel()
