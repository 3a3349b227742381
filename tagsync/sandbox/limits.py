"""Rate limits as ImageKit announces them: so many calls an interval, counted for each endpoint by itself."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `calls` within `seconds`."""

    calls: int
    seconds: float


def parse_limit(text: str) -> Limit:
    """Return the limit that `N/SECONDS` stands for.

    Raises:
        ValueError: the text is no such thing.
    """
    match = re.fullmatch(r"([1-9][0-9]{0,6})/([0-9]{1,5}(?:\.[0-9]{1,3})?)", text)
    if match is None or float(match[2]) == 0:
        raise ValueError(f"{text!r} is no limit: write calls and seconds, like 40/1")
    return Limit(int(match[1]), float(match[2]))


@dataclass(slots=True)
class _Window:
    began: float
    calls: int = 0


@dataclass(slots=True)
class Limiter:
    """Counts calls in windows that begin with the first call after the last one's end."""

    limit: Limit | None
    clock: Callable[[], float]
    _windows: dict[str, _Window] = field(default_factory=dict)

    def count(self, endpoint: str) -> tuple[bool, dict[str, str]]:
        """Count a call; return whether it may pass, and the headers that announce the limit."""
        if self.limit is None:
            return True, {}
        now = self.clock()
        window = self._windows.get(endpoint)
        if window is None or now >= window.began + self.limit.seconds:
            window = self._windows[endpoint] = _Window(now)
        window.calls += 1
        return window.calls <= self.limit.calls, {
            "X-RateLimit-Limit": str(self.limit.calls),
            "X-RateLimit-Interval": str(round(self.limit.seconds * 1000)),
            "X-RateLimit-Reset": str(max(1, round((window.began + self.limit.seconds - now) * 1000))),
        }
