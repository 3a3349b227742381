"""How well applies keep to a rate limit: real processes against a served sandbox that allows 40 calls a second.

They apply 50 tag sets and 1,000 further tags to 5,000 files: one process alone, and four at once that know nothing of
each other, each with a shard.
"""

import base64
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from measure import KEY, TAGSYNC, Figure, Options, empty, environment, served

LIMIT = 40
LATENCY_MS = 30
FILES, SETS, FILES_A_SHOOT = 5_000, 50, 5


class Run(NamedTuple):
    """What one process reported."""

    sent: int
    throttled: int
    writing: float
    """Seconds from the look before the first write to the last answer."""


def figures(options: Options) -> Iterator[Figure]:
    """Yield the figures of one process, and of four."""
    for processes in (1, 4):
        work = empty(options.work / f"pace-{processes}")
        library, manifest, wanted = invented(work)
        with served(library, work / "served", f"--limit={LIMIT}/1", f"--latency-ms={LATENCY_MS}") as endpoint:
            runs = applied(manifest, endpoint, work, processes)
            wrong = sum(tags != wanted[path] for path, tags in held(endpoint))
        yield from of_runs(runs, wrong)


def of_runs(runs: list[Run], wrong: int) -> Iterator[Figure]:
    """Yield the figures of processes that applied side by side."""
    name, is_alone = f"{len(runs)} process(es) at a limit", len(runs) == 1
    sent, throttled = sum(run.sent for run in runs), sum(run.throttled for run in runs)
    passed, writing = sent - throttled, max(run.writing for run in runs)
    yield Figure(f"{name}: wrong files", wrong, "files", 0)
    yield Figure(f"{name}: calls", sent, "calls")
    yield Figure(f"{name}: refused calls", 100 * throttled / sent, "%", 2 if is_alone else None)
    yield Figure(f"{name}: time", writing / (passed / LIMIT), "times calls / limit", 1.15 if is_alone else 1 / 0.85)


def invented(work: Path) -> tuple[Path, Path, dict[str, set[str]]]:
    """Write a library without tags and a manifest; return both, and the tags that each path should have."""
    library, manifest = work / "library.jsonl", work / "tags.yaml"
    wanted: dict[str, set[str]] = {}
    with library.open("w", encoding="utf-8") as lines, manifest.open("w", encoding="utf-8") as out:
        out.write("apiVersion: tagsync/v1\nkind: Policy\nspec: {guards: {newTags: {above: 5000}}}\n---\n")
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
            env=environment({"XDG_STATE_HOME": str(work / "locks")}),
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
