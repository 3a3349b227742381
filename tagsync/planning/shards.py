"""Plans or reports of several shards as one; a shard is any part of a plan whose files no other part has."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import chain
from typing import TypeVar

from tagsync.canonical import canonical, change_document
from tagsync.errors import DocumentError
from tagsync.model import (
    Diagnostic,
    Estimate,
    FileChange,
    Guard,
    Inputs,
    OutcomeName,
    Plan,
    Report,
    RequestCounts,
    Timing,
)
from tagsync.planning.digest import digest
from tagsync.planning.plan import counted
from tagsync.printable import quoted, shown

T = TypeVar("T")


def merged_plans(plans: Sequence[Plan], names: Sequence[str]) -> Plan:
    """Return several plans as one.

    Args:
        plans: at least one, of the same target and manifests, no file in two of them.
        names: how messages call them.

    Raises:
        DocumentError: they are not parts of one whole.
    """
    first = plans[0]
    if len(plans) == 1:
        return first
    _check(plans, names)
    changes = tuple(sorted(chain.from_iterable(plan.changes for plan in plans), key=_by_path))
    lines = tuple(canonical(change_document(change)) for change in changes)
    made = digest(first.target, first.inputs.manifests, first.policy, lines, undoes=first.undoes)
    cut = _are_cut_from_one(plans)
    unchanged = first.summary.unchanged if cut else sum(plan.summary.unchanged for plan in plans)
    diagnostics = tuple(dict.fromkeys(chain.from_iterable(plan.diagnostics for plan in plans)))
    inputs = _inputs([plan.inputs for plan in plans])
    return replace(
        first,
        digest=first.digest if cut else made,
        created_at=max(plan.created_at for plan in plans),
        inputs=inputs,
        summary=counted(changes, first.summary._replace(unchanged=unchanged)),
        estimate=first.estimate if cut else _summed(Estimate, [plan.estimate for plan in plans]),
        changes=changes,
        canonical_changes=lines,
        requests=tuple(chain.from_iterable(plan.requests for plan in plans)),
        diagnostics=(*diagnostics, *_missing_parts([plan.inputs for plan in plans])),
        guards=tuple(_worst(found) for found in zip(*(plan.guards for plan in plans), strict=True)),
        drift=tuple(chain.from_iterable(plan.drift for plan in plans)),
        returning=tuple(dict.fromkeys(chain.from_iterable(plan.returning for plan in plans))),
        coverage=first.coverage,
    )


def merged_reports(reports: Sequence[Report], names: Sequence[str]) -> Report:
    """Return the reports of several applies, taken to have run side by side, as one; see `merged_plans`."""
    if len(reports) == 1:
        return reports[0]
    plan = merged_plans([report.plan for report in reports], names)
    outcomes = {
        change.file.file_id: outcome
        for report in reports
        for change, outcome in zip(report.plan.changes, report.outcomes, strict=True)
    }
    told = dict.fromkeys(chain.from_iterable(report.diagnostics for report in reports))
    requests = _summed(RequestCounts, [report.requests for report in reports])
    seconds = max(report.timing.seconds for report in reports)
    waited = max(report.timing.waited for report in reports)
    return Report(
        plan=replace(plan, diagnostics=()),
        outcome=_outcome([report.outcome for report in reports]),
        outcomes=tuple(outcomes[change.file.file_id] for change in plan.changes),
        requests=requests,
        timing=Timing(seconds, waited, round(requests.sent / seconds, 2) if seconds else 0.0),
        finished_at=max(report.finished_at for report in reports),
        diagnostics=(*told, *plan.diagnostics),
    )


def _by_path(change: FileChange) -> tuple[str, str]:
    return change.file.path, change.file.file_id


def _check(plans: Sequence[Plan], names: Sequence[str]) -> None:
    first, where = plans[0], names[0]
    aspects: tuple[tuple[str, Callable[[Plan], object]], ...] = (
        ("is of another library", lambda plan: plan.target),
        (
            "is from other manifests",
            lambda plan: [(manifest.path, manifest.sha256) for manifest in plan.inputs.manifests],
        ),
        ("has another policy", lambda plan: plan.policy),
        ("reverts another run", lambda plan: plan.undoes),
    )
    for plan, name in zip(plans[1:], names[1:], strict=True):
        for what, aspect in aspects:
            if aspect(plan) != aspect(first):
                raise DocumentError(f"{shown(where)} and {shown(name)} are no shards of one plan: each {what}")
    holders: dict[str, int] = {}
    for number, plan in enumerate(plans):
        for change in plan.changes:
            other = holders.setdefault(change.file.file_id, number)
            if other != number:
                both = f"{shown(names[other])} and {shown(names[number])}"
                raise DocumentError(f"{both} both tell of {quoted(change.file.path, 200)}: name each shard once")


def _are_cut_from_one(plans: Sequence[Plan]) -> bool:
    """Tell whether all are parts of one saved plan: such parts go on speaking of the whole."""
    digests = {plan.digest for plan in plans}
    return len(digests) == 1 and any(
        plan.digest
        != digest(
            plan.target,
            plan.inputs.manifests,
            plan.policy,
            (canonical(change_document(change)) for change in plan.changes),
            undoes=plan.undoes,
        )
        for plan in plans
    )


def _inputs(inputs: Sequence[Inputs]) -> Inputs:
    selects = {item.select for item in inputs}
    return Inputs(
        inputs[0].manifests,
        max(item.files for item in inputs),
        sum(item.read_requests for item in inputs),
        selects.pop() if len(selects) == 1 else None,
    )


def _missing_parts(inputs: Sequence[Inputs]) -> Iterable[Diagnostic]:
    """Yield a warning of the shards that ought to be there, too."""
    parts = [item.part for item in inputs if item.part]
    if not parts or len({part.of for part in parts}) > 1:
        return
    missing = sorted(set(range(1, parts[0].of + 1)) - {part.index for part in parts})
    if missing:
        listed = ", ".join(f"{index}/{parts[0].of}" for index in missing)
        yield Diagnostic("warning", "missing-shards", f"shards are missing: {listed}; what they did is not in here")


def _worst(found: Sequence[Guard]) -> Guard:
    return max(found, key=lambda guard: (guard.blocked, guard.observed))


def _outcome(outcomes: Sequence[OutcomeName]) -> OutcomeName:
    """Return what several runs came to: as one of them, if all came to the same; else the less fortunate."""
    if len(set(outcomes)) == 1:
        return outcomes[0]
    return "interrupted" if "interrupted" in outcomes else "incomplete"


def _summed(kind: Callable[..., T], values: Sequence[tuple[float, ...]]) -> T:
    return kind(*map(sum, zip(*values, strict=True)))
