"""Implement the library interface for ImageKit, with `wire`, `file_objects` and the HTTP client."""

import asyncio
from collections.abc import Callable, Collection
from functools import partial
from random import Random
from types import TracebackType
from typing import Any, Self

import httpx

from tagsync.errors import ProtocolError, RejectedError
from tagsync.events import Listener, ignore
from tagsync.library.http.client import HttpClient, RateLimiters
from tagsync.library.http.response import Response
from tagsync.library.imagekit import queries
from tagsync.library.imagekit.file_objects import FileReader
from tagsync.library.imagekit.limits import PAGE_LIMIT
from tagsync.library.imagekit.wire import (
    BULK_PATHS,
    FILES_PATH,
    bulk_payload,
    bulk_result,
    check_status,
    details_path,
    listing_params,
    server_words,
)
from tagsync.library.protocol import EVERYTHING, BulkReply, Listing, Page, Prepare, Queries, Traffic
from tagsync.library.reading.reread import Rereader, nothing
from tagsync.model import CurrentFile, Op, Request


class Connection:
    """A connection to one account, as an asynchronous context manager."""

    def __init__(self, http: HttpClient) -> None:
        self.queries: Queries = queries
        self._http = http

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

    @property
    def traffic(self) -> Traffic:
        """Calls sent so far, including retries."""
        return self._http.traffic


class ImageKitLibrary(Connection):
    """One account's library. Tasks may share it.

    Args:
        endpoint: a checked base URL.
        key: the private key.
        limiters: the rate limiters for reads and bulk calls.
        app: an ASGI app to call in this process instead of the endpoint.
        thumbnails: whether to keep the files' thumbnail URLs.
        fields: the files' data to keep for templates.
        objects: whether pages keep the files' JSON objects.
        page_limit: the maximum number of files on a page.
        random: the source of jitter.
        listener: receives `Retrying` for each retry, and `ApiCalls` at the end.
    """

    def __init__(
        self,
        endpoint: str,
        key: str,
        *,
        limiters: RateLimiters,
        app: Callable[..., Any] | None = None,
        thumbnails: bool = False,
        fields: Collection[str] = (),
        objects: bool = False,
        page_limit: int = PAGE_LIMIT,
        random: Random | None = None,
        listener: Listener = ignore,
    ) -> None:
        super().__init__(HttpClient(endpoint, key, limiters=limiters, app=app, random=random, listener=listener))
        self.page_limit = page_limit
        self._reader = FileReader(thumbnails=thumbnails, fields=fields, objects=objects)

    @property
    def waited(self) -> float:
        """Seconds that calls have waited for a rate limit."""
        return self._http.limiters.waited

    @property
    def read_rate(self) -> float | None:
        """Reads per second that ImageKit allows, as far as is known; None for no limit."""
        return self._http.limiters.reads.known_rate

    def file_reads(
        self, *, library_size: float, concurrency: int, on_read: Callable[[int, int], None] = nothing
    ) -> Rereader:
        """Return a reader of known files; see `Library.file_reads`."""
        return Rereader(self, library_size=library_size, concurrency=concurrency, on_read=on_read)

    async def page(self, *, skip: int, listing: Listing = EVERYTHING, limit: int | None = None) -> Page:
        """Return one page of a listing, oldest files first; see `Library.page`."""
        params = listing_params(listing, skip=skip, limit=limit or self.page_limit)
        return await self._http.get(FILES_PATH, params, partial(listing_page, self._reader))

    async def details(self, file_id: str) -> CurrentFile | None:
        """Return a file's current version; see `Library.details`."""
        if file_id in ("", ".", ".."):  # such an ID would change the path of the URL
            return None

        def parse(response: Response) -> CurrentFile | None:
            check_status(response, is_read=True)
            # A 404 proves that the file was deleted: details do not come from an index.
            if response.status == httpx.codes.NOT_FOUND:
                return None
            if response.status != httpx.codes.OK:
                words = f"ImageKit refused a file's details: {server_words(response)}"
                raise RejectedError(words, request_id=response.request_id)
            file = self._reader.details(response)
            # A cache or proxy can mix up responses. Tags of another file must not count as proof for this one.
            if file.file_id != file_id:
                raise ProtocolError("ImageKit returned the details of another file", request_id=response.request_id)
            return file

        return await self._http.get(details_path(file_id), {}, parse)

    async def bulk(self, op: Op, prepare: Prepare, stop: asyncio.Event | None = None) -> BulkReply:
        """Send a bulk call, and retry it while its outcome is unknown, because it is idempotent; see `Library.bulk`."""
        sent: list[Request] = []  # an attempt may send less than the one before, so keep what each one sent

        async def payload() -> dict[str, list[str]]:
            sent.append(await prepare())
            return bulk_payload(sent[-1])

        def parse(response: Response, attempts: int, throttled: int) -> BulkReply:
            check_status(response, is_read=False)
            repeated = attempts - throttled > 1
            return BulkReply(bulk_result(response, sent[-1]), attempts, response.request_id, sent[-1], repeated)

        return await self._http.post(BULK_PATHS[op], payload, parse, stop)


def listing_page(reader: FileReader, response: Response) -> Page:
    """Parse the response to a listing.

    Raises:
        AuthorisationError: ImageKit does not accept the key.
        RejectedError: ImageKit refused the listing.
        TransientError: the response is not a listing.
    """
    check_status(response, is_read=True)
    if response.status != httpx.codes.OK:
        is_missing = response.status == httpx.codes.NOT_FOUND
        hint = ": check the endpoint; it must not include /v1" if is_missing else ""
        words = f"ImageKit refused the listing: {server_words(response)}{hint}"
        raise RejectedError(words, request_id=response.request_id)
    return reader.page(response)
