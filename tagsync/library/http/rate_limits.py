"""Parse the account's rate limits from response headers; `adaptive_rate` and `rate_limiter` apply them."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from tagsync.library.http.response import Response

MOST_WINDOWS = 8
"""The maximum number of windows in a header; ImageKit's endpoints have one or two."""

_LONGEST_HEADER = 300
"""The maximum length of a header in characters; a longer one is ignored, so that parsing stays cheap."""

_MOST_CALLS = 1_000_000

_LONGEST_WINDOW = 900
"""Seconds. Longer windows are ignored: spreading calls over a day would make a short run take hours."""

LONGEST_WAIT = 86_400
"""Seconds, one day. A response that asks to wait longer is treated as if it gave no time."""


@dataclass(frozen=True, slots=True)
class Window:
    """A limit of `calls` per `seconds`; `reset` is the rest of the current window in seconds, None if unknown."""

    calls: int
    seconds: float
    reset: float | None


@dataclass(frozen=True, slots=True)
class RateLimits:
    """The limits in one response: windows, and the seconds to wait in ascending order; both may be empty."""

    windows: tuple[Window, ...] = ()
    resets: tuple[float, ...] = ()


def rate_limits(response: Response) -> RateLimits:
    """Return the limits that a response announces.

    OpenAPI: `X-RateLimit-Limit` in calls, `X-RateLimit-Interval` and `X-RateLimit-Reset` in milliseconds. For several
    windows, each header is a list with one item for each window. Invalid items, and lists of different lengths, are
    ignored.

    Without a usable reset, `Retry-After` gives the time to wait, because proxies in front of ImageKit do not set
    its headers.
    """
    calls = _numbers(response, "x-ratelimit-limit", _MOST_CALLS, unit=1)
    seconds = _numbers(response, "x-ratelimit-interval", _LONGEST_WINDOW, unit=1000)
    resets = _numbers(response, "x-ratelimit-reset", LONGEST_WAIT, unit=1000)
    # Lists of different lengths cannot be matched up, and a wrong pair would set a rate that is far off.
    windows: list[Window] = []
    if len(calls) == len(seconds):
        ends = resets if len(resets) == len(calls) else [None] * len(calls)
        each = zip(calls, seconds, ends, strict=True)
        windows = [Window(int(limit), interval, reset) for limit, interval, reset in each if limit and interval]
    return RateLimits(tuple(windows), tuple(sorted(filter(None, resets))) or _retry_after(response))


def _retry_after(response: Response) -> tuple[float, ...]:
    """Return the seconds in `Retry-After-Ms` or `Retry-After` (RFC 9110: seconds or a date), if any."""
    for name, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        found = list(filter(None, _numbers(response, name, LONGEST_WAIT, unit=unit)))
        if found:
            return (max(found),)
    until = _date(response, "retry-after")
    if until is None:
        return ()
    # Compare with the server's own clock if it sends the time: this machine's clock may be wrong.
    seconds = (until - (_date(response, "date") or _now())).total_seconds()
    return (seconds,) if 0 < seconds <= LONGEST_WAIT else ()


def _date(response: Response, name: str) -> datetime | None:
    header = response.headers.get(name, "")
    try:
        found = parsedate_to_datetime(header[:_LONGEST_HEADER])
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _now() -> datetime:
    return datetime.now(UTC)


def _numbers(response: Response, name: str, most: int, *, unit: int) -> list[float | None]:
    """Return a header's list of numbers, each divided by `unit`; None for an invalid one."""
    header = response.headers.get(name, "")
    texts = header.split(",") if len(header) <= _LONGEST_HEADER else []
    if len(texts) > MOST_WINDOWS:
        return []
    # Zero is no valid number here, so it stands for an invalid one.
    found = (int(text) / unit if _NUMBER.fullmatch(text) else 0 for text in (text.strip(" \t") for text in texts))
    return [number if 0 < number <= most else None for number in found]


_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
