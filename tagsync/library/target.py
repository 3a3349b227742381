"""Configure and connect to a library; `api` uses it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

from tagsync.environment import setting
from tagsync.errors import CredentialsError, UsageError
from tagsync.escape import shown
from tagsync.events import Listener, Waiting
from tagsync.library.http.client import RateLimiters
from tagsync.library.http.endpoint import DEFAULT_ENDPOINT, account_of, checked_endpoint, normalised
from tagsync.library.http.rate_limiter import BULK_RATE, READ_RATE, RateLimiter
from tagsync.library.imagekit.library import ImageKitLibrary
from tagsync.library.protocol import MAX_CONNECTIONS
from tagsync.model import Part, TargetName
from tagsync.workspace.lock import held

IN_PROCESS = "http://sandbox.localhost"
"""What an application in this process is called by; no byte leaves the process."""

MAX_KEY_BYTES = 4096

_NO_KEY = "private_none"
"""The key for an application in this process. It is redacted from error messages, so it must be no word of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A library and how to speak to it.

    Attributes:
        key: the private key. Never shown, not even by `repr`.
        endpoint: the API's base URL.
        account: a name for the account, for manifests and reports; without one a keyed hash of the key stands in.
        app: an ASGI application that plays the library in this process; `endpoint` is then only its name.
        rate: bulk calls a second; None for the library's usual five, or no pace at all for an `app`.
        concurrency: calls in flight at most, 1 to 8.
        library: what names the library of an `app` on this machine, where other processes have it too; without it
            nothing keeps two applies of that library apart.
    """

    key: str = field(default="", repr=False)
    endpoint: str = DEFAULT_ENDPOINT
    account: str | None = None
    app: Callable[..., Any] | None = field(default=None, repr=False)
    rate: float | None = None
    concurrency: int = 4
    library: str | None = None

    def __post_init__(self) -> None:
        """Check what can be checked without a call."""
        if self.app is None:
            object.__setattr__(self, "endpoint", checked_endpoint(self.endpoint))
            if not self.key:
                raise CredentialsError(
                    "no private key: set IMAGEKIT_PRIVATE_KEY, or IMAGEKIT_PRIVATE_KEY_FILE to a file that holds it; "
                    "to try tagsync without an account, use --sandbox LIBRARY.jsonl"
                )
        if self.key.startswith("public_"):
            raise CredentialsError(
                "this is a public key (public_...), which may not read or change files: take the account's private key"
            )
        if not self.key.isascii() or not self.key.isprintable():
            raise CredentialsError(
                "the private key holds characters that no key has: check where it comes from "
                "(IMAGEKIT_PRIVATE_KEY or IMAGEKIT_PRIVATE_KEY_FILE)"
            )
        if not isinstance(self.concurrency, int) or not 1 <= self.concurrency <= MAX_CONNECTIONS:
            raise UsageError(f"concurrency is {self.concurrency!r}: use 1 to {MAX_CONNECTIONS}")
        if self.rate is not None and (not isinstance(self.rate, int | float) or not 0 < self.rate < inf):
            raise UsageError(f"the rate is {self.rate!r}: use a number of calls a second above 0")

    @classmethod
    def from_env(
        cls,
        *,
        endpoint: str | None = None,
        account: str | None = None,
        rate: float | None = None,
        concurrency: int = 4,
    ) -> "Target":
        """Return the target that the environment names; arguments take precedence.

        The key is in IMAGEKIT_PRIVATE_KEY, or in the file that IMAGEKIT_PRIVATE_KEY_FILE names; the endpoint in
        TAGSYNC_ENDPOINT or IMAGE_KIT_BASE_URL; the account in TAGSYNC_ACCOUNT.

        Raises:
            CredentialsError: there is no key, or its file cannot be read.
            UsageError: an argument or the endpoint is wrong.
        """
        if endpoint is None:
            named = setting("TAGSYNC_ENDPOINT", "IMAGE_KIT_BASE_URL")
            endpoint = named.value if named else DEFAULT_ENDPOINT
        if account is None:
            named = setting("TAGSYNC_ACCOUNT")
            account = named.value if named else None
        return cls(
            key=private_key(),
            endpoint=endpoint,
            account=account,
            rate=rate,
            concurrency=concurrency,
        )

    @property
    def name(self) -> TargetName:
        """The target as documents name it."""
        return TargetName(self.endpoint, self.account or (account_of(self.key) if self.key else "sandbox"))

    def is_named(self, name: TargetName) -> bool:
        """Tell whether a document that names its target so is of this one, however the endpoint is written."""
        ours = self.name
        return name.account == ours.account and normalised(name.endpoint) == normalised(ours.endpoint)

    @property
    def identities(self) -> tuple[str, ...]:
        """What names the library on this machine: applies that have one of these in common must not run at once.

        An account is known by its key, and by its name if it was given one: it may have several keys, and not every
        run gives the name. The endpoint counts, not the way it is written.
        """
        if self.library is not None:
            return (self.library,)
        if self.app is not None:
            return ()
        accounts = dict.fromkeys([account_of(self.key), self.name.account])
        return tuple(f"{normalised(self.endpoint)}\n{account}" for account in accounts)

    @property
    def bulk_rate(self) -> float | None:
        """Bulk calls a second; None for no pace."""
        return self.rate or (BULK_RATE if self.app is None else None)


def private_key() -> str:
    """Return the private key from the environment, empty if there is none.

    Raises:
        CredentialsError: the file that should hold it cannot be read.
    """
    if key := setting("IMAGEKIT_PRIVATE_KEY"):
        return key.value
    path = setting("IMAGEKIT_PRIVATE_KEY_FILE")
    if path is None:
        return ""
    try:
        with Path(path.value).open("rb") as file:
            return file.read(MAX_KEY_BYTES).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a key"
        raise CredentialsError(
            f"IMAGEKIT_PRIVATE_KEY_FILE names {shown(path.value)}, which cannot be read: {reason}"
        ) from None


@contextmanager
def locked(target: Target, *, part: Part | None = None, timeout: float = 0.0) -> Iterator[None]:
    """Hold all locks of a target, or of one shard of it, for the length of a `with` block.

    Args:
        target: the library.
        part: the shard; None for the whole.
        timeout: seconds to wait for other applies to end; 0 tries once.

    Raises:
        LockedError: another apply holds one.
        StateError: there is no place for locks.
    """
    with ExitStack() as locks:
        for key in target.identities:
            locks.enter_context(held(key, part=part, timeout=timeout))
        yield


def connect(target: Target, listener: Listener, *, thumbnails: bool = False) -> ImageKitLibrary:
    """Return a target's library, to be entered; the listener gets long waits."""

    def announce(seconds: float) -> None:
        listener(Waiting(seconds))

    in_process = target.app is not None
    return ImageKitLibrary(
        IN_PROCESS if in_process else target.endpoint,
        target.key or _NO_KEY,
        limiters=RateLimiters(
            reads=RateLimiter(None if in_process else READ_RATE, announce, cap=inf),
            bulk=RateLimiter(target.bulk_rate, announce, cap=target.rate or inf),
        ),
        app=target.app,
        thumbnails=thumbnails,
    )
