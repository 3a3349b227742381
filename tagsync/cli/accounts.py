"""Names the account of a run that --account does not name, and remembers which account a key belongs to."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tagsync.cli.connection import library_name
from tagsync.cli.files import opened
from tagsync.cli.options import LibrarySettings
from tagsync.errors import RefusedError, TagsyncError
from tagsync.escape import quoted
from tagsync.library.target import Target
from tagsync.model import Report, TargetName
from tagsync.workspace.state_dir import check_file, open_file, state_folder

FOLDER = "accounts"
MANIFESTS = "the manifests are for the account"
_MOST_BYTES = 10_000

Warn = Callable[[str], None]


def with_account(where: Target, name: str | None, source: str, library: LibrarySettings, warn: Warn) -> Target:
    """Return the target of a run under the account that its manifests or its document name.

    Args:
        where: the target as options name it; --account is not questioned.
        name: the account that is named; None if none is.
        source: what names it, in words that start a message.
        library: the settings that the target is from.
        warn: told where it is not known whether the key belongs to the account.

    Raises:
        RefusedError: the key is known to belong to another account.
        StateError: the state directory cannot be used.
    """
    if name is None or where.account is not None:
        return where
    if where.key:
        known = _known(_place(library, where))
        if known is None:
            warn(
                f"{source} {quoted(name)}, and tagsync does not know whether the key belongs to it: "
                "check the key, and give --account to say so"
            )
        elif known != name:
            raise RefusedError(
                f"{source} {quoted(name)}, but an earlier apply used this key for {quoted(known)}: use the key of the "
                "right account, or give --account to say that this one is"
            )
    return replace(where, account=name)


def document_account(target: TargetName) -> str | None:
    """Return the name of the account that a saved document is of; None if it has no more than a hash of the key."""
    return None if target.account.startswith("key-") or target.account == "sandbox" else target.account


def remember_account(report: Report, where: Target, library: LibrarySettings, warn: Warn) -> None:
    """Remember which account a key belongs to, after an apply that confirmed everything; a failure is a warning."""
    if not report.converged or not where.key or where.account is None:
        return
    try:
        place = _place(library, where, made=True)
        check_file(place)
        with opened(place) as stream:
            stream.write(json.dumps({"account": where.account}) + "\n")
    except (OSError, TagsyncError) as error:
        words = error.strerror if isinstance(error, OSError) else error
        warn(f"the account of this key could not be noted: {words}")


def _place(library: LibrarySettings, where: Target, *, made: bool = False) -> Path:
    """Return where the account of a key is noted; looking for it makes no folder."""
    exists = made or os.path.lexists(library.state_dir)
    folder = state_folder(library.state_dir, FOLDER) if exists else library.state_dir / FOLDER
    return folder / f"{library_name(where)}.json"


def _known(place: Path) -> str | None:
    """Return the account that is noted; None if there is none, or nothing that tagsync has written."""
    if not os.path.lexists(place.parent) or not check_file(place):
        return None
    with os.fdopen(open_file(place, os.O_RDONLY), "rb") as file:
        try:
            found: Any = json.loads(file.read(_MOST_BYTES))
        except (ValueError, RecursionError):
            return None
    account = found.get("account") if isinstance(found, dict) else None
    return account if isinstance(account, str) and account else None
