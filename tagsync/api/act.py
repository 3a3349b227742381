"""Apply a plan, or report that it was refused."""

import asyncio
import time
from collections.abc import Collection, Sequence
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path

from tagsync.api.belonging import check_library_file
from tagsync.api.gather import now
from tagsync.api.keep import Workspace
from tagsync.applying.apply import carry_out, left_out
from tagsync.applying.apply_options import ApplyOptions
from tagsync.applying.journal import Journal, NoJournal
from tagsync.concurrency import blocking
from tagsync.errors import ManifestError, RefusedError
from tagsync.escape import shown
from tagsync.events import Listener, ignore
from tagsync.library.target import Target, connect, locked
from tagsync.model import (
    DEFAULT_POLICY,
    Diagnostic,
    FileOutcome,
    GuardId,
    OutcomeName,
    Plan,
    Report,
    RequestCounts,
    Status,
    Timing,
    objection,
)
from tagsync.planning.guards import Ack, GuardCounts, unacknowledged
from tagsync.reporting.phrases import target_words


async def apply_async(
    plan: Plan,
    *,
    target: Target,
    options: ApplyOptions | None = None,
    workspace: Workspace | None = None,
    stop: asyncio.Event | None = None,
    abort: asyncio.Event | None = None,
    listener: Listener = ignore,
) -> Report:
    """Apply a plan under the target's lock: read its files again, write, read back, report.

    Args:
        plan: a plan for this target.
        target: the library.
        options: the options of the apply.
        workspace: keeps the report, and a journal in case this apply is interrupted; None keeps nothing. Its state
            directory is used for this target and the plan's shard.
        stop: once set, no call starts, and calls in flight get four seconds.
        abort: once set, calls in flight are cancelled at once.
        listener: receives progress events.

    Returns:
        The report, with the outcome of each file. Failures of single files raise no error.

    Raises:
        ManifestError: the plan has errors.
        RefusedError: the plan is for another target, or an unacknowledged guard blocks it.
        StateError: the journal cannot be used; nothing was sent.
        LibraryError: the library could not be read before the first write.
        LockedError: another apply of this library is running on this machine.
    """
    options = options or ApplyOptions(concurrency=target.concurrency)
    with locked(target, part=plan.inputs.part):
        check_plan(plan, target, options.acks)
        kept = replace(workspace, target=target, part=plan.inputs.part) if workspace else None
        with kept.applying(plan, continues=kept.unfinished(plan)) if kept else nullcontext():
            report = await apply_locked(
                plan,
                target=target,
                options=options,
                journal=kept.journal if kept and plan.changes else None,
                stop=stop,
                abort=abort,
                listener=listener,
            )
        if kept:
            kept.record(report)
        return report


apply = blocking(apply_async)


async def apply_locked(
    plan: Plan,
    *,
    target: Target,
    options: ApplyOptions,
    journal: Path | None = None,
    stop: asyncio.Event | None = None,
    abort: asyncio.Event | None = None,
    listener: Listener = ignore,
) -> Report:
    """Apply a plan for a caller that has the lock and keeps the report; see `apply_async`."""
    check_plan(plan, target, options.acks)
    if not plan.changes:
        outcome: OutcomeName = "incomplete" if plan.left_out else "converged"
        return Report(
            plan, outcome, (), RequestCounts(), Timing(), finished_at=now(), diagnostics=tuple(left_out(plan))
        )
    with closing(Journal(journal) if journal else NoJournal()) as records:
        async with connect(target, listener) as client:
            return await carry_out(
                plan,
                client,
                options=options,
                journal=records,
                stop=stop or asyncio.Event(),
                abort=abort or asyncio.Event(),
                listener=listener,
                now=now,
                seconds=_seconds,
            )


def check_plan(plan: Plan, target: Target, acks: Collection[Ack]) -> None:
    """Check that a plan may be applied to a target.

    Raises:
        ManifestError: the plan has errors.
        RefusedError: the plan is for another target, or an unacknowledged guard blocks it.
    """
    check_target(plan, target)
    if plan.errors:
        raise ManifestError(plan.errors)
    if objections := refusals(plan, acks):
        raise RefusedError("; ".join(objections))


def check_target(plan: Plan, target: Target) -> None:
    """Check that a plan is for a target.

    Raises:
        RefusedError: the plan is for another target.
    """
    if not target.takes(plan.target):
        made_for = "no environment" if plan.target.environment is None else f"environment {plan.target.environment}"
        raise RefusedError(
            f"this plan is for {shown(made_for)}, not for environment {target.environment}: select the right "
            "environment with --env, or plan again for this one"
        )
    if not target.is_named(plan.target):
        raise RefusedError(
            f"this plan is for {target_words(plan.target)}, not for {target_words(target.name)}: plan again for this "
            "target"
        )
    check_library_file(plan, target, "this plan is for")


def refusals(plan: Plan, acks: Collection[Ack] = ()) -> tuple[str, ...]:
    """Return the messages of the unacknowledged guards that block a plan."""
    blocked_by = unacknowledged(plan.guards, plan.digest, acks)
    inputs = plan.inputs
    if not blocked_by or not (inputs.select or inputs.part or inputs.changed_since):
        return tuple(objection(guard, plan.digest) for guard in blocked_by)
    left = {guard.id: guard.observed for guard in GuardCounts.of(plan.changes).guards(DEFAULT_POLICY, ())}
    # Which of the added tags are new to the library is not known here.
    left.pop(GuardId.NEW_TAGS)
    return tuple(
        objection(guard, plan.digest, guard.observed - left.get(guard.id, guard.observed)) for guard in blocked_by
    )


def refused(plan: Plan, why: Sequence[str] = ()) -> Report:
    """Return the report of a plan that was refused before any call.

    Args:
        plan: the plan.
        why: the messages of the guards that refuse it; none if a person did.
    """
    outcome = FileOutcome(Status.SKIPPED, error="the plan was refused")
    diagnostics = tuple(Diagnostic("error", "guard", message) for message in why)
    return Report(
        plan,
        "refused",
        (outcome,) * len(plan.changes),
        RequestCounts(),
        Timing(),
        finished_at=now(),
        diagnostics=diagnostics,
    )


def _seconds() -> float:
    """Return seconds of a clock that goes on while the machine is suspended, if the system has one."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.time() if boottime is None else time.clock_gettime(boottime)
