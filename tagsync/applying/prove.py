"""Proof that a removal of AI tags harms nothing: its files read at most 30 s before that very call.

A call may carry names that some of its files do not have: removing what is not there does nothing. But auto-tagging
may add a name or judge it anew at any moment, and a removal cannot be undone. So what a call relies on is read again
right before it, ahead of the calls, for reads are cheap beside bulk calls.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import NamedTuple, Protocol

from tagsync.errors import AuthorisationError, LibraryError
from tagsync.model import CurrentFile, FileChange, Op, Request, normalized
from tagsync.planning.covering import free_cells
from tagsync.planning.refresh import refresh

MAX_AGE = 30.0
"""Seconds that a reading may be old when the call is sent."""

READY_AGE = 20.0
"""Seconds after which a reading is made again before a call waits for its turn."""

AHEAD = 4 * 180
"""So many files are read together: by four searches side by side, for about fifteen calls."""


class Reader(Protocol):
    """Reads files again."""

    @property
    def searchable(self) -> bool:
        """Whether files can be searched by id."""

    @property
    def listing_seconds(self) -> float:
        """How long a full listing takes, about."""

    async def many(self, file_ids: Sequence[str]) -> Mapping[str, CurrentFile | None]:
        """Read files in few calls; raise LibraryError if that fails."""

    async def singly(self, file_ids: Iterable[str]) -> Mapping[str, CurrentFile | None]:
        """Read files one by one; raise LibraryError if that fails."""


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
    stale: dict[str, str] = field(default_factory=dict)
    """Not to be touched, and why."""
    unconfirmed: dict[str, str] = field(default_factory=dict)
    """Files on which an AI tag may not go yet: the ordinary tag that it has become is not shown, and which that is."""


class Prover:
    """Reads ahead of removals, and judges each by what it read.

    Args:
        changes: what is to change, by file id, as last seen.
        reader: reads files again.
        clock: seconds.
        seen_at: when, by that clock, all files of the changes were read.
    """

    def __init__(
        self, changes: Mapping[str, FileChange], reader: Reader, clock: Callable[[], float], *, seen_at: float
    ) -> None:
        self._changes = changes
        self._reader = reader
        self._clock = clock
        self._promoted = {file_id: names for file_id, change in changes.items() if (names := change.promoted())}
        self._readings = {file_id: _Reading(seen_at, change.file) for file_id, change in changes.items()}
        self._reading = asyncio.Lock()

    async def read_ahead(self, request: Request, upcoming: Iterable[Request]) -> None:
        """Read a request's files, and some of those that come after it, unless they were read a moment ago.

        Raises:
            AuthorisationError: the key is not accepted.
        """
        if self._are_fresh(request, READY_AGE):
            return
        async with self._reading:
            if self._are_fresh(request, READY_AGE):
                return
            began = self._clock()
            try:
                found = await self._read(request, upcoming)
            except AuthorisationError:
                raise
            except LibraryError:
                return  # without a reading there is no proof, and calls change what is needed alone
            self._readings.update((file_id, _Reading(began, file)) for file_id, file in found.items())

    async def _read(self, request: Request, upcoming: Iterable[Request]) -> Mapping[str, CurrentFile | None]:
        """Read as many files together as can be read in time, those of the request first."""
        if self._reader.searchable:
            return await self._reader.many(list(islice(self._waiting(request, upcoming), AHEAD)))
        if self._reader.listing_seconds < READY_AGE / 2:
            return await self._reader.many(list(self._waiting(request, upcoming)))
        return await self._reader.singly(request.file_ids)

    def _waiting(self, request: Request, upcoming: Iterable[Request]) -> Iterator[str]:
        """Yield each file once of which there is no fresh reading."""
        seen: set[str] = set()
        for file_id in chain(request.file_ids, (file_id for later in upcoming for file_id in later.file_ids)):
            if file_id not in seen and not self._is_fresh(file_id, READY_AGE):
                seen.add(file_id)
                yield file_id

    async def refresh(self, request: Request, upcoming: Iterable[Request]) -> None:
        """Read a request's files again if what is known of them is too old for a call that is about to be sent.

        Raises:
            AuthorisationError: the key is not accepted.
        """
        if not self._are_fresh(request, MAX_AGE):
            await self.read_ahead(request, upcoming)
        lacking = [file_id for file_id in request.file_ids if self._lacking(file_id)]
        if lacking:
            await self._confirm(lacking)

    async def _confirm(self, file_ids: Sequence[str]) -> None:
        """Read files by their details: the index may lag behind what was added a moment ago."""
        began = self._clock()
        try:
            found = await self._reader.singly(file_ids)
        except AuthorisationError:
            raise
        except LibraryError:
            return  # what is not confirmed is not removed
        self._readings.update((file_id, _Reading(began, file)) for file_id, file in found.items())

    def _lacking(self, file_id: str) -> str | None:
        """Return an AI tag that has become an ordinary tag which the last reading of its file does not show."""
        names = self._promoted.get(file_id, ())
        file = self._readings[file_id].file
        if not names or file is None:
            return None
        keys = set(map(normalized, file.tags))
        going = {tag.name for tag in file.ai_tags}
        return next((name for name in names if name in going and normalized(name) not in keys), None)

    async def look_up(self, file_ids: Sequence[str]) -> Mapping[str, CurrentFile | None]:
        """Read files by their details, None for one that does not exist; one that could not be read is left out.

        Raises:
            LibraryError: none could be read, or the key is not accepted.
        """
        return await self._reader.singly(file_ids)

    def judged(self, request: Request) -> Proof:
        """Judge a request that is sent this very moment by what was read."""
        proof = Proof()
        for file_id in request.file_ids:
            self._judge(request, file_id, proof)
        return proof

    def _judge(self, request: Request, file_id: str, proof: Proof) -> None:
        reading = self._readings[file_id]
        lacking = self._lacking(file_id)
        if lacking is not None:
            proof.unconfirmed[file_id] = lacking
            return
        if self._clock() - reading.at > MAX_AGE:
            # It could not be read in time. What is needed was judged by the reading before the first write.
            has_free_cells = bool(free_cells(request, self._changes[file_id]))
            (proof.unsound if has_free_cells else proof.sound).append(file_id)
            return
        change, stale = refresh(self._changes[file_id], reading.file)
        if stale is not None or reading.file is None:
            proof.stale[file_id] = stale or ""
            return
        going = set(request.tags)
        needed = going.intersection(change.tags(Op.REMOVE_AI)) if change else set[str]()
        if not needed:
            proof.needless.append(file_id)
        elif needed == going.intersection(tag.name for tag in reading.file.ai_tags):
            proof.sound.append(file_id)
        else:
            proof.unsound.append(file_id)

    def _are_fresh(self, request: Request, seconds: float) -> bool:
        return all(self._is_fresh(file_id, seconds) for file_id in request.file_ids)

    def _is_fresh(self, file_id: str, seconds: float) -> bool:
        return self._clock() - self._readings[file_id].at <= seconds and self._lacking(file_id) is None
