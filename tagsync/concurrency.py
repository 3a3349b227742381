"""Run a coroutine for each of many items with bounded concurrency."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


async def for_each_concurrently(
    items: Iterable[T], work: Callable[[T], Awaitable[object]], *, concurrency: int
) -> None:
    """Run `work` for each item, at most `concurrency` at a time; cancel the rest on the first error.

    Raises:
        Exception: whatever `work` raised first.
    """
    remaining: Iterator[T] = iter(items)

    async def worker() -> None:
        for item in remaining:
            await work(item)

    workers = [asyncio.ensure_future(worker()) for _ in range(concurrency)]
    try:
        await asyncio.gather(*workers)
    finally:
        for task in workers:
            task.cancel()
