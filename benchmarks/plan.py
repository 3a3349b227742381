"""Measure a plan as a whole process, and manifest reading alone, over a library that is already seeded.

    python benchmarks/plan.py [LIBRARY.jsonl MANIFESTS]

Without arguments: the Tate library in ../shared/tate where it is, else an invented library of 50,000 files.
"""

import gzip
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

RUNS = 3
TATE = Path(__file__).parents[2] / "shared" / "tate"

READING = """
import gc, sys, time
gc.set_threshold(100_000, 50, 1000)
from tagsync.manifest.read import read_manifests
began = time.process_time()
entries = len(read_manifests([sys.argv[1]]).entries)
print(entries, time.process_time() - began)
"""


class Cost(NamedTuple):
    """What one process took."""

    cpu_seconds: float
    wall_seconds: float
    peak_mb: float


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        library, manifests = map(Path, sys.argv[1:3]) if len(sys.argv) > 2 else data(work)  # noqa: PLR2004 - two paths
        plan = [sys.executable, "-m", "tagsync", "plan", "--quiet", "--sandbox", str(library), "--format", "json"]
        plan += ["--state-dir", str(work / "state"), str(manifests)]
        first = cost(plan, work / "plan.json")
        runs = [cost(plan, work / "plan.json") for _ in range(RUNS)]
        summary = json.loads((work / "plan.json").read_text(encoding="utf-8"))
        print(f"library {library}, {summary['inputs']['files']:,} files; manifests {size_of(manifests) / 1e6:.1f} MB")
        print(f"plan: {summary['summary']}")
        print(f"estimate: {summary['estimate']}; read requests: {summary['inputs']['readRequests']}")
        print(f"first run, seeding included: {first.wall_seconds:.1f} s wall")
        print(f"plan, median of {RUNS}: {median(runs, lambda run: run.cpu_seconds):.1f} s CPU, ", end="")
        print(f"{median(runs, lambda run: run.wall_seconds):.1f} s wall, ", end="")
        print(f"{median(runs, lambda run: run.peak_mb):.0f} MB peak (limits: 12 s, 600 MB)")
        readings = [reading(manifests) for _ in range(RUNS)]
        print(f"manifest reading alone, median of {RUNS}: {statistics.median(readings):.2f} s CPU (limit: 2.5 s)")


def median(runs: list[Cost], figure: Callable[[Cost], float]) -> float:
    """Return the median of one figure."""
    return statistics.median(map(figure, runs))


def cost(command: list[str], out: Path) -> Cost:
    """Run a command and return what the operating system says of it."""
    with out.open("wb") as stream:
        began = os.times().elapsed
        process = subprocess.Popen(command, stdout=stream)  # noqa: S603 - our own command
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed with {process.returncode}")
    return Cost(usage.ru_utime + usage.ru_stime, os.times().elapsed - began, usage.ru_maxrss / 1024)


def reading(manifests: Path) -> float:
    """Return the CPU seconds that reading the manifests takes in a process of its own."""
    command = [sys.executable, "-c", READING, str(manifests)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own command
    return float(printed.stdout.split()[1])


def size_of(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def data(work: Path) -> tuple[Path, Path]:
    """Return a library and manifests: Tate's where they are, else invented ones."""
    if not TATE.is_dir():
        return invented(work)
    library = work / "library.jsonl"
    with gzip.open(TATE / "library.jsonl.gz") as packed:
        library.write_bytes(packed.read())
    subprocess.run([sys.executable, str(TATE / "make_manifests.py"), str(work / "m")], check=True)  # noqa: S603 - its own script
    return library, work / "m"


def invented(work: Path, files: int = 50_000) -> tuple[Path, Path]:
    """Write a library and a manifest with one entry a file, a tenth of them differing."""
    draw = random.Random(1)  # noqa: S311 - an invented library
    words = [f"tag-{number:03d}" for number in range(400)]
    library, manifests = work / "library.jsonl", work / "m"
    manifests.mkdir()
    with library.open("w", encoding="utf-8") as lines, (manifests / "all.yaml").open("w", encoding="utf-8") as out:
        out.write("apiVersion: tagsync/v1\nkind: TagSet\nspec:\n  files:\n")
        for number in range(files):
            path, tags = f"/f/{number % 300:03d}/{number:06d}.jpg", draw.sample(words, 7)
            held = tags[1:] if draw.random() < 0.1 else tags  # noqa: PLR2004 - the tenth that differs
            created = f"2024-01-01T{number // 3600 % 24:02d}:{number // 60 % 60:02d}:{number % 60:02d}.000Z"
            item = {"type": "file", "fileId": f"{number:024x}", "filePath": path, "tags": held, "createdAt": created}
            lines.write(json.dumps(item) + "\n")
            out.write(f"    - path: {path}\n      tags: {json.dumps(tags)}\n")
    return library, manifests


if __name__ == "__main__":
    main()
