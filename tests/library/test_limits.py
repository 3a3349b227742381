import pytest

from tagsync.library.limits import MOST_WINDOWS, RateLimits, Window, rate_limits
from tagsync.library.wire import Answer


def announced(limit: str = "", interval: str = "", reset: str = "") -> RateLimits:
    headers = {"x-ratelimit-limit": limit, "x-ratelimit-interval": interval, "x-ratelimit-reset": reset}
    return rate_limits(Answer(200, headers, b""))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("700", (0.7,)),
        ("900000", (900,)),
        ("30000, 700", (0.7, 30)),
        ("700, -5", (0.7,)),
        *(
            (text, ())
            for text in (
                "",
                "0",
                "-5",
                "+5",
                "900001",
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
def test_the_reset_header_counts_milliseconds_and_absurd_ones_are_ignored(
    header: str, seconds: tuple[float, ...]
) -> None:
    assert announced(reset=header).resets == seconds


def test_an_answer_without_headers_announces_nothing() -> None:
    assert rate_limits(Answer(429, {}, b"")) == RateLimits()


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
def test_a_window_is_known_by_its_calls_and_its_length(
    limit: str, interval: str, reset: str, windows: list[Window]
) -> None:
    assert list(announced(limit, interval, reset).windows) == windows


def members(count: int) -> tuple[str, str, str]:
    """Return headers that announce so many windows, each of another length."""
    limits, intervals, resets = zip(*((n * 10, n * 1000, n * 100) for n in range(1, count + 1)), strict=True)
    return ",".join(map(str, limits)), ",".join(map(str, intervals)), ",".join(map(str, resets))


def test_as_many_windows_as_make_sense_are_all_known() -> None:
    limits = announced(*members(MOST_WINDOWS))
    assert (len(limits.windows), len(limits.resets)) == (MOST_WINDOWS, MOST_WINDOWS)


@pytest.mark.parametrize("count", [MOST_WINDOWS + 1, 12_000])
def test_headers_of_more_members_than_make_sense_are_ignored(count: int) -> None:
    limit, interval, reset = members(count)
    assert announced(limit, interval, reset) == RateLimits()
    assert announced("40", "1000", reset) == RateLimits((Window(40, 1, None),))


def test_a_header_that_is_too_long_is_ignored_however_few_its_members() -> None:
    assert announced("40" + " " * 298, "1000", "250").windows == (Window(40, 1, 0.25),)
    assert announced("40" + " " * 299, "1000", "250") == RateLimits((), (0.25,))
