"""The frozen values that flow from manifests to reports; no behaviour beyond what follows from their fields.

Whole states leave their many parts out of `repr`: asyncio asks for it behind the scenes.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, NamedTuple

MAX_FILES_PER_REQUEST = 50
"""Bulk tag calls take at most 50 file ids (API: "A maximum of 50 files can be edited at a time.")."""

MAX_TAG_CHARACTERS = 500
"""A file's tags, and those of one addTags or removeTags call, joined by commas (API: "Combined length of all tags")."""

Level = Literal["error", "warning", "info"]
Leniency = Literal["error", "warn", "skip"]
AutoTagger = Literal["google-auto-tagging", "aws-auto-tagging"]


def normalized(text: str) -> str:
    """Return text in Unicode NFC: two tags are the same if these are equal."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def all_normalized(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Return each text in Unicode NFC; quick for the usual case that nothing changes."""
    return texts if all(map(str.isascii, texts)) else tuple(map(normalized, texts))


def joined_length(count: int, characters: int) -> int:
    """Return the length of `count` tags of `characters` in all, joined by commas."""
    return characters + max(0, count - 1)


class Op(StrEnum):
    """What one change does, named as the API names its calls."""

    ADD = "addTags"
    REMOVE = "removeTags"
    REMOVE_AI = "removeAITags"


# Places and diagnostics


class Origin(NamedTuple):
    """A place in a manifest; line and column count from 1, columns in characters."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Diagnostic(NamedTuple):
    """Something a person should know; `origin` is None where no manifest is to blame."""

    level: Level
    code: str
    message: str
    origin: Origin | None = None


# Desired state: what manifests declare


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts as written, each with its packed place (see `Entry.origin`)."""

    values: tuple[str, ...] = ()
    places: tuple[int, ...] = ()

    def __add__(self, other: "Texts") -> "Texts":
        """Return both one after the other; either one itself where the other is empty."""
        if not other.values:
            return self
        if not self.values:
            return other
        return Texts(self.values + other.values, self.places + other.places)


NO_TEXTS = Texts()


@dataclass(frozen=True, slots=True)
class Exclusive:
    """Ordinary tags that nobody declared go: all of them, or those that `only` globs match."""

    place: int
    only: Texts | None = None


@dataclass(frozen=True, slots=True)
class AIRule:
    """Which AI tags go: named ones, all, or those below a confidence (0 to 100); `keep` always wins."""

    place: int
    remove: Texts = NO_TEXTS
    remove_all: bool = False
    min_confidence: float | None = None
    keep: Texts = NO_TEXTS
    source: AutoTagger | None = None


@dataclass(frozen=True, slots=True)
class Wishes:
    """What an entry declares for each file it selects."""

    tags: Texts = NO_TEXTS
    absent: Texts = NO_TEXTS
    exclusive: Exclusive | None = None
    ai_rule: AIRule | None = None
    if_missing: Leniency | None = None
    if_over_limit: Leniency | None = None


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


class Expectation(NamedTuple):
    """How many files an entry may select, both ends included."""

    place: int
    min: int = 0
    max: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a manifest, its document's defaults merged in.

    Places are packed into one number each, for there may be millions: `line << 32 | column`, both from 0.
    """

    manifest: str
    place: int
    selector: ByPath | ById | ByMatch
    wishes: Wishes
    expect: Expectation | None = None

    def origin(self, place: int | None = None) -> Origin:
        """Return the origin of one of this entry's places; without one, of the entry itself."""
        return unpacked(self.manifest, self.place if place is None else place)


def packed(line: int, column: int) -> int:
    """Return a place as one number; line and column count from 0."""
    return line << 32 | column


def unpacked(manifest: str, place: int) -> Origin:
    """Return the origin that a packed place stands for."""
    return Origin(manifest, (place >> 32) + 1, (place & 0xFFFFFFFF) + 1)


class ManifestRef(NamedTuple):
    """A manifest that was read: its name (relative, with `/`), the sha256 of its bytes, and how to show it."""

    path: str
    sha256: str
    shown_as: str


@dataclass(frozen=True, slots=True)
class DesiredState:
    """All that the manifests of one run declare, in the order of their names."""

    entries: tuple[Entry, ...] = field(repr=False)
    manifests: tuple[ManifestRef, ...]
    accounts: tuple[tuple[str, Origin], ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()

    def queries(self) -> tuple[str, ...]:
        """Return the distinct searchQuery texts that the library has to evaluate, sorted."""
        selectors = (entry.selector for entry in self.entries)
        return tuple(sorted({s.query for s in selectors if isinstance(s, ByMatch) and s.query is not None}))


# Current state: what the library holds


class AITag(NamedTuple):
    """A tag that auto-tagging added; the confidence is 0 to 100, None where the library names none."""

    name: str
    confidence: float | None
    source: str


@dataclass(frozen=True, slots=True)
class CurrentFile:
    """A file's current version as the library shows it."""

    file_id: str
    path: str
    tags: tuple[str, ...]
    ai_tags: tuple[AITag, ...]


@dataclass(frozen=True, slots=True)
class CurrentState:
    """One complete read of the library: its files by path, and the file ids that each searchQuery found."""

    files: tuple[CurrentFile, ...] = field(repr=False)
    answers: Mapping[str, frozenset[str]] = field(default_factory=dict, repr=False)
    read_requests: int = 0


# Plan


class Reason(NamedTuple):
    """A place that asked for a change, and the rule there that did."""

    origin: Origin
    rule: str


class Change(NamedTuple):
    """One tag on one file, and everything that asked for it."""

    op: Op
    tag: str
    because: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class FileChange:
    """All changes of one file, sorted by op and tag, beside the file as it was when planned.

    `remove_first` says that the additions only fit into the 500 characters once the removals are done.
    """

    file: CurrentFile
    changes: tuple[Change, ...]
    remove_first: bool = False

    def tags(self, op: Op) -> tuple[str, ...]:
        """Return the tags that `op` changes, sorted."""
        return tuple(change.tag for change in self.changes if change.op == op)


class Request(NamedTuple):
    """One bulk call: every tag on every file, at most 50 files."""

    op: Op
    tags: tuple[str, ...]
    file_ids: tuple[str, ...]


class TargetName(NamedTuple):
    """Which library a plan is for; `account` is a name or a keyed hash of the key, never the key."""

    endpoint: str
    account: str


class Summary(NamedTuple):
    """Counts of (file, tag) pairs by op, and of files."""

    files_changed: int = 0
    add_tags: int = 0
    remove_tags: int = 0
    remove_ai_tags: int = 0
    unchanged: int = 0
    missing: int = 0
    warnings: int = 0


class Estimate(NamedTuple):
    """Bulk calls of this plan, a true lower bound, what the three usual ways would take, seconds at the known rate."""

    write_requests: int = 0
    lower_bound: int = 0
    per_file: int = 0
    per_tag_set: int = 0
    per_tag: int = 0
    seconds: float = 0.0


class Inputs(NamedTuple):
    """What a plan was made from: manifests, the number of files in the library, and the calls that read them."""

    manifests: tuple[ManifestRef, ...]
    files: int
    read_requests: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done, and why; a value: making one writes nothing.

    `changes` are sorted by path; `canonical_changes` are the same as lines of canonical JSON, which the digest covers
    and documents repeat. A plan with an error among its diagnostics has no changes and cannot be applied.
    """

    target: TargetName
    created_at: str
    digest: str
    inputs: Inputs
    summary: Summary
    estimate: Estimate
    changes: tuple[FileChange, ...] = field(repr=False)
    canonical_changes: tuple[str, ...] = field(repr=False)
    requests: tuple[Request, ...] = field(repr=False)
    diagnostics: tuple[Diagnostic, ...] = field(repr=False)

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The diagnostics that forbid applying."""
        return tuple(d for d in self.diagnostics if d.level == "error")


# Report


class Status(StrEnum):
    """What became of one file's changes."""

    CONFIRMED = "confirmed"
    ACCEPTED = "accepted"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"
    STALE = "stale"
    MISSING = "missing"


OutcomeName = Literal["converged", "incomplete", "interrupted", "refused"]


class FileOutcome(NamedTuple):
    """One file's status, the calls that tried, and the last words said about it."""

    status: Status
    attempts: int = 0
    error: str | None = None
    request_id: str | None = None


class RequestCounts(NamedTuple):
    """Bulk calls of an apply: sent on the wire, how they ended, and how many were sent again."""

    sent: int = 0
    succeeded: int = 0
    failed: int = 0
    retried: int = 0
    throttled: int = 0


class Timing(NamedTuple):
    """Seconds that writing and reading back took, seconds of them spent waiting for the limit, bulk calls a second."""

    seconds: float = 0.0
    waited: float = 0.0
    requests_per_second: float = 0.0


@dataclass(frozen=True, slots=True)
class Report:
    """What an apply did. `outcomes` stand in the order of `plan.changes`, one for each."""

    plan: Plan
    outcome: OutcomeName
    outcomes: tuple[FileOutcome, ...] = field(repr=False)
    requests: RequestCounts
    timing: Timing
    finished_at: str
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def converged(self) -> bool:
        """Whether every change is in the library, as far as it was asked."""
        return self.outcome == "converged"
