"""Requests sent in stages by a few workers; what answers mean is in `answers`, proof in `prove`."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tagsync.applying.answers import Answers, Counts, OnError
from tagsync.applying.ending import GRACE, Ending, unless
from tagsync.applying.isolate import Job, Way, narrowed
from tagsync.applying.journal import Journal, NoJournal
from tagsync.applying.ledger import Ledger
from tagsync.applying.prove import Proof, Prover
from tagsync.applying.queue import Queue
from tagsync.applying.records import OutcomeKind
from tagsync.errors import AuthorisationError, EndpointError, LibraryError, NeedlessError, StateError, StoppedError
from tagsync.events import Listener, RequestDone
from tagsync.library.client import BulkReply
from tagsync.library.wire import Done, Unclear
from tagsync.model import FileChange, Op, Request, Status
from tagsync.planning.covering import Stages


class BulkLibrary(Protocol):
    """What carries requests out."""

    async def bulk(self, op: Op, prepare: Callable[[], Awaitable[Request]], stop: asyncio.Event) -> BulkReply:
        """Send what `prepare` says, nothing once `stop` is set; raise LibraryError where there is no usable answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecuteOptions:
    """How requests are sent.

    Attributes:
        concurrency: how many calls may be in flight.
        on_error: whether the first failure ends the run.
        max_requests: how many calls may be sent at all; None for no end.
        exact: whether only needed cells may be sent.
        waited: tells the seconds for which the library's limit has held up calls.
    """

    concurrency: int = 4
    on_error: OnError = "continue"
    max_requests: int | None = None
    exact: bool = False
    waited: Callable[[], float] = lambda: 0.0


@dataclass(slots=True)
class _Sending:
    """One job on its way: what of it is to be sent now, and the journal's numbers of its sendings."""

    job: Job
    request: Request
    numbers: list[int] = field(default_factory=list)


class Executor:
    """Carries out one plan.

    Args:
        library: sends requests.
        changes: what is to change, by file id, as last seen; what is done is taken off it.
        ledger: where outcomes are noted.
        journal: where each call is noted before it is sent, and what it came to.
        prover: reads again what removals rely on.
        ending: whether the run is to end before its time.
        options: how to go about it.
        listener: told of each call that ended.
    """

    def __init__(
        self,
        library: BulkLibrary,
        changes: dict[str, FileChange],
        *,
        ledger: Ledger,
        journal: Journal | NoJournal,
        prover: Prover,
        ending: Ending,
        options: ExecuteOptions,
        listener: Listener,
    ) -> None:
        self._library = library
        self._changes = changes
        self._ledger = ledger
        self._journal = journal
        self._prover = prover
        self._ending = ending
        self._options = options
        self._listener = listener
        self._queue = Queue(changes, exact=options.exact)
        self.counts = Counts()
        self._answers = Answers(
            changes=changes,
            ledger=ledger,
            queue=self._queue,
            ending=ending,
            on_error=options.on_error,
            counts=self.counts,
        )
        self._sent = self._done = self._later = 0
        self._began = 0.0

    @property
    def gave_up_free_cells(self) -> bool:
        """Whether the library answered calls with an error for what they changed needlessly."""
        return self._queue.gave_up_free_cells

    async def run(self, stages: Stages) -> None:
        """Send all stages, each once the one before it has ended. Never raises for what the library does."""
        self._later = len(stages.requests())
        self._began = asyncio.get_running_loop().time()
        for requests in (stages.add, stages.remove):
            await self._run_stage(requests)

    async def _run_stage(self, requests: Sequence[Request]) -> None:
        held_back = self._ledger.held_back()
        left = ((request, tuple(i for i in request.file_ids if i not in held_back)) for request in requests)
        self._queue.fill(request._replace(file_ids=file_ids) for request, file_ids in left if file_ids)
        self._later -= len(requests)
        workers = [asyncio.create_task(self._work()) for _ in range(min(self._options.concurrency, len(self._queue)))]
        if workers:
            await self._finish(workers)
        while self._queue:
            self._ledger.note(self._queue.take().request.file_ids, Status.SKIPPED, error=self._ending.why_not_sent())

    async def _finish(self, workers: list[asyncio.Task[None]]) -> None:
        """Wait for workers; once the run is interrupted, for so long as calls in flight are given."""
        try:
            if not await _all_done(workers, unless=self._ending.stop):
                await _all_done(workers, unless=self._ending.abort, within=GRACE)
        finally:
            for worker in workers:
                worker.cancel()
        for result in await asyncio.gather(*workers, return_exceptions=True):
            if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
                raise result

    async def _work(self) -> None:
        while self._queue and not self._ending.over.is_set():
            await self._carry_out(_Sending(job := self._queue.take(), job.request))
            self._done += 1
            seconds = asyncio.get_running_loop().time() - self._began
            self._listener(RequestDone(self._done, self._queue.ever + self._later, seconds, self._options.waited()))

    async def _carry_out(self, sending: _Sending) -> None:
        try:
            if sending.request.op != Op.ADD:
                await self._unless_over(self._prover.read_ahead(sending.request))
            reply = await self._library.bulk(sending.request.op, lambda: self._prepare(sending), self._ending.over)
        except asyncio.CancelledError:
            self._end_without_answer(sending, len(sending.numbers), "interrupted before the library answered")
            raise
        except NeedlessError:
            self._conclude(sending, "unknown")
        except StoppedError as error:
            why = str(error) if error.attempts else self._ending.why_not_sent()
            self._end_without_answer(sending, error.attempts, why)
        except StateError as error:
            self._ending.halt(str(error))
            self._end_without_answer(sending, len(sending.numbers), str(error))
        except LibraryError as error:
            self._take_error(sending, error)
        else:
            self._take(sending, reply)
        self._queue.close(sending.job.origin)
        if self._queue.hopeless:
            self._ending.halt(self._queue.hopeless)

    async def _prepare(self, sending: _Sending) -> Request:
        """Return what is to be sent this very moment, noted in the journal.

        Raises:
            NeedlessError: nothing of it is left.
            StoppedError: no more calls may be sent.
            StateError: the journal cannot be written.
        """
        if sending.request.op != Op.ADD:
            await self._unless_over(self._prover.refresh(sending.request))
            sending.request = self._sound_part(sending, self._prover.judged(sending.request))
            if not sending.request.file_ids:
                raise NeedlessError("nothing of this call is needed any more")
        if self._sent == self._options.max_requests:
            self._ending.halt(f"max-requests reached: {self._sent} calls were sent", as_asked=True)
            raise self._stopped()
        sending.numbers.append(self._journal.intent(sending.request))
        self._sent += 1
        return sending.request

    async def _unless_over(self, work: Coroutine[Any, Any, None]) -> None:
        """Await work; raise StoppedError once the run is to end."""
        if not await unless(self._ending.over, work):
            raise self._stopped()

    def _stopped(self) -> StoppedError:
        error = StoppedError(self._ending.why_not_sent())
        error.attempts = 0
        return error

    def _sound_part(self, sending: _Sending, proof: Proof) -> Request:
        """Return what of a request is proven; what is not is sent in another way, or not at all."""
        job = Job(sending.request, sending.job.origin, sending.job.way)
        for piece in narrowed(job, proof.unsound, self._changes):
            # Nothing has failed here: these pieces say nothing of what the library minds.
            self._queue.push(Job(piece.request, job.origin, Way.SMALLER))
        if proof.late:
            self._queue.push(job.piece(Way.SMALLER, file_ids=tuple(proof.late)))
        self._ledger.note(proof.needless, Status.ACCEPTED)
        for file_id, why in proof.stale.items():
            self._ledger.note([file_id], Status.STALE, error=why)
        for file_id, why in proof.unproven.items():
            self._ledger.note([file_id], Status.SKIPPED, error=why)
        return sending.request._replace(file_ids=tuple(proof.sound))

    def _end_without_answer(self, sending: _Sending, attempts: int, why: str) -> None:
        status = Status.UNKNOWN if attempts else Status.SKIPPED
        self._ledger.note(sending.request.file_ids, status, attempts=attempts, error=why)
        self._conclude(sending, "unknown" if attempts else "refused")

    def _take_error(self, sending: _Sending, error: LibraryError) -> None:
        final = isinstance(error, AuthorisationError | EndpointError)
        if final:
            self._ending.halt(str(error))
        self.counts.failed += bool(sending.numbers)
        self._conclude(sending, "refused" if final and len(sending.numbers) == 1 else "unknown")
        status = Status.FAILED if final else Status.UNKNOWN
        self._answers.fail(sending.request.file_ids, status, error.attempts, str(error), error.request_id)

    def _take(self, sending: _Sending, reply: BulkReply) -> None:
        result = reply.result
        if isinstance(result, Done):
            self._conclude(sending, "done", tuple(sorted(result.updated)))
        else:
            self._conclude(sending, "unknown" if isinstance(result, Unclear) else "refused")
        self._answers.take(Job(reply.request, sending.job.origin, sending.job.way), reply)

    def _conclude(self, sending: _Sending, kind: OutcomeKind, updated: tuple[str, ...] = ()) -> None:
        """Note in the journal what the last sending of a request came to; what those before it did is not known."""
        try:
            for number in sending.numbers[:-1]:
                self._journal.outcome(number, "unknown", ())
            for number in sending.numbers[-1:]:
                self._journal.outcome(number, kind, updated)
        except StateError as error:
            self._ending.halt(str(error))


async def _all_done(
    workers: Iterable[asyncio.Task[None]], *, unless: asyncio.Event, within: float | None = None
) -> bool:
    """Wait for workers to end; False if an event or the time came first."""
    working: asyncio.Future[Any] = asyncio.gather(*workers, return_exceptions=True)
    asked: asyncio.Future[Any] = asyncio.ensure_future(unless.wait())
    await asyncio.wait([working, asked], timeout=within, return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    return working.done()
