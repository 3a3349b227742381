"""Read a listing page by page, with concurrent calls, without missing a file.

ImageKit sorts a listing by `createdAt`, which never changes. It promises no order among files with the same
`createdAt`, and the order may differ between two responses. So pages overlap. Let c be the last `createdAt` on a page.
The next page joins it only if a row with an older `createdAt` comes right before its first row of c.

Then no file is missed. A file that exists throughout has one `createdAt`. If it is before c, the file is on the earlier
page or one before it, because that page goes on to rows of c, past everything older. If it is c or later, the file is
on the later page or one after it, because that page begins before c. The order within one `createdAt` does not matter,
and neither do deletions and uploads in the meantime.

ImageKit gives each file a `createdAt`. If a library has none, the next page must begin with the row that ended the page
before.

Deletions move all later rows forward, so the next page may begin too late. Then it does not join, and tagsync reads the
listing again from the start. It does the same if a row that both pages should show is missing from the later one.
"""

import asyncio
import re
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from itertools import groupby
from typing import NamedTuple

from tagsync.errors import RejectedError, UnstableListingError
from tagsync.escape import shown
from tagsync.library.protocol import EVERYTHING, Library, Listing, Page

MAX_READINGS = 3
"""How often a listing is read from the start until its pages join."""

_FULL_PER_CALL = 4
"""The number of full pages after which one more call is sent ahead, so that small libraries need no extra calls."""

_LARGEST_OVERLAP = 0.1
"""The maximum overlap, as a part of a page; one `createdAt` with more rows makes it larger."""

_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?Z", re.ASCII)


async def read_listing(
    library: Library,
    listing: Listing = EVERYTHING,
    *,
    begin: Callable[[], None],
    take: Callable[[Page], None],
    first: Page | None = None,
    concurrency: int = 1,
) -> None:
    """Read a listing completely; start again if its pages do not join.

    Args:
        library: the library.
        listing: what to list.
        begin: called before each start; drop what `take` got so far.
        take: called with each page. A file may appear twice.
        first: the first page, if it was read already.
        concurrency: the maximum number of concurrent calls.

    Raises:
        UnstableListingError: the pages did not join in three readings, or more files have the same `createdAt` than
            fit on a page.
        LibraryError: a page could not be read.
    """
    for _ in range(MAX_READINGS):
        begin()
        page, first = first, None
        try:
            async with aclosing(pages(library, listing, first=page, concurrency=concurrency)) as found:
                async for each in found:
                    take(each)
        except MisfitError:
            continue
        return
    raise unstable()


def unstable() -> UnstableListingError:
    """Return the error of a listing whose pages did not join in any reading."""
    return UnstableListingError(
        f"the pages of the library's listing did not fit together in {MAX_READINGS} readings: the library is changing, "
        "or its pages repeat; run again when fewer changes happen"
    )


class MisfitError(Exception):
    """The pages of a listing do not join."""


async def pages(
    library: Library, listing: Listing, *, first: Page | None = None, concurrency: int = 1
) -> AsyncGenerator[Page, None]:
    """Yield the pages of a listing, each without the files of the page before it.

    Raises:
        MisfitError: the pages do not join.
        UnstableListingError: more files have the same `createdAt` than fit on a page.
        LibraryError: a page could not be read.
    """
    before = Page((), ())
    async with aclosing(places(library, listing, first=first, concurrency=concurrency)) as found:
        async for place in found:
            yield _without(place.page, before)
            before = place.page


async def places(
    library: Library,
    listing: Listing,
    *,
    first: Page | None = None,
    after: "Place | None" = None,
    concurrency: int = 1,
) -> "AsyncGenerator[Place, None]":
    """Yield the pages of a listing with their places, including the files of the page before it.

    Args:
        library: the library.
        listing: what to list.
        first: the first page, if it was read already.
        after: the page of an earlier reading to go on from; if it does not join the next one, start again without it.
        concurrency: the maximum number of concurrent calls.

    Raises:
        MisfitError: the pages do not join.
        UnstableListingError: more files have the same `createdAt` than fit on a page.
        LibraryError: a page could not be read.
    """
    pagination = _Pagination(library, listing, concurrency, since=after.since if after else "")
    try:
        if after:
            place = await pagination.after(after)
        else:
            place = Place(0, await pagination.calls.page(0) if first is None else first)
        while place and place.page.rows:
            yield place
            place = await pagination.after(place)
    finally:
        await pagination.calls.drop()


def _without(page: Page, before: Page) -> Page:
    known = {file.file_id for file in before.files}
    return replace(page, files=tuple([file for file in page.files if file.file_id not in known]))


class Place(NamedTuple):
    """A page of a listing.

    Attributes:
        skip: the number of rows before it.
        page: the page.
        since: if it is a page of a search for later files, the time of that search.
    """

    skip: int
    page: Page
    since: str = ""


class _Runs(NamedTuple):
    """The groups of rows with equal `createdAt` on a page.

    Attributes:
        last: the row at which the last group begins.
        previous: the row at which the group before it begins.
        largest: the number of rows in the largest group.
    """

    last: int
    previous: int
    largest: int


def _runs(page: Page) -> _Runs:
    lengths = [sum(1 for _ in rows) for _, rows in groupby(page.moments)]
    last = len(page.moments) - lengths[-1]
    return _Runs(last, last - lengths[-2] if len(lengths) > 1 else 0, max(lengths))


class _Pagination:
    """One reading of a listing.

    Args:
        library: the library.
        listing: what to list.
        concurrency: the maximum number of concurrent calls.
        since: the time of the search for later files to begin with.
    """

    def __init__(self, library: Library, listing: Listing, concurrency: int, since: str = "") -> None:
        self._library = library
        self._listing = listing
        self._concurrency = concurrency
        self._since = since
        self._full = 0
        self._overlap = 2
        self._most_overlap = max(2, int(library.page_limit * _LARGEST_OVERLAP))
        self.calls = _Calls(library, library.queries.created_since(listing, since) if since else listing)

    async def after(self, place: Place) -> Place | None:
        """Return the page after another one; None at the end of the listing."""
        skip, page, _ = place
        is_full, runs = self._is_full(page), _runs(page)
        self._full += is_full
        if not is_full:
            await self.calls.drop()  # the next page begins elsewhere than the calls sent ahead assumed
            # A short page need not be the end: some libraries show only the first N rows of any listing.
            if skip and (found := await self._continued(page, runs)):
                return self._unless_end(found, page)
        # A library with large groups probably has more. Pages requested ahead must reach back before them to join.
        largest = max(self._overlap, runs.largest + 1)
        self._overlap = min(largest, self._most_overlap)
        try:
            return await self._next(place, runs)
        except (RejectedError, _NoRowsError) as error:
            found = await self._continued(page, runs)
            if found is None:
                if isinstance(error, RejectedError):
                    raise
                raise MisfitError from error
            return self._unless_end(found, page)

    async def _next(self, place: Place, runs: _Runs) -> Place | None:
        """Return the next page by the number of rows before it.

        Raises:
            RejectedError: the library refuses it.
            _NoRowsError: it has no new rows, although the listing goes on.
            MisfitError: it does not join.
        """
        skip, page, _ = place
        start = self.calls.first
        # Use the page that was requested ahead if its guessed start gives enough overlap; else request the right one.
        if start is not None and skip < start < skip + runs.last:
            found = await self._page(start)
            if self._joins(page, runs, found) and (not self._is_full(found) or self._advances(found, page, runs)):
                return Place(start, found, self._since)
        await self.calls.drop()
        start = skip + self._step(page, runs)
        found = await self._page(start)
        if not found.rows or (self._is_full(found) and not self._advances(found, page, runs)):
            raise _NoRowsError
        # After a page that is not full, this call only checks whether files were added at the end.
        at_end = not self._is_full(page) and not _has_new(found, page)
        if not at_end and not self._joins(page, runs, found):
            raise MisfitError
        return self._unless_end(Place(start, found, self._since), page)

    async def _page(self, start: int) -> Page:
        ahead = min(self._concurrency, 1 + self._full // _FULL_PER_CALL)
        return await self.calls.page(start, ahead=ahead, stride=self._library.page_limit - self._overlap)

    def _step(self, page: Page, runs: _Runs) -> int:
        """Return the row of a page at which the next one must begin to reach back before its last `createdAt`."""
        # Repeating the whole group before the last one checks most rows, but a large one would cost most of a page.
        step = max(runs.previous, runs.last - self._most_overlap)
        if step > 0:
            return step
        # With only two groups on the page, one row of the first shows where the second begins.
        if runs.last > 1:
            return runs.last - 1
        # At the end, and without any createdAt, one repeated row is the joint.
        if not self._is_full(page) or not page.moments[-1]:
            return len(page.rows) - 1
        # Any later start hides where this group begins; the same start would return the same page forever.
        raise UnstableListingError(
            f"{len(page.rows) - runs.last:,} or more files have the same createdAt {shown(page.moments[-1], 40)}. "
            f"ImageKit lists {self._library.page_limit:,} at a time, in no fixed order among them. tagsync cannot know "
            "whether it sees all of them. Select files of this library by path or fileId only"
        )

    def _joins(self, page: Page, runs: _Runs, found: Page) -> bool:
        """Return whether a page joins the page before it, as the module's docstring defines it."""
        last = page.moments[runs.last]
        if not last and found.rows[0] == page.rows[-1]:
            return True
        if last not in found.moments or found.moments[0] == last:
            return False
        # Both pages must show the same rows in the overlap, except at the later page's own first and last createdAt,
        # whose groups it may cut.
        partly = {found.moments[0], found.moments[-1] if self._is_full(found) else ""}
        begin = page.moments.index(found.moments[0]) if found.moments[0] in page.moments else 0
        shared = zip(page.rows[begin:], page.moments[begin:], strict=True)
        return {row for row, moment in shared if moment not in partly}.issubset(found.rows)

    async def _continued(self, page: Page, runs: _Runs) -> Place | None:
        """Go on with a search for files created since the last `createdAt` but one of a page.

        This reads on where a library shows only the first N rows of any listing. The documentation gives times to
        the second, so more than N files created in one second cannot be listed.

        Returns:
            The first page of the search; None if the library does not support it.
        """
        match = _MOMENT.fullmatch(page.moments[runs.previous])
        # A search that does not begin later than the one before it would repeat it forever.
        if match is None or match[1] <= self._since:
            return None
        since = match[1]
        listing = self._library.queries.created_since(self._listing, since)
        try:
            found = await self._library.page(skip=0, listing=listing)
        except RejectedError:
            return None
        # Trust the search only if it shows all rows that are known to match, up to where its page ends.
        until = found.moments[-1] if self._is_full(found) else "9"
        # The comparison is of text, in which "9" comes after every year so far.
        shared = [row for row, moment in zip(page.rows, page.moments, strict=True) if since <= moment < until]
        if not set(shared).issubset(found.rows) or any(moment < since for moment in found.moments):
            return None
        await self.calls.drop()
        self._since, self.calls = since, _Calls(self._library, listing)
        return Place(0, found, since)

    def _is_full(self, page: Page) -> bool:
        return len(page.rows) >= self._library.page_limit

    def _advances(self, found: Page, page: Page, runs: _Runs) -> bool:
        """Return whether a full page goes further than the one before it.

        New rows of the same last `createdAt` are not progress: a library that repeats a page may show others each time.
        """
        if not page.moments[-1]:
            return _has_new(found, page)
        return found.moments[-1] != page.moments[-1] or _runs(found).last < runs.last

    def _unless_end(self, place: Place, before: Page) -> Place | None:
        return place if self._is_full(place.page) or _has_new(place.page, before) else None


def _has_new(page: Page, before: Page) -> bool:
    return not set(page.rows).issubset(before.rows)


class _NoRowsError(Exception):
    """A page has no new rows where there should be more."""


class _Calls:
    """Calls for pages of a listing that were sent ahead and not used yet.

    Args:
        library: the library.
        listing: what to list.
    """

    def __init__(self, library: Library, listing: Listing) -> None:
        self._library = library
        self._listing = listing
        self._tasks: deque[tuple[int, asyncio.Task[Page]]] = deque()

    @property
    def first(self) -> int | None:
        """The number of rows before the first page requested ahead; None if none was."""
        return self._tasks[0][0] if self._tasks else None

    async def page(self, skip: int, *, ahead: int = 1, stride: int = 0) -> Page:
        """Return a page, and keep calls for later pages in flight.

        Args:
            skip: the number of rows before the page. If pages were requested ahead, it must be that of the first one.
            ahead: the number of calls in flight, including this one.
            stride: the number of rows between the starts of two pages.
        """
        start = skip
        for start, _ in self._tasks:  # noqa: B007 - the last one counts
            pass
        while len(self._tasks) < ahead:
            start += stride if self._tasks else 0
            self._tasks.append((start, asyncio.create_task(self._library.page(skip=start, listing=self._listing))))
        _, task = self._tasks.popleft()
        return await task

    async def drop(self) -> None:
        """Cancel the calls that were sent ahead."""
        tasks = [task for _, task in self._tasks]
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
