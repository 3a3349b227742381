"""Find names and globs of rules (`keep`, `only`, `except`, `absent`, `remove`) that match only in another spelling."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cache
from itertools import islice

from tagsync.escape import quoted
from tagsync.globs import path_matcher, tag_glob
from tagsync.model import CurrentFile, Diagnostic, Entry, Origin, Texts, Vocabulary, folded, normalized

_SHORTEST = 6
"""The fewest characters of names that may differ in a letter by mistake: many short words differ in one."""

_MOST_TYPOS = 100
"""The most names of rules that are compared with those of files."""

_MOST_SEEN = 50_000
"""The most names of files that are kept for this."""

_MOST_WATCHED = 10_000
"""The most names and globs watched. With more, they are in entries of single files, whose changes a plan shows."""

Matches = Callable[[str], object]


class Watch:
    """A protective glob or name: whether it has matched, and if not, a similar text.

    Args:
        exact: returns whether it matches a text.
        alike: returns whether it would match a folded text, ignoring case and Unicode form.
    """

    __slots__ = ("_alike", "_exact", "_twin", "_used")

    def __init__(self, exact: Matches, alike: Matches) -> None:
        self._exact = exact
        self._alike = alike
        self._used = False
        self._twin: str | None = None

    @property
    def twin(self) -> str | None:
        """A similar text that is not protected; None if the glob or name has matched anything."""
        return None if self._used else self._twin

    def matches(self, text: str) -> bool:
        """Return whether a text is protected, and remember it."""
        found = bool(self._exact(text))
        self._used = self._used or found
        return found

    def compare(self, text: str) -> None:
        """Look at a text that nothing protects."""
        if not self._used and self._twin is None and self._alike(folded(text)):
            self._twin = text


def is_protected(text: str, watches: Collection[Watch]) -> bool:
    """Return whether any glob or name matches a text; if none does, look for similar ones."""
    found = [watch.matches(text) for watch in watches]  # a list, as every watch must see the text
    if any(found):
        return True
    for watch in watches:
        watch.compare(text)
    return False


def watched_path(glob: str) -> Watch:
    """Watch a glob over paths."""
    return Watch(path_matcher(glob), path_matcher(folded(glob)))


def _watched_tag(glob: str) -> Watch:
    exact, alike = tag_glob(normalized(glob)), tag_glob(folded(glob))
    return Watch(lambda tag: exact.fullmatch(normalized(tag)), alike.fullmatch)


def _watched_name(name: str) -> Watch:
    exact, alike = normalized(name), folded(name)
    return Watch(lambda tag: normalized(tag) == exact, lambda tag: tag == alike)


def finding(what: str, text: str, twin: str, origin: Origin) -> Diagnostic:
    """Return the warning about a part that matches nothing although something similar exists."""
    message = (
        f"{what} {quoted(text)} matches nothing, but {quoted(twin, 200)} exists, which differs only in case or Unicode "
        "form: write it as in the library"
    )
    return Diagnostic("warning", "protects-nothing", message, origin)


def _is_typo(one: str, other: str) -> bool:
    """Return whether one folded name is probably a typo of another: two letters swapped, or one inside differs.

    The first letter is rarely wrong. A last letter or a digit often makes another word, such as a plural.
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
    return is_inside and (left[0] + right[0]).isalpha() and min(len(one), len(other)) >= _SHORTEST


class _Removal:
    """A tag to remove: whether any file had it, and if not, a similar tag of a file."""

    __slots__ = ("exact", "origin", "text", "twin", "used")

    def __init__(self, text: str, origin: Origin) -> None:
        self.text = text
        self.exact = normalized(text)
        self.origin = origin
        self.used = False
        self.twin: str | None = None


class _Removals:
    """Watch the tags that entries remove by name, each entry by its folded names."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._known: dict[Origin, dict[str, _Removal]] = {}
        self._count = 0
        self._folded: dict[str, str] = {}
        self._seen: dict[str, str] = {}
        """The names of files by folded name; of several, the first."""

    def see(self, names: Iterable[str]) -> None:
        """Remember the names of a file's tags."""
        for name in names:
            self._fold(name)

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
            removal = removals.get(self._fold(name))
            if removal is None or removal.used:
                continue
            if normalized(name) == removal.exact:
                removal.used = True
            elif removal.twin is None and not _declares(name, others):
                removal.twin = name

    def _of(self, entry: Entry, texts: Texts) -> dict[str, _Removal]:
        origin = entry.origin()
        found = self._known.get(origin)
        if found is None:
            if self._count >= _MOST_WATCHED:
                return {}
            self._count += len(texts.values)
            found = {folded(text): _Removal(text, entry.origin(place)) for text, place in texts.pairs()}
            self._known[origin] = found
        return found

    def _fold(self, name: str) -> str:
        found = self._folded.get(name)
        if found is None:
            if len(self._folded) >= _MOST_WATCHED:
                self._folded.clear()
            found = self._folded[name] = folded(name)
            if len(self._seen) < _MOST_SEEN:
                self._seen.setdefault(found, name)
        return found

    def typos(self, removals: Iterable[_Removal], intended: Callable[[], Collection[str]]) -> Iterator[Diagnostic]:
        """Yield a warning for each of the first names that no file has and that is probably a typo of one.

        Args:
            removals: the names.
            intended: returns folded names that are no mistake, because rules declare or remove them.
        """
        if len(self._seen) >= _MOST_SEEN:
            return
        by_letter: defaultdict[str, list[str]] = defaultdict(list)
        for key in self._seen:
            by_letter[key[:1]].append(key)
        absent = (removal for removal in removals if folded(removal.text) not in self._seen)
        for removal in islice(absent, _MOST_TYPOS):
            key = folded(removal.text)
            similar = {other for other in by_letter[key[:1]] if _is_typo(key, other)}
            if similar and (found := min(similar.difference(intended()), default=None)):
                message = (
                    f"{self._what} {quoted(removal.text)} matches no tag of these files: did you mean "
                    f"{quoted(self._seen[found])}?"
                )
                yield Diagnostic("warning", "removes-nothing", message, removal.origin)

    def removals(self) -> Iterator[_Removal]:
        """Yield what entries remove by name."""
        for removals in self._known.values():
            yield from removals.values()

    def diagnostics(self) -> Iterator[Diagnostic]:
        """Yield a warning for each tag that no file had although a file has a similar one."""
        for removal in self.removals():
            if removal.twin is not None and not removal.used:
                message = (
                    f"{self._what} {quoted(removal.text)} matches no tag of these files: did you mean "
                    f"{quoted(removal.twin)}? Tags are case-sensitive"
                )
                yield Diagnostic("warning", "removes-nothing", message, removal.origin)


def _declares(name: str, entries: Sequence[Entry]) -> bool:
    key = normalized(name)
    return any(normalized(tag) == key for entry in entries for tag in entry.declaration.tags.values)


class Protections:
    """Watch `keep`, `exclusive.only`, `absent` and `aiTags.remove` of entries, and renames, file by file.

    Args:
        entries: all entries; their declared tags are no typos.
        vocabulary: the renames.
    """

    def __init__(self, entries: Iterable[Entry], vocabulary: Vocabulary) -> None:
        self._entries = entries
        self._renames = tuple(vocabulary.renames.values())
        self._renamed = _Removals("rename of")
        self._watches: dict[tuple[str, str, Origin], Watch] = {}
        self._absent, self._removed = _Removals("absent"), _Removals("aiTags.remove")

    def check(self, file: CurrentFile, entries: Sequence[Entry]) -> None:
        """Compare a file's tags with the protective parts of the entries that select it."""
        kept, limited = list[Watch](), list[Watch]()
        if self._renames and entries:
            self._renamed.see(file.tags)
        for entry in entries:
            rule, exclusive = entry.declaration.ai_rule, entry.declaration.exclusive
            if entry.declaration.absent.values and file.tags:
                self._absent.check(file.tags, entry.declaration.absent, entry, entries)
            if rule and rule.remove.values and file.ai_tags:
                self._removed.check((tag.name for tag in file.ai_tags), rule.remove, entry, ())
            if rule and rule.keep.values and file.ai_tags:
                kept += self._watched(entry, "keep", rule.keep)
            if exclusive and exclusive.only:
                limited += self._watched(entry, "only", exclusive.only)
        for tag in file.ai_tags if kept else ():
            is_protected(tag.name, kept)
        for name in file.tags if limited else ():
            is_protected(name, limited)

    def _watched(self, entry: Entry, what: str, texts: Texts) -> Iterator[Watch]:
        for text, place in zip(texts.values, texts.places, strict=True):
            key = (what, text, entry.origin(place))
            watch = self._watches.get(key)
            if watch is None:
                watch = _watched_name(text) if what == "keep" else _watched_tag(text)
                if len(self._watches) < _MOST_WATCHED:
                    self._watches[key] = watch
            yield watch

    def diagnostics(self) -> Iterator[Diagnostic]:
        """Yield a warning for each name and glob that matched nothing although something similar exists."""
        yield from self._absent.diagnostics()
        yield from self._removed.diagnostics()
        yield from self._typos()
        for (what, text, origin), watch in self._watches.items():
            if watch.twin is not None:
                yield finding(what, text, watch.twin, origin)

    def _typos(self) -> Iterator[Diagnostic]:
        olds = [_Removal(rename.old, rename.origin) for rename in self._renames]
        absent, removed = list(self._absent.removals()), list(self._removed.removals())
        if not (olds or absent or removed):
            return

        @cache
        def intended() -> Collection[str]:
            found = {folded(removal.text) for removal in (*olds, *absent)}
            found |= {folded(rename.new) for rename in self._renames}
            return found | {folded(tag) for entry in self._entries for tag in entry.declaration.tags.values}

        yield from self._absent.typos(absent, intended)
        yield from self._renamed.typos(olds, intended)
        yield from self._removed.typos(removed, lambda: {folded(removal.text) for removal in removed})
