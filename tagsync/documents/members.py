"""Define the members of plans and reports as typed structs, for writing and reading; `lines` does long lists."""

from typing import Annotated, Literal, Self

from msgspec import Meta, field

from tagsync.documents.lines import Place, Record, origin_of
from tagsync.model import (
    ENVIRONMENT_PATTERN,
    LISTED,
    Coverage,
    Estimate,
    Guard,
    GuardId,
    Inputs,
    Level,
    Limit,
    ManifestRef,
    Part,
    Reading,
    RequestCounts,
    Summary,
    TargetName,
    Timing,
    Unlisted,
)

COMMIT_PATTERN = "^[0-9a-f]{40,64}$"
_SHA256_PATTERN = "^[0-9a-f]{64}$"

_Count = Annotated[int, Meta(ge=0)]
_Amount = Annotated[int, Meta(ge=0)] | Annotated[float, Meta(ge=0)]
_Percent = Annotated[int, Meta(ge=0, le=100)] | Annotated[float, Meta(ge=0, le=100)]


class TargetMember(Record):
    """The target of a plan."""

    kind = TargetName

    endpoint: str
    account: str
    environment: Annotated[str, Meta(pattern=ENVIRONMENT_PATTERN)] | None = None


class SummaryMember(Record):
    """The summary of a plan."""

    kind = Summary

    files_changed: _Count
    add_tags: _Count
    remove_tags: _Count
    remove_ai_tags: _Count = field(name="removeAITags")
    unchanged: _Count
    missing: _Count
    warnings: _Count
    files_losing: _Count | None = None


class EstimateMember(Record):
    """The calls of a plan."""

    kind = Estimate

    write_requests: _Count
    lower_bound: _Count
    per_file: _Count
    per_tag_set: _Count
    per_tag: _Count
    seconds: _Amount


class RequestCountsMember(Record):
    """The calls of an apply."""

    kind = RequestCounts

    sent: _Count
    succeeded: _Count
    failed: _Count
    retried: _Count
    throttled: _Count
    reads: _Count = 0


class TimingMember(Record):
    """The timing of an apply."""

    kind = Timing

    seconds: _Amount
    waited: _Amount
    requests_per_second: _Amount


class ManifestMember(Record):
    """A manifest."""

    path: str
    sha256: Annotated[str, Meta(pattern=_SHA256_PATTERN)]


class ReadingMember(Record, forbid_unknown_fields=True):
    """How the library was read."""

    kind = Reading

    way: Literal["listing", "searches"]
    why: str


class InputsMember(Record):
    """The inputs of a plan."""

    manifests: tuple[ManifestMember, ...]
    files: _Count
    read_requests: _Count
    reading: ReadingMember | None = None
    select: str | Annotated[tuple[str, ...], Meta(min_length=2)] | None = None
    shard: Annotated[str, Meta(pattern="^[1-9][0-9]{0,5}/[1-9][0-9]{0,5}$")] | None = None
    changed_since: Annotated[str, Meta(pattern=COMMIT_PATTERN)] | None = None
    partial: bool = False
    commit: Annotated[str, Meta(pattern=COMMIT_PATTERN)] | None = None
    uncommitted: str | None = None
    library_sha256: Annotated[str, Meta(pattern=_SHA256_PATTERN)] | None = None

    @classmethod
    def from_value(cls, value: Inputs) -> Self:
        """Convert a plan's inputs."""
        return cls(
            tuple([ManifestMember(manifest.path, manifest.sha256) for manifest in value.manifests]),
            value.files,
            value.read_requests,
            ReadingMember(*value.reading),
            value.select[0] if len(value.select) == 1 else value.select or None,
            f"{value.part.index}/{value.part.of}" if value.part else None,
            value.changed_since,
            value.partial,
            value.commit,
            value.uncommitted,
            value.library_sha256,
        )

    def value(self) -> Inputs:
        """Return the inputs."""
        return Inputs(
            tuple([ManifestRef(manifest.path, manifest.sha256, manifest.path) for manifest in self.manifests]),
            self.files,
            self.read_requests,
            (self.select,) if isinstance(self.select, str) else self.select or (),
            Part(*map(int, self.shard.split("/"))) if self.shard else None,
            self.changed_since,
            self.partial,
            self.reading.value() if self.reading else LISTED,
            self.commit,
            self.uncommitted,
            self.library_sha256,
        )


class LimitMember(Record):
    """The limit of a guard."""

    kind = Limit

    above: _Count
    percent: _Percent | None = None


class GuardMember(Record):
    """A guard."""

    id: GuardId
    observed: _Count
    of: _Count
    limit: LimitMember
    blocked: bool
    files: tuple[str, ...]
    tags: tuple[str, ...] = ()

    @classmethod
    def from_value(cls, value: Guard) -> Self:
        """Convert a guard."""
        limit = LimitMember(*value.limit)
        return cls(value.id, value.observed, value.of, limit, value.blocked, value.files, value.tags)

    def value(self) -> Guard:
        """Return the guard."""
        return Guard(self.id, self.observed, self.of, self.limit.value(), self.blocked, self.files, self.tags)


class FolderMember(Record):
    """A folder with files that no rule selects."""

    folder: str
    files: _Count


class CoverageMember(Record):
    """The coverage of a plan."""

    unselected: tuple[str, ...]
    idle: tuple[Place, ...]
    more_unselected: _Count = 0
    more_idle: _Count = 0
    folders: tuple[FolderMember, ...] = ()

    @classmethod
    def from_value(cls, value: Coverage) -> Self:
        """Convert a coverage."""
        return cls(
            value.unselected,
            tuple(map(str, value.idle)),
            value.more_unselected,
            value.more_idle,
            tuple([FolderMember(*item) for item in value.folders]),
        )

    def value(self) -> Coverage:
        """Return the coverage."""
        return Coverage(
            self.unselected,
            tuple(map(origin_of, self.idle)),
            self.more_unselected,
            self.more_idle,
            tuple([(item.folder, item.files) for item in self.folders]),
        )


class UnlistedMember(Record):
    """The number of diagnostics of one level and code that are not listed."""

    kind = Unlisted

    level: Level
    code: str
    count: Annotated[int, Meta(ge=1)]
