"""Define the desired state: what manifests declare."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from tagsync.model.origins import NO_TEXTS, Diagnostic, ManifestRef, Origin, Texts, unpacked
from tagsync.model.policy import GuardRule
from tagsync.model.templates import Template, TemplateKey, ValueTable
from tagsync.model.testing import TestSpec
from tagsync.model.value import value
from tagsync.model.vocabulary import NO_VOCABULARY, Vocabulary

Leniency = Literal["error", "warn", "skip"]
AutoTagger = Literal["google-auto-tagging", "aws-auto-tagging"]


class Exclusive(NamedTuple):
    """Remove ordinary tags that no entry declares: all of them, or those that match the globs in `only`."""

    place: int
    only: Texts | None = None


class AIRule(NamedTuple):
    """Which AI tags to remove and which to promote.

    Attributes:
        place: where the rule is.
        remove: names to remove.
        remove_all: whether to remove all.
        min_confidence: remove AI tags with a lower confidence (0 to 100).
        keep: names to keep; wins over all removals.
        source: limit the rule to AI tags of this service.
        promote: make AI tags of at least this confidence ordinary tags.
    """

    place: int
    remove: Texts = NO_TEXTS
    remove_all: bool = False
    min_confidence: int | float | None = None
    keep: Texts = NO_TEXTS
    source: AutoTagger | None = None
    promote: int | float | None = None


class Expectation(NamedTuple):
    """The number of files that an entry must select, inclusive; None for no limit. A minimum of 0 allows none."""

    place: int
    min: int | float | None = None
    max: int | float | None = None


class Templating(NamedTuple):
    """The templates of a declaration, and how to fill them in for a file.

    Attributes:
        templates: the texts with placeholders. Those without are in the lists of the declaration.
        if_invalid: what to do with a tag that a file's values make invalid.
        tables: what values become before they are formatted.
    """

    templates: tuple[Template, ...] = ()
    if_invalid: Leniency | None = None
    tables: tuple[ValueTable, ...] = ()

    def has(self, *keys: TemplateKey) -> bool:
        """Return whether one of these lists has a template."""
        return any(template.key in keys for template in self.templates)


NO_TEMPLATES = Templating()


class Declaration(NamedTuple):
    """What an entry declares for each file it selects, and where.

    A million entries often say the same in different lines. To share one `Declaration`, places are relative to the
    entry: a place is one number, `line << 32 | column`, both from 0, and the line counts from the entry's first line.
    Places in the document's defaults are absolute. They are stored as their complement (`~place`), which is negative.

    Attributes:
        column: the column of the entry itself.
        until: the day (YYYY-MM-DD) from which the entry's own tags must be absent.
        expired: the entry's own tags, moved here from `tags` once that day has come.
        templating: its templates; None if it has none. Planning fills them in for each file.
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
    templating: Templating | None = None

    @property
    def only_removes(self) -> bool:
        """Whether the entry only removes tags, so that a file that does not exist needs no change."""
        exclusive, rule, templating = self.exclusive, self.ai_rule, self.templating or NO_TEMPLATES
        if self.tags.values or (rule and rule.promote is not None) or templating.has("tags"):
            return False
        removes = templating.has("absent", "expired", "aiTags.remove")
        asks = self.absent.values or self.expired.values or exclusive or removes
        return bool(asks or (rule and (rule.remove.values or rule.remove_all or rule.min_confidence is not None)))


class ByPath(NamedTuple):
    """Select the file with exactly this filePath."""

    path: str


class ById(NamedTuple):
    """Select the file with this fileId."""

    file_id: str


class ByMatch(NamedTuple):
    """Select files by a glob, a searchQuery or both, except those that match a glob in `excepts`."""

    glob: str | None
    query: str | None
    excepts: tuple[str, ...] = ()


Selector = ByPath | ById | ByMatch


@value
class Entry:
    """One entry of a manifest, merged with its document's defaults; `line` counts from 0.

    `defaults_in` is the manifest of the defaults if the entry is a row of a CSV file; None if it is `manifest`.
    """

    manifest: str
    line: int
    selector: Selector
    declaration: Declaration
    defaults_in: str | None = None

    def origin(self, place: int | None = None) -> Origin:
        """Return the origin of a place in this entry's declaration, by default of the entry itself."""
        if place is None:
            place = self.declaration.column
        if place < 0:
            return unpacked(self.defaults_in or self.manifest, ~place)
        return unpacked(self.manifest, (self.line << 32) + place)


NumberedEntry = tuple[int, Entry]
"""An entry with its position in the order of the manifests, from 0."""


@runtime_checkable
class IndexedEntries(Protocol):
    """Entries indexed by what they select; they may be kept on disk."""

    def declarations(self) -> Iterator[Declaration]:
        """Yield the declarations in any order; equal ones may come once."""

    def by_path(self) -> Iterator[tuple[str, int, Entry]]:
        """Yield (path, number, entry) for entries that select by path, sorted by path and number."""

    def by_id(self) -> Iterator[NumberedEntry]:
        """Yield the entries that select by file ID, grouped by ID."""

    def with_id(self, file_id: str) -> Sequence[NumberedEntry]:
        """Return the entries that select this file ID."""

    def matching(self) -> Iterator[NumberedEntry]:
        """Yield the entries that select by glob or query, sorted by number."""


@dataclass(frozen=True, slots=True)
class DesiredState:
    """Everything that the manifests of one run declare, in the order of their names.

    Attributes:
        entries: may be kept on disk (see `IndexedEntries`), and are iterated several times.
        manifests: the files that were read.
        accounts: the accounts that manifests name, and where.
        diagnostics: what was noticed while reading.
        policy: guard limits that policies set.
        vocabulary: the combined vocabularies.
        fields: the names of the library's data that templates use, like `customMetadata.season`.
        tests: the tests among the manifests, if they were asked for.
    """

    entries: Collection[Entry] = field(repr=False)
    manifests: tuple[ManifestRef, ...]
    accounts: tuple[tuple[str, Origin], ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    policy: tuple[GuardRule, ...] = ()
    vocabulary: Vocabulary = NO_VOCABULARY
    fields: frozenset[str] = frozenset()
    tests: tuple[TestSpec, ...] = field(default=(), repr=False)

    @property
    def account(self) -> str | None:
        """The account that the manifests name; validation has checked that all name the same. None if none does."""
        return self.accounts[0][0] if self.accounts else None

    def queries(self) -> tuple[str, ...]:
        """Return the distinct searchQuery texts, sorted."""
        entries = self.entries
        chosen = (entry for _, entry in entries.matching()) if isinstance(entries, IndexedEntries) else entries
        selectors = (entry.selector for entry in chosen)
        return tuple(sorted({s.query for s in selectors if isinstance(s, ByMatch) and s.query is not None}))
