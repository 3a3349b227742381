"""Remember facts about a library between runs, in one small file, for 30 days each."""

import json
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tagsync.errors import StateError
from tagsync.workspace.atomic import atomic_write
from tagsync.workspace.state_dir import open_file

LIFETIME = timedelta(days=30)
"""How long a fact is valid: an account may gain or lose features."""

_MAX_BYTES = 64 * 1024


class Facts:
    """Facts about one library.

    If the file is damaged or cannot be read or written, facts are found out again.

    Args:
        place: the file, in an existing folder; None keeps facts for this run only.
        now: returns the current UTC time in ISO 8601.
    """

    def __init__(self, place: Path | None, now: Callable[[], str]) -> None:
        self._place = place
        self._now = now
        self._facts = _read(place) if place else {}

    def fact(self, name: str) -> str | None:
        """Return the value of a fact; None if it is unknown or older than 30 days."""
        noted = self._facts.get(name)
        try:
            value, at = noted["value"], noted["at"]  # type: ignore[index]  # anything may stand in the file
            age = datetime.fromisoformat(self._now()) - datetime.fromisoformat(at).astimezone(UTC)
        except (KeyError, TypeError, ValueError, OverflowError):
            return None
        return value if isinstance(value, str) and timedelta() <= age <= LIFETIME else None

    def note(self, name: str, value: str) -> None:
        """Remember a fact. An equal one keeps its age, so that it is checked again after 30 days."""
        if self.fact(name) == value:
            return
        self._facts[name] = {"value": value, "at": self._now()}
        if self._place:
            with suppress(OSError), atomic_write(self._place) as file:
                json.dump(self._facts, file, sort_keys=True)


def _read(place: Path) -> dict[str, Any]:
    try:
        with os.fdopen(open_file(place, os.O_RDONLY), "rb") as file:
            found = json.loads(file.read(_MAX_BYTES))
    except (OSError, StateError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
