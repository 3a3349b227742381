"""What a plan costs for ten thousand, a hundred thousand and a million files, phase by phase, beside what it may cost.

    python benchmarks/scale.py [--sizes N,N,...] [--runs N] [--work DIR] [--json FILE] [--no-octodns]

The libraries are served by `tagsync sandbox serve` in another process, whose time does not count. They are made in DIR
and kept there: a million files take some minutes and 4 GB. Without --work the folder is a temporary one.

All figures are medians. The rows of the phases and of the whole process come from the same runs. "Peak" is the most
memory that the process, or the largest of its children, had had by the end of the phase.
"""

import argparse
import json
import math
import platform
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from shutil import rmtree
from typing import Any, NamedTuple

import octodns_plan
from libraries import Made, made, source_name
from phases import PHASES
from processes import TAGSYNC, Cost, cost, repeated, served

SIZES = (10_000, 100_000, 1_000_000)
HUNDRED_THOUSAND, MILLION = SIZES[1:]
FEW, SOME = 0.01, 0.05
"""Shares of the files that differ."""

START_UP_RUNS = 15

WHOLE = "whole process"
PACKAGE = Path(__file__).parents[1]


class Held(NamedTuple):
    """One figure beside the most that it may be."""

    scenario: str
    figure: str
    measured: float
    limit: float

    @property
    def ratio(self) -> float:
        """How much of the limit is used; above 1 it is missed."""
        return self.measured / self.limit


class Bench:
    """Measures plans over libraries of a folder.

    Args:
        work: the folder.
        runs: of so many runs the median counts.
    """

    def __init__(self, work: Path, runs: int) -> None:
        self.work = work
        self.runs = runs

    def phases(self, library: Made, manifests: Path, *options: str) -> dict[str, Cost]:
        """Return what plans cost over a library that is served meanwhile, phase by phase."""
        rmtree(self.state, ignore_errors=True)  # what was learned about a library saves calls
        with served(library.library, self.work / "served") as endpoint:
            rows = [self._run(endpoint, manifests, *options) for _ in range(self.runs)]
        return {name: Cost.median([row[name] for row in rows]) for name in rows[0]}

    def _run(self, endpoint: str, manifests: Path, *options: str) -> dict[str, Cost]:
        out = self.work / "phases.json"
        command = [sys.executable, str(Path(__file__).with_name("phases.py")), str(out), "plan", "--quiet"]
        command += ["--endpoint", endpoint, "--account=benchmark", f"--state-dir={self.state}"]
        whole = cost([*command, f"--out={self.plan}", *options, str(manifests)])
        return {**{name: Cost(*row) for name, row in json.loads(out.read_bytes()).items()}, WHOLE: whole}

    @property
    def state(self) -> Path:
        """The state directory of plans."""
        return self.work / "state"

    @property
    def plan(self) -> Path:
        """Where the last plan was saved."""
        return self.work / "plan.json"


def main() -> None:
    """Print the tables."""
    asked = arguments()
    with tempfile.TemporaryDirectory() as folder:
        work = asked.work or Path(folder)
        work.mkdir(parents=True, exist_ok=True)
        bench = Bench(work.resolve(), asked.runs)
        print(f"{source_name()} files, Python {platform.python_version()}, median of {asked.runs} runs", flush=True)
        growing = sized(bench, asked.sizes)
        held = [*grown(growing), *scenarios(bench, asked.sizes), *start_up(bench)]
        beside = beside_octodns(bench, asked.sizes) if asked.octodns and octodns_plan.is_installed() else {}
    tell_held(held)
    if asked.json:
        document = {
            "files": source_name(),
            "python": platform.python_version(),
            "runs": asked.runs,
            "sizes": {size: as_json(rows) for size, rows in growing.items()},
            "exponents": {name: exponent(growing, name) for name in (*PHASES, WHOLE)},
            "scenarios": [{**row._asdict(), "ratio": row.ratio} for row in held],
            "octodns": {size: as_json(rows) for size, rows in beside.items()},
        }
        asked.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def arguments() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--sizes", type=lambda text: tuple(map(int, text.split(","))), default=SIZES, metavar="N,N,...")
    parser.add_argument("--runs", type=int, default=3, metavar="N")
    parser.add_argument("--work", type=Path, metavar="DIR", help="where libraries are made and kept")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    parser.add_argument("--no-octodns", dest="octodns", action="store_false")
    return parser.parse_args()


def sized(bench: Bench, sizes: Sequence[int]) -> dict[int, dict[str, Cost]]:
    """Measure libraries of several sizes, one entry a file, and print a table of each."""
    growing = {}
    for size in sizes:
        library = made(bench.work, size, SOME)
        growing[size] = bench.phases(library, library.entries)
        tell_phases(f"{size:,} files, one entry each, {SOME:.0%} differ", growing[size])
    if len(sizes) > 1:
        print(f"growth of CPU from {min(sizes):,} to {max(sizes):,} files, as an exponent:")
        for name in (*PHASES, WHOLE):
            power = exponent(growing, name)
            print(f"  {name:18} {'-' if power is None else f'{power:.2f}':>6}", flush=True)
    return growing


def exponent(growing: dict[int, dict[str, Cost]], name: str) -> float | None:
    """Return the power of the number of files that the CPU seconds of a row grow with; None if they are too few."""
    small, large = min(growing), max(growing)
    if small == large or not growing[small][name].cpu > 0 < growing[large][name].cpu:
        return None
    return math.log(growing[large][name].cpu / growing[small][name].cpu) / math.log(large / small)


def grown(growing: dict[int, dict[str, Cost]]) -> Iterator[Held]:
    """Yield what a million files with an entry each may cost."""
    if MILLION in growing:
        scenario, whole = f"{MILLION:,} files, one entry each, {SOME:.0%} differ", growing[MILLION][WHOLE]
        yield Held(scenario, "s CPU", whole.cpu, 75)
        yield Held(scenario, "MB", whole.peak_mb, 400)
        power = exponent(growing, WHOLE)
        if SIZES[0] in growing and power is not None:
            yield Held(scenario, "exponent", power, 1.1)


def scenarios(bench: Bench, sizes: Sequence[int]) -> Iterator[Held]:
    """Yield what other plans over libraries of these sizes may cost."""
    if HUNDRED_THOUSAND in sizes:
        library = made(bench.work, HUNDRED_THOUSAND, FEW)
        scenario = f"{HUNDRED_THOUSAND:,} files, one entry each, {FEW:.0%} differ"
        rows = bench.phases(library, library.entries)
        tell_phases(scenario, rows)
        yield Held(scenario, "s CPU", rows[WHOLE].cpu, 6)
        yield Held(scenario, "MB", rows[WHOLE].peak_mb, 200)
    if MILLION in sizes:
        library = made(bench.work, MILLION, SOME)
        globs = library.globs.read_text(encoding="utf-8").count("match:")
        scenario = f"{MILLION:,} files, {globs} globs"
        rows = bench.phases(library, library.globs)
        tell_phases(scenario, rows)
        yield Held(scenario, "s CPU", rows[WHOLE].cpu, 60)
        yield Held(scenario, "MB", rows[WHOLE].peak_mb, 300)
        scenario = f"20 paths in {MILLION:,} files"
        rows = bench.phases(library, library.twenty)
        tell_phases(scenario, rows)
        reads = json.loads(bench.plan.read_bytes())["inputs"]["readRequests"]
        yield Held(scenario, "read calls", reads, 10)
        yield Held(scenario, "s", rows[WHOLE].seconds, 2)


def start_up(bench: Bench) -> Iterator[Held]:
    """Yield what the smallest commands may cost."""
    empty = bench.work / "empty.yaml"
    empty.write_text("apiVersion: tagsync/v1\nkind: TagSet\nspec: {files: []}\n", encoding="utf-8")
    examples = PACKAGE / "examples"
    plan = [
        *TAGSYNC,
        "plan",
        "--quiet",
        "--sandbox",
        str(examples / "library.jsonl"),
        f"--state-dir={bench.state}",
    ]
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "--version": [*TAGSYNC, "--version"],
        "--help": [*TAGSYNC, "--help"],
        "plan of nothing": [*plan, str(empty)],
        "plan of the examples": [*plan, str(examples / "manifests")],
    }
    cost(commands["plan of nothing"])  # seeds the sandbox
    costs = {name: repeated(START_UP_RUNS, lambda command=command: cost(command)) for name, command in commands.items()}  # type: ignore[misc]
    tell_phases(f"start-up, median of {START_UP_RUNS}", costs)
    bare, version = costs["python -c pass"], costs["--version"]
    yield Held("--version beside python -c pass", "times as long", version.seconds / bare.seconds, 3)
    yield Held("--version beside python -c pass", "times the CPU", version.cpu / bare.cpu, 3)
    yield Held("plan of the examples in a sandbox", "s CPU", costs["plan of the examples"].cpu, 1.2)


def beside_octodns(bench: Bench, sizes: Sequence[int]) -> dict[int, dict[str, Cost]]:
    """Measure plans of tagsync and of octoDNS with as many files as records, and print both."""
    beside = {}
    for size in [size for size in sizes if size <= HUNDRED_THOUSAND]:
        library = made(bench.work, size, FEW)
        ours = bench.phases(library, library.entries)[WHOLE]
        theirs = repeated(bench.runs, lambda size=size: octodns_plan.planned(bench.work, size))  # type: ignore[misc]
        beside[size] = {"tagsync": ours, "octoDNS": theirs}
        tell_phases(f"{size:,} files or records, one entry each, {FEW:.0%} differ", beside[size])
        print(f"  tagsync / octoDNS: {ours.cpu / theirs.cpu:.2f} of the CPU, ", end="")
        print(f"{ours.peak_mb / theirs.peak_mb:.2f} of the memory", flush=True)
    return beside


def tell_phases(title: str, rows: dict[str, Cost]) -> None:
    """Print a table of what things took."""
    print(f"{title}\n  {'':22} {'seconds':>9} {'CPU s':>9} {'peak MB':>9}")
    for name, row in rows.items():
        print(f"  {name:22} {row.seconds:9.3f} {row.cpu:9.3f} {row.peak_mb:9.0f}", flush=True)


def tell_held(held: Sequence[Held]) -> None:
    """Print the table of figures beside their limits."""
    print(f"{'scenario':52} {'figure':14} {'measured':>9} {'limit':>7} {'ratio':>6}")
    for row in held:
        missed = "  missed" if row.ratio > 1 else ""
        print(f"{row.scenario:52} {row.figure:14} {row.measured:9.2f} {row.limit:7g} {row.ratio:6.2f}{missed}")


def as_json(rows: dict[str, Cost]) -> dict[str, Any]:
    """Return what things took as JSON has it."""
    return {name: row._asdict() for name, row in rows.items()}


if __name__ == "__main__":
    main()
