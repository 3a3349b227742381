"""Find the names of files' tags that misspelled names and globs of rules may mean."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from functools import cached_property

from tagsync.globs import escaped, literal_prefix
from tagsync.model import folded

_SHORTEST = 6
"""The fewest characters of names that may differ in a letter by mistake: many short words differ in one."""

_SHORTEST_PROTECTED = 5
"""The same for a letter too few or too many in what protects: a false warning costs less than a lost tag."""

_SHORTEST_PLURAL = 3

_MOST_SEEN = 50_000
"""The most names of files that are kept for this."""

_MOST_FOLDED = 10_000


class SeenNames:
    """The names of files' tags, each by its folded form."""

    def __init__(self) -> None:
        self._folded: dict[str, str] = {}
        self._seen: dict[str, str] = {}
        """The names by folded name; of several, the first."""

    def fold(self, name: str) -> str:
        """Remember a name, and return it folded."""
        found = self._folded.get(name)
        if found is None:
            if len(self._folded) >= _MOST_FOLDED:
                self._folded.clear()
            found = self._folded[name] = folded(name)
            if len(self._seen) < _MOST_SEEN:
                self._seen.setdefault(found, name)
        return found

    def meant_by(self, name: str, intended: Callable[[], Collection[str]]) -> str | None:
        """Return the name that a name to remove is probably a typo of; None if there is none.

        Args:
            name: a name of a rule.
            intended: returns folded names that are no mistake, because rules name them.
        """
        return self._meant(name, intended, _is_typo)

    def protected_by(self, name: str, intended: Callable[[], Collection[str]]) -> str | None:
        """Return the same for a name that protects, which may also be a plural or singular."""
        return self._meant(name, intended, _is_loose_typo)

    def _meant(
        self, name: str, intended: Callable[[], Collection[str]], is_typo: Callable[[str, str], bool]
    ) -> str | None:
        key = folded(name)
        similar = {other for other in self._candidates(key) if is_typo(key, other)}
        found = min(similar.difference(intended()), default=None) if similar else None
        return None if found is None else self._seen[found]

    def glob_meant_by(self, glob: str, is_matched: Callable[[str], object]) -> str | None:
        """Return the glob that a glob over tags is probably a typo of; None if there is none.

        Args:
            glob: a glob that starts with literal text.
            is_matched: returns whether other globs match a tag.
        """
        prefix = literal_prefix(glob)
        if escaped(prefix) == glob:
            return None if (name := self.protected_by(glob, tuple)) is None or is_matched(name) else escaped(name)
        key = folded(prefix)
        for other in self._candidates(key):
            name = self._seen[other]
            if other.startswith(key) or len(name) != len(other) or is_matched(name):
                continue
            for size in (len(key), len(key) + 1, len(key) - 1):
                if _has_typo(key, other[:size], _SHORTEST_PROTECTED) and key[-1:] == other[size - 1 : size]:
                    return escaped(name[:size]) + glob[len(escaped(prefix)) :]
        return None

    def _candidates(self, key: str) -> Iterator[str]:
        """Yield the folded names with the same first letter; none if the name exists, or not all were kept."""
        if len(self._seen) < _MOST_SEEN and key not in self._seen:
            yield from self._by_letter[key[:1]]

    @cached_property
    def _by_letter(self) -> defaultdict[str, list[str]]:
        found = defaultdict[str, list[str]](list)
        for key in self._seen:
            found[key[:1]].append(key)
        return found


def _is_typo(one: str, other: str) -> bool:
    return _has_typo(one, other, _SHORTEST)


def _is_loose_typo(one: str, other: str) -> bool:
    shorter, longer = sorted((one, other), key=len)
    ending = longer.removeprefix(shorter)
    if len(ending) == 1 and longer != shorter:
        return ending.isalpha() and len(shorter) >= (_SHORTEST_PLURAL if ending == "s" else _SHORTEST_PROTECTED)
    return _has_typo(one, other, _SHORTEST_PROTECTED)


def _has_typo(one: str, other: str, shortest: int) -> bool:
    """Return whether one folded name is probably a typo of another: two letters swapped, or one inside differs.

    The first letter is rarely wrong. A last letter or a digit often makes another word, such as a plural.

    Args:
        one: a name.
        other: another name.
        shortest: the fewest characters of names that may have a letter too few or too many.
    """
    if one[:1] != other[:1] or abs(len(one) - len(other)) > 1:
        return False
    start = next((at for at, (ours, theirs) in enumerate(zip(one, other, strict=False)) if ours != theirs), None)
    if start is None:
        return False
    left, right = one[start:], other[start:]
    if left[:2] == right[1::-1] and left[2:] == right[2:]:
        return left[:2].isalpha()
    edits = ((left[1:], right[1:]), (left[1:], right), (left, right[1:]))
    is_inside = any(ours and ours == theirs for ours, theirs in edits)
    least = _SHORTEST if len(one) == len(other) else shortest
    return is_inside and (left[0] + right[0]).isalpha() and min(len(one), len(other)) >= least
