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
"""Reads per second until the account's limit is known."""

BULK_RATE = 5.0
"""Bulk calls per second until the limit is known: the figure that is published for bulk tag calls."""

_NO_BOUND = 10_000.0
"""Calls per second that no library accepts: a higher rate means "as fast as allowed", and starts at BULK_RATE."""

LONG_WAIT = 2.0
"""Waits of at least this many seconds are reported to the user."""

_LATE = 0.01
"""Seconds that a call may be late without delaying the calls after it, because timers are never exact."""

_EARLY = 1e-6
"""Seconds that a call may be early, because timers fire within the clock's resolution."""

_ROUNDING = 0.001
"""Seconds that an announced wait may be too short, because headers give whole milliseconds."""


async def pause(seconds: float, stop: asyncio.Event | None = None) -> None:
    """Sleep for a number of seconds, or until `stop` is set."""
    if stop is None:
        await asyncio.sleep(seconds)
        return
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


class ClosedTime:
    """Counts the seconds in which any of several rate limiters was closed; overlapping ones count once."""

    def __init__(self) -> None:
        self._until = float("-inf")
        self._planned = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def seconds(self) -> float:
        """Seconds until now."""
        if self._loop is None:
            return 0.0
        return self._planned - max(0.0, self._until - self._loop.time())

    def add(self, until: float) -> None:
        """Count the time from now until a time of the event loop."""
        self._loop = asyncio.get_running_loop()
        if until > self._until:
            self._planned += until - max(self._loop.time(), self._until)
            self._until = until


class RateLimiter:
    """Spaces calls evenly, and sends none while it is closed.

    Args:
        rate: calls per second until the limit is known; None for no limit. A rate above 10,000, such as infinity,
            starts at BULK_RATE, because halving it would never reach what is allowed.
        on_wait: called with the seconds of each long wait that the server asks for.
        cap: the maximum calls per second, even if the library allows more; None for `rate`.
        random: the source of jitter for the first call after a wait.

    Attributes:
        closed: how long it was closed; another limiter may count with it.
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
        self.closed = ClosedTime()

    @property
    def rate(self) -> float | None:
        """Calls per second as of now; None for no limit."""
        return self._adaptive.rate if self._adaptive else None

    @property
    def known_rate(self) -> float | None:
        """Calls per second as far as responses show the limit, else those to start with; None for no limit."""
        return self._adaptive.known_rate if self._adaptive else None

    async def turn(self, stop: asyncio.Event | None = None) -> float:
        """Wait until the next call may be sent, or until `stop` is set.

        Returns:
            The event loop's time at the end of the wait, in seconds.
        """
        loop = asyncio.get_running_loop()
        # Only a call that had to wait shows that a higher rate would be used: an idle limiter must not grow.
        waited = self._queue.locked()
        # The lock is the queue: asyncio.Lock is fair, so calls are sent in the order in which they arrived.
        async with self._queue:
            while not (stop and stop.is_set()):
                self._faster.clear()
                now, turn = loop.time(), self._next_turn()
                if turn <= now + _EARLY:
                    self._take(now, turn, waited=waited)
                    break
                waited = True
                # A response may raise the rate during this wait: then the turn comes earlier than computed.
                await _first_of(turn - now, self._faster, stop)
        return loop.time()

    def learn(self, limits: RateLimits, went: float, *, refused: bool = False) -> None:
        """Adapt the rate to a response. Pass every response, because limits may change during a run.

        Args:
            limits: the limits that it announced.
            went: what `turn` returned for its call.
            refused: whether it is a 429.
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
        """Send no call for some seconds, as the server asked. If several waits overlap, the longest applies."""
        until = asyncio.get_running_loop().time() + seconds
        if until > self._closed_until:
            self.closed.add(until)
            self._closed_until = self._reopened = until
            if self._adaptive:
                # All processes that share the account got the same time to wait: jitter spreads their first calls.
                self._reopened += _ROUNDING + self._random.uniform(0, 1 / self._adaptive.rate)
                self._adaptive.rest(self._reopened)
            if seconds >= LONG_WAIT:
                self._on_wait(seconds)

    def _next_turn(self) -> float:
        interval = 1 / self._adaptive.rate if self._adaptive else 0.0
        return max(self._last_turn + interval, self._reopened)

    def _take(self, now: float, turn: float, *, waited: bool) -> None:
        # Count from the planned time so that small timer delays do not add up. After a real pause count from now:
        # otherwise the calls that were not sent would be caught up in a burst.
        self._last_turn = turn if now - turn <= _LATE else now
        if self._adaptive and waited:
            self._adaptive.used(now)


async def _first_of(seconds: float, *events: asyncio.Event | None) -> None:
    waits = [asyncio.ensure_future(event.wait()) for event in events if event]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
