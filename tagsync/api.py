"""The library's public face, and the one place where everything meets: gather, decide, act.

import os, tagsync

target = tagsync.Target(key=os.environ["IMAGEKIT_PRIVATE_KEY"])
plan = tagsync.plan(["manifests"], target=target)
report = tagsync.apply(plan, target=target)
assert report.converged
"""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import chain
from os import PathLike, fspath
from pathlib import Path
from typing import NamedTuple

from tagsync.applying.apply import carry_out, left_out
from tagsync.applying.journal import Journal, NoJournal
from tagsync.applying.options import ApplyOptions
from tagsync.comparing import compared
from tagsync.errors import ManifestError, RefusedError, UsageError
from tagsync.escape import quoted, shown
from tagsync.events import Exporting, Listener, LookingAgain, ManifestsRead, ignore
from tagsync.exporting.export import Exported
from tagsync.exporting.export import export as fold
from tagsync.library.http.client import Client
from tagsync.library.http.deadline import check_duration, deadline
from tagsync.library.reading.reader import LibraryReader
from tagsync.library.reading.reread import Rereader
from tagsync.library.target import Target, connect, locked
from tagsync.manifest.error_list import ErrorList
from tagsync.manifest.read import read_manifests, read_policy
from tagsync.model import (
    CurrentState,
    DesiredState,
    Diagnostic,
    Explanation,
    FileOutcome,
    Origin,
    OutcomeName,
    Part,
    Plan,
    Report,
    RequestCounts,
    Status,
    Timing,
    as_shown,
)
from tagsync.planning.changed_since import Revision
from tagsync.planning.contradictions import account_faults, contradictions
from tagsync.planning.explain import explained
from tagsync.planning.filter import checked_select
from tagsync.planning.guards import Ack, objection, unacknowledged
from tagsync.planning.plan import make_plan
from tagsync.planning.read_scope import named, needs
from tagsync.planning.skipped_files import unreadable_finding
from tagsync.planning.undo import make_undo, touched, unsettled

Paths = str | PathLike[str] | Iterable[str | PathLike[str]]
"""Manifests: one path, or several."""


class Explain(NamedTuple):
    """A path whose tags are to be explained, and what takes an explanation of each file that has it."""

    path: str
    take: Callable[[tuple[Explanation, ...]], None]


def validate(
    paths: Paths,
    *,
    account: str | None = None,
    policy: str | PathLike[str] | None = None,
    as_of: date | None = None,
) -> DesiredState:
    """Read manifests without any call to a library.

    Args:
        paths: files or folders, or one of them, or `-` for standard input.
        account: what `metadata.account` of each manifest must be, where it has one.
        policy: a file of policies that hold instead of those among `paths`.
        as_of: the day (UTC) on which entries that end are judged; today if None.

    Raises:
        ManifestError: with every fault.
        UsageError: no paths, or options that make no sense.
        StateError: there are many entries, and no room for a temporary file that holds them.
    """
    desired = read(paths, as_of=as_of)
    if policy is not None:
        found = read_policy(fspath(policy))
        desired = replace(desired, policy=found.policy, accounts=(*desired.accounts, *found.accounts))
    names = {manifest.path: manifest.shown_as for manifest in desired.manifests}
    faults = ErrorList()
    for fault in chain(account_faults(desired, account), contradictions(desired.entries)):
        _, code, message, origin = as_shown(fault, names)
        faults.add(origin or Origin("", 0, 0), code, message)
    if faults.count:
        kept = faults.first()
        raise ManifestError(kept, faults.count - len(kept))
    return desired


def read(paths: Paths, *, as_of: date | None = None) -> DesiredState:
    """Read manifests, each for itself; `validate` also compares them with each other and with the account."""
    if isinstance(as_of, datetime):
        raise UsageError(f"as_of is a moment, {as_of}: give a date")
    return read_manifests(_listed(paths), as_of=as_of or _today())


def plan(
    paths: Paths,
    *,
    target: Target,
    select: str | Iterable[str] | None = None,
    part: Part | None = None,
    exact: bool = False,
    policy: str | PathLike[str] | None = None,
    as_of: date | None = None,
    last: Report | None = None,
    coverage: bool = False,
    thumbnails: bool = False,
    max_duration: float | None = None,
    listener: Listener = ignore,
) -> Plan:
    """Compare manifests with a library; see `plan_async`."""
    return asyncio.run(
        plan_async(
            paths,
            target=target,
            select=select,
            part=part,
            exact=exact,
            policy=policy,
            as_of=as_of,
            last=last,
            coverage=coverage,
            thumbnails=thumbnails,
            max_duration=max_duration,
            listener=listener,
        )
    )


async def plan_async(
    paths: Paths | DesiredState,
    *,
    target: Target,
    select: str | Iterable[str] | None = None,
    part: Part | None = None,
    exact: bool = False,
    policy: str | PathLike[str] | None = None,
    as_of: date | None = None,
    last: Report | None = None,
    earlier: Iterable[Report] = (),
    coverage: bool = False,
    thumbnails: bool = False,
    explain: Explain | None = None,
    since: Revision | None = None,
    facts: Path | None = None,
    max_duration: float | None = None,
    listener: Listener = ignore,
) -> Plan:
    """Compare manifests with a library. Only reads.

    Args:
        paths: files or folders, or one of them, or `-` for standard input; or what `validate` returned for them.
        target: the library.
        select: a glob, or several; changes of files that none of them matches are left out once everything was judged.
        part: a shard; changes of files of others are left out likewise.
        exact: whether the requests that the plan shows set nothing that is set already.
        policy: a file of policies that hold instead of those among `paths`.
        as_of: the day (UTC) on which entries that end are judged; today if None.
        last: the report of the last apply to this library: it tells why changes are necessary again (`plan.drift`), and
            which AI tags came back after they were removed (`plan.returning`).
        earlier: reports of applies before that one, newest first. They are read only if AI tags are to be removed.
        coverage: whether the plan also tells what manifests leave alone (`plan.coverage`).
        thumbnails: whether the plan keeps the addresses of the changed files' thumbnails (`plan.thumbnails`).
        explain: a path to explain, and what takes its explanations.
        since: manifests at an earlier revision; changes of files that no entry selects which has changed since are left
            out once everything was judged.
        facts: a file that keeps from run to run which searches the library answers; None keeps nothing.
        max_duration: seconds after which reading ends without a plan; None for no end.
        listener: told of progress.

    Returns:
        The plan; if it cannot be applied, `plan.errors` says why, and `plan.blocked` which guards are against it.

    Raises:
        ManifestError: the manifests are invalid; nothing was read from the library.
        UsageError: no paths, `select` can match no path, or other options make no sense.
        RefusedError: `last` is of another library, or what changed since a revision bears on other files, too.
        LibraryError: the library could not be read completely, or in time.
        StateError: there is no room for what is read.
    """
    began = asyncio.get_running_loop().time()
    check_duration(max_duration)
    only = checked_select(select)
    if part is not None and not 1 <= part.index <= part.of:
        raise UsageError(f"part is {part.index} of {part.of}: use 1 of N to N of N")
    if last is not None:
        check_report(last, target)
    if isinstance(paths, DesiredState):
        desired = paths
    else:
        desired = validate(paths, account=target.account, policy=policy, as_of=as_of)
    listener(ManifestsRead(len(desired.manifests), len(desired.entries)))

    def compare(current: CurrentState) -> Plan:
        if explain is not None:
            explain.take(explained(explain.path, desired, current))
        return make_plan(
            desired,
            current,
            target.name,
            created_at=_now(),
            bulk_rate=target.bulk_rate,
            only=only,
            part=part,
            exact=exact,
            last=last,
            earlier=earlier,
            coverage=coverage,
            since=since,
        )

    everything = "all files are to be told of" if coverage or explain else None
    wanted = needs(desired, since.desired.entries if since else (), everything=everything)
    async with (
        connect(target, listener, thumbnails=thumbnails) as client,
        deadline(max_duration, client, since=began),
    ):
        reader = _reader(client, target, listener, facts)
        return await compared(reader, wanted, compare, lambda: named(desired))


def apply(
    plan: Plan,
    *,
    target: Target,
    options: ApplyOptions | None = None,
    journal: Path | None = None,
    listener: Listener = ignore,
) -> Report:
    """Carry out a plan; see `apply_async`."""
    return asyncio.run(apply_async(plan, target=target, options=options, journal=journal, listener=listener))


async def apply_async(
    plan: Plan,
    *,
    target: Target,
    options: ApplyOptions | None = None,
    journal: Path | None = None,
    stop: asyncio.Event | None = None,
    abort: asyncio.Event | None = None,
    listener: Listener = ignore,
) -> Report:
    """Carry out a plan under the target's lock: look again, write, read back, report.

    Args:
        plan: as made for this very target.
        target: the library.
        options: how to go about it.
        journal: a file of this target's own, in which calls are noted for the next apply, should this one not come
            to its end; None notes nothing.
        stop: once set, nothing more is sent, and what is in flight gets four seconds.
        abort: once set too, what is in flight is given up at once.
        listener: told of progress.

    Returns:
        The report. What went wrong with single files is in it, not raised.

    Raises:
        ManifestError: the plan has errors.
        RefusedError: the plan is for another target, or a guard is against it that `options.acks` do not let it pass.
        StateError: the journal cannot be used; nothing was sent.
        LibraryError: the library could not be read before the first write.
        LockedError: another apply of this library is running on this machine.
    """
    with locked(target, part=plan.inputs.part):
        return await apply_locked_async(
            plan, target=target, options=options, journal=journal, stop=stop, abort=abort, listener=listener
        )


async def apply_locked_async(
    plan: Plan,
    *,
    target: Target,
    options: ApplyOptions | None = None,
    journal: Path | None = None,
    stop: asyncio.Event | None = None,
    abort: asyncio.Event | None = None,
    listener: Listener = ignore,
) -> Report:
    """Carry out a plan for a caller that holds the target's lock already; see `apply_async`."""
    options = options or ApplyOptions(concurrency=target.concurrency)
    check_target(plan, target)
    if plan.errors:
        raise ManifestError(plan.errors)
    if objections := refusals(plan, options.acks):
        raise RefusedError("; ".join(objections))
    if not plan.changes:
        outcome: OutcomeName = "incomplete" if plan.left_out else "converged"
        told = tuple(left_out(plan))
        return Report(plan, outcome, (), RequestCounts(), Timing(), finished_at=_now(), diagnostics=told)
    with closing(Journal(journal) if journal else NoJournal()) as kept:
        async with connect(target, listener) as client:
            return await carry_out(
                plan,
                client,
                options=options,
                journal=kept,
                stop=stop or asyncio.Event(),
                abort=abort or asyncio.Event(),
                listener=listener,
                now=_now,
                seconds=_seconds,
            )


def undo(
    report: Report,
    *,
    target: Target,
    ai_as_tags: bool = False,
    max_duration: float | None = None,
    listener: Listener = ignore,
) -> Plan:
    """Plan to undo a run; see `undo_async`."""
    return asyncio.run(
        undo_async(report, target=target, ai_as_tags=ai_as_tags, max_duration=max_duration, listener=listener)
    )


async def undo_async(
    report: Report,
    *,
    target: Target,
    ai_as_tags: bool = False,
    max_duration: float | None = None,
    listener: Listener = ignore,
) -> Plan:
    """Plan to revert what a run asked for, was not so before it, and is so now. Only reads.

    Args:
        report: what the run did; the status that it gives a file does not matter.
        target: the library.
        ai_as_tags: whether AI tags that were removed come back as ordinary tags: their confidence and source are lost.
        max_duration: seconds after which reading ends without a plan; None for no end.
        listener: told of progress.

    Returns:
        The plan. Its warnings name what it leaves out, and one with the code `left-out` counts it.

    Raises:
        UsageError: `max_duration` is no time.
        RefusedError: the report is of another target.
        LibraryError: the files could not be read, or not in time.
    """
    began = asyncio.get_running_loop().time()
    check_duration(max_duration)
    check_report(report, target)
    file_ids = touched(report)
    async with connect(target, listener) as client, deadline(max_duration, client, since=began):
        reader = Rereader(client, library_size=report.plan.inputs.library_size, concurrency=target.concurrency)
        listener(LookingAgain(len(file_ids)))
        files = await reader.many(file_ids) if file_ids else {}
        if lagging := unsettled(report, files):
            files.update(await reader.singly(lagging))
        reads = client.traffic.reads
    return make_undo(
        report,
        files,
        created_at=_now(),
        read_requests=reads,
        bulk_rate=target.bulk_rate,
        ai_as_tags=ai_as_tags,
    )


def export(
    target: Target, *, folder: str = "/", max_duration: float | None = None, listener: Listener = ignore
) -> Exported:
    """Return a library, or a folder of it, as manifests; see `export_async`."""
    return asyncio.run(export_async(target, folder=folder, max_duration=max_duration, listener=listener))


async def export_async(
    target: Target, *, folder: str = "/", max_duration: float | None = None, listener: Listener = ignore
) -> Exported:
    """Return a library, or a folder of it with all below, as manifests: planning them changes nothing. Only reads.

    Args:
        target: the library.
        folder: a path that starts and ends with `/`.
        max_duration: seconds after which reading ends without a result; None for no end.
        listener: told of progress.

    Raises:
        UsageError: the folder is no such path, or `max_duration` no time.
        LibraryError: the library could not be read completely, or in time.
    """
    began = asyncio.get_running_loop().time()
    check_duration(max_duration)
    if not (folder.startswith("/") and folder.endswith("/")) or "//" in folder:
        meant = quoted("/" + "".join(f"{part}/" for part in folder.split("/") if part), 200)
        raise UsageError(f"{quoted(folder, 200)} is no folder's path, which has a slash at both ends: write {meant}")
    async with connect(target, listener) as client, deadline(max_duration, client, since=began):
        with closing(_reader(client, target, listener)) as reader:
            current = await reader.read()
            listener(Exporting(len(current.files)))
            exported = fold(current.files, folder)
            told = (*current.diagnostics, *map(unreadable_finding, current.unreadable), *exported.diagnostics)
            return exported._replace(diagnostics=told)


def _reader(client: Client, target: Target, listener: Listener, facts: Path | None = None) -> LibraryReader:
    return LibraryReader(client, now=_now, facts=facts, concurrency=target.concurrency, listener=listener)


def check_target(plan: Plan, target: Target) -> None:
    """Check that a plan is for a target.

    Raises:
        RefusedError: it is for another one.
    """
    if not target.is_named(plan.target):
        raise RefusedError(
            f"this plan is for {shown(plan.target.account)} at {shown(plan.target.endpoint)}, not for "
            f"{target.name.account} at {target.name.endpoint}: plan again for this target"
        )


def check_report(report: Report, target: Target) -> None:
    """Check that a report is of a library.

    Raises:
        RefusedError: it is of another one.
    """
    was = report.plan.target
    if not target.is_named(was):
        raise RefusedError(
            f"the report is of {shown(was.account)} at {shown(was.endpoint)}, not of {target.name.account} at "
            f"{target.name.endpoint}: give one of this library, or name that one"
        )


def refusals(plan: Plan, acks: Collection[Ack] = ()) -> tuple[str, ...]:
    """Return what guards have against a plan, those left out that were acknowledged for it."""
    return tuple(objection(guard, plan.digest) for guard in unacknowledged(plan.guards, plan.digest, acks))


def refused(plan: Plan, why: Sequence[str] = ()) -> Report:
    """Return the report of a plan that somebody, or a guard with its words, decided against: nothing was sent."""
    outcome = FileOutcome(Status.SKIPPED, error="the plan was refused")
    outcomes = (outcome,) * len(plan.changes)
    told = tuple(Diagnostic("error", "guard", words) for words in why)
    return Report(plan, "refused", outcomes, RequestCounts(), Timing(), finished_at=_now(), diagnostics=told)


def _listed(paths: Paths) -> list[str]:
    """Return paths as text; a text is one path, though it could be gone through like a list."""
    several = [paths] if isinstance(paths, str | PathLike) else paths
    try:
        found = [fspath(path) for path in several]
    except TypeError as error:
        raise UsageError(f"paths: {error}: give a path, or a list of paths") from error
    if not all(isinstance(path, str) for path in found):
        raise UsageError("paths: bytes are no path: give text")
    return found


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _seconds() -> float:
    """Return seconds by a clock that also counts while the machine is suspended, where the system has one."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.time() if boottime is None else time.clock_gettime(boottime)


def _today() -> date:
    return datetime.now(UTC).date()
