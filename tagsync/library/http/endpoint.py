"""Check and normalise the endpoint of a library; `proxy` finds the way to it."""

import hashlib
import hmac
import re
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

import httpx

from tagsync.errors import UsageError
from tagsync.escape import quoted, shown

DEFAULT_ENDPOINT = "https://api.imagekit.io"

_DEFAULT_PORTS = {"http": 80, "https": 443}
_END_OF_PATH = re.compile(r"(?:/\.?)+$")
_KEY = re.compile(r"private_[^@\s'\"]*")
_HIDDEN = "[the key]"
_HOST_AND_PORT = re.compile(r"(?:[^/:@?#\[\]]+|\[[^\]]*\]):\d+(?:/.*)?")


def checked_endpoint(given: str) -> str:
    """Return an endpoint's URL without surrounding white space and trailing slashes.

    HOST:PORT is short for http://HOST:PORT.

    Raises:
        UsageError: it is not an http(s) URL, has a user, query or fragment, or is plain http to another machine.
    """
    url = given.strip()
    if _HOST_AND_PORT.fullmatch(url):
        url = f"http://{url}"
    parts = _split(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"the endpoint {_quoted(url)} is not an http(s) URL: use one like {DEFAULT_ENDPOINT}")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise UsageError("the endpoint has a user, query or fragment: use only scheme, host, port and path")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise UsageError(f"the endpoint {_quoted(url)} would send the key unencrypted: use https")
    return url.rstrip("/")


def _quoted(url: str) -> str:
    """Return a URL as errors show it, without what looks like a private key: this check does not know the key."""
    return quoted(_KEY.sub(_HIDDEN, url), 200)


def _split(url: str) -> SplitResult:
    """Return the parts of a URL that httpx and the system's resolver accept."""
    try:
        parts = urlsplit(url)
        reason = "the port is 0" if parts.port == 0 else None
        (parts.hostname or "").encode("idna")  # as the system's resolver gets it
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL) as error:
        reason = str(error)
    if not is_plain(url):
        reason = "it contains white space or a control character"
    if reason:
        raise UsageError(f"the endpoint {_quoted(url)} is not a URL: {shown(_KEY.sub(_HIDDEN, reason), 200)}")
    return parts


def is_plain(url: str) -> bool:
    """Return whether a URL has no white space or control characters, which some parsers skip."""
    return url.isprintable() and " " not in url


def is_loopback(host: str) -> bool:
    """Return whether a host name or address is this machine's loopback."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def normalised(endpoint: str) -> str:
    """Return the same text for all spellings of an endpoint; locks, journals and reports are found by it.

    Ignores case, a default port, trailing dots and slashes, and which name of the loopback is used. Text that is not
    a URL, such as the name of an in-process library, stays the same.
    """
    try:
        parts = urlsplit(endpoint)
        port = parts.port
    except ValueError:  # a saved plan or report may contain anything
        return endpoint
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        return endpoint
    host = parts.hostname.rstrip(".")
    try:
        address = ip_address(host)
        host = f"[{address.compressed}]" if address.version == 6 else host  # noqa: PLR2004 - IPv6
    except ValueError:
        pass
    host = "127.0.0.1" if host in ("localhost", "[::1]") else host
    ending = "" if port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{port}"
    return f"{parts.scheme}://{host}{ending}{_END_OF_PATH.sub('', parts.path)}"


def account_of(key: str) -> str:
    """Return a name for a key's account: a keyed hash that does not reveal the key."""
    return "key-" + hmac.new(key.encode(), b"tagsync account", hashlib.sha256).hexdigest()[:16]
