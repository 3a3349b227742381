"""Decide what to change: compare manifests with a library, or a report with the library after it."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date
from os import PathLike
from typing import Literal

from tagsync.api.gather import Paths, now, validate
from tagsync.api.keep import History, Workspace, check_environment, check_report
from tagsync.api.revision import revision_of
from tagsync.errors import UsageError
from tagsync.events import Listener, LookingAgain, ManifestsRead, ignore
from tagsync.library.deadline import check_duration, deadline
from tagsync.library.reading.reader import LibraryReader
from tagsync.library.target import Target, connect
from tagsync.model import ById, ByPath, Config, CurrentState, DesiredState, GuardId, Needs, Part, Plan, Report
from tagsync.planning.changed_since import Revision
from tagsync.planning.explain import explained
from tagsync.planning.filter import checked_select
from tagsync.planning.plan import make_plan
from tagsync.planning.read_scope import named, needs
from tagsync.planning.undo import make_undo, touched, unsettled


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOptions:
    """How a plan is made.

    Attributes:
        select: a glob, or several; changes of files that no glob matches are left out of the finished plan.
        part: a shard; changes of files of other shards are left out likewise.
        exact: whether calls may change only what is needed; otherwise they may also set what is set already.
        policy: a file of policies to use instead of those among the manifests.
        as_of: the date (UTC) to evaluate `until` for; today if None.
        last: the report of the last apply to this library, which explains why changes are necessary again; `"kept"` for
            those in the workspace, None for no report.
        changed_since: a git revision, or `A...B`, or what `revision_of` returned for it; changes of files are left out
            unless a rule selects them that has changed since.
        coverage: whether the plan also says what manifests leave alone (`plan.coverage`).
        explain: the path of a file, to say which rules apply to it (`plan.explanations`).
        thumbnails: whether the plan keeps the URLs of the changed files' thumbnails (`plan.thumbnails`).
        max_duration: seconds after which reading fails; None for no limit.
    """

    select: str | Iterable[str] | None = None
    part: Part | None = None
    exact: bool = False
    policy: str | PathLike[str] | None = None
    as_of: date | None = None
    last: Report | Literal["kept"] | None = "kept"
    changed_since: str | Revision | None = None
    coverage: bool = False
    explain: str | None = None
    thumbnails: bool = False
    max_duration: float | None = None

    def __post_init__(self) -> None:
        """Check what can be checked without a library.

        Raises:
            UsageError: an option has a value that it does not take.
        """
        check_duration(self.max_duration)
        if not isinstance(self.last, Report) and self.last not in ("kept", None):
            raise UsageError(f"last is {self.last!r}: use a report, 'kept' or None")
        object.__setattr__(self, "select", checked_select(self.select))
        if self.part is not None and not 1 <= self.part.index <= self.part.of:
            raise UsageError(f"part is {self.part.index} of {self.part.of}: use 1 of N to N of N")


DEFAULT = PlanOptions()


def plan(
    paths: Paths | DesiredState,
    *,
    target: Target,
    options: PlanOptions = DEFAULT,
    workspace: Workspace | None = None,
    listener: Listener = ignore,
) -> Plan:
    """Compare manifests with a library; see `plan_async`."""
    return asyncio.run(plan_async(paths, target=target, options=options, workspace=workspace, listener=listener))


async def plan_async(
    paths: Paths | DesiredState,
    *,
    target: Target,
    options: PlanOptions = DEFAULT,
    workspace: Workspace | None = None,
    listener: Listener = ignore,
) -> Plan:
    """Compare manifests with a library. Only reads.

    Args:
        paths: files or folders, or one of them, or `-` for standard input; or what `read_config` returned, for the
            manifests and the policy that it names; or what `validate` returned for them.
        target: the library.
        options: how the plan is made.
        workspace: what this machine keeps of the library: earlier reports, and which searches it answers. Its state
            directory is used for this target and shard.
        listener: gets progress events.

    Returns:
        The plan. If it cannot be applied, `plan.errors` says why, and `plan.blocked` lists the guards that block it.

    Raises:
        ManifestError: the manifests are invalid; nothing was read from the library.
        UsageError: there are no paths, or an option is wrong.
        RefusedError: `options.last` is of another library, or a change since a revision affects other files as well.
        LibraryError: the library could not be read completely, or not in time.
        StateError: there is no room for what is read.
    """
    began = asyncio.get_running_loop().time()
    workspace = workspace and replace(workspace, target=target, part=options.part)
    last, earlier = _reports(target, options, workspace)
    since = _revision(paths, options)
    desired = _declared(paths, target, options)
    listener(ManifestsRead(len(desired.manifests), len(desired.entries)))

    def compare(current: CurrentState) -> Plan:
        made = make_plan(
            desired,
            current,
            target.name,
            created_at=now(),
            bulk_rate=target.bulk_rate,
            only=checked_select(options.select),
            part=options.part,
            exact=options.exact,
            last=last,
            earlier=earlier,
            coverage=options.coverage,
            since=since,
        )
        if options.explain is None:
            return made
        return replace(made, explanations=explained(options.explain, desired, current))

    everything = "all files are to be told of" if options.coverage or options.explain else None
    wanted = needs(desired, since.desired.entries if since else (), everything=everything)
    async with (
        connect(target, listener, thumbnails=options.thumbnails) as client,
        deadline(options.max_duration, client, since=began),
    ):
        facts = workspace.facts if workspace else None
        reader = LibraryReader(client, now=now, facts=facts, concurrency=target.concurrency, listener=listener)
        return await read_and_compare(reader, wanted, compare, lambda: named(desired))


def _reports(target: Target, options: PlanOptions, workspace: Workspace | None) -> History:
    if isinstance(options.last, Report):
        check_report(options.last, target)
        return History(options.last, ())
    if workspace is None or options.last is None:
        return History(None, ())
    return workspace.history()


def _revision(paths: Paths | DesiredState, options: PlanOptions) -> Revision | None:
    since = options.changed_since
    if not isinstance(since, str):
        return since
    if isinstance(paths, DesiredState):
        raise UsageError("changed_since needs the paths of the manifests: give them instead of what validate returned")
    policy = options.policy or (paths.policy if isinstance(paths, Config) else None)
    return revision_of(since, paths, as_of=options.as_of, policy_counts=policy is None)


def _declared(paths: Paths | DesiredState, target: Target, options: PlanOptions) -> DesiredState:
    if isinstance(paths, DesiredState):
        return paths
    return validate(paths, account=target.account, policy=options.policy, as_of=options.as_of)


async def read_and_compare(
    reader: LibraryReader,
    wanted: Needs,
    compare: Callable[[CurrentState], Plan],
    declared: Callable[[], Iterable[ByPath | ById]],
) -> Plan:
    """Return the plan of a library that is read in as few calls as possible.

    Files that were not read may have the tags that a plan adds as new ones. If the guard against new tags blocks, the
    whole library is read. Declared files that were not listed are looked up, because a listing may omit a file.
    """
    with closing(reader):
        current = await reader.read(wanted)
        made = compare(current)
        if not current.reading.is_complete and any(guard.id is GuardId.NEW_TAGS for guard in made.blocked):
            current = await reader.read(wanted._replace(everything="new tags may be there on other files"))
            made = compare(current)
        if not made.summary.missing:
            return made
        looked = await reader.looked_up(current, declared())
        diagnostics = tuple(item for item in looked.diagnostics if item not in current.diagnostics)
        if looked.unreadable != current.unreadable or any(item.level != "info" for item in diagnostics):
            return compare(looked)
        # No file was found, so hundreds of thousands of missing files need not be compared again.
        inputs = made.inputs._replace(read_requests=looked.read_requests)
        return replace(made, inputs=inputs, diagnostics=(*diagnostics, *made.diagnostics))


def undo(
    report: Report,
    *,
    target: Target,
    ai_as_tags: bool = False,
    max_duration: float | None = None,
    listener: Listener = ignore,
) -> Plan:
    """Plan to undo an apply; see `undo_async`."""
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
    """Plan to revert what an apply asked for, was not so before it, and is so now. Only reads.

    Args:
        report: what the apply did; the status that it gives a file does not matter.
        target: the library.
        ai_as_tags: whether removed AI tags come back as ordinary tags; their confidence and source are lost.
        max_duration: seconds after which reading fails; None for no limit.
        listener: gets progress events.

    Returns:
        The plan. Its warnings name what it leaves out, and one with the code `left-out` counts it.

    Raises:
        UsageError: `max_duration` is not a time.
        RefusedError: the report is of another target.
        LibraryError: the files could not be read, or not in time.
    """
    began = asyncio.get_running_loop().time()
    check_duration(max_duration)
    check_report(report, target)
    check_environment(report, target)
    file_ids = touched(report)
    async with connect(target, listener) as client, deadline(max_duration, client, since=began):
        reader = client.file_reads(library_size=report.plan.inputs.library_size, concurrency=target.concurrency)
        listener(LookingAgain(len(file_ids)))
        files = await reader.many(file_ids) if file_ids else {}
        if lagging := unsettled(report, files):
            files.update(await reader.singly(lagging))
        reads = client.traffic.reads
    return make_undo(
        report,
        files,
        created_at=now(),
        read_requests=reads,
        bulk_rate=target.bulk_rate,
        ai_as_tags=ai_as_tags,
    )
