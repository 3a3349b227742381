"""Limit the rate of one kind of call for all workers; `adaptive_rate` learns the rate.

Waits use the running event loop's clock, which is monotonic.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from random import Random

from tagsync.library.http.adaptive_rate import AdaptiveRate
from tagsync.library.http.rate_limits import RateLimits

READ_RATE = 20.0
"""Reads a second where nothing is known of the account's limit."""

BULK_RATE = 5.0
"""Bulk calls a second where nothing is known; published figures for bulk tag calls agree on it."""

_NO_BOUND = 10_000.0
"""Calls a second that no library takes: a higher rate asks for as many as are allowed, and is none to begin with."""

LONG_WAIT = 2.0
"""Waits of at least this many seconds are announced."""

_LATE = 0.01
"""Seconds by which a turn may be late without moving those after it: timers are never quite on time."""

_EARLY = 1e-6
"""Seconds by which a turn may be early: timers fire within the clock's resolution."""

_ROUNDING = 0.001
"""Seconds by which an announced wait may be short: answers give it in whole milliseconds."""


async def pause(seconds: float, stop: asyncio.Event | None = None) -> None:
    """Sleep for a number of seconds, or until `stop` is set."""
    if stop is None:
        await asyncio.sleep(seconds)
        return
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


class RateLimiter:
    """Lets calls through at an even pace, and none while it is closed.

    Args:
        rate: calls a second until something is known of the limit; None for no pace at all. One beyond all bounds,
            such as infinity, could never be halved to what is allowed: the pace then begins as for bulk calls.
        on_wait: called with the seconds of each long wait that a closing causes.
        cap: calls a second that are never passed, whatever the library allows; None for the rate itself.
        random: where it comes from how soon after a closing the first call goes.
    """

    def __init__(
        self,
        rate: float | None,
        on_wait: Callable[[float], None] = lambda _seconds: None,
        *,
        cap: float | None = None,
        random: Random | None = None,
    ) -> None:
        cap = rate if cap is None else cap
        start = BULK_RATE if rate is not None and rate > _NO_BOUND else rate
        self._adaptive = None if start is None or cap is None else AdaptiveRate(start, cap)
        self._on_wait = on_wait
        self._random = random or Random()  # noqa: S311 - jitter, not a secret
        self._queue = asyncio.Lock()
        self._faster = asyncio.Event()
        self._last_turn = self._closed_until = self._reopened = float("-inf")
        self._closed_for = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def rate(self) -> float | None:
        """Calls a second as of now; None for no pace at all."""
        return self._adaptive.rate if self._adaptive else None

    @property
    def waited(self) -> float:
        """Seconds for which the limiter has been closed as of now; what is left of a closing is not among them."""
        if self._loop is None:
            return 0.0
        return self._closed_for - max(0.0, self._closed_until - self._loop.time())

    async def turn(self, stop: asyncio.Event | None = None) -> float:
        """Wait until the next call may go, or until `stop` is set; return the loop's time of it."""
        loop = asyncio.get_running_loop()
        waited = self._queue.locked()
        async with self._queue:
            while not (stop and stop.is_set()):
                self._faster.clear()
                now, turn = loop.time(), self._next_turn()
                if turn <= now + _EARLY:
                    self._take(now, turn, waited=waited)
                    break
                waited = True
                await _first_of(turn - now, self._faster, stop)
        return loop.time()

    def learn(self, limits: RateLimits, went: float, *, refused: bool = False) -> None:
        """Set the pace by what an answer says; every answer, for limits may change.

        Args:
            limits: what it announced.
            went: when its call had its turn.
            refused: whether it was a 429.
        """
        if self._adaptive is None:
            return
        before, now = self._adaptive.rate, asyncio.get_running_loop().time()
        if refused:
            self._adaptive.refused(limits, went, now)
        else:
            self._adaptive.passed(limits, now)
        if self._adaptive.rate > before:
            self._faster.set()

    def close_for(self, seconds: float) -> None:
        """Let no call through for a while: the server asked for it. The longest such wish holds."""
        self._loop = asyncio.get_running_loop()
        now = self._loop.time()
        until = now + seconds
        if until > self._closed_until:
            self._closed_for += until - max(now, self._closed_until)
            self._closed_until = self._reopened = until
            if self._adaptive:
                # All who share the account were told the same moment: each comes back at its own.
                self._reopened += _ROUNDING + self._random.uniform(0, 1 / self._adaptive.rate)
                self._adaptive.rest(self._reopened)
            if seconds >= LONG_WAIT:
                self._on_wait(seconds)

    def _next_turn(self) -> float:
        interval = 1 / self._adaptive.rate if self._adaptive else 0.0
        return max(self._last_turn + interval, self._reopened)

    def _take(self, now: float, turn: float, *, waited: bool) -> None:
        self._last_turn = turn if now - turn <= _LATE else now
        if self._adaptive and waited:
            self._adaptive.used(now)


async def _first_of(seconds: float, *events: asyncio.Event | None) -> None:
    """Wait for a number of seconds, or until an event is set."""
    waits = [asyncio.ensure_future(event.wait()) for event in events if event]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
