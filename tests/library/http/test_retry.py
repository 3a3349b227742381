from random import Random

import pytest
from builders import now, run

from tagsync.errors import RejectedError, ServerFaultError, TimedOutError, TransientError
from tagsync.library.http.retry import RetryQuota, backoff, retrying

LONGEST_WAIT = 30
MAX_ATTEMPTS = 5
SHORTEST_WAIT = 0.5


class Flaky:
    """Fails some times, then succeeds."""

    def __init__(self, failures: int, error: type[Exception] = ServerFaultError) -> None:
        self.failures = failures
        self.error = error
        self.times: list[float] = []

    async def __call__(self) -> str:
        self.times.append(now())
        if len(self.times) <= self.failures:
            raise self.error("no")
        return "yes"


def attempt(call: Flaky, quota: RetryQuota | None = None) -> str:
    return run(retrying(call, random=Random(1), quota=quota or RetryQuota()))


def test_retry_repeats_a_transient_error_after_a_wait() -> None:
    call = Flaky(2)
    assert attempt(call) == "yes"
    assert len(call.times) == 3
    assert all(later - earlier >= SHORTEST_WAIT for earlier, later in zip(call.times, call.times[1:], strict=False))


def test_retry_raises_the_last_error_after_five_attempts() -> None:
    call = Flaky(99)
    with pytest.raises(ServerFaultError):
        attempt(call)
    assert len(call.times) == MAX_ATTEMPTS


def test_retry_repeats_a_timeout_once() -> None:
    assert attempt(Flaky(1, TimedOutError)) == "yes"
    call = Flaky(99, TimedOutError)
    with pytest.raises(TimedOutError):
        attempt(call)
    assert len(call.times) == 2


def test_retry_does_not_repeat_a_final_error() -> None:
    call = Flaky(1, RejectedError)
    with pytest.raises(RejectedError):
        attempt(call)
    assert len(call.times) == 1


def test_retry_quota_limits_retries_of_many_calls() -> None:
    quota = RetryQuota()
    sent = 0
    for _ in range(100):
        call = Flaky(99)
        with pytest.raises(TransientError):
            attempt(call, quota)
        sent += len(call.times)
    assert sent <= 100 + 50 + 1


def test_retry_quota_refills_with_successes() -> None:
    quota = RetryQuota()
    while quota.pay():
        pass
    for _ in range(10):
        quota.credit()
    assert quota.pay()
    assert not quota.pay()


def test_retry_backoff_grows_with_jitter_within_bounds() -> None:
    random = Random(7)
    waits = [backoff(attempt, random) for attempt in range(1, 12) for _ in range(200)]
    assert min(waits) >= SHORTEST_WAIT
    assert max(waits) <= LONGEST_WAIT
    assert max(waits[:200]) <= 1.0
    assert max(waits[-200:]) > 15


def test_retry_quota_pays_only_for_retries_made() -> None:
    quota = RetryQuota()
    with pytest.raises(ServerFaultError):
        attempt(Flaky(99), quota)
    left = 0
    while quota.pay():
        left += 1
    assert left == 50 - (MAX_ATTEMPTS - 1)


@pytest.mark.parametrize("attempt", [1023, 1024, 10**9])
def test_retry_backoff_is_bounded_after_many_refusals(attempt: int) -> None:
    assert SHORTEST_WAIT <= backoff(attempt, Random(1)) <= LONGEST_WAIT
