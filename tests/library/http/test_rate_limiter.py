import asyncio
from collections.abc import Callable, Mapping
from itertools import pairwise
from math import inf
from random import Random
from typing import NamedTuple

import pytest
from builders import now, run

from tagsync.library.http.client import RateLimiters
from tagsync.library.http.rate_limiter import RateLimiter
from tagsync.library.http.rate_limits import RateLimits, Window, rate_limits
from tagsync.library.http.response import Response
from tagsync.sandbox.limits import CallLimit, Limiter

BULK_RATE = 5.0

FORTY = CallLimit(40, 1)
WORKERS = 4
LATENCY = 0.03


async def times_of(rate_limiter: RateLimiter, calls: int) -> list[float]:
    """Return when each of some waiting calls was sent, in seconds from the start."""
    start = now()

    async def wait() -> float:
        await rate_limiter.turn()
        return now() - start

    return sorted(await asyncio.gather(*(wait() for _ in range(calls))))


def test_rate_limiter_spaces_calls_evenly() -> None:
    assert run(times_of(RateLimiter(5), 4)) == pytest.approx([0, 0.2, 0.4, 0.6])


def test_rate_limiter_without_a_rate_does_not_wait() -> None:
    assert run(times_of(RateLimiter(None), 3)) == [0, 0, 0]


def test_rate_limiter_closed_delays_all_calls_then_keeps_the_rate() -> None:
    async def scenario() -> list[float]:
        rate_limiter = RateLimiter(10)
        rate_limiter.close_for(3)
        return await times_of(rate_limiter, 3)

    times = run(scenario())
    assert 3 < times[0] < 3.11
    assert [later - earlier for earlier, later in pairwise(times)] == pytest.approx([0.1, 0.1])


def test_rate_limiter_closed_delays_calls_already_waiting() -> None:
    async def scenario() -> list[float]:
        rate_limiter = RateLimiter(1)
        waiting = asyncio.ensure_future(times_of(rate_limiter, 3))
        await asyncio.sleep(0.5)
        rate_limiter.close_for(10)
        return await waiting

    times = run(scenario())
    assert times[0] == 0
    assert times[1] >= 10.5
    assert times[2] - times[1] == pytest.approx(1)


def test_rate_limiter_longest_closing_applies() -> None:
    async def scenario() -> tuple[list[float], float]:
        rate_limiter = RateLimiter(None)
        rate_limiter.close_for(5)
        rate_limiter.close_for(2)
        return await times_of(rate_limiter, 1), rate_limiter.closed.seconds

    times, waited = run(scenario())
    assert times == [5]
    assert waited == 5


def test_rate_limiter_waited_counts_only_elapsed_time() -> None:
    async def scenario() -> list[float]:
        rate_limiter = RateLimiter(None)
        waited = [rate_limiter.closed.seconds]
        rate_limiter.close_for(900)
        for seconds in (0, 10, 5):
            await asyncio.sleep(seconds)
            waited.append(rate_limiter.closed.seconds)
        return waited

    assert run(scenario()) == [0, 0, 10, 15]


def test_rate_limiter_waited_counts_overlapping_closings_once() -> None:
    async def scenario() -> list[float]:
        rate_limiter, waited = RateLimiter(None), []
        for seconds, then in ((5, 2), (10, 20), (3, 1), (1, 100)):
            rate_limiter.close_for(seconds)
            await asyncio.sleep(then)
            waited.append(rate_limiter.closed.seconds)
        return waited

    assert run(scenario()) == pytest.approx([2, 12, 13, 15])


def test_rate_limiters_count_overlapping_closings_of_reads_and_bulk_calls_once() -> None:
    async def scenario() -> tuple[float, float]:
        limiters = RateLimiters(RateLimiter(None), RateLimiter(None))
        limiters.reads.close_for(10)
        await asyncio.sleep(4)
        limiters.bulk.close_for(10)
        await asyncio.sleep(4)
        before = limiters.waited
        await asyncio.sleep(100)
        return before, limiters.waited

    assert run(scenario()) == (8, 14)


def test_rate_limiter_knows_a_rate_only_from_limits_and_refusals() -> None:
    async def scenario() -> list[float | None]:
        limiter = RateLimiter(20, cap=inf)
        for _ in range(5):
            await times_of(limiter, 200)
        tried, known = limiter.rate, [limiter.known_rate]
        assert tried is not None
        assert tried > 20
        limiter.learn(RateLimits((), ()), asyncio.get_running_loop().time(), refused=True)
        known.append(limiter.known_rate)
        return [*known, tried / 2]

    known, after_a_refusal, half = run(scenario())
    assert (known, after_a_refusal) == (20, half)
    assert RateLimiter(None).known_rate is None


def test_rate_limiter_waited_is_known_after_the_loop_ended() -> None:
    async def scenario() -> RateLimiter:
        rate_limiter = RateLimiter(None)
        rate_limiter.close_for(900)
        await asyncio.sleep(10)
        return rate_limiter

    assert run(scenario()).closed.seconds == 10


def test_rate_limiter_reports_only_long_waits() -> None:
    async def scenario() -> list[float]:
        announced: list[float] = []
        rate_limiter = RateLimiter(None, announced.append)
        rate_limiter.close_for(0.5)
        rate_limiter.close_for(30)
        return announced

    assert run(scenario()) == [30]


def test_rate_limiter_after_closing_sends_no_burst() -> None:
    async def scenario() -> list[float]:
        rate_limiter = RateLimiter(5)
        waiting = asyncio.ensure_future(times_of(rate_limiter, 8))
        await asyncio.sleep(0.1)
        rate_limiter.close_for(0.3)
        return await waiting

    times = run(scenario())
    assert all(later - earlier >= 0.199 for earlier, later in pairwise(times))


def test_rate_limiter_wait_ends_when_the_run_stops() -> None:
    async def scenario() -> float:
        rate_limiter, stop = RateLimiter(None), asyncio.Event()
        rate_limiter.close_for(600)
        asyncio.get_running_loop().call_later(2, stop.set)
        began = now()
        await rate_limiter.turn(stop)
        return now() - began

    assert run(scenario()) == 2


def test_rate_limiter_all_waits_end_when_the_run_stops() -> None:
    async def scenario() -> list[float]:
        rate_limiter, stop = RateLimiter(0.1), asyncio.Event()
        asyncio.get_running_loop().call_later(2, stop.set)
        began = now()
        return [at - began for at in await asyncio.gather(*(rate_limiter.turn(stop) for _ in range(4)))]

    assert run(scenario()) == pytest.approx([0, 2, 2, 2])


def test_rate_limiter_wait_shortens_when_the_rate_grows() -> None:
    async def scenario() -> list[float]:
        rate_limiter = RateLimiter(0.1, cap=inf)
        waiting = asyncio.ensure_future(times_of(rate_limiter, 3))
        await asyncio.sleep(0.5)
        rate_limiter.learn(RateLimits((Window(10, 1, None),)), now())
        return await waiting

    assert run(scenario()) == pytest.approx([0, 0.5, 0.5 + 1 / 9.6])


def test_rate_limiter_reopens_with_jitter() -> None:
    async def scenario() -> list[float]:
        rate_limiters = [RateLimiter(1, random=Random(seed)) for seed in range(4)]
        for rate_limiter in rate_limiters:
            rate_limiter.close_for(3)
        return [at - 1000 for at in await asyncio.gather(*(rate_limiter.turn() for rate_limiter in rate_limiters))]

    times = sorted(run(scenario()))
    assert all(3 < at <= 4.01 for at in times)
    assert times[-1] - times[0] > 0.3


def test_rate_limiter_small_delay_does_not_move_later_calls() -> None:
    async def scenario() -> list[float]:
        rate_limiter, times = RateLimiter(10), []
        for late in (0.105, 0, 0.15, 0):
            times.append(await rate_limiter.turn() - 1000)
            await asyncio.sleep(late)
        return times

    assert run(scenario()) == pytest.approx([0, 0.105, 0.2, 0.35])


def test_rate_limiter_without_a_rate_learns_none() -> None:
    async def scenario() -> float | None:
        rate_limiter = RateLimiter(None)
        rate_limiter.learn(RateLimits((Window(1, 60, None),)), now())
        return rate_limiter.rate

    assert run(scenario()) is None


# Against a server with a limit on the same clock


class Course(NamedTuple):
    """The calls of a process, when they finished and whether they succeeded, and its rate limiter."""

    answers: list[tuple[float, bool]]
    rate_limiter: RateLimiter

    @property
    def refused(self) -> int:
        return sum(not passed for _, passed in self.answers)


async def process(
    limiter: Limiter,
    calls: int,
    *,
    seed: int = 1,
    rate_limiter: RateLimiter | None = None,
    say: Callable[[Mapping[str, str]], Mapping[str, str]] = lambda headers: headers,
) -> Course:
    """Make calls through four workers with one rate limiter; latency varies. `say` may change the headers."""
    random = Random(seed)
    course = Course([], rate_limiter or RateLimiter(BULK_RATE, cap=inf, random=random))
    left = iter(range(calls))

    async def work() -> None:
        for _ in left:
            while not await call():
                pass

    async def call() -> bool:
        went = await course.rate_limiter.turn()
        await asyncio.sleep(LATENCY / 2 + random.expovariate(1 / 0.003))
        passes, headers = limiter.count("addTags")
        await asyncio.sleep(LATENCY / 2)
        course.answers.append((now(), passes))
        limits = rate_limits(Response(200 if passes else 429, {k.lower(): v for k, v in say(headers).items()}, b""))
        course.rate_limiter.learn(limits, went, refused=not passes)
        if not passes:
            course.rate_limiter.close_for(limits.resets[0] if limits.resets else random.uniform(0.5, 1))
        return passes

    await asyncio.gather(*(work() for _ in range(WORKERS)))
    return course


def alone(limit: CallLimit | list[CallLimit], calls: int, **settings: object) -> tuple[Course, float]:
    """Return the run of one process, and its time relative to the fastest within the tightest limit."""

    async def scenario() -> tuple[Course, float]:
        began = now()
        course = await process(Limiter(limit, now), calls, **settings)  # type: ignore[arg-type]  # passed through
        limits = limit if isinstance(limit, list) else [limit]
        shortest = calls / min(each.calls / each.seconds for each in limits)
        return course, (now() - began) / shortest

    return run(scenario())


def together(limit: CallLimit, calls: int, processes: int, *, apart: float = 0.2) -> tuple[list[Course], float]:
    """Return the runs of processes that start one after the other, and the part of the limit that they used."""

    async def begin(limiter: Limiter, number: int) -> Course:
        await asyncio.sleep(number * apart)
        return await process(limiter, calls, seed=number)

    async def scenario() -> tuple[list[Course], float]:
        began, limiter = now(), Limiter(limit, now)
        courses = await asyncio.gather(*(begin(limiter, number) for number in range(processes)))
        return courses, processes * calls / (now() - began) / (limit.calls / limit.seconds)

    return run(scenario())


@pytest.mark.parametrize(
    ("limit", "calls"), [(FORTY, 125), (FORTY, 1000), (CallLimit(5, 1), 125), (CallLimit(60, 10), 300)]
)
def test_rate_limiter_uses_its_limit_and_is_rarely_refused(limit: CallLimit, calls: int) -> None:
    course, slowness = alone(limit, calls)
    assert course.refused <= 0.01 * calls
    assert slowness <= 1.06


def test_rate_limiter_loses_little_to_uneven_latency() -> None:
    def shaken(headers: Mapping[str, str]) -> Mapping[str, str]:
        return headers if random.random() < 0.98 else {}

    random = Random(1)
    course, slowness = alone(FORTY, 1000, say=shaken)
    assert course.refused <= 20
    assert slowness <= 1.06


@pytest.mark.parametrize("processes", [2, 4, 8])
def test_rate_limiter_processes_share_an_account_fairly(processes: int) -> None:
    courses, used = together(FORTY, 2000 // processes, processes)
    calls = sum(len(course.answers) for course in courses)
    assert used >= 0.85
    assert sum(course.refused for course in courses) / calls <= 0.06


def test_rate_limiter_no_process_starves() -> None:
    courses, _ = together(FORTY, 500, 4)
    end = min(course.answers[-1][0] for course in courses)
    passed = [sum(passes for at, passes in course.answers if at <= end) for course in courses]
    assert min(passed) >= 0.5 * max(passed)


def test_rate_limiter_process_left_alone_takes_the_whole_limit() -> None:
    async def scenario() -> float | None:
        limiter = Limiter(FORTY, now)
        long = asyncio.ensure_future(process(limiter, 1000, seed=1))
        await asyncio.gather(*(process(limiter, 100, seed=seed) for seed in (2, 3, 4)))
        course = await long
        return course.rate_limiter.rate

    assert run(scenario()) == pytest.approx(40 * 0.96)


def only_reset(headers: Mapping[str, str]) -> Mapping[str, str]:
    return {name: value for name, value in headers.items() if name == "X-RateLimit-Reset"}


@pytest.mark.parametrize("processes", [1, 4])
def test_rate_limiter_windows_with_reset_only_refuse_each_worker_once(processes: int) -> None:
    async def scenario() -> tuple[float, list[Course]]:
        began, limiter = now(), Limiter(CallLimit(60, 10), now, announces=["Reset"])
        courses = await asyncio.gather(*(process(limiter, 400 // processes, seed=n) for n in range(processes)))
        return began, courses

    began, courses = run(scenario())
    assert sum(passes for course in courses for _, passes in course.answers) == 400
    windows = (max(course.answers[-1][0] for course in courses) - began) / 10
    for course in courses:
        assert 1 <= course.refused <= WORKERS * windows
    assert windows <= 1.2 * 400 / 60


def test_rate_limiter_follows_the_tighter_of_two_windows() -> None:
    course, slowness = alone([FORTY, CallLimit(300, 20)], 2000)
    assert course.rate_limiter.rate == pytest.approx(15 * 0.96, rel=0.1)
    assert course.refused <= 40
    assert slowness <= 1.15


def test_rate_limiter_knows_all_windows_of_a_list() -> None:
    def lists(_headers: Mapping[str, str]) -> Mapping[str, str]:
        return {
            "X-RateLimit-Limit": "40, 300",
            "X-RateLimit-Interval": "1000, 20000",
            "X-RateLimit-Reset": "500, 9000",
        }

    course, slowness = alone([FORTY, CallLimit(300, 20)], 900, say=lists)
    assert course.refused == 0
    assert slowness <= 1.06


def test_rate_limiter_never_exceeds_a_given_rate() -> None:
    course, _ = alone(FORTY, 100, rate_limiter=RateLimiter(8, random=Random(1)))
    assert course.refused == 0
    assert course.rate_limiter.rate == 8
    times = [at for at, _ in course.answers]
    assert times[-1] - times[0] == pytest.approx(99 / 8, abs=0.1)


def test_rate_limiter_lowers_a_given_rate_to_the_limit() -> None:
    course, slowness = alone(CallLimit(5, 1), 125, rate_limiter=RateLimiter(200, random=Random(1)))
    assert course.refused <= WORKERS
    assert slowness <= 1.1


def nothing(_headers: Mapping[str, str]) -> Mapping[str, str]:
    return {}


def test_rate_limiter_without_known_limit_doubles_each_second() -> None:
    course, _ = alone(CallLimit(10_000, 1), 200, say=nothing)
    began = course.answers[0][0]
    seconds = [sum(second < at - began <= second + 1 for at, _ in course.answers) for second in range(4)]
    assert seconds == pytest.approx([5, 9, 18, 36], abs=2)


def test_rate_limiter_unused_rate_does_not_grow() -> None:
    async def scenario() -> float | None:
        rate_limiter = RateLimiter(BULK_RATE, cap=inf)
        for _ in range(20):
            rate_limiter.learn(RateLimits(), await rate_limiter.turn())
            await asyncio.sleep(1)
        return rate_limiter.rate

    assert run(scenario()) == BULK_RATE


def test_rate_limiter_refusal_without_headers_halves_the_rate() -> None:
    async def scenario() -> list[float | None]:
        rate_limiter = RateLimiter(20, cap=inf)
        paces = []
        rate_limiter.learn(RateLimits(), await rate_limiter.turn(), refused=True)
        for _ in range(4):
            paces.append(rate_limiter.rate)
            began = now()
            while now() - began < 1.2:
                rate_limiter.learn(RateLimits(), await rate_limiter.turn())
        return paces

    assert run(scenario()) == [10, 12, 14, 16]


def test_rate_limiter_refusal_lowers_a_given_rate() -> None:
    async def scenario() -> float | None:
        rate_limiter = RateLimiter(8)
        for _ in range(80):
            went = await rate_limiter.turn()
        rate_limiter.learn(RateLimits(), went, refused=True)
        return rate_limiter.rate

    assert run(scenario()) == 4


@pytest.mark.parametrize("rate", [inf, 1e300])
@pytest.mark.parametrize("cap", [None, inf])
def test_rate_limiter_infinite_rate_starts_like_none(rate: float, cap: float | None) -> None:
    async def scenario() -> tuple[float | None, float | None, float | None]:
        rate_limiter = RateLimiter(rate, cap=cap)
        begun = rate_limiter.rate
        rate_limiter.learn(RateLimits(), await rate_limiter.turn(), refused=True)
        halved = rate_limiter.rate
        rate_limiter.learn(RateLimits((Window(100_000, 1, None),)), now())
        return begun, halved, rate_limiter.rate

    begun, halved, allowed = run(scenario())
    assert (begun, halved) == (BULK_RATE, BULK_RATE / 2)
    assert allowed == pytest.approx(96_000)


def test_rate_limiter_infinite_rate_finds_an_unannounced_limit() -> None:
    course, slowness = alone(CallLimit(20, 1), 200, rate_limiter=RateLimiter(inf, random=Random(1)), say=nothing)
    assert course.refused <= 20
    assert slowness <= 1.5


def test_rate_limiter_closed_time_does_not_count_as_success() -> None:
    async def scenario() -> float | None:
        rate_limiter = RateLimiter(20, cap=inf)
        rate_limiter.learn(RateLimits(), await rate_limiter.turn(), refused=True)
        rate_limiter.close_for(10)
        await times_of(rate_limiter, 5)
        return rate_limiter.rate

    assert run(scenario()) == 10


def test_rate_limiter_keeps_a_minimum_share_after_many_refusals() -> None:
    async def scenario() -> float | None:
        rate_limiter = RateLimiter(BULK_RATE, cap=inf)
        for _ in range(50):
            rate_limiter.learn(RateLimits((Window(40, 1, 0.1),)), await rate_limiter.turn(), refused=True)
        return rate_limiter.rate

    assert run(scenario()) == pytest.approx(40 * 0.96 * 0.05)


def test_rate_limiter_slows_down_once_for_concurrent_calls() -> None:
    async def scenario() -> float | None:
        rate_limiter = RateLimiter(20, cap=inf)
        turns = [await rate_limiter.turn() for _ in range(4)]
        await asyncio.sleep(1)
        for went in turns:
            rate_limiter.learn(RateLimits(), went, refused=True)
        return rate_limiter.rate

    assert run(scenario()) == 10


@pytest.mark.parametrize(
    "headers",
    [
        {"X-RateLimit-Limit": "0", "X-RateLimit-Interval": "1000", "X-RateLimit-Reset": "0"},
        {"X-RateLimit-Limit": "-40", "X-RateLimit-Interval": "-1000", "X-RateLimit-Reset": "-1"},
        {"X-RateLimit-Limit": "9" * 400, "X-RateLimit-Interval": "1", "X-RateLimit-Reset": "9" * 400},
        {"X-RateLimit-Limit": "many", "X-RateLimit-Interval": "\x00", "X-RateLimit-Reset": "NaN"},
        {"X-RateLimit-Limit": "40", "X-RateLimit-Interval": "1000, 60000"},
    ],
)
def test_rate_limiter_ignores_invalid_headers(headers: Mapping[str, str]) -> None:
    course, _ = alone(CallLimit(20, 1), 200, say=lambda _told: headers)
    unannounced, _ = alone(CallLimit(20, 1), 200, say=nothing)
    assert [passes for _, passes in course.answers] == [passes for _, passes in unannounced.answers]
    assert course.refused


@pytest.mark.parametrize(
    ("before", "after"), [(FORTY, CallLimit(10, 1)), (CallLimit(10, 1), FORTY), (FORTY, CallLimit(100, 10))]
)
def test_rate_limiter_follows_a_changed_limit(before: CallLimit, after: CallLimit) -> None:
    async def scenario() -> Course:
        limiter = Limiter(before, now)
        calling = asyncio.ensure_future(process(limiter, 1500))
        await asyncio.sleep(10)
        limiter.limits = [after]
        return await calling

    course = run(scenario())
    assert course.refused <= 15
    assert course.rate_limiter.rate == pytest.approx(0.96 * after.calls / after.seconds, rel=0.1)


def test_rate_limiter_forgets_a_window_no_longer_announced() -> None:
    async def scenario() -> list[float | None]:
        rate_limiter, paces = RateLimiter(BULK_RATE, cap=inf), []
        for seconds, calls in ((10, 20), (1, 40), (1, 40)):
            rate_limiter.learn(RateLimits((Window(calls, seconds, None),)), now())
            paces.append(rate_limiter.rate)
            await asyncio.sleep(60)
        return paces

    assert run(scenario()) == pytest.approx([1.92, 1.92, 38.4])
