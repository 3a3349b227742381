from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from tagsync.library.http.rate_limits import RateLimits, Window, rate_limits
from tagsync.library.http.response import Response

MOST_WINDOWS = 8


def announced(limit: str = "", interval: str = "", reset: str = "") -> RateLimits:
    headers = {"x-ratelimit-limit": limit, "x-ratelimit-interval": interval, "x-ratelimit-reset": reset}
    return rate_limits(Response(200, headers, b""))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("700", (0.7,)),
        ("900000", (900,)),
        ("3600000", (3600,)),
        ("86400000", (86_400,)),
        ("30000, 700", (0.7, 30)),
        ("700, -5", (0.7,)),
        *(
            (text, ())
            for text in (
                "",
                "0",
                "-5",
                "+5",
                "86400001",
                "9" * 5000,
                "soon",
                "1e3",
                "0x10",
                "7.5",
                "\u0667",
                ",",
                "\x1e7",
            )
        ),
    ],
)
def test_rate_limits_reset_is_in_milliseconds_within_bounds(header: str, seconds: tuple[float, ...]) -> None:
    assert announced(reset=header).resets == seconds


def test_rate_limits_without_headers_are_empty() -> None:
    assert rate_limits(Response(429, {}, b"")) == RateLimits()


@pytest.mark.parametrize(
    ("limit", "interval", "reset", "windows"),
    [
        ("40", "1000", "250", [Window(40, 1, 0.25)]),
        ("40, 1000", "1000, 60000", "250, 34000", [Window(40, 1, 0.25), Window(1000, 60, 34)]),
        ("40, 1000", "1000, 60000", "250", [Window(40, 1, None), Window(1000, 60, None)]),
        ("40", "1000", "never", [Window(40, 1, None)]),
        ("40, 0", "1000, 60000", "", [Window(40, 1, None)]),
        ("40, 1000", "1000", "250", []),
        ("0", "1000", "250", []),
        ("40", "0", "250", []),
        ("-40", "1000", "250", []),
        ("40", "900001", "250", []),
        ("99999999999", "1000", "250", []),
        ("forty", "soon", "", []),
    ],
)
def test_rate_limits_window_has_calls_and_length(limit: str, interval: str, reset: str, windows: list[Window]) -> None:
    assert list(announced(limit, interval, reset).windows) == windows


def members(count: int) -> tuple[str, str, str]:
    """Return headers for some windows of different lengths."""
    limits, intervals, resets = zip(*((n * 10, n * 1000, n * 100) for n in range(1, count + 1)), strict=True)
    return ",".join(map(str, limits)), ",".join(map(str, intervals)), ",".join(map(str, resets))


def test_rate_limits_of_up_to_eight_windows_are_known() -> None:
    limits = announced(*members(MOST_WINDOWS))
    assert (len(limits.windows), len(limits.resets)) == (MOST_WINDOWS, MOST_WINDOWS)


@pytest.mark.parametrize("count", [MOST_WINDOWS + 1, 12_000])
def test_rate_limits_with_too_many_windows_are_ignored(count: int) -> None:
    limit, interval, reset = members(count)
    assert announced(limit, interval, reset) == RateLimits()
    assert announced("40", "1000", reset) == RateLimits((Window(40, 1, None),))


def test_rate_limits_with_too_long_a_header_are_ignored() -> None:
    assert announced("40" + " " * 298, "1000", "250").windows == (Window(40, 1, 0.25),)
    assert announced("40" + " " * 299, "1000", "250") == RateLimits((), (0.25,))


def asks_to_wait(**headers: str) -> tuple[float, ...]:
    return rate_limits(Response(429, {name.replace("_", "-"): value for name, value in headers.items()}, b"")).resets


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("12", (12,)),
        ("12, 30", (30,)),
        ("86400", (86_400,)),
        ("Sun, 06 Nov 1994 08:49:37 GMT", (37,)),
        ("Sun, 06 Nov 1994 08:49:37 -0000", (37,)),
        ("Sunday, 06-Nov-94 08:49:37 GMT", (37,)),
        ("Sun Nov  6 08:49:37 1994", (37,)),
        *(
            (text, ())
            for text in (
                "0",
                "-1",
                "86401",
                "9" * 5000,
                "soon",
                "Sun, 06 Nov 1994 08:48:37 GMT",
                "Sun, 06 Nov 1994 08:49:00 GMT",
                "Tue, 08 Nov 1994 08:49:37 GMT",
                "Sun, 99 Nov 1994 08:49:37 GMT",
                "Sun, 06 Nov 99999 08:49:37 +999999",
            )
        ),
    ],
)
def test_retry_after_is_seconds_or_a_date_within_bounds(header: str, seconds: tuple[float, ...]) -> None:
    assert asks_to_wait(retry_after=header, date="Sun, 06 Nov 1994 08:49:00 GMT") == seconds


def test_retry_after_date_uses_this_clock_without_a_date_header() -> None:
    in_a_minute = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    (seconds,) = asks_to_wait(retry_after=in_a_minute)
    assert 50 <= seconds <= 60


def test_retry_after_ms_takes_precedence_over_retry_after() -> None:
    assert asks_to_wait(retry_after_ms="700", retry_after="1") == (0.7,)


def test_retry_after_counts_only_without_imagekits_header() -> None:
    assert asks_to_wait(x_ratelimit_reset="700", retry_after="12") == (0.7,)
    assert asks_to_wait(x_ratelimit_reset="never", retry_after="12") == (12,)
