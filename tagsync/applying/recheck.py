"""Check each removal right before it is sent, with the details of its files, so that it loses nothing.

Two things could go wrong:

- Auto-tagging may have added or changed an AI tag since the plan, and removed AI tags cannot be restored. So tagsync
  removes AI tags only if details no more than 30 s old show them as planned.
- An addition may have had no effect, although ImageKit returned success. A file that loses its old tag then has
  neither tag. So tagsync removes nothing from a file before its details show every tag that the file gains.

Searches and listings may lag, so they prove nothing here.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tagsync.applying.preflight import LAG_WAITS, Reread, pause
from tagsync.applying.remaining import shows
from tagsync.concurrency import for_each_concurrently
from tagsync.errors import AuthorisationError, LibraryError
from tagsync.escape import quoted
from tagsync.events import CheckingRemovals, Listener, ignore
from tagsync.model import ChangesById, CurrentFile, Op, Request, normalized
from tagsync.planning.staleness import refresh

MAX_AGE = 30.0
"""The maximum age, in seconds, of a file's details when the call is sent."""

READY_AGE = 20.0
"""The age, in seconds, from which details are read again before a call waits for the rate limit."""

_UNREAD = "not removed: the file could not be read right before the removal; run again"


class _Reading(NamedTuple):
    at: float
    file: CurrentFile | None


@dataclass(slots=True)
class Proof:
    """The files of a removal by the result of the check. Each file is in one group."""

    sound: list[str] = field(default_factory=list)
    """The call makes exactly the planned changes."""
    unsound: list[str] = field(default_factory=list)
    """The call could remove more than planned: send only the needed changes."""
    needless: list[str] = field(default_factory=list)
    """The call has no needed changes left."""
    late: list[str] = field(default_factory=list)
    """The details are missing or too old, unlike those of other files: read them and send a later call."""
    stale: dict[str, str] = field(default_factory=dict)
    """The file changed since the plan: do not change it; with the reason."""
    unproven: dict[str, str] = field(default_factory=dict)
    """Remove nothing in this run; with the reason."""


class Prover:
    """Reads the details of files before removals, and checks each removal with them.

    Args:
        before: the changes needed before the first write.
        remaining: the changes still needed.
        read_details: reads files by their details.
        clock: returns seconds, including those of a suspension of the machine.
        concurrency: the maximum number of concurrent reads.
        listener: receives `CheckingRemovals` for each file that was read, and `AwaitingChanges` for each wait.
    """

    def __init__(
        self,
        before: ChangesById,
        remaining: ChangesById,
        read_details: Reread,
        clock: Callable[[], float],
        *,
        concurrency: int,
        listener: Listener = ignore,
    ) -> None:
        self._before = before
        self._remaining = remaining
        self._read_details = read_details
        self._clock = clock
        self._concurrency = concurrency
        self._listener = listener
        self._files_read = 0
        self._readings: dict[str, _Reading] = {}
        self._reading = asyncio.Lock()
        self._lag_ends: float | None = None

    async def read_ahead(self, request: Request) -> None:
        """Read the files of a removal, unless that was done a moment ago, before its call waits for the rate limit.

        Details may lag, too. For up to 30 s after the last addition, files that do not show it are read again.

        Raises:
            AuthorisationError: ImageKit does not accept the key.
        """
        if self._lag_ends is None:  # the first removal: all additions have been sent
            self._lag_ends = self._clock() + sum(LAG_WAITS)
        for wait in (*LAG_WAITS, 0.0):
            await self._read(request)
            if self._clock() >= self._lag_ends or not any(map(self._lacking, request.file_ids)):
                return
            await pause(wait, self._listener)

    async def refresh(self, request: Request) -> None:
        """Read the files of a removal again if their details are too old when its call is about to be sent.

        Raises:
            AuthorisationError: ImageKit does not accept the key.
        """
        if self._unread(request, MAX_AGE):
            await self._read(request)

    async def _read(self, request: Request) -> None:
        """Read the files without details, or whose details will soon be too old."""

        async def read(file_id: str) -> None:
            # The age counts from before the call: ImageKit may have taken the details at any time after this.
            began = self._clock()
            try:
                found = await self._read_details([file_id])
            except AuthorisationError:
                raise
            except LibraryError:
                return  # without a reading there is no proof
            self._readings.update((file_id, _Reading(began, file)) for file_id, file in found.items())
            self._files_read += 1
            self._listener(CheckingRemovals(self._files_read))

        # One worker at a time: the next one finds these readings, and does not read the same files again.
        async with self._reading:
            # Drop old readings: a plan may remove tags from a million files.
            self._readings = {
                file_id: reading for file_id, reading in self._readings.items() if self._age(reading) <= MAX_AGE
            }
            unread = self._unread(request, READY_AGE)
            await for_each_concurrently(unread, read, concurrency=self._concurrency)

    async def look_up(self, file_ids: Sequence[str]) -> Mapping[str, CurrentFile | None]:
        """Read files by their details; None for a deleted file. A file that could not be read has no item.

        Raises:
            LibraryError: no file could be read, or ImageKit does not accept the key.
        """
        return await self._read_details(file_ids)

    async def await_made(self, request: Request, file_ids: Iterable[str], found: dict[str, CurrentFile | None]) -> None:
        """Read files until they show what a request changes, for up to 30 s because details may lag.

        Args:
            request: the request.
            file_ids: its files to read.
            found: takes the files; None for a deleted one. One that does not show the changes is added at the end.

        Raises:
            LibraryError: no file could be read, or ImageKit does not accept the key.
        """
        left, read = list(file_ids), dict[str, CurrentFile | None]()
        for wait in (0.0, *LAG_WAITS):
            await pause(wait, self._listener)
            read.update(await self._read_details(left))
            left = [i for i in left if i not in read or ((file := read[i]) and not self._shows(request, file))]
            found |= {file_id: file for file_id, file in read.items() if file_id not in left}
            if not left:
                return
        found |= read

    def _shows(self, request: Request, file: CurrentFile) -> bool:
        return shows(request, self._remaining[file.file_id], file)

    def checked(self, request: Request) -> Proof:
        """Check a removal that is about to be sent."""
        proof = Proof()
        for file_id in request.file_ids:
            if self._needs_proof(request.op, file_id):
                self._check(request, file_id, proof)
            else:
                proof.sound.append(file_id)
        if len(proof.late) == len(request.file_ids):  # all were just read in vain: another call would end the same
            proof.unproven |= dict.fromkeys(proof.late, _UNREAD)
            proof.late.clear()
        return proof

    def _check(self, request: Request, file_id: str, proof: Proof) -> None:
        reading, lacking = self._readings.get(file_id), self._lacking(file_id)
        if reading is None or self._age(reading) > MAX_AGE:
            proof.late.append(file_id)
        elif lacking is not None:
            words = f"not removed: ImageKit does not show the new tag {quoted(lacking)} yet"
            proof.unproven[file_id] = f"{words}; run again"
        else:
            self._check_file(reading.file, request, file_id, proof)

    def _check_file(self, file: CurrentFile | None, request: Request, file_id: str, proof: Proof) -> None:
        planned = self._remaining[file_id]
        change, stale = refresh(planned, file)
        if stale is not None or file is None:
            proof.stale[file_id] = stale or ""
            return
        # The call may have tags that only other files need, or that an earlier attempt has removed from this one.
        needed = set(change.tags(request.op)).intersection(request.tags) if change else set[str]()
        if not needed:
            proof.needless.append(file_id)
        elif request.op == Op.REMOVE or _does_no_more(request, needed, planned.file, file):
            proof.sound.append(file_id)
        else:
            proof.unsound.append(file_id)

    def _needs_proof(self, op: Op, file_id: str) -> bool:
        return op == Op.REMOVE_AI or bool(self._before[file_id].awaited())

    def _unread(self, request: Request, seconds: float) -> list[str]:
        """Return the files that need proof and have no details of this age that show their new tags."""
        files = (file_id for file_id in request.file_ids if self._needs_proof(request.op, file_id))
        return [file_id for file_id in files if not self._is_known(file_id, seconds)]

    def _is_known(self, file_id: str, seconds: float) -> bool:
        reading = self._readings.get(file_id)
        return reading is not None and self._age(reading) <= seconds and self._lacking(file_id) is None

    def _age(self, reading: _Reading) -> float:
        return self._clock() - reading.at

    def _lacking(self, file_id: str) -> str | None:
        """Return a tag that the file must show before a removal, but does not; None if it shows all."""
        reading = self._readings.get(file_id)
        if reading is None or reading.file is None:
            return None
        keys = set(map(normalized, reading.file.tags))
        return next((tag for tag in self._before[file_id].awaited() if normalized(tag) not in keys), None)


def _does_no_more(request: Request, needed: Iterable[str], before: CurrentFile, file: CurrentFile) -> bool:
    """Return whether a call removes only AI tags that the plan removes from a file."""
    # A tag that is no longer needed but unchanged was planned, too: this apply has removed it since the details
    # were read.
    others = set(request.tags).difference(needed)
    return all(tag in before.ai_tags for tag in file.ai_tags if tag.name in others)
