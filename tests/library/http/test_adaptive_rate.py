from math import inf

import pytest

from tagsync.library.http.adaptive_rate import AdaptiveRate
from tagsync.library.http.rate_limits import MOST_WINDOWS, RateLimits, Window


def told(*lengths: float, calls: int = 1000) -> RateLimits:
    """Return limits with windows of some lengths and numbers of calls."""
    return RateLimits(tuple(Window(calls, seconds, None) for seconds in lengths))


def test_adaptive_rate_keeps_only_the_latest_windows() -> None:
    pace = AdaptiveRate(5, inf)
    pace.passed(told(100), now=0)
    for number in range(MOST_WINDOWS - 1):
        pace.passed(told(1 + number / 10), now=0)
    assert pace.rate == pytest.approx(1000 / 100 * 0.96)
    pace.passed(told(2), now=0)
    assert pace.rate == pytest.approx(1000 / 2 * 0.96)


def test_adaptive_rate_keeps_a_window_announced_again() -> None:
    pace = AdaptiveRate(5, inf)
    for number in range(10 * MOST_WINDOWS):
        pace.passed(told(100), now=0)
        pace.passed(told(1 + number / 10), now=0)
    assert pace.rate == pytest.approx(1000 / 100 * 0.96)


def test_adaptive_rate_counts_a_window_announced_again_once() -> None:
    pace = AdaptiveRate(5, inf)
    lengths = [100.0, *map(float, range(1, MOST_WINDOWS))]
    pace.passed(told(*lengths), now=0)
    pace.passed(told(lengths[-1]), now=0)
    assert pace.rate == pytest.approx(1000 / 100 * 0.96)


def test_adaptive_rate_memory_does_not_grow_with_announced_windows() -> None:
    pace = AdaptiveRate(5, inf)
    for answer in range(100):
        pace.passed(told(*(900 - answer - number / 10 for number in range(MOST_WINDOWS))), now=answer / 100)
    assert len(pace._limits) == MOST_WINDOWS  # memory is what this is about, and it shows nowhere else


def test_adaptive_rate_replaces_a_window_whose_limit_changes() -> None:
    pace = AdaptiveRate(5, inf)
    for calls in (40, 80):
        pace.passed(told(1, calls=calls), now=0)
    assert pace.rate == pytest.approx(80 * 0.96)


def test_adaptive_rate_without_limit_slows_down_after_an_hour_of_growth() -> None:
    pace = AdaptiveRate(20, inf)
    for second in range(3600):
        pace.used(second)
    assert pace.rate <= 10_000
    before = pace.rate
    pace.refused(RateLimits(), went=3600, now=3600)
    assert pace.rate == before / 2
