"""Configure a library, connect to it and lock it."""

import re
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

from tagsync.environment import setting
from tagsync.errors import CredentialsError, UsageError
from tagsync.escape import quoted, shown
from tagsync.events import Listener, Waiting, ignore
from tagsync.library.http.client import RateLimiters
from tagsync.library.http.endpoint import DEFAULT_ENDPOINT, account_of, checked_endpoint, normalised
from tagsync.library.http.rate_limiter import BULK_RATE, READ_RATE, RateLimiter
from tagsync.library.http.redaction import LEAST_LENGTH
from tagsync.library.imagekit.library import ImageKitLibrary
from tagsync.library.imagekit.probe import Probe
from tagsync.library.protocol import MAX_CONNECTIONS
from tagsync.model import ENVIRONMENT_PATTERN, KEY_VARIABLE, SANDBOX_ACCOUNT, Config, Part, TargetName
from tagsync.workspace.lock import held

IN_PROCESS = "http://sandbox.localhost"
"""The base URL of an in-process app; nothing is sent over the network."""

MAX_KEY_BYTES = 4096

_NO_KEY = "private_none"
"""The key for an in-process app. It is redacted from error messages, so it must not be a word that they use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A library and how to connect to it.

    Attributes:
        key: the private key. `repr` and messages never show it.
        endpoint: the API's base URL.
        account: a name for the account, used in manifests and reports. The default is a keyed hash of the key.
        app: an ASGI app that serves the library in this process; `endpoint` is then only a name.
        rate: the maximum bulk calls per second. The default starts at 5 and adapts to ImageKit's rate limit; an
            `app` has no limit.
        concurrency: the maximum number of concurrent calls, 1 to 8.
        environment: the environment of `tagsync.yaml`, which plans record. A plan for another one is refused.
        library: a name for the library of an `app` that other processes on this machine use too. Without it,
            two applies of that library do not lock each other out.
        library_sha256: the hash of the file that the library of an `app` was filled from, which plans record. A plan
            for another one is refused.

    Raises:
        CredentialsError: the key is missing, a public key, or not printable ASCII.
        UsageError: another value is invalid.
    """

    key: str = field(default="", repr=False)
    endpoint: str = DEFAULT_ENDPOINT
    account: str | None = None
    app: Callable[..., Any] | None = field(default=None, repr=False)
    rate: float | None = None
    concurrency: int = 4
    environment: str | None = None
    library: str | None = None
    library_sha256: str | None = None

    def __post_init__(self) -> None:
        """Check everything that needs no API call."""
        self._check_names()
        if self.app is None:
            object.__setattr__(self, "endpoint", checked_endpoint(self.endpoint))
            if not self.key:
                raise CredentialsError(
                    "no private key: set IMAGEKIT_PRIVATE_KEY, or set IMAGEKIT_PRIVATE_KEY_FILE to the file with the "
                    "key; to try tagsync without an account, use --sandbox LIBRARY.jsonl"
                )
        if self.key.startswith("public_"):
            raise CredentialsError(
                "this is a public key (public_...), which cannot read or change files: use the account's private key"
            )
        if self.key.endswith("..."):
            raise CredentialsError(
                "the private key is a placeholder that ends in ...: put the account's key in its place"
            )
        if not self.key.isascii() or not self.key.isprintable():
            raise CredentialsError(
                "the private key contains invalid characters: check its source "
                "(IMAGEKIT_PRIVATE_KEY or IMAGEKIT_PRIVATE_KEY_FILE)"
            )
        if self.environment is not None and not re.search(ENVIRONMENT_PATTERN, self.environment):
            raise UsageError(
                f"environment is {quoted(self.environment)}: use letters, digits, dots, dashes and underscores"
            )
        if not isinstance(self.concurrency, int) or not 1 <= self.concurrency <= MAX_CONNECTIONS:
            raise UsageError(f"concurrency is {self.concurrency!r}: use 1 to {MAX_CONNECTIONS}")
        if self.rate is not None and (not isinstance(self.rate, int | float) or not 0 < self.rate < inf):
            raise UsageError(f"rate is {self.rate!r}: use a number of calls per second above 0")

    def _check_names(self) -> None:
        """Check that neither the account nor the endpoint, which all output shows, contains the key."""
        for what, text in (("account", self.account), ("endpoint", self.endpoint)):
            if text and len(self.key) >= LEAST_LENGTH and self.key in text:
                raise UsageError(
                    f"the {what} contains the private key, which output would show: set the key only in "
                    f"IMAGEKIT_PRIVATE_KEY, and use another {what}"
                )

    @classmethod
    def from_env(
        cls,
        *,
        endpoint: str | None = None,
        account: str | None = None,
        rate: float | None = None,
        concurrency: int = 4,
        config: Config | None = None,
    ) -> "Target":
        """Return the target that environment variables describe; arguments take precedence.

        The variables are IMAGEKIT_PRIVATE_KEY or IMAGEKIT_PRIVATE_KEY_FILE (a file with the key), TAGSYNC_ENDPOINT or
        IMAGE_KIT_BASE_URL, and TAGSYNC_ACCOUNT.

        Args:
            config: what `tagsync.yaml` sets: the environment, the variable of the key, and the account unless an
                argument or a variable names it.
            endpoint: the API's base URL.
            account: a name for the account.
            rate: the maximum bulk calls per second.
            concurrency: the maximum number of concurrent calls, 1 to 8.

        Raises:
            CredentialsError: there is no key, or its file cannot be read.
            UsageError: an argument or the endpoint is invalid.
        """
        if endpoint is None:
            named = setting("TAGSYNC_ENDPOINT", "IMAGE_KIT_BASE_URL")
            endpoint = named.value if named else DEFAULT_ENDPOINT
        if account is None:
            named = setting("TAGSYNC_ACCOUNT")
            account = named.value if named else (config.account if config else None)
        return cls(
            key=_key_of(config) if config else private_key(),
            environment=config.environment if config else None,
            endpoint=endpoint,
            account=account,
            rate=rate,
            concurrency=concurrency,
        )

    @property
    def name(self) -> TargetName:
        """The endpoint and account that plans and reports record."""
        account = self.account or (account_of(self.key) if self.key else SANDBOX_ACCOUNT)
        return TargetName(self.endpoint, account, self.environment)

    def is_named(self, name: TargetName) -> bool:
        """Return whether a name is of this target; different spellings of an endpoint are equal."""
        ours = self.name
        return name.account == ours.account and normalised(name.endpoint) == normalised(ours.endpoint)

    def takes(self, name: TargetName) -> bool:
        """Return whether this target's environment is that of a plan or report; a target without one takes any."""
        return self.environment in (None, name.environment)

    @property
    def identities(self) -> tuple[str, ...]:
        """The names of this library's locks. Two applies that share a name must not run at the same time."""
        if self.library is not None:
            return (self.library,)
        if self.app is not None:
            return ()
        # Lock both the key and the account's name: an account can have several keys, and a run may not give the name.
        accounts = dict.fromkeys([account_of(self.key), self.name.account])
        return tuple(f"{normalised(self.endpoint)}\n{account}" for account in accounts)

    @property
    def bulk_rate(self) -> float | None:
        """The bulk calls per second to start with; None for no limit."""
        return self.rate or (BULK_RATE if self.app is None else None)


def _key_of(config: Config) -> str:
    """Return the private key from the variable that `tagsync.yaml` names, and from no other.

    The key of another account may be in IMAGEKIT_PRIVATE_KEY.
    """
    key = private_key(config.key)
    if not key and "key" in config.origins:
        raise CredentialsError(
            f"no private key: set {config.key}, which {shown(str(config.origins['key'][0]))} names, or set "
            f"{config.key}_FILE to the file with the key"
        )
    return key


def key_source(config: Config | None) -> str:
    """Return the environment variable that the private key comes from."""
    variable = config.key if config else KEY_VARIABLE
    return variable if setting(variable) else f"{variable}_FILE"


def private_key(variable: str = KEY_VARIABLE) -> str:
    """Return the private key from an environment variable; empty if there is none.

    Raises:
        CredentialsError: the key file cannot be read.
    """
    if key := setting(variable):
        return key.value
    path = setting(f"{variable}_FILE")
    if path is None:
        return ""
    try:
        with Path(path.value).open("rb") as file:
            return file.read(MAX_KEY_BYTES).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a key"
        raise CredentialsError(
            f"{variable}_FILE: cannot read {shown(path.value)}: {reason}: correct the variable, or unset it"
        ) from None


@contextmanager
def locked(target: Target, *, part: Part | None = None, timeout: float = 0.0) -> Iterator[None]:
    """Lock a target, or one shard of it, for the duration of a `with` block.

    Args:
        target: the library.
        part: the shard; None for the whole library.
        timeout: seconds to wait for other applies to finish; 0 tries once.

    Raises:
        LockedError: another apply has locked it.
        StateError: lock files cannot be created.
    """
    with ExitStack() as locks:
        for key in target.identities:
            locks.enter_context(held(key, part=part, timeout=timeout))
        yield


def connect(
    target: Target, listener: Listener, *, thumbnails: bool = False, fields: Collection[str] = (), objects: bool = False
) -> ImageKitLibrary:
    """Return a target's library.

    Args:
        target: the library's configuration.
        listener: receives `Waiting` for each long wait, `Retrying` for each retry, and `ApiCalls` at the end.
        thumbnails: whether to keep the files' thumbnail URLs.
        fields: the files' data to keep for templates.
        objects: whether pages keep the files' JSON objects.

    Returns:
        An asynchronous context manager; enter it before the first call.
    """
    return ImageKitLibrary(
        *_address(target),
        limiters=_limiters(target, listener),
        app=target.app,
        thumbnails=thumbnails,
        fields=fields,
        objects=objects,
        listener=listener,
    )


def probing(target: Target, listener: Listener = ignore) -> Probe:
    """Return a sender of single calls to a target.

    Args:
        target: the library's configuration.
        listener: receives `Waiting` for each long wait.

    Returns:
        An asynchronous context manager; enter it before the first call.
    """
    limiters = _limiters(target, listener)
    return Probe(*_address(target), limiters=limiters, app=target.app, listener=listener)


def _address(target: Target) -> tuple[str, str]:
    """Return the base URL and the key to send."""
    return (target.endpoint if target.app is None else IN_PROCESS), target.key or _NO_KEY


def _limiters(target: Target, listener: Listener) -> RateLimiters:
    def announce(seconds: float) -> None:
        listener(Waiting(seconds))

    return RateLimiters(
        reads=RateLimiter(READ_RATE if target.app is None else None, announce, cap=inf),
        bulk=RateLimiter(target.bulk_rate, announce, cap=target.rate or inf),
    )
