"""What a file's entries together want of it, beside what it has: its changes; not whether they fit."""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from tagsync.escape import quoted
from tagsync.globs import tag_glob
from tagsync.model import (
    NO_VOCABULARY,
    Change,
    CurrentFile,
    Diagnostic,
    Entry,
    Exclusive,
    Op,
    Origin,
    Reason,
    RuleName,
    Texts,
    Vocabulary,
    all_normalized,
    is_declarable,
    normalized,
)
from tagsync.planning.ai_tags import Promotion, Reasons, ai_removals, ai_rules, promotions, spared


class Merged(NamedTuple):
    """One file's changes, sorted by op and tag, what was noticed, and what calls may touch or must not.

    `desired`, `spared` and `relies` are as in `FileChange`.
    """

    changes: tuple[Change, ...]
    diagnostics: tuple[Diagnostic, ...]
    desired: tuple[str, ...] = ()
    spared: tuple[str, ...] = ()
    relies: tuple[str, ...] = ()


_NOTHING = Merged((), ())


class _Want(NamedTuple):
    """A tag that a file is to have without any entry declaring it."""

    tag: str
    reason: Reason


def merge(file: CurrentFile, entries: Sequence[Entry], vocabulary: Vocabulary = NO_VOCABULARY) -> Merged:
    """Return the changes that a file's entries and the vocabulary ask for: they add up, whatever their order.

    A file on which two entries contradict each other gets no change, and a diagnostic of level error.
    """
    if not (vocabulary.removed or vocabulary.renames) and _is_settled(file, entries):
        return _NOTHING
    return _merged(file, entries, vocabulary)


def _is_settled(file: CurrentFile, entries: Sequence[Entry]) -> bool:
    """Tell files apart that have all their entries ask for, which are most: a fast yes, never a no."""
    there = set(file.tags)
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


def _merged(file: CurrentFile, entries: Sequence[Entry], vocabulary: Vocabulary) -> Merged:
    declared = {key for entry in entries for key in all_normalized(entry.declaration.tags.values)}
    ended = {key for entry in entries for key in all_normalized(entry.declaration.expired.values)} - declared
    absent, exclusives, rules = _absent(file, entries, ended, vocabulary), _exclusives(entries), ai_rules(entries)
    promoted, left = _promoted(file, promotions(file, rules), _Obstacles(declared, absent, exclusives, vocabulary))
    # A new name whose day has come does not come back through its old one.
    renamed = [want for want in _renamed(file, vocabulary) if normalized(want.tag) not in ended]
    wants = [want for want in renamed if not _swept(want.tag, declared, exclusives)]
    relies = tuple(sorted({want.tag for want in wants}))
    if promoted:
        wants += _once(_Want(tag.name, reason) for tag, reason in promoted if normalized(tag.name) not in declared)
    additions, diagnostics = _additions(file, entries, declared, wants)
    diagnostics += _conflicts(file, entries, declared, wants, absent)
    wanted = declared.union(normalized(want.tag) for want in wants) if wants else declared
    removals = _removals(file, wanted, absent, exclusives)
    going, stays = ai_removals(file, rules, promoted)
    diagnostics += [*left, *stays, *_not_renamed(renamed, relies, exclusives)]
    if any(diagnostic.level == "error" for diagnostic in diagnostics):
        return Merged((), tuple(diagnostics))
    changes = (*_changes(Op.ADD, additions), *_changes(Op.REMOVE, removals), *_changes(Op.REMOVE_AI, going))
    return Merged(
        changes,
        tuple(diagnostics),
        _already_there(file, entries) if additions else (),
        spared(rules) if going else (),
        relies,
    )


def _already_there(file: CurrentFile, entries: Sequence[Entry]) -> tuple[str, ...]:
    """Return the declared tags that the file has in the very spelling in which they are declared."""
    declared = {tag for entry in entries for tag in entry.declaration.tags.values}
    return tuple([tag for tag in file.tags if tag in declared])


def _changes(op: Op, reasons: Reasons) -> Iterator[Change]:
    for tag in sorted(reasons):
        because = reasons[tag]
        yield Change(op, tag, tuple(because if len(because) == 1 else sorted(set(because))))


def _additions(
    file: CurrentFile, entries: Sequence[Entry], declared: set[str], wants: Sequence[_Want]
) -> tuple[Reasons, list[Diagnostic]]:
    """Return the wanted tags that the file lacks, as they are spelled, and those that are spelled in two ways."""
    there = all_normalized(file.tags)
    lacking = declared.difference(there)
    found = (
        [_Want(tag, Reason(at, RuleName.TAGS)) for e in entries for tag, at in _declared(e, lacking)] if lacking else []
    )
    found += [want for want in wants if normalized(want.tag) not in there]
    first: dict[str, tuple[str, Origin]] = {}
    additions: Reasons = defaultdict(list)
    conflicts = []
    for tag, reason in found:
        spelling, at = first.setdefault(normalized(tag), (tag, reason.origin))
        additions[spelling].append(reason)
        if spelling != tag:
            conflicts.append(_two_spellings(file, tag, reason.origin, at))
    return additions, conflicts


def _declared(entry: Entry, keys: Container[str]) -> Iterator[tuple[str, Origin]]:
    """Yield those of an entry's tags whose NFC form is among `keys`."""
    tags = entry.declaration.tags
    for number, key in enumerate(all_normalized(tags.values)):
        if key in keys:
            yield tags.values[number], entry.origin(tags.places[number])


def _two_spellings(file: CurrentFile, tag: str, origin: Origin, first: Origin) -> Diagnostic:
    message = (
        f"{quoted(tag)} is also declared for {quoted(file.path, 200)} at {first}, in another spelling (equal under "
        "Unicode NFC): write both the same way"
    )
    return Diagnostic("error", "two-spellings", message, origin)


def _absent(file: CurrentFile, entries: Sequence[Entry], ended: Container[str], vocabulary: Vocabulary) -> Reasons:
    """Return the tags that must not be on a file, in NFC, and why; of expired ones, those that have `ended`."""
    absent: Reasons = defaultdict(list)
    for entry in entries:
        declared = entry.declaration
        if declared.absent.values or declared.expired.values:  # most have none
            over = (item for item in _reasons(entry, declared.expired, RuleName.UNTIL) if item[0] in ended)
            for key, reason in (*_reasons(entry, declared.absent, RuleName.ABSENT), *over):
                absent[key].append(reason)
    if vocabulary.removed or vocabulary.renames:
        for key in all_normalized(file.tags):
            if key in vocabulary.removed:
                absent[key].append(Reason(vocabulary.removed[key], RuleName.REMOVE_FORBIDDEN))
            if key in vocabulary.renames:
                absent[key].append(Reason(vocabulary.renames[key].origin, RuleName.RENAMES))
    return absent


def _reasons(entry: Entry, texts: Texts, rule: RuleName) -> Iterator[tuple[str, Reason]]:
    for tag, place in zip(texts.values, texts.places, strict=True):
        yield normalized(tag), Reason(entry.origin(place), rule)


_Exclusives = Sequence[tuple[Entry, Exclusive]]


def _exclusives(entries: Sequence[Entry]) -> _Exclusives:
    return [(entry, exclusive) for entry in entries if (exclusive := entry.declaration.exclusive)]


def _renamed(file: CurrentFile, vocabulary: Vocabulary) -> Iterator[_Want]:
    """Yield the new names of tags that the file has under their old ones."""
    for key in all_normalized(file.tags) if vocabulary.renames else ():
        rename = vocabulary.renames.get(key)
        if rename is not None:
            yield _Want(rename.new, Reason(rename.origin, RuleName.RENAMES))


def _not_renamed(renamed: Iterable[_Want], relies: Container[str], exclusives: _Exclusives) -> Iterator[Diagnostic]:
    """Yield a warning for each tag that goes without its new name coming, the same for every file."""
    for want in renamed:
        if want.tag not in relies:
            key = normalized(want.tag)
            at = next(entry.origin(found.place) for entry, found in exclusives if covers(found, key))
            message = (
                f"the old name goes and {quoted(want.tag)} does not come where exclusive (at {at}) would remove it "
                "again: declare it there, or narrow exclusive"
            )
            yield Diagnostic("warning", "rename", message, want.reason.origin)


def _swept(tag: str, declared: Container[str], exclusives: _Exclusives) -> bool:
    """Tell whether the next run would remove a tag that this one adds, for no entry declares it."""
    key = normalized(tag)
    return key not in declared and any(covers(exclusive, key) for _, exclusive in exclusives)


class _Obstacles(NamedTuple):
    """What may keep an AI tag from becoming an ordinary tag of its file."""

    declared: set[str]
    absent: Reasons
    exclusives: _Exclusives
    vocabulary: Vocabulary

    def to(self, name: str) -> str | None:
        """Say why a name must not become an ordinary tag; None if it may."""
        key, vocabulary = normalized(name), self.vocabulary
        if not is_declarable(name):
            return "its name cannot be a tag"
        if key in self.absent:
            return f"that tag is to be absent at {self.absent[key][0].origin}"
        if key in vocabulary.forbidden or key in vocabulary.renames:
            return "the vocabulary is against that tag"
        if vocabulary.allowed is not None and key not in vocabulary.allowed:
            return "the vocabulary does not allow that tag"
        return "exclusive would remove that tag again" if _swept(name, self.declared, self.exclusives) else None


def _promoted(
    file: CurrentFile, found: Iterable[Promotion], obstacles: _Obstacles
) -> tuple[list[Promotion], list[Diagnostic]]:
    """Return which AI tags become ordinary tags, and of the others why not."""
    promoted, left = [], []
    for promotion in found:
        why = obstacles.to(promotion.tag.name)
        if why is None:
            promoted.append(promotion)
            continue
        message = f"AI tag {quoted(promotion.tag.name)} of {quoted(file.path, 200)} becomes no ordinary tag: {why}"
        left.append(Diagnostic("info", "not-promoted", message, promotion.reason.origin))
    return promoted, left


def _once(wants: Iterable[_Want]) -> Iterator[_Want]:
    """Yield wants, each tag in the spelling that comes first: AI tags may stand there in several."""
    spellings: dict[str, str] = {}
    for tag, reason in wants:
        yield _Want(spellings.setdefault(normalized(tag), tag), reason)


def _removals(file: CurrentFile, wanted: set[str], absent: Reasons, exclusives: _Exclusives) -> Reasons:
    """Return the ordinary tags that go, each in the library's spelling."""
    removals: Reasons = {}
    if not absent and not exclusives:
        return removals
    for tag in file.tags:
        key = normalized(tag)
        reasons = list(absent.get(key, ()))
        if key not in wanted:
            reasons += [Reason(e.origin(x.place), RuleName.EXCLUSIVE) for e, x in exclusives if covers(x, key)]
        if reasons:
            removals[tag] = reasons
    return removals


def covers(exclusive: Exclusive, key: str) -> bool:
    """Tell whether an exclusive entry speaks of a tag, given in NFC."""
    if exclusive.only is None:
        return True
    return any(tag_glob(normalized(pattern)).fullmatch(key) for pattern in exclusive.only.values)


def _conflicts(
    file: CurrentFile,
    entries: Sequence[Entry],
    declared: set[str],
    wants: Iterable[_Want],
    absent: Mapping[str, Sequence[Reason]],
) -> Iterator[Diagnostic]:
    """Yield an error for each tag that is to be present and absent."""
    clash = declared.intersection(absent)
    present = [found for entry in entries for found in _declared(entry, clash)] if clash else []
    present += [(tag, reason.origin) for tag, reason in wants if normalized(tag) in absent]
    for tag, at in present:
        message = (
            f"{quoted(tag)} is to be absent from {quoted(file.path, 200)} here, and present at {at}: "
            "take one of them out"
        )
        yield Diagnostic("error", "conflict", message, absent[normalized(tag)][0].origin)
