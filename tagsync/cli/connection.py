"""Connect settings to a library: ImageKit with the key from the environment, or a sandbox."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from tagsync.api.keep import Workspace, library_key
from tagsync.cli.options import LibrarySettings
from tagsync.errors import StateError, UsageError
from tagsync.library.target import Target
from tagsync.workspace.state_dir import check_database, state_directory, state_folder

if TYPE_CHECKING:
    from tagsync.sandbox.store import Store

SANDBOX_FOLDER = "sandbox"

SANDBOX = "sandbox:"
"""What the endpoint of a library in this process begins with."""


@contextmanager
def workspace_of(settings: LibrarySettings, warn: Callable[[str], None]) -> Iterator[Workspace]:
    """Yield the target that settings name, and its workspace; a sandbox's library stays open meanwhile.

    Raises:
        CredentialsError: there is no key.
        StateError: the sandbox's library cannot be used.
    """
    if settings.sandbox is None:
        target = Target.from_env(
            endpoint=settings.endpoint,
            account=settings.account,
            rate=settings.rate,
            concurrency=settings.concurrency,
            config=settings.config,
        )
        yield Workspace(target, settings.state_dir, settings.shard, warn)
        return
    make_app = _sandbox_module("app").make_app
    with sandbox_store(settings.sandbox, settings.state_dir, warn) as store:
        target = Target(
            endpoint=f"{SANDBOX}{settings.sandbox.name}",
            account=settings.account,
            app=make_app(store),
            rate=settings.rate,
            concurrency=settings.concurrency,
            environment=settings.config.environment if settings.config else None,
            library=_sandbox_key(settings.sandbox, settings.state_dir),
        )
        yield Workspace(target, settings.state_dir, settings.shard, warn)


def sandbox_file_name(library: Path, state_dir: Path) -> str:
    """Return what the files of a sandbox's library are called in the state directory; those of shards begin so."""
    return library_key(_sandbox_key(library, state_dir))


def _sandbox_key(library: Path, state_dir: Path) -> str:
    return f"sandbox\n{sandbox_database(library, state_dir).resolve()}"


@contextmanager
def sandbox_store(library: Path, state_dir: Path, warn: Callable[[str], None]) -> "Iterator[Store]":
    """Yield a sandbox's library, seeded on first use.

    Raises:
        StateError: the library file or the database cannot be used.
    """
    module = _sandbox_module("store")
    database = state_folder(state_dir, SANDBOX_FOLDER) / sandbox_database(library, state_dir).name
    check_database(database)
    try:
        store: Store = module.Store(database, library)
    except _sandbox_module("seed").SeedError as error:
        raise StateError(str(error)) from error
    try:
        if store.source_changed:
            warn(
                f"{library} has changed since the sandbox was seeded from it: the sandbox goes on with what it has; "
                f"tagsync sandbox reset {library} starts over"
            )
        yield store
    finally:
        store.close()


def sandbox_database(library: Path, state_dir: Path) -> Path:
    """Return where a sandbox's library is kept."""
    digest = sha256(os.fsencode(library.resolve())).hexdigest()[:12]
    return state_directory(state_dir) / SANDBOX_FOLDER / f"{library.name}-{digest}.sqlite"


def _sandbox_module(name: str) -> ModuleType:
    """Import a module of the sandbox: what it needs is an extra."""
    from importlib import import_module  # noqa: PLC0415 - only for a sandbox

    try:
        return import_module(f"tagsync.sandbox.{name}")
    except ModuleNotFoundError as error:
        raise UsageError(f"the sandbox needs {error.name}: install tagsync[sandbox]") from error
