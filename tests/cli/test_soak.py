"""Plan and apply repeatedly against a failing library that others change as well."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from statistics import median
from typing import Any, NamedTuple

import httpx
import pytest
from builders import file_object, id_of, write_library
from canary import KEY, watched
from cli.command import environment, started, write_manifest

MAX_CONNECTIONS = 8


pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="this system does not tell of processes so")

PATHS = [f"/{folder}/{number}.jpg" for folder in "abcd" for number in range(100)]
FAULTS: list[dict[str, Any]] = [
    {"status": 429, "headers": {"X-RateLimit-Reset": "300"}},
    {"status": 500},
    {"status": 503, "body": "<html>"},
    {"status": 200, "body": "[{"},
    {"status": 302, "headers": {"location": "https://elsewhere.example"}},
    {"lose": True},
    {"cut": True},
    {"delayMs": 700},
    {"failFiles": [id_of(path) for path in PATHS[:3]]},
]
LIES: list[dict[str, Any]] = [
    {"ignore": True},
    {"status": 200, "body": '{"successfullyUpdatedFileIds": []}'},
]
"""Each of these may take half a minute: an apply waits for delayed details before it reports that nothing was done."""

GROWTH, SLACK_KIB = 1.1, 4096
"""Memory is constant if its median over the last third exceeds that of the third before by no more than this."""

CLIENT = """
import json, sys
import tagsync

target = tagsync.Target(endpoint=sys.argv[1], key=sys.argv[2])
for line in sys.stdin:
    try:
        plan = tagsync.plan(["tags.yaml"], target=target)
        report = tagsync.apply(plan, target=target, options=tagsync.ApplyOptions(acks=frozenset(
            tagsync.Ack(guard.id, plan.digest) for guard in plan.guards
        ))) if plan.changes else None
        result = {"outcome": report.outcome if report else "converged", "changes": len(plan.changes)}
        if report:
            requests = report.requests
            result["struck"] = requests.retried + requests.throttled + requests.failed
            result["confirmed"] = [
                [change.file.file_id, list(change.tags("addTags"))]
                for change, outcome in zip(plan.changes, report.outcomes) if outcome.status == "confirmed"
            ]
    except tagsync.TagsyncError as error:
        result = {"outcome": str(error), "changes": 0, "struck": 1}
    print(json.dumps(result), flush=True)
"""
"""A process that plans and applies for each line of input, and prints the result."""


class Held(NamedTuple):
    """The memory and open files of a process."""

    kib: int
    files: int


def held(process: "subprocess.Popen[str]") -> Held:
    status = Path(f"/proc/{process.pid}/status").read_text("ascii")
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return Held(int(resident.split()[1]), len(list(Path(f"/proc/{process.pid}/fd").iterdir())))


CALLS_A_MINUTE = 2400
"""More than the number of calls, so that failures continue until the end."""


def faults(random: Random, calls: int, kinds: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a script in which every tenth call fails in a different way, and one in four of those that add tags.

    Most calls read files, so that a tenth of all would hardly strike one that writes.
    """
    return [
        {"on": on, "call": call, **random.choice(kinds)}
        for on, one_in in (("addTags", 4), ("any", 10))
        for call in sorted(random.sample(range(1, calls), calls // one_in))
    ]


@contextmanager
def client(url: str) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(  # noqa: S603 - our own
        [sys.executable, "-c", CLIENT, url, KEY],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def asked(running: "subprocess.Popen[str]") -> dict[str, Any]:
    """Let the client plan and apply once."""
    assert running.stdin
    assert running.stdout
    running.stdin.write("go\n")
    running.stdin.flush()
    [said] = watched([running.stdout.readline()])
    result: dict[str, Any] = json.loads(said)
    return result


def declare(random: Random) -> None:
    """Write a manifest that adds one of two tags to each folder and removes the other."""
    entries = []
    for folder in "abcd":
        tags = random.sample(["red", "blue"], 2)
        entries.append(f"- {{match: /{folder}/*, tags: [{tags[0]}, {folder}], absent: [{tags[1]}]}}")
    write_manifest("\n".join(entries))


class Others:
    """Another editor of the library, and the tags that it added."""

    def __init__(self, http: httpx.Client, random: Random) -> None:
        self._http = http
        self._random = random
        self.tags: dict[str, set[str]] = {}

    def edit(self, number: int) -> None:
        file_id, tag = id_of(self._random.choice(PATHS)), f"theirs-{number % 20}"
        self._http.post("/v1/files/addTags", json={"fileIds": [file_id], "tags": [tag]})
        # A call that failed is no update that could be lost.
        if tag in self.shown(file_id):
            self.tags.setdefault(file_id, set()).add(tag)

    def shown(self, file_id: str) -> set[str]:
        while True:
            answer = self._http.get(f"/v1/files/{file_id}/details")
            try:
                return set(answer.json()["tags"] or ())
            except (ValueError, KeyError, TypeError):
                continue


def soak(minutes: float, folder: Path, kinds: Sequence[dict[str, Any]]) -> None:
    """Work for some time; check that memory and open files stay the same, and that nothing is lost."""
    random = Random(11)
    library = write_library(folder / "library.jsonl", (file_object(path, ["blue"]) for path in PATHS))
    Path("faults.json").write_text(json.dumps(faults(random, int(CALLS_A_MINUTE * minutes), kinds)), encoding="ascii")
    options = ("--port=0", "--limit=200/1", "--faults=faults.json")
    with started("sandbox", "serve", library, *options) as serving:
        assert serving.stdout
        url = serving.stdout.readline().strip()
        with client(url) as applying, httpx.Client(base_url=url, auth=(KEY, ""), trust_env=False) as http:
            others = Others(http, random)
            seen: list[tuple[Held, Held]] = []
            results = []
            until = time.monotonic() + 60 * minutes
            while time.monotonic() < until or len(seen) < 9:
                declare(random)
                others.edit(len(seen))
                results.append(asked(applying))
                seen.append((held(applying), held(serving)))
                check_confirmed(results[-1], others, random)
            check_flat([each[0] for each in seen])
            check_flat([each[1] for each in seen])
            for part in (results[: len(results) // 3], results[-len(results) // 3 :]):
                assert sum(result.get("struck", 0) for result in part), "the faults struck nothing"
            final = [asked(applying) for _ in range(20)]
            assert final[-1] == {"outcome": "converged", "changes": 0}
            check_kept(others)


def check_confirmed(result: dict[str, Any], others: Others, random: Random) -> None:
    """Check some of the verified changes."""
    confirmed = result.get("confirmed", [])
    for file_id, tags in random.sample(confirmed, min(3, len(confirmed))):
        assert set(tags) <= others.shown(file_id), "confirmed, and not so in the library"


def check_flat(course: Sequence[Held]) -> None:
    third = len(course) // 3
    before, after = (median(each.kib for each in part) for part in (course[third : 2 * third], course[-third:]))
    assert after <= GROWTH * before + SLACK_KIB, f"memory grew from {before} to {after} KiB"
    # The connections of the last apply may be closed by now, or not.
    files = [max(each.files for each in part) for part in (course[third : 2 * third], course[-third:])]
    assert files[1] <= files[0] + MAX_CONNECTIONS, f"open files grew from {files[0]} to {files[1]}"


def check_kept(others: Others) -> None:
    for file_id, tags in others.tags.items():
        assert tags <= others.shown(file_id), "somebody else's tag was lost"


@pytest.mark.slow
def test_fifteen_seconds_of_failures_cost_no_memory_files_or_tags(tmp_path: Path) -> None:
    soak(0.25, tmp_path, FAULTS)


@pytest.mark.slow
def test_half_an_hour_of_failures_costs_no_memory_files_or_tags(tmp_path: Path) -> None:
    soak(30, tmp_path, [*FAULTS, *LIES])
