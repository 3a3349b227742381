"""What it takes to show a plan of many changes, and to apply it against a served library."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from measure import TAGSYNC, Figure, Options, cost, empty, printed, served

HEAD = """apiVersion: tagsync/v1
kind: Policy
spec: {guards: {changedFiles: {percent: 100}}}
---
apiVersion: tagsync/v1
kind: TagSet
spec:
  files:
"""
FOLDERS = 100


class Scenario(NamedTuple):
    """Files that all change, and the most memory that applying may take."""

    files: int
    tags: int
    peak_mb: float
    is_long: bool = False


SCENARIOS = (
    Scenario(100_000, 1, 150),
    Scenario(100_000, 5, 200),
    Scenario(1_000_000, 1, 400, is_long=True),
)


def figures(options: Options) -> Iterator[Figure]:
    """Yield the figures of all scenarios; each is measured once, for it changes its library."""
    for scenario in SCENARIOS:
        if options.long or not scenario.is_long:
            yield from of_scenario(scenario, options.work / "apply")


def of_scenario(scenario: Scenario, work: Path) -> Iterator[Figure]:
    """Yield the figures of one scenario."""
    empty(work)
    name = f"{scenario.files:,} files, {scenario.tags} new tag(s) on each"
    library, manifest, report = work / "library.jsonl", work / "tags.yaml", work / "report.json"
    invented(scenario, library, manifest)
    with served(library, work / "served") as endpoint:
        common = ["--quiet", "--endpoint", endpoint, "--account=benchmark", f"--state-dir={work / 'state'}"]
        planned = cost([*TAGSYNC, "plan", *common, f"--out={work / 'plan.json'}", str(manifest)])
        yield from planned.figures(f"plan, {name}")
        for form in ("text", "markdown", "json"):
            shown = cost([*TAGSYNC, "show", "--quiet", "--format", form, str(work / "plan.json")])
            yield from shown.figures(f"show as {form}, {name}")
        applied = cost([*TAGSYNC, "apply", "--yes", *common, f"--report=json={report}", "--rate=1000", str(manifest)])
    check(scenario, work / "plan.json", report)
    yield from applied.figures(f"apply, {name}", peak_mb=scenario.peak_mb)
    yield Figure(f"apply, {name}", applied.seconds, "s")


def check(scenario: Scenario, plan: Path, report: Path) -> None:
    """End with a message unless all files were planned to change, and did: else nothing was measured."""
    program = "import json, sys; d = json.load(open(sys.argv[1])); print(d.get('outcome'), json.dumps(d['summary']))"
    # In other processes: what this one holds would count as memory of those that it starts.
    _, planned = printed([sys.executable, "-c", program, str(plan)]).split(" ", 1)
    outcome, done = printed([sys.executable, "-c", program, str(report)]).split(" ", 1)
    expected = {"filesChanged": scenario.files, "addTags": scenario.files * scenario.tags}
    for summary in (planned, done):
        if not expected.items() <= json.loads(summary).items():
            sys.exit(f"expected {expected}, found {summary}")
    if outcome != "converged":
        sys.exit(f"the apply ended {outcome}")


def invented(scenario: Scenario, library: Path, manifest: Path) -> None:
    """Write a library without tags, and a manifest that declares tags by folder."""
    with library.open("w", encoding="utf-8") as lines:
        for number in range(scenario.files):
            hours, seconds = divmod(number, 3600)
            created = f"2024-01-{1 + hours // 24:02d}T{hours % 24:02d}:{seconds // 60:02d}:{seconds % 60:02d}.000Z"
            path = f"/{number % FOLDERS:02d}/{number:07d}.jpg"
            item = {"type": "file", "fileId": f"{number:024x}", "filePath": path, "tags": None, "createdAt": created}
            lines.write(json.dumps(item) + "\n")
    with manifest.open("w", encoding="utf-8") as entries:
        entries.write(HEAD)
        for folder in range(FOLDERS):
            tags = [f"tag-{folder % 20}-{number}" for number in range(scenario.tags)]
            entries.write(f"    - match: /{folder:02d}/**\n      tags: {json.dumps(tags)}\n")
