"""Retry calls after transient errors, with backoff; tenacity counts the attempts."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, stop_after_attempt
from tenacity.wait import wait_base

from tagsync.errors import TimedOutError, TransientError
from tagsync.library.http.rate_limiter import pause

MAX_ATTEMPTS = 5
MAX_TIMED_OUT = 2
"""The most attempts that may use up the full time of a call, a minute each."""

SHORTEST_WAIT, LONGEST_WAIT = 0.5, 30.0
"""Bounds, in seconds, of the back-off between attempts."""

_DOUBLINGS = 6
"""After this many doublings the back-off has reached its upper bound; `2**attempt` overflows a float at 1,024."""

_RETRY_COST, _FULL_QUOTA = 10, 500

T = TypeVar("T")


class RetryQuota:
    """Keeps retries from multiplying the load on a library in trouble: they take ten of what each success gives one."""

    def __init__(self) -> None:
        self._left = _FULL_QUOTA

    def pay(self) -> bool:
        """Pay for one retry; False if the quota is used up."""
        if self._left < _RETRY_COST:
            return False
        self._left -= _RETRY_COST
        return True

    def credit(self) -> None:
        """Credit one success."""
        self._left = min(_FULL_QUOTA, self._left + 1)


class _FullJitter(wait_base):
    """A wait between the shortest and a limit that doubles with each attempt (full jitter)."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def __call__(self, retry_state: RetryCallState) -> float:
        return backoff(retry_state.attempt_number, self._random)


def backoff(attempt: int, random: Random) -> float:
    """Return the seconds to wait after failed attempt number `attempt`, counted from 1."""
    limit: float = min(LONGEST_WAIT, SHORTEST_WAIT * 2 ** min(attempt, _DOUBLINGS))
    return random.uniform(SHORTEST_WAIT, limit)


async def retrying(
    call: Callable[[], Awaitable[T]], *, random: Random, quota: RetryQuota, stop: asyncio.Event | None = None
) -> T:
    """Await `call` until it does not raise TransientError: at most five times, and as the quota and its time allow.

    Args:
        call: one attempt; it looks at `stop` itself.
        random: where jitter comes from.
        quota: shared by all calls.
        stop: once set, a wait between attempts ends.

    Raises:
        TransientError: the last attempt's.
    """
    timed_out = 0

    def again(state: RetryCallState) -> bool:
        nonlocal timed_out
        error = state.outcome.exception() if state.outcome else None
        timed_out += isinstance(error, TimedOutError)
        hopeful = state.attempt_number < MAX_ATTEMPTS and timed_out < MAX_TIMED_OUT
        return isinstance(error, TransientError) and hopeful and quota.pay()

    async def sleep(seconds: float) -> None:
        await pause(seconds, stop)

    attempts = AsyncRetrying(
        stop=stop_after_attempt(MAX_ATTEMPTS), wait=_FullJitter(random), retry=again, sleep=sleep, reraise=True
    )
    result: T = await attempts(call)
    quota.credit()
    return result
