from math import inf

import pytest

from tagsync.library.http.adaptive_rate import AdaptiveRate
from tagsync.library.http.rate_limits import RateLimits, Window

MOST_WINDOWS = 8


def announced(*lengths: float, calls: int = 1000) -> RateLimits:
    """Return limits with windows of some lengths and numbers of calls."""
    return RateLimits(tuple(Window(calls, seconds, None) for seconds in lengths))


def test_adaptive_rate_keeps_only_the_latest_windows() -> None:
    adaptive = AdaptiveRate(5, inf)
    adaptive.passed(announced(100), now=0)
    for number in range(MOST_WINDOWS - 1):
        adaptive.passed(announced(1 + number / 10), now=0)
    assert adaptive.rate == pytest.approx(1000 / 100 * 0.96)
    adaptive.passed(announced(2), now=0)
    assert adaptive.rate == pytest.approx(1000 / 2 * 0.96)


def test_adaptive_rate_keeps_a_window_announced_again() -> None:
    adaptive = AdaptiveRate(5, inf)
    for number in range(10 * MOST_WINDOWS):
        adaptive.passed(announced(100), now=0)
        adaptive.passed(announced(1 + number / 10), now=0)
    assert adaptive.rate == pytest.approx(1000 / 100 * 0.96)


def test_adaptive_rate_counts_a_window_announced_again_once() -> None:
    adaptive = AdaptiveRate(5, inf)
    lengths = [100.0, *map(float, range(1, MOST_WINDOWS))]
    adaptive.passed(announced(*lengths), now=0)
    adaptive.passed(announced(lengths[-1]), now=0)
    assert adaptive.rate == pytest.approx(1000 / 100 * 0.96)


def test_adaptive_rate_memory_does_not_grow_with_announced_windows() -> None:
    adaptive = AdaptiveRate(5, inf)
    for answer in range(100):
        adaptive.passed(announced(*(900 - answer - number / 10 for number in range(MOST_WINDOWS))), now=answer / 100)
    assert len(adaptive._limits) == MOST_WINDOWS  # memory is what this is about, and it shows nowhere else


def test_adaptive_rate_replaces_a_window_whose_limit_changes() -> None:
    adaptive = AdaptiveRate(5, inf)
    for calls in (40, 80):
        adaptive.passed(announced(1, calls=calls), now=0)
    assert adaptive.rate == pytest.approx(80 * 0.96)


def test_adaptive_rate_without_limit_slows_down_after_an_hour_of_growth() -> None:
    adaptive = AdaptiveRate(20, inf)
    for second in range(3600):
        adaptive.used(second)
    assert adaptive.rate <= 10_000
    before = adaptive.rate
    adaptive.refused(RateLimits(), went=3600, now=3600)
    assert adaptive.rate == before / 2
