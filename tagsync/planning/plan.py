"""Make a plan from desired and current state; pure: the same two states give the same plan."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from itertools import chain

from tagsync.model import CurrentState, DesiredState, Inputs, Part, Plan, Report, TargetName
from tagsync.planning.assembly import assembled
from tagsync.planning.causes import attributed
from tagsync.planning.changed_since import Revision, changed_entries
from tagsync.planning.comparison import Comparison
from tagsync.planning.filter import Scope
from tagsync.planning.guards import loosened, policy_of
from tagsync.planning.returning import came_back, return_warnings
from tagsync.planning.select import Selection


def make_plan(
    desired: DesiredState,
    current: CurrentState,
    target: TargetName,
    *,
    created_at: str,
    bulk_rate: float | None,
    only: Collection[str] = (),
    part: Part | None = None,
    exact: bool = False,
    last: Report | None = None,
    earlier: Iterable[Report] = (),
    coverage: bool = False,
    since: Revision | None = None,
) -> Plan:
    """Compare two states.

    Args:
        desired: what manifests declare.
        current: a complete read of the library, files sorted by path.
        target: which library that is.
        created_at: ISO 8601, UTC; the one thing here that differs from run to run.
        bulk_rate: bulk calls a second to estimate with; None where nothing limits them.
        only: globs; changes of files that none of them matches are left out after everything was judged.
        part: a shard; likewise.
        exact: whether the requests change needed cells only.
        last: the last apply's report, of this very library. It tells why changes are necessary again.
        earlier: reports of applies before the last one, newest first; with it they tell how often AI tags came back.
            They are only read if AI tags are to be removed.
        coverage: whether to tell what manifests leave alone.
        since: an earlier revision; changes of files that no entry selects which has changed since go likewise.

    Returns:
        The plan. If anything is an error it has no changes, and its diagnostics say why.

    Raises:
        RefusedError: the changes since the revision do not tell which files they bear on.
    """
    scope = Scope(only, part, None if since is None else _selected_since(since, desired, current))
    comparison = Comparison(desired, current, scope, coverage=coverage)
    changes, diagnostics = comparison.collected.changes, comparison.diagnostics
    returning = came_back(changes, earlier if last is None else chain([last], earlier))
    diagnostics.extend([*loosened(desired.policy), *return_warnings(returning, changes)])
    plan = assembled(
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
        ),
        guards=comparison.tally.guards(policy_of(desired.policy), current.files),
        diagnostics=diagnostics,
        unchanged=comparison.unchanged,
        missing=comparison.missing.count,
        bulk_rate=bulk_rate,
        exact=exact,
    )
    covered = _covered(last) if last else lambda _path: True
    unsure = comparison.unsure
    return replace(
        plan,
        coverage=comparison.coverage,
        thumbnails=comparison.thumbnails,
        missing=comparison.missing.first(),
        drift=attributed(changes, last, desired.manifests, covered=covered, unsure=unsure, returning=returning),
        returning=returning,
    )


def _selected_since(since: Revision, desired: DesiredState, current: CurrentState) -> set[int]:
    """Return the places of the files that an entry selects which has changed since a revision."""
    return {selected.number for selected in Selection(changed_entries(since, desired), current)}


def _covered(last: Report) -> Callable[[str], bool]:
    """Return what tells by its path whether the last run judged a file."""
    scope = last.plan.inputs
    if scope.changed_since is None and not scope.partial:
        return Scope(scope.select, scope.part).includes
    return {change.file.path for change in last.plan.changes}.__contains__
