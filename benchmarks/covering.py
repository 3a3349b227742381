"""How many calls covering takes, how near that is to the bound, and what it costs; each cover is verified.

`python benchmarks/covering.py NAME` prints the figures of one workload as JSON: each is measured in its own process.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import ceil
from os import times
from resource import RUSAGE_SELF, getrusage
from typing import Any, NamedTuple

import workloads
from measure import TATE, Figure, Options, printed

from tagsync.model import FileChange, Op, Request
from tagsync.planning.covering import stage

SLACK = 1.01
"""A workload may take one per cent more calls than it took when it was recorded here."""


class Workload(NamedTuple):
    """What to cover.

    Attributes:
        make: makes the changes.
        calls: how many calls it took when they were recorded.
        cpu: how many seconds of CPU covering may take; None where nobody minds.
        is_tate: whether the changes are the Tate library's.
        is_long: whether it takes minutes.
    """

    make: Callable[[], Iterator[FileChange]]
    calls: int | None
    cpu: float | None = None
    is_tate: bool = False
    is_long: bool = False


WORKLOADS = {
    "W1 catalogue": Workload(workloads.catalogue, 5_106),
    "W2 scattered": Workload(workloads.scattered, 2_094),
    "W3 campaign": Workload(workloads.campaign, 1_473),
    "W4 drift": Workload(workloads.drift, 696),
    "W5 clean-up": Workload(workloads.clean_up, 2_000, cpu=6),
    "W6 adversary": Workload(workloads.adversary, 5_258),
    "Tate additions": Workload(workloads.tate_additions, 1_301, is_tate=True),
    "Tate AI removals": Workload(workloads.tate_removals, 959, is_tate=True),
    "W1, 100,000 changed": Workload(partial(workloads.catalogue, 133_500), None, cpu=6),
    "W1, a million changed": Workload(partial(workloads.catalogue, 1_335_000), None, cpu=60, is_long=True),
}


def figures(options: Options) -> Iterator[Figure]:
    """Yield the figures of all workloads."""
    for name, workload in WORKLOADS.items():
        if workload.is_tate and not TATE.is_dir():
            yield Figure(name, None, "skipped: no ../shared/tate")
        elif options.long or not workload.is_long:
            yield from of_workload(name, workload)


def of_workload(name: str, workload: Workload) -> Iterator[Figure]:
    """Yield the figures of one workload."""
    row = json.loads(printed([sys.executable, __file__, name]))
    yield Figure(f"{name}: files", row["files"], "files")
    yield Figure(f"{name}: calls", row["calls"], "calls", workload.calls and int(workload.calls * SLACK))
    yield Figure(f"{name}: calls, one per tag set", row["per_tag_set"], "calls")
    yield Figure(f"{name}: calls, one per tag", row["per_tag"], "calls")
    yield Figure(f"{name}: calls, exact", row["exact"], "calls")
    yield Figure(f"{name}: calls, proven minimum", row["bound"], "calls")
    yield Figure(f"{name}: covering", row["cpu"], "s CPU", workload.cpu)
    yield Figure(f"{name}: covering", row["peak_mb"], "MB above changes")


def measured(make: Callable[[], Iterator[FileChange]]) -> dict[str, Any]:
    """Cover a workload, verify it, and return its figures."""
    changes = [change for change in make() if change.changes]
    base, began = peak_mb(), cpu_seconds()
    stages = stage(changes)
    cpu, peak = cpu_seconds() - began, peak_mb()
    verify(changes, stages.requests())
    exact = stage(changes, exact=True)
    verify(changes, exact.requests(), exact=True)
    return {
        "files": len(changes),
        "per_tag_set": stages.costs.per_tag_set,
        "per_tag": stages.costs.per_tag,
        "calls": len(stages.requests()),
        "exact": len(exact.requests()),
        "bound": stages.costs.lower_bound,
        "cpu": cpu,
        "peak_mb": peak - base,
    }


def verify(changes: Sequence[FileChange], requests: Sequence[Request], *, exact: bool = False) -> None:
    """End with a message unless requests cover all that is needed and nothing forbidden, within the limits."""
    by_id = {change.file.file_id: change for change in changes}
    left = {(change.file.file_id, item.op, item.tag) for change in changes for item in change.changes}
    spared = {names: frozenset(names) for names in {change.spared for change in changes}}
    for request in requests:
        limit = None if request.op == Op.REMOVE_AI else 500
        must(0 < len(request.file_ids) <= 50 and len(set(request.file_ids)) == len(request.file_ids), "files", request)  # noqa: PLR2004 - the API's
        must(bool(request.tags) and (limit is None or len(",".join(request.tags)) <= limit), "characters", request)
        tags = frozenset(request.tags)
        for file_id in request.file_ids:
            change = by_id[file_id]
            free = tags.difference(change.tags(request.op))
            if exact:
                harmless = not free
            elif request.op == Op.ADD:
                harmless = free <= set(change.desired)
            else:
                there = {tag.name for tag in change.file.ai_tags}
                harmless = request.op == Op.REMOVE_AI and not free & there and not free & spared[change.spared]
            must(harmless, "a forbidden cell", request)
            left.difference_update([(file_id, request.op, tag) for tag in tags])
    if left:
        sys.exit(f"{len(left)} needed cells are not covered")


def must(holds: bool, what: str, request: Request) -> None:  # noqa: FBT001 - reads as what must hold
    """End with a message unless something holds."""
    if not holds:
        sys.exit(f"wrong: {what} in {request}")


def cpu_seconds() -> float:
    """Return the CPU seconds of this process so far."""
    return times().user + times().system


def peak_mb() -> float:
    """Return the most memory that this process has had so far."""
    return ceil(getrusage(RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    print(json.dumps(measured(WORKLOADS[sys.argv[1]].make)))
