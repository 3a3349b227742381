"""Connect to an endpoint, directly or through a proxy, and explain failed connections."""

import re
import socket
import ssl
from collections.abc import Callable, Iterator
from http.cookiejar import CookieJar
from typing import Any

import httpx

from tagsync.errors import ConnectionFailedError, EndpointError, LibraryError
from tagsync.library.http.certificates import checking_context
from tagsync.library.http.proxy import Proxy, proxy_for, unusable
from tagsync.library.protocol import MAX_CONNECTIONS


def make_transport(endpoint: str, app: Callable[..., Any] | None) -> httpx.AsyncBaseTransport:
    """Return what carries calls: to an application in this process, or over HTTP/1.1 to an endpoint.

    Raises:
        EndpointError: the environment names certificates that cannot be read.
        UsageError: it names a proxy that cannot be used.
    """
    if app is not None:
        return httpx.ASGITransport(app)
    # Plain http to loopback never uses the empty context, and gets by without reading all certificates.
    is_secure = endpoint.lower().startswith("https:")
    context = checking_context() if is_secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    proxy = proxy_for(endpoint)
    return httpx.AsyncHTTPTransport(
        verify=context,
        proxy=_as_httpx(proxy, context) if proxy else None,
        limits=httpx.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS),
        http1=True,
        http2=False,
    )


def _as_httpx(proxy: Proxy, context: ssl.SSLContext) -> httpx.Proxy:
    is_secure = proxy.address.startswith("https:")
    try:
        return httpx.Proxy(proxy.address, auth=proxy.credentials, ssl_context=context if is_secure else None)
    except (httpx.InvalidURL, ValueError) as error:
        raise unusable(proxy.variable) from error


class NoCookies(CookieJar):
    """A jar that never holds a cookie: the API has none, and a server could recognise runs by them."""

    def extract_cookies(self, *_: object) -> None:
        """Leave the cookies of an answer alone, without parsing them."""


def connection_error(error: httpx.TransportError, endpoint: httpx.URL) -> LibraryError:
    """Return what a failed connection means: worth another attempt or not."""
    proxy = proxy_for(str(endpoint))
    if isinstance(error, httpx.ProxyError):
        # The words that come with the status are the proxy's own, and may repeat its password.
        status = re.match(r"\d{3}\b", str(error))
        words = f" with status {status[0]}" if status else ""
        return EndpointError(f"{proxy or 'the proxy'} refused the connection{words}: check it and its credentials")
    host = str(proxy) if proxy and isinstance(error, httpx.ConnectError) else f"the host {endpoint.host}"
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLError):
            reason = getattr(cause, "verify_message", None) or cause.reason or "TLS failed"
            return EndpointError(
                f"no trusted connection to {endpoint.host}{through(endpoint)}: {reason}. Check the endpoint; "
                "SSL_CERT_FILE may name your own CA."
            )
        if isinstance(cause, socket.gaierror):
            return EndpointError(f"{host} is not known: check the {'proxy' if proxy else 'endpoint'} and the network")
    where = str(endpoint).rstrip("/")
    if isinstance(error, httpx.ConnectError):
        if proxy:
            return ConnectionFailedError(f"nothing answers at {proxy}: check that variable and the network")
        return ConnectionFailedError(f"nothing answers at {where}: check the endpoint and the network")
    return ConnectionFailedError(
        f"the connection to {where}{through(endpoint)} broke off: check the endpoint and the network"
    )


def through(endpoint: httpx.URL) -> str:
    """Return words on the proxy between here and an endpoint; none if there is none."""
    proxy = proxy_for(str(endpoint))
    return f" through {proxy}" if proxy else ""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
