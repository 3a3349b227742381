"""Decide which AI tags of a file to remove, and which to promote to ordinary tags; `merge` decides the rest.

Rules vote on each (name, source), but ImageKit removes by name. So a name is removed only if a rule removes every
source of it.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tagsync.escape import quoted
from tagsync.model import AITag, CurrentFile, Diagnostic, Entry, Reason, Vote
from tagsync.planning.votes import ai_tag_votes, promotion_vote

Reasons = dict[str, list[Reason]]
"""The reasons for changes, by tag."""


class Promotion(NamedTuple):
    """An AI tag that a rule promotes to an ordinary tag."""

    tag: AITag
    vote: Vote


class AITags:
    """The AI tags of one file that no rule keeps, and the votes to remove them.

    Args:
        file: the file.
        entries: those of its entries that have a rule for AI tags.
    """

    def __init__(self, file: CurrentFile, entries: Sequence[Entry]) -> None:
        self._file = file
        self._entries = entries
        self._votes: list[tuple[AITag, list[Vote]]] = []
        for tag in file.ai_tags if entries else ():
            votes = [vote for entry in entries for vote in ai_tag_votes(entry, tag)]
            if not votes or not any(vote.present for vote in votes):
                self._votes.append((tag, votes))

    def promotions(self) -> Iterator[Promotion]:
        """Yield the AI tags to promote, once for each rule."""
        for entry in self._entries:
            rule = entry.declaration.ai_rule
            for tag, _ in self._votes if rule and rule.promote is not None else ():
                vote = promotion_vote(entry, tag)
                if vote is not None:
                    yield Promotion(tag, vote)

    def removals(self, promoted: Sequence[Promotion]) -> tuple[Reasons, list[Diagnostic]]:
        """Return the names to remove, and a notice for each name that stays because of another source.

        Args:
            promoted: AI tags that become ordinary tags, which also removes them as AI tags.
        """
        removals: Reasons = defaultdict(list)
        staying: dict[str, AITag] = {}
        for tag, votes in self._votes:
            reasons = [vote.reason for vote in votes] if votes else []
            if promoted:
                reasons += [promotion.vote.reason for promotion in promoted if promotion.tag == tag]
            if reasons:
                removals[tag.name] += reasons
            else:
                staying[tag.name] = tag
        partly_removed = sorted(removals.keys() & staying.keys())
        return removals, [self._stay(staying[name], removals.pop(name)) for name in partly_removed]

    def spared(self) -> tuple[str, ...]:
        """Return the names that rules keep, as written."""
        keeps = [
            rule.keep.values for entry in self._entries if (rule := entry.declaration.ai_rule) and rule.keep.values
        ]
        if len(keeps) < 2:  # noqa: PLR2004 - the usual case: the one rule's own names, not copied for each file
            return keeps[0] if keeps else ()
        return tuple(sorted({name for names in keeps for name in names}))

    def _stay(self, staying: AITag, reasons: list[Reason]) -> Diagnostic:
        message = (
            f"AI tag {quoted(staying.name)} stays on {quoted(self._file.path, 200)}: no rule removes it for source "
            f"{quoted(staying.source)}, and ImageKit removes an AI tag for all sources at once"
        )
        return Diagnostic("info", "ai-tag-stays", message, min(reasons).origin)
