"""Merge plans or reports of several shards into one."""

from collections import ChainMap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from heapq import merge
from itertools import chain
from typing import TypeVar

from tagsync.documents.changes import lines_of
from tagsync.errors import DocumentError
from tagsync.escape import quoted, shown
from tagsync.model import (
    Diagnostic,
    Estimate,
    FileChange,
    Guard,
    Inputs,
    Level,
    OutcomeName,
    Part,
    Plan,
    Report,
    RequestCounts,
    Timing,
    Unlisted,
)
from tagsync.planning.assembly import Collected
from tagsync.planning.bounded import first_of
from tagsync.planning.digest import digest, digest_of
from tagsync.planning.guards import GuardCounts, recheck_guards

T = TypeVar("T")


def merge_plans(plans: Sequence[Plan], names: Sequence[str]) -> Plan:
    """Merge several plans into one.

    Args:
        plans: at least one, of the same target and manifests, no file in two of them.
        names: their names in messages.

    Raises:
        DocumentError: they are not shards of the same plan.
    """
    first = plans[0]
    if len(plans) == 1:
        return first
    _check(plans, names)
    collected = Collected(merge(*[plan.changes for plan in plans], key=_path_and_id))
    changes, inputs = collected.changes, [plan.inputs for plan in plans]
    guards, missing = _guards(plans, changes), _missing(inputs)
    whole = _whole(plans)
    unchanged = whole.summary.unchanged if whole else sum(plan.summary.unchanged for plan in plans)
    own_digest = digest(first.target, first.inputs.manifests, guards, lines_of(changes), undoes=first.undoes)
    diagnostics = dict.fromkeys(chain.from_iterable(plan.diagnostics for plan in plans))
    merged = replace(
        first,
        digest=whole.digest if whole else own_digest,
        created_at=max(plan.created_at for plan in plans),
        inputs=inputs[0]._replace(
            files=max(item.files for item in inputs),
            read_requests=sum(item.read_requests for item in inputs),
            part=None,
            partial=bool(missing) or any(item.partial for item in inputs),
        ),
        summary=collected.summary(first.summary._replace(unchanged=unchanged)),
        estimate=whole.estimate if whole else _summed(Estimate, [plan.estimate for plan in plans]),
        changes=changes,
        requests=tuple(chain.from_iterable(plan.requests for plan in plans)),
        diagnostics=(*diagnostics, *_missing_shards(missing)),
        guards=guards,
        drift=tuple(chain.from_iterable(plan.drift for plan in plans)),
        returning=tuple(dict.fromkeys(chain.from_iterable(plan.returning for plan in plans))),
        thumbnails=dict(first_of(ChainMap(*(dict(plan.thumbnails) for plan in plans)).items())),
        unlisted=_unlisted(plans),
    )
    return replace(merged, summary=merged.summary._replace(warnings=merged.count("warning")))


def merge_reports(reports: Sequence[Report], names: Sequence[str]) -> Report:
    """Merge the reports of several applies as if they had run at the same time; see `merge_plans`."""
    if len(reports) == 1:
        return reports[0]
    plan = merge_plans([report.plan for report in reports], names)
    outcomes = {
        change.file.file_id: outcome
        for report in reports
        for change, outcome in zip(report.plan.changes, report.outcomes, strict=True)
    }
    diagnostics = dict.fromkeys(chain.from_iterable(report.diagnostics for report in reports))
    requests = _summed(RequestCounts, [report.requests for report in reports])
    seconds = max(report.timing.seconds for report in reports)
    waited = max(report.timing.waited for report in reports)
    # Each shard compared the whole, so they share most warnings.
    summary = plan.summary._replace(warnings=max(report.plan.summary.warnings for report in reports))
    return Report(
        plan=replace(plan, summary=summary, diagnostics=()),
        outcome=_outcome([report.outcome for report in reports]),
        outcomes=tuple(outcomes[change.file.file_id] for change in plan.changes),
        requests=requests,
        timing=Timing(seconds, waited, round(requests.sent / seconds, 2) if seconds else 0.0),
        finished_at=max(report.finished_at for report in reports),
        diagnostics=(*diagnostics, *plan.diagnostics),
    )


def _path_and_id(change: FileChange) -> tuple[str, str]:
    return change.file.path, change.file.file_id


_ASPECTS: tuple[tuple[str, Callable[[Plan], object]], ...] = (
    ("are for different libraries", lambda plan: plan.target),
    ("come from different manifests", lambda plan: [ref[:2] for ref in plan.inputs.manifests]),
    ("are for different libraries", lambda plan: plan.inputs.library_sha256),
    ("have different policies", lambda plan: plan.policy),
    ("revert different runs", lambda plan: plan.undoes),
    ("are filtered differently", lambda plan: (plan.inputs.select, plan.inputs.changed_since)),
    ("have different numbers of shards", lambda plan: plan.inputs.part and plan.inputs.part.of),
)
"""What shards of one plan have in common, and the message for those that differ."""


def _check(plans: Sequence[Plan], names: Sequence[str]) -> None:
    first, where = plans[0], names[0]
    for plan, name in zip(plans[1:], names[1:], strict=True):
        for what, aspect in _ASPECTS:
            if aspect(plan) != aspect(first):
                raise DocumentError(f"{shown(where)} and {shown(name)} are not shards of the same plan: they {what}")
    shards: dict[Part, str] = {}
    holders: dict[str, str] = {}
    for plan, name in zip(plans, names, strict=True):
        part = plan.inputs.part
        if part is None:
            raise DocumentError(f"{shown(name)} is not a shard: pass it alone")
        if part in shards:
            both = f"{shown(shards[part])} and {shown(name)}"
            raise DocumentError(f"{both} are both shard {part.index} of {part.of}: pass each shard once")
        shards[part] = name
        for change in plan.changes:
            other = holders.setdefault(change.file.file_id, name)
            if other is not name:
                both = f"{shown(other)} and {shown(name)}"
                raise DocumentError(f"{both} both contain {quoted(change.file.path, 200)}, which moved in between")


def _whole(plans: Sequence[Plan]) -> Plan | None:
    """Return the first plan if all were filtered from one saved plan, whose digest and figures they keep; else None."""
    if len({plan.digest for plan in plans}) == 1 and any(plan.digest != digest_of(plan) for plan in plans):
        return plans[0]
    return None


def _guards(plans: Sequence[Plan], changes: Sequence[FileChange]) -> tuple[Guard, ...]:
    """Return the worst of each guard, evaluated on all changes."""
    guards = tuple(
        max(same, key=lambda guard: (guard.blocked, guard.observed))
        for same in zip(*(plan.guards for plan in plans), strict=True)
    )
    if plans[0].undoes is not None:
        return guards
    # Shards that were planned one after the other saw different libraries. Together they may change more than any of
    # them counted.
    return recheck_guards(guards, GuardCounts.of(changes))


def _missing(inputs: Sequence[Inputs]) -> list[str]:
    """Return the names of shards that were not given."""
    parts = [item.part for item in inputs if item.part]
    indices = set(range(1, parts[0].of + 1)) - {part.index for part in parts}
    return [f"{index}/{parts[0].of}" for index in sorted(indices)]


def _unlisted(plans: Sequence[Plan]) -> tuple[Unlisted, ...]:
    """Return the counts of unlisted diagnostics. Each shard compared everything, so the counts are nearly equal."""
    found: dict[tuple[Level, str], int] = {}
    for level, code, more in chain.from_iterable(plan.unlisted for plan in plans):
        found[level, code] = max(more, found.get((level, code), 0))
    return tuple(Unlisted(level, code, more) for (level, code), more in found.items())


def _missing_shards(missing: Sequence[str]) -> Iterator[Diagnostic]:
    if missing:
        message = f"shards are missing: {', '.join(missing)}; their changes are not included"
        yield Diagnostic("warning", "missing-shards", message)


def _outcome(outcomes: Sequence[OutcomeName]) -> OutcomeName:
    """Return the outcome of several runs."""
    if len(set(outcomes)) == 1:
        return outcomes[0]
    return "interrupted" if "interrupted" in outcomes else "incomplete"


def _summed(kind: Callable[..., T], values: Sequence[tuple[float, ...]]) -> T:
    return kind(*map(sum, zip(*values, strict=True)))
