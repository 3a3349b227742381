"""Define guards: how much a plan may change before somebody has to acknowledge it."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from tagsync.model.origins import Origin


class GuardId(StrEnum):
    """What a guard counts, by its name in policies."""

    REMOVED_TAGS = "removedTags"
    REMOVED_AI_TAGS = "removedAiTags"
    CHANGED_FILES = "changedFiles"
    EMPTIED_FILES = "emptiedFiles"
    NEW_TAGS = "newTags"


class Limit(NamedTuple):
    """A guard's limit: it blocks what exceeds both `above` and, if given, `percent` (0 to 100)."""

    above: int
    percent: float | None = None

    def is_exceeded(self, observed: int, of: int) -> bool:
        """Return whether `observed` out of `of` exceeds the limit."""
        return observed > self.above and (self.percent is None or observed * 100 > self.percent * of)


Policy = Mapping[GuardId, Limit]

# A share alone would block small libraries, where one rule easily changes a third of all tags. A number alone would
# block routine work on large ones. So both must be exceeded. No share of emptied files or new tags is harmless.
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
    """The limit that one Policy sets for one guard; None for a figure that it leaves out."""

    guard: GuardId
    above: int | None
    percent: float | None
    origin: Origin


class Guard(NamedTuple):
    """A guard's result for a plan as a whole.

    Attributes:
        id: which guard.
        observed: what it counts.
        of: the total that `percent` refers to, or 0.
        limit: its limit.
        blocked: whether an apply needs an acknowledgement.
        files: paths of up to three files that it counts.
        tags: up to three new tags, for the guard that counts them.
    """

    id: GuardId
    observed: int
    of: int
    limit: Limit
    blocked: bool
    files: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
