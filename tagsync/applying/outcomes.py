"""Keep what is known so far of each file's changes."""

from collections.abc import Container, Iterable, Iterator
from typing import NamedTuple

from tagsync.model import Change, FileOutcome, Op, Status

_WORSE = (
    Status.CONFIRMED,
    Status.ACCEPTED,
    Status.SKIPPED,
    Status.UNKNOWN,
    Status.STALE,
    Status.FAILED,
    Status.MISSING,
)
"""A file's status is the worst status of any of its calls."""


class _Known(NamedTuple):
    """A file's outcome, if there is one yet, and whether the run has changed the file, or may have."""

    outcome: FileOutcome | None = None
    written: bool = False


_NOTHING = _Known()


class Outcomes:
    """One outcome for each file that a call was meant for; what many files have in common is kept once."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        self._same: dict[_Known, _Known] = {}
        self._already: dict[str, tuple[tuple[Op, str], ...]] = {}

    def note(
        self,
        file_ids: Iterable[str],
        status: Status,
        *,
        attempts: int = 0,
        error: str | None = None,
        request_id: str | None = None,
    ) -> None:
        """Note what one call came to for files; a worse outcome known before stays."""
        now = FileOutcome(status, attempts, error, request_id)
        may_have_written = attempts > 0 and status in (Status.ACCEPTED, Status.UNKNOWN)
        for file_id in file_ids:
            outcome, written = self._known.get(file_id, _NOTHING)
            self._set(file_id, _worse(outcome, now) if outcome else now, written=written or may_have_written)

    def found(self, file_id: str, changes: Iterable[Change]) -> None:
        """Note planned changes of a file that the library shows before any call."""
        self._already[file_id] = tuple((change.op, change.tag) for change in changes)

    def settle(self, file_id: str, status: Status, error: str | None = None) -> None:
        """Set what reading back has shown, whatever was known before."""
        outcome, written = self._known.get(file_id, _NOTHING)
        self._set(file_id, (outcome or FileOutcome(status))._replace(status=status, error=error), written=written)

    def write_seen(self, file_id: str) -> None:
        """Note that a file shows a planned change that it did not show before, whatever was answered."""
        self._set(file_id, self._known.get(file_id, _NOTHING).outcome, written=True)

    def no_write_seen(self, file_id: str) -> None:
        """Note that a file shows no change, long after the last call."""
        self._set(file_id, self._known.get(file_id, _NOTHING).outcome, written=False)

    def _set(self, file_id: str, outcome: FileOutcome | None, *, written: bool) -> None:
        known = _Known(outcome, written)
        self._known[file_id] = self._same.setdefault(known, known)

    @property
    def wrote(self) -> bool:
        """Whether the run changed a file, as far as is known; a call without a clear answer may have."""
        return any(known.written for known in self._known.values())

    def outcome(self, file_id: str) -> FileOutcome:
        """Return a file's outcome; a file without a call was skipped."""
        found = self._known.get(file_id, _NOTHING).outcome
        outcome = found or FileOutcome(Status.SKIPPED, error="not reached: run again")
        already = self._already.get(file_id)
        return outcome._replace(already=already) if already else outcome

    def touched(self) -> list[str]:
        """Return the files to read back: a call was sent for them, or found needless; in the order of their calls."""
        return [file_id for file_id, item in self._noted() if item.attempts or item.status is Status.ACCEPTED]

    def is_settled(self) -> bool:
        """Tell whether of every file it is known what became of it."""
        return all(outcome.status is not Status.UNKNOWN for _, outcome in self._noted())

    def held_back(self) -> Container[str]:
        """Return the files of which a call did not succeed: their later stages are not sent."""
        fine = (Status.ACCEPTED, Status.CONFIRMED)
        return {file_id for file_id, outcome in self._noted() if outcome.status not in fine}

    def _noted(self) -> Iterator[tuple[str, FileOutcome]]:
        return ((file_id, known.outcome) for file_id, known in self._known.items() if known.outcome)


def _worse(before: FileOutcome, now: FileOutcome) -> FileOutcome:
    """Return the worse of two outcomes; of two as bad as each other, the first."""
    attempts = max(before.attempts, now.attempts)
    if _WORSE.index(before.status) >= _WORSE.index(now.status):
        return before._replace(attempts=attempts)
    in_part = before.status is Status.ACCEPTED and now.status is Status.SKIPPED
    return now._replace(attempts=attempts, error=f"done in part; {now.error}" if in_part else now.error)
