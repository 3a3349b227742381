"""When a call is tried again, and how long to wait before; tenacity does the counting."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_base

from tagsync.errors import TransientError

MAX_ATTEMPTS = 5
SHORTEST_WAIT, LONGEST_WAIT = 0.5, 30.0
"""Bounds, in seconds, of the back-off between attempts."""

_RETRY_COST, _FULL_QUOTA = 10, 500

T = TypeVar("T")


class RetryQuota:
    """Keeps retries from multiplying the load on a library in trouble: they take ten of what each success gives one."""

    def __init__(self) -> None:
        self._left = _FULL_QUOTA

    def take(self) -> bool:
        """Pay for one retry; False if the quota is used up."""
        if self._left < _RETRY_COST:
            return False
        self._left -= _RETRY_COST
        return True

    def give(self) -> None:
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
    limit: float = min(LONGEST_WAIT, SHORTEST_WAIT * 2**attempt)
    return random.uniform(SHORTEST_WAIT, limit)


async def retrying(call: Callable[[], Awaitable[T]], *, random: Random, quota: RetryQuota) -> T:
    """Await `call` until it does not raise TransientError: at most five times, and as the quota allows.

    Raises:
        TransientError: the last attempt's.
    """

    def again(error: BaseException) -> bool:
        return isinstance(error, TransientError) and quota.take()

    attempts = AsyncRetrying(
        stop=stop_after_attempt(MAX_ATTEMPTS),
        wait=_FullJitter(random),
        retry=retry_if_exception(again),
        sleep=asyncio.sleep,
        reraise=True,
    )
    result: T = await attempts(call)
    quota.give()
    return result
