"""Members of documents as typed structs, which are both written and read; `lines` has the items of long lists."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from tagsync.documents.lines import origin_of
from tagsync.model import (
    LISTED,
    Coverage,
    Guard,
    GuardId,
    Inputs,
    Level,
    Limit,
    ManifestRef,
    Part,
    Reading,
)

_Count = Annotated[int, Meta(ge=0)]
_Amount = Annotated[int, Meta(ge=0)] | Annotated[float, Meta(ge=0)]
_Percent = Annotated[int, Meta(ge=0, le=100)] | Annotated[float, Meta(ge=0, le=100)]
_Place = Annotated[str, Meta(pattern=":[0-9]{1,9}:[0-9]{1,9}$")]


class _Member(Struct, gc=False, rename="camel", omit_defaults=True):
    pass


class TargetMember(_Member):
    """A `TargetName`."""

    endpoint: str
    account: str


class SummaryMember(_Member):
    """A `Summary`."""

    files_changed: _Count
    add_tags: _Count
    remove_tags: _Count
    remove_ai_tags: _Count = field(name="removeAITags")
    unchanged: _Count
    missing: _Count
    warnings: _Count


class EstimateMember(_Member):
    """An `Estimate`."""

    write_requests: _Count
    lower_bound: _Count
    per_file: _Count
    per_tag_set: _Count
    per_tag: _Count
    seconds: _Amount


class RequestCountsMember(_Member):
    """A report's `RequestCounts`."""

    sent: _Count
    succeeded: _Count
    failed: _Count
    retried: _Count
    throttled: _Count


class TimingMember(_Member):
    """A `Timing`."""

    seconds: _Amount
    waited: _Amount
    requests_per_second: _Amount


class ManifestMember(_Member):
    """A `ManifestRef`."""

    path: str
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class ReadingMember(_Member, forbid_unknown_fields=True):
    """A `Reading`."""

    way: Literal["listing", "searches"]
    why: str


class InputsMember(_Member):
    """An `Inputs`."""

    manifests: tuple[ManifestMember, ...]
    files: _Count
    read_requests: _Count
    reading: ReadingMember | None = None
    select: str | Annotated[tuple[str, ...], Meta(min_length=2)] | None = None
    shard: Annotated[str, Meta(pattern="^[1-9][0-9]{0,5}/[1-9][0-9]{0,5}$")] | None = None
    changed_since: Annotated[str, Meta(pattern="^[0-9a-f]{40,64}$")] | None = None
    partial: bool = False

    @classmethod
    def from_value(cls, inputs: Inputs) -> "InputsMember":
        """Return what a document holds of a plan's inputs."""
        return cls(
            tuple([ManifestMember(manifest.path, manifest.sha256) for manifest in inputs.manifests]),
            inputs.files,
            inputs.read_requests,
            ReadingMember(*inputs.reading),
            inputs.select[0] if len(inputs.select) == 1 else inputs.select or None,
            f"{inputs.part.index}/{inputs.part.of}" if inputs.part else None,
            inputs.changed_since,
            inputs.partial,
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
            Reading(self.reading.way, self.reading.why) if self.reading else LISTED,
        )


class LimitMember(_Member):
    """A `Limit`."""

    above: _Count
    percent: _Percent | None = None


class GuardMember(_Member):
    """A `Guard`."""

    id: GuardId
    observed: _Count
    of: _Count
    limit: LimitMember
    blocked: bool
    files: tuple[str, ...]
    tags: tuple[str, ...] = ()

    @classmethod
    def from_value(cls, guard: Guard) -> "GuardMember":
        """Return what a document holds of a guard."""
        limit = LimitMember(*guard.limit)
        return cls(guard.id, guard.observed, guard.of, limit, guard.blocked, guard.files, guard.tags)

    def value(self) -> Guard:
        """Return the guard."""
        limit = Limit(self.limit.above, self.limit.percent)
        return Guard(self.id, self.observed, self.of, limit, self.blocked, self.files, self.tags)


class FolderMember(_Member):
    """A folder of a `Coverage`."""

    folder: str
    files: _Count


class CoverageMember(_Member):
    """A `Coverage`."""

    unselected: tuple[str, ...]
    idle: tuple[_Place, ...]
    more_unselected: _Count = 0
    more_idle: _Count = 0
    folders: tuple[FolderMember, ...] = ()

    @classmethod
    def from_value(cls, coverage: Coverage) -> "CoverageMember":
        """Return what a document holds of a coverage."""
        return cls(
            coverage.unselected,
            tuple(map(str, coverage.idle)),
            coverage.more_unselected,
            coverage.more_idle,
            tuple([FolderMember(*item) for item in coverage.folders]),
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


class UnlistedMember(_Member):
    """An `Unlisted`."""

    level: Level
    code: str
    count: Annotated[int, Meta(ge=1)]
