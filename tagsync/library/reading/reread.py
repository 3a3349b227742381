"""Read known files again in the fewest calls; `applying` checks what has changed in them."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import aclosing, suppress
from itertools import islice
from math import ceil, inf

from tagsync.concurrency import for_each_concurrently
from tagsync.errors import AuthorisationError, LibraryError, RejectedError, UnreadableError, UnstableListingError
from tagsync.library.protocol import EVERYTHING, Files, Library, Search
from tagsync.library.reading.pagination import MisfitError, pages
from tagsync.library.reading.reread_files import RereadFiles

FEW = 4
"""Up to this many files are always read by their details, which do not lag behind as an index may."""


def nothing(_done: int, _files: int) -> None:
    """Show no progress."""


class Rereader:
    """Reads known files of one library again, and remembers whether the library supports searches by ID.

    Args:
        library: the library.
        library_size: about how many files the library has; infinite if unknown.
        concurrency: the maximum number of concurrent calls.
        on_read: called during each reading, with how many of its files were read and how many it has.
    """

    def __init__(
        self,
        library: Library,
        *,
        library_size: float,
        concurrency: int,
        on_read: Callable[[int, int], None] = nothing,
    ) -> None:
        self._library = library
        self._pages = ceil(library_size / library.page_limit) if library_size < inf else inf
        self._concurrency = concurrency
        self._on_read = on_read
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
        searches, count = self._searches(file_ids), self._counter(len(file_ids))
        if searches:
            found = await self._search(searches, count)
            if found is None:
                return await self.many(file_ids)
        elif len(file_ids) <= self._pages:
            return await self.singly(file_ids)
        else:
            found = await self._list(set(file_ids), count)
        # An index may lag, so a file that it does not show may still exist: only its details can tell.
        return await self._completed(found, [file_id for file_id in file_ids if file_id not in found], count)

    def _counter(self, files: int) -> Callable[[int], None]:
        """Return a function that is called with the number of files that a call read, and reports their total."""
        done = 0

        def count(more: int) -> None:
            nonlocal done
            done = min(files, done + more)
            self._on_read(done, files)

        return count

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
        wanted = list(file_ids)
        return await self._completed({}, wanted, self._counter(len(wanted)))

    async def _completed(self, found: Files, file_ids: Sequence[str], count: Callable[[int], None]) -> Files:
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
            count(1)

        await for_each_concurrently(file_ids, read, concurrency=self._concurrency)
        if errors and not found:
            raise errors[-1]
        return found

    async def _search(self, searches: Sequence[Search], count: Callable[[int], None]) -> Files | None:
        """Return the files that searches by ID find; None if the library does not support such searches."""
        found = RereadFiles()

        async def read(search: Search) -> bool:
            """Add the files that a search finds; return whether it finds files, and only those it looks for."""
            page = await self._library.page(skip=0, listing=search.listing)
            files = [file for file in page.files if file.file_id in search.texts]
            found.add(files)
            count(len(files))
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

    async def _list(self, wanted: set[str], count: Callable[[int], None]) -> Files:
        """List files until all wanted ones are found, and return them; remove them from `wanted`."""
        found = RereadFiles()
        # The caller reads the details of what a listing does not show, so it may stop at any page.
        with suppress(MisfitError, RejectedError, UnstableListingError):
            async with aclosing(pages(self._library, EVERYTHING, concurrency=self._concurrency)) as listing:
                async for page in listing:
                    files = [file for file in page.files if file.file_id in wanted]
                    found.add(files)
                    wanted.difference_update(file.file_id for file in files)
                    count(len(files))
                    if not wanted:
                        break
        return found
