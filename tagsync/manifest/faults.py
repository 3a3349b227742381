"""The faults of one run: all of them counted, the first of them kept; not their layout."""

from heapq import nsmallest

from tagsync.model import Diagnostic, Origin

SHOWN_FAULTS = 50
"""How many faults a run shows; the rest are counted."""

_KEPT_BEFORE_CUTTING = 1000


class Faults:
    """Collects diagnostics in bounded memory: the first fifty by place are exact, however many there are."""

    def __init__(self) -> None:
        self._kept: list[Diagnostic] = []
        self.count = 0

    def add(self, origin: Origin, code: str, message: str) -> None:
        """Add an error at `origin`."""
        self._kept.append(Diagnostic("error", code, message, origin))
        self.count += 1
        self._cut()

    def absorb(self, other: "Faults") -> None:
        """Take over all that another one has collected."""
        self._kept.extend(other.first())
        self.count += other.count
        self._cut()

    def _cut(self) -> None:
        if len(self._kept) >= _KEPT_BEFORE_CUTTING:
            self._kept = nsmallest(SHOWN_FAULTS, self._kept, key=_by_place)

    def first(self) -> tuple[Diagnostic, ...]:
        """Return the first fifty faults, sorted by file, line and column."""
        return tuple(nsmallest(SHOWN_FAULTS, self._kept, key=_by_place))


def _by_place(fault: Diagnostic) -> tuple[Origin, str]:
    return fault.origin or Origin("", 0, 0), fault.message
