"""What a run learns about its library from how requests end; what follows from it is the executor's business."""

from dataclasses import dataclass, field

from tagsync.applying.splitting import Origin
from tagsync.model import Op

ALIKE = 3
"""So many requests in a row refused alike, down to every single file, end the run; as many files whose changes only
go through without free cells end the use of those."""


@dataclass(slots=True)
class Lessons:
    """What is known so far.

    Attributes:
        exact: the ops of which only needed cells are sent.
        ai_characters: how long the AI tags of one call may be, joined by commas; None for no limit.
        hopeless: why it is of no use to go on; None if it is.
        news: the ops about which something was learned since somebody looked.
    """

    exact: set[Op] = field(default_factory=set)
    ai_characters: int | None = None
    hopeless: str | None = None
    news: set[Op] = field(default_factory=set)
    _forbidden: set[str] = field(default_factory=set)
    _minding: dict[Op, int] = field(default_factory=lambda: dict.fromkeys(Op, 0))
    _alike: int = 0
    _last_refusal: str | None = None

    def opened(self, origin: Origin) -> None:
        """Count a piece that waits to be sent."""
        if origin.parent and not origin.pieces:
            self.opened(origin.parent)
        origin.pieces += 1

    def closed(self, origin: Origin) -> None:
        """Finish one piece; once all pieces of an origin are through, judge how it went."""
        origin.pieces -= 1
        if origin.pieces:
            return
        if origin.parent:
            if origin.files:
                self._judge_narrow(origin)
            else:
                self._judge_shorter(origin)
            origin.parent.accepted = origin.parent.accepted or origin.accepted
            origin.parent.refused = origin.parent.refused or origin.refused
            self.closed(origin.parent)
            return
        if origin.accepted or origin.refused is None:
            self._alike = 0
            return
        self._alike = self._alike + 1 if origin.refused == self._last_refusal else 1
        self._last_refusal = origin.refused
        if self._alike >= ALIKE and not self.hopeless:
            self.hopeless = f"{ALIKE} calls in a row were refused alike: {origin.refused}"

    def forbidden(self, file_id: str, words: str) -> None:
        """Learn that a call for one file alone was answered with 403.

        That may be about the file or about the key: after several files in a row it is no use to go on.
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

    def _judge_shorter(self, origin: Origin) -> None:
        """Learn from AI tags that were refused together, and accepted without exception in shorter lists."""
        if origin.accepted and not origin.split and not origin.failed:
            self.ai_characters = max(self.ai_characters or 0, origin.characters)
            self.news.add(Op.REMOVE_AI)

    def _judge_narrow(self, origin: Origin) -> None:
        """Learn from files of which a call failed, and went through once its free cells were left out."""
        if origin.op in self.exact or not origin.accepted or origin.refused is not None or origin.failed:
            return
        self._minding[origin.op] += origin.files
        if self._minding[origin.op] >= ALIKE:
            self.exact.add(origin.op)
            self.news.add(origin.op)
