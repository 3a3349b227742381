"""What guards say of a plan, in words."""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from tagsync.model import FileChange, Guard, GuardId, Op, Origin, Plan, Report
from tagsync.reporting.rows import guard_count, guard_limit

UNDOING = "guards: none is against what the run itself had changed"


class Judgement(NamedTuple):
    """One guard.

    Attributes:
        guard: its name.
        counts: what it counts.
        limit: where it blocks.
        blocks: whether it is against the plan.
        examples: some paths and tags that it counts.
        ack: what lets this very plan through.
        origin: a place in a manifest that asked for something that it counts, where one is known.
    """

    guard: GuardId
    counts: str
    limit: str
    blocks: bool
    examples: tuple[str, ...]
    ack: str
    origin: Origin | None = None


def judgement(guard: Guard, digest: str, prefix: str = "") -> Judgement:
    """Return what a guard says of the plan with a digest; a prefix tells it from what it says of another."""
    ack = f"--ack {guard.id}@{digest}"
    counts, limit = f"{prefix}{guard_count(guard)}", guard_limit(guard)
    return Judgement(guard.id, counts, limit, guard.blocked, (*guard.files, *guard.tags), ack)


def judgements(plan: Plan) -> tuple[Judgement, ...]:
    """Return what all guards say of a plan; none is asked about a plan that turns a run round."""
    if plan.undoes:
        return ()
    return tuple(
        judgement(guard, plan.digest)._replace(origin=_origin(guard, plan) if guard.blocked else None)
        for guard in plan.guards
    )


_COUNTED: Mapping[GuardId, Collection[Op]] = {
    GuardId.REMOVED_TAGS: (Op.REMOVE,),
    GuardId.REMOVED_AI_TAGS: (Op.REMOVE_AI,),
    GuardId.CHANGED_FILES: tuple(Op),
    GuardId.EMPTIED_FILES: (Op.REMOVE,),
    GuardId.NEW_TAGS: (Op.ADD,),
}
"""Which changes of its examples a guard counts."""


def _origin(guard: Guard, plan: Plan) -> Origin | None:
    """Return the first place that asked for what a guard counts on one of its examples."""
    ops = _COUNTED[guard.id]
    places = (
        reason.origin
        for path in guard.files
        for change in _changes_of(path, plan)
        for item in change.changes
        if item.op in ops and (not guard.tags or item.tag in guard.tags)
        for reason in item.because
    )
    return next(places, None)


def _changes_of(path: str, plan: Plan) -> Iterator[FileChange]:
    """Yield the changes of the files that have a path; the plan's are sorted by it."""
    for place in range(bisect_left(plan.changes, path, key=lambda change: change.file.path), len(plan.changes)):
        change = plan.changes[place]
        if change.file.path != path:
            return
        yield change


def judgements_of_apply(report: Report) -> tuple[Judgement, ...]:
    """Return what guards say of a plan that was applied: unless it was refused, those against it were acknowledged."""
    found = judgements(report.plan)
    return found if report.outcome == "refused" else tuple(item._replace(blocks=False) for item in found)


def blocking(found: Iterable[Judgement]) -> list[Judgement]:
    """Return those that are against a plan."""
    return [item for item in found if item.blocks]
