"""What guards say about a plan, in words."""

from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from tagsync.model import FileChange, Guard, GuardId, Op, Origin, Plan
from tagsync.reporting.phrases import guard_count, guard_limit

UNDOING = "guards: none is against what the run itself had changed"


class GuardView(NamedTuple):
    """One guard.

    Attributes:
        guard: its name.
        counts: what it counts.
        limit: where it blocks.
        blocks: whether it blocks the plan.
        examples: some paths and tags that it counts.
        ack: the option that lets this plan through.
        origin: a place in a manifest that asked for something that it counts, where one is known.
    """

    guard: GuardId
    counts: str
    limit: str
    blocks: bool
    examples: tuple[str, ...]
    ack: str
    origin: Origin | None = None

    @property
    def objection(self) -> str:
        """Why it blocks, and what lets the plan through."""
        return f"{self.counts} blocks: {self.limit}: {self.ack}"


def guard_view(guard: Guard, digest: str, *, prefix: str = "", origin: Origin | None = None) -> GuardView:
    """Return what a guard says about the plan with a digest; a prefix distinguishes two plans."""
    ack = f"--ack {guard.id}@{digest}"
    examples = (*guard.files, *guard.tags)
    return GuardView(
        guard.id, f"{prefix}{guard_count(guard)}", guard_limit(guard), guard.blocked, examples, ack, origin
    )


def guard_views(plan: Plan) -> tuple[GuardView, ...]:
    """Return what all guards say about a plan; an undo plan has none."""
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
"""Which changes of its examples a guard counts."""


def _origin(guard: Guard, plan: Plan) -> Origin | None:
    """Return the first place that asked for what a guard counts on one of its examples."""
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
    """Yield the changes of the files that have a path; the plan's are sorted by it."""
    start = bisect_left(plan.changes, path, key=lambda change: change.file.path)
    for position in range(start, len(plan.changes)):
        change = plan.changes[position]
        if change.file.path != path:
            return
        yield change
