"""Settings to a target: the key from the environment, or a sandbox's library from the state directory."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from tagsync.cli.options import LibrarySettings
from tagsync.environment import setting
from tagsync.errors import CredentialsError, StateError, UsageError
from tagsync.escape import shown
from tagsync.library.http.endpoint import DEFAULT_ENDPOINT
from tagsync.library.target import Target
from tagsync.workspace.state_dir import check_database, remove_file, state_directory, state_folder

if TYPE_CHECKING:
    from tagsync.sandbox.store import Store

MAX_KEY_BYTES = 4096

FACTS = "facts"
"""The folder of the state directory that keeps what was learned about libraries."""

SANDBOX_FOLDER = "sandbox"

SANDBOX = "sandbox:"
"""What the endpoint of a library in this process begins with."""


@contextmanager
def target(settings: LibrarySettings, warn: Callable[[str], None]) -> Iterator[Target]:
    """Yield the target that settings name; a sandbox's library is open as long.

    Raises:
        CredentialsError: no key.
        StateError: the sandbox's library cannot be used.
    """
    if settings.sandbox is None:
        yield Target(
            key=private_key(),
            endpoint=settings.endpoint or DEFAULT_ENDPOINT,
            account=settings.account,
            rate=settings.rate,
            concurrency=settings.concurrency,
        )
        return
    make_app = _sandbox_module("app").make_app
    with sandbox_store(settings.sandbox, settings.state_dir, warn) as store:
        yield Target(
            endpoint=f"{SANDBOX}{settings.sandbox.name}",
            account=settings.account,
            app=make_app(store),
            rate=settings.rate,
            concurrency=settings.concurrency,
            library=_sandbox_key(settings.sandbox, settings.state_dir),
        )


def journal_path(settings: LibrarySettings, where: Target) -> Path:
    """Return where the calls of an apply are noted, in a folder that is there.

    Raises:
        StateError: it cannot be made.
    """
    return state_folder(settings.state_dir, "journal") / f"{file_name(settings, where)}.jsonl"


def facts_path(settings: LibrarySettings, where: Target) -> Path | None:
    """Return where it is kept which searches a library answers; nowhere if there is no usable state directory."""
    if not settings.state_dir.is_dir():
        return None
    try:
        return state_folder(settings.state_dir, FACTS) / f"{library_name(where)}.json"
    except StateError:
        return None


def forget_facts(sandbox: Path, state_dir: Path) -> None:
    """Remove what was learned about a sandbox's library."""
    remove_file(state_folder(state_dir, FACTS) / f"{sandbox_file_name(sandbox, state_dir)}.json")


def file_name(settings: LibrarySettings, where: Target) -> str:
    """Return what the files of a library, or of the shard that settings name, are called in the state directory."""
    shard = f"-{settings.shard.index}-of-{settings.shard.of}" if settings.shard else ""
    return f"{library_name(where)}{shard}"


def library_name(where: Target) -> str:
    """Return what the files of a whole library are called in the state directory."""
    return _named(where.identities[0])


def sandbox_file_name(library: Path, state_dir: Path) -> str:
    """Return what the files of a sandbox's library are called in the state directory; those of shards begin so."""
    return _named(_sandbox_key(library, state_dir))


def _sandbox_key(library: Path, state_dir: Path) -> str:
    return f"sandbox\n{sandbox_database(library, state_dir).resolve()}"


def _named(key: str) -> str:
    return sha256(key.encode("utf-8", "surrogateescape")).hexdigest()[:16]


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
