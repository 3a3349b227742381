"""Learn the rate for one kind of call from rate-limit headers and 429 responses; `rate_limiter` makes calls wait.

Times are parameters, in seconds of any monotonic clock.

If the account's limit is known, the rate is a share of it: the whole limit until a call is refused. A refusal means
that other processes call too. The share then drops to a little less than our own successful calls in that window. It
grows again, slowly at first, then faster the longer no call is refused. So processes that share an account settle on
fair shares without communicating.

If no limit is known, the rate doubles each second until the first refusal. Each refusal halves it, and it grows
linearly in between (additive increase, multiplicative decrease).
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from tagsync.library.http.rate_limits import MOST_WINDOWS, RateLimits, Window

_USED_PART = 0.96
"""The part of a limit to use; the margin keeps calls that arrive early out of a window that is already full."""

_MIN_SHARE = 0.05
"""The smallest share of a limit, so that repeated refusals never starve a process."""

_MIN_KEPT = 0.5
"""The smallest part of a share that one refusal leaves: others may have filled the window before our first call."""

_YIELDED = 0.3
"""The part of the share, squared, to give up below what succeeded: processes with a larger share yield more."""

_ALONE, _YIELDED_ALONE = 0.9, 0.05
"""If this part of a refused window was ours, no other process calls; our calls were only slightly uneven."""

_WINDOW_TOLERANCE = 0.05
"""How much earlier than computed a window may have begun, as a part of its length, because latencies vary."""

_GROWTH = 0.0003
"""The increase of a share at each step, multiplied by the square of the number of steps without a refusal."""

_CALLS_PER_STEP = 20
"""The time between two steps, in calls that the account allows: refusals are then equally rare at all limits."""

_BLIND_STEP = 0.1
"""The increase per second while no limit is known, as a part of the rate that was refused."""

_FORGOTTEN_AFTER = 10
"""A window is forgotten after this many of its lengths without a header, if others were announced meanwhile."""

_REMEMBERED_CALLS = 20_000

_FASTEST = 10_000.0
"""The calls per second at which doubling stops: a rate that grew to infinity could never be halved again."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A limit and the time of the last response that announced it."""

    calls: int
    at: float


class AdaptiveRate:
    """The rate of one kind of call.

    Args:
        start: calls per second until a limit is known.
        cap: the maximum calls per second.
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
        self._succeeded: deque[float] = deque(maxlen=_REMEMBERED_CALLS)

    @property
    def rate(self) -> float:
        """Calls per second as of now."""
        allowed = self._allowed
        return min(self._cap, self._blind_rate if allowed is None else self._share * allowed * _USED_PART)

    @property
    def known_rate(self) -> float:
        """Calls per second as far as responses show the limit; before the first refusal, the rate only tries."""
        is_known = self._allowed is not None or self._blind_step > 0
        return self.rate if is_known else min(self.rate, self._start)

    def passed(self, limits: RateLimits, now: float) -> None:
        """Learn from a response that is not a 429."""
        self._succeeded.append(now)
        self._note(limits.windows, now)

    def refused(self, limits: RateLimits, went: float, now: float) -> None:
        """Slow down after a 429 response.

        Args:
            limits: the limits that the response announced.
            went: when the call was sent.
            now: the current time.
        """
        self._note(limits.windows, now)
        # Calls already in flight at the last 429 were sent at the old rate: their refusals carry no new information.
        if went <= self._refused_at:
            return
        self._refused_at = self._grown_at = now
        self._steps = 0
        if self._allowed is None:
            self._blind_step = self._blind_rate * _BLIND_STEP
            self._blind_rate = max(self._blind_rate / 2, self._start * _MIN_SHARE)
            return
        ours = max((self._part_of(window, now) for window in limits.windows), default=0.0)
        # What we sent in the refused window is what the other processes left for us, so this share is possible.
        kept = min(self._share, max(ours, self._share * _MIN_KEPT))
        # Yielding in proportion to what is kept makes unequal shares converge: the larger one loses more each time.
        yielded = _YIELDED_ALONE if ours >= _ALONE else _YIELDED * kept
        self._share = max(_MIN_SHARE, kept * (1 - yielded))

    def rest(self, until: float) -> None:
        """Do not grow before a time: while no call is sent, the lack of refusals proves nothing."""
        self._grown_at = until

    def used(self, now: float) -> None:
        """Grow if a step's time has passed; call this only when calls had to wait for the rate."""
        self._grown_at = now if self._grown_at is None else self._grown_at
        if now - self._grown_at < self._seconds_per_step:
            return
        if self._allowed is not None:
            # Right after a refusal the limit is near. The longer no call is refused, the more others may have left.
            self._steps += 1
            self._share = min(1.0, self._share + _GROWTH * self._steps**2)
        elif self._blind_step:
            # The refused rate is near the limit: approach it slowly from here.
            self._blind_rate += self._blind_step
        else:
            self._blind_rate = max(self._blind_rate, min(self._blind_rate * 2, _FASTEST))
        self._blind_rate = min(self._blind_rate, self._cap)
        self._grown_at = now

    @property
    def _allowed(self) -> float | None:
        """Calls per second that the tightest known window allows."""
        return min((seen.calls / seconds for seconds, seen in self._limits.items()), default=None)

    @property
    def _seconds_per_step(self) -> float:
        allowed = self._allowed
        return 1.0 if allowed is None else _CALLS_PER_STEP / allowed

    def _note(self, windows: Sequence[Window], now: float) -> None:
        if not windows:
            return
        announced = {window.seconds: _Seen(window.calls, now) for window in windows}
        # A response may announce only one of several windows, so the others stay valid for a while.
        known = {
            seconds: seen
            for seconds, seen in self._limits.items()
            if seconds not in announced and now - seen.at <= _FORGOTTEN_AFTER * seconds
        }
        # Keep only the latest: a server that announces ever new windows must not fill the memory.
        self._limits = dict([*known.items(), *announced.items()][-MOST_WINDOWS:])

    def _part_of(self, window: Window, now: float) -> float:
        """Return the part of a window's limit that our own calls used."""
        began = now + (window.reset or 0.0) - window.seconds * (1 + _WINDOW_TOLERANCE)
        ours = 0
        for at in reversed(self._succeeded):
            if at < began:
                break
            ours += 1
        return ours / window.calls
