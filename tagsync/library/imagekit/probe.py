"""Send single calls and return each response as it is, for `tagsync doctor`; `library` interprets and retries calls."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from math import inf
from random import Random
from typing import Any, Generic, TypeVar

from tagsync.errors import ProtocolError, ServerFaultError, TransientError, UnreadableError
from tagsync.events import Listener
from tagsync.library.http.client import HttpClient, RateLimiters
from tagsync.library.http.proxy import proxy_for
from tagsync.library.http.rate_limits import Window, rate_limits
from tagsync.library.http.response import Response
from tagsync.library.http.retry import backoff
from tagsync.library.imagekit.file_objects import FileReader
from tagsync.library.imagekit.library import Connection, listing_page
from tagsync.library.imagekit.limits import PAGE_LIMIT
from tagsync.library.imagekit.wire import (
    BULK_PATHS,
    FILES_PATH,
    bulk_payload,
    bulk_result,
    details_path,
    json_body,
    listing_params,
    server_words,
)
from tagsync.library.protocol import EVERYTHING, Listing, Page
from tagsync.model import BulkResult, CurrentFile, Op, Request

ATTEMPTS = 3
"""The maximum number of times a call is sent: a 429 or an occasional 5xx tells nothing about the question."""

_GRACE = 4.0
"""Seconds that a call in flight gets to end after an interrupt."""

T = TypeVar("T")


class SpentError(Exception):
    """The allowed number of calls is used up."""


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """A response.

    Attributes:
        status: the HTTP status.
        words: ImageKit's message, if any.
        content: the parsed body; None if ImageKit refused a read, or if the body cannot be used.
    """

    status: int
    words: str
    content: T | None = None


@dataclass(frozen=True, slots=True)
class Announcement:
    """The rate limits in the headers of one response.

    Attributes:
        writes: whether the call was one that changes tags.
        succeeded: whether its status was 200.
        windows: the announced limits; empty if there were none.
    """

    writes: bool
    succeeded: bool
    windows: tuple[Window, ...]


@dataclass(frozen=True, slots=True)
class Route:
    """How calls reach the library.

    Attributes:
        is_remote: whether calls leave this machine.
        proxy: the proxy and the variable that names it; empty for none.
    """

    is_remote: bool
    proxy: str


class Probe(Connection):
    """Sends calls one at a time, and records what their headers say.

    Args:
        endpoint: a checked base URL, or a name for an app.
        key: the private key.
        limiters: the rate limiters for reads and bulk calls.
        app: an ASGI app to call in this process instead of the endpoint.
        listener: receives `ApiCalls` at the end.
        random: the source of jitter.

    Attributes:
        announced: the rate limits in each response.
        most_reads: the maximum number of reads, including those already sent.
        skews: how many seconds the server's clock is ahead of this machine's, as far as that is certain.
    """

    def __init__(
        self,
        endpoint: str,
        key: str,
        *,
        limiters: RateLimiters,
        app: Callable[..., Any] | None,
        listener: Listener,
        random: Random | None = None,
    ) -> None:
        self._random = random or Random()  # noqa: S311 - jitter, not a secret
        super().__init__(HttpClient(endpoint, key, limiters=limiters, app=app, random=self._random, listener=listener))
        self.page_limit = PAGE_LIMIT
        self.announced: list[Announcement] = []
        self.skews: list[float] = []
        self.most_reads = inf
        self._reader = FileReader()
        self._endpoint, self._in_process = endpoint, app is not None

    @property
    def route(self) -> Route:
        """How calls reach the library."""
        if self._in_process:
            return Route(is_remote=False, proxy="")
        proxy = proxy_for(self._endpoint)
        is_remote = self._endpoint.lower().startswith("https:")
        return Route(is_remote, str(proxy) if proxy else "")

    async def first_page(self) -> Page:
        """Return the first page of the listing.

        Raises:
            LibraryError: the library cannot be read, for example because of a wrong key.
        """
        params = listing_params(EVERYTHING, skip=0, limit=self.page_limit)
        return listing_page(self._reader, await self._get(FILES_PATH, params))

    async def listing(self, listing: Listing = EVERYTHING, *, skip: int = 0, limit: int | None = None) -> Answer[Page]:
        """Return a page of a listing.

        Raises:
            LibraryError: there was no usable response.
            SpentError: the reads are used up.
        """
        params = listing_params(listing, skip=skip, limit=limit or self.page_limit)
        return _answer(await self._get(FILES_PATH, params), self._reader.page)

    async def folder_names(self, limit: int) -> list[str]:
        """Return the names of some folders; none if the library does not list folders.

        Raises:
            LibraryError: there was no usable response.
            SpentError: the reads are used up.
        """
        params = listing_params(EVERYTHING, skip=0, limit=limit) | {"type": "folder"}
        rows = _answer(await self._get(FILES_PATH, params), json_body).content
        folders = (row for row in rows if isinstance(row, dict)) if isinstance(rows, list) else ()
        return [row["name"] for row in folders if row.get("type") == "folder" and isinstance(row.get("name"), str)]

    async def details(self, file_id: str) -> Answer[CurrentFile]:
        """Return a file's details.

        Raises:
            LibraryError: there was no usable response.
            SpentError: the reads are used up.
        """
        return _answer(await self._get(details_path(file_id), {}), self._reader.details)

    async def bulk(self, op: Op, file_ids: Sequence[str], tags: Sequence[str]) -> Answer[BulkResult]:
        """Send one bulk call.

        Raises:
            LibraryError: there was no usable response, so the call may have taken effect.
        """
        request = Request(op, tuple(tags), tuple(file_ids))
        response = await self._attempted("POST", BULK_PATHS[op], payload=bulk_payload(request))
        try:
            return Answer(response.status, server_words(response), bulk_result(response, request))
        except ProtocolError:
            return Answer(response.status, server_words(response))

    async def _get(self, path: str, params: dict[str, str]) -> Response:
        return await self._attempted("GET", path, params=params)

    async def _attempted(self, method: str, path: str, **content: Any) -> Response:
        """Send a call, and send it again after a 429, a 5xx or a lost connection."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                response = await self._sent(method, path, **content)
            except TransientError:
                if attempt == ATTEMPTS:
                    raise
            else:
                if (
                    response.status != HTTPStatus.TOO_MANY_REQUESTS
                    and response.status < HTTPStatus.INTERNAL_SERVER_ERROR
                ):
                    return response
            if attempt < ATTEMPTS:
                await asyncio.sleep(backoff(attempt, self._random))
        raise ServerFaultError(f"ImageKit failed: {server_words(response)}", request_id=response.request_id)

    async def _sent(self, method: str, path: str, **content: Any) -> Response:
        writes = method != "GET"
        if not writes and self.traffic.reads >= self.most_reads:
            raise SpentError
        before = datetime.now(UTC)
        call = self._http.once(method, path, **content)
        response = await (_finished(call) if writes else call)
        after = datetime.now(UTC)
        succeeded = response.status == HTTPStatus.OK
        self.announced.append(Announcement(writes, succeeded, rate_limits(response).windows))
        self.skews.extend(_skews(response, before, after))
        return response


async def _finished(call: Coroutine[Any, Any, T]) -> T:
    """Await a call that writes. If the run is interrupted, let it end first: it must not take effect later."""
    task = asyncio.ensure_future(call)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=_GRACE)
        task.cancel()
        raise


def _answer(response: Response, parse: Callable[[Response], T]) -> Answer[T]:
    """Return a response with its parsed body.

    Raises:
        TransientError: the response is not JSON.
    """
    if response.status != HTTPStatus.OK:
        return Answer(response.status, server_words(response))
    try:
        return Answer(response.status, "", parse(response))
    except UnreadableError:
        return Answer(response.status, "")


def _skews(response: Response, before: datetime, after: datetime) -> list[float]:
    """Return how far the server's clock must be ahead of this machine's; `Date` gives whole seconds."""
    try:
        server = parsedate_to_datetime(response.headers.get("date", "")[:100])
    except ValueError:
        return []
    server = server if server.tzinfo else server.replace(tzinfo=UTC)
    ahead, behind = (server - after).total_seconds(), (before - server).total_seconds() - 1
    return [ahead if ahead > 0 else -behind if behind > 0 else 0.0]
