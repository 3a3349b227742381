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
    """An API call that changes files ended; splitting a refused call raises the total.

    `seconds` passed since the first call, of which the rate limit took `waited`. The calls take about `left` more
    seconds at the pace of their stage; None while another stage follows, whose calls may be slower.
    """

    done: int
    total: int
    seconds: float = 0.0
    waited: float = 0.0
    left: float | None = None


class LookingAgain(NamedTuple):
    """The files of a plan are being read again before the first write; `done` of them were read."""

    files: int
    done: int = 0


class CheckingRemovals(NamedTuple):
    """Files are being read again right before tags are removed from them; `files` is the total so far."""

    files: int


class ReadingBack(NamedTuple):
    """The changed files are being read back; `done` of them were read, whether or not they show their changes."""

    files: int
    done: int = 0


class AwaitingChanges(NamedTuple):
    """ImageKit does not show all changes of an apply yet; files are read again after this many seconds."""

    seconds: float


class Examining(NamedTuple):
    """`doctor` checks how the account behaves; `check` says what it checks now."""

    check: str


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

    `waited` is how many seconds the library asked to wait; overlapping waits count once.
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
    | CheckingRemovals
    | ReadingBack
    | Waiting
    | AwaitingIndex
    | AwaitingChanges
    | Examining
    | Retrying
    | ApiCalls
)
Listener = Callable[[Event], None]


def ignore(_event: Event) -> None:
    """Ignore an event."""
