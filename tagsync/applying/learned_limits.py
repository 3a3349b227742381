"""Learn from failed calls when to stop: sending no-op changes, or the whole apply."""

from dataclasses import dataclass, field

from tagsync.applying.splitting import Lineage
from tagsync.model import Op

ALIKE = 3
"""The number of refusals that count as a pattern.

After this many requests in a row with the same refusal for every file, the apply ends. After this many files whose
changes succeed only without no-op changes, tagsync sends no more of these.
"""


@dataclass(slots=True)
class LearnedLimits:
    """The lessons so far.

    Attributes:
        exact: the operations to send without no-op changes.
        hopeless: why the apply must end; None if it can go on.
        news: the operations added to `exact` since the queue was regrouped.
    """

    exact: set[Op] = field(default_factory=set)
    hopeless: str | None = None
    news: set[Op] = field(default_factory=set)
    _forbidden: set[str] = field(default_factory=set)
    _minding: dict[Op, int] = field(default_factory=lambda: dict.fromkeys(Op, 0))
    _alike: int = 0
    _last_refusal: str | None = None

    def opened(self, lineage: Lineage) -> None:
        """Count a piece that was queued."""
        if lineage.parent and not lineage.pieces:
            self.opened(lineage.parent)
        lineage.pieces += 1

    def closed(self, lineage: Lineage) -> None:
        """Count a finished piece; learn from its lineage if it was the last one."""
        lineage.pieces -= 1
        if lineage.pieces:
            return
        # A refusal counts once for each planned request, however many pieces it was split into: otherwise the pieces
        # of a single refused call would end the apply.
        if lineage.parent:
            self._learn_from_narrow(lineage)
            lineage.parent.accepted = lineage.parent.accepted or lineage.accepted
            lineage.parent.refused = lineage.parent.refused or lineage.refused
            self.closed(lineage.parent)
            return
        if lineage.accepted or lineage.refused is None:
            self._alike = 0
            return
        self._alike = self._alike + 1 if lineage.refused == self._last_refusal else 1
        self._last_refusal = lineage.refused
        if self._alike >= ALIKE and not self.hopeless:
            self.hopeless = f"{ALIKE} calls in a row were refused for the same reason: {lineage.refused}"

    def forbidden(self, file_id: str, words: str) -> None:
        """Learn from a 403 for a single file.

        One file may be protected. Several in a row suggest that the key may not write, so going on is useless.
        """
        self._forbidden.add(file_id)
        if len(self._forbidden) >= ALIKE and not self.hopeless:
            self.hopeless = f"{ALIKE} files in a row were refused with 403: {words.rstrip('.')}"

    def accepted(self) -> None:
        """Learn that a call changed files, so the key can write."""
        self._forbidden.clear()

    def _learn_from_narrow(self, lineage: Lineage) -> None:
        """Learn from files whose call failed, and succeeded without its no-op changes."""
        # If any piece failed without no-op changes as well, these were not the reason.
        if lineage.op in self.exact or not lineage.accepted or lineage.refused is not None or lineage.failed:
            return
        self._minding[lineage.op] += lineage.files
        if self._minding[lineage.op] >= ALIKE:
            self.exact.add(lineage.op)
            self.news.add(lineage.op)
