"""Complete reads of a library from single calls; reading some of its files once more is in `reread`."""

from collections.abc import Iterable

from tagsync.errors import RejectedError, UnstableListingError
from tagsync.events import FilesRead, Listener, ignore
from tagsync.library.client import Client
from tagsync.library.fileobjects import PAGE_LIMIT
from tagsync.model import CurrentFile, CurrentState

WALKS = 3
"""How often a listing is read before its pages are given up on."""


async def read_library(
    client: Client, queries: Iterable[str] = (), *, thumbnails: bool = False, listener: Listener = ignore
) -> CurrentState:
    """Read all files, and which of them each searchQuery finds; a query may be refused without harm to the others.

    Args:
        client: the library.
        queries: what to search for.
        thumbnails: whether the files' thumbnails are kept too.
        listener: told of progress.

    Raises:
        LibraryError: it could not be read completely.
    """
    before = client.traffic.reads
    kept: dict[str, str] = {}
    files = await walk(client, thumbnails=kept if thumbnails else None, listener=listener)
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
    return CurrentState(ordered, answers, refused, client.traffic.reads - before, kept)


async def walk(
    client: Client,
    *,
    query: str | None = None,
    thumbnails: dict[str, str] | None = None,
    listener: Listener = ignore,
) -> list[CurrentFile]:
    """Return each file of a listing once.

    The API promises no stable pages. Each page is asked for with the last row of the page before it: if the first row
    that comes is a new one, rows before it were deleted on the way and others would be missed.

    Args:
        client: the library.
        query: a searchQuery; without one, all files.
        thumbnails: takes the files' thumbnails by file id; without it none are kept.
        listener: told of progress.

    Raises:
        UnstableListingError: the pages did not fit together in any of three walks.
        LibraryError: a page could not be read.
    """
    for _ in range(WALKS):
        found = await _walk_once(client, query, thumbnails, listener)
        if found is not None:
            return found
    raise UnstableListingError(
        f"the library's pages did not fit together in {WALKS} readings: it changes while it is read, or its pages "
        "repeat; run again when it is quieter"
    )


async def _walk_once(
    client: Client, query: str | None, thumbnails: dict[str, str] | None, listener: Listener
) -> list[CurrentFile] | None:
    """Return the files of one walk through the pages; None if the pages do not fit together."""
    found: dict[str, CurrentFile] = {}
    seen: set[str] = set()
    while True:
        page = await client.page(skip=max(0, len(seen) - 1), query=query, thumbnails=thumbnails is not None)
        if seen and not (page.rows and page.rows[0] in seen):
            return None
        new = [row for row in page.rows if row not in seen]
        if not new:
            return list(found.values()) if len(page.rows) < PAGE_LIMIT else None
        seen.update(new)
        found.update((file.file_id, file) for file in page.files)
        if thumbnails is not None:
            thumbnails.update(page.thumbnails)
        listener(FilesRead(len(found), query))
