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
    """Return an httpx transport: to an app in this process, or over HTTP/1.1 to an endpoint.

    Raises:
        EndpointError: the environment names certificates that cannot be read.
        UsageError: the environment names an invalid proxy.
    """
    if app is not None:
        return httpx.ASGITransport(app)
    # Plain http to loopback never uses the context; an empty one saves reading all certificates.
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
    """A cookie jar that stays empty: the API uses no cookies, and a server could track runs with them."""

    def extract_cookies(self, *_: object) -> None:
        """Ignore the cookies of a response, without parsing them."""


def connection_error(error: httpx.TransportError, endpoint: httpx.URL) -> LibraryError:
    """Return the error for a failed connection: a TransientError if a retry may help."""
    proxy = proxy_for(str(endpoint))
    if isinstance(error, httpx.ProxyError):
        # Keep only the status: the text after it comes from the proxy and may contain its password.
        status = re.match(r"\d{3}\b", str(error))
        words = f" with status {status[0]}" if status else ""
        return EndpointError(f"{proxy or 'the proxy'} refused the connection{words}: check its address and credentials")
    host = str(proxy) if proxy and isinstance(error, httpx.ConnectError) else f"the host {endpoint.host}"
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLError):
            reason = getattr(cause, "verify_message", None) or cause.reason or "TLS failed"
            return EndpointError(
                f"no trusted connection to {endpoint.host}{through(endpoint)}: {reason}. Check the endpoint. If you "
                "use your own CA, set SSL_CERT_FILE."
            )
        if isinstance(cause, socket.gaierror):
            fix = f"check the {'proxy' if proxy else 'endpoint'} and the network"
            return EndpointError(f"{host} cannot be resolved: {fix}")
    where = str(endpoint).rstrip("/")
    if isinstance(error, httpx.ConnectError):
        if proxy:
            return ConnectionFailedError(f"cannot connect to {proxy}: check that variable and the network")
        return ConnectionFailedError(f"cannot connect to {where}: check the endpoint and the network")
    return ConnectionFailedError(
        f"the connection to {where}{through(endpoint)} was lost: check the endpoint and the network"
    )


def through(endpoint: httpx.URL) -> str:
    """Return " through PROXY" for a message; empty if there is no proxy."""
    proxy = proxy_for(str(endpoint))
    return f" through {proxy}" if proxy else ""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
