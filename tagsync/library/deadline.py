"""Limit the time for reading a library."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import inf

from tagsync.errors import OutOfTimeError, UsageError
from tagsync.library.protocol import Library


def check_duration(seconds: float | None) -> None:
    """Check that a time is one.

    Raises:
        UsageError: it is negative, infinite, or not a number.
    """
    if seconds is not None and (not isinstance(seconds, int | float) or not 0 <= seconds < inf):
        raise UsageError(f"max_duration is {seconds!r}: use seconds from 0, or None for no end")


@asynccontextmanager
async def deadline(seconds: float | None, library: Library, *, since: float) -> AsyncIterator[None]:
    """End what reads a library once its time is up, whatever it waits for.

    Args:
        seconds: how much time there is; None for no end.
        library: the library.
        since: the loop's time at which it began.

    Raises:
        OutOfTimeError: the time is up.
    """
    try:
        async with asyncio.timeout_at(None if seconds is None else since + seconds) as timer:
            yield
    except TimeoutError as error:
        if not timer.expired():
            raise
        waited = library.reads_waited
        limited = f"; for {waited:.1f} s its rate limit let no call through" if waited else ""
        raise OutOfTimeError(
            f"max-duration reached: the library could not be read within {seconds:g} s{limited}. Nothing was written. "
            "Allow more time, or run again later"
        ) from error
