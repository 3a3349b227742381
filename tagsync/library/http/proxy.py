"""Find the proxy for an endpoint in the environment; `transport` connects through it."""

from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from tagsync.environment import Setting, setting
from tagsync.errors import UsageError
from tagsync.library.http.endpoint import is_loopback, is_plain

_EXAMPLE = "http://proxy.example:3128"
_HTTPS_PORT = 443


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy.

    Attributes:
        variable: the environment variable that names it.
        address: its URL without credentials, safe to print.
        credentials: the user and password, if any.
    """

    variable: str
    address: str
    credentials: tuple[str, str] | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"the proxy {self.address} ({self.variable})"


def proxy_for(endpoint: str) -> Proxy | None:
    """Return the proxy for an endpoint; None for loopback and for hosts in NO_PROXY.

    HTTP_PROXY never applies, because plain http is allowed to loopback only.

    Raises:
        UsageError: the variable is not the address of an HTTP proxy.
    """
    found = setting("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
    parts = urlsplit(endpoint)
    host = (parts.hostname or "").rstrip(".")
    is_direct = parts.scheme != "https" or is_loopback(host)
    if found is None or is_direct or _is_excluded(host, parts.port or _HTTPS_PORT):
        return None
    return _parsed(found)


def _is_excluded(host: str, port: int) -> bool:
    """Return whether NO_PROXY lists a host, the host with its port, or one of its domains."""
    found = setting("no_proxy", "NO_PROXY")
    names = found.value.lower().replace(",", " ").split() if found else []
    if "*" in names:
        return True
    domains = [domain for name in names if (domain := name.removeprefix("*").lstrip("."))]
    return any(f".{place}".endswith(f".{domain}") for domain in domains for place in (host, f"{host}:{port}"))


def _parsed(found: Setting) -> Proxy:
    value = found.value
    parts = _split(value if "://" in value else f"http://{value.removeprefix('//')}", found.variable)
    if parts.scheme.startswith("socks"):
        raise UsageError(f"{found.variable} names a SOCKS proxy: set it to an HTTP proxy, like {_EXAMPLE}")
    more = parts.path.strip("/") or parts.query or parts.fragment
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0 or more or not is_plain(value):
        raise unusable(found.variable)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    address = f"{parts.scheme}://{host}" + ("" if parts.port is None else f":{parts.port}")
    if parts.username is None:
        return Proxy(found.variable, address)
    return Proxy(found.variable, address, (unquote(parts.username), unquote(parts.password or "")))


def _split(url: str, variable: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
        (parts.hostname or "").encode("idna")  # as the system's resolver gets it
    except ValueError:
        # Python's message may contain a part of the password.
        raise unusable(variable) from None
    return parts


def unusable(variable: str) -> UsageError:
    """Return the error for an invalid proxy variable, without its value, which may contain a password."""
    return UsageError(
        f"{variable} is not the address of a proxy: set it to one like {_EXAMPLE}, and percent-encode special "
        "characters of a user name or password"
    )
