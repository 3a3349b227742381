"""The pace of one kind of call, shared by all workers; not the calls themselves.

Waits use the running event loop's clock, which is monotonic.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

READ_RATE = 20.0
"""Reads a second where nothing is known of the account's limit."""

BULK_RATE = 5.0
"""Bulk calls a second where nothing is known; published figures for bulk tag calls agree on it."""

LONG_WAIT = 2.0
"""Waits of at least so many seconds are announced."""


async def pause(seconds: float, stop: asyncio.Event | None = None) -> None:
    """Sleep for so many seconds, or until `stop` is set."""
    if stop is None:
        await asyncio.sleep(seconds)
        return
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


class Gate:
    """Lets calls through at an even pace, and none while it is closed.

    Args:
        rate: calls a second; None for no pace at all.
        on_wait: called with the seconds of each long wait that a closing causes.
    """

    def __init__(self, rate: float | None, on_wait: Callable[[float], None] = lambda _seconds: None) -> None:
        self.rate = rate
        self.waited = 0.0
        """Seconds for which calls were held up by a closed gate."""
        self._on_wait = on_wait
        self._next_turn = 0.0
        self._closed_until = 0.0

    async def turn(self, stop: asyncio.Event | None = None) -> None:
        """Wait until the next call may go, or until `stop` is set."""
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            turn = max(now, self._next_turn, self._closed_until)
            self._next_turn = turn + self._interval
            if turn > now:
                await pause(turn - now, stop)
            if self._closed_until <= turn or (stop and stop.is_set()):
                return

    def close_for(self, seconds: float) -> None:
        """Let no call through for a while: the server asked for it. The longest such wish holds."""
        now = asyncio.get_running_loop().time()
        until = now + seconds
        if until > self._closed_until:
            self.waited += until - max(now, self._closed_until)
            self._closed_until = until
            self._next_turn = max(self._next_turn, until)
            if seconds >= LONG_WAIT:
                self._on_wait(seconds)

    @property
    def _interval(self) -> float:
        return 1 / self.rate if self.rate else 0.0
