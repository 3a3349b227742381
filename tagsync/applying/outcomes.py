"""Keep what is known so far of each file's changes."""

from collections.abc import Container, Iterable

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


class Outcomes:
    """One outcome for each file that a call was meant for; equal ones are kept once."""

    def __init__(self) -> None:
        self._outcomes: dict[str, FileOutcome] = {}
        self._same: dict[FileOutcome, FileOutcome] = {}
        self._already: dict[str, tuple[tuple[Op, str], ...]] = {}
        self._written: set[str] = set()

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
        first = self._shared(FileOutcome(status, attempts, error, request_id))
        for file_id in file_ids:
            if attempts and status in (Status.ACCEPTED, Status.UNKNOWN):
                self._written.add(file_id)
            before = self._outcomes.get(file_id)
            self._outcomes[file_id] = first if before is None else self._shared(_worse(before, first))

    def found(self, file_id: str, changes: Iterable[Change]) -> None:
        """Note planned changes of a file that the library shows before any call."""
        self._already[file_id] = tuple((change.op, change.tag) for change in changes)

    def settle(self, file_id: str, status: Status, error: str | None = None) -> None:
        """Set what reading back has shown, whatever was known before."""
        before = self._outcomes.get(file_id, FileOutcome(status))
        self._outcomes[file_id] = self._shared(before._replace(status=status, error=error))

    def _shared(self, outcome: FileOutcome) -> FileOutcome:
        return self._same.setdefault(outcome, outcome)

    def write_seen(self, file_id: str) -> None:
        """Note that a file shows a planned change that it did not show before, whatever was answered."""
        self._written.add(file_id)

    def no_write_seen(self, file_id: str) -> None:
        """Note that a file shows no change, long after the last call."""
        self._written.discard(file_id)

    @property
    def wrote(self) -> bool:
        """Whether the run changed a file, as far as is known; a call without a clear answer may have."""
        return bool(self._written)

    def outcome(self, file_id: str) -> FileOutcome:
        """Return a file's outcome; a file without a call was skipped."""
        outcome = self._outcomes.get(file_id, FileOutcome(Status.SKIPPED, error="not reached: run again"))
        already = self._already.get(file_id)
        return outcome._replace(already=already) if already else outcome

    def touched(self) -> list[str]:
        """Return the files to read back: a call was sent for them, or found needless; in the order of their calls."""
        return [
            file_id
            for file_id, outcome in self._outcomes.items()
            if outcome.attempts or outcome.status is Status.ACCEPTED
        ]

    def is_settled(self) -> bool:
        """Tell whether of every file it is known what became of it."""
        return all(outcome.status is not Status.UNKNOWN for outcome in self._outcomes.values())

    def held_back(self) -> Container[str]:
        """Return the files of which a call did not succeed: their later stages are not sent."""
        fine = (Status.ACCEPTED, Status.CONFIRMED)
        return {file_id for file_id, outcome in self._outcomes.items() if outcome.status not in fine}


def _worse(before: FileOutcome, now: FileOutcome) -> FileOutcome:
    """Return the worse of two outcomes; of two as bad as each other, the first."""
    attempts = max(before.attempts, now.attempts)
    if _WORSE.index(before.status) >= _WORSE.index(now.status):
        return before._replace(attempts=attempts)
    in_part = before.status is Status.ACCEPTED and now.status is Status.SKIPPED
    return now._replace(attempts=attempts, error=f"done in part; {now.error}" if in_part else now.error)
