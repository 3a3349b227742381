"""Make plans: compare manifests with a library."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date
from os import PathLike
from typing import Literal

from tagsync.api.belonging import check_report
from tagsync.api.gather import Paths, now, validate
from tagsync.api.keep import History, Workspace
from tagsync.api.lag import lag_left, written
from tagsync.api.revision import commit_of_manifests, revision_of, revision_of_report, revisions_since
from tagsync.concurrency import blocking
from tagsync.errors import UsageError
from tagsync.events import Listener, ManifestsRead, ignore
from tagsync.library.deadline import check_duration, deadline
from tagsync.library.reading.reader import LibraryReader
from tagsync.library.target import Target, connect
from tagsync.model import ById, ByPath, Config, CurrentState, DesiredState, Entry, GuardId, Needs, Part, Plan, Report
from tagsync.planning.changed_since import Revision
from tagsync.planning.explain import explained
from tagsync.planning.filter import checked_select
from tagsync.planning.plan import make_plan
from tagsync.planning.prune import dropped_entries
from tagsync.planning.read_scope import named, needs
from tagsync.workspace.git import Commit


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOptions:
    """Options of a plan.

    Attributes:
        select: one or more globs; the plan contains only changes of files that match one.
        part: a shard; the plan contains only changes of its files.
        exact: whether calls contain only needed changes; otherwise no-op changes may reduce the number of calls.
        policy: a file of policies to use instead of those among the manifests.
        as_of: the date (UTC) to evaluate `until` for; today if None.
        last: the report of the previous apply, which explains why changes are needed again; `"kept"` for those in the
            workspace, None for no report.
        changed_since: a git revision, `A...B`, or the result of `revision_of`; the plan contains only changes of files
            that a rule selects that has changed since.
        prune_since: a git revision, or the result of `revisions_since`; tags that the manifests declared then or later
            for a file, and that no rule declares now, are removed.
        manifests: the paths of the manifests, if `plan` gets the result of `validate`. Their commit is recorded in the
            plan and the report.
        coverage: whether to report what manifests leave alone (`plan.coverage`).
        explain: the path of a file, to report which rules apply to it (`plan.explanations`).
        thumbnails: whether to keep the thumbnail URLs of changed files (`plan.thumbnails`).
        max_duration: seconds after which reading the library fails; None for no limit.

    Raises:
        UsageError: a value is invalid.
    """

    select: str | Iterable[str] | None = None
    part: Part | None = None
    exact: bool = False
    policy: str | PathLike[str] | None = None
    as_of: date | None = None
    last: Report | Literal["kept"] | None = "kept"
    changed_since: str | Revision | None = None
    prune_since: str | tuple[Revision, ...] | None = None
    manifests: Paths | None = None
    coverage: bool = False
    explain: str | None = None
    thumbnails: bool = False
    max_duration: float | None = None

    def __post_init__(self) -> None:
        """Check everything that needs no library."""
        check_duration(self.max_duration)
        if not isinstance(self.last, Report) and self.last not in ("kept", None):
            raise UsageError(f"last is {self.last!r}: use a report, 'kept' or None")
        object.__setattr__(self, "select", checked_select(self.select))
        if self.part is not None and not 1 <= self.part.index <= self.part.of:
            raise UsageError(f"part is {self.part.index} of {self.part.of}: use 1 of N to N of N")


DEFAULT = PlanOptions()


async def plan_async(
    paths: Paths | DesiredState,
    *,
    target: Target,
    options: PlanOptions = DEFAULT,
    workspace: Workspace | None = None,
    listener: Listener = ignore,
) -> Plan:
    """Compare manifests with a library and plan the changes. This only reads.

    Args:
        paths: one or more files or folders, `-` for standard input, or the result of `validate` or `read_config`. The
            result of `read_config` also names a policy.
        target: the library.
        options: the options of the plan.
        workspace: earlier reports and facts about the library on this machine. Its state directory is used for this
            target and shard.
        listener: receives progress events.

    Returns:
        The plan. If it cannot be applied, `plan.errors` says why, and `plan.blocked` lists the guards that block it.

    Raises:
        ManifestError: the manifests are invalid; nothing was read from the library.
        UsageError: there are no paths, or an option is invalid.
        RefusedError: `options.last` is of another library, a change since the revision affects other files as
            well, or the manifests at a revision had errors.
        LibraryError: the library could not be read completely, or not in time.
        StateError: there is no disk space for temporary files.
    """
    began = asyncio.get_running_loop().time()
    workspace = workspace and replace(workspace, target=target, part=options.part)
    comparison = _comparison(paths, target, options, _reports(target, options, workspace))
    listener(ManifestsRead(len(comparison.desired.manifests), len(comparison.desired.entries)))
    wanted = comparison.needs()
    async with (
        connect(target, listener, thumbnails=options.thumbnails, fields=wanted.fields) as client,
        deadline(options.max_duration, client, since=began),
    ):
        facts = workspace.facts if workspace else None
        reader = LibraryReader(client, now=now, facts=facts, concurrency=target.concurrency, listener=listener)
        return await read_and_compare(
            reader,
            wanted,
            lambda current: comparison.plan(current, client.read_rate),
            lambda: named(comparison.desired),
            comparison.history.last,
        )


plan = blocking(plan_async)


@dataclass(frozen=True, slots=True)
class _Comparison:
    """All that a plan needs besides the library.

    Attributes:
        since: the revision since which a rule must have changed.
        revisions: the revisions whose tags are removed if no rule declares them now.
        base: the revision of the previous apply, to notice tags that are no longer declared.
        dropped: the entries of `revisions` that are no longer declared.
    """

    desired: DesiredState
    target: Target
    options: PlanOptions
    history: History
    since: Revision | None
    revisions: tuple[Revision, ...]
    base: Revision | None
    commit: Commit
    dropped: tuple[Entry, ...]

    def needs(self) -> Needs:
        """Return what to read from the library."""
        whole = self.options.coverage or self.options.explain
        old_revisions = (*self.revisions, self.base) if self.base else self.revisions
        return needs(
            self.desired,
            self.since.desired.entries if self.since else (),
            self.dropped,
            everything="coverage and explanations need all files" if whole else None,
            fields=frozenset[str]().union(*(revision.desired.fields for revision in old_revisions)),
        )

    def plan(self, current: CurrentState, read_rate: float | None) -> Plan:
        """Return the plan for a library's current state; see `make_plan`."""
        options = self.options
        made = make_plan(
            self.desired,
            current,
            self.target.name,
            created_at=now(),
            bulk_rate=self.target.bulk_rate,
            read_rate=read_rate,
            only=checked_select(options.select),
            part=options.part,
            exact=options.exact,
            last=self.history.last,
            earlier=self.history.earlier,
            coverage=options.coverage,
            since=self.since,
            dropped=self.dropped,
            base=self.base,
            commit=self.commit.hash,
            uncommitted=self.commit.uncommitted,
            library_sha256=self.target.library_sha256,
        )
        if options.explain is None:
            return made
        return replace(made, explanations=explained(options.explain, self.desired, current, self.dropped))


def _comparison(paths: Paths | DesiredState, target: Target, options: PlanOptions, history: History) -> _Comparison:
    since = _revision(paths, options)
    revisions = _revisions(paths, options)
    desired = _declared(paths, target, options)
    given = paths if options.manifests is None and not isinstance(paths, DesiredState) else options.manifests
    base = since
    if revisions:
        base = None
    elif base is None and history.last and given is not None:
        base = revision_of_report(history.last, given, desired, as_of=options.as_of)
    commit = Commit() if given is None else commit_of_manifests(given, desired)
    dropped = dropped_entries(revisions, desired)
    return _Comparison(desired, target, options, history, since, revisions, base, commit, dropped)


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
        raise UsageError("changed_since needs the manifests' paths: pass them instead of the result of validate")
    policy = options.policy or (paths.policy if isinstance(paths, Config) else None)
    return revision_of(since, paths, as_of=options.as_of, policy_counts=policy is None)


def _revisions(paths: Paths | DesiredState, options: PlanOptions) -> tuple[Revision, ...]:
    since = options.prune_since
    if not isinstance(since, str):
        return since or ()
    if isinstance(paths, DesiredState):
        raise UsageError("prune_since needs the manifests' paths: pass them instead of the result of validate")
    return revisions_since(since, paths, as_of=options.as_of)


def _declared(paths: Paths | DesiredState, target: Target, options: PlanOptions) -> DesiredState:
    if isinstance(paths, DesiredState):
        return paths
    return validate(paths, account=target.account, policy=options.policy, as_of=options.as_of)


async def read_and_compare(
    reader: LibraryReader,
    wanted: Needs,
    compare: Callable[[CurrentState], Plan],
    declared: Callable[[], Iterable[ByPath | ById]],
    last: Report | None,
) -> Plan:
    """Read a library in the fewest calls and return the plan.

    Args:
        reader: reads the library; closed at the end.
        wanted: what the plan needs.
        compare: makes the plan from what was read.
        declared: returns the selectors of declared files, to look up those that were not listed.
        last: the report of the previous apply. If it has just ended, the files that it changed may be read again.
    """
    with closing(reader):
        current = await reader.read(wanted)
        if last and (wait := lag_left(last)):
            current = await reader.caught_up(current, wanted, written(last), wait)
        made = compare(current)
        # Files that were not read may have the "new" tags already. So before this guard blocks, read all files.
        if not current.reading.is_complete and any(guard.id is GuardId.NEW_TAGS for guard in made.blocked):
            current = await reader.read(wanted._replace(everything="other files may have the new tags"))
            made = compare(current)
        if not made.summary.missing:
            return made
        # A listing may omit a file that exists.
        looked = await reader.looked_up(current, declared())
        diagnostics = tuple(item for item in looked.diagnostics if item not in current.diagnostics)
        if looked.unreadable != current.unreadable or any(item.level != "info" for item in diagnostics):
            return compare(looked)
        # Nothing was found, so the plan stays the same: comparing again could take long for a large library.
        inputs = made.inputs._replace(read_requests=looked.read_requests)
        return replace(made, inputs=inputs, diagnostics=(*diagnostics, *made.diagnostics))
