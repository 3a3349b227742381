"""Collect what each rule demands of one file's tags: `merge` decides by these votes, `explain` shows them."""

from collections import defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from functools import lru_cache

from tagsync.globs import tag_glob
from tagsync.model import (
    AITag,
    CurrentFile,
    Entry,
    Exclusive,
    Reason,
    RuleName,
    Vocabulary,
    Vote,
    all_normalized,
    normalized,
    unpacked,
)


def tag_votes(entry: Entry, file: CurrentFile, settled: Container[str] = ()) -> Iterator[Vote]:
    """Yield an entry's votes on ordinary tags, including tags that the file does not have.

    Args:
        entry: an entry that selects the file.
        file: the file.
        settled: tags (NFC) that need no vote.
    """
    declared = entry.declaration
    for texts, rule, present in (
        (declared.tags, RuleName.TAGS, True),
        (declared.absent, RuleName.ABSENT, False),
        (declared.expired, RuleName.UNTIL, False),
    ):
        if texts.values:
            for tag, key, place in zip(texts.values, all_normalized(texts.values), texts.places, strict=True):
                if key not in settled:
                    yield Vote("tag", tag, present, _reason(entry, place, rule))
    if declared.exclusive:
        reason = _reason(entry, declared.exclusive.place, RuleName.EXCLUSIVE)
        for tag, key in zip(file.tags, all_normalized(file.tags), strict=True):
            if key not in settled and covers(declared.exclusive, key):
                yield Vote("tag", tag, present=False, reason=reason)


def covers(exclusive: Exclusive, key: str) -> bool:
    """Return whether `exclusive` applies to a tag, given in NFC."""
    if exclusive.only is None:
        return True
    return any(tag_glob(normalized(pattern)).fullmatch(key) for pattern in exclusive.only.values)


def vocabulary_votes(vocabulary: Vocabulary, file: CurrentFile) -> Iterator[Vote]:
    """Yield the vocabulary's votes on the tags that the file has."""
    if not (vocabulary.removed or vocabulary.renames):
        return
    for tag, key in zip(file.tags, all_normalized(file.tags), strict=True):
        if key in vocabulary.removed:
            reason = Reason(vocabulary.removed[key], RuleName.REMOVE_FORBIDDEN)
            yield Vote("tag", tag, present=False, reason=reason)
        rename = vocabulary.renames.get(key)
        if rename:
            reason = Reason(rename.origin, RuleName.RENAMES)
            yield Vote("tag", tag, present=False, reason=reason)
            yield Vote("tag", rename.new, present=True, reason=reason)


def ai_tag_votes(entry: Entry, tag: AITag) -> list[Vote]:
    """Return an entry's votes on one AI tag, without promotions."""
    rule = entry.declaration.ai_rule
    if rule is None:
        return []
    votes = []
    name, confidence = tag.name, tag.confidence
    if rule.keep.values:
        for number in _numbers_by_key(rule.keep.values).get(normalized(name), ()):
            reason = _reason(entry, rule.keep.places[number], RuleName.AI_KEEP)
            votes.append(Vote("AI tag", name, present=True, reason=reason))
    if rule.source is not None and rule.source != tag.source:
        return votes
    if rule.remove_all:
        return [*votes, Vote("AI tag", name, present=False, reason=_reason(entry, rule.place, RuleName.AI_REMOVE))]
    if rule.remove.values:
        for number in _numbers_by_key(rule.remove.values).get(normalized(name), ()):
            reason = _reason(entry, rule.remove.places[number], RuleName.AI_REMOVE)
            votes.append(Vote("AI tag", name, present=False, reason=reason))
    if rule.min_confidence is not None and confidence is not None and confidence < rule.min_confidence:
        reason = _reason(entry, rule.place, RuleName.AI_MIN_CONFIDENCE)
        votes.append(Vote("AI tag", name, present=False, reason=reason))
    return votes


def promotion_vote(entry: Entry, tag: AITag) -> Vote | None:
    """Return the vote for an ordinary tag if an entry's rule promotes the AI tag of the same name."""
    rule = entry.declaration.ai_rule
    if rule is None or rule.promote is None or tag.confidence is None or tag.confidence < rule.promote:
        return None
    if rule.source not in (None, tag.source):
        return None
    return Vote("tag", tag.name, present=True, reason=_reason(entry, rule.place, RuleName.AI_PROMOTE))


@lru_cache(maxsize=1024)
def _numbers_by_key(names: tuple[str, ...]) -> Mapping[str, Sequence[int]]:
    """Map names in NFC to their positions in a list; cached, as many files share one list."""
    numbers: dict[str, list[int]] = defaultdict(list)
    for number, key in enumerate(all_normalized(names)):
        numbers[key].append(number)
    return dict(numbers)


def _reason(entry: Entry, place: int, rule: RuleName) -> Reason:
    """Return a reason; entries that have it from their document's defaults share it."""
    if place < 0:
        return _default_reason(entry.defaults_in or entry.manifest, place, rule)
    return Reason(entry.origin(place), rule)


@lru_cache(maxsize=1024)
def _default_reason(manifest: str, place: int, rule: RuleName) -> Reason:
    return Reason(unpacked(manifest, ~place), rule)
