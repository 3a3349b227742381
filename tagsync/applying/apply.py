"""Apply a plan: check its files again, write, read back, report."""

import asyncio
from collections.abc import Callable, Iterator, Mapping

from tagsync.applying.apply_options import ApplyOptions
from tagsync.applying.execute import Executor
from tagsync.applying.journal import Journal, NoJournal
from tagsync.applying.outcomes import Outcomes
from tagsync.applying.parts import record_parts
from tagsync.applying.preflight import look_again, still_needed
from tagsync.applying.readback import verify
from tagsync.applying.recheck import Prover
from tagsync.applying.remaining import FreshChanges, PlannedChanges, RemainingChanges
from tagsync.applying.responses import Counts
from tagsync.applying.stop import Ending, run_until
from tagsync.errors import message_of
from tagsync.events import Listener, LookingAgain, ReadingBack
from tagsync.library.protocol import Library
from tagsync.model import (
    WITHOUT_NO_OPS,
    CurrentFile,
    Diagnostic,
    FileOutcome,
    OutcomeName,
    Plan,
    Report,
    RequestCounts,
    Status,
    Timing,
    counted,
    objection,
)
from tagsync.planning.covering import Staging
from tagsync.planning.guards import GuardCounts, recheck_guards, unacknowledged
from tagsync.planning.refusals import refusals

READ_BACK_SECONDS = 60.0
"""The minimum time for reading back, in seconds, even if the run's time is up."""


async def carry_out(
    plan: Plan,
    library: Library,
    *,
    options: ApplyOptions,
    journal: Journal | NoJournal,
    stop: asyncio.Event,
    abort: asyncio.Event,
    listener: Listener,
    now: Callable[[], str],
    seconds: Callable[[], float],
) -> Report:
    """Apply a plan that has no errors, and return the report.

    Args:
        plan: the plan.
        library: the library to write to.
        options: the options of the apply.
        journal: records each call before it is sent.
        stop: once set, no call starts, and calls in flight get four seconds.
        abort: once set, calls in flight are cancelled at once.
        listener: receives progress events.
        now: returns the current UTC time in ISO 8601.
        seconds: a clock that goes on while the machine is suspended, such as the time of day. It may be adjusted.

    Returns:
        The report, with an outcome for each file of the plan.

    Raises:
        LibraryError: the files could not be read again before the first write.
        StateError: the journal could not be written before the first write.
    """
    loop = asyncio.get_running_loop()
    clock = ticking(loop.time, seconds)
    run = _Run(
        plan, library, options=options, journal=journal, ending=Ending(stop, abort), listener=listener, clock=clock
    )
    began = loop.time()
    journal.began(plan.digest, now())
    with run.ending.watched(options.max_duration, spent=options.spent):
        await run.write()
    if options.verify:
        await run.read_back()
    run.close_journal()
    traffic, counts, outcomes = library.traffic, run.counts, run.file_outcomes()
    return Report(
        plan=plan,
        outcome=run.outcome(outcomes),
        outcomes=outcomes,
        requests=RequestCounts(
            traffic.bulk_calls, counts.succeeded, counts.failed, traffic.retried, traffic.throttled, traffic.reads
        ),
        timing=Timing(
            seconds=round(loop.time() - began, 3),
            waited=round(library.waited, 3),
            requests_per_second=round(traffic.bulk_calls / run.wrote_for, 2) if run.wrote_for > 0 else 0.0,
        ),
        finished_at=now(),
        diagnostics=tuple(run.diagnostics()),
        wrote=run.outcomes.wrote,
    )


def ticking(steady: Callable[[], float], unsuspended: Callable[[], float]) -> Callable[[], float]:
    """Combine two clocks into one that never runs slow and also counts while the machine is suspended.

    Args:
        steady: a monotonic clock, which may stop during a suspension.
        unsuspended: a clock that goes on, but may be set back.
    """
    began, at = steady(), unsuspended()
    return lambda: max(steady(), began + unsuspended() - at)


def left_out(plan: Plan) -> Iterator[Diagnostic]:
    """Yield a warning if the plan leaves out declared files, because the run is then incomplete."""
    found = {item.message: None for item in plan.left_out}
    if found:
        first = next(iter(found))
        words = f"{len(found):,} warnings of the plan say" if len(found) > 1 else "a warning of the plan says"
        message = f"{words} that declared files are left out, so the library may not match the manifests: {first}"
        yield Diagnostic("warning", "left-out", message)


class _Run:
    """The state of one apply."""

    def __init__(
        self,
        plan: Plan,
        library: Library,
        *,
        options: ApplyOptions,
        journal: Journal | NoJournal,
        ending: Ending,
        listener: Listener,
        clock: Callable[[], float],
    ) -> None:
        self._plan = plan
        self._planned = PlannedChanges(plan.changes, plan.requests)
        self._library = library
        self._options = options
        self._journal = journal
        self.ending = ending
        self._listener = listener
        self.outcomes = Outcomes()
        self._reads_for: type[LookingAgain | ReadingBack] | None = None
        self._reader = library.file_reads(
            library_size=plan.inputs.library_size, concurrency=options.concurrency, on_read=self._note_read
        )
        self.counts = Counts()
        self._has_run = self._gave_up_no_ops = False
        self._age_clock = clock
        self._clock = asyncio.get_running_loop().time
        self._ends_at = None if options.max_duration is None else self._clock() + options.max_duration - options.spent
        self._was_read_back = False
        self._journal_error: str | None = None
        self._objections: tuple[Diagnostic, ...] = ()
        self.wrote_for = 0.0
        """Seconds from the first call to the last."""

    async def write(self) -> None:
        """Read the plan's files again, and send the changes that are still needed."""
        self._read_for(LookingAgain, len(self._planned))
        shown = await self._look_again()
        self._reads_for = None
        if shown is None:
            return
        self.outcomes.lost.begin(shown)
        tally, staging = GuardCounts(), Staging()
        for change in still_needed(self._planned, shown, self.outcomes, self._journal.recovered):
            tally.add(change.file, change)
            staging.add(change)
        self._objections = tuple(self._object(tally))
        if not self._objections:
            executor = self._made_executor(shown)
            self.counts = executor.counts
            stages = staging.stages(exact=self._options.exact)
            began = self._clock()
            # Let the event loop handle a signal that arrived during the computation, before the first call.
            await asyncio.sleep(0)
            await executor.run(stages)
            record_parts(self._planned, executor.changes, self.outcomes)
            self.wrote_for = self._clock() - began
            self._gave_up_no_ops = executor.gave_up_no_ops
            self._has_run = True

    def _read_for(self, phase: type[LookingAgain | ReadingBack], files: int) -> None:
        """Begin a phase that reads files."""
        self._reads_for = phase
        self._listener(phase(files))

    def _note_read(self, done: int, files: int) -> None:
        """Report the progress of a phase that reads files; `Prover` reports its own."""
        if self._reads_for:
            self._listener(self._reads_for(files, done))

    async def _look_again(self) -> Mapping[str, CurrentFile | None] | None:
        """Return the current state of the plan's files; None if the run ends before they are read."""
        work = look_again(
            self._planned,
            reread=self._reader.many,
            read_details=self._reader.singly,
            recovered=self._journal.recovered,
            listener=self._listener,
        )
        reading = asyncio.ensure_future(work)
        return reading.result() if await run_until(self.ending.over, reading) else None

    def _object(self, left: GuardCounts) -> Iterator[Diagnostic]:
        """Yield the reasons to refuse the plan, given the changes that are left after reading its files again."""
        plan, options = self._plan, self._options
        # The files may have changed since the plan was reviewed, so guards are checked against the current ones.
        # An undo is exempt: it only reverts what its run changed.
        if plan.undoes is None:
            for guard in unacknowledged(recheck_guards(plan.guards, left), plan.digest, options.acks):
                yield Diagnostic("error", "guard", objection(guard, plan.digest))
        if options.on_stale == "fail":
            count = sum(outcome.status is Status.STALE for outcome in self.file_outcomes())
            if count:
                words = f"the plan is stale for {count:,} of {len(self._planned):,} files, which changed since the plan"
                yield Diagnostic("error", "stale", f"{words}: plan again, or apply with --on-stale skip")

    def _made_executor(self, shown: Mapping[str, CurrentFile | None]) -> Executor:
        fresh = FreshChanges(self._planned, shown)
        remaining = RemainingChanges(fresh)
        concurrency, library = self._options.concurrency, self._library
        return Executor(
            library,
            remaining,
            outcomes=self.outcomes,
            journal=self._journal,
            prover=Prover(
                fresh,
                remaining,
                self._reader.singly,
                self._age_clock,
                concurrency=concurrency,
                listener=self._listener,
            ),
            ending=self.ending,
            options=self._options,
            listener=self._listener,
            waited=lambda: library.waited,
        )

    async def read_back(self) -> None:
        """Read the changed files back, unless the run is interrupted."""
        try:
            touched = sum(1 for _ in self.outcomes.touched())
            if touched and not self.ending.interrupted:
                self._read_for(ReadingBack, touched)
            work = verify(
                self._planned,
                self.outcomes,
                reread=self._reader.many,
                read_details=self._reader.singly,
                listener=self._listener,
            )
            # A report without reading back is worth little, so it gets some time even if max-duration is over.
            within = None if self._ends_at is None else max(READ_BACK_SECONDS, self._ends_at - self._clock())
            self._was_read_back = await run_until(self.ending.stop, work, within=within)
        except Exception as error:  # noqa: BLE001 - any error must still give a report of what was written
            self.ending.fail(error)

    def close_journal(self) -> None:
        """Mark the journal as finished if the outcome of every call is known."""
        looked_at_all = self._has_run and (self._was_read_back or not self._options.verify)
        if looked_at_all and self.outcomes.is_settled():
            try:
                self._journal.ended()
            except Exception as error:  # noqa: BLE001 - any error must still give a report of what was written
                self._journal_error = message_of(error)

    def file_outcomes(self) -> tuple[FileOutcome, ...]:
        """Return an outcome for each file of the plan, in its order."""
        found = tuple(map(self.outcomes.outcome, self._planned))
        if not self._objections:
            return found
        return tuple(
            outcome._replace(error="the plan was refused") if outcome.status is Status.SKIPPED else outcome
            for outcome in found
        )

    def outcome(self, outcomes: tuple[FileOutcome, ...]) -> OutcomeName:
        """Return the outcome of the whole apply."""
        if self._objections:
            return "refused"
        # An accepted change counts only if reading back is off; otherwise the library must show it.
        enough = (Status.CONFIRMED,) if self._options.verify else (Status.CONFIRMED, Status.ACCEPTED)
        if self.ending.failure is None and all(outcome.status in enough for outcome in outcomes):
            return "incomplete" if self._plan.left_out else "converged"
        return "interrupted" if self.ending.interrupted else "incomplete"

    def diagnostics(self) -> Iterator[Diagnostic]:
        """Yield the diagnostics of the run as a whole."""
        yield from self._objections
        yield from left_out(self._plan)
        for guard in self._plan.blocked:
            if not self._objections:
                words = f"guard {guard.id} would have blocked this plan, but was acknowledged"
                yield Diagnostic("warning", "acknowledged", words)
        if unknown := self._journal.recovered.unknown:
            verified = sum(self.outcomes.outcome(file_id).status is Status.CONFIRMED for file_id in unknown)
            words = (
                "an earlier apply was interrupted; the outcome of its calls was unknown for "
                f"{counted(len(unknown), 'file')} ({verified:,} verified now)"
            )
            yield Diagnostic("info", "resumed", words)
        if self._gave_up_no_ops:
            words = "ImageKit refused API calls that add tags which a file already has, or remove tags which it lacks"
            yield Diagnostic("warning", "exact", f"{words}. {WITHOUT_NO_OPS}")
        yield from self.outcomes.lost.warnings()
        yield from refusals(
            (
                (self._planned[file_id], refused)
                for file_id in self._planned
                if (refused := self.outcomes.outcome(file_id).refused)
            ),
            "error",
        )
        if self._journal_error:
            yield Diagnostic("warning", "journal", self._journal_error)
        if self.ending.halted:
            yield Diagnostic("warning" if self.ending.as_asked else "error", "halted", self.ending.halted)
        if self.ending.failure and self.ending.failure != self.ending.halted:
            yield Diagnostic("error", "halted", self.ending.failure)
