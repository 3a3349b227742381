"""Calls to ImageKit: one deadline each, paced, retried; how bytes travel is in `transport`, their meaning in `wire`."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import quote

import httpx

from tagsync.errors import (
    AuthorisationError,
    LibraryError,
    ProtocolError,
    RejectedError,
    ServerFaultError,
    StoppedError,
    TimedOutError,
)
from tagsync.escape import shown
from tagsync.library.http.bodies import Bodies
from tagsync.library.http.rate_limiter import Gate
from tagsync.library.http.rate_limits import RateLimits, rate_limits
from tagsync.library.http.redaction import blotting, unlogged
from tagsync.library.http.retry import RetryQuota, backoff, retrying
from tagsync.library.http.transport import NoCookies, connection_error, make_transport, through
from tagsync.library.imagekit.files import PAGE_LIMIT, FileReader, Page
from tagsync.library.imagekit.queries import EVERYTHING, Listing
from tagsync.library.imagekit.wire import (
    BULK_PATHS,
    SERVER_WORDS,
    Answer,
    BulkResult,
    bulk_payload,
    bulk_result,
    refuses_key,
    server_words,
)
from tagsync.model import CurrentFile, Op, Request
from tagsync.version import __version__

CALL_DEADLINE = 60.0
"""Seconds for one whole call, from the connection to the last byte."""

_TIMEOUTS = httpx.Timeout(connect=10.0, read=30.0, write=30.0, pool=None)
_TOO_MANY_REQUESTS = 429


@dataclass(slots=True)
class Traffic:
    """What has been sent so far, counted on the wire; retries and limits are those of bulk calls."""

    reads: int = 0
    bulk_calls: int = 0
    retried: int = 0
    throttled: int = 0


class BulkReply(NamedTuple):
    """What a bulk call came to, how often it was sent, the server's name for its last answer, what was sent last."""

    result: BulkResult
    attempts: int
    request_id: str | None
    request: Request


Prepare = Callable[[], Awaitable[Request]]
"""Says, once it is a call's turn, what to send now; what it raises ends the call."""

_Content = Callable[[], Awaitable[Mapping[str, Any]]]
"""Says what to send, as httpx has it."""


@dataclass(slots=True)
class _Call:
    """One call, and how often it was sent, throttled answers included.

    Attributes:
        content: asked right before each sending.
        stop: once set, nothing more is sent.
        unannounced: how often in a row it was refused for a limit without a word of how long that lasts.
    """

    method: str
    path: str
    gate: Gate
    content: _Content
    stop: asyncio.Event | None = None
    sent: int = 0
    throttled: int = 0
    unannounced: int = 0

    def check_stop(self) -> None:
        """Raise StoppedError if nothing more is to be sent."""
        if self.stop and self.stop.is_set():
            raise StoppedError("the run ended before the library answered")


@dataclass(frozen=True, slots=True)
class Gates:
    """The paces of reads and of bulk calls."""

    reads: Gate
    bulk: Gate


class Client:
    """One account's library. An asynchronous context manager; safe for many tasks at once.

    Args:
        endpoint: a checked base URL.
        key: the private key, sent as the Basic user (documentation: password empty).
        gates: the paces of reads and bulk calls.
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
        gates: Gates,
        app: Callable[..., Any] | None = None,
        thumbnails: bool = False,
        page_limit: int = PAGE_LIMIT,
        random: Random | None = None,
    ) -> None:
        self.gates = gates
        self.thumbnails = thumbnails
        self.page_limit = page_limit
        self.traffic = Traffic()
        self._random = random or Random()  # noqa: S311 - jitter, not a secret
        self._quota = RetryQuota()
        self._reader = FileReader(thumbnails=thumbnails)
        self._bodies = Bodies()
        self._without_key = blotting(key)
        self._unlogged = unlogged(key)
        self._http = httpx.AsyncClient(
            base_url=endpoint,
            auth=httpx.BasicAuth(key, ""),
            headers={
                "accept": "application/json",
                "accept-encoding": "gzip",
                "user-agent": f"tagsync/{__version__}",
            },
            cookies=NoCookies(),
            timeout=_TIMEOUTS,
            follow_redirects=False,
            trust_env=False,
            transport=make_transport(endpoint, app),
        )

    async def __aenter__(self) -> Self:
        self._unlogged.__enter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            # All answers are read by now: that a connection breaks while it is closed changes none of them.
            with suppress(OSError, httpx.HTTPError):
                await self._http.aclose()
        finally:
            self._unlogged.__exit__(kind, error, trace)

    async def page(self, *, skip: int, listing: Listing = EVERYTHING, limit: int | None = None) -> Page:
        """Return one page of files, oldest first.

        Args:
            skip: how many files to pass over.
            listing: what is listed.
            limit: how many files at most; the page limit if None.

        Raises:
            LibraryError: it could not be read.
        """
        params = {"limit": str(limit or self.page_limit), "skip": str(skip), "sort": "ASC_CREATED"}
        params |= {"type": "file"} if listing.query is None else {"searchQuery": listing.query}
        params |= {} if listing.folder is None else {"path": listing.folder}

        async def read() -> Page:
            answer = await self._read("/v1/files", params)
            if answer.status != httpx.codes.OK:
                hint = (
                    ": check the endpoint, which is given without /v1" if answer.status == httpx.codes.NOT_FOUND else ""
                )
                words = f"the listing was refused: {server_words(answer)}{hint}"
                raise RejectedError(words, request_id=answer.request_id)
            return self._reader.page(answer)

        return await retrying(read, random=self._random, quota=self._quota)

    async def details(self, file_id: str) -> CurrentFile | None:
        """Return a file's current version; None if there is no such file.

        An id that a URL would take for a folder's name is no file's.

        Raises:
            LibraryError: it could not be read.
        """
        if file_id in ("", ".", ".."):
            return None

        async def read() -> CurrentFile | None:
            answer = await self._read(f"/v1/files/{quote(file_id, safe='')}/details", {})
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

        return await retrying(read, random=self._random, quota=self._quota)

    async def bulk(self, op: Op, prepare: Prepare, stop: asyncio.Event | None = None) -> BulkReply:
        """Send one bulk call, again where its outcome is unknown: setting tags repeats safely.

        Args:
            op: what the call does.
            prepare: asked right before each sending, for the wait for a turn may be long.
            stop: once set, nothing more is sent.

        Raises:
            StoppedError: `stop` was set before there was an answer.
            LibraryError: no usable answer; if it is a TransientError, the outcome is unknown. `attempts` is set.
        """
        sent: list[Request] = []

        async def content() -> Mapping[str, Any]:
            sent.append(await prepare())
            return {"json": bulk_payload(sent[-1])}

        async def send() -> BulkReply:
            answer = await self._send(call)
            return BulkReply(bulk_result(answer, sent[-1]), call.sent, answer.request_id, sent[-1])

        call = _Call("POST", BULK_PATHS[op], self.gates.bulk, content, stop)

        try:
            return await retrying(send, random=self._random, quota=self._quota, stop=stop)
        except StoppedError as error:
            error.attempts = call.sent - call.throttled
            raise
        except LibraryError as error:
            error.attempts = call.sent
            raise
        finally:
            self.traffic.bulk_calls += call.sent
            self.traffic.throttled += call.throttled
            self.traffic.retried += max(0, call.sent - call.throttled - 1)

    async def _read(self, path: str, params: Mapping[str, str]) -> Answer:
        async def content() -> Mapping[str, Any]:
            return {"params": params}

        call = _Call("GET", path, self.gates.reads, content)
        try:
            return await self._send(call)
        finally:
            self.traffic.reads += call.sent

    async def _send(self, call: _Call) -> Answer:
        """Return an answer that is neither a limit, nor a refusal of the key, nor the server's own failure.

        A 503 may say how long it lasts, as a 429 does: nobody calls before that.
        """
        gate = call.gate
        while True:
            went = await gate.turn(call.stop)
            call.check_stop()
            content = await call.content()
            call.check_stop()
            call.sent += 1
            answer = await self._exchange(call.method, call.path, **content)
            limits = rate_limits(answer)
            refused = answer.status == _TOO_MANY_REQUESTS
            gate.learn(limits, went, refused=refused)
            if not refused:
                if answer.status == httpx.codes.SERVICE_UNAVAILABLE and limits.resets:
                    gate.close_for(limits.resets[0])
                return _checked(answer, is_read=call.gate is self.gates.reads)
            # Being limited costs no attempt: the gate closes for everyone, then the same call goes again.
            call.throttled += 1
            gate.close_for(self._time_out(limits, call))

    def _time_out(self, limits: RateLimits, call: _Call) -> float:
        """Return the seconds that a refused call has to wait; of several windows, first for the one that ends first."""
        if not limits.resets:
            call.unannounced += 1
            return backoff(call.unannounced + 1, self._random)
        call.unannounced = 0
        return limits.resets[min(call.throttled, len(limits.resets)) - 1]

    async def _exchange(self, method: str, path: str, **content: Any) -> Answer:
        try:
            async with (
                asyncio.timeout(CALL_DEADLINE),
                self._http.stream(method, path, **content) as response,
            ):
                return self._without_key(
                    Answer(response.status_code, response.headers, await self._bodies.read(response))
                )
        except (TimeoutError, httpx.TimeoutException) as error:
            words = f"no complete answer to {method} {path}{through(self._http.base_url)} in time"
            raise TimedOutError(words) from error
        except httpx.TransportError as error:
            raise connection_error(error, self._http.base_url) from error
        except (httpx.InvalidURL, UnicodeEncodeError) as error:
            words = f"{method} {shown(path, 100)} cannot be sent: {shown(str(error), SERVER_WORDS)}"
            raise RejectedError(f"{words}; shorten or mend the query, id or tags that it carries") from error
        except UnicodeError as error:
            # httpx reads where a redirect leads to even though it does not follow, and trips over some host names.
            raise ProtocolError(f"the answer to {method} {path} redirects to no address that can be read") from error


def _checked(answer: Answer, *, is_read: bool) -> Answer:
    """Raise what an answer's status means, whichever its call. A 403 to a bulk call may be about single files."""
    status, request_id = answer.status, answer.request_id
    if refuses_key(answer) or (is_read and status == httpx.codes.FORBIDDEN):
        raise AuthorisationError(
            f"the library does not accept the key: {server_words(answer)} Check what IMAGEKIT_PRIVATE_KEY, or the "
            "file that IMAGEKIT_PRIVATE_KEY_FILE names, holds, and that it is of this endpoint's account.",
            request_id=request_id,
        )
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise ServerFaultError(f"the library failed: {server_words(answer)}", request_id=request_id)
    if not httpx.codes.OK <= status < httpx.codes.MULTIPLE_CHOICES and not 400 <= status < 500:  # noqa: PLR2004 - HTTP
        raise ProtocolError(f"the library answered {status}, which it never should", request_id=request_id)
    return answer
