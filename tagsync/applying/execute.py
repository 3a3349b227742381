"""Requests sent in stages by a few workers; taking apart what fails is in `isolate`, proof in `prove`."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from tagsync.applying.ending import GRACE, Ending, unless
from tagsync.applying.isolate import (
    Job,
    Origin,
    Way,
    after_failures,
    after_refusal,
    characters,
    halves,
    narrowed,
    without,
)
from tagsync.applying.journal import Journal, NoJournal
from tagsync.applying.ledger import Ledger
from tagsync.applying.lessons import Lessons
from tagsync.applying.prove import Proof, Prover
from tagsync.applying.records import OutcomeKind
from tagsync.errors import AuthorisationError, EndpointError, LibraryError, NeedlessError, StateError, StoppedError
from tagsync.events import Listener, RequestDone
from tagsync.library.client import BulkReply
from tagsync.library.wire import Done, Gone, Refused, Unclear
from tagsync.model import FileChange, Op, Request, Status
from tagsync.planning.covering import Stages, regroup
from tagsync.printable import quoted

OnError = Literal["continue", "stop"]


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
class Counts:
    """How many calls were answered with all files updated, and how many in any other way or not at all."""

    succeeded: int = 0
    failed: int = 0


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
        self._queue: deque[Job] = deque()
        self._lessons = Lessons(exact=set(Op) if options.exact else set())
        self._sent = self._done = self._total = 0
        self._began = 0.0
        self.counts = Counts()

    @property
    def gave_up_free_cells(self) -> bool:
        """Whether the library answered calls with an error for what they changed needlessly."""
        return bool(self._lessons.exact) and not self._options.exact

    async def run(self, stages: Stages) -> None:
        """Send all stages, each once the one before it has ended. Never raises for what the library does."""
        self._total = len(stages.requests())
        self._began = asyncio.get_running_loop().time()
        for requests in (stages.make_room, stages.add, stages.remove):
            await self._run_stage(requests)

    async def _run_stage(self, requests: Sequence[Request]) -> None:
        held_back = self._ledger.held_back()
        for request in requests:
            free = tuple(file_id for file_id in request.file_ids if file_id not in held_back)
            if free:
                self._push(Job(request._replace(file_ids=free), Origin(request.op)), last=True)
            self._total -= 1
        if not self._options.exact:
            for op in sorted(self._lessons.exact):
                self._regroup(op)
        workers = [asyncio.create_task(self._work()) for _ in range(min(self._options.concurrency, len(self._queue)))]
        if workers:
            await self._finish(workers)
        for job in self._queue:
            self._ledger.note(job.request.file_ids, Status.SKIPPED, error=self._ending.why_not_sent())
        self._queue.clear()

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
            await self._carry_out(_Sending(job := self._queue.popleft(), job.request))
            self._done += 1
            seconds = asyncio.get_running_loop().time() - self._began
            self._listener(RequestDone(self._done, self._total, seconds, self._options.waited()))

    async def _carry_out(self, sending: _Sending) -> None:
        try:
            if sending.request.op == Op.REMOVE_AI:
                await self._unless_over(self._prover.read_ahead(sending.request, self._upcoming()))
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
        self._close(sending.job.origin)

    async def _prepare(self, sending: _Sending) -> Request:
        """Return what is to be sent this very moment, noted in the journal.

        Raises:
            NeedlessError: nothing of it is left.
            StoppedError: no more calls may be sent.
            StateError: the journal cannot be written.
        """
        if sending.request.op == Op.REMOVE_AI:
            await self._unless_over(self._prover.refresh(sending.request, self._upcoming()))
            sending.request = self._sound_part(sending, self._prover.judged(sending.request))
            if not sending.request.file_ids:
                raise NeedlessError("nothing of this call is needed any more")
        if self._sent == self._options.max_requests:
            self._ending.halt(f"all calls were sent that the run was given ({self._sent})", as_asked=True)
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
            self._push(Job(piece.request, job.origin, Way.SMALLER))
        self._ledger.note(proof.needless, Status.ACCEPTED)
        for file_id, why in proof.stale.items():
            self._ledger.note([file_id], Status.STALE, error=why)
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
        self._fail(sending.request.file_ids, status, error.attempts, str(error), error.request_id)

    def _take(self, sending: _Sending, reply: BulkReply) -> None:
        request, result = reply.request, reply.result
        job = Job(request, sending.job.origin, sending.job.way)
        whole = isinstance(result, Done) and not result.failed
        self.counts.succeeded += whole
        self.counts.failed += not whole
        match result:
            case Done(updated):
                self._conclude(sending, "done", tuple(sorted(updated)))
                self._take_done(job, result, reply)
            case Unclear(why):
                self._conclude(sending, "unknown")
                self._fail(request.file_ids, Status.UNKNOWN, reply.attempts, why, reply.request_id)
            case Gone(missing):
                self._conclude(sending, "refused")
                self._take_gone(job, missing, reply)
            case Refused(_, words):
                self._conclude(sending, "refused")
                self._take_refused(job, words, reply)

    def _take_done(self, job: Job, result: Done, reply: BulkReply) -> None:
        self._ledger.note(result.updated, Status.ACCEPTED, attempts=reply.attempts, request_id=reply.request_id)
        self._take_off(job.request, result.updated)
        if result.updated:
            job.origin.accepted = True
            if job.way is Way.SHORTER:
                job.origin.characters = max(job.origin.characters, characters(job.request))
        pieces = after_failures(job, result.failed, self._changes)
        for piece in pieces:
            self._push(piece)
        if not pieces:
            for file_id, words in result.failed.items():
                job.origin.failed = True
                self._fail([file_id], Status.FAILED, reply.attempts, words, reply.request_id)

    def _take_off(self, request: Request, updated: Iterable[str]) -> None:
        """Leave what was done out of what is to change, so that nothing is needed twice."""
        tags = set(request.tags)
        for file_id in updated:
            change = self._changes[file_id]
            left = tuple(item for item in change.changes if item.op != request.op or item.tag not in tags)
            added = tags.intersection(change.tags(Op.ADD)) if request.op == Op.ADD else set[str]()
            self._changes[file_id] = replace(change, changes=left, desired=(*change.desired, *sorted(added)))

    def _take_gone(self, job: Job, missing: frozenset[str], reply: BulkReply) -> None:
        if not missing and len(job.request.file_ids) > 1:
            for piece in halves(job):
                self._push(piece)
            return
        gone = missing or frozenset(job.request.file_ids)
        if not missing:
            job.origin.refused = "the library does not find the file, and names none that it misses"
        self._fail(sorted(gone), Status.MISSING, reply.attempts, "the file does not exist", reply.request_id)
        for piece in without(job, gone):
            self._push(piece)

    def _take_refused(self, job: Job, words: str, reply: BulkReply) -> None:
        job.origin.split = True
        pieces = after_refusal(job, self._changes)
        for piece in reversed(pieces):
            self._push(piece)
        if not pieces:
            job.origin.refused = words
            named = f"{words} (tag {quoted(job.request.tags[0])})"
            self._fail(job.request.file_ids, Status.FAILED, reply.attempts, named, reply.request_id)

    def _push(self, job: Job, *, last: bool = False) -> None:
        self._lessons.opened(job.origin)
        self._total += 1
        if last:
            self._queue.append(job)
        else:
            self._queue.appendleft(job)

    def _close(self, origin: Origin) -> None:
        """Finish one piece, and do what was learned from it."""
        self._lessons.closed(origin)
        if self._lessons.hopeless:
            self._ending.halt(self._lessons.hopeless)
        for op in sorted(self._lessons.news):
            self._regroup(op)
        self._lessons.news.clear()

    def _regroup(self, op: Op) -> None:
        """Group anew what waits to be sent as it was planned, by what is known of the library now."""
        jobs, self._queue = self._queue, deque[Job]()
        waiting = []
        for job in jobs:
            if job.request.op == op and job.way is Way.PLANNED:
                waiting.append(job.request)
            else:
                self._queue.append(job)
        self._total -= len(waiting)
        exact, limit = op in self._lessons.exact, self._lessons.ai_characters
        for request in regroup(waiting, self._changes, exact=exact, ai_tag_characters=limit):
            self._push(Job(request, Origin(op)), last=True)

    def _upcoming(self) -> Iterator[Request]:
        """Yield the removals of AI tags that wait to be sent, as the queue is when the first one is asked for."""
        for job in self._queue:
            if job.request.op == Op.REMOVE_AI:
                yield job.request

    def _conclude(self, sending: _Sending, kind: OutcomeKind, updated: tuple[str, ...] = ()) -> None:
        """Note in the journal what the sendings of a request came to."""
        try:
            for number in sending.numbers:
                self._journal.outcome(number, kind, updated)
        except StateError as error:
            self._ending.halt(str(error))

    def _fail(self, file_ids: Iterable[str], status: Status, attempts: int, error: str, request_id: str | None) -> None:
        self._ledger.note(file_ids, status, attempts=attempts, error=error, request_id=request_id)
        if self._options.on_error == "stop":
            self._ending.halt(f"stopped at the first failure: {error}")


async def _all_done(
    workers: Iterable[asyncio.Task[None]], *, unless: asyncio.Event, within: float | None = None
) -> bool:
    """Wait for workers to end; False if an event or the time came first."""
    working: asyncio.Future[Any] = asyncio.gather(*workers, return_exceptions=True)
    asked: asyncio.Future[Any] = asyncio.ensure_future(unless.wait())
    await asyncio.wait([working, asked], timeout=within, return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    return working.done()
