"""Complete reads of a library, or of some of its files, from single calls; what is done with them is decided above."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from math import ceil

from tagsync.errors import AuthorisationError, LibraryError, UnstableListingError
from tagsync.events import FilesRead, Listener, ignore
from tagsync.library.client import Client
from tagsync.library.transport import MAX_CONNECTIONS
from tagsync.library.wire import PAGE_LIMIT, ListedFile, Page
from tagsync.model import CurrentFile, CurrentState

WALKS = 3
"""How often a listing is read before its pages are given up on."""


async def read_library(client: Client, queries: Iterable[str] = (), *, listener: Listener = ignore) -> CurrentState:
    """Read all files, and which of them each searchQuery finds.

    Raises:
        LibraryError: it could not be read completely.
    """
    before = client.traffic.reads
    files = await walk(client, listener=listener)
    answers = {}
    for query in queries:
        found = await walk(client, query=query, listener=listener)
        answers[query] = frozenset(file.file_id for file in found)
    ordered = tuple(sorted(files, key=lambda file: (file.path, file.file_id)))
    return CurrentState(ordered, answers, client.traffic.reads - before)


async def walk(client: Client, *, query: str | None = None, listener: Listener = ignore) -> list[CurrentFile]:
    """Return each file of a listing once.

    The API promises no stable pages. Each page is asked for with the last file of the page before it: if that file,
    or one created at the same moment, does not come first, files were deleted on the way and others would be missed.

    Raises:
        UnstableListingError: the pages did not fit together in any of three walks.
        LibraryError: a page could not be read.
    """
    for _ in range(WALKS):
        found = await _walk_once(client, query, listener)
        if found is not None:
            return found
    raise UnstableListingError(
        f"the library's pages did not fit together in {WALKS} readings: it changes while it is read, or its pages "
        "repeat; run again when it is quieter"
    )


async def _walk_once(client: Client, query: str | None, listener: Listener) -> list[CurrentFile] | None:
    """Return the files of one walk through the pages; None if the pages do not fit together."""
    found: dict[str, CurrentFile] = {}
    last: ListedFile | None = None
    rows = 0
    while True:
        page = await client.page(skip=max(0, rows - 1), query=query)
        overlap = 1 if rows else 0
        if last and not _continues(page, last):
            return None
        if page.rows <= overlap:
            return list(found.values())
        known = len(found)
        for listed in page.files:
            found[listed.file.file_id] = listed.file
            last = listed
        if page.files and len(found) == known:
            return None
        rows += page.rows - overlap
        listener(FilesRead(len(found), query))


def _continues(page: Page, last: ListedFile) -> bool:
    return bool(page.files) and page.files[0].created <= last.created


async def reread(client: Client, file_ids: Sequence[str], *, library_size: int) -> dict[str, CurrentFile | None]:
    """Read some files once more: one by one or by listing all, whichever takes fewer calls.

    Returns:
        Each file, None for one that is gone; a file that could not be read is left out.

    Raises:
        LibraryError: the listing could not be read, or the key is not accepted.
    """
    pages = ceil(library_size / (PAGE_LIMIT - 1)) + 1
    if len(file_ids) <= pages:
        return await details_of(client, file_ids)
    wanted = set(file_ids)
    listed = {file.file_id: file for file in await walk(client) if file.file_id in wanted}
    # Absence from a listing proves nothing: its index may lag.
    return {**listed, **await details_of(client, [file_id for file_id in file_ids if file_id not in listed])}


async def details_of(client: Client, file_ids: Iterable[str]) -> dict[str, CurrentFile | None]:
    """Read files one by one; one that could not be read is left out.

    Raises:
        AuthorisationError: the key is not accepted.
    """
    found: dict[str, CurrentFile | None] = {}
    remaining: Iterator[str] = iter(file_ids)

    async def worker() -> None:
        for file_id in remaining:
            try:
                found[file_id] = await client.details(file_id)
            except AuthorisationError:
                raise
            except LibraryError:
                continue  # left out: its outcome stays unknown, and the report says so

    workers = [asyncio.ensure_future(worker()) for _ in range(MAX_CONNECTIONS)]
    try:
        await asyncio.gather(*workers)
    finally:
        for task in workers:
            task.cancel()
    return found
