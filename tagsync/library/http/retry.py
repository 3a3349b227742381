"""Retry calls after transient errors, with exponential backoff and a shared quota."""

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
"""The maximum number of attempts that time out, because each takes a minute."""

SHORTEST_WAIT, LONGEST_WAIT = 0.5, 30.0
"""Bounds, in seconds, of the backoff between attempts."""

_DOUBLINGS = 6
"""After this many doublings the backoff reaches its upper bound; `2**attempt` overflows a float at 1,024."""

_RETRY_COST, _FULL_QUOTA = 10, 500

T = TypeVar("T")


class RetryQuota:
    """A budget for retries, shared by all calls, so that retries do not multiply the load on a failing library.

    A retry costs 10 and a success earns 1: while most calls fail, at most every tenth success pays for a retry.
    """

    def __init__(self) -> None:
        self._left = _FULL_QUOTA

    def pay(self) -> bool:
        """Pay for one retry; return False if the quota is used up."""
        if self._left < _RETRY_COST:
            return False
        self._left -= _RETRY_COST
        return True

    def credit(self) -> None:
        """Credit one success."""
        self._left = min(_FULL_QUOTA, self._left + 1)


class _FullJitter(wait_base):
    """A random wait up to a limit that doubles with each attempt ("full jitter")."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def __call__(self, retry_state: RetryCallState) -> float:
        return backoff(retry_state.attempt_number, self._random)


def backoff(attempt: int, random: Random) -> float:
    """Return the seconds to wait after failed attempt number `attempt`, counted from 1."""
    limit: float = min(LONGEST_WAIT, SHORTEST_WAIT * 2 ** min(attempt, _DOUBLINGS))
    return random.uniform(SHORTEST_WAIT, limit)


async def retrying(
    call: Callable[[], Awaitable[T]],
    *,
    random: Random,
    quota: RetryQuota,
    stop: asyncio.Event | None = None,
    announce: Callable[[int, float, str], None] = lambda _attempt, _seconds, _error: None,
) -> T:
    """Await `call`, and retry it after a TransientError: at most five attempts, while the quota lasts.

    Args:
        call: one attempt; it checks `stop` itself.
        random: the source of jitter.
        quota: the budget that all calls share.
        stop: once set, the wait between two attempts ends.
        announce: called before each retry with the number of the failed attempt, the seconds until the next one, and
            the error.

    Raises:
        TransientError: the error of the last attempt.
    """
    timed_out = 0

    def again(state: RetryCallState) -> bool:
        nonlocal timed_out
        error = state.outcome.exception() if state.outcome else None
        timed_out += isinstance(error, TimedOutError)
        has_attempts = state.attempt_number < MAX_ATTEMPTS and timed_out < MAX_TIMED_OUT
        # Pay last: only a retry that will really be made may cost something.
        return isinstance(error, TransientError) and has_attempts and quota.pay()

    async def sleep(seconds: float) -> None:
        await pause(seconds, stop)

    def before_sleep(state: RetryCallState) -> None:
        announce(state.attempt_number, state.upcoming_sleep, str(state.outcome and state.outcome.exception()))

    attempts = AsyncRetrying(
        stop=stop_after_attempt(MAX_ATTEMPTS),
        wait=_FullJitter(random),
        retry=again,
        sleep=sleep,
        before_sleep=before_sleep,
        reraise=True,
    )
    result: T = await attempts(call)
    quota.credit()
    return result
