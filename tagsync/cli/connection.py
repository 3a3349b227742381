"""Connect settings to a library: ImageKit with the key from the environment, or a sandbox."""

import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tagsync.api.belonging import library_key
from tagsync.api.keep import Workspace
from tagsync.cli.options import LibrarySettings
from tagsync.cli.signals import until_signal
from tagsync.errors import AuthorisationError, StateError, UsageError
from tagsync.library.target import Target, key_source
from tagsync.model import SANDBOX_SCHEME
from tagsync.workspace.state_dir import check_database, state_directory, state_folder

if TYPE_CHECKING:
    from tagsync.cli.output import Output
    from tagsync.sandbox.profile import Profile
    from tagsync.sandbox.store import Store

SANDBOX_FOLDER = "sandbox"

T = TypeVar("T")


@contextmanager
def workspace_of(settings: LibrarySettings, warn: Callable[[str], None]) -> Iterator[Workspace]:
    """Yield the workspace of the library that settings name; a sandbox's library stays open until the block ends.

    Raises:
        CredentialsError: there is no key.
        RefusedError: an earlier apply used the key for another account than `tagsync.yaml` sets.
        StateError: the sandbox's library cannot be used.
    """
    if settings.sandbox is None and settings.profile:
        raise UsageError("--profile needs --sandbox: a profile says how a simulated library behaves")
    if settings.sandbox is None:
        target = Target.from_env(
            endpoint=settings.endpoint,
            account=settings.account,
            rate=settings.rate,
            concurrency=settings.concurrency,
            config=settings.config,
        )
        with _key_named(target, settings):
            yield _workspace(target, settings, warn)
        return
    with sandbox_packages():
        from tagsync.sandbox.app import make_app  # noqa: PLC0415 - an extra
    profile = sandbox_profile(settings.profile)
    with sandbox_store(settings.sandbox, settings.state_dir, warn) as store:
        target = Target(
            endpoint=f"{SANDBOX_SCHEME}{settings.sandbox.name}",
            account=settings.account,
            app=make_app(store, profile=profile),
            rate=settings.rate,
            concurrency=settings.concurrency,
            environment=settings.config.environment if settings.config else None,
            library=_sandbox_key(settings.sandbox, settings.state_dir),
            library_sha256=store.source,
        )
        yield _workspace(target, settings, warn)


@contextmanager
def _key_named(target: Target, settings: LibrarySettings) -> Iterator[None]:
    """Add to the error about a wrong key where the key came from, and where it was sent."""
    try:
        yield
    except AuthorisationError as error:
        variable = key_source(settings.config)
        environment = f" (environment {target.environment})" if target.environment else ""
        words = f"{error.args[0]} It comes from {variable}{environment}, and tagsync sent it to {target.endpoint}."
        raise AuthorisationError(words, request_id=error.request_id) from error


def _workspace(target: Target, settings: LibrarySettings, warn: Callable[[str], None]) -> Workspace:
    """Return the workspace of a target, after comparing the account in `tagsync.yaml` with earlier applies."""
    workspace = Workspace(target, settings.state_dir, settings.shard, warn)
    config = settings.config
    # An account that an option or its variable names has no place in the file: it confirms what the user wants.
    if config and config.account and (places := config.origins.get("account")):
        workspace.check_account(config.account, f"{places[0]} sets the account")
    return workspace


def read_library(read: Callable[..., Awaitable[T]], library: LibrarySettings, output: "Output", **what: Any) -> T:
    """Read a library with a function of the API, and return what it found; a signal ends the run."""
    with output.failures_written(), workspace_of(library, output.warn) as workspace, output.progress() as listener:
        return until_signal(
            lambda: read(workspace.target, max_duration=library.max_duration, listener=listener, **what)
        )


def sandbox_profile(place: str | None) -> "Profile | None":
    """Return the profile that an option names; None for none.

    Raises:
        UsageError: it cannot be used.
    """
    with sandbox_packages():
        from tagsync.sandbox.profile import ProfileError, read_profile  # noqa: PLC0415 - an extra
    try:
        return read_profile(place) if place else None
    except ProfileError as error:
        raise UsageError(str(error)) from error


def sandbox_file_name(library: Path, state_dir: Path) -> str:
    """Return the name of a sandbox's files in the state directory; the names of its shards start with it."""
    return library_key(_sandbox_key(library, state_dir))


def _sandbox_key(library: Path, state_dir: Path) -> str:
    return f"sandbox\n{sandbox_database(library, state_dir).resolve()}"


@contextmanager
def sandbox_store(library: Path, state_dir: Path, warn: Callable[[str], None]) -> "Iterator[Store]":
    """Yield a sandbox's library; on first use, fill it from its file.

    Raises:
        StateError: the library file or the database cannot be used.
    """
    with sandbox_packages():
        from tagsync.sandbox.seed import SeedError  # noqa: PLC0415 - an extra
        from tagsync.sandbox.store import Store  # noqa: PLC0415 - likewise
    database = state_folder(state_dir, SANDBOX_FOLDER) / sandbox_database(library, state_dir).name
    check_database(database)
    try:
        store = Store(database, library)
    except SeedError as error:
        raise StateError(str(error)) from error
    try:
        if store.source_changed:
            warn(
                f"{library} has changed since the sandbox was filled from it: to use the new version, run tagsync "
                f"sandbox reset {library}"
            )
        yield store
    finally:
        store.close()


def sandbox_database(library: Path, state_dir: Path) -> Path:
    """Return the database of a sandbox's library."""
    digest = sha256(os.fsencode(library.resolve())).hexdigest()[:12]
    return state_directory(state_dir) / SANDBOX_FOLDER / f"{library.name}-{digest}.sqlite"


@contextmanager
def sandbox_packages() -> Iterator[None]:
    """Explain how to install the sandbox if the block cannot import its packages, which are an extra.

    Raises:
        UsageError: a package is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the sandbox needs the package {error.name}: install tagsync with its extra, as in "
            "pip install '.[sandbox]' in a checkout"
        ) from error
