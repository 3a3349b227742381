"""Define the difference between two plans."""

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from tagsync.model.plan import FileChange, TargetName
from tagsync.model.policy import Guard


class Difference(NamedTuple):
    """How a newer plan differs from an older one.

    Attributes:
        old: the older plan's digest.
        new: the newer plan's digest.
        targets: both targets if they differ, else None.
        more: changes that only the newer plan makes, by file.
        fewer: changes that only the older plan makes, by file.
        guards: guards whose figures or limits differ, before and after.
    """

    old: str
    new: str
    targets: tuple[TargetName, TargetName] | None
    more: Sequence[FileChange]
    fewer: Sequence[FileChange]
    guards: tuple[tuple[Guard, Guard], ...]

    @property
    def files(self) -> int:
        """How many files the plans treat differently."""
        return len({change.file.file_id for change in chain(self.more, self.fewer)})
