"""Define and check the options of an apply."""

from dataclasses import dataclass
from typing import Literal, get_args

from tagsync.errors import UsageError
from tagsync.library.deadline import check_duration
from tagsync.library.protocol import MAX_CONNECTIONS
from tagsync.planning.guards import Ack

OnError = Literal["continue", "stop"]
OnStale = Literal["skip", "fail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyOptions:
    """Options of an apply.

    Attributes:
        concurrency: the maximum number of concurrent calls, 1 to 8.
        on_error: whether to continue after a failure or to stop at the first one.
        verify: whether to read the changed files back.
        exact: whether calls contain only needed changes; otherwise no-op changes may reduce the number of calls.
        max_requests: the maximum number of bulk calls; None for no limit.
        max_duration: seconds after which no call starts; None for no limit.
        spent: the seconds of `max_duration` that planning used.
        on_stale: whether to skip stale changes or to refuse the whole plan before the first write.
        acks: the acknowledged guards, each for one plan.

    Raises:
        UsageError: a value is invalid.
    """

    concurrency: int = 4
    on_error: OnError = "continue"
    verify: bool = True
    exact: bool = False
    max_requests: int | None = None
    max_duration: float | None = None
    spent: float = 0.0
    on_stale: OnStale = "skip"
    acks: frozenset[Ack] = frozenset()

    def __post_init__(self) -> None:
        """Check all values."""
        for name, allowed in (("on_error", get_args(OnError)), ("on_stale", get_args(OnStale))):
            if getattr(self, name) not in allowed:
                raise UsageError(f"{name} is {getattr(self, name)!r}: use {' or '.join(map(repr, allowed))}")
        for name in ("verify", "exact"):
            if not isinstance(getattr(self, name), bool):
                raise UsageError(f"{name} is {getattr(self, name)!r}: use True or False")
        if not all(isinstance(ack, Ack) for ack in self.acks):
            raise UsageError("acks: use tagsync.Ack(guard.id, plan.digest) for each guard")
        if not isinstance(self.concurrency, int) or not 1 <= self.concurrency <= MAX_CONNECTIONS:
            raise UsageError(f"concurrency is {self.concurrency!r}: use 1 to {MAX_CONNECTIONS}")
        most = self.max_requests
        if most is not None and (not isinstance(most, int) or most < 1):
            raise UsageError(f"max_requests is {most!r}: use 1 or more, or None for no limit")
        check_duration(self.max_duration)
