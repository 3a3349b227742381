"""The desired state: what manifests declare."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from tagsync.model.origins import Diagnostic, ManifestRef, Origin, unpacked
from tagsync.model.policy import GuardRule
from tagsync.model.value import value
from tagsync.model.vocabulary import NO_VOCABULARY, Vocabulary

Leniency = Literal["error", "warn", "skip"]
AutoTagger = Literal["google-auto-tagging", "aws-auto-tagging"]


class Texts(NamedTuple):
    """Texts as written, each with its place (see `Declaration`)."""

    values: tuple[str, ...] = ()
    places: tuple[int, ...] = ()

    def followed_by(self, other: "Texts") -> "Texts":
        """Return both one after the other; either one itself where the other is empty."""
        if not other.values:
            return self
        if not self.values:
            return other
        return Texts(self.values + other.values, self.places + other.places)


NO_TEXTS = Texts()


class Exclusive(NamedTuple):
    """Remove ordinary tags that no entry declares: all of them, or those that `only` globs match."""

    place: int
    only: Texts | None = None


class AIRule(NamedTuple):
    """Which AI tags to remove: named ones, all, or those below a confidence (0 to 100); `keep` always wins.

    AI tags of at least the confidence `promote` become ordinary tags.
    """

    place: int
    remove: Texts = NO_TEXTS
    remove_all: bool = False
    min_confidence: int | float | None = None
    keep: Texts = NO_TEXTS
    source: AutoTagger | None = None
    promote: int | float | None = None


class Expectation(NamedTuple):
    """How many files an entry may select, both ends included."""

    place: int
    min: int | float = 0
    max: int | float | None = None


class Declaration(NamedTuple):
    """What an entry declares for each file it selects, and where: shared by all entries of the same shape and defaults.

    A place is one number, `line << 32 | column`, both from 0. Lines of an entry's own text count from the entry's
    first line. Places of its document's defaults are absolute, and stored as their complement (`~place`), so that they
    are negative.

    Attributes:
        column: the column of the entry itself.
        until: the day, as YYYY-MM-DD, from which the entry's own tags are to be absent.
        expired: the entry's own tags, moved here from `tags` once that day has come.
    """

    column: int = 0
    tags: Texts = NO_TEXTS
    absent: Texts = NO_TEXTS
    exclusive: Exclusive | None = None
    ai_rule: AIRule | None = None
    if_missing: Leniency | None = None
    if_over_limit: Leniency | None = None
    expect: Expectation | None = None
    until: str | None = None
    expired: Texts = NO_TEXTS

    @property
    def only_removes(self) -> bool:
        """Whether nothing but absence is declared, so that a file that does not exist is as declared."""
        exclusive, rule = self.exclusive, self.ai_rule
        if self.tags.values or (rule and rule.promote is not None):
            return False
        asks = self.absent.values or self.expired.values or exclusive
        return bool(asks or (rule and (rule.remove.values or rule.remove_all or rule.min_confidence is not None)))


class ByPath(NamedTuple):
    """Selects the file with exactly this filePath."""

    path: str


class ById(NamedTuple):
    """Selects the file with this fileId."""

    file_id: str


class ByMatch(NamedTuple):
    """Selects files by a glob, by a searchQuery, or those that satisfy both; never those that `excepts` match."""

    glob: str | None
    query: str | None
    excepts: tuple[str, ...] = ()


Selector = ByPath | ById | ByMatch


@value
class Entry:
    """One entry of a manifest, its document's defaults merged in; `line` counts from 0."""

    manifest: str
    line: int
    selector: Selector
    declaration: Declaration

    def origin(self, place: int | None = None) -> Origin:
        """Return the origin of a place of this entry's declaration; without one, of the entry itself."""
        if place is None:
            place = self.declaration.column
        return unpacked(self.manifest, ~place if place < 0 else (self.line << 32) + place)


NumberedEntry = tuple[int, Entry]
"""An entry and its place in the order of the manifests, from 0."""


@runtime_checkable
class IndexedEntries(Protocol):
    """Entries kept by what they select, so that there may be more of them than memory holds."""

    def declarations(self) -> Iterator[Declaration]:
        """Yield what entries declare, in any order; what several declare alike may come once."""

    def by_path(self) -> Iterator[tuple[str, int, Entry]]:
        """Yield the entries that name a path, with it and their number, sorted by both."""

    def by_id(self) -> Iterator[NumberedEntry]:
        """Yield the entries that name a file id, those of one id in a row."""

    def with_id(self, file_id: str) -> Sequence[NumberedEntry]:
        """Return the entries that name this file id."""

    def matching(self) -> Iterator[NumberedEntry]:
        """Yield the entries that select by glob or query, sorted by number."""


@dataclass(frozen=True, slots=True)
class DesiredState:
    """All that the manifests of one run declare, in the order of their names.

    Entries are gone through in order, again and again, and need not be in memory (see `IndexedEntries`).
    `policy` is what they say of guards.
    """

    entries: Collection[Entry] = field(repr=False)
    manifests: tuple[ManifestRef, ...]
    accounts: tuple[tuple[str, Origin], ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    policy: tuple[GuardRule, ...] = ()
    vocabulary: Vocabulary = NO_VOCABULARY

    @property
    def account(self) -> str | None:
        """The account that manifests name, all of them the same once they are validated; None if none does."""
        return self.accounts[0][0] if self.accounts else None

    def queries(self) -> tuple[str, ...]:
        """Return the distinct searchQuery texts that the library has to evaluate, sorted."""
        entries = self.entries
        chosen = (entry for _, entry in entries.matching()) if isinstance(entries, IndexedEntries) else entries
        selectors = (entry.selector for entry in chosen)
        return tuple(sorted({s.query for s in selectors if isinstance(s, ByMatch) and s.query is not None}))
