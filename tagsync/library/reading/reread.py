"""Read files of a library again in the fewest calls; `applying` checks what has changed in them."""

from collections.abc import Iterable, Sequence
from itertools import islice
from math import ceil, inf

from tagsync.concurrency import for_each_concurrently
from tagsync.errors import AuthorisationError, LibraryError, RejectedError, UnreadableError
from tagsync.library.imagekit.queries import Search, by_ids
from tagsync.library.protocol import Files, Library, Listing
from tagsync.library.reading.reread_files import RereadFiles

FEW = 4
"""Up to this many files are read by their details at once, which never lag and cost next to nothing."""


class Rereader:
    """Reads files of one library again; it remembers whether the library can be searched by id.

    Args:
        library: the library.
        library_size: how many files a full listing holds, about; infinite where that is not known.
        concurrency: calls in flight at most.
    """

    def __init__(self, library: Library, *, library_size: float, concurrency: int) -> None:
        self._library = library
        self._pages = ceil(library_size / library.page_limit) if library_size < inf else inf
        self._concurrency = concurrency
        self._tried = False
        self.searchable = True
        """Whether, as far as is known, the library answers searches by id (documentation: newer accounts)."""

    async def many(self, file_ids: Sequence[str]) -> Files:
        """Read files in the fewest calls: one by one, by searches, or by listing all.

        Absence from an index proves nothing, for it may lag: such files are read by their details.

        Raises:
            LibraryError: a search or the listing could not be read, or the key is not accepted.
        """
        if len(file_ids) <= FEW:
            return await self.singly(file_ids)
        searches = list(by_ids(file_ids)) if self.searchable else []
        if searches and len(searches) <= self._pages:
            found = await self._search(searches)
            if found is None:
                return await self.many(file_ids)
        elif len(file_ids) <= self._pages:
            return await self.singly(file_ids)
        else:
            found = await self._list(set(file_ids))
        return await self._completed(found, [file_id for file_id in file_ids if file_id not in found])

    async def singly(self, file_ids: Iterable[str]) -> Files:
        """Read files one by one, by their details.

        Raises:
            AuthorisationError: the key is not accepted.
            LibraryError: not one of them could be read.
        """
        return await self._completed({}, file_ids)

    async def _completed(self, found: Files, file_ids: Iterable[str]) -> Files:
        """Add files to others that were found, by their details; raise if there is nothing but faults."""
        faults: list[LibraryError] = []

        async def read(file_id: str) -> None:
            try:
                found[file_id] = await self._library.details(file_id)
            except AuthorisationError:
                raise
            except UnreadableError:
                pass  # nothing is known of this file, which says nothing of others
            except LibraryError as error:
                faults.append(error)  # left out: whoever asked says that nothing is known of it

        await for_each_concurrently(file_ids, read, concurrency=self._concurrency)
        if faults and not found:
            raise faults[-1]
        return found

    async def _search(self, searches: Sequence["Search"]) -> Files | None:
        """Return what searches by id find; None if the library does not answer them as it should."""
        found = RereadFiles()

        async def read(search: Search) -> bool:
            """Add what a search finds; tell whether it finds files, and none but those that it asks for."""
            page = await self._library.page(skip=0, listing=Listing(search.query))
            files = [file for file in page.files if file.file_id in search.texts]
            found.add(files)
            return 0 < len(files) == len(page.files)

        try:
            if not self._tried:
                # The first one alone: a library that cannot do it need not be asked again and again.
                # One that ignores the ids finds others; one that does not know the field may find nothing.
                self.searchable = await read(searches[0]) or await self._finds_a_known_file(searches[0].texts)
            if self.searchable:
                await for_each_concurrently(searches[0 if self._tried else 1 :], read, concurrency=self._concurrency)
            self._tried = True
        except RejectedError:
            self.searchable = await self._finds_a_known_file(searches[0].texts)
        return found if self.searchable else None

    async def _finds_a_known_file(self, file_ids: Iterable[str]) -> bool:
        """Tell whether a search by ID finds just the one file that it asks for; it is known by its details to exist.

        If none of the first files exists, nothing is known against searches.
        """
        for file_id in islice(file_ids, FEW):
            try:
                known = await self._library.details(file_id)
                if known is None:
                    continue
                page = await self._library.page(skip=0, listing=Listing(next(by_ids([file_id])).query))
            except UnreadableError:
                continue
            except RejectedError:
                return False
            return [file.file_id for file in page.files] == [file_id]
        return True

    async def _list(self, wanted: set[str]) -> Files:
        """Return those of some files that a listing shows; what its pages miss between them is no loss."""
        found = RereadFiles()

        async def read(number: int) -> None:
            page = await self._library.page(skip=number * self._library.page_limit)
            found.update((file.file_id, file) for file in page.files if file.file_id in wanted)

        await for_each_concurrently(range(ceil(self._pages)), read, concurrency=self._concurrency)
        return found
