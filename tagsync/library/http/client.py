"""Calls over HTTP: one deadline each, paced, retried, redacted; what they say is in `imagekit`."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from tagsync.errors import LibraryError, ProtocolError, RejectedError, StoppedError, TimedOutError
from tagsync.escape import shown
from tagsync.library.http.answer import SERVER_WORDS, Answer
from tagsync.library.http.bodies import Bodies
from tagsync.library.http.rate_limiter import RateLimiter
from tagsync.library.http.rate_limits import RateLimits, rate_limits
from tagsync.library.http.redaction import redacting, unlogged
from tagsync.library.http.retry import RetryQuota, backoff, retrying
from tagsync.library.http.transport import NoCookies, connection_error, make_transport, through
from tagsync.library.protocol import Traffic
from tagsync.version import __version__

CALL_DEADLINE = 60.0
"""Seconds for one whole call, from the connection to the last byte."""

_TIMEOUTS = httpx.Timeout(connect=10.0, read=30.0, write=30.0, pool=None)
_TOO_MANY_REQUESTS = 429

T = TypeVar("T")

Payload = Callable[[], Awaitable[Any]]
"""Returns the JSON to send, right before each sending; an exception ends the call."""


@dataclass(slots=True)
class _HttpCall:
    """One call, and how often it was sent, throttled answers included.

    Attributes:
        payload: called right before each sending.
        stop: once set, nothing more is sent.
        unannounced: how often in a row it was refused for a limit without a word of how long that lasts.
    """

    method: str
    path: str
    limiter: RateLimiter
    payload: Payload | None = None
    params: Mapping[str, str] | None = None
    stop: asyncio.Event | None = None
    sent: int = 0
    throttled: int = 0
    unannounced: int = 0

    def check_stop(self) -> None:
        """Raise StoppedError if nothing more is to be sent."""
        if self.stop and self.stop.is_set():
            raise StoppedError("the run ended before the library answered")


@dataclass(frozen=True, slots=True)
class RateLimiters:
    """The paces of reads and of bulk calls."""

    reads: RateLimiter
    bulk: RateLimiter


class HttpClient:
    """Calls to one endpoint. An asynchronous context manager; safe for many tasks at once.

    Args:
        endpoint: a checked base URL.
        key: the private key, sent as the Basic user (documentation: password empty).
        limiters: the paces of reads and bulk calls.
        app: an ASGI application to call in this process instead of the endpoint.
        random: where jitter comes from.
    """

    def __init__(
        self, endpoint: str, key: str, *, limiters: RateLimiters, app: Callable[..., Any] | None, random: Random | None
    ) -> None:
        self.limiters = limiters
        self.traffic = Traffic()
        self._random = random or Random()  # noqa: S311 - jitter, not a secret
        self._quota = RetryQuota()
        self._bodies = Bodies()
        self._without_key = redacting(key)
        self._unlogged = unlogged(key)
        self._httpx = httpx.AsyncClient(
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
                await self._httpx.aclose()
        finally:
            self._unlogged.__exit__(kind, error, trace)

    async def get(self, path: str, params: Mapping[str, str], parse: Callable[[Answer], T]) -> T:
        """Read something, again after a TransientError.

        Args:
            path: what to read.
            params: its parameters.
            parse: reads an answer.

        Raises:
            LibraryError: no usable answer.
        """

        async def read() -> T:
            call = _HttpCall("GET", path, self.limiters.reads, params=params)
            try:
                answer = await self._send(call)
            finally:
                self.traffic.reads += call.sent
            return parse(answer)

        return await retrying(read, random=self._random, quota=self._quota)

    async def post(
        self, path: str, payload: Payload, parse: Callable[[Answer, int], T], stop: asyncio.Event | None = None
    ) -> T:
        """Send a bulk call, again after a TransientError.

        Args:
            path: where to send it.
            payload: returns what to send.
            parse: reads an answer, given how often the call was sent.
            stop: once set, nothing more is sent.

        Raises:
            StoppedError: `stop` was set before there was an answer.
            LibraryError: no usable answer; after a TransientError the outcome is unknown. `attempts` is set.
        """
        call = _HttpCall("POST", path, self.limiters.bulk, payload, stop=stop)

        async def send() -> T:
            return parse(await self._send(call), call.sent)

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

    async def _send(self, call: _HttpCall) -> Answer:
        """Return an answer that is no 429.

        A 503 may say how long it lasts, as a 429 does: nobody calls before that.
        """
        limiter = call.limiter
        while True:
            went = await limiter.turn(call.stop)
            call.check_stop()
            payload = await call.payload() if call.payload else None
            call.check_stop()
            call.sent += 1
            answer = await self._exchange(call.method, call.path, params=call.params, json=payload)
            limits = rate_limits(answer)
            refused = answer.status == _TOO_MANY_REQUESTS
            limiter.learn(limits, went, refused=refused)
            if not refused:
                if answer.status == httpx.codes.SERVICE_UNAVAILABLE and limits.resets:
                    limiter.close_for(limits.resets[0])
                return answer
            # Being limited costs no attempt: the limiter closes for everyone, then the same call goes again.
            call.throttled += 1
            limiter.close_for(self._time_out(limits, call))

    def _time_out(self, limits: RateLimits, call: _HttpCall) -> float:
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
                self._httpx.stream(method, path, **content) as response,
            ):
                return self._without_key(
                    Answer(response.status_code, response.headers, await self._bodies.read(response))
                )
        except (TimeoutError, httpx.TimeoutException) as error:
            words = f"no complete answer to {method} {path}{through(self._httpx.base_url)} in time"
            raise TimedOutError(words) from error
        except httpx.TransportError as error:
            raise connection_error(error, self._httpx.base_url) from error
        except (httpx.InvalidURL, UnicodeEncodeError) as error:
            words = f"{method} {shown(path, 100)} cannot be sent: {shown(str(error), SERVER_WORDS)}"
            raise RejectedError(f"{words}; shorten or correct the query, id or tags that it carries") from error
        except UnicodeError as error:
            # httpx reads where a redirect leads to even though it does not follow, and trips over some host names.
            raise ProtocolError(f"the answer to {method} {path} redirects to no address that can be read") from error
