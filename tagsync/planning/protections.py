"""Find names and globs of rules (`keep`, `only`, `except`, `absent`, `remove`) that match nothing by mistake."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cache
from itertools import islice

from tagsync.escape import quoted
from tagsync.globs import path_matcher, tag_glob
from tagsync.model import CurrentFile, Diagnostic, Entry, Origin, Texts, Vocabulary, folded, normalized
from tagsync.planning.removals import (
    MOST_TYPOS,
    MOST_WATCHED,
    Removal,
    Removals,
    did_you_mean,
    is_named_ai_tag,
    is_named_tag,
)
from tagsync.planning.typos import SeenNames

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
    def is_used(self) -> bool:
        """Whether it has matched anything."""
        return self._used

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


class Protections:
    """Watch `keep`, `exclusive.only`, `absent` and `aiTags.remove` of entries, and renames, file by file.

    Args:
        entries: all entries; their declared tags are no typos.
        vocabulary: the renames.
    """

    def __init__(self, entries: Iterable[Entry], vocabulary: Vocabulary) -> None:
        self._entries = entries
        self._renames = tuple(vocabulary.renames.values())
        self._watches: dict[tuple[str, str, Origin], Watch] = {}
        self._tags, self._ai_tags = SeenNames(), SeenNames()
        """The tags of files that any such part is about, and their AI tags."""
        self._renamed, self._absent = Removals("rename of", self._tags), Removals("absent", self._tags)
        self._removed = Removals("aiTags.remove", self._ai_tags)

    def check(self, file: CurrentFile, entries: Sequence[Entry]) -> None:
        """Compare a file's tags with the protective parts of the entries that select it."""
        kept, limited = list[Watch](), list[Watch]()
        if self._renames and entries:
            for name in file.tags:
                self._tags.fold(name)
        for entry in entries:
            rule, exclusive = entry.declaration.ai_rule, entry.declaration.exclusive
            if entry.declaration.absent.values and file.tags:
                self._absent.check(file.tags, entry.declaration.absent, entry, entries)
            if rule and rule.remove.values and file.ai_tags:
                self._removed.check((tag.name for tag in file.ai_tags), rule.remove, entry, ())
            self._check_other_kind(file, entry, entries)
            if rule and rule.keep.values and file.ai_tags:
                kept += self._watched(entry, "keep", rule.keep)
            if exclusive and exclusive.only:
                limited += self._watched(entry, "only", exclusive.only)
        for tag in file.ai_tags if kept else ():
            self._ai_tags.fold(tag.name)
            is_protected(tag.name, kept)
        for name in file.tags if limited else ():
            self._tags.fold(name)
            is_protected(name, limited)

    def _check_other_kind(self, file: CurrentFile, entry: Entry, entries: Sequence[Entry]) -> None:
        absent, rule = entry.declaration.absent, entry.declaration.ai_rule
        if absent.values and file.ai_tags:
            names = (tag.name for tag in file.ai_tags)
            self._absent.check_other_kind(names, absent, entry, lambda name: is_named_ai_tag(name, entries))
        if rule and rule.remove.values and file.tags:
            self._removed.check_other_kind(file.tags, rule.remove, entry, lambda name: is_named_tag(name, entries))

    def _watched(self, entry: Entry, what: str, texts: Texts) -> Iterator[Watch]:
        for text, place in zip(texts.values, texts.places, strict=True):
            key = (what, text, entry.origin(place))
            watch = self._watches.get(key)
            if watch is None:
                watch = _watched_name(text) if what == "keep" else _watched_tag(text)
                if len(self._watches) < MOST_WATCHED:
                    self._watches[key] = watch
            yield watch

    def diagnostics(self) -> Iterator[Diagnostic]:
        """Yield a warning for each name and glob that matched nothing although something similar exists."""
        yield from self._absent.diagnostics()
        yield from self._removed.diagnostics()
        yield from self._absent.of_other_kind("warning", "it is an AI tag here. To remove that, use aiTags.remove")
        # A person may have confirmed the tag, and the AI tag may have been removed before.
        yield from self._removed.of_other_kind("info", "it is an ordinary tag here. To remove that, use absent")
        yield from self._typos()
        for (what, text, origin), watch in self._watches.items():
            if watch.twin is not None:
                yield finding(what, text, watch.twin, origin)
        yield from self._unprotected()

    def _typos(self) -> Iterator[Diagnostic]:
        olds = [Removal(rename.old, rename.origin) for rename in self._renames]
        absent = list(self._absent.removals())

        @cache
        def intended() -> Collection[str]:
            found = {folded(removal.text) for removal in (*olds, *absent)}
            found |= {folded(rename.new) for rename in self._renames}
            return found | {folded(tag) for entry in self._entries for tag in entry.declaration.tags.values}

        yield from self._absent.typos(absent, intended)
        yield from self._renamed.typos(olds, intended)
        yield from self._removed.typos(self._removed.removals(), self._named_ai_tags)

    def _named_ai_tags(self) -> Collection[str]:
        """Return the folded AI tags that entries keep or remove by name."""
        kept = {folded(text) for what, text, _ in self._watches if what == "keep"}
        return kept | {folded(removal.text) for removal in self._removed.removals()}

    def _unprotected(self) -> Iterator[Diagnostic]:
        """Yield a warning for each of the first names and globs that matched nothing and are probably typos."""
        limits = [watch for (what, _, _), watch in self._watches.items() if what == "only" and watch.is_used]

        def is_matched(name: str) -> bool:
            return any(watch.matches(name) for watch in limits)

        unused = (key for key, watch in self._watches.items() if not watch.is_used and watch.twin is None)
        for what, text, origin in islice(unused, MOST_TYPOS):
            if what == "keep":
                meant = self._ai_tags.protected_by(text, self._named_ai_tags)
            else:
                meant = self._tags.glob_meant_by(text, is_matched)
            if meant is not None:
                kind = "AI tag" if what == "keep" else "tag"
                message = f"{what} {quoted(text)} matches no {kind} of these files: {did_you_mean(meant)}"
                yield Diagnostic("warning", "protects-nothing", message, origin)
