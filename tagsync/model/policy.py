"""Guards: how much a plan may do before somebody has to acknowledge it."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from tagsync.model.origins import Origin


class GuardId(StrEnum):
    """What a guard counts, named as policies name it."""

    REMOVED_TAGS = "removedTags"
    REMOVED_AI_TAGS = "removedAiTags"
    CHANGED_FILES = "changedFiles"
    EMPTIED_FILES = "emptiedFiles"
    NEW_TAGS = "newTags"


class Limit(NamedTuple):
    """Where a guard blocks: beyond both figures; beyond the number alone where there is no share (0 to 100)."""

    above: int
    percent: float | None = None

    def is_exceeded(self, observed: int, of: int) -> bool:
        """Tell whether `observed` out of `of` is too much."""
        return observed > self.above and (self.percent is None or observed * 100 > self.percent * of)


Policy = Mapping[GuardId, Limit]

DEFAULT_POLICY: Policy = MappingProxyType(
    {
        GuardId.REMOVED_TAGS: Limit(100, 30),
        GuardId.REMOVED_AI_TAGS: Limit(500, 50),
        GuardId.CHANGED_FILES: Limit(5000, 90),
        GuardId.EMPTIED_FILES: Limit(0),
        GuardId.NEW_TAGS: Limit(500),
    }
)


class GuardRule(NamedTuple):
    """What one document says of one guard; a figure that it does not name is None."""

    guard: GuardId
    above: int | None
    percent: float | None
    origin: Origin


class Guard(NamedTuple):
    """What a guard found in a plan as a whole.

    Attributes:
        id: which one.
        observed: what it counts.
        of: what that is a share of; 0 where nothing is.
        limit: where it blocks.
        blocked: whether the plan must not be applied unless somebody acknowledges it.
        files: paths of up to three files that it counts, as examples.
        tags: up to three tags that it counts, where it counts tags.
    """

    id: GuardId
    observed: int
    of: int
    limit: Limit
    blocked: bool
    files: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
