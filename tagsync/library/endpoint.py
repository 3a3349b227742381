"""Where a library is and how to get there safely; not what is said there."""

import hashlib
import hmac
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

from tagsync.errors import UsageError
from tagsync.printable import quoted

DEFAULT_ENDPOINT = "https://api.imagekit.io"


def checked_endpoint(url: str) -> str:
    """Return an endpoint without a trailing slash.

    Raises:
        UsageError: it is no http(s) URL, carries user, query or fragment, or is plain http to another machine.
    """
    parts = _split(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"the endpoint {quoted(url, 200)} is no http(s) URL: give one like {DEFAULT_ENDPOINT}")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise UsageError("the endpoint carries a user, a query or a fragment: give only scheme, host, port and path")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise UsageError(f"the endpoint {quoted(url, 200)} would send the key in the clear: use https")
    return url.rstrip("/")


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise UsageError(f"the endpoint {quoted(url, 200)} is no URL: {error}") from error
    return parts


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address is this machine's loopback."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def proxy_for(endpoint: str) -> str | None:
    """Return the proxy that the environment names for an endpoint; none for loopback."""
    parts = urlsplit(endpoint)
    host = parts.hostname or ""
    if is_loopback(host) or proxy_bypass(host):
        return None
    proxies = getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")


def account_of(key: str) -> str:
    """Return a name for the account behind a key: a keyed hash, from which the key cannot be found."""
    return "key-" + hmac.new(key.encode(), b"tagsync account", hashlib.sha256).hexdigest()[:16]
