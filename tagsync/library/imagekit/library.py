"""ImageKit's library: its calls, put together of `wire`, `files` and an HTTP client."""

import asyncio
from collections.abc import Callable
from random import Random
from types import TracebackType
from typing import Any, Self

import httpx

from tagsync.errors import ProtocolError, RejectedError
from tagsync.library.http.answer import Answer
from tagsync.library.http.client import HttpClient, RateLimiters
from tagsync.library.imagekit.file_objects import PAGE_LIMIT, FileReader
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
from tagsync.library.protocol import EVERYTHING, BulkReply, Listing, Page, Prepare, Traffic
from tagsync.library.reading.reread import Rereader
from tagsync.model import CurrentFile, Op, Request


class ImageKitLibrary:
    """One account's library. An asynchronous context manager; safe for many tasks at once.

    Args:
        endpoint: a checked base URL.
        key: the private key.
        limiters: the paces of reads and bulk calls.
        app: an ASGI application to call in this process instead of the endpoint.
        thumbnails: whether files' thumbnails are kept.
        page_limit: how many files a page holds at most.
        random: where jitter comes from.
    """

    def __init__(
        self,
        endpoint: str,
        key: str,
        *,
        limiters: RateLimiters,
        app: Callable[..., Any] | None = None,
        thumbnails: bool = False,
        page_limit: int = PAGE_LIMIT,
        random: Random | None = None,
    ) -> None:
        self.page_limit = page_limit
        self._http = HttpClient(endpoint, key, limiters=limiters, app=app, random=random)
        self._reader = FileReader(thumbnails=thumbnails)

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

    @property
    def traffic(self) -> Traffic:
        """Calls sent so far, counted on the wire."""
        return self._http.traffic

    @property
    def reads_waited(self) -> float:
        """Seconds for which a rate limit held up all reads."""
        return self._http.limiters.reads.waited

    @property
    def bulk_waited(self) -> float:
        """Seconds for which a rate limit held up all bulk calls."""
        return self._http.limiters.bulk.waited

    def file_reads(self, *, library_size: float, concurrency: int) -> Rereader:
        """Return a reader of single files of a library of about this size, infinite if that is unknown."""
        return Rereader(self, library_size=library_size, concurrency=concurrency)

    async def page(self, *, skip: int, listing: Listing = EVERYTHING, limit: int | None = None) -> Page:
        """Return one page of a listing, oldest files first; see `Library.page`."""
        params = listing_params(listing, skip=skip, limit=limit or self.page_limit)
        return await self._http.get(FILES_PATH, params, self._page)

    def _page(self, answer: Answer) -> Page:
        check_status(answer, is_read=True)
        if answer.status != httpx.codes.OK:
            is_missing = answer.status == httpx.codes.NOT_FOUND
            hint = ": check the endpoint, which is given without /v1" if is_missing else ""
            words = f"the listing was refused: {server_words(answer)}{hint}"
            raise RejectedError(words, request_id=answer.request_id)
        return self._reader.page(answer)

    async def details(self, file_id: str) -> CurrentFile | None:
        """Return a file's current version; see `Library.details`.

        An ID that a URL would take for a folder's name is no file's.
        """
        if file_id in ("", ".", ".."):
            return None

        def parse(answer: Answer) -> CurrentFile | None:
            check_status(answer, is_read=True)
            if answer.status == httpx.codes.NOT_FOUND:
                return None
            if answer.status != httpx.codes.OK:
                words = f"a file's details were refused: {server_words(answer)}"
                raise RejectedError(words, request_id=answer.request_id)
            file = self._reader.details(answer)
            if file.file_id != file_id:
                raise ProtocolError(
                    "the library sent another file than the one asked for", request_id=answer.request_id
                )
            return file

        return await self._http.get(details_path(file_id), {}, parse)

    async def bulk(self, op: Op, prepare: Prepare, stop: asyncio.Event | None = None) -> BulkReply:
        """Send one bulk call, again if its outcome is unknown: setting tags is idempotent. See `Library.bulk`."""
        sent: list[Request] = []

        async def payload() -> dict[str, list[str]]:
            sent.append(await prepare())
            return bulk_payload(sent[-1])

        def parse(answer: Answer, attempts: int) -> BulkReply:
            check_status(answer, is_read=False)
            return BulkReply(bulk_result(answer, sent[-1]), attempts, answer.request_id, sent[-1])

        return await self._http.post(BULK_PATHS[op], payload, parse, stop)
