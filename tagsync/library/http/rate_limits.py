"""Read the account's rate limits from the headers of an answer; `adaptive_rate` and `rate_limiter` apply it."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from tagsync.library.http.answer import Answer

MOST_WINDOWS = 8
"""A header of more members makes no sense: an endpoint has one window, or two."""

_LONGEST_HEADER = 300
"""A header of more characters is not looked at: who sends it may send it with each answer."""

_MOST_CALLS = 1_000_000

_LONGEST_WINDOW = 900
"""Seconds. Calls are not spread over a longer window: a short run would take hours. They go until one is refused."""

LONGEST_WAIT = 86_400
"""Seconds, one day. No rate limit lasts longer: an answer that asks to wait longer is treated as if it did not say."""


@dataclass(frozen=True, slots=True)
class Window:
    """A limit of `calls` within `seconds`; `reset` is how long the current window lasts, None if unknown."""

    calls: int
    seconds: float
    reset: float | None


@dataclass(frozen=True, slots=True)
class RateLimits:
    """The limits in one answer: windows, and the seconds to wait, the shortest first; both may be empty."""

    windows: tuple[Window, ...] = ()
    resets: tuple[float, ...] = ()


def rate_limits(answer: Answer) -> RateLimits:
    """Return what an answer announces (OpenAPI: `X-RateLimit-Limit`, and in milliseconds `-Interval` and `-Reset`).

    An endpoint may have several windows: as lists, their members belong together by place. What is absent, no whole
    number above zero, or beyond what a window can be, is left out; so are lists that differ in length, and headers
    with more members than there can be windows.

    Gateways in front of ImageKit do not know its headers: without a usable `-Reset`, `Retry-After` says how long to
    wait.
    """
    calls = _numbers(answer, "x-ratelimit-limit", _MOST_CALLS, unit=1)
    seconds = _numbers(answer, "x-ratelimit-interval", _LONGEST_WINDOW, unit=1000)
    resets = _numbers(answer, "x-ratelimit-reset", LONGEST_WAIT, unit=1000)
    windows: list[Window] = []
    if len(calls) == len(seconds):
        ends = resets if len(resets) == len(calls) else [None] * len(calls)
        each = zip(calls, seconds, ends, strict=True)
        windows = [Window(int(limit), interval, reset) for limit, interval, reset in each if limit and interval]
    return RateLimits(tuple(windows), tuple(sorted(filter(None, resets))) or _retry_after(answer))


def _retry_after(answer: Answer) -> tuple[float, ...]:
    """Return the seconds that `Retry-After-Ms` or `Retry-After` asks to wait (RFC 9110: seconds or a date), if any."""
    for name, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        found = list(filter(None, _numbers(answer, name, LONGEST_WAIT, unit=unit)))
        if found:
            return (max(found),)
    until = _date(answer, "retry-after")
    if until is None:
        return ()
    # The server's own clock, where it tells the time: this machine's may be wrong.
    seconds = (until - (_date(answer, "date") or _now())).total_seconds()
    return (seconds,) if 0 < seconds <= LONGEST_WAIT else ()


def _date(answer: Answer, name: str) -> datetime | None:
    header = answer.headers.get(name, "")
    try:
        found = parsedate_to_datetime(header[:_LONGEST_HEADER])
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _now() -> datetime:
    return datetime.now(UTC)


def _numbers(answer: Answer, name: str, most: int, *, unit: int) -> list[float | None]:
    """Return a header's list of numbers, each divided by `unit`; None for each that makes no sense."""
    header = answer.headers.get(name, "")
    texts = header.split(",") if len(header) <= _LONGEST_HEADER else []
    if len(texts) > MOST_WINDOWS:
        return []
    found = (int(text) / unit if _NUMBER.fullmatch(text) else 0 for text in (text.strip(" \t") for text in texts))
    return [number if 0 < number <= most else None for number in found]


_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
