"""Read manifests, and export a library as manifests."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import chain
from os import PathLike, fspath
from pathlib import Path

from tagsync.concurrency import blocking
from tagsync.errors import UsageError
from tagsync.escape import shown
from tagsync.events import Exporting, Listener, ignore
from tagsync.exporting import ExportFormat
from tagsync.exporting.export import Exported, export_rows
from tagsync.exporting.export import export as export_manifests
from tagsync.exporting.manifest_text import scalar
from tagsync.library.deadline import check_duration, deadline
from tagsync.library.reading.reader import LibraryReader
from tagsync.library.target import Target, connect
from tagsync.manifest.error_list import ErrorList
from tagsync.manifest.read import read_manifests, read_policy
from tagsync.model import Config, CurrentFile, DesiredState, Origin, as_shown
from tagsync.planning.contradictions import account_faults, contradictions
from tagsync.planning.filter import folder_fault
from tagsync.planning.skipped_files import unreadable_finding

MOMENT = "%Y-%m-%dT%H:%M:%SZ"
"""How plans and reports show a time, in UTC."""

Paths = str | PathLike[str] | Iterable[str | PathLike[str]] | Config
"""One or more paths of manifests, or the configuration that names them."""


def validate(
    paths: Paths,
    *,
    account: str | None = None,
    policy: str | PathLike[str] | None = None,
    as_of: date | None = None,
) -> DesiredState:
    """Read and check manifests without any API call.

    Args:
        paths: one or more files or folders, `-` for standard input, or the result of `read_config`.
        account: the account that each manifest with `metadata.account` must name; None for that of a `Config`.
        policy: a file of policies to use instead of those among `paths`; None for that of a `Config`.
        as_of: the date (UTC) to evaluate `until` for; today if None.

    Raises:
        ManifestError: the manifests are invalid; it contains all errors.
        UsageError: there are no paths, or an option is invalid.
        StateError: there is no disk space for the temporary file with the rules.
    """
    return checked(paths, account=account, policy=policy, as_of=as_of)


def checked(
    paths: Paths,
    *,
    account: str | None = None,
    policy: str | PathLike[str] | None = None,
    as_of: date | None = None,
    with_tests: bool = False,
) -> DesiredState:
    """Read and check manifests as `validate` does; optionally return the tests among them, too."""
    config = paths if isinstance(paths, Config) else None
    desired = read(paths, as_of=as_of, config=config.file if config else None, with_tests=with_tests)
    if config:
        account, policy = account or config.account, policy or config.policy
    if policy is not None:
        read_from = read_policy(fspath(policy))
        desired = replace(desired, policy=read_from.policy, accounts=(*desired.accounts, *read_from.accounts))
    names = {manifest.path: manifest.shown_as for manifest in desired.manifests}
    errors = ErrorList()
    accounts = account_faults(desired, account, _account_setting(config, account))
    clashes = contradictions(desired.entries)
    for error in chain(accounts, clashes.diagnostics()):
        _, code, message, origin = as_shown(error, names)
        errors.add(origin or Origin("", 0, 0), code, message)
    errors.count += clashes.unlisted().total()
    errors.check()
    return desired


def _account_setting(config: Config | None, account: str | None) -> str:
    """Return what of a configuration sets the account of the run; "" if something else does."""
    origins = config.origins.get("account", ()) if config and config.account == account else ()
    if not config or not origins:
        return ""
    environment = f" (environment {config.environment})" if config.environment else ""
    return f"{shown(str(origins[0]))}{environment} sets"


def read(
    paths: Paths,
    *,
    as_of: date | None = None,
    config: str | None = None,
    fetch_csv: Callable[[Path], None] | None = None,
    with_tests: bool = False,
) -> DesiredState:
    """Read manifests one by one; `validate` also compares them with each other and with the account.

    Args:
        paths: as `validate` takes them.
        as_of: the date (UTC) to evaluate `until` for.
        config: the resolved path of the `tagsync.yaml` in use, which is no manifest.
        fetch_csv: called with the path of a CSV file before it is read.
        with_tests: whether to return the tests too.
    """
    if isinstance(as_of, datetime):
        raise UsageError(f"as_of is a date with a time, {as_of}: use a date")
    today = as_of or datetime.now(UTC).date()
    return read_manifests(listed(paths), as_of=today, config=config, fetch_csv=fetch_csv, with_tests=with_tests)


def listed(paths: Paths) -> list[str]:
    """Return paths as a list of strings."""
    if isinstance(paths, Config):
        return list(paths.manifests)
    several = [paths] if isinstance(paths, str | PathLike) else paths
    try:
        texts = [fspath(path) for path in several]
    except TypeError as error:
        raise UsageError(f"paths: {error}: use a path or a list of paths") from error
    if not all(isinstance(path, str) for path in texts):
        raise UsageError("paths: bytes are not supported: use str")
    return texts


async def export_async(
    target: Target,
    *,
    folder: str = "/",
    kind: ExportFormat = "manifests",
    max_duration: float | None = None,
    listener: Listener = ignore,
) -> Exported:
    """Return a library, or a folder of it, as manifests or rows; planning them gives no changes. This only reads.

    Args:
        target: the library.
        folder: a path that starts and ends with `/`; its subfolders are included.
        kind: the format: `manifests`, or `csv` for one row per file.
        max_duration: seconds after which reading fails; None for no limit.
        listener: receives progress events.

    Raises:
        UsageError: `folder`, `kind` or `max_duration` is invalid.
        LibraryError: the library could not be read completely, or not in time.
    """
    began = asyncio.get_running_loop().time()
    check_duration(max_duration)
    if kind not in _EXPORTS:
        raise UsageError(f"format is {kind!r}: use one of {', '.join(_EXPORTS)}")
    check_folder(folder)
    async with connect(target, listener) as client, deadline(max_duration, client, since=began):
        with closing(LibraryReader(client, now=now, concurrency=target.concurrency, listener=listener)) as reader:
            current = await reader.read()
            listener(Exporting(len(current.files)))
            exported = _EXPORTS[kind](current.files, folder)
            diagnostics = (*current.diagnostics, *map(unreadable_finding, current.unreadable), *exported.diagnostics)
            about = f"Exported from {target.name.account}: the ordinary tags below {scalar(folder)}."
            return exported._replace(diagnostics=diagnostics, about=about)


export = blocking(export_async)


def check_folder(folder: str) -> None:
    """Check that a text is the path of a folder.

    Raises:
        UsageError: it does not start and end with one slash.
    """
    if fault := folder_fault(folder):
        raise UsageError(fault)


_EXPORTS: Mapping[ExportFormat, Callable[[Iterable[CurrentFile], str], Exported]] = {
    "manifests": export_manifests,
    "csv": export_rows,
}


def now() -> str:
    """Return the current UTC time in ISO 8601, to the second."""
    return datetime.now(UTC).strftime(MOMENT)
