"""Which AI tags of a file go, and which become ordinary tags first; ordinary tags are judged in `merge`.

A rule judges each (name, source), but the API removes by name: a name goes only if every source of it goes.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from tagsync.escape import quoted
from tagsync.model import (
    AIRule,
    AITag,
    CurrentFile,
    Diagnostic,
    Entry,
    Origin,
    Reason,
    RuleName,
    all_normalized,
    normalized,
)

Reasons = dict[str, list[Reason]]
"""Why tags change, by tag."""


class Promotion(NamedTuple):
    """An AI tag that a rule wants to become an ordinary tag."""

    tag: AITag
    reason: Reason


def ai_rules(entries: Sequence[Entry]) -> list[tuple[Entry, AIRule]]:
    """Return the entries that have a rule for AI tags, with it."""
    return [(entry, rule) for entry in entries if (rule := entry.declaration.ai_rule)]


def spared(rules: Sequence[tuple[Entry, AIRule]]) -> tuple[str, ...]:
    """Return the names that rules keep, as they are written."""
    keeps = [rule.keep.values for _, rule in rules if rule.keep.values]
    if len(keeps) < 2:  # noqa: PLR2004 - the usual case: the one rule's own names, not copied for each file
        return keeps[0] if keeps else ()
    return tuple(sorted({name for names in keeps for name in names}))


def promotions(file: CurrentFile, rules: Sequence[tuple[Entry, AIRule]]) -> Iterator[Promotion]:
    """Yield the AI tags that rules want to become ordinary tags, once for each rule."""
    for entry, rule in rules:
        if rule.promote is None:
            continue
        kept = _kept(rules)
        for tag in file.ai_tags:
            is_sure = tag.confidence is not None and tag.confidence >= rule.promote
            if is_sure and rule.source in (None, tag.source) and normalized(tag.name) not in kept:
                yield Promotion(tag, _rule_reason(entry.origin(rule.place), RuleName.AI_PROMOTE))


def ai_removals(
    file: CurrentFile, rules: Sequence[tuple[Entry, AIRule]], promoted: Sequence[Promotion]
) -> tuple[Reasons, list[Diagnostic]]:
    """Return the names of AI tags that go, and of those that stay although a rule is against them, why.

    Args:
        file: the file.
        rules: what its entries say of AI tags.
        promoted: AI tags that become ordinary tags.
    """
    if not rules or not file.ai_tags:
        return {}, []
    kept = _kept(rules)
    removals: Reasons = defaultdict(list)
    staying: dict[str, AITag] = {}
    for tag in file.ai_tags:
        if kept and normalized(tag.name) in kept:
            continue
        reasons = [reason for entry, rule in rules for reason in judged(entry, rule, tag)]
        if promoted:
            reasons += [reason for promotion, reason in promoted if promotion == tag]
        if reasons:
            removals[tag.name] += reasons
        else:
            staying[tag.name] = tag
    torn = removals.keys() & staying.keys()
    stays = [_stay(file, staying[name], removals.pop(name)) for name in sorted(torn)]
    return removals, stays


def _kept(rules: Sequence[tuple[Entry, AIRule]]) -> set[str]:
    return {normalized(name) for _, rule in rules for name in rule.keep.values}


def judged(entry: Entry, rule: AIRule, tag: AITag) -> list[Reason]:
    """Return why a rule wants one (name, source) to go; nothing if it does not."""
    if rule.source is not None and rule.source != tag.source:
        return []
    if rule.remove_all:
        return [_rule_reason(entry.origin(rule.place), RuleName.AI_REMOVE)]
    reasons = []
    if rule.remove.values:
        name = normalized(tag.name)
        for number, key in enumerate(all_normalized(rule.remove.values)):
            if key == name:
                reasons.append(Reason(entry.origin(rule.remove.places[number]), RuleName.AI_REMOVE))
    if rule.min_confidence is not None and tag.confidence is not None and tag.confidence < rule.min_confidence:
        reasons.append(_rule_reason(entry.origin(rule.place), RuleName.AI_MIN_CONFIDENCE))
    return reasons


@lru_cache(maxsize=1024)
def _rule_reason(origin: Origin, rule: RuleName) -> Reason:
    """Return one reason for all that a rule does: one of a document's defaults may hit every file."""
    return Reason(origin, rule)


def _stay(file: CurrentFile, staying: AITag, reasons: list[Reason]) -> Diagnostic:
    message = (
        f"AI tag {quoted(staying.name)} stays on {quoted(file.path, 200)}: it also comes from "
        f"{quoted(staying.source)}, which no rule removes, and the API removes by name alone"
    )
    return Diagnostic("info", "ai-tag-stays", message, min(reasons).origin)
