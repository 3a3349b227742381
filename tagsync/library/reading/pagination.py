"""Read a listing page by page, several calls at once, without missing a file.

ImageKit sorts a listing by `createdAt`, which never changes. Among files of the same `createdAt` it promises no order,
and not the same one in two responses. A page is joined to the one before it only if it reaches back behind the last
`createdAt` c of that page: it has to show a row of another `createdAt` right before its first row of c.

No file is missed then. A file that is there all the time has one `createdAt`. If that is before c, the file is in the
earlier page or those before that: the page shows rows of c, so it goes on past everything older. If it is c or later,
the file is in the later page or those behind that, because this one begins before c. The order within a `createdAt`
plays no part in this, nor does what is deleted or uploaded meanwhile.

ImageKit gives each file a `createdAt`. Of a library that gives none, the next page has to begin with the very row that
ended the one before.

Deletions move all later rows forward, so the next page may begin too late. It is not joined then, and the listing is
read again from its beginning. The same happens if a row that both pages should show is missing in the later one.
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
from tagsync.library.imagekit.queries import created_since
from tagsync.library.protocol import EVERYTHING, Library, Listing, Page

WALKS = 3
"""How often a listing is read before its pages are given up on."""

_FULL_PER_CALL = 4
"""How many pages have to be full before one more is requested ahead: small libraries cost no needless calls."""

_LARGEST_OVERLAP = 0.1
"""Pages overlap by at most this part, or by the rows of one `createdAt` if these are more."""

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
    """Read a listing to its end, again from its beginning where its pages do not join.

    Args:
        library: the library.
        listing: what is listed.
        begin: called before the first page of each walk: what was taken before no longer counts.
        take: called with each page; a file may come twice all the same.
        first: its first page, if it was read already.
        concurrency: calls in flight at most.

    Raises:
        UnstableListingError: the pages did not join in any of three walks, or one page cannot show all files of one
            `createdAt`.
        LibraryError: a page could not be read.
    """
    for _ in range(WALKS):
        begin()
        page, first = first, None
        try:
            async with aclosing(pages(library, listing, first=page, concurrency=concurrency)) as found:
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
    """The pages of one walk do not join."""


async def pages(
    library: Library, listing: Listing, *, first: Page | None = None, concurrency: int = 1
) -> AsyncGenerator[Page, None]:
    """Yield the pages of a listing, each without the files of the page before it.

    Raises:
        MisfitError: the pages do not join.
        UnstableListingError: one page cannot show all files of one `createdAt`.
        LibraryError: a page could not be read.
    """
    walking = _Walking(library, listing, concurrency)
    try:
        place: _Place | None = _Place(0, await walking.calls.page(0) if first is None else first)
        before = Page((), ())
        while place and place.page.rows:
            yield _without(place.page, before)
            before = place.page
            place = await walking.after(place)
    finally:
        await walking.calls.drop()


def _without(page: Page, before: Page) -> Page:
    """Return a page without the files of the page before it."""
    known = {file.file_id for file in before.files}
    return replace(page, files=tuple([file for file in page.files if file.file_id not in known]))


class _Place(NamedTuple):
    """A page, and how many rows of its listing lie before it."""

    skip: int
    page: Page


class _Runs(NamedTuple):
    """Where the last and the last but one `createdAt` of a page begin, and how many rows the largest group has."""

    last: int
    previous: int
    largest: int


def _runs(page: Page) -> _Runs:
    lengths = [sum(1 for _ in rows) for _, rows in groupby(page.moments)]
    last = len(page.moments) - lengths[-1]
    return _Runs(last, last - lengths[-2] if len(lengths) > 1 else 0, max(lengths))


class _Walking:
    """One walk through a listing.

    Args:
        library: the library.
        listing: what is listed.
        concurrency: calls in flight at most.
    """

    def __init__(self, library: Library, listing: Listing, concurrency: int) -> None:
        self._library = library
        self._listing = listing
        self._concurrency = concurrency
        self._since = ""
        self._full = 0
        self._overlap = 2
        self._most_overlap = max(2, int(library.page_limit * _LARGEST_OVERLAP))
        self.calls = _Calls(library, listing)

    async def after(self, place: _Place) -> _Place | None:
        """Return the page behind another one; None at the end of the listing."""
        skip, page = place
        is_full, runs = self._is_full(page), _runs(page)
        self._full += is_full
        if not is_full:
            await self.calls.drop()  # what lies behind a short page begins elsewhere than expected
            # It may be short, and the next one have nothing new, because the library shows no more than so many rows.
            if skip and (found := await self._continued(page, runs)):
                return self._unless_end(found, page)
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

    async def _next(self, place: _Place, runs: _Runs) -> _Place | None:
        """Return the next page by the number of rows before it.

        Raises:
            RejectedError: the library refuses it.
            _NoRowsError: it has no rows that the page before did not have, and is not the end.
            MisfitError: it does not join.
        """
        skip, page = place
        start = self.calls.first
        if start is not None and skip < start < skip + runs.last:
            found = await self._page(start)
            if self._joins(page, runs, found) and (not self._is_full(found) or self._advances(found, page, runs)):
                return _Place(start, found)
        await self.calls.drop()
        start = skip + self._step(page, runs)
        found = await self._page(start)
        if not found.rows or (self._is_full(found) and not self._advances(found, page, runs)):
            raise _NoRowsError
        # A page that was not full has shown the end of the listing; all that is asked is whether more has come.
        at_end = not self._is_full(page) and not _has_new(found, page)
        if not at_end and not self._joins(page, runs, found):
            raise MisfitError
        return self._unless_end(_Place(start, found), page)

    async def _page(self, start: int) -> Page:
        ahead = min(self._concurrency, 1 + self._full // _FULL_PER_CALL)
        return await self.calls.page(start, ahead=ahead, stride=self._library.page_limit - self._overlap)

    def _step(self, page: Page, runs: _Runs) -> int:
        """Return in which row of a page the next one is to begin: before its last `createdAt`."""
        step = max(runs.previous, runs.last - self._most_overlap)
        if step > 0:
            return step
        if runs.last > 1:
            return runs.last - 1
        if not self._is_full(page) or not page.moments[-1]:
            return len(page.rows) - 1
        raise UnstableListingError(
            f"{len(page.rows) - runs.last:,} files or more have the createdAt {shown(page.moments[-1], 40)}, and "
            f"ImageKit lists {self._library.page_limit:,} at a time without a fixed order among them: tagsync cannot "
            "tell whether it sees all; declare files of this library by path or fileId only"
        )

    def _joins(self, page: Page, runs: _Runs, found: Page) -> bool:
        """Tell whether a page shows all that comes from the last `createdAt` of the page before it on."""
        last = page.moments[runs.last]
        if not last and found.rows[0] == page.rows[-1]:
            return True
        if last not in found.moments or found.moments[0] == last:
            return False
        # Of its own first and last createdAt, the later page shows only some rows.
        partly = {found.moments[0], found.moments[-1] if self._is_full(found) else ""}
        begin = page.moments.index(found.moments[0]) if found.moments[0] in page.moments else 0
        shared = zip(page.rows[begin:], page.moments[begin:], strict=True)
        return {row for row, moment in shared if moment not in partly}.issubset(found.rows)

    async def _continued(self, page: Page, runs: _Runs) -> _Place | None:
        """Return what was created since the last but one `createdAt` of a page, and go on from there.

        A library may show only so many rows of a listing, however many it has. The documentation knows moments to the
        second; if more files were created in one second than such a library shows, they cannot be listed.

        Returns:
            The first page of that; None if the library does not answer such a search as it should.
        """
        match = _MOMENT.fullmatch(page.moments[runs.previous])
        if match is None or match[1] <= self._since:
            return None
        since = match[1]
        listing = created_since(self._listing, since)
        try:
            found = await self._library.page(skip=0, listing=listing)
        except RejectedError:
            return None
        # Of one second there may be more than a page shows; those that come next are read from there on.
        until = found.moments[-1] if self._is_full(found) else "9"
        shared = [row for row, moment in zip(page.rows, page.moments, strict=True) if since <= moment < until]
        if not set(shared).issubset(found.rows) or any(moment < since for moment in found.moments):
            return None
        await self.calls.drop()
        self._since, self.calls = since, _Calls(self._library, listing)
        return _Place(0, found)

    def _is_full(self, page: Page) -> bool:
        return len(page.rows) >= self._library.page_limit

    def _advances(self, found: Page, page: Page, runs: _Runs) -> bool:
        """Tell whether a full page goes further than the one before it.

        Other rows of the last `createdAt` are no progress: a library may show them each time it repeats a page.
        """
        if not page.moments[-1]:
            return _has_new(found, page)
        return found.moments[-1] != page.moments[-1] or _runs(found).last < runs.last

    def _unless_end(self, place: _Place, before: Page) -> _Place | None:
        return place if self._is_full(place.page) or _has_new(place.page, before) else None


def _has_new(page: Page, before: Page) -> bool:
    return not set(page.rows).issubset(before.rows)


class _NoRowsError(Exception):
    """A page shows nothing, or only what another one has shown, where more rows should be."""


class _Calls:
    """Calls for pages of a listing that are in flight, or done and not yet used.

    Args:
        library: the library.
        listing: what is listed.
    """

    def __init__(self, library: Library, listing: Listing) -> None:
        self._library = library
        self._listing = listing
        self._tasks: deque[tuple[int, asyncio.Task[Page]]] = deque()

    @property
    def first(self) -> int | None:
        """How many rows lie before the first page that was requested ahead; None if none was."""
        return self._tasks[0][0] if self._tasks else None

    async def page(self, skip: int, *, ahead: int = 1, stride: int = 0) -> Page:
        """Return a page, and keep `ahead` calls in flight, including this one, each `stride` rows behind the other.

        If other pages were requested ahead, `skip` is that of the first one.
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
        """Cancel the calls that nobody has waited for."""
        tasks = [task for _, task in self._tasks]
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
