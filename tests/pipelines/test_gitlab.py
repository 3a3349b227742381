"""The jobs of the GitLab template; a local server simulates GitLab."""

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from pipelines.files import CI, LIBRARY, MANIFESTS, TAGSYNC, Ran, check_command, holds, parsed, run
from pipelines.gitlab import GitLab
from pipelines.jobs import Remote

CONFIG = """apiVersion: tagsync/v1
kind: Config
manifests: [manifests]
environments: {production: {account: example-shop}}
"""
TEMPLATE = parsed(CI / "gitlab" / "tagsync.gitlab-ci.yml")
JOBS = {name: job for name, job in TEMPLATE.items() if name.startswith("tagsync:")}
SH = ("/bin/sh", "-e")
"""The minimal environment in which a runner starts scripts."""


def pipeline(source: str, *, fork: bool = False, branch: str | None = None, token: str | None = None) -> dict[str, Any]:
    return {
        "ci": {
            "CI_PIPELINE_SOURCE": source,
            "CI_PROJECT_ID": "1",
            "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": ("2" if fork else "1") if source != "push" else None,
            "CI_COMMIT_BRANCH": branch,
            "CI_DEFAULT_BRANCH": "main",
            "NOTE_TOKEN": token,
        }
    }


@pytest.mark.parametrize(
    ("started", "jobs"),
    [
        (pipeline("merge_request_event", fork=True, token="x"), {"validate"}),
        (pipeline("merge_request_event"), {"validate", "plan"}),
        (pipeline("merge_request_event", token="x"), {"validate", "plan", "note"}),
        (pipeline("push", branch="main", token="x"), {"plan", "apply"}),
        (pipeline("push", branch="other", token="x"), set()),
        (pipeline("schedule", branch="main"), set()),
    ],
)
def test_pipeline_runs_only_its_jobs(started: dict[str, Any], jobs: set[str]) -> None:
    found = {name for name, job in JOBS.items() if any(holds(rule["if"], started) for rule in job["rules"])}
    assert found == {f"tagsync:{name}" for name in jobs}


def test_private_key_is_only_for_apply_and_plan_gets_the_read_only_key() -> None:
    texts = {name: json.dumps(job) for name, job in JOBS.items()}
    assert {name for name, text in texts.items() if "IMAGEKIT" in text} == {"tagsync:plan"}
    assert {name for name, text in texts.items() if "PUSH_TOKEN" in text} == {"tagsync:apply"}
    assert 'IMAGEKIT_PRIVATE_KEY=\\"$IMAGEKIT_READ_KEY\\" tagsync plan' in texts["tagsync:plan"]
    assert {name for name, job in JOBS.items() if "environment" in job} == {"tagsync:apply"}


def test_applies_run_one_at_a_time_and_are_never_cancelled() -> None:
    job = JOBS["tagsync:apply"]
    assert (job["resource_group"], job["interruptible"]) == ("tagsync-$TAGSYNC_ENV", False)
    assert job["rules"][0]["when"] == "manual"
    assert TEMPLATE[".tagsync"]["interruptible"] is True
    assert all(job["extends"] == ".tagsync" for job in JOBS.values())


def test_reports_are_kept_if_jobs_fail() -> None:
    kept = {name: job["artifacts"] for name, job in JOBS.items() if "artifacts" in job}
    assert {name: item["reports"]["junit"] for name, item in kept.items()} == {
        "tagsync:validate": "validate.xml",
        "tagsync:plan": "plan.xml",
        "tagsync:apply": "apply.xml",
    }
    assert all(item["when"] == "always" for item in kept.values())


def commands() -> list[str]:
    return [line for job in JOBS.values() for line in job["script"] if " tagsync " in f" {line}" and "\n" not in line]


@pytest.mark.parametrize("line", commands())
def test_commands_use_existing_options(line: str) -> None:
    assert check_command(line) in line


def test_commands_are_three() -> None:
    assert len(commands()) == 3


def job(name: str, folder: Path, **env: str) -> Ran:
    """Run a job's script in a folder, against a sandbox."""
    given = {"PATH": f"{TAGSYNC.parent}:/usr/bin:/bin", "TAGSYNC_ENV": "production", "IMAGEKIT_READ_KEY": "private_x"}
    given |= {name: value.replace("$CI_PROJECT_DIR", str(folder)) for name, value in TEMPLATE["variables"].items()}
    given |= {"TAGSYNC_SANDBOX": str(LIBRARY), "XDG_STATE_HOME": str(folder / "home"), "CI": "true"}
    return run("\n".join(JOBS[f"tagsync:{name}"]["script"]), given | env, program=SH, cwd=folder)


def test_plan_after_the_merge_is_applied_with_its_artifacts(tmp_path: Path) -> None:
    remote = Remote(tmp_path)
    shutil.copytree(MANIFESTS, remote.work / "manifests")
    (remote.work / "tagsync.yaml").write_text(CONFIG, encoding="utf-8")
    commit = remote.push()
    urls = {"CI_REPOSITORY_URL": str(remote.path), "CI_PROJECT_URL": str(remote.path.with_suffix(""))}
    for name in ("validate", "plan", "apply"):
        ran = job(name, remote.work, PUSH_TOKEN="token", **urls)
        assert ran.code == 0, ran.err
        kept = JOBS[f"tagsync:{name}"]["artifacts"]
        for path in (*kept.get("paths", ()), kept["reports"]["junit"]):
            assert (remote.work / path.replace("$TAGSYNC_ENV", "production")).exists()
    assert json.loads((remote.work / "report.json").read_text("utf-8"))["outcome"] == "converged"
    first = (remote.work / "plan-production.md").read_text("utf-8").partition("\n")[0]
    assert re.fullmatch(r"<!-- tagsync plan sha256:[0-9a-f]{64} production -->", first)
    assert remote.ref("refs/tagsync/production") == commit


def note(folder: Path, gitlab: GitLab, *, known: bool = True) -> Ran:
    return job(
        "note",
        folder,
        CI_API_V4_URL=gitlab.url,
        CI_PROJECT_ID="5",
        CI_MERGE_REQUEST_IID="7",
        CI_PIPELINE_URL="https://gitlab.example/pipelines/1",
        NOTE_TOKEN="token" if known else "another",
        PATH=os.environ["PATH"],
    )


class TestNote:
    TEXT = f"<!-- tagsync plan sha256:{'a' * 64} production -->\n### $(touch pwned) `id` \u202e\n"

    def test_is_written_once_and_then_replaced(self, tmp_path: Path, gitlab: GitLab) -> None:
        for text in (self.TEXT, self.TEXT.replace("a" * 64, "b" * 64)):
            (tmp_path / "plan-production.md").write_text(text, encoding="utf-8")
            ran = note(tmp_path, gitlab)
            assert ran.code == 0, ran.err
            assert [item["body"] for item in gitlab.notes] == [text]
        assert [call for call in gitlab.calls if call != "GET"] == ["POST", "PUT"]

    def test_never_touches_notes_of_others_and_is_found_on_a_later_page(self, tmp_path: Path, gitlab: GitLab) -> None:
        for number in range(120):
            gitlab.add(self.TEXT if number % 2 else "hello", author=2)
        gitlab.add(f"quoting {self.TEXT}")
        gitlab.add("<!-- tagsync plan none production -->")
        (tmp_path / "plan-production.md").write_text(self.TEXT, encoding="utf-8")
        assert note(tmp_path, gitlab).code == 0
        assert len(gitlab.notes) == 122
        assert gitlab.notes[-1]["body"] == self.TEXT
        assert gitlab.notes[-2]["body"] == f"quoting {self.TEXT}"

    def test_is_kept_for_each_environment(self, tmp_path: Path, gitlab: GitLab) -> None:
        gitlab.add(self.TEXT.replace(" production -->", " staging -->"))
        gitlab.add(self.TEXT)
        (tmp_path / "plan-production.md").write_text(self.TEXT.replace("a" * 64, "b" * 64), encoding="utf-8")
        assert note(tmp_path, gitlab).code == 0
        assert ["b" * 64 in item["body"] for item in gitlab.notes] == [False, True]

    @pytest.mark.parametrize("text", [None, "", "### 2 faults\n", f"<!-- tagsync plan sha256:{'a' * 64} staging -->\n"])
    def test_of_a_plan_that_failed_says_so(self, tmp_path: Path, gitlab: GitLab, text: str | None) -> None:
        gitlab.add(self.TEXT)
        if text is not None:
            (tmp_path / "plan-production.md").write_text(text, encoding="utf-8")
        assert note(tmp_path, gitlab).code == 0
        said = "<!-- tagsync plan none production -->\n\n**tagsync made no plan:** see https://gitlab.example/pipelines/1\n\n"
        assert [item["body"] for item in gitlab.notes] == [said + (text or "")]

    def test_that_gitlab_refuses_fails_the_job_and_shows_no_token(self, tmp_path: Path, gitlab: GitLab) -> None:
        ran = note(tmp_path, gitlab, known=False)
        assert ran.code != 0
        assert "another" not in ran.out + ran.err
        assert gitlab.notes == []


def test_variables_to_set_are_explained() -> None:
    text = (CI / "gitlab" / "tagsync.gitlab-ci.yml").read_text("utf-8")
    head = text.partition("\nvariables:")[0]
    assert set(re.findall(r"# - (\w+)[,:]", head)) == {
        "IMAGEKIT_READ_KEY",
        "IMAGEKIT_PRIVATE_KEY",
        "NOTE_TOKEN",
        "PUSH_TOKEN",
    }
