"""What plans cost: small and large libraries, phase by phase, the Tate library, the examples; compared with octoDNS.

Libraries are served by `tagsync sandbox serve` in another process, whose time does not count. The rows of the phases
and of the whole process come from the same runs.
"""

import gzip
import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree

import octodns_plan
from libraries import Made, made
from measure import ROOT, TAGSYNC, TATE, Cost, Figure, Options, cost, printed, repeated, served

SIZES = (10_000, 100_000, 1_000_000)
SMALL, MIDDLE, LARGE = SIZES
FEW, SOME = 0.01, 0.05
"""Shares of the files that differ."""

START_UP_RUNS = 15
WHOLE = "whole process"

TARGETS = {
    (MIDDLE, FEW): {"cpu": 4.5, "peak_mb": 150.0},
    (LARGE, SOME): {"cpu": 55.0, "peak_mb": 350.0},
}
"""The most that a plan with an entry for each file may take, by the number of files and the share that differs."""


class Bench:
    """Measures plans over served libraries.

    Args:
        options: what is to be measured, and where.
    """

    def __init__(self, options: Options) -> None:
        self.work = options.work
        self.plan = options.work / "plan.json"
        self._runs = options.runs
        self._state = options.work / "state"

    def phases(self, library: Made, manifests: Path) -> dict[str, Cost | None]:
        """Return what plans cost, phase by phase; None for a phase that was not found."""
        rmtree(self._state, ignore_errors=True)  # what was learned about a library saves calls
        with served(library.library, self.work / "served") as endpoint:
            rows = [self._run(endpoint, manifests) for _ in range(self._runs)]
        medians: dict[str, Cost | None] = {}
        for name in rows[0]:
            costs = [row[name] for row in rows]
            medians[name] = Cost.median([each for each in costs if each]) if all(costs) else None
        return medians

    def whole(self, library: Made, manifests: Path) -> Cost:
        """Return what plans cost as a whole."""
        whole = self.phases(library, manifests)[WHOLE]
        assert whole  # noqa: S101 - only a phase may not be found
        return whole

    def _run(self, endpoint: str, manifests: Path) -> dict[str, Cost | None]:
        out = self.work / "phases.json"
        command = [sys.executable, str(Path(__file__).with_name("phases.py")), str(out), "plan", "--quiet"]
        command += ["--endpoint", endpoint, "--account=benchmark", f"--state-dir={self._state}", f"--out={self.plan}"]
        whole = cost([*command, str(manifests)])
        phases = json.loads(out.read_bytes())
        return {**{name: Cost(*row) if row else None for name, row in phases.items()}, WHOLE: whole}


def figures(options: Options) -> Iterator[Figure]:
    """Yield what plans of invented libraries cost, and how that grows with their size."""
    bench = Bench(options)
    wholes: dict[int, Cost] = {}
    shares = [*((size, SOME) for size in options.sizes), *([(MIDDLE, FEW)] if MIDDLE in options.sizes else [])]
    for size, share in shares:
        library = made(options.work, size, share)
        rows = bench.phases(library, library.entries)
        yield from of_plan(f"{size:,} files, {share:.0%} differ", rows, **TARGETS.get((size, share), {}))
        whole = rows[WHOLE]
        if whole and share == SOME:
            wholes[size] = whole
    small, large = min(wholes), max(wholes)
    if small < large:
        power = math.log(wholes[large].cpu / wholes[small].cpu) / math.log(large / small)
        target = 1.05 if (small, large) == (SMALL, LARGE) else None
        yield Figure(f"CPU from {small:,} to {large:,} files grows with", power, "exponent", target)
    if LARGE in options.sizes:
        yield from of_selections(bench, made(options.work, LARGE, SOME))


def of_plan(name: str, rows: dict[str, Cost | None], **targets: float) -> Iterator[Figure]:
    """Yield the figures of plans with an entry for each file."""
    for phase, row in rows.items():
        if row is None:
            yield Figure(f"{name}: {phase}", None, "not found: update phases.py")
        elif phase == WHOLE:
            yield from row.figures(name, **targets)
        else:
            yield Figure(f"{name}: {phase}", row.cpu, "s CPU")


def of_selections(bench: Bench, library: Made) -> Iterator[Figure]:
    """Yield the figures of plans that select many files by globs, or few by their paths."""
    globs = library.globs.read_text(encoding="utf-8").count("match:")
    yield from bench.whole(library, library.globs).figures(f"{LARGE:,} files, {globs} globs", cpu=60, peak_mb=300)
    whole = bench.whole(library, library.twenty)
    reads = json.loads(bench.plan.read_bytes())["inputs"]["readRequests"]
    yield Figure(f"20 paths in {LARGE:,} files", reads, "read calls", 10)
    yield Figure(f"20 paths in {LARGE:,} files", whole.seconds, "s", 2)


def tate(options: Options) -> Iterator[Figure]:
    """Yield what a plan of the Tate library costs in a sandbox that is seeded already."""
    if not TATE.is_dir():
        yield Figure("Tate", None, "skipped: no ../shared/tate")
        return
    library, manifests = options.work / "tate.jsonl", options.work / "tate"
    library.write_bytes(gzip.decompress((TATE / "library.jsonl.gz").read_bytes()))
    rmtree(manifests, ignore_errors=True)
    printed([sys.executable, str(TATE / "make_manifests.py"), str(manifests)])
    command = in_sandbox(library, options.work / "tate-state", manifests)
    cost(command)  # seeds the sandbox
    yield from repeated(options.runs, lambda: cost(command)).figures("Tate: plan", cpu=10, peak_mb=350)
    validated = repeated(options.runs, lambda: cost([*TAGSYNC, "validate", "--quiet", str(manifests)]))
    yield from validated.figures("Tate: validate", cpu=2.5)


def in_sandbox(library: Path, state: Path, manifests: Path) -> list[str]:
    """Return a command that plans against a library of a sandbox."""
    plan = ["plan", "--quiet", "--format=json", "--sandbox", str(library), f"--state-dir={state}", str(manifests)]
    return [*TAGSYNC, *plan]


def start_up(options: Options) -> Iterator[Figure]:
    """Yield what the smallest commands cost."""
    empty = options.work / "empty.yaml"
    empty.write_text("apiVersion: tagsync/v1\nkind: TagSet\nspec: {files: []}\n", encoding="utf-8")
    examples, state = ROOT / "examples", options.work / "examples-state"
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "--version": [*TAGSYNC, "--version"],
        "--help": [*TAGSYNC, "--help"],
        "empty plan": in_sandbox(examples / "library.jsonl", state, empty),
        "plan of the examples": in_sandbox(examples / "library.jsonl", state, examples / "manifests"),
    }
    cost(commands["empty plan"])  # seeds the sandbox
    targets = {"plan of the examples": 1.2}
    costs = {name: repeated(START_UP_RUNS, lambda command=command: cost(command)) for name, command in commands.items()}  # type: ignore[misc]
    for name, each in costs.items():
        yield Figure(name, each.cpu, "s CPU", targets.get(name))
    bare, version = costs["python -c pass"], costs["--version"]
    yield Figure("--version, compared with python -c pass", version.seconds / bare.seconds, "times as long", 3)
    yield Figure("--version, compared with python -c pass", version.cpu / bare.cpu, "times the CPU", 3)


def beside_octodns(options: Options) -> Iterator[Figure]:
    """Yield what plans of tagsync and of octoDNS cost with as many files as records."""
    if not octodns_plan.is_installed():
        yield Figure("octoDNS", None, "skipped: no extra bench")
        return
    bench = Bench(options)
    for size in options.sizes:
        if size <= MIDDLE:
            library = made(options.work, size, FEW)
            ours = bench.whole(library, library.entries)
            theirs = repeated(options.runs, lambda size=size: octodns_plan.planned(options.work, size))  # type: ignore[misc]
            yield from theirs.figures(f"octoDNS, {size:,} records, {FEW:.0%} differ")
            name = f"tagsync / octoDNS, {size:,} files or records"
            yield Figure(name, ours.cpu / theirs.cpu, "of the CPU")
            yield Figure(name, ours.peak_mb / theirs.peak_mb, "of the memory")
