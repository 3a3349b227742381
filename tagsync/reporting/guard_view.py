"""Put into words what guards found in a plan."""

from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from tagsync.model import (
    FileChange,
    Guard,
    GuardId,
    Op,
    Origin,
    Plan,
    guard_examples,
    guard_finding,
    guard_limit,
    is_near_limit,
    near_limit,
    objection,
)

UNDOING = "Guards do not limit undoing what a run has changed"


class GuardView(NamedTuple):
    """One guard.

    Attributes:
        guard: its name.
        label: its name, and the plan if there are several.
        finding: what the plan does, with the count.
        limit: the limit; a guard blocks if all parts of it are exceeded.
        blocks: whether it blocks the plan, which then needs `ack`.
        result: that in a word.
        examples: up to three tags and up to three paths that it counts, each list with a label.
        ack: the option that allows this plan.
        objection: why it blocks, examples, and the option that allows this plan.
        below: how far the plan is from the limit, if it exceeds half of it; else empty.
        origin: a place in a manifest that asks for something that it counts, if one is known.
    """

    guard: GuardId
    label: str
    finding: str
    limit: str
    blocks: bool
    result: str
    examples: tuple[tuple[str, tuple[str, ...]], ...]
    ack: str
    objection: str
    below: str
    origin: Origin | None = None

    @property
    def reason(self) -> str:
        """Why it blocks."""
        return f"the plan {self.finding}; the limit is {self.limit}"


def guard_view(guard: Guard, digest: str, *, plan: str = "", origin: Origin | None = None) -> GuardView:
    """Return what a guard found in the plan with a digest; `plan` names it if there are several."""
    return GuardView(
        guard.id,
        f"{guard.id} ({plan})" if plan else guard.id,
        guard_finding(guard),
        guard_limit(guard),
        guard.blocked,
        "blocked" if guard.blocked else "passed",
        guard_examples(guard),
        f"--ack {guard.id}@{digest}",
        objection(guard, digest),
        near_limit(guard) if is_near_limit(guard) and not guard.blocked else "",
        origin,
    )


def guard_views(plan: Plan) -> tuple[GuardView, ...]:
    """Return what all guards found in a plan; an undo plan has none."""
    guards = () if plan.undoes else plan.guards
    return tuple(
        guard_view(guard, plan.digest, origin=_origin(guard, plan) if guard.blocked else None) for guard in guards
    )


_COUNTED: Mapping[GuardId, Collection[Op]] = {
    GuardId.REMOVED_TAGS: (Op.REMOVE,),
    GuardId.REMOVED_AI_TAGS: (Op.REMOVE_AI,),
    GuardId.CHANGED_FILES: tuple(Op),
    GuardId.EMPTIED_FILES: (Op.REMOVE,),
    GuardId.NEW_TAGS: (Op.ADD,),
}
"""Operations that a guard counts."""


def _origin(guard: Guard, plan: Plan) -> Origin | None:
    """Return the first place that asks for what a guard counts in one of its examples."""
    ops = _COUNTED[guard.id]
    origins = (
        reason.origin
        for path in guard.files
        for change in _changes_of(path, plan)
        for item in change.changes
        if item.op in ops and (not guard.tags or item.tag in guard.tags)
        for reason in item.because
    )
    return next(origins, None)


def _changes_of(path: str, plan: Plan) -> Iterator[FileChange]:
    """Yield the changes of the files with a path."""
    # A plan's changes are sorted by path.
    start = bisect_left(plan.changes, path, key=lambda change: change.file.path)
    for position in range(start, len(plan.changes)):
        change = plan.changes[position]
        if change.file.path != path:
            return
        yield change
