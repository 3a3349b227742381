"""What an answer says of the account's limits; who goes by it is in `pace` and `gate`."""

import re
from dataclasses import dataclass

from tagsync.library.wire import Answer

MOST_WINDOWS = 8
"""A header of more members makes no sense: an endpoint has one window, or two."""

_LONGEST_HEADER = 300
"""A header of more characters is not looked at: who sends it may send it with each answer."""

_MOST_CALLS = 1_000_000
_LONGEST_WINDOW = 900


@dataclass(frozen=True, slots=True)
class Window:
    """So many calls within so many seconds; `reset` is how long the present one lasts, where that is told."""

    calls: int
    seconds: float
    reset: float | None


@dataclass(frozen=True, slots=True)
class RateLimits:
    """What one answer says of limits: whole windows, and how long to wait, the shortest first; both may be empty."""

    windows: tuple[Window, ...] = ()
    resets: tuple[float, ...] = ()


def rate_limits(answer: Answer) -> RateLimits:
    """Return what an answer announces (OpenAPI: `X-RateLimit-Limit`, and in milliseconds `-Interval` and `-Reset`).

    An endpoint may have several windows: as lists, their members belong together by place. What is absent, no whole
    number above zero, or beyond what a window can be, is left out; so are lists that differ in length, and headers
    with more members than there can be windows.
    """
    calls = _numbers(answer, "limit", _MOST_CALLS, unit=1)
    seconds, resets = (_numbers(answer, name, _LONGEST_WINDOW, unit=1000) for name in ("interval", "reset"))
    windows: list[Window] = []
    if len(calls) == len(seconds):
        ends = resets if len(resets) == len(calls) else [None] * len(calls)
        each = zip(calls, seconds, ends, strict=True)
        windows = [Window(int(limit), interval, reset) for limit, interval, reset in each if limit and interval]
    return RateLimits(tuple(windows), tuple(sorted(filter(None, resets))))


def _numbers(answer: Answer, name: str, most: int, *, unit: int) -> list[float | None]:
    """Return a header's list of numbers in units of so many, None in the place of each that makes no sense."""
    header = answer.headers.get(f"x-ratelimit-{name}", "")
    texts = header.split(",") if len(header) <= _LONGEST_HEADER else []
    if len(texts) > MOST_WINDOWS:
        return []
    found = (int(text) / unit if _NUMBER.fullmatch(text) else 0 for text in (text.strip(" \t") for text in texts))
    return [number if 0 < number <= most else None for number in found]


_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
