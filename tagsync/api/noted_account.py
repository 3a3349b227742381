"""Note in the state directory which account a key belongs to."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tagsync.workspace.atomic import atomic_write
from tagsync.workspace.state_dir import check_file, open_file, state_folder

_MAX_BYTES = 10_000


@dataclass(frozen=True, slots=True)
class NotedAccount:
    """The account of a library, as an apply that converged has noted it.

    Attributes:
        state: the state directory.
        library: the start of the names of the library's files.
    """

    state: Path
    library: str

    def known(self) -> str | None:
        """Return the account; None if none is noted.

        Raises:
            StateError: the state directory cannot be used.
        """
        folder = state_folder(self.state, "accounts") if os.path.lexists(self.state) else self.state / "accounts"
        path = folder / f"{self.library}.json"
        if not os.path.lexists(folder) or not check_file(path):
            return None
        with os.fdopen(open_file(path, os.O_RDONLY), "rb") as file:
            try:
                noted: Any = json.loads(file.read(_MAX_BYTES))
            except (ValueError, RecursionError):
                return None
        account = noted.get("account") if isinstance(noted, dict) else None
        return account if isinstance(account, str) and account else None

    def note(self, account: str) -> None:
        """Note the account.

        Raises:
            OSError: the file cannot be written.
            StateError: the state directory cannot be used.
        """
        path = state_folder(self.state, "accounts") / f"{self.library}.json"
        check_file(path)
        with atomic_write(path) as stream:
            stream.write(json.dumps({"account": account}) + "\n")
