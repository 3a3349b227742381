"""Limit the time that reading a library may take."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import inf

from tagsync.errors import OutOfTimeError, UsageError
from tagsync.library.protocol import Library


def check_duration(seconds: float | None) -> None:
    """Check that a duration is a finite number of seconds from 0, or None.

    Raises:
        UsageError: it is negative, infinite, or not a number.
    """
    if seconds is not None and (not isinstance(seconds, int | float) or not 0 <= seconds < inf):
        raise UsageError(f"max_duration is {seconds!r}: use 0 or more seconds, or None for no limit")


@asynccontextmanager
async def deadline(seconds: float | None, library: Library, *, since: float) -> AsyncIterator[None]:
    """Cancel the body of a `with` block when the time for reading a library is up.

    Args:
        seconds: the time limit; None for no limit.
        library: the library that is read; its rate-limit waits are part of the error message.
        since: the event loop's time at which the run started, in seconds.

    Raises:
        OutOfTimeError: the time is up.
    """
    try:
        async with asyncio.timeout_at(None if seconds is None else since + seconds) as timer:
            yield
    except TimeoutError as error:
        if not timer.expired():  # a TimeoutError from inside the block
            raise
        waited = library.waited
        limited = f" ({waited:.1f} s of it waiting for the rate limit)" if waited else ""
        raise OutOfTimeError(
            f"max-duration reached: the library could not be read within {seconds:g} s{limited}. Nothing was written. "
            "Raise max-duration, or run again later"
        ) from error
