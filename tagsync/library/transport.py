"""The way to a library and back: connections, proxies, certificates, bodies, and what goes wrong on the way."""

import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from tagsync.errors import ConnectionFailedError, EndpointError, LibraryError, ProtocolError
from tagsync.library.endpoint import proxy_for

MAX_CONNECTIONS = 8
MAX_BODY_BYTES = 64 * 1024 * 1024
"""A longer answer, decoded, is cut off. A page of 1000 files has one or two MiB."""


def make_transport(endpoint: str, app: Callable[..., Any] | None) -> httpx.AsyncBaseTransport:
    """Return what carries calls: to an application in this process, or over HTTP/1.1 to an endpoint."""
    if app is not None:
        return httpx.ASGITransport(app)
    secure = endpoint.startswith("https:")
    proxy = proxy_for(endpoint)
    return httpx.AsyncHTTPTransport(
        # The environment may name other certificates to trust (SSL_CERT_FILE); nothing can switch checking off.
        # Plain http to loopback never uses the empty context, and gets by without reading all certificates.
        verify=httpx.create_ssl_context(trust_env=True) if secure or proxy else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        proxy=httpx.Proxy(proxy) if proxy else None,
        limits=httpx.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS),
        http1=True,
        http2=False,
    )


async def read_body(response: httpx.Response) -> bytes:
    """Return the decoded body.

    Raises:
        ProtocolError: it is too long, or encoded in a way that was not asked for.
    """
    # More than one coding could unfold a small body into one too large to hold even in part.
    if response.headers.get("content-encoding", "identity").lower() not in ("identity", "gzip"):
        raise ProtocolError("the answer is encoded in a way that was not asked for")
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise ProtocolError(f"the answer is longer than {MAX_BODY_BYTES >> 20} MiB")
    return bytes(body)


def connection_error(error: httpx.TransportError, endpoint: httpx.URL) -> LibraryError:
    """Return what a failed connection means: worth another attempt or not."""
    if isinstance(error, httpx.ProxyError):
        return EndpointError("the proxy refused the connection: check HTTPS_PROXY and its credentials")
    host = endpoint.host
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLError):
            reason = getattr(cause, "verify_message", None) or cause.reason or "TLS failed"
            return EndpointError(
                f"no trusted connection to {host}: {reason}. Check the endpoint; SSL_CERT_FILE may name your own CA."
            )
        if isinstance(cause, socket.gaierror):
            return EndpointError(f"the host {host} is not known: check the endpoint and the network")
    where = str(endpoint).rstrip("/")
    if isinstance(error, httpx.ConnectError):
        return ConnectionFailedError(f"nothing answers at {where}: check the endpoint and the network")
    return ConnectionFailedError(f"the connection to {where} broke off: check the endpoint and the network")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
