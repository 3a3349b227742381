"""The workflow that keeps one issue about drift."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli.command import started
from pipelines.conftest import GitHub
from pipelines.files import DRIFT, LIBRARY, MANIFESTS, Ran, holds, step

JOB = DRIFT["jobs"]["drift"]
SCRIPT = step(DRIFT, "Keep one issue")["run"]
MARKER = "<!-- tagsync drift production -->"


def keep(github: GitHub, *, code: str = "0", changes: str = "3", report: str = "### Plan: 3 files\n") -> Ran:
    github.out.mkdir(parents=True, exist_ok=True)
    (github.out / "report.md").write_text(report, encoding="utf-8")
    return github.script(SCRIPT, ENVIRONMENT="production", EXITCODE=code, CHANGES=changes)


def issues(github: GitHub) -> list[tuple[int, str]]:
    return [(issue["number"], issue["state"]) for issue in github.state["issues"]]


def issue(number: int, body: str | None, login: str = "github-actions[bot]", **more: Any) -> dict[str, Any]:
    return {"number": number, "state": "open", "user": {"login": login}, "body": body, **more}


def test_drift_issue_is_opened_updated_and_closed(github: GitHub) -> None:
    assert keep(github).code == 0
    [opened] = github.state["issues"]
    assert opened["title"] == "tagsync: drift in production"
    assert opened["body"].startswith(f"{MARKER}\n\nThe library differs from the manifests. [The latest run](https://")
    assert opened["body"].endswith("shows how:\n\n### Plan: 3 files\n")
    assert keep(github, changes="5", code="4", report="### Plan blocked: 5 files\n").code == 0
    [updated] = github.state["issues"]
    assert updated["body"].endswith("### Plan blocked: 5 files\n")
    assert keep(github, changes="0").code == 0
    assert issues(github) == [(100, "closed")]
    assert [comment["issue"] for comment in github.state["comments"]] == [100]
    assert keep(github).code == 0
    assert issues(github) == [(100, "closed"), (101, "open")]


def test_drift_issue_is_not_touched_without_drift(github: GitHub) -> None:
    assert keep(github, changes="0").code == 0
    assert issues(github) == []
    assert len(github.state["calls"]) == 1


@pytest.mark.parametrize(
    ("code", "changes"), [("1", "0"), ("130", "0"), ("", ""), ("0", ""), ("0\n4", "1"), ("4", "x")]
)
def test_drift_issue_stays_after_a_failure(github: GitHub, code: str, changes: str) -> None:
    github.set(issues=[issue(5, f"{MARKER}\nold")])
    ran = keep(github, code=code, changes=changes)
    assert (ran.code, ran.out.startswith("::error::tagsync made no plan, so the issue stays as it is.")) == (1, True)
    assert github.state["issues"] == [issue(5, f"{MARKER}\nold")]
    assert github.state["calls"] == []


def test_drift_issue_is_recognised_by_its_marker_and_author(github: GitHub) -> None:
    others = [
        issue(1, f"{MARKER}\n", "mallory"),
        issue(2, f"look: {MARKER}\n"),
        issue(3, f"x\n{MARKER}\n"),
        issue(4, None),
        issue(6, f"{MARKER}\n", pull_request={}),
        issue(8, "<!-- tagsync drift staging -->\n"),
        *(issue(number, "other") for number in range(1000, 1150)),
    ]
    github.set(issues=[issue(5, f"{MARKER}\r\nold"), issue(9, f"{MARKER}\nolder"), *others])
    assert keep(github).code == 0
    changed = [item["number"] for item in github.state["issues"] if "Plan: 3 files" in (item["body"] or "")]
    assert changed == [5]
    assert [item for item in github.state["issues"] if item["number"] not in (5, 9)] == others


def test_drift_issue_needs_github_to_answer(github: GitHub) -> None:
    github.env["GH_TOKEN"] = ""
    assert keep(github).code != 0


def test_drift_job_has_minimal_permissions_and_no_key_on_forks() -> None:
    assert DRIFT["permissions"] == {}
    assert JOB["permissions"] == {"contents": "read", "issues": "write"}
    assert set(DRIFT["on"]) == {"schedule", "workflow_dispatch"}
    condition = JOB["if"].removeprefix("${{ ").removesuffix(" }}")
    assert [holds(condition, {"github": {"event": {"repository": {"fork": fork}}}}) for fork in (False, True)] == [
        True,
        False,
    ]
    keyed = [item for item in JOB["steps"] if "secrets." in json.dumps(item)]
    assert [item["id"] for item in keyed] == ["plan"]
    assert re.findall(r"secrets\.(\w+)", json.dumps(DRIFT)) == ["IMAGEKIT_READ_KEY"]
    assert DRIFT["concurrency"]["cancel-in-progress"] is False


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with started("sandbox", "serve", LIBRARY, "--port", "0", "--state-dir", tmp_path / "served") as process:
        assert process.stdout
        yield process.stdout.readline().strip()


@pytest.mark.slow
def test_drift_workflow_follows_a_real_library(github: GitHub, url: str) -> None:
    shutil.copytree(MANIFESTS, github.workspace / "manifests")
    inputs = {"PATHS": "manifests", "ACCOUNT": "example-shop", "ENDPOINT": url, "PRIVATE_KEY": "private_any"}

    def look() -> Ran:
        github.action(COMMAND="plan", **inputs)
        found = github.put_out()
        return github.script(SCRIPT, ENVIRONMENT="production", EXITCODE=found["exitcode"], CHANGES=found["changes"])

    assert look().code == 0
    [opened] = github.state["issues"]
    assert "184 files" in opened["body"]
    assert len(opened["body"].encode()) < 65_536
    assert github.action(COMMAND="apply", **inputs).code == 0
    assert look().code == 0
    assert issues(github) == [(100, "closed")]
