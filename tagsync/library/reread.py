"""Some files of a library read once more, in the fewest calls; what has changed in them is judged above."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from math import ceil, inf
from typing import TypeVar
from urllib.parse import quote

from tagsync.errors import AuthorisationError, LibraryError, RejectedError
from tagsync.library.client import Client
from tagsync.library.fileobjects import PAGE_LIMIT
from tagsync.model import CurrentFile

MAX_QUERY_BYTES = 6_000
"""A longer searchQuery, as it stands in a URL, is not sent: servers and proxies refuse lines of more than 8 KiB."""

FEW = 4
"""So many files are read by their details at once: that is no index that may lag, and costs next to nothing."""

Found = dict[str, CurrentFile | None]
"""Files by id, None for one that is gone; a file that could not be read is not in it."""

T = TypeVar("T")


class Rereader:
    """Reads files of one library again; it remembers whether the library can be searched by id.

    Args:
        client: the library.
        library_size: how many files a full listing holds, about.
        concurrency: calls in flight at most.
    """

    def __init__(self, client: Client, *, library_size: int, concurrency: int) -> None:
        self._client = client
        self._pages = ceil(library_size / PAGE_LIMIT)
        self._concurrency = concurrency
        self._tried = False
        self.searchable = True
        """Whether, as far as is known, the library answers searches by id (documentation: newer accounts)."""

    @property
    def listing_seconds(self) -> float:
        """How long a full listing takes at the pace that reads have now."""
        return self._pages / (self._client.gates.reads.pace or inf)

    async def many(self, file_ids: Sequence[str]) -> Found:
        """Read files in the fewest calls: one by one, by searches, or by listing all.

        Absence from an index proves nothing, for it may lag: such files are read by their details.

        Raises:
            LibraryError: a search or the listing could not be read, or the key is not accepted.
        """
        if len(file_ids) <= FEW:
            return await self.singly(file_ids)
        searches = list(queries(file_ids)) if self.searchable else []
        if searches and len(searches) <= self._pages:
            found = await self._search(searches)
            if found is None:
                return await self.many(file_ids)
        elif len(file_ids) <= self._pages:
            return await self.singly(file_ids)
        else:
            found = await self._list(set(file_ids))
        return await self._completed(found, [file_id for file_id in file_ids if file_id not in found])

    async def singly(self, file_ids: Iterable[str]) -> Found:
        """Read files one by one, by their details.

        Raises:
            AuthorisationError: the key is not accepted.
            LibraryError: not one of them could be read.
        """
        return await self._completed({}, file_ids)

    async def _completed(self, found: Found, file_ids: Iterable[str]) -> Found:
        """Add files to others that were found, by their details; raise if there is nothing but faults."""
        faults: list[LibraryError] = []

        async def read(file_id: str) -> None:
            try:
                found[file_id] = await self._client.details(file_id)
            except AuthorisationError:
                raise
            except LibraryError as error:
                faults.append(error)  # left out: whoever asked says that nothing is known of it

        await self._side_by_side(file_ids, read)
        if faults and not found:
            raise faults[-1]
        return found

    async def _search(self, searches: Sequence["Search"]) -> Found | None:
        """Return what searches by id find; None if the library does not answer them as it should."""
        found: Found = {}

        async def read(search: Search) -> None:
            page = await self._client.page(skip=0, query=search.query)
            found.update((file.file_id, file) for file in page.files)

        try:
            if not self._tried:
                # The first one alone: a library that cannot do it need not be asked again and again.
                await read(searches[0])
                # One that takes no notice of the ids finds others; one that does not know the field, perhaps nothing.
                first = searches[0].file_ids
                self.searchable = found.keys() <= set(first) and bool(found or not await self._client.details(first[0]))
            if self.searchable:
                await self._side_by_side(searches[0 if self._tried else 1 :], read)
            self._tried = True
        except RejectedError:
            self.searchable = False
        return found if self.searchable else None

    async def _list(self, wanted: set[str]) -> Found:
        """Return those of some files that a listing shows; what its pages miss between them is no loss."""
        found: Found = {}

        async def read(number: int) -> None:
            page = await self._client.page(skip=number * PAGE_LIMIT)
            found.update((file.file_id, file) for file in page.files if file.file_id in wanted)

        await self._side_by_side(range(self._pages), read)
        return found

    async def _side_by_side(self, items: Iterable[T], work: Callable[[T], Awaitable[None]]) -> None:
        remaining: Iterator[T] = iter(items)

        async def worker() -> None:
            for item in remaining:
                await work(item)

        workers = [asyncio.ensure_future(worker()) for _ in range(self._concurrency)]
        try:
            await asyncio.gather(*workers)
        finally:
            for task in workers:
                task.cancel()


class Search:
    """One searchQuery for files by their ids."""

    def __init__(self, file_ids: Sequence[str]) -> None:
        self.file_ids = file_ids
        self.query = f"id IN [{','.join(map(_literal, file_ids))}]"


def queries(file_ids: Iterable[str]) -> Iterator[Search]:
    """Yield as few searches as files need; ids that no query can hold safely are in none."""
    room = MAX_QUERY_BYTES - len(quote("id IN []"))
    group: list[str] = []
    length = 0
    for file_id in file_ids:
        # How a query escapes is not documented: an id of anything but letters and digits is not asked for.
        if not (file_id.isascii() and file_id.isalnum()):
            continue
        size = len(quote(_literal(file_id) + ","))
        if group and length + size > room:
            yield Search(group)
            group, length = [], 0
        group.append(file_id)
        length += size
    if group:
        yield Search(group)


def _literal(file_id: str) -> str:
    return f'"{file_id}"'
