"""Runs that SIGINT and SIGTERM end: gently where something could be lost, at once where nothing could."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from tagsync.errors import InterruptedRunError

T = TypeVar("T")


def until_signal(
    start: Callable[[asyncio.Event, asyncio.Event], Awaitable[T]], *, graceful: bool = True
) -> tuple[T, int | None]:
    """Run to the end, or to what a signal makes of it.

    Args:
        start: what to run, given one event that the first SIGINT or SIGTERM sets, and one that the second sets.
        graceful: whether the run ends by itself once those are set; else the first signal ends it.

    Returns:
        The result, and the number of the first signal that came, if any.

    Raises:
        InterruptedRunError: a signal ended the run.
    """
    received: list[tuple[int, float]] = []

    async def main() -> T:
        loop, stop, abort = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()

        def on_signal(number: int, _frame: object) -> None:
            received.append((number, loop.time()))
            # What computes hears of no event. Where nothing can be lost it is broken off wherever it is; else by
            # another signal, if the first was not heard of for a second.
            deaf = not stop.is_set() and loop.time() - received[0][1] > 1
            if deaf or not graceful:
                raise KeyboardInterrupt
            loop.call_soon_threadsafe((abort if len(received) > 1 else stop).set)

        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, on_signal)
        return await start(stop, abort)

    before: dict[int, Any] = {}
    try:
        result = asyncio.run(main())
    except KeyboardInterrupt:
        raise InterruptedRunError(received[0][0] if received else signal.SIGINT) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return result, received[0][0] if received else None
