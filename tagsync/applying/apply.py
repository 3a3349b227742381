"""A plan carried out: written, read back, reported."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tagsync.applying.execute import Executor, OnError
from tagsync.applying.ledger import Ledger
from tagsync.applying.verify import verify
from tagsync.events import Listener, ReadingBack
from tagsync.library.client import Client
from tagsync.library.listing import details_of, reread
from tagsync.model import Diagnostic, FileOutcome, OutcomeName, Plan, Report, RequestCounts, Status, Timing
from tagsync.planning.covering import stage


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyOptions:
    """How a plan is carried out.

    Attributes:
        concurrency: calls in flight at most.
        on_error: whether the first failure ends the run.
        verify: whether the touched files are read back.
    """

    concurrency: int = 4
    on_error: OnError = "continue"
    verify: bool = True


async def carry_out(
    plan: Plan,
    client: Client,
    *,
    options: ApplyOptions,
    stop: asyncio.Event,
    abort: asyncio.Event,
    listener: Listener,
    now: Callable[[], str],
) -> Report:
    """Apply a plan without errors and return what became of it. Never raises for what the library does."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    ledger = Ledger()
    executor = Executor(
        client,
        ledger,
        concurrency=options.concurrency,
        on_error=options.on_error,
        stop=stop,
        abort=abort,
        listener=listener,
    )
    await executor.run(stage(plan.changes))
    wrote_for = loop.time() - began
    if options.verify and ledger.sent():
        listener(ReadingBack(len(ledger.sent())))
        await _unless_stopped(_read_back(plan, client, ledger, options), stop)
    outcomes = tuple(ledger.outcome(change.file.file_id) for change in plan.changes)
    traffic, counts = client.traffic, executor.counts
    return Report(
        plan=plan,
        outcome=_outcome(outcomes, options, interrupted=stop.is_set()),
        outcomes=outcomes,
        requests=RequestCounts(traffic.bulk_calls, counts.succeeded, counts.failed, traffic.retried, traffic.throttled),
        timing=Timing(
            seconds=round(loop.time() - began, 3),
            waited=round(client.gates.bulk.waited, 3),
            requests_per_second=round(traffic.bulk_calls / wrote_for, 2) if wrote_for > 0 else 0.0,
        ),
        finished_at=now(),
        diagnostics=(Diagnostic("error", "halted", executor.halted),) if executor.halted else (),
    )


async def _read_back(plan: Plan, client: Client, ledger: Ledger, options: ApplyOptions) -> None:
    await verify(
        plan.changes,
        ledger,
        reread=lambda file_ids: reread(
            client, file_ids, library_size=plan.inputs.files, concurrency=options.concurrency
        ),
        read_details=lambda file_ids: details_of(client, file_ids, concurrency=options.concurrency),
    )


async def _unless_stopped(work: Coroutine[Any, Any, None], stop: asyncio.Event) -> None:
    """Await work, and give it up as soon as the run is stopped."""
    working, stopped = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([working, stopped], return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.cancel()
        working.cancel()
    with suppress(asyncio.CancelledError):
        await working


def _outcome(outcomes: tuple[FileOutcome, ...], options: ApplyOptions, *, interrupted: bool) -> OutcomeName:
    """An answer alone is enough only where reading back was not asked for."""
    enough = (Status.CONFIRMED,) if options.verify else (Status.CONFIRMED, Status.ACCEPTED)
    if all(outcome.status in enough for outcome in outcomes):
        return "converged"
    return "interrupted" if interrupted else "incomplete"
