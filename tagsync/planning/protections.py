"""Find protective parts of rules (`keep`, `only`, `except`) that match nothing although a similar name exists."""

from collections.abc import Callable, Collection, Iterator, Sequence

from tagsync.escape import quoted
from tagsync.globs import path_matcher, tag_glob
from tagsync.model import CurrentFile, Diagnostic, Entry, Origin, Texts, folded, normalized

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


class Protections:
    """Watch `keep` and `exclusive.only` of entries, file by file."""

    def __init__(self) -> None:
        self._watches: dict[tuple[str, str, Origin], Watch] = {}

    def check(self, file: CurrentFile, entries: Sequence[Entry]) -> None:
        """Compare a file's tags with the protective parts of the entries that select it."""
        kept, limited = list[Watch](), list[Watch]()
        for entry in entries:
            rule, exclusive = entry.declaration.ai_rule, entry.declaration.exclusive
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
        for (what, text, origin), watch in self._watches.items():
            if watch.twin is not None:
                yield finding(what, text, watch.twin, origin)
