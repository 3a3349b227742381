"""Evaluate guards: count what a plan changes as a whole, and compare it with the policy's limits."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple, Self

from tagsync.model import (
    DEFAULT_POLICY,
    CurrentFile,
    Diagnostic,
    FileChange,
    Guard,
    GuardId,
    GuardRule,
    Limit,
    Op,
    Policy,
    normalized,
)

EXAMPLES = 3
"""The most files that a guard names."""


def policy_of(rules: Iterable[GuardRule]) -> Policy:
    """Combine the limits of several policies: the strictest of each figure applies, or else the default."""
    above: dict[GuardId, list[int]] = {guard: [] for guard in GuardId}
    percent: dict[GuardId, list[float]] = {guard: [] for guard in GuardId}
    for rule in rules:
        above[rule.guard] += [] if rule.above is None else [rule.above]
        percent[rule.guard] += [] if rule.percent is None else [rule.percent]
    return {
        guard: Limit(min(above[guard], default=limit.above), min(percent[guard], default=limit.percent))
        for guard, limit in DEFAULT_POLICY.items()
    }


def loosened(rules: Iterable[GuardRule]) -> Iterator[Diagnostic]:
    """Yield a warning for each limit that is looser than the default."""
    for rule in rules:
        default = DEFAULT_POLICY[rule.guard]
        figures = ((rule.above, default.above, ""), (rule.percent, default.percent, " percent"))
        for figure, usual, unit in figures:
            if figure is not None and usual is not None and figure > usual:
                allowed = f"{rule.guard} allows {figure:g}{unit}, more than the default of {usual:g}{unit}"
                message = f"{allowed}: check that you intend this"
                yield Diagnostic("warning", "loose-guard", message, rule.origin)


class GuardCounts:
    """Count what a plan changes on the managed files, before it is filtered."""

    def __init__(self) -> None:
        self._observed = Counter[GuardId]()
        self._examples: dict[GuardId, list[str]] = {guard: [] for guard in GuardId}
        self._added: dict[str, str] = {}
        self._files = self._tags = self._ai_tags = 0

    @classmethod
    def of(cls, changes: Iterable[FileChange]) -> Self:
        """Count changes."""
        tally = cls()
        for change in changes:
            tally.add(change.file, change)
        return tally

    def add(self, file: CurrentFile, change: FileChange | None) -> None:
        """Count one managed file and its changes, if any."""
        self._files += 1
        self._tags += len(file.tags)
        self._ai_tags += len(file.ai_tags)
        if change is None:
            return
        counts = dict.fromkeys(Op, 0)
        for op, tag, _ in change.changes:
            counts[op] += 1
            if op is Op.ADD:
                self._added.setdefault(normalized(tag), file.path)
        self._count(GuardId.CHANGED_FILES, 1, file.path)
        self._count(GuardId.REMOVED_TAGS, counts[Op.REMOVE], file.path)
        self._count(GuardId.REMOVED_AI_TAGS, counts[Op.REMOVE_AI], file.path)
        if counts[Op.REMOVE]:
            self._count(GuardId.EMPTIED_FILES, int(change.empties), file.path)

    def _count(self, guard: GuardId, count: int, path: str) -> None:
        if count:
            self._observed[guard] += count
            if len(self._examples[guard]) < EXAMPLES:
                self._examples[guard].append(path)

    def guards(self, policy: Policy, known_tags: Iterable[str]) -> tuple[Guard, ...]:
        """Return every guard, evaluated on the counts.

        Args:
            policy: the limits.
            known_tags: all ordinary tags in the library, to find out which are new.
        """
        new = self._new_tags(known_tags)
        observed = self._observed + Counter({GuardId.NEW_TAGS: len(new)})
        examples = self._examples | {GuardId.NEW_TAGS: list(new.values())[:EXAMPLES]}
        totals = {
            GuardId.REMOVED_TAGS: self._tags,
            GuardId.REMOVED_AI_TAGS: self._ai_tags,
            GuardId.CHANGED_FILES: self._files,
            GuardId.EMPTIED_FILES: self._files,
            GuardId.NEW_TAGS: 0,
        }
        return tuple(
            Guard(
                guard,
                observed[guard],
                totals[guard],
                limit,
                limit.is_exceeded(observed[guard], totals[guard]),
                tuple(sorted(set(examples[guard]))),
                tuple(sorted(new)[:EXAMPLES]) if guard is GuardId.NEW_TAGS else (),
            )
            for guard, limit in policy.items()
        )

    def _new_tags(self, known_tags: Iterable[str]) -> dict[str, str]:
        """Return the added tags (NFC) that no file of the library has, each with the first file that gets it."""
        new = dict(self._added)
        if new:
            for tag in known_tags:
                new.pop(normalized(tag), None)
                if not new:
                    break
        return new


def recheck_guards(guards: Iterable[Guard], tally: GuardCounts) -> tuple[Guard, ...]:
    """Evaluate a plan's guards again, on the rest of the plan and its files as they are now.

    Somebody else's changes can only make a guard stricter: one that blocked still blocks.
    """
    now = {guard.id: guard for guard in tally.guards(DEFAULT_POLICY, ())}
    return tuple(_worse(guard, now[guard.id]) for guard in guards)


def _worse(planned: Guard, now: Guard) -> Guard:
    # Which tags are new depends on the whole library, which is not read again.
    if now.id is GuardId.NEW_TAGS or now.observed <= planned.observed:
        return planned
    blocked = planned.limit.is_exceeded(now.observed, planned.of)
    return planned._replace(observed=now.observed, blocked=planned.blocked or blocked, files=now.files)


class Ack(NamedTuple):
    """A user's acknowledgement of a guard, for one plan."""

    guard: GuardId
    digest: str

    def __str__(self) -> str:
        return f"{self.guard}@{self.digest}"


def unacknowledged(guards: Iterable[Guard], digest: str, acks: Collection[Ack]) -> tuple[Guard, ...]:
    """Return the blocking guards that nobody has acknowledged for the plan with this digest."""
    return tuple(guard for guard in guards if guard.blocked and Ack(guard.id, digest) not in acks)
