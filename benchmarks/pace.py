"""Measure how well applies keep to a limit: real processes against a served sandbox that counts 40 calls a second.

    python benchmarks/pace.py [PROCESSES ...]

Applies 5,000 files with 50 tag sets and 1,000 further tags: in one process, and in four that know nothing of each
other, each with a shard. Figures to hold: no wrong file; 429s at most 2 % of the calls of one process, and its writing
at most 1.15 times as long as the limit makes necessary; four processes use at least 85 % of the limit.
"""

import base64
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

LIMIT = 40
LATENCY_MS = 30
FILES, SETS, FILES_A_SHOOT = 5_000, 50, 5
TAGSYNC = [sys.executable, "-m", "tagsync"]
KEY = "private_benchmark"


class Run(NamedTuple):
    """What one process reported."""

    sent: int
    throttled: int
    writing: float
    """Seconds from the look before the first write to the last answer."""


def main() -> None:
    """Print the table."""
    for processes in map(int, sys.argv[1:] or ("1", "4")):
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder)
            library, manifest, wanted = invented(work)
            with served(library, work) as endpoint:
                began = time.monotonic()
                runs = applied(manifest, endpoint, work, processes)
                wall = time.monotonic() - began
                tell(runs, wall, wrong=sum(tags != wanted[path] for path, tags in held(endpoint)))


def tell(runs: list[Run], wall: float, *, wrong: int) -> None:
    """Print the figures of one round."""
    sent, throttled = sum(run.sent for run in runs), sum(run.throttled for run in runs)
    passed, writing = sent - throttled, max(run.writing for run in runs)
    print(
        f"{len(runs)} process(es): {sent:,} calls of {'/'.join(f'{run.sent:,}' for run in runs)}, {wrong} wrong files"
    )
    print(f"  429s: {throttled} ({throttled / sent:.1%})")
    print(f"  writing: {writing:.1f} s ({', '.join(f'{run.writing:.1f}' for run in runs)}), ", end="")
    print(f"{writing / (passed / LIMIT):.2f} times calls / limit, {passed / writing / LIMIT:.0%} of the limit used")
    print(f"  whole processes, start-up, plan and reading back included: {wall:.1f} s", flush=True)


def invented(work: Path) -> tuple[Path, Path, dict[str, set[str]]]:
    """Write a library without tags and a manifest; return both, and the tags that each path should have."""
    library, manifest = work / "library.jsonl", work / "tags.yaml"
    wanted: dict[str, set[str]] = {}
    with library.open("w", encoding="utf-8") as lines, manifest.open("w", encoding="utf-8") as out:
        out.write("apiVersion: tagsync/v1\nkind: TagSet\nspec:\n  files:\n")
        for number in range(FILES):
            path, kind = f"/{number % 20:02d}/{number:05d}.jpg", number * SETS // FILES
            tags = [f"set-{kind:02d}-{letter}" for letter in "abc"] + [f"shoot-{number // FILES_A_SHOOT:04d}"]
            wanted[path] = set(tags)
            created = f"2024-01-01T{number // 3600 % 24:02d}:{number // 60 % 60:02d}:{number % 60:02d}.000Z"
            item = {"type": "file", "fileId": f"{number:024x}", "filePath": path, "tags": None, "createdAt": created}
            lines.write(json.dumps(item) + "\n")
            out.write(f"    - path: {path}\n      tags: {json.dumps(tags)}\n")
    return library, manifest, wanted


@contextmanager
def served(library: Path, work: Path) -> Iterator[str]:
    """Serve a library with the limit; yield its address."""
    options = ["--port=0", f"--limit={LIMIT}/1", f"--latency-ms={LATENCY_MS}", f"--state-dir={work / 'served'}"]
    command = [*TAGSYNC, "sandbox", "serve", str(library), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as serving:  # noqa: S603 - its own command
        try:
            assert serving.stdout  # noqa: S101 - asked for above
            yield serving.stdout.readline().strip()
        finally:
            serving.terminate()


def applied(manifest: Path, endpoint: str, work: Path, processes: int) -> list[Run]:
    """Apply in so many processes at once, and return what each reported."""
    reports = [work / f"report-{number}.json" for number in range(processes)]
    base = [*TAGSYNC, "apply", "--yes", "--quiet", "--endpoint", endpoint, "--account=benchmark"]
    running = [
        subprocess.Popen(  # noqa: S603 - its own command
            [
                *base,
                *(f"--report=json={report}", f"--state-dir={work / str(number)}"),
                *([f"--shard={number + 1}/{processes}"] if processes > 1 else []),
                str(manifest),
            ],
            env={**os.environ, "IMAGEKIT_PRIVATE_KEY": KEY, "XDG_STATE_HOME": str(work / "locks")},
            stdout=subprocess.DEVNULL,
        )
        for number, report in enumerate(reports)
    ]
    codes = [process.wait() for process in running]
    if any(codes):
        sys.exit(f"apply ended with {codes}")
    return [run_of(json.loads(report.read_text(encoding="utf-8"))) for report in reports]


def run_of(report: dict[str, Any]) -> Run:
    """Return the figures of a report."""
    requests = report["requests"]
    return Run(requests["sent"], requests["throttled"], requests["sent"] / report["timing"]["requestsPerSecond"])


def held(endpoint: str) -> Iterator[tuple[str, set[str]]]:
    """Yield each path of the served library with the tags that it has."""
    basic = base64.b64encode(f"{KEY}:".encode()).decode()
    for skip in range(0, FILES, 1000):
        url = f"{endpoint}/v1/files?limit=1000&skip={skip}&sort=ASC_CREATED"
        request = urllib.request.Request(url, headers={"Authorization": f"Basic {basic}"})  # noqa: S310 - our own address
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - likewise
            for item in json.load(answer):
                yield item["filePath"], set(item["tags"] or ())


if __name__ == "__main__":
    main()
