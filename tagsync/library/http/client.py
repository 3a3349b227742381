"""Send HTTP calls with a deadline, rate limits, retries and redaction; `imagekit` defines their content."""

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
from tagsync.events import ApiCalls, Listener, Retrying
from tagsync.library.http.bodies import Bodies
from tagsync.library.http.rate_limiter import RateLimiter
from tagsync.library.http.rate_limits import RateLimits, rate_limits
from tagsync.library.http.redaction import redacting, unlogged
from tagsync.library.http.response import SERVER_WORDS, Response
from tagsync.library.http.retry import RetryQuota, backoff, retrying
from tagsync.library.http.transport import NoCookies, connection_error, make_transport, through
from tagsync.library.protocol import Traffic
from tagsync.version import __version__

CALL_DEADLINE = 60.0
"""Seconds for one call, from connecting to the last byte."""

_TIMEOUTS = httpx.Timeout(connect=10.0, read=30.0, write=30.0, pool=None)
_TOO_MANY_REQUESTS = 429

T = TypeVar("T")

Payload = Callable[[], Awaitable[Any]]
"""Returns the JSON to send, called right before each attempt; an exception cancels the call."""


@dataclass(slots=True)
class _HttpCall:
    """One call and the counts of its attempts.

    Attributes:
        payload: called right before each attempt.
        stop: once set, no attempt starts.
        sent: how often the call was sent, including throttled attempts.
        throttled: how many attempts got a 429.
        unannounced: how many 429s in a row did not say how long to wait.
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
        """Raise StoppedError if the run is stopping."""
        if self.stop and self.stop.is_set():
            raise StoppedError("the run ended before ImageKit responded")


@dataclass(frozen=True, slots=True)
class RateLimiters:
    """The rate limiters for reads and for bulk calls, which ImageKit limits separately."""

    reads: RateLimiter
    bulk: RateLimiter

    def __post_init__(self) -> None:
        """Let both count their waits together, because a run waits once if both are closed."""
        self.bulk.closed = self.reads.closed

    @property
    def waited(self) -> float:
        """Seconds that calls have waited for a rate limit."""
        return self.reads.closed.seconds


class HttpClient:
    """A client for one endpoint. An asynchronous context manager; tasks may share it.

    Args:
        endpoint: a checked base URL.
        key: the private key, sent as the user of Basic authentication (documentation: the password is empty).
        limiters: the rate limiters for reads and bulk calls.
        app: an ASGI app to call in this process instead of the endpoint.
        random: the source of jitter.
        listener: receives `Retrying` for each retry, and `ApiCalls` at the end.
    """

    def __init__(
        self,
        endpoint: str,
        key: str,
        *,
        limiters: RateLimiters,
        app: Callable[..., Any] | None,
        random: Random | None,
        listener: Listener,
    ) -> None:
        self.limiters = limiters
        self.traffic = Traffic()
        self._random = random or Random()  # noqa: S311 - jitter, not a secret
        self._quota = RetryQuota()
        self._listener = listener
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
            # All responses are complete by now, so an error while closing a connection changes nothing.
            with suppress(OSError, httpx.HTTPError):
                await self._httpx.aclose()
        finally:
            self._unlogged.__exit__(kind, error, trace)
            sent, waited = self.traffic, self.limiters.waited
            self._listener(ApiCalls(sent.reads, sent.bulk_calls, sent.retried, sent.throttled, round(waited, 3)))

    async def get(self, path: str, params: Mapping[str, str], parse: Callable[[Response], T]) -> T:
        """Send a GET call; retry it after a TransientError.

        Args:
            path: the path below the endpoint.
            params: the query parameters.
            parse: parses a response.

        Raises:
            LibraryError: no usable response.
        """

        async def read() -> T:
            call = _HttpCall("GET", path, self.limiters.reads, params=params)
            try:
                response = await self._send(call)
            finally:
                self.traffic.reads += call.sent
            return parse(response)

        return await self._retrying(f"GET {path}", read)

    async def post(
        self, path: str, payload: Payload, parse: Callable[[Response, int, int], T], stop: asyncio.Event | None = None
    ) -> T:
        """Send a bulk call; retry it after a TransientError.

        Args:
            path: the path below the endpoint.
            payload: returns the JSON to send.
            parse: parses a response, given how often the call was sent, and how often of these it got a 429.
            stop: once set, no attempt starts.

        Raises:
            StoppedError: `stop` was set before a response arrived.
            LibraryError: no usable response. After a TransientError the outcome is unknown. `attempts` is set.
        """
        call = _HttpCall("POST", path, self.limiters.bulk, payload, stop=stop)

        async def send() -> T:
            return parse(await self._send(call), call.sent, call.throttled)

        try:
            return await self._retrying(f"POST {path}", send, stop)
        except StoppedError as error:
            # A throttled attempt changed nothing, so only the others can make the outcome unknown.
            error.attempts = call.sent - call.throttled
            raise
        except LibraryError as error:
            error.attempts = call.sent
            raise
        finally:
            self.traffic.bulk_calls += call.sent

    async def once(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None, payload: Any = None
    ) -> Response:
        """Send one call without a retry, and return its response, whatever its status.

        Args:
            method: GET for a read, POST for a bulk call.
            path: the path below the endpoint.
            params: the query parameters.
            payload: the JSON to send.

        Raises:
            LibraryError: there was no complete response.
        """
        is_read = method == "GET"
        limiter = self.limiters.reads if is_read else self.limiters.bulk
        went = await limiter.turn()
        self.traffic.reads += is_read
        self.traffic.bulk_calls += not is_read
        response = await self._exchange(method, path, params=params, json=payload)
        limits = rate_limits(response)
        limiter.learn(limits, went, refused=response.status == _TOO_MANY_REQUESTS)
        if response.status in (_TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE) and limits.resets:
            limiter.close_for(limits.resets[0])
        return response

    async def _retrying(self, name: str, call: Callable[[], Awaitable[T]], stop: asyncio.Event | None = None) -> T:
        def announce(attempt: int, seconds: float, error: str) -> None:
            self.traffic.retried += 1
            self._listener(Retrying(name, attempt, seconds, error))

        return await retrying(call, random=self._random, quota=self._quota, stop=stop, announce=announce)

    async def _send(self, call: _HttpCall) -> Response:
        """Send a call until the response is not a 429, and return that response."""
        limiter = call.limiter
        while True:
            went = await limiter.turn(call.stop)
            call.check_stop()
            # Preparing the payload may itself take API calls (rechecks before removals), so check once more after it.
            payload = await call.payload() if call.payload else None
            call.check_stop()
            call.sent += 1
            response = await self._exchange(call.method, call.path, params=call.params, json=payload)
            limits = rate_limits(response)
            refused = response.status == _TOO_MANY_REQUESTS
            limiter.learn(limits, went, refused=refused)
            if not refused:
                # A 503 may also announce how long to wait. Other calls wait too; this one leaves that to its retry.
                if response.status == httpx.codes.SERVICE_UNAVAILABLE and limits.resets:
                    limiter.close_for(limits.resets[0])
                return response
            # A 429 is no failed attempt: ImageKit did nothing, and announced when calls are welcome again.
            call.throttled += 1
            self.traffic.throttled += 1
            limiter.close_for(self._time_out(limits, call))

    def _time_out(self, limits: RateLimits, call: _HttpCall) -> float:
        """Return the seconds to wait after a 429."""
        if not limits.resets:
            call.unannounced += 1
            return backoff(call.unannounced + 1, self._random)
        call.unannounced = 0
        # The response does not say which of several windows is full. Try the shortest wait first, then the next.
        return limits.resets[min(call.throttled, len(limits.resets)) - 1]

    async def _exchange(self, method: str, path: str, **content: Any) -> Response:
        try:
            async with (
                asyncio.timeout(CALL_DEADLINE),
                self._httpx.stream(method, path, **content) as received,
            ):
                return self._without_key(
                    Response(received.status_code, received.headers, await self._bodies.read(received))
                )
        except (TimeoutError, httpx.TimeoutException) as error:
            words = f"timeout: no complete response to {method} {path}{through(self._httpx.base_url)}"
            raise TimedOutError(words) from error
        except httpx.TransportError as error:
            raise connection_error(error, self._httpx.base_url) from error
        except (httpx.InvalidURL, UnicodeEncodeError) as error:
            words = f"{method} {shown(path, 100)} cannot be sent: {shown(str(error), SERVER_WORDS)}"
            raise RejectedError(f"{words}; shorten or correct its query, file ID or tags") from error
        except UnicodeError as error:
            # httpx parses the target of a redirect even if it does not follow it, and fails on some host names.
            raise ProtocolError(f"the response to {method} {path} is a redirect to an invalid URL") from error
