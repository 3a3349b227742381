"""SIGINT and SIGTERM: end at once what only reads; let what writes end by itself, and report."""

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
"""This many signals break off what only reads, and what cleans up after it."""


def until_signal(start: Callable[[], Awaitable[T]]) -> T:
    """Run something that writes nothing, and break it off wherever it is at the first SIGINT or SIGTERM.

    The second signal breaks off the clean-up too. Later ones are ignored, so that the failure can be reported.

    Raises:
        InterruptedRunError: a signal ended the run.
    """
    received: list[int] = []

    def on_signal(number: int, _frame: object) -> None:
        received.append(number)
        if len(received) <= _BREAK_OFF:
            raise KeyboardInterrupt

    async def main() -> T:
        # Here, for `asyncio.run` puts a handler of its own in place before, which cannot end what computes.
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
    """Leave the handlers of signals as they were before, whatever happens meanwhile."""
    before = {number: signal.getsignal(number) for number in _NUMBERS}
    try:
        yield
    finally:
        _restore({number: handler for number, handler in before.items() if signal.getsignal(number) is not handler})


def _restore(handlers: Mapping[int, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)


class Deferred:
    """Keeps SIGINT and SIGTERM from breaking anything off, from `run` until the context is left.

    Calls have been sent then, and what became of them has to be reported, however many signals come.
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
        """The first signal that came, if any."""
        return self._received[0] if self._received else None

    def run(self, start: Callable[[asyncio.Event, asyncio.Event], Awaitable[T]]) -> T:
        """Run to the end.

        Args:
            start: what to run, given one event that the first signal sets, and one that the second sets.
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
