"""Record the outcome of each file while a plan is applied."""

from collections.abc import Container, Iterable, Iterator
from typing import NamedTuple

from tagsync.applying.lost_tags import LostTags
from tagsync.model import Change, FileOutcome, Op, PartialOutcome, Refusal, Request, Status

_WORSE = (
    Status.CONFIRMED,
    Status.ACCEPTED,
    Status.SKIPPED,
    Status.UNKNOWN,
    Status.STALE,
    Status.FAILED,
    Status.MISSING,
)
"""Statuses in ascending order: a file's status is the worst status of any of its calls."""


class _Known(NamedTuple):
    """A file's outcome so far, and whether the run has changed the file or may have."""

    outcome: FileOutcome | None = None
    written: bool = False


_NOTHING = _Known()


class Outcomes:
    """The outcome of each file for which a call was planned."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        self._same: dict[_Known, _Known] = {}  # equal outcomes are stored once, because a plan may have a million
        self._already: dict[str, tuple[tuple[Op, str], ...]] = {}
        self._parts: dict[str, PartialOutcome] = {}
        self._same_parts: dict[PartialOutcome, PartialOutcome] = {}
        self.lost = LostTags()

    def note(
        self,
        file_ids: Iterable[str],
        status: Status,
        *,
        attempts: int = 0,
        error: str | None = None,
        request_id: str | None = None,
        refused: tuple[Refusal, ...] = (),
    ) -> None:
        """Record the outcome of one call for its files. A worse outcome from another call stays.

        Args:
            file_ids: the files.
            status: their status.
            attempts: how often the call was sent; 0 if it was not.
            error: the reason, if something went wrong.
            request_id: the library's ID of the response.
            refused: the changes that the library refused.
        """
        now = FileOutcome(status, attempts, error, request_id, refused=refused)
        # Undo needs the report of every apply that may have changed something, so a lost response counts as a change.
        may_have_written = attempts > 0 and status in (Status.ACCEPTED, Status.UNKNOWN)
        for file_id in file_ids:
            outcome, written = self._known.get(file_id, _NOTHING)
            self._set(file_id, _worse(outcome, now) if outcome else now, written=written or may_have_written)

    def found(self, file_id: str, changes: Iterable[Change]) -> None:
        """Record planned changes that a file showed before any call."""
        self._already[file_id] = tuple((change.op, change.tag) for change in changes)

    def already_in(self, request: Request) -> dict[str, list[str]]:
        """Return, by file ID, the changes of a call that the file showed before any call."""
        found: dict[str, list[str]] = {}
        for file_id in request.file_ids:
            for op, tag in self._already.get(file_id, ()):
                if op == request.op and tag in request.tags:
                    found.setdefault(file_id, []).append(tag)
        return found

    def record(self, file_id: str, parts: PartialOutcome) -> None:
        """Record which changes of a file were made and tried, in case that not all are made."""
        self._parts[file_id] = self._same_parts.setdefault(parts, parts)

    def settle(self, file_id: str, status: Status, error: str | None = None) -> None:
        """Set the status that reading back has shown, whatever was recorded before."""
        outcome, written = self._known.get(file_id, _NOTHING)
        self._set(file_id, (outcome or FileOutcome(status))._replace(status=status, error=error), written=written)

    def write_seen(self, file_id: str) -> None:
        """Record that the run has changed a file, because it shows a change that it did not show before."""
        self._set(file_id, self._known.get(file_id, _NOTHING).outcome, written=True)

    def no_write_seen(self, file_id: str) -> None:
        """Record that the run has not changed a file, because it shows no change long after the last call."""
        self._set(file_id, self._known.get(file_id, _NOTHING).outcome, written=False)

    def _set(self, file_id: str, outcome: FileOutcome | None, *, written: bool) -> None:
        known = _Known(outcome, written)
        self._known[file_id] = self._same.setdefault(known, known)

    @property
    def wrote(self) -> bool:
        """Whether the run changed a file or, after an unclear response, may have."""
        return any(known.written for known in self._known.values())

    def outcome(self, file_id: str) -> FileOutcome:
        """Return a file's outcome; without a call, that is "skipped"."""
        found = self._known.get(file_id, _NOTHING).outcome
        outcome = found or FileOutcome(Status.SKIPPED, error="not reached: run again")
        already = self._already.get(file_id, ())
        # A deleted file has no changes, whatever was made before.
        is_whole = outcome.arrived or outcome.status is Status.MISSING
        if is_whole and outcome.refused:
            outcome = outcome._replace(refused=())
        parts = None if is_whole else self._parts.get(file_id)
        return outcome._replace(already=already, parts=parts) if already or parts else outcome

    def touched(self) -> Iterator[str]:
        """Yield the files to read back, in the order of their calls: those with a call that was sent or not needed."""
        return (file_id for file_id, item in self._noted() if item.attempts or item.status is Status.ACCEPTED)

    def in_part(self) -> list[str]:
        """Return the files that the run has changed or tried to change, but has not changed as planned."""
        return [
            file_id
            for file_id, (outcome, written) in self._known.items()
            if not (outcome and (outcome.arrived or outcome.status is Status.MISSING))
            and (written or (outcome and outcome.attempts))
        ]

    def is_settled(self) -> bool:
        """Return whether the outcome of every file is known."""
        return all(outcome.status is not Status.UNKNOWN for _, outcome in self._noted())

    def held_back(self) -> Container[str]:
        """Return the files with a failed call, which later stages must leave alone."""
        return {file_id for file_id, outcome in self._noted() if not outcome.arrived}

    def _noted(self) -> Iterator[tuple[str, FileOutcome]]:
        return ((file_id, known.outcome) for file_id, known in self._known.items() if known.outcome)


def _worse(before: FileOutcome, now: FileOutcome) -> FileOutcome:
    """Return the worse of two outcomes, the first one if they are equal."""
    attempts, refused = max(before.attempts, now.attempts), before.refused + now.refused
    worse = before if _WORSE.index(before.status) >= _WORSE.index(now.status) else now
    return worse._replace(attempts=attempts, refused=refused)
