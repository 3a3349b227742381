"""Read known files again in the fewest calls; `applying` checks what has changed in them."""

from collections.abc import Iterable, Sequence
from contextlib import aclosing
from itertools import islice
from math import ceil, inf

from tagsync.concurrency import for_each_concurrently
from tagsync.errors import AuthorisationError, LibraryError, RejectedError, UnreadableError, UnstableListingError
from tagsync.library.protocol import EVERYTHING, Files, Library, Search
from tagsync.library.reading.pagination import MisfitError, pages
from tagsync.library.reading.reread_files import RereadFiles

FEW = 4
"""Up to this many files are always read by their details, which do not lag behind as an index may."""


_OVERLAPPING = 1.1
"""How many times more pages than full ones a listing may have, because pages overlap by a tenth at most."""


class Rereader:
    """Reads known files of one library again, and remembers whether the library supports searches by ID.

    Args:
        library: the library.
        library_size: about how many files the library has; infinite if unknown.
        concurrency: the maximum number of concurrent calls.
    """

    def __init__(self, library: Library, *, library_size: float, concurrency: int) -> None:
        self._library = library
        self._pages = ceil(library_size / library.page_limit) if library_size < inf else inf
        self._concurrency = concurrency
        self._tried = False
        self.searchable = True
        """Whether the library supports searches by ID (documentation: newer accounts), as far as is known."""

    async def many(self, file_ids: Sequence[str]) -> Files:
        """Read files by their details, by searches, or by listing all, whichever takes the fewest calls.

        Args:
            file_ids: the files.

        Returns:
            The files by ID; None for a deleted one. A file that could not be read has no item.

        Raises:
            LibraryError: a search or the listing failed, or ImageKit does not accept the key.
        """
        # Each branch compares numbers of calls: one for each file, one for each search, or one for each page.
        if len(file_ids) <= FEW:
            return await self.singly(file_ids)
        searches = self._searches(file_ids)
        if searches:
            found = await self._search(searches)
            if found is None:
                return await self.many(file_ids)
        elif len(file_ids) <= self._pages:
            return await self.singly(file_ids)
        else:
            found = await self._list(set(file_ids))
        # An index may lag, so a file that it does not show may still exist: only its details can tell.
        return await self._completed(found, [file_id for file_id in file_ids if file_id not in found])

    def _searches(self, file_ids: Sequence[str]) -> list[Search]:
        """Return searches that find files; none if the library has none, or listing all files takes fewer calls."""
        if not self.searchable:
            return []
        # Searches for a million files take more memory than the files: make no more than could be used.
        limit = None if self._pages == inf else int(self._pages) + 1
        searches = list(islice(self._library.queries.by_ids(file_ids), limit))
        return searches if len(searches) <= self._pages else []

    async def singly(self, file_ids: Iterable[str]) -> Files:
        """Read the details of each file, one call for each.

        Raises:
            AuthorisationError: ImageKit does not accept the key.
            LibraryError: none of the files could be read.
        """
        return await self._completed({}, file_ids)

    async def _completed(self, found: Files, file_ids: Iterable[str]) -> Files:
        """Read files by their details and add them to `found`; raise if there is nothing but errors."""
        errors: list[LibraryError] = []

        async def read(file_id: str) -> None:
            try:
                found[file_id] = await self._library.details(file_id)
            except AuthorisationError:
                raise
            except UnreadableError:
                pass  # this file stays unknown; others can still be read
            except LibraryError as error:
                errors.append(error)  # this file stays unknown, and the caller reports it so

        await for_each_concurrently(file_ids, read, concurrency=self._concurrency)
        if errors and not found:
            raise errors[-1]
        return found

    async def _search(self, searches: Sequence[Search]) -> Files | None:
        """Return the files that searches by ID find; None if the library does not support such searches."""
        found = RereadFiles()

        async def read(search: Search) -> bool:
            """Add the files that a search finds; return whether it finds files, and only those it looks for."""
            page = await self._library.page(skip=0, listing=search.listing)
            files = [file for file in page.files if file.file_id in search.texts]
            found.add(files)
            return 0 < len(files) == len(page.files)

        try:
            if not self._tried:
                # Try the first search alone, to save the others if the library does not support them.
                # A library that ignores the IDs finds other files; one that does not know the field may find none.
                self.searchable = await read(searches[0]) or await self._finds_a_known_file(searches[0].texts)
            if self.searchable:
                await for_each_concurrently(searches[0 if self._tried else 1 :], read, concurrency=self._concurrency)
            self._tried = True
        except RejectedError:
            self.searchable = await self._finds_a_known_file(searches[0].texts)
        return found if self.searchable else None

    async def _finds_a_known_file(self, file_ids: Iterable[str]) -> bool:
        """Return whether a search by ID finds exactly a file that exists, according to its details.

        If none of the first files exists, nothing speaks against searches, and the result is True.
        """
        for file_id in islice(file_ids, FEW):
            try:
                known = await self._library.details(file_id)
                if known is None:
                    continue
                search = next(self._library.queries.by_ids([file_id]))
                page = await self._library.page(skip=0, listing=search.listing)
            except UnreadableError:
                continue
            except RejectedError:
                return False
            return [file.file_id for file in page.files] == [file_id]
        return True

    async def _list(self, wanted: set[str]) -> Files:
        """List the library until the wanted files are found; the caller reads the others by their details."""
        found, left = RereadFiles(), set(wanted)
        # Pages overlap, so a listing has a few more of them than a library of this size fills.
        most = max(self._pages, int(self._pages * _OVERLAPPING))
        number = 0
        try:
            async with aclosing(pages(self._library, EVERYTHING, concurrency=self._concurrency)) as listing:
                async for page in listing:
                    number += 1
                    files = [file for file in page.files if file.file_id in left]
                    found.add(files)
                    left.difference_update(file.file_id for file in files)
                    if not left or number >= most:
                        break
        except (RejectedError, UnstableListingError, MisfitError):
            pass  # what is left is read by its details, which need no listing
        return found
