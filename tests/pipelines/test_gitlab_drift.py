"""The scheduled job of GitLab that keeps one issue about drift."""

import json
import re
import shutil
from pathlib import Path

import pytest
from pipelines.files import CI, LIBRARY, MANIFESTS, TAGSYNC, Ran, check_command, holds, parsed, run
from pipelines.gitlab import GitLab

FILE = CI / "gitlab" / "drift.gitlab-ci.yml"
JOB = parsed(FILE)["tagsync:drift"]
MARKER = "<!-- tagsync drift production -->"
CONFIG = """apiVersion: tagsync/v1
kind: Config
manifests: [manifests]
environments: {production: {account: example-shop}}
"""
PLAN = f"<!-- tagsync plan sha256:{'a' * 64} production -->\n### Plan: 3 files\n"


def look(folder: Path, gitlab: GitLab, *, path: Path = TAGSYNC.parent, **env: str) -> Ran:
    """Run the job in a folder, against a sandbox."""
    given = {
        "PATH": f"{path}:/usr/bin:/bin",
        "CI": "true",
        "CI_API_V4_URL": gitlab.url,
        "CI_PROJECT_ID": "5",
        "CI_JOB_URL": "https://gitlab.example/jobs/1",
        "IMAGEKIT_READ_KEY": "private_x",
        "NOTE_TOKEN": "token",
        "TAGSYNC_ENV": "production",
        "TAGSYNC_SANDBOX": str(LIBRARY),
        "XDG_STATE_HOME": str(folder / "home"),
    }
    return run("\n".join(JOB["script"]), given | env, program=("/bin/sh", "-e"), cwd=folder)


def planned(folder: Path, gitlab: GitLab, *, code: int = 2, text: str | None = PLAN, **env: str) -> Ran:
    """Run the job with a tagsync that ends with an exit code, and has written a report or none."""
    program = folder / "bin" / "tagsync"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/sh\nexit {code}\n", encoding="utf-8")
    program.chmod(0o700)
    report = folder / "drift-production.md"
    report.unlink(missing_ok=True)
    if text is not None:
        report.write_text(text, encoding="utf-8")
    return look(folder, gitlab, path=program.parent, **env)


def test_gitlab_drift_issue_is_opened_updated_and_closed(tmp_path: Path, gitlab: GitLab) -> None:
    assert planned(tmp_path, gitlab).code == 0
    [opened] = gitlab.issues
    assert opened["title"] == "tagsync: drift in production"
    head = "The library differs from the manifests. [The latest job](https://gitlab.example/jobs/1) shows how:"
    assert opened["description"] == f"{MARKER}\n\n{head}\n\n{PLAN}"
    assert planned(tmp_path, gitlab, code=4, text=PLAN.replace("3 files", "5 files")).code == 0
    assert "5 files" in opened["description"]
    assert planned(tmp_path, gitlab, code=0).code == 0
    assert ([item["state"] for item in gitlab.issues], gitlab.comments) == (["closed"], [1])
    assert planned(tmp_path, gitlab).code == 0
    assert [item["state"] for item in gitlab.issues] == ["closed", "opened"]


def test_gitlab_drift_issue_is_not_touched_without_drift(tmp_path: Path, gitlab: GitLab) -> None:
    assert planned(tmp_path, gitlab, code=0).code == 0
    assert set(gitlab.calls) == {"GET"}


@pytest.mark.parametrize(
    ("code", "text"),
    [(1, PLAN), (130, PLAN), (64, None), (2, None), (2, ""), (4, "### 1 error\n"), (0, f"x\n{PLAN}")],
)
def test_gitlab_drift_issue_stays_after_a_failure(tmp_path: Path, gitlab: GitLab, code: int, text: str | None) -> None:
    gitlab.open(f"{MARKER}\nold")
    ran = planned(tmp_path, gitlab, code=code, text=text)
    assert (ran.code, "tagsync made no plan, so the issue stays as it is." in ran.err) == (1, True)
    assert (gitlab.issues[0]["description"], gitlab.calls) == (f"{MARKER}\nold", [])


def test_gitlab_drift_issue_is_recognised_by_its_marker_and_author(tmp_path: Path, gitlab: GitLab) -> None:
    for _ in range(120):
        gitlab.open("other")
    gitlab.open(f"{MARKER}\n", author=2)
    for text in (f"look: {MARKER}\n", f"x\n{MARKER}\n", None, "<!-- tagsync drift staging -->\n"):
        gitlab.open(text)
    for text in (f"{MARKER}\r\nold", f"{MARKER}\nnewer"):
        gitlab.open(text)
    assert planned(tmp_path, gitlab).code == 0
    changed = [item["iid"] for item in gitlab.issues if "Plan: 3 files" in (item["description"] or "")]
    assert changed == [126]
    assert len(gitlab.issues) == 127


def test_gitlab_drift_job_that_gitlab_refuses_fails_and_shows_no_token(tmp_path: Path, gitlab: GitLab) -> None:
    ran = planned(tmp_path, gitlab, NOTE_TOKEN="another")
    assert ran.code != 0
    assert "another" not in ran.out + ran.err


def test_gitlab_drift_job_runs_only_on_schedules_with_the_read_only_key() -> None:
    [rule] = JOB["rules"]

    def starts(source: str, branch: str) -> bool:
        return holds(
            rule["if"], {"ci": {"CI_PIPELINE_SOURCE": source, "CI_COMMIT_BRANCH": branch, "CI_DEFAULT_BRANCH": "main"}}
        )

    assert starts("schedule", "main")
    assert not starts("schedule", "other")
    assert not starts("push", "main")
    text = json.dumps(JOB)
    assert set(re.findall(r"\$(IMAGEKIT_\w+)", text)) == {"IMAGEKIT_READ_KEY"}
    assert JOB["resource_group"] == "tagsync-drift-$TAGSYNC_ENV"
    head = FILE.read_text("utf-8").partition("\nvariables:")[0]
    assert set(re.findall(r"# - (\w+),", head)) == {"IMAGEKIT_READ_KEY", "NOTE_TOKEN"}


def test_gitlab_drift_command_uses_existing_options() -> None:
    [line] = [line.partition(" || ")[0] for line in JOB["script"] if " tagsync " in line and "\n" not in line]
    assert check_command(line) == "plan"


@pytest.mark.slow
def test_gitlab_drift_job_follows_a_real_library(tmp_path: Path, gitlab: GitLab) -> None:
    shutil.copytree(MANIFESTS, tmp_path / "manifests")
    (tmp_path / "tagsync.yaml").write_text(CONFIG, encoding="utf-8")
    ran = look(tmp_path, gitlab)
    assert ran.code == 0, ran.err
    assert "184 files" in gitlab.issues[0]["description"]
    env = {"PATH": f"{TAGSYNC.parent}:/usr/bin:/bin", "TAGSYNC_SANDBOX": str(LIBRARY), "TAGSYNC_ENV": "production"}
    assert run("tagsync apply --yes", env, cwd=tmp_path).code == 0
    assert look(tmp_path, gitlab).code == 0
    assert gitlab.issues[0]["state"] == "closed"
    for path in JOB["artifacts"]["paths"]:
        assert (tmp_path / path.replace("$TAGSYNC_ENV", "production")).exists()
