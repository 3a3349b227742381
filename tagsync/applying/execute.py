"""Send requests in stages, with concurrent workers; `responses` handles responses, `recheck` checks removals."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tagsync.applying.apply_options import ApplyOptions
from tagsync.applying.journal import Journal, NoJournal
from tagsync.applying.journal_records import OutcomeKind
from tagsync.applying.outcomes import Outcomes
from tagsync.applying.queue import Queue
from tagsync.applying.recheck import Proof, Prover
from tagsync.applying.remaining import RemainingChanges
from tagsync.applying.responses import Counts, Responses, doubted
from tagsync.applying.splitting import Job, Way, without_no_ops
from tagsync.applying.stop import GRACE, Ending, ended_before, run_until
from tagsync.errors import (
    AuthorisationError,
    EndpointError,
    LibraryError,
    NeedlessError,
    StateError,
    StoppedError,
    message_of,
)
from tagsync.events import Listener, RequestDone
from tagsync.library.protocol import BulkLibrary, BulkReply
from tagsync.model import Accepted, CurrentFile, Done, Op, Request, Status, Unclear
from tagsync.planning.covering import Stages


@dataclass(slots=True)
class _Sending:
    """A job that is being sent.

    Attributes:
        job: the job.
        request: the part of the job to send now.
        numbers: the journal's numbers of its attempts.
        concluded: whether the journal has their outcomes.
    """

    job: Job
    request: Request
    numbers: list[int] = field(default_factory=list)
    concluded: bool = False


class Executor:
    """Sends the calls of one plan.

    Args:
        library: sends bulk calls.
        changes: the changes that are still needed; updated as calls succeed.
        outcomes: records the outcome of each file.
        journal: records each attempt before it is sent, and its outcome.
        prover: reads the files of removals again, and checks the removals.
        ending: whether the apply ends early.
        options: the options of the apply.
        listener: receives an event for each finished call.
        waited: returns the seconds that calls have waited for the rate limit.
    """

    def __init__(
        self,
        library: BulkLibrary,
        changes: RemainingChanges,
        *,
        outcomes: Outcomes,
        journal: Journal | NoJournal,
        prover: Prover,
        ending: Ending,
        options: ApplyOptions,
        listener: Listener,
        waited: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._library = library
        self.changes = changes
        self._outcomes = outcomes
        self._journal = journal
        self._prover = prover
        self._ending = ending
        self._options = options
        self._listener = listener
        self._waited = waited
        self._queue = Queue(changes, exact=options.exact)
        self.counts = Counts()
        self._responses = Responses(
            changes=changes,
            outcomes=outcomes,
            queue=self._queue,
            ending=ending,
            on_error=options.on_error,
            counts=self.counts,
            read_back=options.verify,
        )
        self._sent = self._done = self._later = self._busy = 0
        self._changed = asyncio.Event()
        self._began = 0.0
        self._stage = (0.0, 0)
        """When the stage began, and how many calls were done by then."""

    @property
    def gave_up_no_ops(self) -> bool:
        """Whether calls failed because of their no-op changes, so that tagsync stopped sending those."""
        return bool(self._queue.learned.exact) and not self._options.exact

    async def run(self, stages: Stages) -> None:
        """Send all stages in order.

        This raises no Exception. Calls may have been sent and must be reported, so an error ends the apply instead.
        """
        self._later = len(stages.requests())
        self._began = asyncio.get_running_loop().time()
        try:
            # All additions come first: an apply that ends in the middle of a rename must not lose the tag.
            for requests in (stages.add, stages.remove):
                await self._run_stage(requests)
        except Exception as error:  # noqa: BLE001 - any error must still give a report
            self._ending.fail(error)

    async def _run_stage(self, requests: Sequence[Request]) -> None:
        # Nothing is removed from a file whose additions failed.
        held_back = self._outcomes.held_back()
        left = ((request, tuple(i for i in request.file_ids if i not in held_back)) for request in requests)
        self._queue.fill(request._replace(file_ids=file_ids) for request, file_ids in left if file_ids)
        self._later -= len(requests)
        self._stage = asyncio.get_running_loop().time(), self._done
        if self._queue:
            await self._finish([asyncio.create_task(self._work()) for _ in range(self._options.concurrency)])
        while self._queue:
            self._outcomes.note(self._queue.pop().request.file_ids, Status.SKIPPED, error=self._ending.why_not_sent())

    async def _finish(self, workers: list[asyncio.Task[None]]) -> None:
        """Wait for workers; after an interrupt, for the four seconds that calls in flight get."""
        # A response that still arrives tells what happened, which is worth a short wait. Longer than that, CI services
        # kill the process, and there would be no report.
        try:
            if not await ended_before(self._ending.stop, workers):
                await ended_before(self._ending.abort, workers, within=GRACE)
        finally:
            for worker in workers:
                worker.cancel()
        for result in await asyncio.gather(*workers, return_exceptions=True):
            if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
                raise result

    async def _work(self) -> None:
        while not self._ending.over.is_set():
            if self._queue:
                await self._carry_out(_Sending(job := self._queue.pop(), job.request))
            elif self._busy:
                # A call in flight may be split into pieces, which give this worker new work.
                self._changed.clear()
                await self._changed.wait()
            else:
                return

    async def _carry_out(self, sending: _Sending) -> None:
        """Send one job; an error in tagsync ends the apply."""
        self._busy += 1
        try:
            await self._exchange(sending)
            self._queue.close(sending.job.lineage)
            if self._queue.learned.hopeless:
                self._ending.halt(self._queue.learned.hopeless)
            self._done += 1
            self._listener(self._progress())
        except Exception as error:  # noqa: BLE001 - any error must still give a report
            self._ending.fail(error)
        finally:
            self._busy -= 1
            self._changed.set()

    def _progress(self) -> RequestDone:
        now, total = asyncio.get_running_loop().time(), self._queue.ever + self._later
        began, before = self._stage
        # Removals take longer than additions, because their files are read first. So each stage has its own pace.
        left = None if self._later else (total - self._done) * (now - began) / (self._done - before)
        return RequestDone(self._done, total, now - self._began, self._waited(), left)

    async def _exchange(self, sending: _Sending) -> None:
        try:
            await self._send(sending)
        except (Exception, asyncio.CancelledError) as error:
            cancelled = isinstance(error, asyncio.CancelledError)
            why = "interrupted before ImageKit responded" if cancelled else f"the apply failed: {message_of(error)}"
            self._end_without_answer(sending, len(sending.numbers), why)
            raise

    async def _send(self, sending: _Sending) -> None:
        try:
            if sending.request.op != Op.ADD:
                await self._unless_over(self._prover.read_ahead(sending.request))
            reply = await self._library.bulk(sending.request.op, lambda: self._prepare(sending), self._ending.over)
        # An earlier attempt may have been sent even if the last one was not needed, stopped, or failed on its way.
        except NeedlessError:
            self._conclude(sending, "unknown")
        except StoppedError as error:
            why = str(error) if error.attempts else self._ending.why_not_sent()
            self._end_without_answer(sending, error.attempts, why)
        except StateError as error:
            self._ending.halt(str(error))
            self._end_without_answer(sending, len(sending.numbers), str(error))
        except LibraryError as error:
            self._handle_error(sending, error)
        else:
            await self._handle(sending, reply)

    async def _prepare(self, sending: _Sending) -> Request:
        """Check a removal, record the attempt in the journal, and return the request to send.

        Raises:
            NeedlessError: nothing is left to send.
            StoppedError: the apply ends.
            StateError: the journal cannot be written.
        """
        # This runs right before each attempt. A call may have waited minutes for the rate limit or a retry, and a
        # removal based on old details could delete an AI tag that auto-tagging has changed meanwhile.
        if sending.request.op != Op.ADD:
            await self._unless_over(self._prover.refresh(sending.request))
            sending.request = self._proven_part(sending, self._prover.checked(sending.request))
            if not sending.request.file_ids:
                raise NeedlessError("all changes of this call are made already")
        if self._sent == self._options.max_requests:
            self._ending.halt(
                f"max-requests reached: {self._sent:,} API {'call was' if self._sent == 1 else 'calls were'} sent",
                as_asked=True,
            )
            raise self._stopped()
        # The journal comes first: after a crash, the next apply must know of every call that may have arrived.
        sending.numbers.append(self._journal.intent(sending.request, self._outcomes.already_in(sending.request)))
        self._sent += 1
        return sending.request

    async def _unless_over(self, work: Coroutine[Any, Any, None]) -> None:
        """Await work; raise StoppedError if the apply ends first."""
        if not await run_until(self._ending.over, work):
            raise self._stopped()

    def _stopped(self) -> StoppedError:
        error = StoppedError(self._ending.why_not_sent())
        error.attempts = 0
        return error

    def _proven_part(self, sending: _Sending, proof: Proof) -> Request:
        """Return the proven part of a request; queue the rest in smaller calls, or skip it."""
        job = Job(sending.request, sending.job.lineage, sending.job.way)
        for piece in without_no_ops(job, proof.unsound, self.changes):
            # No call failed here, so these pieces must not count as a lesson about no-op changes.
            self._queue.push(Job(piece.request, job.lineage, Way.SMALLER))
        if proof.late:
            self._queue.push(job.piece(Way.SMALLER, file_ids=tuple(proof.late)))
        self._changed.set()
        self._outcomes.note(proof.needless, Status.ACCEPTED)
        for file_id, why in proof.stale.items():
            self._outcomes.note([file_id], Status.STALE, error=why)
        for file_id, why in proof.unproven.items():
            self._outcomes.note([file_id], Status.SKIPPED, error=why)
        return sending.request._replace(file_ids=tuple(proof.sound))

    def _end_without_answer(self, sending: _Sending, attempts: int, why: str) -> None:
        status = Status.UNKNOWN if attempts else Status.SKIPPED
        self._outcomes.note(sending.request.file_ids, status, attempts=attempts, error=why)
        self._conclude(sending, "unknown" if attempts else "refused")

    def _handle_error(self, sending: _Sending, error: LibraryError) -> None:
        if final := isinstance(error, AuthorisationError | EndpointError):
            self._ending.halt(str(error))
        self.counts.failed += bool(sending.numbers)
        # A refused key proves that nothing was done only if there was no earlier attempt.
        is_refused = final and len(sending.numbers) <= 1
        self._conclude(sending, "refused" if is_refused else "unknown")
        status = Status.FAILED if is_refused else Status.UNKNOWN
        self._responses.fail(sending.request.file_ids, status, error.attempts, str(error), error.request_id)

    async def _handle(self, sending: _Sending, reply: BulkReply) -> None:
        result = reply.result
        if isinstance(result, Done):
            self._conclude(sending, "done", tuple(sorted(result.updated)))
        else:
            self._conclude(sending, "unknown" if isinstance(result, Unclear | Accepted) else "refused")
        # After the journal has the outcome: looking files up takes calls, during which the process may be killed.
        shown = await self._shown(reply)
        self._responses.handle(Job(reply.request, sending.job.lineage, sending.job.way), reply, shown)

    async def _shown(self, reply: BulkReply) -> Mapping[str, CurrentFile | None]:
        """Read the details of doubted files; a file that could not be read, or in time, has no item."""
        found: dict[str, CurrentFile | None] = {}
        file_ids = doubted(reply)

        async def read() -> None:
            if reply.repeated:
                await self._prover.await_made(reply.request, file_ids, found)
            else:
                found.update(await self._prover.look_up(file_ids))

        try:
            if file_ids:
                await run_until(self._ending.over, read())
        except AuthorisationError as error:
            self._ending.halt(str(error))
        except LibraryError:
            pass  # `Responses` reports which files could not be read
        return found

    def _conclude(self, sending: _Sending, kind: OutcomeKind, updated: tuple[str, ...] = ()) -> None:
        """Record the outcome of a request in the journal."""
        if sending.concluded:
            return
        sending.concluded = True
        if sending.numbers:
            # An earlier attempt may have had more files than the last one, up to those of the job.
            request = sending.job.request
            self.changes.take_as_tried(request, frozenset(request.file_ids).difference(updated))
        try:
            # Only the last attempt has a response. The earlier ones may or may not have changed files.
            for number in sending.numbers[:-1]:
                self._journal.outcome(number, "unknown", ())
            for number in sending.numbers[-1:]:
                self._journal.outcome(number, kind, updated)
        except StateError as error:
            self._ending.halt(str(error))
