"""Find tags that entries remove by name (`absent`, `aiTags.remove`, `renames`) and that no file has, by mistake."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import islice

from tagsync.escape import quoted
from tagsync.model import Diagnostic, Entry, Level, Origin, Texts, folded, normalized
from tagsync.planning.typos import SeenNames

MOST_TYPOS = 100
"""The most names of rules that are compared with those of files."""

MOST_WATCHED = 10_000
"""The most names and globs watched. With more, they are in entries of single files, whose changes a plan shows."""


def did_you_mean(text: str) -> str:
    """Return a suggestion."""
    return f"did you mean {quoted(text)}?"


class Removal:
    """A tag to remove: whether any file had it, a similar tag, and whether one of the other kind is the same."""

    __slots__ = ("exact", "is_other_kind", "origin", "text", "twin", "used")

    def __init__(self, text: str, origin: Origin) -> None:
        self.text = text
        self.exact = normalized(text)
        self.origin = origin
        self.used = False
        self.is_other_kind = False
        self.twin: str | None = None


class Removals:
    """Watch the tags that entries remove by name, each entry by its folded names.

    Args:
        what: the part of an entry that names them.
        seen: the names of files' tags of this kind, ordinary or AI.
    """

    def __init__(self, what: str, seen: SeenNames) -> None:
        self._what = what
        self._seen = seen
        self._others = SeenNames()
        self._known: dict[Origin, dict[str, Removal]] = {}
        self._count = 0

    def check(self, names: Iterable[str], texts: Texts, entry: Entry, others: Sequence[Entry]) -> None:
        """Compare the names of a file's tags with those that an entry removes.

        Args:
            names: the file's tags.
            texts: what the entry removes.
            entry: the entry.
            others: entries whose declared tags are no mistake: they replace a tag by another spelling of it.
        """
        removals = self._of(entry, texts)
        for name in names if removals else ():
            removal = removals.get(self._seen.fold(name))
            if removal is None or removal.used:
                continue
            if normalized(name) == removal.exact:
                removal.used = True
            elif removal.twin is None and not _declares(name, others):
                removal.twin = name

    def check_other_kind(
        self, names: Iterable[str], texts: Texts, entry: Entry, is_named: Callable[[str], bool]
    ) -> None:
        """Look for what an entry removes among the file's tags of the other kind, ordinary or AI.

        Args:
            names: the names of these tags.
            texts: what the entry removes.
            entry: the entry.
            is_named: returns whether an entry of the file also names a tag as one of the other kind.
        """
        removals = self._of(entry, texts)
        for name in names if removals else ():
            removal = removals.get(self._others.fold(name))
            if removal is None or removal.used or removal.is_other_kind:
                continue
            removal.is_other_kind = normalized(name) == removal.exact and not is_named(removal.exact)

    def of_other_kind(self, level: Level, hint: str) -> Iterator[Diagnostic]:
        """Yield a diagnostic for each name that only tags of the other kind have, with a hint."""
        found = {(each.text, each.origin) for each in self.removals() if each.is_other_kind}
        for text, origin in sorted(found - {(each.text, each.origin) for each in self.removals() if each.used}):
            message = f"{self._what} {quoted(text)} matches no tag of these files: {hint}"
            yield Diagnostic(level, "removes-nothing", message, origin)

    def _of(self, entry: Entry, texts: Texts) -> dict[str, Removal]:
        origin = entry.origin()
        found = self._known.get(origin)
        if found is None:
            if self._count >= MOST_WATCHED:
                return {}
            self._count += len(texts.values)
            found = {folded(text): Removal(text, entry.origin(place)) for text, place in texts.pairs()}
            self._known[origin] = found
        return found

    def typos(self, removals: Iterable[Removal], intended: Callable[[], Collection[str]]) -> Iterator[Diagnostic]:
        """Yield a warning for each of the first names that no file has and that is probably a typo of one.

        Args:
            removals: the names.
            intended: returns folded names that are no mistake, because rules declare or remove them.
        """
        for removal in islice((each for each in removals if not each.used and each.twin is None), MOST_TYPOS):
            meant = self._seen.meant_by(removal.text, intended)
            if meant is not None:
                message = f"{self._what} {quoted(removal.text)} matches no tag of these files: {did_you_mean(meant)}"
                yield Diagnostic("warning", "removes-nothing", message, removal.origin)

    def removals(self) -> Iterator[Removal]:
        """Yield what entries remove by name."""
        for removals in self._known.values():
            yield from removals.values()

    def diagnostics(self) -> Iterator[Diagnostic]:
        """Yield a warning for each tag that no file had although a file has a similar one."""
        for removal in self.removals():
            if removal.twin is not None and not removal.used:
                message = (
                    f"{self._what} {quoted(removal.text)} matches no tag of these files: "
                    f"{did_you_mean(removal.twin)} Tags are case-sensitive"
                )
                yield Diagnostic("warning", "removes-nothing", message, removal.origin)


def _declares(name: str, entries: Sequence[Entry]) -> bool:
    key = normalized(name)
    return any(normalized(tag) == key for entry in entries for tag in entry.declaration.tags.values)


def is_named_ai_tag(name: str, entries: Sequence[Entry]) -> bool:
    """Return whether an entry keeps or removes an AI tag; `name` is in Unicode NFC."""
    rules = [entry.declaration.ai_rule for entry in entries if entry.declaration.ai_rule]
    named = (text for rule in rules for text in (*rule.remove.values, *rule.keep.values))
    return any(rule.remove_all for rule in rules) or any(normalized(text) == name for text in named)


def is_named_tag(name: str, entries: Sequence[Entry]) -> bool:
    """Return whether an entry declares or removes an ordinary tag, or may promote it; `name` is in Unicode NFC."""
    declared = [entry.declaration for entry in entries]
    if any(each.ai_rule and each.ai_rule.promote is not None for each in declared):
        return True
    return any(normalized(tag) == name for each in declared for tag in (*each.tags.values, *each.absent.values))
