"""Check right before a removal that it does what is planned and loses nothing, by its files' details.

Search results and listings may lag, so they prove nothing here. Two things could go wrong. Auto-tagging may have added
or changed an AI tag since the plan, and a removal of AI tags cannot be undone. And an addition may have had no effect,
whatever ImageKit answered: a file that lost its old tag then would have neither name. So AI tags go only
by details that are at most 30 s old, and nothing goes from a file before its details show every tag that it gains.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tagsync.applying.preflight import LAG_WAITS, Reread
from tagsync.concurrency import for_each_concurrently
from tagsync.errors import AuthorisationError, LibraryError
from tagsync.escape import quoted
from tagsync.model import ChangesById, CurrentFile, FileChange, Op, Request, normalized
from tagsync.planning.staleness import refresh

MAX_AGE = 30.0
"""Seconds that a reading may be old when the call is sent."""

READY_AGE = 20.0
"""Seconds after which a reading is made again before a call waits for its turn."""

_UNREAD = "not removed: the file could not be read right before the removal; run again"


class _Reading(NamedTuple):
    at: float
    file: CurrentFile | None


@dataclass(slots=True)
class Proof:
    """What fresh readings say of a request's files: each is in one of these."""

    sound: list[str] = field(default_factory=list)
    """The call does to these what is planned, and nothing else."""
    unsound: list[str] = field(default_factory=list)
    """The call may do more to these than is planned: only what is needed may be sent."""
    needless: list[str] = field(default_factory=list)
    """Nothing of the call is needed any more."""
    late: list[str] = field(default_factory=list)
    """Not read, or too long ago, unlike others of the call: to be read and sent in a call after it."""
    stale: dict[str, str] = field(default_factory=dict)
    """Not to be touched, and why."""
    unproven: dict[str, str] = field(default_factory=dict)
    """Files from which nothing may go in this run, and why."""


class Prover:
    """Reads the files of removals, and checks each removal by what it read.

    Args:
        before: what was to change before the first write.
        remaining: what is left of it.
        read_details: reads files by their details.
        clock: seconds, those included during which the machine was suspended.
        concurrency: reads in flight at most.
    """

    def __init__(
        self,
        before: ChangesById,
        remaining: ChangesById,
        read_details: Reread,
        clock: Callable[[], float],
        *,
        concurrency: int,
    ) -> None:
        self._before = before
        self._remaining = remaining
        self._read_details = read_details
        self._clock = clock
        self._concurrency = concurrency
        self._readings: dict[str, _Reading] = {}
        self._reading = asyncio.Lock()
        self._lag_ends: float | None = None

    async def read_ahead(self, request: Request) -> None:
        """Read a removal's files, unless that was done a moment ago, before its call waits for its turn.

        Details may lag, too: for up to 30 s after the last addition, a file that does not show one is read again.

        Raises:
            AuthorisationError: the key is not accepted.
        """
        if self._lag_ends is None:  # additions have ended before the first removal is asked for
            self._lag_ends = self._clock() + sum(LAG_WAITS)
        for wait in (*LAG_WAITS, 0.0):
            await self._read(request)
            if self._clock() >= self._lag_ends or not any(map(self._lacking, request.file_ids)):
                return
            await asyncio.sleep(wait)

    async def refresh(self, request: Request) -> None:
        """Read a removal's files again if what is known of them is too old for a call that is about to be sent.

        Raises:
            AuthorisationError: the key is not accepted.
        """
        if self._unread(request, MAX_AGE):
            await self._read(request)

    async def _read(self, request: Request) -> None:
        """Read those files of which too little is known, and those whose reading would be too old soon."""

        async def read(file_id: str) -> None:
            began = self._clock()
            try:
                found = await self._read_details([file_id])
            except AuthorisationError:
                raise
            except LibraryError:
                return  # without a reading there is no proof
            self._readings.update((file_id, _Reading(began, file)) for file_id, file in found.items())

        async with self._reading:
            self._readings = {
                file_id: reading for file_id, reading in self._readings.items() if self._age(reading) <= MAX_AGE
            }
            unread = self._unread(request, READY_AGE)
            await for_each_concurrently(unread, read, concurrency=self._concurrency)

    async def look_up(self, file_ids: Sequence[str]) -> Mapping[str, CurrentFile | None]:
        """Read files by their details, None for one that does not exist; one that could not be read is left out.

        Raises:
            LibraryError: none could be read, or the key is not accepted.
        """
        return await self._read_details(file_ids)

    def checked(self, request: Request) -> Proof:
        """Check a removal that is sent this very moment by what was read."""
        proof = Proof()
        for file_id in request.file_ids:
            if self._needs_proof(request.op, file_id):
                self._check(request, file_id, proof)
            else:
                proof.sound.append(file_id)
        if len(proof.late) == len(request.file_ids):  # to send it once more would end no better
            proof.unproven |= dict.fromkeys(proof.late, _UNREAD)
            proof.late.clear()
        return proof

    def _check(self, request: Request, file_id: str, proof: Proof) -> None:
        reading, lacking = self._readings.get(file_id), self._lacking(file_id)
        if reading is None or self._age(reading) > MAX_AGE:
            proof.late.append(file_id)
        elif lacking is not None:
            words = f"not removed: ImageKit does not show the tag {quoted(lacking)}, which has to be there first"
            proof.unproven[file_id] = f"{words}; run again"
        else:
            self._check_file(reading.file, request, file_id, proof)

    def _check_file(self, file: CurrentFile | None, request: Request, file_id: str, proof: Proof) -> None:
        planned = self._remaining[file_id]
        change, stale = refresh(planned, file)
        if stale is not None or file is None:
            proof.stale[file_id] = stale or ""
            return
        needed = set(change.tags(request.op)).intersection(request.tags) if change else set[str]()
        if not needed:
            proof.needless.append(file_id)
        elif request.op == Op.REMOVE or _does_no_more(request, needed, planned.file, file):
            proof.sound.append(file_id)
        else:
            proof.unsound.append(file_id)

    def _needs_proof(self, op: Op, file_id: str) -> bool:
        return op == Op.REMOVE_AI or bool(_awaited(self._before[file_id]))

    def _unread(self, request: Request, seconds: float) -> list[str]:
        """Return the files that need proof and were not read for some seconds, or lacked a tag then."""
        files = (file_id for file_id in request.file_ids if self._needs_proof(request.op, file_id))
        return [file_id for file_id in files if not self._is_known(file_id, seconds)]

    def _is_known(self, file_id: str, seconds: float) -> bool:
        reading = self._readings.get(file_id)
        return reading is not None and self._age(reading) <= seconds and self._lacking(file_id) is None

    def _age(self, reading: _Reading) -> float:
        return self._clock() - reading.at

    def _lacking(self, file_id: str) -> str | None:
        """Return a tag that has to be there before anything goes and that the file's last reading does not show."""
        reading = self._readings.get(file_id)
        if reading is None or reading.file is None:
            return None
        keys = set(map(normalized, reading.file.tags))
        return next((tag for tag in _awaited(self._before[file_id]) if normalized(tag) not in keys), None)


def _awaited(change: FileChange) -> tuple[str, ...]:
    """Return the ordinary tags that a file has to show before anything goes from it."""
    if all(item.op == Op.ADD for item in change.changes):
        return ()
    return (*change.add, *change.promoted(), *change.relies)


def _does_no_more(request: Request, needed: Iterable[str], before: CurrentFile, file: CurrentFile) -> bool:
    """Tell whether all AI tags that a call takes off a file are planned to go.

    A tag that is not needed any more, and is as it was before the first write, was planned too: this run has sent its
    removal already, and the reading is from before.
    """
    others = set(request.tags).difference(needed)
    return all(tag in before.ai_tags for tag in file.ai_tags if tag.name in others)
