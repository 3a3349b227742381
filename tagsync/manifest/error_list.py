"""Collect the errors of a run: count all of them, and keep the first."""

from collections.abc import Mapping
from heapq import nsmallest
from types import MappingProxyType

from tagsync.errors import ManifestError
from tagsync.model import Diagnostic, Origin, message_as_shown

SHOWN_ERRORS = 50
"""The most errors that a run shows; the others are counted."""

MAX_ERRORS = 10_000
"""After this many errors, the rest of a file is not read. Nobody needs more, and finding them can take minutes."""

_KEPT_BEFORE_CUTTING = 1000


NO_NAMES: Mapping[str, str] = MappingProxyType({})


class ErrorList:
    """Collect errors in bounded memory, and keep the first fifty by place."""

    def __init__(self) -> None:
        self._kept: list[Diagnostic] = []
        self.count = 0

    def add(self, origin: Origin, code: str, message: str) -> None:
        """Add an error."""
        self._kept.append(Diagnostic("error", code, message, origin))
        self.count += 1
        self._cut()

    def absorb(self, other: "ErrorList") -> None:
        """Add all errors of another list."""
        self._kept.extend(other.first())
        self.count += other.count
        self._cut()

    def forget(self, line: int) -> None:
        """Drop the errors in a line: they follow from an error of its syntax."""
        kept = [error for error in self._kept if error.origin is None or error.origin.line != line]
        self.count -= len(self._kept) - len(kept)
        self._kept = kept

    def _cut(self) -> None:
        if len(self._kept) >= _KEPT_BEFORE_CUTTING:
            self._kept = nsmallest(SHOWN_ERRORS, self._kept, key=_by_place)

    def first(self) -> tuple[Diagnostic, ...]:
        """Return the first fifty errors, sorted by file, line and column."""
        return tuple(nsmallest(SHOWN_ERRORS, self._kept, key=_by_place))

    def check(self, names: Mapping[str, str] = NO_NAMES) -> None:
        """Check that there are no errors.

        Args:
            names: the paths that the user gave, by the names of manifests; for places in messages.

        Raises:
            ManifestError: there are; it has the first fifty, and the number of the others.
        """
        if self.count:
            kept = tuple(error._replace(message=message_as_shown(error.message, names)) for error in self.first())
            raise ManifestError(kept, self.count - len(kept))


def _by_place(error: Diagnostic) -> tuple[Origin, str]:
    return error.origin or Origin("", 0, 0), error.message
