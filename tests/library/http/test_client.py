import asyncio
import base64
import gzip
import json
import logging
import socket
import ssl
import subprocess
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from math import inf
from pathlib import Path
from random import Random
from shutil import which
from traceback import walk_tb
from types import FrameType
from typing import Any

import httpx
import pytest
from builders import Sandbox, current_file, file_object, id_of, now, run, unlimited
from canary import KEY, leaks
from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tagsync.errors import (
    AuthorisationError,
    ConnectionFailedError,
    EndpointError,
    LibraryError,
    ProtocolError,
    RejectedError,
    ServerFaultError,
    TimedOutError,
)
from tagsync.library.http.client import RateLimiters
from tagsync.library.http.rate_limiter import RateLimiter
from tagsync.library.http.transport import connection_error
from tagsync.library.imagekit.library import ImageKitLibrary
from tagsync.library.protocol import Listing
from tagsync.model import Done, Op, Refused, Request
from tagsync.sandbox.faults import Fault

CALL_DEADLINE = 60

CALL = Request(Op.ADD, ("t",), (id_of("/a"),))
DONE = {"successfullyUpdatedFileIds": [id_of("/a")]}


def client(
    app: ASGIApp | None = None, endpoint: str = "http://library.localhost", key: str = "private_k"
) -> ImageKitLibrary:
    return ImageKitLibrary(endpoint, key, limiters=unlimited(), app=app, random=Random(1))


class Library:
    """An app that returns responses in order; the last one repeats."""

    def __init__(self, *answers: Response | float) -> None:
        self.answers = list(answers)
        self.requests: list[HttpRequest] = []
        self.times: list[float] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.requests.append(HttpRequest(scope, receive))
        self.times.append(now())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, float):
            await asyncio.sleep(answer)
            return
        await answer(scope, receive, send)


def json_answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(body), status, headers, media_type="application/json")


def sending(request: Request = CALL) -> tuple[Op, Callable[[], Awaitable[Request]]]:
    """Return a `prepare` for `bulk` that always returns this request."""

    async def prepare() -> Request:
        return request

    return request.op, prepare


def send(library: ASGIApp, request: Request = CALL) -> Any:
    async def scenario() -> Any:
        async with client(library) as c:
            return await c.bulk(*sending(request)), c.traffic, c.waited

    return run(scenario())


def read(library: ASGIApp) -> Any:
    async def scenario() -> Any:
        async with client(library) as c:
            return await c.page(skip=0)

    return run(scenario())


def test_client_sends_the_key_as_basic_user_without_password() -> None:
    library = Library(json_answer([]))
    read(library)
    sent = library.requests[0].headers["authorization"]
    assert base64.b64decode(sent.removeprefix("Basic ")) == b"private_k:"


def test_client_lists_files_by_creation_1000_per_page() -> None:
    library = Library(json_answer([]))
    read(library)
    asked = dict(library.requests[0].query_params)
    assert asked == {"limit": "1000", "skip": "0", "sort": "ASC_CREATED", "type": "file"}


def test_client_waits_out_a_429_as_announced_without_an_attempt() -> None:
    limited = json_answer({"message": "slow down"}, 429, {"X-RateLimit-Reset": "7000"})
    library = Library(*[limited] * 8, json_answer(DONE))
    reply, traffic, waited = send(library)
    assert isinstance(reply.result, Done)
    assert [later - earlier for earlier, later in zip(library.times, library.times[1:], strict=False)] == [7.0] * 8
    assert (traffic.bulk_calls, traffic.throttled, traffic.retried) == (9, 8, 0)
    assert waited == 56


@pytest.mark.parametrize("header", [{}, {"X-RateLimit-Reset": "-1"}, {"X-RateLimit-Reset": "99999999999"}])
def test_client_backs_off_after_a_429_without_headers(header: dict[str, str]) -> None:
    limited = json_answer({"message": "slow down"}, 429, header)
    library = Library(limited, limited, json_answer(DONE))
    send(library)
    waits = [later - earlier for earlier, later in zip(library.times, library.times[1:], strict=False)]
    assert all(0.5 <= wait <= 30 for wait in waits)


def test_client_backoff_grows_until_a_429_announces_its_reset() -> None:
    silent = json_answer({"message": "slow down"}, 429)
    announced = json_answer({"message": "slow down"}, 429, {"X-RateLimit-Reset": "7000"})
    library = Library(*[silent] * 6, announced, silent, json_answer(DONE))
    send(library)
    waits = [later - earlier for earlier, later in zip(library.times, library.times[1:], strict=False)]
    assert max(waits[:6]) > 8
    assert waits[6] == 7
    assert 0.5 <= waits[7] <= 2


def test_client_429_of_bulk_calls_does_not_delay_reads() -> None:
    async def scenario() -> float:
        limited = json_answer({"message": "slow down"}, 429, {"X-RateLimit-Reset": "60000"})
        library = Library(limited, json_answer([]))
        async with client(library) as c:
            writing = asyncio.ensure_future(c.bulk(*sending()))
            await asyncio.sleep(1)
            began = now()
            await c.page(skip=0)
            writing.cancel()
            return now() - began

    assert run(scenario()) < 1


def test_client_429_with_several_windows_waits_for_the_shortest() -> None:
    limited = json_answer({"message": "slow down"}, 429, {"X-RateLimit-Reset": "30000, 700"})
    library = Library(limited, limited, limited, json_answer(DONE))
    send(library)
    waits = [later - earlier for earlier, later in zip(library.times, library.times[1:], strict=False)]
    assert waits == pytest.approx([0.7, 30, 30])


def announcing(calls: int) -> dict[str, str]:
    return {"X-RateLimit-Limit": str(calls), "X-RateLimit-Interval": "1000", "X-RateLimit-Reset": "500"}


@pytest.mark.parametrize(("status", "pace"), [(200, 38.4), (404, 38.4), (500, 38.4), (429, 16.32)])
def test_client_rate_limits_of_reads_and_bulk_calls_are_separate(status: int, pace: float) -> None:
    library = Library(json_answer(DONE, status, announcing(40)), json_answer(DONE))

    async def scenario() -> tuple[float | None, float | None]:
        rate_limiters = RateLimiters(RateLimiter(20, cap=inf), RateLimiter(5, cap=inf))
        async with ImageKitLibrary(
            "http://library.localhost", "k", limiters=rate_limiters, app=library, random=Random(1)
        ) as c:
            calling = asyncio.ensure_future(c.bulk(*sending()))
            await asyncio.sleep(0.1)
            paces = rate_limiters.reads.rate, rate_limiters.bulk.rate
            await asyncio.gather(calling, return_exceptions=True)
            return paces

    reads, bulk = run(scenario())
    assert reads == 20
    assert bulk == pytest.approx(pace)


def test_client_learns_the_rate_of_reads_from_reads() -> None:
    library = Library(json_answer([], headers=announcing(50)))

    async def scenario() -> tuple[float | None, float | None]:
        rate_limiters = RateLimiters(RateLimiter(20, cap=inf), RateLimiter(5, cap=inf))
        async with ImageKitLibrary(
            "http://library.localhost", "k", limiters=rate_limiters, app=library, random=Random(1)
        ) as c:
            await c.page(skip=0)
        return rate_limiters.reads.rate, rate_limiters.bulk.rate

    assert run(scenario()) == (48, 5)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_client_tries_a_failing_server_five_times(status: int) -> None:
    library = Library(Response("<html>", status))
    with pytest.raises(ServerFaultError) as raised:
        send(library)
    assert len(library.requests) == 5
    assert raised.value.attempts == 5


def test_client_counts_attempts_of_a_server_that_recovers() -> None:
    library = Library(Response("", 503), Response("", 502), json_answer(DONE, headers={"x-ik-requestid": "r-1"}))
    reply, traffic, _ = send(library)
    assert (reply.attempts, reply.request_id) == (3, "r-1")
    assert traffic.retried == 2


@pytest.mark.parametrize(
    ("header", "seconds"),
    [({"Retry-After": "120"}, 120), ({"X-RateLimit-Reset": "90000"}, 90)],
)
def test_client_waits_out_a_503_with_retry_after_as_an_attempt(header: dict[str, str], seconds: float) -> None:
    busy = json_answer({"message": "busy"}, 503, header)
    library = Library(busy, busy, json_answer(DONE))
    reply, traffic, waited = send(library)
    assert [later - earlier for earlier, later in zip(library.times, library.times[1:], strict=False)] == [seconds] * 2
    assert (reply.attempts, traffic.retried, traffic.throttled) == (3, 2, 0)
    assert waited == 2 * seconds


@pytest.mark.parametrize("header", [{}, {"Retry-After": "soon"}, {"Retry-After": "86401"}])
def test_client_backs_off_after_a_503_without_headers(header: dict[str, str]) -> None:
    library = Library(json_answer({"message": "busy"}, 503, header), json_answer(DONE))
    _, _, waited = send(library)
    assert library.times[1] - library.times[0] <= 1
    assert waited == 0


def test_client_403_refuses_a_bulk_call_but_ends_reading() -> None:
    library = Library(json_answer({"message": "Not in this folder."}, 403))
    assert send(library)[0].result == Refused(403, "Not in this folder.")
    with pytest.raises(AuthorisationError, match=r"Not in this folder"):
        read(library)


@pytest.mark.parametrize("status", [401, 403])
def test_client_reports_a_refused_key_without_retry(status: int) -> None:
    library = Library(json_answer({"message": "Your account cannot be authenticated."}, status))
    with pytest.raises(AuthorisationError, match=r"cannot be authenticated.*private key of this endpoint"):
        read(library)
    assert len(library.requests) == 1


def test_client_reports_a_refused_listing_in_the_servers_words() -> None:
    library = Library(json_answer({"message": "Cannot read the searchQuery."}, 400, {"x-ik-requestid": "r-9"}))
    with pytest.raises(RejectedError, match=r"Cannot read the searchQuery.*r-9"):
        read(library)
    assert len(library.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        Response("<html>", 200),
        Response("", 302, {"location": "http://elsewhere.example/"}),
        Response(b"\x1f\x8bbroken", 200, {"content-encoding": "gzip"}),
        Response(gzip.compress(b"[]"), 200, {"content-encoding": "gzip, gzip"}),
        Response(b"[]", 200, {"content-encoding": "br"}),
        json_answer({"not": "a list"}),
    ],
)
def test_client_reports_an_invalid_response_after_five_attempts(answer: Response) -> None:
    library = Library(answer)
    with pytest.raises(ProtocolError):
        read(library)
    assert len(library.requests) == 5
    assert {request.url.hostname for request in library.requests} == {"library.localhost"}


@pytest.mark.parametrize("query", ["x" * 70_000, "\ud800"])
def test_client_refuses_a_query_too_long_for_a_url(query: str) -> None:
    library = Library(json_answer([]))

    async def scenario() -> None:
        async with client(library) as c:
            await c.page(skip=0, listing=Listing(query))

    with pytest.raises(RejectedError, match=r"GET /v1/files cannot be sent: .*; shorten or correct its query"):
        run(scenario())
    assert library.requests == []


def test_client_refuses_a_long_id_in_few_words() -> None:
    async def scenario() -> None:
        async with client(Library(json_answer([]))) as c:
            await c.details("x" * 70_000)

    with pytest.raises(RejectedError, match=r"URL too long|path' too long") as raised:
        run(scenario())
    assert len(str(raised.value)) < 300


def test_client_sends_no_tags_that_utf_8_cannot_encode() -> None:
    library = Library(json_answer(DONE))
    try:
        send(library, CALL._replace(tags=("\ud800",)))
    except RejectedError as error:
        assert "surrogates not allowed" in str(error)  # noqa: PT017 - it depends on httpx which of the two happens
        assert library.requests == []
    else:
        assert len(library.requests) == 1


@given(st.sampled_from(["", "//", "http://", "http://xn--", "//[", "http://a:"]), st.text(max_size=6))
@example("http://", "xn--0/")
@settings(max_examples=50, deadline=None)
def test_client_reports_any_redirect_as_library_error(start: str, rest: str) -> None:
    library = Library(Response("", 302, {"location": "x"}))
    library.answers[0].raw_headers = [(b"location", (start + rest).encode())]  # type: ignore[union-attr]
    with pytest.raises(LibraryError):
        read(library)
    assert {request.url.hostname for request in library.requests} == {"library.localhost"}


def test_client_cuts_off_a_gzip_bomb() -> None:
    bomb = gzip.compress(b"[" + b" " * (80 << 20) + b"]")
    with pytest.raises(ProtocolError, match="longer than 64 MiB"):
        read(Library(Response(bomb, 200, {"content-encoding": "gzip"})))


def test_client_limits_each_call_to_one_deadline() -> None:
    async def scenario() -> float:
        began = now()
        async with client(Library(10_000.0)) as c:
            with pytest.raises(TimedOutError):
                await c.details("a")
        return now() - began

    assert 2 * CALL_DEADLINE <= run(scenario()) <= 150


@pytest.mark.parametrize("file_id", ["", ".", ".."])
def test_client_finds_no_file_for_an_id_of_dots(sandbox: Callable[..., Sandbox], file_id: str) -> None:
    library = sandbox(file_object("/a"))

    async def scenario() -> Any:
        async with client(library.app) as c:
            return await c.details(file_id)

    assert run(scenario()) is None
    assert library.calls == []


def test_client_details_are_the_current_version_or_none(sandbox: Callable[..., Sandbox]) -> None:
    library = sandbox(file_object("/a", ["x"]))

    async def scenario() -> tuple[Any, Any]:
        async with client(library.app) as c:
            return await c.details(id_of("/a")), await c.details(id_of("/gone"))

    assert run(scenario()) == (current_file("/a", ["x"]), None)


def test_client_refuses_details_of_another_file() -> None:
    library = Library(json_answer(file_object("/b", ["x"])))

    async def scenario() -> Any:
        async with client(library) as c:
            return await c.details(id_of("/a"))

    with pytest.raises(ProtocolError, match="the details of another file"):
        run(scenario())
    assert len(library.requests) == 5


def test_client_escapes_an_id_in_the_path() -> None:
    library = Library(json_answer({"message": "x"}, 404))

    async def scenario() -> None:
        async with client(library) as c:
            assert await c.details("../../v1/files?x=") is None

    run(scenario())
    assert library.requests[0].scope["raw_path"] == b"/v1/files/..%2F..%2Fv1%2Ffiles%3Fx%3D/details"


def test_client_retries_send_the_same_call(sandbox: Callable[..., Sandbox]) -> None:
    library = sandbox(file_object("/a"), faults=[Fault(on="addTags", call=1, lose=True)])
    reply, traffic, _ = send(library.app)
    assert isinstance(reply.result, Done)
    assert library.tags("/a") == {"t"}
    assert traffic.bulk_calls == 2


# On real sockets


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        yield sock


def raw_server(sock: socket.socket, answer: bytes) -> str:
    """Return raw bytes on every connection, and close it."""

    def serve() -> None:
        while True:
            try:
                connection, _ = sock.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    return f"http://127.0.0.1:{sock.getsockname()[1]}"


def exchange(endpoint: str, key: str = "private_k") -> Any:
    """Send one GET without retries."""

    async def scenario() -> Any:
        async with client(endpoint=endpoint, key=key) as c:
            return await c._http._exchange("GET", "/v1/files")  # the one place below the retries

    return asyncio.run(scenario())


def test_client_reports_a_refused_connection() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    with pytest.raises(ConnectionFailedError, match=r"127\.0\.0\.1"):
        exchange(f"http://127.0.0.1:{port}")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n[",
        b"not http at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_client_reports_a_lost_connection(listening: socket.socket, answer: bytes) -> None:
    with pytest.raises(ConnectionFailedError):
        exchange(raw_server(listening, answer))


def test_client_reports_an_unknown_host_without_retry() -> None:
    with pytest.raises(EndpointError, match=r"nowhere\.invalid cannot be resolved"):
        exchange("https://nowhere.invalid")


def test_client_reports_untrusted_tls_without_retry(listening: socket.socket) -> None:
    endpoint = raw_server(listening, b"HTTP/1.1 400 Bad Request\r\n\r\n").replace("http:", "https:")
    with pytest.raises(EndpointError, match="no trusted connection"):
        exchange(endpoint)


def self_signed(folder: Path) -> ssl.SSLContext:
    """Return a self-signed certificate."""
    options = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=127.0.0.1"
    options += " -addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out certificate.pem"
    subprocess.run(["openssl", *options.split()], cwd=folder, check=True, capture_output=True)  # noqa: S603, S607 - whichever there is
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return context


@pytest.mark.skipif(which("openssl") is None, reason="there is no openssl to make a certificate with")
@pytest.mark.parametrize("vouched", [False, True])
def test_client_sends_nothing_to_a_server_with_an_untrusted_certificate(
    listening: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, vouched: bool
) -> None:
    context, asked = self_signed(tmp_path), list[bytes]()
    if vouched:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))

    def serve() -> None:
        connection, _ = listening.accept()
        with connection, suppress(ssl.SSLError), context.wrap_socket(connection, server_side=True) as secured:
            asked.append(secured.recv(65536))
            secured.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n[]")

    serving = threading.Thread(target=serve)
    serving.start()
    endpoint = f"https://127.0.0.1:{listening.getsockname()[1]}"
    if vouched:
        assert exchange(endpoint).body == b"[]"
    else:
        with pytest.raises(EndpointError, match=r"no trusted connection to 127\.0\.0\.1: self-signed certificate"):
            exchange(endpoint)
    serving.join()
    assert bool(asked) == vouched


def test_client_always_verifies_certificates() -> None:
    transport = client(endpoint="https://api.imagekit.io")._http._httpx._transport
    context = transport._pool._ssl_context  # type: ignore[attr-defined]  # no public way to ask
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname


PROXIED = "https://api.imagekit.io"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 407 Secret hidden\r\ncontent-length: 0\r\n\r\n", "refused the connection with status 407: check"),
        (b"HTTP/1.1 502 No\r\ncontent-length: 0\r\n\r\n", "refused the connection with status 502: check"),
    ],
)
def test_proxy_that_refuses_is_named_without_its_credentials(
    listening: socket.socket, monkeypatch: pytest.MonkeyPatch, answer: bytes, words: str
) -> None:
    proxy = raw_server(listening, answer)
    monkeypatch.setenv("HTTPS_PROXY", proxy.replace("://", "://me:hidden@"))
    with pytest.raises(EndpointError) as caught:
        exchange(PROXIED)
    assert f"the proxy {proxy} (HTTPS_PROXY) {words}" in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_proxy_that_cannot_be_reached_is_named(listening: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    listening.close()
    monkeypatch.setenv("ALL_PROXY", address.replace("://", "://me:hidden@"))
    with pytest.raises(ConnectionFailedError) as caught:
        exchange(PROXIED)
    assert str(caught.value) == (
        f"cannot connect to the proxy {address} (ALL_PROXY): check that variable and the network"
    )


@pytest.mark.parametrize("answer", [b"no HTTP at all\r\n\r\n", b""], ids=["another protocol", "nothing"])
def test_proxy_that_is_invalid_is_named(
    listening: socket.socket, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    proxy = raw_server(listening, answer)
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(ConnectionFailedError, match=f"through the proxy {proxy} .HTTPS_PROXY. was lost"):
        exchange(PROXIED)


def test_proxy_that_is_silent_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectTimeout("")

    async def scenario() -> None:
        async with client(endpoint=PROXIED) as c:
            c._http._httpx._transport = httpx.MockTransport(silent)
            await c._http._exchange("GET", "/v1/files")

    monkeypatch.setenv("HTTPS_PROXY", "me:hidden@proxy.example:3128")
    with pytest.raises(
        TimedOutError,
        match=r"no complete response to GET .* through the proxy http://proxy\.example:3128 \(HTTPS_PROXY\)$",
    ):
        run(scenario())


def test_proxy_with_an_unknown_name_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = httpx.ConnectError("DNS")
    unknown.__cause__ = socket.gaierror(-2, "unknown")
    monkeypatch.setenv("HTTPS_PROXY", "me:hidden@proxy.example:3128")
    assert str(connection_error(unknown, httpx.URL(PROXIED))) == (
        "the proxy http://proxy.example:3128 (HTTPS_PROXY) cannot be resolved: check the proxy and the network"
    )


def test_client_neither_keeps_nor_sends_cookies() -> None:
    library = Library(json_answer([], headers={"set-cookie": "a=b; Path=/"}))

    async def scenario() -> None:
        async with client(library) as c:
            for _ in range(3):
                await c.page(skip=0)
            assert list(c._http._httpx.cookies.jar) == []

    run(scenario())
    assert [request.headers.get("cookie") for request in library.requests] == [None] * 3


def test_client_never_reads_netrc(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    (tmp_path / "netrc").write_text("machine library.localhost login intruder password x\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    library = Library(json_answer([]))
    read(library)
    assert b"private_k" in base64.b64decode(library.requests[0].headers["authorization"].removeprefix("Basic "))


def test_client_repr_never_shows_the_key() -> None:
    made = client(key=KEY)
    assert not leaks(repr(made))
    assert not leaks(repr(vars(made)))


SENT = base64.b64encode(f"{KEY}:".encode()).decode()


@pytest.mark.parametrize("secret", [KEY, SENT], ids=["plain", "as sent"])
def test_redaction_covers_a_key_repeated_by_the_server(secret: str) -> None:
    words = {"message": f"who is {secret}?"}
    library = Library(json_answer(words, 400, {"x-ik-requestid": f"r-{secret}"}))

    async def scenario() -> None:
        async with client(library, key=KEY) as c:
            await c.page(skip=0)

    with pytest.raises(RejectedError) as raised:
        run(scenario())
    assert secret not in str(raised.value)
    assert "who is [the key]?" in str(raised.value)
    assert "r-[the key]" in str(raised.value)


@pytest.mark.parametrize("secret", [KEY, SENT], ids=["plain", "as sent"])
def test_redaction_covers_logs_of_calls(
    listening: socket.socket, caplog: pytest.LogCaptureFixture, secret: str
) -> None:
    answer = f"HTTP/1.1 200 OK\r\nx-echo: {secret}\r\nconnection: close\r\ncontent-length: 2\r\n\r\n[]"
    exchange(raw_server(listening, answer.encode()), key=KEY)
    assert {record.name for record in caplog.records} >= {"httpx", "httpcore.connection", "httpcore.http11"}
    assert "(b'x-echo', b'[the key]')" in caplog.text
    assert not leaks(caplog.text)


def test_redaction_of_logs_ends_with_the_client(listening: socket.socket) -> None:
    loggers = [item for name, item in logging.Logger.manager.loggerDict.items() if name.startswith("http")]
    exchange(raw_server(listening, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]"))
    assert [item.filters for item in loggers if isinstance(item, logging.Logger) and item.filters] == []


def frames(error: BaseException | None) -> Iterator[FrameType]:
    """Yield the frames of an error and its causes, without those of tests."""
    while error:
        yield from (
            frame for frame, _ in walk_tb(error.__traceback__) if "tests" not in Path(frame.f_code.co_filename).parts
        )
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("answer", [b"", b"no http", b"HTTP/1.1 200 OK\r\ncontent-encoding: br\r\n\r\nx"])
def test_redaction_covers_tracebacks_with_local_values(listening: socket.socket, answer: bytes) -> None:
    with pytest.raises(LibraryError) as raised:
        exchange(raw_server(listening, answer), key=KEY)
    values = [repr(value) for frame in frames(raised.value) for value in frame.f_locals.values()]
    assert any("/v1/files" in value for value in values)
    assert not any(map(leaks, values))


@pytest.mark.parametrize(("key", "tag"), [("any", "Germany"), ("private_0123456789", "Germ[the key]")])
def test_redaction_of_a_short_key_changes_no_tag(key: str, tag: str) -> None:
    library = Library(json_answer([file_object("/a.jpg", [f"Germ{key}"])]))

    async def scenario() -> Any:
        async with client(library, key=key) as c:
            return await c.page(skip=0)

    assert run(scenario()).files[0].tags == (tag,)
