"""Where the state directory keeps what was read of a library; not what is in it."""

import os
from collections.abc import Callable
from pathlib import Path

from tagsync.cli.options import LibrarySettings, PlanSettings
from tagsync.cli.targets import library_name, sandbox_file_name
from tagsync.errors import StateError
from tagsync.library.reading import NOWHERE, Kept
from tagsync.state import check_database, state_folder
from tagsync.target import Target

FOLDER = "snapshot"


def kept(library: LibrarySettings, where: Target, how: PlanSettings, warn: Callable[[str], None]) -> Kept:
    """Return where a library's snapshot is kept; nowhere if there is no state directory, and nobody asks for one.

    Args:
        library: which library.
        where: the target.
        how: whether an earlier snapshot may be used.
        warn: told if one was asked for and there can be none.
    """
    reuse = how.snapshot == "reuse"
    if not reuse and not os.path.lexists(library.state_dir):
        return NOWHERE
    try:
        place = state_folder(library.state_dir, FOLDER) / f"{library_name(library, where)}.sqlite"
        check_database(place)
    except StateError as error:
        if reuse:
            warn(f"the whole library is read: {error}")
        return NOWHERE
    return Kept(place, reuse)


def forget_snapshot(sandbox: Path, state_dir: Path) -> None:
    """Remove the snapshot of a sandbox's library."""
    for path in state_folder(state_dir, FOLDER).glob(f"{sandbox_file_name(sandbox, state_dir)}.sqlite*"):
        path.unlink(missing_ok=True)
