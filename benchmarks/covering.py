"""Measure how many calls covering takes, how near that is to the bound, and what it costs; each cover is verified.

    python benchmarks/covering.py [--large] [WORKLOAD ...]

Invented workloads W1 to W6, and the Tate library's in ../shared/tate where it is. `--large` adds 100,000 and a million
files. Each row is measured in a process of its own.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import ceil
from os import times
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import Any

import workloads

from tagsync.model import FileChange, Op, Request
from tagsync.planning.covering import stage
from tagsync.planning.covering.matrix import Wanted, matrix_of
from tagsync.planning.covering.portfolio import merge_calls

Make = Callable[[], Iterator[FileChange]]

WORKLOADS: dict[str, Make] = {
    "W1 catalogue": workloads.catalogue,
    "W2 scattered": workloads.scattered,
    "W3 campaign": workloads.campaign,
    "W4 drift": workloads.drift,
    "W5 clean-up": workloads.clean_up,
    "W6 adversary": workloads.adversary,
}
"""What to cover."""

TATE: dict[str, Make] = {
    "Tate adds": workloads.tate_additions,
    "Tate removals": workloads.tate_removals,
}

LARGE: dict[str, Make] = {
    "W1, 100,000 changed": partial(workloads.catalogue, 133_500),
    "W5, 100,000 changed": workloads.clean_up,
    "W1, a million changed": partial(workloads.catalogue, 1_335_000),
}

TARGETS = {
    "Tate adds": "at most 1,330 calls",
    "Tate removals": "at most 965 calls",
    "W1 catalogue": "1.13 of the bound",
    "W2 scattered": "1.05 of the bound",
    "W3 campaign": "1.76 of the bound",
    "W4 drift": "1.09 of the bound",
    "W5 clean-up": "1.00 of the bound",
    "W6 adversary": "1.09 of the bound",
    "W1, 100,000 changed": "6 s",
    "W5, 100,000 changed": "6 s",
    "W1, a million changed": "60 s",
}


def main() -> None:
    """Print the table, or measure the one row that is asked for."""
    known = {**WORKLOADS, **(TATE if workloads.TATE.is_dir() else {}), **LARGE}
    if sys.argv[1:2] == ["--row"]:
        print(json.dumps(measured(known[sys.argv[2]])))
        return
    asked = [name for name in sys.argv[1:] if name in known]
    names = asked or [name for name in known if "--large" in sys.argv or name not in LARGE]
    print("calls: per tag set, per tag, merged, exact; bound; chosen / bound; CPU s and peak MB of `stage` alone")
    for name in names:
        command = [sys.executable, str(Path(__file__)), "--row", name]
        row = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)  # noqa: S603 - this script
        print(line(name, row), flush=True)


def line(name: str, row: dict[str, Any]) -> str:
    """Return a row of the table."""
    target = f" (target: {TARGETS[name]})" if name in TARGETS else ""
    return (
        f"{name}: {row['files']:,} files, {row['cells']:,} cells; per tag set {row['per_tag_set']:,}, "
        f"per tag {row['per_tag']:,}; merged {row['merged']:,}; chosen {row['calls']:,}, exact {row['exact']:,}; "
        f"bound {row['bound']:,}, ratio {row['calls'] / row['bound']:.3f}; "
        f"{row['cpu']:.1f} s, {row['peak_mb']:.0f} MB above the {row['base_mb']:.0f} MB of the changes{target}"
    )


def measured(make: Make) -> dict[str, Any]:
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
        "cells": sum(len(change.changes) for change in changes),
        "per_tag_set": stages.costs.per_tag_set,
        "per_tag": stages.costs.per_tag,
        "merged": merged(changes),
        "calls": len(stages.requests()),
        "exact": len(exact.requests()),
        "bound": stages.costs.lower_bound,
        "cpu": cpu,
        "peak_mb": peak - base,
        "base_mb": base,
    }


def merged(changes: Sequence[FileChange]) -> int:
    """Return the calls that merging tag sets takes by itself."""
    wanted = Wanted(changes[0].changes[0].op)
    for change in changes:
        wanted.add(change, change.tags(wanted.op))
    matrix = matrix_of(wanted, exact=False)
    requests = [matrix.request(call) for call in merge_calls(matrix)]
    verify(changes, requests)
    return len(requests)


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
    main()
