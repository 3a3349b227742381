"""Handle SIGINT and SIGTERM: stop a run that only reads at once; let a run that writes finish its calls and report."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

from tagsync.errors import InterruptedRunError

T = TypeVar("T")

_NUMBERS = (signal.SIGINT, signal.SIGTERM)

_BREAK_OFF = 2
"""The number of signals that interrupt: the first the run, the second its clean-up."""


def until_signal(start: Callable[[], Awaitable[T]]) -> T:
    """Run a coroutine that writes nothing; the first SIGINT or SIGTERM interrupts it anywhere.

    A second signal interrupts the clean-up. Later ones are ignored, so that the failure can be reported.

    Raises:
        InterruptedRunError: a signal ended the run.
    """
    received: list[int] = []

    def on_signal(number: int, _frame: object) -> None:
        received.append(number)
        if len(received) <= _BREAK_OFF:
            raise KeyboardInterrupt

    async def main() -> T:
        # `asyncio.run` sets its own handler first, which cannot interrupt a computation, so replace that one here.
        for number in _NUMBERS:
            before[number] = signal.signal(number, on_signal)
        return await start()

    before: dict[int, Any] = {}
    try:
        found = asyncio.run(main())
    except KeyboardInterrupt:
        for number in _NUMBERS:
            signal.signal(number, signal.SIG_IGN)
        raise InterruptedRunError(received[0] if received else signal.SIGINT) from None
    except BaseException:
        _restore(before)
        raise
    _restore(before)
    return found


@contextmanager
def kept() -> Iterator[None]:
    """Restore the signal handlers when the block ends."""
    before = {number: signal.getsignal(number) for number in _NUMBERS}
    try:
        yield
    finally:
        _restore({number: handler for number, handler in before.items() if signal.getsignal(number) is not handler})


def _restore(handlers: Mapping[int, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)


class Deferred:
    """Keeps SIGINT and SIGTERM from interrupting anything, from `run` until the block ends.

    The run has sent calls and has to report their outcome, even if more signals come.
    """

    def __init__(self) -> None:
        self._received: list[int] = []
        self._before: dict[int, Any] = {}
        self._tell: Callable[[], None] = lambda: None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _restore(self._before)

    @property
    def number(self) -> int | None:
        """The number of the first signal; None if none came."""
        return self._received[0] if self._received else None

    def run(self, start: Callable[[asyncio.Event, asyncio.Event], Awaitable[T]]) -> T:
        """Run a coroutine to its end.

        Args:
            start: gets two events: the first signal sets the first, the second signal sets the other.
        """
        for number in _NUMBERS:
            self._before[number] = signal.signal(number, self._on_signal)

        async def main() -> T:
            loop, stop, abort = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()

            def tell() -> None:
                for event, count in ((stop, 1), (abort, 2)):
                    if len(self._received) >= count:
                        loop.call_soon_threadsafe(event.set)

            self._tell = tell
            tell()
            try:
                return await start(stop, abort)
            finally:
                self._tell = lambda: None

        return asyncio.run(main())

    def _on_signal(self, number: int, _frame: object) -> None:
        self._received.append(number)
        self._tell()
