"""Choose the format of standard error: once for a run, before anything can go wrong."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from itertools import pairwise
from typing import TYPE_CHECKING

from tagsync.environment import setting

if TYPE_CHECKING:
    from tagsync.reporting.json_log import JsonLog
    from tagsync.reporting.log import TextLog

_OPTION = "--log-format"


@contextmanager
def json_log(arguments: Sequence[str]) -> "Iterator[JsonLog | None]":
    """Yield a JSON log in the place of standard error if the command line or the environment asks for it, else None.

    It also receives what libraries write to standard error.
    """
    if not _asks_for_json(arguments):
        yield None
        return
    from tagsync.reporting.json_log import JsonLog  # noqa: PLC0415 - start-up

    log = JsonLog(sys.stderr)
    with redirect_stderr(log):
        yield log


def _asks_for_json(arguments: Sequence[str]) -> bool:
    """Return what the option says; it is read here because errors in the command line have to obey it too."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    values = [found.value] if (found := setting("TAGSYNC_LOG_FORMAT")) else []
    for word, following in pairwise([*options, ""]):
        if word == _OPTION:
            values.append(following)
        elif word.startswith(f"{_OPTION}="):
            values.append(word.partition("=")[2])
    return values[-1:] == ["json"]


def is_json() -> bool:
    """Return whether the log of this run is JSON, so that nobody sees a question."""
    from tagsync.reporting.json_log import JsonLog  # noqa: PLC0415 - start-up

    return isinstance(sys.stderr, JsonLog)


def log(*, colour: bool | None = None) -> "TextLog | JsonLog":
    """Return the log of this run, which writes to standard error.

    Args:
        colour: whether text may be coloured; None to decide by the stream and the environment.
    """
    from tagsync.reporting.json_log import JsonLog  # noqa: PLC0415 - start-up
    from tagsync.reporting.log import TextLog  # noqa: PLC0415 - start-up

    return sys.stderr if isinstance(sys.stderr, JsonLog) else TextLog(sys.stderr, colour=colour)
