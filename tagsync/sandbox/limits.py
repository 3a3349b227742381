"""Rate limits as ImageKit announces them: a number of calls in an interval, counted for each endpoint."""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CallLimit:
    """At most `calls` within `seconds`."""

    calls: int
    seconds: float


def parse_limits(text: str) -> tuple[CallLimit, ...]:
    """Return the limits that `N/SECONDS` stands for, or several of them after commas.

    Raises:
        ValueError: the text is no such thing.
    """
    matches = [re.fullmatch(r"([1-9][0-9]{0,6})/([0-9]{1,5}(?:\.[0-9]{1,3})?)", part) for part in text.split(",")]
    limits = tuple(CallLimit(int(match[1]), float(match[2])) for match in matches if match and float(match[2]) > 0)
    if len(limits) < len(matches):
        raise ValueError(
            f"{text!r} is no limit: write calls and seconds, like 40/1, or several of them, like 40/1,1000/60"
        )
    return limits


@dataclass(slots=True)
class _Window:
    limit: CallLimit
    began: float = float("-inf")
    calls: int = 0

    def roll(self, now: float) -> None:
        """Begin anew once it is over."""
        if now >= self.began + self.limit.seconds:
            self.began, self.calls = now, 0

    @property
    def left(self) -> int:
        return self.limit.calls - self.calls

    @property
    def ends(self) -> float:
        return self.began + self.limit.seconds


class Limiter:
    """Counts calls in windows that begin with the first call after the last one's end; refused calls do not count.

    Args:
        limit: what calls have to keep, one limit or several at once; None limits nothing and announces nothing.
        clock: seconds.
        announces: the headers that answers have, by the last word of their names.
    """

    def __init__(
        self,
        limit: CallLimit | Sequence[CallLimit] | None,
        clock: Callable[[], float],
        *,
        announces: Collection[str] = ("Limit", "Interval", "Reset"),
    ) -> None:
        self.limits: Sequence[CallLimit] = (limit,) if isinstance(limit, CallLimit) else tuple(limit or ())
        """What holds now; may change from call to call, and new windows begin."""
        self._clock = clock
        self._announces = announces
        self._windows: dict[str, list[_Window]] = {}

    def count(self, endpoint: str) -> tuple[bool, dict[str, str]]:
        """Count a call; return whether it may pass, and the headers that announce the tightest limit as of now."""
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
