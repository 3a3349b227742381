"""Define the interface of a library: list and search files, read them again, change tags.

`imagekit` implements it; `target` connects to it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from tagsync.model import BulkResult, CurrentFile, Op, Request, Unreadable

MAX_CONNECTIONS = 8
"""The maximum number of concurrent calls to one library."""

MAX_LOOKUPS = 200
"""The maximum number of files to look up one by one because an index may lag; with more, waiting for it is faster."""


class Listing(NamedTuple):
    """What to list: files that match a searchQuery, directly in a folder, or both; None does not filter."""

    query: str | None = None
    folder: str | None = None


EVERYTHING = Listing()
"""All files."""


class Search(NamedTuple):
    """A search, and the IDs or names that it looks for."""

    listing: Listing
    texts: tuple[str, ...]


class Queries(Protocol):
    """Writes a library's searches."""

    def by_ids(self, file_ids: Iterable[str]) -> Iterator[Search]:
        """Yield the fewest searches that find files by ID, without IDs that are unsafe in a search."""

    def by_names(self, names: Iterable[str], folder: str | None = None) -> Iterator[Search]:
        """Yield the fewest searches that find files by name, without names that are unsafe in a search.

        Args:
            names: the names.
            folder: the folder of the files; None for the whole library.
        """

    def is_id(self, text: str) -> bool:
        """Return whether a file ID is safe in a search."""

    def is_askable(self, text: str) -> bool:
        """Return whether a name or folder is safe in a search."""

    def below(self, folder: str) -> Listing:
        """Return the search for the files in a folder, given with a trailing slash, and all its subfolders."""

    def tagged(self, tags: Iterable[str]) -> Listing:
        """Return the search for files that have any of these tags, as an ordinary tag or as an AI tag."""

    def created_since(self, listing: Listing, second: str) -> Listing:
        """Return a listing of the files created at or after a time such as `2024-01-31T23:59:59` (UTC)."""

    def nothing(self, name: str) -> Listing:
        """Return a search by a name that no file has: a library that finds files anyway ignores searches."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing.

    Attributes:
        files: the files on the page.
        rows: a key for each row, including folders, old versions and unreadable objects.
        moments: the `createdAt` of each row, by which listings are sorted; empty if a row has none.
        unreadable: the objects that could not be parsed.
        objects: the JSON object of each of `files` in one line, if the library was asked to keep it.
    """

    files: tuple[CurrentFile, ...]
    rows: tuple[str, ...]
    moments: tuple[str, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
    objects: tuple[bytes, ...] = ()


Files = MutableMapping[str, CurrentFile | None]
"""Files by ID; None for a deleted file. A file that could not be read has no item."""

Prepare = Callable[[], Awaitable[Request]]
"""Returns the request of a bulk call right before it is sent; an exception cancels the call."""


class BulkReply(NamedTuple):
    """The result of a bulk call.

    Attributes:
        result: the parsed response.
        attempts: how often the call was sent.
        request_id: the library's ID of the last response.
        request: the request that was sent last.
        repeated: whether an earlier attempt had no usable response, so it may have changed files.
    """

    result: BulkResult
    attempts: int
    request_id: str | None
    request: Request
    repeated: bool = False


@dataclass(slots=True)
class Traffic:
    """Calls sent so far; `retried` and `throttled` count those of both kinds."""

    reads: int = 0
    bulk_calls: int = 0
    retried: int = 0
    throttled: int = 0


class BulkLibrary(Protocol):
    """A library that can change tags."""

    async def bulk(self, op: Op, prepare: Prepare, stop: asyncio.Event) -> BulkReply:
        """Send a bulk call, and retry it while its outcome is unknown.

        Args:
            op: the operation.
            prepare: called right before each attempt, because the rate limit may delay an attempt for long.
            stop: once set, no attempt starts.

        Raises:
            StoppedError: `stop` was set before a response arrived.
            LibraryError: no usable response. After a TransientError the outcome is unknown. `attempts` is set.
        """


class FileReads(Protocol):
    """Reads known files again."""

    async def many(self, file_ids: Sequence[str]) -> Files:
        """Read files in the fewest calls; search results may lag behind recent changes."""

    async def singly(self, file_ids: Iterable[str]) -> Files:
        """Read the details of each file, one call for each."""


class Library(BulkLibrary, Protocol):
    """One account's library."""

    @property
    def queries(self) -> Queries:
        """How to write its searches."""

    @property
    def page_limit(self) -> int:
        """The maximum number of files on a page."""

    @property
    def traffic(self) -> Traffic:
        """Calls sent so far."""

    @property
    def waited(self) -> float:
        """Seconds that calls have waited for a rate limit; overlapping waits count once."""

    async def page(self, *, skip: int, listing: Listing = EVERYTHING, limit: int | None = None) -> Page:
        """Return one page of a listing, oldest files first.

        Args:
            skip: how many rows to skip.
            listing: what to list.
            limit: the maximum number of rows; None for the page limit.

        Raises:
            LibraryError: the page could not be read.
        """

    async def details(self, file_id: str) -> CurrentFile | None:
        """Return a file's current version; None if it does not exist.

        Raises:
            LibraryError: the file could not be read.
        """

    def file_reads(self, *, library_size: float, concurrency: int, on_read: Callable[[int, int], None]) -> FileReads:
        """Return a reader of known files.

        Args:
            library_size: about how many files the library has; infinite if unknown.
            concurrency: the maximum number of concurrent calls.
            on_read: called during a reading, with how many of its files were read and how many it has.
        """
