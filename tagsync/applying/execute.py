"""Requests sent in stages by a few workers, faults isolated file by file; what the library shows is in `verify`."""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from tagsync.applying.ledger import Ledger
from tagsync.errors import AuthorisationError, EndpointError, LibraryError, StoppedError
from tagsync.events import Listener, RequestDone
from tagsync.library.client import BulkReply
from tagsync.library.wire import Done, Gone, Refused, Unclear
from tagsync.model import Request, Status
from tagsync.planning.covering import Stages
from tagsync.printable import quoted

GRACE = 4.0
"""Seconds that calls in flight get once a run is interrupted (contract: then they count as unknown)."""

ALIKE = 3
"""So many calls in a row refused alike, down to every single file, end the run."""

OnError = Literal["continue", "stop"]


class BulkLibrary(Protocol):
    """What carries requests out."""

    async def bulk(self, request: Request, stop: asyncio.Event) -> BulkReply:
        """Send one request, nothing once `stop` is set; raise LibraryError where it has no usable answer."""


@dataclass(slots=True)
class _Origin:
    """A request of the plan, whose pieces share its fate as far as refusals are counted."""

    pieces: int = 1
    accepted: bool = False
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class _Job:
    """A request, or a piece of one, that waits to be sent."""

    request: Request
    origin: _Origin
    again: bool = False
    """Whether these files failed by name before."""


@dataclass(slots=True)
class Counts:
    """How many calls were answered with all files updated, and how many in any other way or not at all."""

    succeeded: int = 0
    failed: int = 0


class Executor:
    """Carries out one plan.

    Args:
        library: sends requests.
        ledger: where outcomes are noted.
        concurrency: how many calls may be in flight.
        on_error: whether the first failure ends the run.
        stop: once set, nothing more is sent, and calls in flight get four seconds.
        abort: once set too, calls in flight are given up at once.
        listener: told of each call that ended.
    """

    def __init__(
        self,
        library: BulkLibrary,
        ledger: Ledger,
        *,
        concurrency: int,
        on_error: OnError,
        stop: asyncio.Event,
        abort: asyncio.Event,
        listener: Listener,
    ) -> None:
        self._library = library
        self._ledger = ledger
        self._concurrency = concurrency
        self._on_error = on_error
        self._stop = stop
        self._abort = abort
        self._ending = asyncio.Event()
        """Set by an interrupt and by a halt alike: what waits for its turn or for a retry gives up."""
        self._listener = listener
        self._queue: deque[_Job] = deque()
        self._alike = 0
        self._last_refusal: str | None = None
        self._done = 0
        self._total = 0
        self.counts = Counts()
        self.halted: str | None = None
        """Why the run ended before its time; None if it did not."""

    async def run(self, stages: Stages) -> None:
        """Send all stages, each once the one before it has ended. Never raises for what the library does."""
        self._total = len(stages.requests())
        for requests in (stages.make_room, stages.add, stages.remove):
            await self._run_stage(requests)

    async def _run_stage(self, requests: Sequence[Request]) -> None:
        held_back = self._ledger.held_back()
        for request in requests:
            free = tuple(file_id for file_id in request.file_ids if file_id not in held_back)
            if free:
                self._queue.append(_Job(request._replace(file_ids=free), _Origin()))
            else:
                self._total -= 1
        workers = [asyncio.create_task(self._work()) for _ in range(min(self._concurrency, len(self._queue)))]
        if workers:
            await self._finish(workers)
        for job in self._queue:
            self._ledger.note(job.request.file_ids, Status.SKIPPED, error=self._why_not_sent())
        self._queue.clear()

    async def _finish(self, workers: list[asyncio.Task[None]]) -> None:
        """Wait for workers; once the run is interrupted, for so long as calls in flight are given."""
        try:
            if not await _all_done(workers, unless=self._stop):
                self._ending.set()
                await _all_done(workers, unless=self._abort, within=GRACE)
        finally:
            for worker in workers:
                worker.cancel()
        for result in await asyncio.gather(*workers, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    async def _work(self) -> None:
        while self._queue and not self._stop.is_set() and self.halted is None:
            await self._carry_out(self._queue.popleft())
            self._done += 1
            self._listener(RequestDone(self._done, self._total))

    async def _carry_out(self, job: _Job) -> None:
        file_ids = job.request.file_ids
        try:
            reply = await self._library.bulk(job.request, self._ending)
        except asyncio.CancelledError:
            self._ledger.note(file_ids, Status.UNKNOWN, attempts=1, error="interrupted before the library answered")
            raise
        except StoppedError as error:
            status = Status.UNKNOWN if error.attempts else Status.SKIPPED
            self._ledger.note(file_ids, status, attempts=error.attempts, error=str(error))
        except (AuthorisationError, EndpointError) as error:
            self.counts.failed += 1
            self._halt(str(error))
            self._fail(file_ids, Status.FAILED, error.attempts, str(error), error.request_id)
        except LibraryError as error:
            self.counts.failed += 1
            self._fail(file_ids, Status.UNKNOWN, error.attempts, str(error), error.request_id)
        else:
            whole = isinstance(reply.result, Done) and not reply.result.failed
            self.counts.succeeded += whole
            self.counts.failed += not whole
            self._take(job, reply)
        self._close(job.origin)

    def _take(self, job: _Job, reply: BulkReply) -> None:
        request, result = job.request, reply.result
        match result:
            case Done():
                self._take_done(job, result, reply)
            case Gone(missing) if missing or len(request.file_ids) == 1:
                gone = missing or frozenset(request.file_ids)
                self._fail(sorted(gone), Status.MISSING, reply.attempts, "the file does not exist", reply.request_id)
                self._requeue(job, [tuple(file_id for file_id in request.file_ids if file_id not in gone)])
            case Gone():
                self._requeue(job, _halves(request.file_ids))
            case Refused():
                self._take_refused(job, result, reply)
            case Unclear(why):
                self._fail(request.file_ids, Status.UNKNOWN, reply.attempts, why, reply.request_id)

    def _take_done(self, job: _Job, result: Done, reply: BulkReply) -> None:
        job.origin.accepted = job.origin.accepted or bool(result.updated)
        self._ledger.note(result.updated, Status.ACCEPTED, attempts=reply.attempts, request_id=reply.request_id)
        if result.failed and not job.again:
            self._requeue(job, [tuple(result.failed)], again=True)
            return
        for file_id, words in result.failed.items():
            self._fail([file_id], Status.FAILED, reply.attempts, words, reply.request_id)

    def _take_refused(self, job: _Job, result: Refused, reply: BulkReply) -> None:
        """Split a refused call, by files and then by tags, until what the library refuses stands alone."""
        request = job.request
        if len(request.file_ids) > 1:
            self._requeue(job, _halves(request.file_ids))
        elif len(request.tags) > 1:
            for tags in _halves(request.tags):
                self._push(request._replace(tags=tags), job.origin)
        else:
            job.origin.refused = result.words
            words = f"{result.words} (tag {quoted(request.tags[0])})"
            self._fail(request.file_ids, Status.FAILED, reply.attempts, words, reply.request_id)

    def _requeue(self, job: _Job, groups: Sequence[tuple[str, ...]], *, again: bool = False) -> None:
        for file_ids in groups:
            if file_ids:
                self._push(job.request._replace(file_ids=file_ids), job.origin, again=again)

    def _push(self, request: Request, origin: _Origin, *, again: bool = False) -> None:
        origin.pieces += 1
        self._total += 1
        self._queue.appendleft(_Job(request, origin, again))

    def _close(self, origin: _Origin) -> None:
        """Finish one piece; judge refusals once all pieces of a request of the plan are through."""
        origin.pieces -= 1
        if origin.pieces:
            return
        if origin.accepted or origin.refused is None:
            self._alike = 0
            return
        self._alike = self._alike + 1 if origin.refused == self._last_refusal else 1
        self._last_refusal = origin.refused
        if self._alike >= ALIKE:
            self._halt(f"{ALIKE} calls in a row were refused alike: {origin.refused}")

    def _fail(self, file_ids: Sequence[str], status: Status, attempts: int, error: str, request_id: str | None) -> None:
        self._ledger.note(file_ids, status, attempts=attempts, error=error, request_id=request_id)
        if self._on_error == "stop":
            self._halt(f"stopped at the first failure: {error}")

    def _halt(self, why: str) -> None:
        """End the run: nothing more is sent, calls in flight end. The first reason is told."""
        self.halted = self.halted or why
        self._ending.set()

    def _why_not_sent(self) -> str:
        return f"not sent: {self.halted}" if self.halted else "not sent: the run was interrupted"


async def _all_done(
    workers: Iterable[asyncio.Task[None]], *, unless: asyncio.Event, within: float | None = None
) -> bool:
    """Wait for workers to end; False if an event or the time came first."""
    working: asyncio.Future[Any] = asyncio.gather(*workers, return_exceptions=True)
    asked: asyncio.Future[Any] = asyncio.ensure_future(unless.wait())
    await asyncio.wait([working, asked], timeout=within, return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    return working.done()


def _halves(items: tuple[str, ...]) -> list[tuple[str, ...]]:
    middle = len(items) // 2
    return [items[:middle], items[middle:]]
