"""What two plans do differently."""

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from tagsync.model.plan import FileChange, TargetName
from tagsync.model.policy import Guard


class Difference(NamedTuple):
    """What a newer plan does differently than an older one.

    Attributes:
        old: the older plan's digest.
        new: the newer plan's.
        targets: both targets, if they are not one and the same.
        more: what only the newer plan changes, file by file, beside the file as it was then.
        fewer: what only the older plan changes.
        guards: guards that have other figures or limits, before and after.
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
