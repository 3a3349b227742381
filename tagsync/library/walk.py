"""Walks through the pages of a listing, several of them asked for at once; where their files go is not asked here."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace

from tagsync.errors import UnstableListingError
from tagsync.library.client import Client
from tagsync.library.fileobjects import Page
from tagsync.library.searches import EVERYTHING, Listing

WALKS = 3
"""How often a listing is read before its pages are given up on."""

_FULL_PER_CALL = 4
"""So many pages have to be full before one more is asked for ahead: of a small library nothing is read in vain."""


async def walk(
    client: Client,
    listing: Listing = EVERYTHING,
    *,
    begin: Callable[[], None],
    take: Callable[[Page], None],
    first: Page | None = None,
    concurrency: int = 1,
) -> None:
    """Read a listing to its end, from its beginning again where its pages do not fit together.

    Args:
        client: the library.
        listing: what is listed.
        begin: called before the first page of each walk: what was taken before counts no more.
        take: called with each page, its files new ones; a file that moves about meanwhile may come twice all the same.
        first: its first page, if it was read already.
        concurrency: calls in flight at most.

    Raises:
        UnstableListingError: the pages did not fit together in any of three walks.
        LibraryError: a page could not be read.
    """
    for _ in range(WALKS):
        begin()
        page, first = first, None
        try:
            async with aclosing(pages(client, listing, first=page, concurrency=concurrency)) as found:
                async for each in found:
                    take(each)
        except MisfitError:
            continue
        return
    raise UnstableListingError(
        f"the library's pages did not fit together in {WALKS} readings: it changes while it is read, or its pages "
        "repeat; run again when it is quieter"
    )


class MisfitError(Exception):
    """The pages of one walk do not fit together."""


async def pages(
    client: Client, listing: Listing, *, first: Page | None = None, concurrency: int = 1
) -> AsyncGenerator[Page, None]:
    """Yield the pages of a listing, each without the files of the page before it.

    The API promises no stable pages. Each page is asked for with the last row of the page before it: if the first row
    that comes is a new one, rows before it were deleted on the way and others would be missed.

    Raises:
        MisfitError: the pages do not fit together.
        LibraryError: a page could not be read.
    """
    calls = _Calls(client, listing)
    skip, full = 0, 0
    before = Page((), ())
    try:
        while True:
            ahead = min(concurrency, 1 + full // _FULL_PER_CALL)
            page = first if first is not None and not skip else await calls.page(skip, ahead=ahead)
            is_full = len(page.rows) >= client.page_limit
            if before.rows and not (page.rows and page.rows[0] in before.rows):
                raise MisfitError
            if set(page.rows).issubset(before.rows):
                if is_full:
                    raise MisfitError
                return
            yield _without(page, before)
            if not is_full:
                await calls.drop()  # what lies behind a short page begins elsewhere than was thought
            full += is_full
            skip, before = skip + len(page.rows) - 1, page
    finally:
        await calls.drop()


def _without(page: Page, before: Page) -> Page:
    """Return a page without the files of the page before it."""
    known = {file.file_id for file in before.files}
    return replace(page, files=tuple([file for file in page.files if file.file_id not in known]))


class _Calls:
    """Calls for pages of a listing that are under way, or done and not yet looked at."""

    def __init__(self, client: Client, listing: Listing) -> None:
        self._client = client
        self._listing = listing
        self._tasks: dict[int, asyncio.Task[Page]] = {}

    async def page(self, skip: int, *, ahead: int) -> Page:
        """Return a page, and see to it that so many calls, this one counted, are under way."""
        for number in range(ahead):
            start = skip + number * (self._client.page_limit - 1)  # a page begins with the last row of the one before
            if start not in self._tasks:
                self._tasks[start] = asyncio.create_task(self._client.page(skip=start, listing=self._listing))
        return await self._tasks.pop(skip)

    async def drop(self) -> None:
        """Give up what nobody has looked at; how it would have ended is no matter."""
        tasks = [*self._tasks.values()]
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
