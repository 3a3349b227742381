"""Learn how fast one kind of call may go from what answers announce and refuse; `rate_limiter` makes calls wait.

Reads no clock: times come in, in seconds of any one clock.

Where the account's limit is known, the pace is a share of it: all of it until a call is refused. Then others call too,
and the share becomes a little less than what came through of our own calls in the refused window. From there it grows
again, slowly at first, faster the longer nothing is refused. So processes that share an account find their places
without a word to each other.

Where no limit is known, the pace doubles each second until the first refusal; each refusal halves it, and it grows
evenly in between.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from tagsync.library.http.rate_limits import MOST_WINDOWS, RateLimits, Window

_HAIR = 0.96
"""How much of a limit is used: the rest keeps calls that arrive early out of a window that is full."""

_SMALLEST_SHARE = 0.05
"""What is left of a limit however often calls are refused, so that nobody starves."""

_LARGEST_DROP = 0.5
"""One refusal leaves at least so much of a share: the window may have been full before our first call in it."""

_GIVEN_WAY = 0.3
"""How much is given up beyond what came through, as a part of the share squared: who has more gives way more."""

_ALONE, _GIVEN_WAY_ALONE = 0.9, 0.05
"""Where so much of a refused window was our own, nobody else calls; only the pace was a bit uneven."""

_LEEWAY = 0.05
"""So much earlier than reckoned, as a part of its length, a window may have begun: answers take unlike times."""

_GROWTH = 0.0003
"""What a step adds to a share, times the square of how many steps in a row nothing was refused."""

_CALLS_A_STEP = 20
"""How many calls the account allows from one growth to the next: refusals then are alike rare at all limits."""

_BLIND_STEP = 0.1
"""What is added each second where no limit is known, as a part of the rate that was refused."""

_FORGOTTEN_AFTER = 10
"""After this many of its own lengths without an announcement, while others were announced, a window is forgotten."""

_REMEMBERED_CALLS = 20_000

_FASTEST = 10_000.0
"""Calls a second at which doubling ends: a rate that has grown to infinity could never be halved again."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A limit, and when it was last announced."""

    calls: int
    at: float


class AdaptiveRate:
    """The pace of one kind of call.

    Args:
        start: calls a second where nothing is known.
        cap: calls a second that are never passed.
    """

    def __init__(self, start: float, cap: float) -> None:
        self._start = self._blind_rate = min(start, cap)
        self._cap = cap
        self._limits: dict[float, _Seen] = {}
        self._share = 1.0
        self._blind_step = 0.0
        self._refused_at = float("-inf")
        self._grown_at: float | None = None
        self._steps = 0
        self._came_through: deque[float] = deque(maxlen=_REMEMBERED_CALLS)

    @property
    def rate(self) -> float:
        """Calls a second as of now."""
        allowed = self._allowed
        return min(self._cap, self._blind_rate if allowed is None else self._share * allowed * _HAIR)

    def passed(self, limits: RateLimits, now: float) -> None:
        """Learn from an answer to a call that was not refused."""
        self._came_through.append(now)
        self._note(limits.windows, now)

    def refused(self, limits: RateLimits, went: float, now: float) -> None:
        """Slow down after a 429 to a call that went out at `went`; once for all calls that were out by then."""
        self._note(limits.windows, now)
        if went <= self._refused_at:
            return
        self._refused_at = self._grown_at = now
        self._steps = 0
        if self._allowed is None:
            self._blind_step = self._blind_rate * _BLIND_STEP
            self._blind_rate = max(self._blind_rate / 2, self._start * _SMALLEST_SHARE)
            return
        came_through = max((self._part_of(window, now) for window in limits.windows), default=0.0)
        kept = min(self._share, max(came_through, self._share * _LARGEST_DROP))
        given_way = _GIVEN_WAY_ALONE if came_through >= _ALONE else _GIVEN_WAY * kept
        self._share = max(_SMALLEST_SHARE, kept * (1 - given_way))

    def rest(self, until: float) -> None:
        """Take the time until then for no sign that more calls would come through."""
        self._grown_at = until

    def used(self, now: float) -> None:
        """Grow if it is time to: calls are waiting for this pace, and the last ones came through."""
        self._grown_at = now if self._grown_at is None else self._grown_at
        if now - self._grown_at < self._seconds_a_step:
            return
        if self._allowed is not None:
            self._steps += 1
            self._share = min(1.0, self._share + _GROWTH * self._steps**2)
        elif self._blind_step:
            self._blind_rate += self._blind_step
        else:
            self._blind_rate = max(self._blind_rate, min(self._blind_rate * 2, _FASTEST))
        self._blind_rate = min(self._blind_rate, self._cap)
        self._grown_at = now

    @property
    def _allowed(self) -> float | None:
        """Calls a second that the tightest known window allows."""
        return min((seen.calls / seconds for seconds, seen in self._limits.items()), default=None)

    @property
    def _seconds_a_step(self) -> float:
        allowed = self._allowed
        return 1.0 if allowed is None else _CALLS_A_STEP / allowed

    def _note(self, windows: Sequence[Window], now: float) -> None:
        if not windows:
            return
        told = {window.seconds: _Seen(window.calls, now) for window in windows}
        before = {
            seconds: seen
            for seconds, seen in self._limits.items()
            if seconds not in told and now - seen.at <= _FORGOTTEN_AFTER * seconds
        }
        # The latest come last. Dropping the others bounds the memory that a library can fill with ever new windows.
        self._limits = dict([*before.items(), *told.items()][-MOST_WINDOWS:])

    def _part_of(self, window: Window, now: float) -> float:
        """Return the part of a window's limit that our own calls took."""
        began = now + (window.reset or 0.0) - window.seconds * (1 + _LEEWAY)
        ours = 0
        for at in reversed(self._came_through):
            if at < began:
                break
            ours += 1
        return ours / window.calls
