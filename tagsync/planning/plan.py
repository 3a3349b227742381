"""Make a plan from desired and current state; the same two states always give the same plan."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from itertools import chain

from tagsync.escape import quoted
from tagsync.model import CurrentState, DesiredState, Diagnostic, Entry, Inputs, Part, Plan, Report, TargetName
from tagsync.planning.assembly import assemble_plan
from tagsync.planning.causes import find_causes
from tagsync.planning.changed_since import Revision, changed_entries
from tagsync.planning.comparison import Comparison
from tagsync.planning.filter import Scope
from tagsync.planning.guards import loosened, policy_of
from tagsync.planning.prune import Undeclared
from tagsync.planning.refusals import not_applied
from tagsync.planning.returning import came_back, return_warnings
from tagsync.planning.select import Selection


def make_plan(
    desired: DesiredState,
    current: CurrentState,
    target: TargetName,
    *,
    created_at: str,
    bulk_rate: float | None,
    read_rate: float | None = None,
    only: Collection[str] = (),
    part: Part | None = None,
    exact: bool = False,
    last: Report | None = None,
    earlier: Iterable[Report] = (),
    coverage: bool = False,
    since: Revision | None = None,
    dropped: Collection[Entry] = (),
    base: Revision | None = None,
    commit: str | None = None,
    uncommitted: str | None = None,
    library_sha256: str | None = None,
) -> Plan:
    """Compare desired with current state and plan the changes.

    Args:
        desired: what manifests declare.
        current: a read of the library that covers all that the manifests need, files sorted by path.
        target: the library.
        created_at: ISO 8601, UTC; nothing else in the plan depends on the time.
        bulk_rate: API calls a second for the estimate; None for no limit.
        read_rate: reads a second for the estimate; None for no limit.
        only: globs over paths; changes of other files are filtered out after the comparison.
        part: a shard; changes of files in other shards are filtered out likewise.
        exact: whether API calls contain no no-op changes.
        last: the previous report for this library, to find the causes of changes.
        earlier: older reports, newest first, to count how often AI tags came back. Read only if AI tags are removed.
        coverage: whether to report what manifests leave alone.
        since: an earlier revision; changes of files that no changed entry selects are filtered out likewise.
        dropped: entries of earlier revisions whose tags are removed if no entry declares them now.
        base: an earlier revision. If nothing is dropped, a notice counts the tags that only its entries declared.
        commit: the commit of the manifests, to be recorded.
        uncommitted: a manifest that is not committed, to be recorded.
        library_sha256: the hash of a sandbox's library file, to be recorded.

    Returns:
        The plan. If there is an error, it has no changes, and its diagnostics say why.

    Raises:
        RefusedError: a Policy or Vocabulary changed since the revision, which affects more files.
    """
    scope = Scope(only, part, None if since is None else _selected_since(since, desired, current))
    undeclared = None if dropped or base is None else Undeclared(base, desired, current)
    comparison = Comparison(desired, current, scope, coverage=coverage, dropped=dropped, undeclared=undeclared)
    changes, diagnostics = comparison.collected.changes, comparison.diagnostics
    returning = came_back(changes, earlier if last is None else chain([last], earlier))
    unsure, covered = comparison.unsure, _covered(last) if last else lambda _path: True
    drift = find_causes(changes, last, desired.manifests, covered=covered, unsure=unsure, returning=returning)
    diagnostics.extend([*loosened(desired.policy), *_idle_renames(desired), *return_warnings(returning, changes)])
    diagnostics.extend(not_applied(changes, drift, last))
    diagnostics.extend(comparison.similar_tags.diagnostics(current.files.all_tags()))
    if undeclared and not diagnostics.total("error"):
        # The files of `since` were all read; those of another base may not have been.
        diagnostics.extend(undeclared.diagnostics(is_complete=base is since or current.reading.is_complete))
    plan = assemble_plan(
        comparison.collected,
        target=target,
        created_at=created_at,
        inputs=Inputs(
            desired.manifests,
            len(current.files),
            current.read_requests,
            tuple(only),
            part,
            since.commit if since else None,
            reading=current.reading,
            commit=commit,
            uncommitted=uncommitted,
            library_sha256=library_sha256,
        ),
        guards=comparison.tally.guards(policy_of(desired.policy), current.files.all_tags()),
        diagnostics=diagnostics,
        unchanged=comparison.unchanged,
        missing=comparison.missing.count,
        bulk_rate=bulk_rate,
        read_rate=read_rate,
        exact=exact,
    )
    return replace(
        plan,
        coverage=comparison.coverage,
        thumbnails=comparison.thumbnails,
        missing=comparison.missing.first(),
        drift=drift,
        returning=returning,
    )


def _idle_renames(desired: DesiredState) -> Iterator[Diagnostic]:
    """Yield a warning about the renames of a vocabulary if there is no rule at all."""
    renames = list(desired.vocabulary.renames.values())
    if renames and not desired.entries:
        old, origin = renames[0].old, renames[0].origin
        message = (
            f"no rule selects a file, so no tag is renamed: add a rule for the files, such as match: /** with absent: "
            f"[{quoted(old)}]"
        )
        yield Diagnostic("warning", "selects-nothing", message, origin)


def _selected_since(since: Revision, desired: DesiredState, current: CurrentState) -> set[int]:
    """Return the positions of the files that an entry selects which changed since a revision."""
    selection = Selection(changed_entries(since, desired), current.files, current.answers)
    return {selected.number for selected in selection}


def _covered(last: Report) -> Callable[[str], bool]:
    """Return a function from a path to whether the previous run compared that file."""
    scope = last.plan.inputs
    if scope.changed_since is None and not scope.partial:
        return Scope(scope.select, scope.part).includes
    # Which files an earlier revision or the missing shards left out is unknown: only changed files count as compared.
    return {change.file.path for change in last.plan.changes}.__contains__
