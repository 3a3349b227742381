"""Merge what all entries demand of one file into its changes; `length_limit` checks whether the tags fit.

The order of entries does not matter. For each ordinary tag, the first of these that applies decides:

1. `absent`, `removeForbidden`, and the old name of a renamed tag: removed. Declaring the tag too is a conflict.
2. `tags`: present.
3. An expired `until`: removed.
4. `exclusive`, and a tag that is no longer declared: removed.
5. The new name of a renamed tag, and a promoted AI tag: present.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from tagsync.escape import quoted
from tagsync.model import (
    NO_VOCABULARY,
    Change,
    CurrentFile,
    Diagnostic,
    Entry,
    Op,
    Reason,
    RuleName,
    Vocabulary,
    Vote,
    all_normalized,
    is_declarable,
    normalized,
)
from tagsync.planning.ai_tags import AITags, Promotion, Reasons
from tagsync.planning.clashes import Clash
from tagsync.planning.votes import covers, tag_votes, vocabulary_votes


class Merged(NamedTuple):
    """One file's changes, sorted by op and tag, and what was noticed; see `FileChange` for the other fields."""

    changes: tuple[Change, ...]
    diagnostics: tuple[Diagnostic, ...]
    clashes: tuple[Clash, ...] = ()
    desired: tuple[str, ...] = ()
    spared: tuple[str, ...] = ()
    relies: tuple[str, ...] = ()


_NOTHING = Merged((), ())


def merge(
    file: CurrentFile,
    entries: Sequence[Entry],
    vocabulary: Vocabulary = NO_VOCABULARY,
    pruned: Sequence[Vote] = (),
) -> Merged:
    """Return the changes that a file's entries, the vocabulary, and votes against tags no longer declared ask for.

    If two of them contradict each other, there is a clash and no change.
    """
    if not (vocabulary.removed or vocabulary.renames or pruned) and _is_settled(file, entries):
        return _NOTHING
    ballot = _Ballot(file, entries, vocabulary, pruned)
    ai_tags = AITags(file, [entry for entry in entries if entry.declaration.ai_rule])
    renamed = [vote for vote in ballot.renamed if not ballot.has_expired(vote.tag)]
    # What the next run would remove again is not added in this one: two runs in a row must agree.
    wants = [vote for vote in renamed if ballot.removed_again_at(vote.tag) is None]
    relies = tuple(sorted({vote.tag for vote in wants}))
    promoted, not_promoted = _promoted(file, ai_tags.promotions(), ballot, vocabulary)
    # A declared tag keeps the spelling of its declaration. That of the AI tag would be a second one.
    wants += _in_first_spelling([item.vote for item in promoted if normalized(item.tag.name) not in ballot.declared])
    wanted = [*ballot.declarations, *wants]
    additions, clashes = _additions(file, wanted)
    clashes += _conflicts(wanted, ballot)
    removals = _removals(file, wants, ballot)
    ai_removals, stays = ai_tags.removals(promoted)
    diagnostics = (*not_promoted, *stays, *_not_renamed(renamed, relies, ballot))
    if clashes:
        return Merged((), diagnostics, tuple(clashes))
    return Merged(
        (*_changes(Op.ADD, additions), *_changes(Op.REMOVE, removals), *_changes(Op.REMOVE_AI, ai_removals)),
        diagnostics,
        desired=_already_there(file, entries) if additions else (),
        spared=ai_tags.spared() if ai_removals else (),
        relies=relies,
    )


def _is_settled(file: CurrentFile, entries: Sequence[Entry]) -> bool:
    """Return whether a file certainly needs no change, as most files; False if that takes a closer look."""
    there = set(file.tags)  # as spelled: a tag in another spelling takes the closer look
    for entry in entries:
        declared = entry.declaration
        if (
            declared.exclusive
            or declared.absent.values
            or declared.expired.values
            or (declared.ai_rule and file.ai_tags)
        ):
            return False
        if not there.issuperset(declared.tags.values):
            return False
    return True


class _Ballot:
    """The votes on one file's ordinary tags, without promotions.

    Attributes:
        declared: all tags that entries declare, in NFC.
        declarations: votes of entries for tags that are missing, or that others want absent.
        renamed: votes for the new names of tags that the file has under their old ones.
        absent: the reasons why tags (NFC) must be absent. An expired tag counts unless another entry declares it.
        unwanted: the reasons to remove tags (NFC) that nothing wants: `exclusive`, or no longer declared.
    """

    def __init__(
        self, file: CurrentFile, entries: Sequence[Entry], vocabulary: Vocabulary, pruned: Iterable[Vote]
    ) -> None:
        self.declared = {key for entry in entries for key in all_normalized(entry.declaration.tags.values)}
        self.declarations: list[Vote] = []
        self.renamed: list[Vote] = []
        self.absent: Reasons = defaultdict(list)
        self.unwanted: Reasons = defaultdict(list)
        self._pruned = {normalized(vote.tag): vote.reason for vote in pruned}
        self._entries = entries
        settled = self._settled(file, vocabulary)
        for entry in entries:
            for vote in tag_votes(entry, file, settled):
                self._count(vote)
        for vote in chain(vocabulary_votes(vocabulary, file), pruned):
            self._count(vote)

    def _settled(self, file: CurrentFile, vocabulary: Vocabulary) -> set[str]:
        """Return the tags that are declared and present, and that nothing wants absent."""
        settled = self.declared.intersection(all_normalized(file.tags))
        for entry in self._entries:
            settled.difference_update(all_normalized(entry.declaration.absent.values))
        return settled.difference(vocabulary.removed, vocabulary.renames)

    def _count(self, vote: Vote) -> None:
        key, rule = normalized(vote.tag), vote.reason.rule
        if vote.present:
            (self.renamed if rule == RuleName.RENAMES else self.declarations).append(vote)
        elif rule in (RuleName.EXCLUSIVE, RuleName.PRUNE):
            self.unwanted[key].append(vote.reason)
        elif rule != RuleName.UNTIL or key not in self.declared:
            self.absent[key].append(vote.reason)

    def has_expired(self, tag: str) -> bool:
        """Return whether a tag's `until` has passed: then its old name does not bring it back."""
        return any(reason.rule == RuleName.UNTIL for reason in self.absent.get(normalized(tag), ()))

    def removed_again_at(self, tag: str) -> Reason | None:
        """Return why the next run would remove a tag that this one adds, because no entry declares it."""
        key = normalized(tag)
        if key in self.declared:
            return None
        for entry in self._entries:
            exclusive = entry.declaration.exclusive
            if exclusive and covers(exclusive, key):
                return Reason(entry.origin(exclusive.place), RuleName.EXCLUSIVE)
        return self._pruned.get(key)


def _promoted(
    file: CurrentFile, promotions: Iterable[Promotion], ballot: _Ballot, vocabulary: Vocabulary
) -> tuple[list[Promotion], list[Diagnostic]]:
    """Return the AI tags that become ordinary tags, and a notice for each that does not."""
    promoted, left = [], []
    for promotion in promotions:
        why = _obstacle(promotion.tag.name, ballot, vocabulary)
        if why is None:
            promoted.append(promotion)
            continue
        message = f"AI tag {quoted(promotion.tag.name)} of {quoted(file.path, 200)} is not promoted: {why}"
        left.append(Diagnostic("info", "not-promoted", message, promotion.vote.reason.origin))
    return promoted, left


def _obstacle(name: str, ballot: _Ballot, vocabulary: Vocabulary) -> str | None:
    """Return why an AI tag's name must not become an ordinary tag; None if it may."""
    key = normalized(name)
    if not is_declarable(name):
        return "its name cannot be a tag"
    if key in ballot.absent:
        return f"{ballot.absent[key][0].origin} declares the tag absent"
    if key in vocabulary.forbidden or key in vocabulary.renames:
        return "the vocabulary forbids or renames the tag"
    if vocabulary.allowed is not None and key not in vocabulary.allowed:
        return "the vocabulary does not allow the tag"
    again = ballot.removed_again_at(name)
    return again and f"{again.rule} would remove the tag again"


def _in_first_spelling(votes: Iterable[Vote]) -> Iterator[Vote]:
    """Yield votes with each tag in its first spelling: AI tags may be there in several."""
    spellings: dict[str, str] = {}
    for vote in votes:
        yield vote._replace(tag=spellings.setdefault(normalized(vote.tag), vote.tag))


def _additions(file: CurrentFile, votes: Sequence[Vote]) -> tuple[Reasons, list[Clash]]:
    """Return the wanted tags that the file lacks, as spelled, and each second spelling."""
    if not votes:
        return {}, []
    there = frozenset(all_normalized(file.tags))
    first: dict[str, Vote] = {}
    additions: Reasons = defaultdict(list)
    clashes = []
    for vote in votes:
        key = normalized(vote.tag)
        if key in there:  # in whatever spelling: a second one would be another tag to ImageKit
            continue
        wanted = first.setdefault(key, vote)
        additions[wanted.tag].append(vote.reason)
        if wanted.tag != vote.tag:
            clashes.append(Clash(vote.reason.origin, "two-spellings", vote.tag, wanted.reason.origin))
    return additions, clashes


def _conflicts(votes: Iterable[Vote], ballot: _Ballot) -> Iterator[Clash]:
    """Yield each tag that must be both present and absent."""
    for vote in votes if ballot.absent else ():
        against = ballot.absent.get(normalized(vote.tag))
        if against:
            yield Clash(against[0].origin, "conflict", vote.tag, vote.reason.origin)


def _removals(file: CurrentFile, wants: Iterable[Vote], ballot: _Ballot) -> Reasons:
    """Return the ordinary tags to remove, each in the library's spelling."""
    if not ballot.absent and not ballot.unwanted:
        return {}
    wanted = ballot.declared.union([normalized(vote.tag) for vote in wants])
    removals: Reasons = {}
    for tag in file.tags:
        key = normalized(tag)
        # A wanted tag in `absent` is a conflict, which `_conflicts` reports.
        reasons = [*ballot.absent.get(key, ()), *(() if key in wanted else ballot.unwanted.get(key, ()))]
        if reasons:
            removals[tag] = reasons
    return removals


def _not_renamed(renamed: Iterable[Vote], relies: Container[str], ballot: _Ballot) -> Iterator[Diagnostic]:
    """Yield a warning for each old name that is removed without adding the new one; the same for every file."""
    for vote in renamed:
        again = None if vote.tag in relies else ballot.removed_again_at(vote.tag)
        if again:
            fix = ", or limit exclusive with only" if again.rule == RuleName.EXCLUSIVE else ""
            message = (
                f"the old name is removed but {quoted(vote.tag)} is not added to files where {again.rule} (at "
                f"{again.origin}) would remove it again: declare it for these files{fix}"
            )
            yield Diagnostic("warning", "rename", message, vote.reason.origin)


def _changes(op: Op, reasons: Reasons) -> Iterator[Change]:
    for tag in sorted(reasons):
        because: list[Reason] = reasons[tag]
        yield Change(op, tag, tuple(because if len(because) == 1 else sorted(set(because))))


def _already_there(file: CurrentFile, entries: Sequence[Entry]) -> tuple[str, ...]:
    """Return the declared tags that the file has in the same spelling."""
    declared = {tag for entry in entries for tag in entry.declaration.tags.values}
    return tuple([tag for tag in file.tags if tag in declared])
