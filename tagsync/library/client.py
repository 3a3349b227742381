"""Calls to ImageKit: one deadline each, paced, retried; how bytes travel is in `transport`, their meaning in `wire`."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import quote

import httpx

import tagsync
from tagsync.errors import (
    AuthorisationError,
    LibraryError,
    ProtocolError,
    RejectedError,
    ServerFaultError,
    StoppedError,
    TimedOutError,
)
from tagsync.library.gate import Gate
from tagsync.library.retry import RetryQuota, backoff, retrying
from tagsync.library.secrets import blotting
from tagsync.library.transport import connection_error, make_transport, read_body
from tagsync.library.wire import (
    BULK_PATHS,
    PAGE_LIMIT,
    Answer,
    BulkResult,
    FileReader,
    Page,
    bulk_payload,
    bulk_result,
    reset_seconds,
    server_words,
)
from tagsync.model import CurrentFile, Request

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
    """What a bulk call came to, how often it was sent, and the server's name for its last answer."""

    result: BulkResult
    attempts: int
    request_id: str | None


@dataclass(slots=True)
class _Tries:
    """How often one call was sent, throttled answers included."""

    sent: int = 0
    throttled: int = 0
    limits: int = 0


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
        random: where jitter comes from.
    """

    def __init__(
        self,
        endpoint: str,
        key: str,
        *,
        gates: Gates,
        app: Callable[..., Any] | None = None,
        random: Random | None = None,
    ) -> None:
        self.gates = gates
        self.traffic = Traffic()
        self._random = random or Random()  # noqa: S311 - jitter, not a secret
        self._quota = RetryQuota()
        self._reader = FileReader()
        self._without_key = blotting(key)
        self._http = httpx.AsyncClient(
            base_url=endpoint,
            auth=httpx.BasicAuth(key, ""),
            headers={
                "accept": "application/json",
                "accept-encoding": "gzip",
                "user-agent": f"tagsync/{tagsync.__version__}",
            },
            timeout=_TIMEOUTS,
            follow_redirects=False,
            trust_env=False,
            transport=make_transport(endpoint, app),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def page(self, *, skip: int, query: str | None = None) -> Page:
        """Return one page of files, oldest first.

        Args:
            skip: how many files to pass over.
            query: a searchQuery; without one, all files.

        Raises:
            LibraryError: it could not be read.
        """
        params = {"limit": str(PAGE_LIMIT), "skip": str(skip), "sort": "ASC_CREATED"}
        params |= {"type": "file"} if query is None else {"searchQuery": query}

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

        Raises:
            LibraryError: it could not be read.
        """

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

    async def bulk(self, request: Request, stop: asyncio.Event | None = None) -> BulkReply:
        """Send one bulk call, again where its outcome is unknown: setting tags repeats safely.

        Args:
            request: the call.
            stop: once set, nothing more is sent.

        Raises:
            StoppedError: `stop` was set before there was an answer.
            LibraryError: no usable answer; if it is a TransientError, the outcome is unknown. `attempts` is set.
        """
        tries = _Tries()
        payload = bulk_payload(request)

        async def send() -> BulkReply:
            answer = await self._send("POST", BULK_PATHS[request.op], self.gates.bulk, tries, stop, json=payload)
            return BulkReply(bulk_result(answer, request), tries.sent, answer.request_id)

        try:
            return await retrying(send, random=self._random, quota=self._quota, stop=stop)
        except StoppedError as error:
            error.attempts = tries.sent - tries.throttled
            raise
        except LibraryError as error:
            error.attempts = tries.sent
            raise
        finally:
            self.traffic.bulk_calls += tries.sent
            self.traffic.throttled += tries.throttled
            self.traffic.retried += max(0, tries.sent - tries.throttled - 1)

    async def _read(self, path: str, params: Mapping[str, str]) -> Answer:
        tries = _Tries()
        try:
            return await self._send("GET", path, self.gates.reads, tries, params=params)
        finally:
            self.traffic.reads += tries.sent

    async def _send(
        self, method: str, path: str, gate: Gate, tries: _Tries, stop: asyncio.Event | None = None, **content: Any
    ) -> Answer:
        """Return an answer that is neither a limit, nor a refusal of the key, nor the server's own failure."""
        while True:
            await gate.turn(stop)
            if stop and stop.is_set():
                raise StoppedError("the run ended before the library answered")
            tries.sent += 1
            answer = await self._exchange(method, path, **content)
            if answer.status != _TOO_MANY_REQUESTS:
                return _checked(answer)
            # Being limited costs no attempt: the gate closes for everyone, then the same call goes again.
            tries.throttled += 1
            asked = reset_seconds(answer)
            tries.limits = 0 if asked is not None else tries.limits + 1
            gate.close_for(backoff(tries.limits + 1, self._random) if asked is None else asked)

    async def _exchange(self, method: str, path: str, **content: Any) -> Answer:
        try:
            async with (
                asyncio.timeout(CALL_DEADLINE),
                self._http.stream(method, path, **content) as response,
            ):
                return self._without_key(Answer(response.status_code, response.headers, await read_body(response)))
        except (TimeoutError, httpx.TimeoutException) as error:
            raise TimedOutError(f"no complete answer to {method} {path} in time") from error
        except httpx.TransportError as error:
            raise connection_error(error, self._http.base_url) from error
        except httpx.DecodingError as error:
            raise ProtocolError(f"the answer to {method} {path} cannot be decoded") from error


def _checked(answer: Answer) -> Answer:
    """Raise what an answer's status means for every call alike."""
    status, request_id = answer.status, answer.request_id
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise AuthorisationError(
            f"the library does not accept the key: {server_words(answer)} Check IMAGEKIT_PRIVATE_KEY.",
            request_id=request_id,
        )
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise ServerFaultError(f"the library failed: {server_words(answer)}", request_id=request_id)
    if not httpx.codes.OK <= status < httpx.codes.MULTIPLE_CHOICES and not 400 <= status < 500:  # noqa: PLR2004 - HTTP
        raise ProtocolError(f"the library answered {status}, which it never should", request_id=request_id)
    return answer
