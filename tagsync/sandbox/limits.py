"""Limit the rate of calls as ImageKit does: a number of calls in an interval, for each endpoint."""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CallLimit:
    """A limit of `calls` per `seconds`."""

    calls: int
    seconds: float


def parse_limits(text: str) -> tuple[CallLimit, ...]:
    """Parse one or more limits, such as `40/1,1000/60`.

    Raises:
        ValueError: the text does not have this form.
    """
    matches = [re.fullmatch(r"([1-9][0-9]{0,6})/([0-9]{1,5}(?:\.[0-9]{1,3})?)", part) for part in text.split(",")]
    limits = tuple(CallLimit(int(match[1]), float(match[2])) for match in matches if match and float(match[2]) > 0)
    if len(limits) < len(matches):
        raise ValueError(f"{text!r} is not a limit: use CALLS/SECONDS, such as 40/1, or several, such as 40/1,1000/60")
    return limits


@dataclass(slots=True)
class _Window:
    limit: CallLimit
    began: float = float("-inf")
    calls: int = 0

    def roll(self, now: float) -> None:
        """Start a new window if this one is over."""
        if now >= self.began + self.limit.seconds:
            self.began, self.calls = now, 0

    @property
    def left(self) -> int:
        return self.limit.calls - self.calls

    @property
    def ends(self) -> float:
        return self.began + self.limit.seconds


class Limiter:
    """Counts calls in windows. A window starts with the first call after the previous one; refused calls do not count.

    Args:
        limit: one or more limits for each endpoint; None for no limit and no headers.
        clock: returns seconds.
        announces: the rate-limit headers to send, by the last word of their names.

    Attributes:
        limits: the current limits; they may be changed at any time, which starts new windows.
    """

    def __init__(
        self,
        limit: CallLimit | Sequence[CallLimit] | None,
        clock: Callable[[], float],
        *,
        announces: Collection[str] = ("Limit", "Interval", "Reset"),
    ) -> None:
        self.limits: Sequence[CallLimit] = (limit,) if isinstance(limit, CallLimit) else tuple(limit or ())
        self._clock = clock
        self._announces = announces
        self._windows: dict[str, list[_Window]] = {}

    def count(self, endpoint: str) -> tuple[bool, dict[str, str]]:
        """Count a call.

        Returns:
            Whether the call is within the limits, and the headers of the limit with the fewest calls left.
        """
        if not self.limits:
            return True, {}
        now = self._clock()
        windows = self._windows.setdefault(endpoint, [])
        if [window.limit for window in windows] != list(self.limits):
            windows[:] = map(_Window, self.limits)
        for window in windows:
            window.roll(now)
        passes = all(window.left for window in windows)
        for window in windows:
            window.calls += passes
        tightest = min(windows, key=lambda window: (window.left, -window.ends))
        headers = {
            "Limit": tightest.limit.calls,
            "Interval": round(tightest.limit.seconds * 1000),
            "Reset": max(1, round((tightest.ends - now) * 1000)),
        }
        return passes, {f"X-RateLimit-{name}": str(headers[name]) for name in self._announces}
