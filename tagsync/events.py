"""What a run tells while it goes on, as values; how they are shown is the listener's business."""

from collections.abc import Callable
from typing import NamedTuple


class ManifestsRead(NamedTuple):
    """All manifests were read."""

    manifests: int
    entries: int


class FilesRead(NamedTuple):
    """A page of the library came in; `files` counts all so far."""

    files: int
    query: str | None = None


class Exporting(NamedTuple):
    """The library was read; its files are put into manifests."""

    files: int


class RequestDone(NamedTuple):
    """A bulk call ended; splitting a refused call raises the total.

    `seconds` went by since the first call; for `waited` of them the library's limit let nothing through.
    """

    done: int
    total: int
    seconds: float = 0.0
    waited: float = 0.0


class LookingAgain(NamedTuple):
    """The files of a plan are read again before the first write."""

    files: int


class ReadingBack(NamedTuple):
    """The touched files are read once more."""

    files: int


class Waiting(NamedTuple):
    """The library asked to wait; nothing is sent for so many seconds."""

    seconds: float


Event = ManifestsRead | FilesRead | Exporting | RequestDone | LookingAgain | ReadingBack | Waiting
Listener = Callable[[Event], None]


def ignore(_event: Event) -> None:
    """Listen to nothing."""
