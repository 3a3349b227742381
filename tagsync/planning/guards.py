"""Evaluate guards: count what a plan does as a whole, and compare it with the policy's limits."""

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
    TagIndex,
    normalized,
)

EXAMPLES = 3
"""How many files a guard names."""


def policy_of(rules: Iterable[GuardRule]) -> Policy:
    """Combine rules into a policy: the strictest of each figure applies, and the default where no rule names one."""
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
    """Yield a warning for each rule that allows more than the default does."""
    for rule in rules:
        default = DEFAULT_POLICY[rule.guard]
        figures = ((rule.above, default.above, ""), (rule.percent, default.percent, " percent"))
        for figure, usual, unit in figures:
            if figure is not None and usual is not None and figure > usual:
                message = f"{rule.guard} allows {figure:g}{unit}, more than the default of {usual:g}{unit}"
                yield Diagnostic("warning", "loose-guard", message, rule.origin)


class GuardCounts:
    """Counts what a plan does to the managed files, one after the other, before any are left out of it."""

    def __init__(self) -> None:
        self._observed = Counter[GuardId]()
        self._examples: dict[GuardId, list[str]] = {guard: [] for guard in GuardId}
        self._added: dict[str, str] = {}
        self._files = self._tags = self._ai_tags = 0

    @classmethod
    def of(cls, changes: Iterable[FileChange]) -> Self:
        """Count changes, each of a managed file."""
        tally = cls()
        for change in changes:
            tally.add(change.file, change)
        return tally

    def add(self, file: CurrentFile, change: FileChange | None) -> None:
        """Count one managed file and what is to change on it, if anything."""
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
            self._count(GuardId.EMPTIED_FILES, int(empties(change)), file.path)

    def _count(self, guard: GuardId, count: int, path: str) -> None:
        if count:
            self._observed[guard] += count
            if len(self._examples[guard]) < EXAMPLES:
                self._examples[guard].append(path)

    def guards(self, policy: Policy, library: Iterable[CurrentFile]) -> tuple[Guard, ...]:
        """Return every guard, evaluated on what was counted.

        Args:
            policy: where they block.
            library: all files, to tell which tags are new.
        """
        new = self._new_tags(library)
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

    def _new_tags(self, library: Iterable[CurrentFile]) -> dict[str, str]:
        """Return the added tags (NFC) that no file of the library has, each with the first file that gets it."""
        new = dict(self._added)
        if new:
            known = library.all_tags() if isinstance(library, TagIndex) else (tag for f in library for tag in f.tags)
            for tag in known:
                new.pop(normalized(tag), None)
                if not new:
                    break
        return new


def recheck_guards(guards: Iterable[Guard], tally: GuardCounts) -> tuple[Guard, ...]:
    """Return a plan's guards, evaluated on what is left of it and its files as they are now.

    What others did meanwhile may make a plan worse, never better: a guard that blocked goes on blocking.
    """
    now = {guard.id: guard for guard in tally.guards(DEFAULT_POLICY, ())}
    return tuple(_worse(guard, now[guard.id]) for guard in guards)


def _worse(planned: Guard, now: Guard) -> Guard:
    if now.id is GuardId.NEW_TAGS or now.observed <= planned.observed:
        return planned
    blocked = planned.limit.is_exceeded(now.observed, planned.of)
    return planned._replace(observed=now.observed, blocked=planned.blocked or blocked, files=now.files)


class Ack(NamedTuple):
    """Somebody's word that a guard may be passed, for one very plan."""

    guard: GuardId
    digest: str

    def __str__(self) -> str:
        return f"{self.guard}@{self.digest}"


def unacknowledged(guards: Iterable[Guard], digest: str, acks: Collection[Ack]) -> tuple[Guard, ...]:
    """Return the guards that block the plan of this digest and that nobody has acknowledged for it."""
    return tuple(guard for guard in guards if guard.blocked and Ack(guard.id, digest) not in acks)


def empties(change: FileChange) -> bool:
    """Tell whether a file that has ordinary tags would have none."""
    removed = change.remove
    return bool(removed) and not change.add and set(change.file.tags).issubset(removed)
