"""Learn about the library from how requests end."""

from dataclasses import dataclass, field

from tagsync.applying.splitting import Lineage
from tagsync.model import Op

ALIKE = 3
"""This many requests in a row that were refused alike, down to every single file, end the run; as many files whose
changes only succeed without free cells end the use of those."""


@dataclass(slots=True)
class LearnedLimits:
    """What is known so far.

    Attributes:
        exact: the ops of which only needed cells are sent.
        hopeless: why it is no use to go on; None if it is.
        news: the ops added to `exact` since somebody looked.
    """

    exact: set[Op] = field(default_factory=set)
    hopeless: str | None = None
    news: set[Op] = field(default_factory=set)
    _forbidden: set[str] = field(default_factory=set)
    _minding: dict[Op, int] = field(default_factory=lambda: dict.fromkeys(Op, 0))
    _alike: int = 0
    _last_refusal: str | None = None

    def opened(self, lineage: Lineage) -> None:
        """Count a piece that waits to be sent."""
        if lineage.parent and not lineage.pieces:
            self.opened(lineage.parent)
        lineage.pieces += 1

    def closed(self, lineage: Lineage) -> None:
        """Finish one piece; once all pieces of a lineage are finished, learn from how it went."""
        lineage.pieces -= 1
        if lineage.pieces:
            return
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
            self.hopeless = f"{ALIKE} calls in a row were refused alike: {lineage.refused}"

    def forbidden(self, file_id: str, words: str) -> None:
        """Learn that a call for one file alone was answered with 403.

        The reason may be the file or the key: after several files in a row it is no use to go on.
        """
        self._forbidden.add(file_id)
        if len(self._forbidden) >= ALIKE and not self.hopeless:
            self.hopeless = (
                f"{ALIKE} files in a row were refused with 403: {words.rstrip('.')}. Either the key may not write: use "
                "one with read and write permission for media. Or these files are closed to it, by a path policy or "
                "as a restricted user: see the failed files, and leave them out"
            )

    def accepted(self) -> None:
        """Learn that the library let a call change files."""
        self._forbidden.clear()

    def _learn_from_narrow(self, lineage: Lineage) -> None:
        """Learn from files of which a call failed, and succeeded once its free cells were left out."""
        if lineage.op in self.exact or not lineage.accepted or lineage.refused is not None or lineage.failed:
            return
        self._minding[lineage.op] += lineage.files
        if self._minding[lineage.op] >= ALIKE:
            self.exact.add(lineage.op)
            self.news.add(lineage.op)
