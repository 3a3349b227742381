"""What a file's entries together want of it, beside what it has: its changes; not whether they fit."""

from collections import defaultdict
from collections.abc import Container, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from tagsync.globs import tag_glob
from tagsync.model import (
    AIRule,
    AITag,
    Change,
    CurrentFile,
    Diagnostic,
    Entry,
    Exclusive,
    Op,
    Origin,
    Reason,
    all_normalized,
    normalized,
    unpacked,
)
from tagsync.printable import quoted


class Merged(NamedTuple):
    """One file's changes, sorted by op and tag, what was noticed, and what calls may touch or must not.

    `desired` and `spared` are as in `FileChange`.
    """

    changes: tuple[Change, ...]
    diagnostics: tuple[Diagnostic, ...]
    desired: tuple[str, ...] = ()
    spared: tuple[str, ...] = ()


_Reasons = dict[str, list[Reason]]


def merge(file: CurrentFile, entries: Sequence[Entry]) -> Merged:
    """Return the changes that a file's entries ask for: they add up, whatever their order.

    A file on which two entries contradict each other gets no change, and a diagnostic of level error.
    """
    wanted = {key for entry in entries for key in all_normalized(entry.wishes.tags.values)}
    additions, diagnostics = _additions(file, entries, wanted)
    removals, conflicts = _removals(file, entries, wanted)
    ai_removals, stays = _ai_removals(file, entries)
    diagnostics += conflicts
    diagnostics += stays
    if any(diagnostic.level == "error" for diagnostic in diagnostics):
        return Merged((), tuple(diagnostics))
    changes = (
        *_changes(Op.ADD, additions),
        *_changes(Op.REMOVE, removals),
        *_changes(Op.REMOVE_AI, ai_removals),
    )
    return Merged(
        changes,
        tuple(diagnostics),
        _already_there(file, entries) if additions else (),
        _spared(entries) if ai_removals else (),
    )


def _already_there(file: CurrentFile, entries: Sequence[Entry]) -> tuple[str, ...]:
    """Return the declared tags that the file has in the very spelling in which they are declared."""
    declared = {tag for entry in entries for tag in entry.wishes.tags.values}
    return tuple([tag for tag in file.tags if tag in declared])


def _spared(entries: Sequence[Entry]) -> tuple[str, ...]:
    keeps = [rule.keep.values for entry in entries if (rule := entry.wishes.ai_rule) and rule.keep.values]
    if len(keeps) < 2:  # noqa: PLR2004 - the usual case: the one rule's own names, not copied for each file
        return keeps[0] if keeps else ()
    return tuple(sorted({name for names in keeps for name in names}))


def _changes(op: Op, reasons: _Reasons) -> Iterator[Change]:
    for tag in sorted(reasons):
        because = reasons[tag]
        yield Change(op, tag, tuple(because if len(because) == 1 else sorted(set(because))))


def _additions(file: CurrentFile, entries: Sequence[Entry], wanted: set[str]) -> tuple[_Reasons, list[Diagnostic]]:
    """Return the wanted tags that the file lacks, as they are spelled, and those that are spelled in two ways."""
    lacking = wanted.difference(all_normalized(file.tags))
    if not lacking:
        return {}, []
    first: dict[str, tuple[str, Origin]] = {}
    additions: _Reasons = defaultdict(list)
    conflicts = []
    for entry in entries:
        for tag, origin in _declared(entry, lacking):
            spelling, at = first.setdefault(normalized(tag), (tag, origin))
            additions[spelling].append(Reason(origin, "tags"))
            if spelling != tag:
                conflicts.append(_two_spellings(file, tag, origin, at))
    return additions, conflicts


def _declared(entry: Entry, keys: Container[str]) -> Iterator[tuple[str, Origin]]:
    """Yield those of an entry's tags whose NFC form is among `keys`."""
    tags = entry.wishes.tags
    for number, key in enumerate(all_normalized(tags.values)):
        if key in keys:
            yield tags.values[number], entry.origin(tags.places[number])


def _two_spellings(file: CurrentFile, tag: str, origin: Origin, first: Origin) -> Diagnostic:
    message = (
        f"{quoted(tag)} is also declared for {quoted(file.path, 200)} at {first}, in another spelling (equal under "
        "Unicode NFC): write both the same way"
    )
    return Diagnostic("error", "two-spellings", message, origin)


def _removals(file: CurrentFile, entries: Sequence[Entry], wanted: set[str]) -> tuple[_Reasons, list[Diagnostic]]:
    """Return the ordinary tags that go, each in the library's spelling, and contradictions with wanted ones."""
    absent: _Reasons = defaultdict(list)
    exclusives: list[tuple[Entry, Exclusive]] = []
    for entry in entries:
        wishes = entry.wishes
        for tag, place in zip(wishes.absent.values, wishes.absent.places, strict=True):
            absent[normalized(tag)].append(Reason(entry.origin(place), "absent"))
        if wishes.exclusive:
            exclusives.append((entry, wishes.exclusive))
    if not absent and not exclusives:
        return {}, []
    removals: _Reasons = {}
    for tag in file.tags:
        key = normalized(tag)
        reasons = list(absent.get(key, ()))
        if key not in wanted:
            reasons += [Reason(e.origin(x.place), "exclusive") for e, x in exclusives if _covers(x, key)]
        if reasons:
            removals[tag] = reasons
    clash = wanted.intersection(absent)
    declared = (found for entry in entries for found in _declared(entry, clash)) if clash else ()
    return removals, [_conflict(file, tag, at, absent[normalized(tag)][0].origin) for tag, at in declared]


def _covers(exclusive: Exclusive, key: str) -> bool:
    if exclusive.only is None:
        return True
    return any(tag_glob(normalized(pattern)).fullmatch(key) for pattern in exclusive.only.values)


def _conflict(file: CurrentFile, tag: str, present: Origin, absent: Origin) -> Diagnostic:
    message = (
        f"{quoted(tag)} is to be absent from {quoted(file.path, 200)} here, and present at {present}: "
        "take one of them out"
    )
    return Diagnostic("error", "conflict", message, absent)


def _ai_removals(file: CurrentFile, entries: Sequence[Entry]) -> tuple[_Reasons, list[Diagnostic]]:
    """Return the names of AI tags that go: those of which every source goes, for the API removes by name."""
    rules = [(entry, entry.wishes.ai_rule) for entry in entries if entry.wishes.ai_rule]
    if not rules or not file.ai_tags:
        return {}, []
    kept = {normalized(name) for _, rule in rules for name in rule.keep.values}
    removals: _Reasons = defaultdict(list)
    staying: dict[str, AITag] = {}
    for tag in file.ai_tags:
        if kept and normalized(tag.name) in kept:
            continue
        reasons = [reason for entry, rule in rules for reason in _judged(entry, rule, tag)]
        if reasons:
            removals[tag.name] += reasons
        else:
            staying[tag.name] = tag
    torn = removals.keys() & staying.keys()
    stays = [_stay(file, staying[name], removals.pop(name)) for name in sorted(torn)]
    return removals, stays


def _judged(entry: Entry, rule: AIRule, tag: AITag) -> list[Reason]:
    """Return why a rule wants one (name, source) to go; nothing if it does not."""
    if rule.source is not None and rule.source != tag.source:
        return []
    if rule.remove_all:
        return [_rule_reason(entry.manifest, rule.place, "aiTags.remove")]
    reasons = []
    if rule.remove.values:
        name = normalized(tag.name)
        for number, key in enumerate(all_normalized(rule.remove.values)):
            if key == name:
                reasons.append(Reason(entry.origin(rule.remove.places[number]), "aiTags.remove"))
    if rule.min_confidence is not None and tag.confidence is not None and tag.confidence < rule.min_confidence:
        reasons.append(_rule_reason(entry.manifest, rule.place, "aiTags.minConfidence"))
    return reasons


@lru_cache(maxsize=1024)
def _rule_reason(manifest: str, place: int, rule: str) -> Reason:
    """Return one reason for all that a rule does: one of a document's defaults may hit every file."""
    return Reason(unpacked(manifest, place), rule)


def _stay(file: CurrentFile, staying: AITag, reasons: list[Reason]) -> Diagnostic:
    message = (
        f"AI tag {quoted(staying.name)} stays on {quoted(file.path, 200)}: it also comes from "
        f"{quoted(staying.source)}, which no rule removes, and the API removes by name alone"
    )
    return Diagnostic("info", "ai-tag-stays", message, min(reasons).origin)
