"""Complete reads of a library, or of some of its files, from single calls; what is done with them is decided above."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from math import ceil

from tagsync.errors import AuthorisationError, LibraryError, RejectedError, UnstableListingError
from tagsync.events import FilesRead, Listener, ignore
from tagsync.library.client import Client
from tagsync.library.transport import MAX_CONNECTIONS
from tagsync.library.wire import PAGE_LIMIT
from tagsync.model import CurrentFile, CurrentState

WALKS = 3
"""How often a listing is read before its pages are given up on."""


async def read_library(client: Client, queries: Iterable[str] = (), *, listener: Listener = ignore) -> CurrentState:
    """Read all files, and which of them each searchQuery finds; a query may be refused without harm to the others.

    Raises:
        LibraryError: it could not be read completely.
    """
    before = client.traffic.reads
    files = await walk(client, listener=listener)
    answers: dict[str, frozenset[str]] = {}
    refused: dict[str, str] = {}
    for query in queries:
        try:
            found = await walk(client, query=query, listener=listener)
        except RejectedError as error:
            refused[query] = str(error)
        else:
            answers[query] = frozenset(file.file_id for file in found)
    ordered = tuple(sorted(files, key=lambda file: (file.path, file.file_id)))
    return CurrentState(ordered, answers, refused, client.traffic.reads - before)


async def walk(client: Client, *, query: str | None = None, listener: Listener = ignore) -> list[CurrentFile]:
    """Return each file of a listing once.

    The API promises no stable pages. Each page is asked for with the last row of the page before it: if the first row
    that comes is a new one, rows before it were deleted on the way and others would be missed.

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
    seen: set[str] = set()
    while True:
        page = await client.page(skip=max(0, len(seen) - 1), query=query)
        if seen and not (page.rows and page.rows[0] in seen):
            return None
        new = [row for row in page.rows if row not in seen]
        if not new:
            return list(found.values()) if len(page.rows) < PAGE_LIMIT else None
        seen.update(new)
        found.update((file.file_id, file) for file in page.files)
        listener(FilesRead(len(found), query))


async def reread(
    client: Client, file_ids: Sequence[str], *, library_size: int, concurrency: int = MAX_CONNECTIONS
) -> dict[str, CurrentFile | None]:
    """Read some files once more: one by one or by listing all, whichever takes fewer calls.

    Returns:
        Each file, None for one that is gone; a file that could not be read is left out.

    Raises:
        LibraryError: the listing could not be read, or the key is not accepted.
    """
    pages = ceil(library_size / (PAGE_LIMIT - 1)) + 1
    if len(file_ids) <= pages:
        return await details_of(client, file_ids, concurrency=concurrency)
    wanted = set(file_ids)
    listed = {file.file_id: file for file in await walk(client) if file.file_id in wanted}
    # Absence from a listing proves nothing: its index may lag.
    unlisted = [file_id for file_id in file_ids if file_id not in listed]
    return {**listed, **await details_of(client, unlisted, concurrency=concurrency)}


async def details_of(
    client: Client, file_ids: Iterable[str], *, concurrency: int = MAX_CONNECTIONS
) -> dict[str, CurrentFile | None]:
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

    workers = [asyncio.ensure_future(worker()) for _ in range(concurrency)]
    try:
        await asyncio.gather(*workers)
    finally:
        for task in workers:
            task.cancel()
    return found
