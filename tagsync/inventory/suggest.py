"""Find tags that are probably spellings of one tag, without comparing every pair.

Tags whose keys (`spellings.key_of`) are equal, or singular and plural, form a family. Families with similar words meet
in an index of words without one letter. A second pass over the files counts those that have both tags of a pair.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from math import ceil
from typing import Literal, NamedTuple

from tagsync.inventory.spellings import RATIOS, Typo, difference, key_of, plurals, typo, variants, words_of
from tagsync.library.limits import MAX_FILES_PER_REQUEST
from tagsync.model import CurrentFile, SuggestedRename, Suggestions, is_declarable, normalized

_MAX_ALIKE = 10
"""More words than this that differ at one place are no typos: they are numbered, or made up."""

_MOST_SHARED = 0.2
"""If a larger part of the files with a probable typo has both tags, these are two tags."""

_MAX_LENGTH = 100
"""Longer tags are sentences, and YAML limits the length of a key."""

_MIN_SAME_FILES = 5
"""Two tags may be on the same few files by chance."""

_Words = tuple[str, ...]


_MANY_CAPITALS = 100
_CAPITALS_ARE_NAMES = 0.05
"""If a smaller part of at least a hundred tags with capitals is also there in small letters, capitals mark names."""


class _Pair(NamedTuple):
    """Two tags that may be one, and how they were found."""

    old: str
    new: str
    reason: str
    kind: Literal["family", "typo", "files"]

    @property
    def may_be_a_name(self) -> bool:
        """Whether one of the tags may be a name: a name has no plural, and is no typo of a similar one."""
        has_capitals = self.old + self.new != (self.old + self.new).casefold()
        return has_capitals and not {"accents", "spacing"}.issuperset(self.reason.split(" and "))


def suggest(files: Iterable[CurrentFile]) -> Suggestions:
    """Suggest renames that unite near-duplicate tags.

    Args:
        files: iterated twice, so an iterator will not do.
    """
    tags = _Tags(files)
    names = _are_capitals_names(tags.counts)
    families = _families(tags.counts)
    united = _united(families, tags.counts)
    pairs = [*_in_families(families, united), *_on_same_files(tags, families, united)]
    shared = _shared(files, {pair.old: pair.new for pair in pairs})
    found = [
        _suggested(pair, tags.counts, shared[pair.old], is_certain=not (names and pair.may_be_a_name))
        for pair in pairs
        if _is_confirmed(pair, tags.counts[pair.old], shared[pair.old])
    ]
    found.sort(key=lambda item: (not item.is_certain, -item.files, item.old))
    return Suggestions(tuple(found), len(tags.counts), tags.files)


class _Tags:
    """The ordinary tags of files, with a number for each that is equal for tags on exactly the same files."""

    def __init__(self, files: Iterable[CurrentFile]) -> None:
        self.counts = Counter[str]()
        self.signatures = Counter[str]()
        self.files = 0
        for number, file in enumerate(files):
            tags = set(map(normalized, file.tags))
            self.files += bool(tags)
            self.counts.update(tags)
            # A sum of random numbers, one for each file: other files would give another sum.
            random = hash((number, _SALT))
            for tag in tags:
                self.signatures[tag] += random


_SALT = 20260

Family = list[str]
"""The spellings of one tag, that of the most files first."""


def _families(counts: Mapping[str, int]) -> list[Family]:
    """Return all tags in families; those that no manifest can name are left out."""
    tags = defaultdict[str, Family](list)
    forms: dict[str, _Words] = {}
    for tag in sorted(counts, key=lambda tag: (-counts[tag], tag)):
        if len(tag) <= _MAX_LENGTH and is_declarable(tag):
            words = words_of(tag)
            tags[key_of(words)].append(tag)
            forms.setdefault(key_of(words), words)
    singular: dict[str, str] = {}
    for key, words in forms.items():
        for plural in map(key_of, plurals(words)):
            if plural in tags and plural != key:
                singular.setdefault(plural, key)
    for plural, key in singular.items():
        while key in singular:
            key = singular[key]  # noqa: PLW2901 - a plural's singular may itself be a plural
        tags[key] += tags.pop(plural)
    return [sorted(family, key=lambda tag: (-counts[tag], tag)) for family in tags.values()]


def _united(families: list[Family], counts: Mapping[str, int]) -> dict[int, tuple[int, Typo]]:
    """Return for each family that is a typo of another one the number of that family, and how probable it is."""
    totals = [sum(counts[tag] for tag in family) for family in families]
    found: dict[tuple[int, int], Typo] = {}
    for one, other, kind in _similar(families):
        rare, frequent = sorted((one, other), key=lambda number: (totals[number], number))
        if totals[frequent] >= RATIOS[kind] * totals[rare]:
            found[rare, frequent] = kind
    united: dict[int, tuple[int, Typo]] = {}
    targets = set[int]()
    for (rare, frequent), kind in sorted(found.items(), key=lambda item: (-totals[item[0][1]], item[0])):
        # So no family is united with one that is itself united with another.
        if rare not in united and rare not in targets and frequent not in united:
            united[rare] = frequent, kind
            targets.add(frequent)
    return united


def _similar(families: list[Family]) -> Iterator[tuple[int, int, Typo]]:
    """Yield the numbers of families with a word that may be a typo of the other's, and how probable that is."""
    # Typos are not looked for in the first letter. So the index need not contain all words at once.
    parts = defaultdict[tuple[int, str], dict[_Words, int]](dict)
    for number, family in enumerate(families):
        for words in map(words_of, family):
            parts[len(words), words[0][:1]][words] = number
    for numbers in parts.values():
        alike = defaultdict[tuple[int, _Words, str, _Words], list[_Words]](list)
        for words in numbers:
            for at, word in enumerate(words):
                for variant in variants(word):
                    alike[at, words[:at], variant, words[at + 1 :]].append(words)
        for (at, *_), group in alike.items():
            for one, other in combinations(group, 2) if len(group) <= _MAX_ALIKE else ():
                kind = typo(one[at], other[at])
                if kind and numbers[one] != numbers[other]:
                    yield numbers[one], numbers[other], kind


def _are_capitals_names(counts: Mapping[str, int]) -> bool:
    """Return whether a library tells names from other words by capital letters, as in `Fox` and `fox`."""
    capitals = [tag for tag in counts if tag != tag.casefold()]
    twins = sum(tag.casefold() in counts for tag in capitals)
    return len(capitals) >= _MANY_CAPITALS and twins < len(capitals) * _CAPITALS_ARE_NAMES


def _in_families(families: list[Family], united: Mapping[int, tuple[int, Typo]]) -> Iterator[_Pair]:
    """Yield the other spellings of each family's tag, and all those of families that are united with another."""
    for number, (head, *others) in enumerate(families):
        if number in united:
            target, kind = united[number]
            for tag in (head, *others):
                yield _Pair(tag, families[target][0], kind, "typo")
        else:
            for tag in others:
                yield _Pair(tag, head, difference(tag, head), "family")


def _on_same_files(tags: _Tags, families: list[Family], united: Mapping[int, tuple[int, Typo]]) -> Iterator[_Pair]:
    """Yield pairs of tags on exactly the same files; of three or more, each may say something else of these files."""
    targets = {target for target, _ in united.values()}
    groups = defaultdict[int, list[str]](list)
    for number, family in enumerate(families):
        if len(family) == 1 and number not in united and number not in targets:
            groups[tags.signatures[family[0]]].append(family[0])
    for group in groups.values():
        if len(group) == 2 and tags.counts[group[0]] >= _MIN_SAME_FILES:  # noqa: PLR2004 - a pair
            new, old = sorted(group)
            yield _Pair(old, new, "on the same files", "files")


def _shared(files: Iterable[CurrentFile], renames: Mapping[str, str]) -> Counter[str]:
    """Count the files that have the old and the new tag of a pair, by the old one."""
    shared = Counter[str]()
    for file in files if renames else ():
        tags = set(map(normalized, file.tags))
        shared.update(tag for tag in renames.keys() & tags if renames[tag] in tags)
    return shared


def _is_confirmed(pair: _Pair, files: int, shared: int) -> bool:
    if pair.kind == "files":
        return shared == files
    return pair.kind == "family" or shared <= files * _MOST_SHARED


def _suggested(pair: _Pair, counts: Mapping[str, int], shared: int, *, is_certain: bool) -> SuggestedRename:
    files = counts[pair.old]
    batches = ceil((files - shared) / MAX_FILES_PER_REQUEST) + ceil(files / MAX_FILES_PER_REQUEST)
    is_certain = is_certain and pair.kind != "files"
    return SuggestedRename(pair.old, pair.new, pair.reason, files, counts[pair.new], batches, is_certain)
