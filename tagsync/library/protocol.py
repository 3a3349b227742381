"""What the rest of tagsync knows of a library: how to list it, read files again and change tags, and its limits.

`imagekit` is the one library there is; `target` connects to it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from tagsync.model import BulkResult, CurrentFile, Op, Request, Unreadable

MAX_CONNECTIONS = 8
"""The most calls in flight to one library."""


class Listing(NamedTuple):
    """A listing: the files that a search query finds and those directly in a folder; None selects all."""

    query: str | None = None
    folder: str | None = None


EVERYTHING = Listing()
"""All files."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing.

    Attributes:
        files: its files.
        rows: a key for each row, folders, old versions and unreadable objects included.
        moments: the `createdAt` of each row, by which listings are sorted; empty where a row has none.
        unreadable: the objects that cannot be read.
    """

    files: tuple[CurrentFile, ...]
    rows: tuple[str, ...]
    moments: tuple[str, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()


Files = MutableMapping[str, CurrentFile | None]
"""Files by ID, None for one that was deleted; a file that could not be read is left out."""

Prepare = Callable[[], Awaitable[Request]]
"""Returns what a bulk call has to send, once it is its turn; an exception ends the call."""


class BulkReply(NamedTuple):
    """The result of a bulk call.

    Attributes:
        result: what the library answered.
        attempts: how often the call was sent.
        request_id: the library's name for the last answer.
        request: what was sent last.
    """

    result: BulkResult
    attempts: int
    request_id: str | None
    request: Request


@dataclass(slots=True)
class Traffic:
    """Calls sent so far; `retried` and `throttled` count bulk calls."""

    reads: int = 0
    bulk_calls: int = 0
    retried: int = 0
    throttled: int = 0


class BulkLibrary(Protocol):
    """A library that can change tags."""

    async def bulk(self, op: Op, prepare: Prepare, stop: asyncio.Event) -> BulkReply:
        """Send one bulk call, again if its outcome is unknown.

        Args:
            op: what the call does.
            prepare: called right before each sending, since the wait for a turn may be long.
            stop: once set, nothing more is sent.

        Raises:
            StoppedError: `stop` was set before there was an answer.
            LibraryError: no usable answer; after a TransientError the outcome is unknown. `attempts` is set.
        """


class FileReads(Protocol):
    """Reads files again."""

    async def many(self, file_ids: Sequence[str]) -> Files:
        """Read files in the fewest calls, some perhaps from an index that lags."""

    async def singly(self, file_ids: Iterable[str]) -> Files:
        """Read files one by one, by their details."""


class Library(BulkLibrary, Protocol):
    """One account's library."""

    @property
    def page_limit(self) -> int:
        """The most files on one page."""

    @property
    def traffic(self) -> Traffic:
        """Calls sent so far."""

    @property
    def reads_waited(self) -> float:
        """Seconds for which a rate limit held up all reads."""

    @property
    def bulk_waited(self) -> float:
        """Seconds for which a rate limit held up all bulk calls."""

    async def page(self, *, skip: int, listing: Listing = EVERYTHING, limit: int | None = None) -> Page:
        """Return one page of a listing, oldest files first.

        Args:
            skip: how many rows to pass over.
            listing: what to list.
            limit: the most files; the page limit if None.

        Raises:
            LibraryError: it could not be read.
        """

    async def details(self, file_id: str) -> CurrentFile | None:
        """Return a file's current version; None if it does not exist.

        Raises:
            LibraryError: it could not be read.
        """

    def file_reads(self, *, library_size: float, concurrency: int) -> FileReads:
        """Return a reader of single files of a library of about this size, infinite if that is unknown."""
