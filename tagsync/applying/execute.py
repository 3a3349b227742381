"""Send requests in stages, a few at a time; `responses` handles the answers, `recheck` checks removals."""

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
from tagsync.applying.responses import Counts, Responses, said_missing
from tagsync.applying.splitting import Job, Way, narrowed
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
    """One job on its way.

    Attributes:
        request: what of it is to be sent now.
        numbers: the journal's numbers of its sendings.
        concluded: whether the journal knows what they came to.
    """

    job: Job
    request: Request
    numbers: list[int] = field(default_factory=list)
    concluded: bool = False


class Executor:
    """Carries out one plan.

    Args:
        library: sends requests.
        changes: what is left to do.
        outcomes: where outcomes are noted.
        journal: where each call is noted before it is sent, and what it came to.
        prover: reads again what removals rely on.
        ending: whether the run is to end before its time.
        options: how to go about it.
        listener: called with each call that ended.
        waited: returns the seconds for which the library's limit has held up calls.
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
        self._changes = changes
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

    @property
    def gave_up_free_cells(self) -> bool:
        """Whether the library answered calls with an error for what they changed needlessly."""
        return bool(self._queue.learned.exact) and not self._options.exact

    async def run(self, stages: Stages) -> None:
        """Send all stages, each once the one before it has ended.

        Raises no Exception: calls may have been sent, and what became of them has to be reported. The run ends instead.
        """
        self._later = len(stages.requests())
        self._began = asyncio.get_running_loop().time()
        try:
            for requests in (stages.add, stages.remove):
                await self._run_stage(requests)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is reported
            self._ending.fail(error)

    async def _run_stage(self, requests: Sequence[Request]) -> None:
        held_back = self._outcomes.held_back()
        left = ((request, tuple(i for i in request.file_ids if i not in held_back)) for request in requests)
        self._queue.fill(request._replace(file_ids=file_ids) for request, file_ids in left if file_ids)
        self._later -= len(requests)
        if self._queue:
            await self._finish([asyncio.create_task(self._work()) for _ in range(self._options.concurrency)])
        while self._queue:
            self._outcomes.note(self._queue.pop().request.file_ids, Status.SKIPPED, error=self._ending.why_not_sent())

    async def _finish(self, workers: list[asyncio.Task[None]]) -> None:
        """Wait for workers; once the run is interrupted, for as long as calls in flight are given."""
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
                # A call in flight may be taken apart: then there is work for all workers again.
                self._changed.clear()
                await self._changed.wait()
            else:
                return

    async def _carry_out(self, sending: _Sending) -> None:
        """Carry one job out; an error of the run itself ends the run."""
        self._busy += 1
        try:
            await self._exchange(sending)
            self._queue.close(sending.job.lineage)
            if self._queue.learned.hopeless:
                self._ending.halt(self._queue.learned.hopeless)
            self._done += 1
            seconds = asyncio.get_running_loop().time() - self._began
            self._listener(RequestDone(self._done, self._queue.ever + self._later, seconds, self._waited()))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is reported
            self._ending.fail(error)
        finally:
            self._busy -= 1
            self._changed.set()

    async def _exchange(self, sending: _Sending) -> None:
        try:
            await self._send(sending)
        except (Exception, asyncio.CancelledError) as error:
            cancelled = isinstance(error, asyncio.CancelledError)
            why = "interrupted before the library answered" if cancelled else f"the run broke off: {message_of(error)}"
            self._end_without_answer(sending, len(sending.numbers), why)
            raise

    async def _send(self, sending: _Sending) -> None:
        try:
            if sending.request.op != Op.ADD:
                await self._unless_over(self._prover.read_ahead(sending.request))
            reply = await self._library.bulk(sending.request.op, lambda: self._prepare(sending), self._ending.over)
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
        """Return what is to be sent this very moment, noted in the journal.

        Raises:
            NeedlessError: nothing of it is left.
            StoppedError: no more calls may be sent.
            StateError: the journal cannot be written.
        """
        if sending.request.op != Op.ADD:
            await self._unless_over(self._prover.refresh(sending.request))
            sending.request = self._proven_part(sending, self._prover.checked(sending.request))
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
        if not await run_until(self._ending.over, work):
            raise self._stopped()

    def _stopped(self) -> StoppedError:
        error = StoppedError(self._ending.why_not_sent())
        error.attempts = 0
        return error

    def _proven_part(self, sending: _Sending, proof: Proof) -> Request:
        """Return what of a request is proven; what is not is sent in another way, or not at all."""
        job = Job(sending.request, sending.job.lineage, sending.job.way)
        for piece in narrowed(job, proof.unsound, self._changes):
            # Nothing has failed here: these pieces say nothing of what the library minds.
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
        self._conclude(sending, "refused" if final and len(sending.numbers) == 1 else "unknown")
        status = Status.FAILED if final else Status.UNKNOWN
        self._responses.fail(sending.request.file_ids, status, error.attempts, str(error), error.request_id)

    async def _handle(self, sending: _Sending, reply: BulkReply) -> None:
        result = reply.result
        if isinstance(result, Done):
            self._conclude(sending, "done", tuple(sorted(result.updated)))
        else:
            self._conclude(sending, "unknown" if isinstance(result, Unclear | Accepted) else "refused")
        shown = await self._shown(said_missing(reply.request, result))
        self._responses.handle(Job(reply.request, sending.job.lineage, sending.job.way), reply, shown)

    async def _shown(self, file_ids: Sequence[str]) -> Mapping[str, CurrentFile | None]:
        """Read files that the library says do not exist; what cannot be read is left out."""
        found: dict[str, CurrentFile | None] = {}

        async def read() -> None:
            found.update(await self._prover.look_up(file_ids))

        try:
            if file_ids:
                await run_until(self._ending.over, read())
        except AuthorisationError as error:
            self._ending.halt(str(error))
        except LibraryError:
            return {}  # who takes the answer says that they could not be read
        return found

    def _conclude(self, sending: _Sending, kind: OutcomeKind, updated: tuple[str, ...] = ()) -> None:
        """Note in the journal what the last sending of a request came to; what those before it did is not known."""
        if sending.concluded:
            return
        sending.concluded = True
        try:
            for number in sending.numbers[:-1]:
                self._journal.outcome(number, "unknown", ())
            for number in sending.numbers[-1:]:
                self._journal.outcome(number, kind, updated)
        except StateError as error:
            self._ending.halt(str(error))
