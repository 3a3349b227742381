"""Define the events of a run as values; listeners decide how to show them."""

from collections.abc import Callable
from typing import NamedTuple


class ManifestsRead(NamedTuple):
    """All manifests were read."""

    manifests: int
    entries: int


class FilesRead(NamedTuple):
    """A page of the library was read; `files` is the total so far."""

    files: int
    query: str | None = None


class Exporting(NamedTuple):
    """The library was read; its files are being exported."""

    files: int


class RequestDone(NamedTuple):
    """An API call ended; splitting a refused call raises the total.

    `seconds` passed since the first call, of which the rate limit took `waited`.
    """

    done: int
    total: int
    seconds: float = 0.0
    waited: float = 0.0


class LookingAgain(NamedTuple):
    """The files of a plan are being read again before the first write."""

    files: int


class ReadingBack(NamedTuple):
    """The changed files are being read back."""

    files: int


class Waiting(NamedTuple):
    """The library asked to wait; nothing is sent for this many seconds."""

    seconds: float


class AwaitingIndex(NamedTuple):
    """The listing may not show recent changes yet; files are read again after this many seconds."""

    seconds: float


class Retrying(NamedTuple):
    """An API call failed, and is sent again after this many seconds."""

    call: str
    attempt: int
    seconds: float
    error: str


class ApiCalls(NamedTuple):
    """The connection to the library was closed; these are its API calls, including retries.

    `waited` is how many seconds the library asked to wait.
    """

    reads: int = 0
    batches: int = 0
    retried: int = 0
    throttled: int = 0
    waited: float = 0.0


Event = (
    ManifestsRead
    | FilesRead
    | Exporting
    | RequestDone
    | LookingAgain
    | ReadingBack
    | Waiting
    | AwaitingIndex
    | Retrying
    | ApiCalls
)
Listener = Callable[[Event], None]


def ignore(_event: Event) -> None:
    """Ignore an event."""
