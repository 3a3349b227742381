"""What one manifest holds beside its entries, and what entries have to satisfy once their defaults are known."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from tagsync.manifest import rules
from tagsync.manifest.entries import places_of
from tagsync.manifest.notes import Noted, notes_of
from tagsync.manifest.rows import MATCH, Row, Unfolding
from tagsync.manifest.tree import Map
from tagsync.model import GuardRule, Wishes

_REMEMBERED = 50_000
"""So many shapes without fault are remembered."""


class Sheet(NamedTuple):
    """A document of entries: its defaults, and the place of the key under which entries stand, if it is there."""

    defaults: Wishes
    files_at: int | None


@dataclass(slots=True)
class Contents:
    """What a manifest holds, in the order in which it stands there. Places are packed.

    Attributes:
        sheets: its documents of entries.
        accounts: the accounts that documents insist on, and where.
        notes: warnings and notices, and where they apply first.
        near_limit: the entries whose tags keep within 500 characters only if commas between them do not count.
        policy: what its policies say of guards.
        vocabularies: the `spec` of each vocabulary.
    """

    sheets: list[Sheet] = field(default_factory=list)
    accounts: list[tuple[str, int]] = field(default_factory=list)
    notes: Noted = field(default_factory=dict)
    near_limit: list[int] = field(default_factory=list)
    policy: list[GuardRule] = field(default_factory=list)
    vocabularies: list[Map] = field(default_factory=list)


class Check:
    """Holds the entries of one document against what no schema can say; equal shapes are looked at once.

    Args:
        unfold: turns its rows into entries.
        defaults: the document's.
        contents: where warnings and notices, and entries near the limit, are kept.
        report: called with each fault; what is wrong in the defaults comes up in every entry, and is said once.
    """

    def __init__(
        self, unfold: Unfolding, defaults: Wishes, contents: Contents, report: Callable[[rules.Fault], None]
    ) -> None:
        self._unfold = unfold
        self._contents = contents
        self._report = report
        self._shared = places_of(defaults)
        self._reported: set[rules.Fault] = set()
        self._good: set[bytes] = set()

    def __call__(self, rows: Iterable[Row]) -> None:
        """Check rows."""
        good = self._good
        for row in rows:
            if row[4] not in good:
                self._check(row)

    def _check(self, row: Row) -> None:
        entry = self._unfold(row)
        faults = list(rules.faults_of(entry))
        for fault in faults:
            if fault in self._reported:
                continue
            self._report(fault)
            if fault.place in self._shared:
                self._reported.add(fault)
        for note, place in notes_of(entry):
            self._contents.notes.setdefault(note, place)
        if rules.is_near_limit(entry):
            self._contents.near_limit.append(entry.place)
        # The faults of a selector depend on more than the shape's defaults; others, on the shape alone.
        if not faults and row[0] != MATCH:
            if len(self._good) >= _REMEMBERED:
                self._good.clear()
            self._good.add(row[4])
