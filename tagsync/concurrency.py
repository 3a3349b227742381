"""Run coroutines: one for each of many items with bounded concurrency, or one to its end for callers without a loop."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from functools import wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
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


def blocking(work: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Return a function that takes the same arguments as `NAME_async`, and runs it to its end."""

    @wraps(work)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        return asyncio.run(work(*args, **kwargs))

    run.__name__ = run.__qualname__ = work.__name__.removesuffix("_async")
    return run
