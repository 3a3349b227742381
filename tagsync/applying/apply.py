"""A plan carried out: looked at once more, written, read back, reported."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from tagsync.applying.changes import FreshChanges, PlannedChanges, RemainingChanges
from tagsync.applying.execute import ExecuteOptions, Executor
from tagsync.applying.journal import Journal, NoJournal
from tagsync.applying.outcomes import Ledger
from tagsync.applying.preflight import look_again, still_needed
from tagsync.applying.readback import verify
from tagsync.applying.recheck import Prover
from tagsync.applying.responses import Counts, OnError
from tagsync.applying.stop import Ending, unless
from tagsync.errors import UsageError, message_of
from tagsync.events import Listener, LookingAgain, ReadingBack
from tagsync.library.http.client import Client
from tagsync.library.http.deadline import check_duration
from tagsync.library.http.transport import MAX_CONNECTIONS
from tagsync.library.reading.reread import Rereader
from tagsync.model import CurrentFile, Diagnostic, FileOutcome, OutcomeName, Plan, Report, RequestCounts, Status, Timing
from tagsync.planning.covering import Staging
from tagsync.planning.guards import Ack, Tally, objection, recheck_guards, unacknowledged

OnStale = Literal["skip", "fail"]

READ_BACK_SECONDS = 60.0
"""So long a run whose time is up may still read back what it has written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyOptions:
    """How a plan is carried out.

    Attributes:
        concurrency: calls in flight at most.
        on_error: whether the first failure ends the run.
        verify: whether the touched files are read back.
        exact: whether calls may change only what is needed; else also what is as it should be already.
        max_requests: bulk calls at most; None for no end.
        max_duration: seconds after which nothing more is sent; None for no end.
        spent: how many of these seconds are over already, for making the plan.
        on_stale: whether what went stale since the plan is left out, or fails the whole plan before the first write.
        acks: guards that may be passed, each for one very plan.
    """

    concurrency: int = 4
    on_error: OnError = "continue"
    verify: bool = True
    exact: bool = False
    max_requests: int | None = None
    max_duration: float | None = None
    spent: float = 0.0
    on_stale: OnStale = "skip"
    acks: frozenset[Ack] = frozenset()

    def __post_init__(self) -> None:
        """Refuse what the command line refuses too.

        Raises:
            UsageError: an option has a value that it does not take.
        """
        for name, allowed in (("on_error", get_args(OnError)), ("on_stale", get_args(OnStale))):
            if getattr(self, name) not in allowed:
                raise UsageError(f"{name} is {getattr(self, name)!r}: use {' or '.join(map(repr, allowed))}")
        for name in ("verify", "exact"):
            if not isinstance(getattr(self, name), bool):
                raise UsageError(f"{name} is {getattr(self, name)!r}: use True or False")
        if not all(isinstance(ack, Ack) for ack in self.acks):
            raise UsageError("acks: give tagsync.Ack(guard.id, plan.digest) for each guard")
        if not isinstance(self.concurrency, int) or not 1 <= self.concurrency <= MAX_CONNECTIONS:
            raise UsageError(f"concurrency is {self.concurrency!r}: use 1 to {MAX_CONNECTIONS}")
        most = self.max_requests
        if most is not None and (not isinstance(most, int) or most < 1):
            raise UsageError(f"max_requests is {most!r}: use 1 or more, or None for no end")
        check_duration(self.max_duration)


async def carry_out(
    plan: Plan,
    client: Client,
    *,
    options: ApplyOptions,
    journal: Journal | NoJournal,
    stop: asyncio.Event,
    abort: asyncio.Event,
    listener: Listener,
    now: Callable[[], str],
    seconds: Callable[[], float],
) -> Report:
    """Apply a plan without errors and return what became of it.

    Args:
        plan: the plan.
        client: its library.
        options: how to go about it.
        journal: where calls are noted.
        stop: once set, nothing more is sent, and what is in flight gets four seconds.
        abort: once set too, what is in flight is given up at once.
        listener: called with progress.
        now: returns the time of day, ISO 8601.
        seconds: a clock that also counts while the machine is suspended; it may be set back or forth.

    Raises:
        LibraryError: the files could not be read again before the first write.
        StateError: the journal cannot be written; nothing was sent.
    """
    loop = asyncio.get_running_loop()
    clock = ticking(loop.time, seconds)
    run = _Run(
        plan, client, options=options, journal=journal, ending=Ending(stop, abort), listener=listener, clock=clock
    )
    began = loop.time()
    journal.began(plan.digest, now())
    with run.ending.watched(options.max_duration, spent=options.spent):
        await run.write()
    if options.verify:
        await run.read_back()
    run.close_journal()
    traffic, counts = client.traffic, run.counts
    return Report(
        plan=plan,
        outcome=run.outcome(),
        outcomes=run.outcomes(),
        requests=RequestCounts(traffic.bulk_calls, counts.succeeded, counts.failed, traffic.retried, traffic.throttled),
        timing=Timing(
            seconds=round(loop.time() - began, 3),
            waited=round(client.gates.bulk.waited, 3),
            requests_per_second=round(traffic.bulk_calls / run.wrote_for, 2) if run.wrote_for > 0 else 0.0,
        ),
        finished_at=now(),
        diagnostics=tuple(run.diagnostics()),
        wrote=run.wrote,
    )


def ticking(steady: Callable[[], float], unsuspended: Callable[[], float]) -> Callable[[], float]:
    """Return a clock that is never behind a steady one, and counts while the machine is suspended."""
    began, at = steady(), unsuspended()
    return lambda: max(steady(), began + unsuspended() - at)


def left_out(plan: Plan) -> Iterator[Diagnostic]:
    """Yield why a run is not complete although all changes of its plan are made."""
    found = {item.message: None for item in plan.left_out}
    if found:
        first = next(iter(found))
        words = f"{len(found):,} warnings of the plan name" if len(found) > 1 else "a warning of the plan names"
        message = f"{words} declared files that are left alone, so the library may not be as declared: {first}"
        yield Diagnostic("warning", "left-out", message)


class _Run:
    """One plan on its way."""

    def __init__(
        self,
        plan: Plan,
        client: Client,
        *,
        options: ApplyOptions,
        journal: Journal | NoJournal,
        ending: Ending,
        listener: Listener,
        clock: Callable[[], float],
    ) -> None:
        self._plan = plan
        self._planned = PlannedChanges(plan.changes)
        self._client = client
        self._options = options
        self._journal = journal
        self.ending = ending
        self._listener = listener
        self._ledger = Ledger()
        self._reader = Rereader(client, library_size=plan.inputs.library_size, concurrency=options.concurrency)
        self._executor: Executor | None = None
        self._age_clock = clock
        self._clock = asyncio.get_running_loop().time
        self._ends_at = None if options.max_duration is None else self._clock() + options.max_duration - options.spent
        self._was_read_back = False
        self._journal_fault: str | None = None
        self._objections: tuple[Diagnostic, ...] = ()
        self.wrote_for = 0.0
        """Seconds from the first call to the last."""

    async def write(self) -> None:
        """Look at the touched files once more, and send what is still to be done."""
        self._listener(LookingAgain(len(self._planned)))
        shown: list[Mapping[str, CurrentFile | None]] = []

        async def look() -> None:
            shown.append(
                await look_again(
                    self._planned,
                    reread=self._reader.many,
                    read_details=self._reader.singly,
                    recovered=self._journal.recovered,
                    undoes=self._plan.undoes is not None,
                )
            )

        if not await unless(self.ending.over, look()):
            return
        tally, staging = Tally(), Staging()
        for change in still_needed(self._planned, shown[0], self._ledger, self._journal.recovered):
            tally.add(change.file, change)
            staging.add(change)
        self._objections = tuple(self._object(tally))
        if not self._objections:
            self._executor = self._made_executor(FreshChanges(self._planned, shown[0]))
            stages = staging.stages(exact=self._options.exact)
            began = self._clock()
            # A signal that came while this was computed is heard now, before the first call.
            await asyncio.sleep(0)
            await self._executor.run(stages)
            self.wrote_for = self._clock() - began

    def _object(self, left: Tally) -> Iterator[Diagnostic]:
        """Yield what is against the plan, now that its files were looked at again: nothing was written so far."""
        plan, options = self._plan, self._options
        if plan.undoes is None:
            for guard in unacknowledged(recheck_guards(plan.guards, left), plan.digest, options.acks):
                yield Diagnostic("error", "guard", objection(guard, plan.digest))
        if options.on_stale == "fail":
            statuses = [outcome.status for outcome in self.outcomes()]
            count = statuses.count(Status.STALE)
            if count:
                words = f"{count:,} of {len(statuses):,} files changed since the plan in a way that makes it stale"
                yield Diagnostic("error", "stale", f"{words}: plan again, or apply with --on-stale skip")

    def _made_executor(self, fresh: FreshChanges) -> Executor:
        remaining, read_details = RemainingChanges(fresh), self._reader.singly
        return Executor(
            self._client,
            remaining,
            ledger=self._ledger,
            journal=self._journal,
            prover=Prover(fresh, remaining, read_details, self._age_clock, concurrency=self._options.concurrency),
            ending=self.ending,
            options=ExecuteOptions(
                concurrency=self._options.concurrency,
                on_error=self._options.on_error,
                max_requests=self._options.max_requests,
                exact=self._options.exact,
                read_back=self._options.verify,
                waited=lambda: self._client.gates.bulk.waited,
            ),
            listener=self._listener,
        )

    async def read_back(self) -> None:
        """Read the touched files back, unless the run is interrupted; a little longer than the time it was given."""
        try:
            touched = self._ledger.touched()
            if touched and not self.ending.interrupted:
                self._listener(ReadingBack(len(touched)))
            work = verify(self._planned, self._ledger, reread=self._reader.many, read_details=self._reader.singly)
            within = None if self._ends_at is None else max(READ_BACK_SECONDS, self._ends_at - self._clock())
            self._was_read_back = await unless(self.ending.stop, work, within=within)
        except Exception as error:  # noqa: BLE001 - whatever it is, what was written is reported
            self.ending.fail(error)

    def close_journal(self) -> None:
        """Say in the journal that nothing is left to look at, if so."""
        looked_at_all = self._executor is not None and (self._was_read_back or not self._options.verify)
        if looked_at_all and self._ledger.is_settled():
            try:
                self._journal.ended()
            except Exception as error:  # noqa: BLE001 - whatever it is, what was written is reported
                self._journal_fault = message_of(error)

    @property
    def counts(self) -> Counts:
        """How calls were answered."""
        return self._executor.counts if self._executor else Counts()

    @property
    def wrote(self) -> bool:
        """Whether the run changed something, as far as is known."""
        return self._ledger.wrote

    def outcomes(self) -> tuple[FileOutcome, ...]:
        """Return an outcome for each change of the plan."""
        found = tuple(map(self._ledger.outcome, self._planned))
        if not self._objections:
            return found
        return tuple(
            outcome._replace(error="the plan was refused") if outcome.status is Status.SKIPPED else outcome
            for outcome in found
        )

    def outcome(self) -> OutcomeName:
        """Return the outcome of all. An answer alone is enough only where reading back was not asked for."""
        if self._objections:
            return "refused"
        enough = (Status.CONFIRMED,) if self._options.verify else (Status.CONFIRMED, Status.ACCEPTED)
        if self.ending.failure is None and all(outcome.status in enough for outcome in self.outcomes()):
            return "incomplete" if self._plan.left_out else "converged"
        return "interrupted" if self.ending.interrupted else "incomplete"

    def diagnostics(self) -> Iterator[Diagnostic]:
        """Yield what was noticed of the run as a whole."""
        yield from self._objections
        yield from left_out(self._plan)
        for guard in self._plan.blocked:
            if not self._objections:
                words = f"guard {guard.id} was against this plan and was acknowledged for it"
                yield Diagnostic("warning", "acknowledged", words)
        count = len(self._journal.recovered.unknown)
        if count:
            words = f"an earlier apply did not come to its end; of {count:,} files its calls had no clear answer"
            yield Diagnostic("info", "resumed", words)
        if self._executor and self._executor.gave_up_free_cells:
            words = (
                "the library answered with errors where calls also changed what was as it should be already: the rest "
                "was sent as with --batching exact, in more calls"
            )
            yield Diagnostic("warning", "exact", words)
        if self._journal_fault:
            yield Diagnostic("warning", "journal", self._journal_fault)
        if self.ending.halted:
            yield Diagnostic("warning" if self.ending.as_asked else "error", "halted", self.ending.halted)
        if self.ending.failure and self.ending.failure != self.ending.halted:
            yield Diagnostic("error", "halted", self.ending.failure)
