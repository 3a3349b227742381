"""Run the apply jobs of GitHub and GitLab again, each time on a fresh runner that keeps only artifacts."""

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from cli.command import started
from pipelines.conftest import GitHub
from pipelines.files import CI, LIBRARY, MANIFESTS, TAGSYNC, WORKFLOW, Ran, holds, parsed, run

STEPS = WORKFLOW["jobs"]["apply"]["steps"]
GITLAB = parsed(CI / "gitlab" / "tagsync.gitlab-ci.yml")
KEY = "private_right"
ACCOUNT = "example-shop"
CONFIG = f"""apiVersion: tagsync/v1
kind: Config
manifests: [manifests]
environments: {{staging: {{account: {ACCOUNT}}}}}
"""


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """Serve the example library for all runners."""
    options = ("--port", "0", "--key", KEY, "--state-dir", tmp_path / "served")
    with started("sandbox", "serve", LIBRARY, *options) as process:
        assert process.stdout
        yield process.stdout.readline().strip()


def pending(folder: Path, url: str) -> dict[str, Any]:
    """Return the current plan."""
    env = {"IMAGEKIT_PRIVATE_KEY": KEY, "TAGSYNC_ENDPOINT": url, "TAGSYNC_ENV": "staging"}
    ran = run(f"{TAGSYNC} plan --format json", env, cwd=folder)
    assert ran.code in (0, 4), ran.err
    document: dict[str, Any] = json.loads(ran.out)
    return document


class Job:
    """GitHub's apply job, attempt by attempt."""

    def __init__(self, folder: Path, url: str, digest: str) -> None:
        self._folder, self._url, self._digest = folder, url, digest
        self._artifacts = folder / "artifacts"
        self.attempts = 0
        self.planned = 0

    def attempt(self, **env: str) -> Ran:
        """Run all steps on a fresh runner, and return the result of the last one, or of the first that failed."""
        self.attempts += 1
        runner = GitHub(self._folder / f"runner-{self.attempts}")
        runner.env |= {"TAGSYNC_ENDPOINT": self._url} | env
        outputs: dict[str, dict[str, str]] = {}
        ran = Ran(0, "", "")
        for item in STEPS:
            if not self._is_run(item, outputs):
                continue
            ran = self._step(item, runner, outputs)
            outputs[item.get("id", "")] = runner.put_out()
            if ran.code and not item.get("continue-on-error"):
                break
        return ran

    def _is_run(self, item: Mapping[str, Any], outputs: Mapping[str, Mapping[str, str]]) -> bool:
        found = outputs.get("earlier", {}).get("found", "")
        condition = item.get("if", "true").replace("steps.earlier.outputs.found", f"'{found}'")
        return holds(condition, {"github": {"run_attempt": self.attempts}})

    def _step(self, item: Mapping[str, Any], runner: GitHub, outputs: Mapping[str, Mapping[str, str]]) -> Ran:
        given = {name: self._value(value, runner, outputs) for name, value in item.get("with", {}).items()}
        uses = item.get("uses", "").partition("@")[0]
        if "run" in item:
            env = {name: self._value(value, runner, outputs) for name, value in item.get("env", {}).items()}
            return runner.script(item["run"], **env)
        if uses == "actions/checkout":
            shutil.copytree(self._folder / "manifests", runner.workspace / "manifests")
            shutil.copy(self._folder / "tagsync.yaml", runner.workspace)
        elif uses == "actions/download-artifact":
            if not (self._artifacts / given["name"]).exists():
                return Ran(1, "", "no such artifact")
            shutil.copytree(self._artifacts / given["name"], given["path"])
        else:
            self.planned += given["command"] == "plan"
            artifact = self._artifacts / given.pop("artifact", f"tagsync-{given['command']}")
            ran = runner.action(**{name.upper().replace("-", "_"): value for name, value in given.items()})
            shutil.rmtree(artifact, ignore_errors=True)
            shutil.copytree(runner.out, artifact)
            return ran
        return Ran(0, "", "")

    def _value(self, text: object, runner: GitHub, outputs: Mapping[str, Mapping[str, str]]) -> str:
        known = {
            "env.MANIFESTS": "manifests",
            "matrix.environment": "staging",
            "runner.temp": runner.env["RUNNER_TEMP"],
            "github.token": "token",
            "inputs.digest": self._digest,
            "secrets.IMAGEKIT_PRIVATE_KEY": KEY,
            "steps.approved.outputs.digest": outputs.get("approved", {}).get("digest", ""),
        }
        return re.sub(r"\$\{\{ (.*?) \}\}", lambda match: known.get(match[1], ""), str(text))


@pytest.fixture
def job(tmp_path: Path, url: str) -> Job:
    shutil.copytree(MANIFESTS, tmp_path / "manifests")
    (tmp_path / "tagsync.yaml").write_text(CONFIG, encoding="utf-8")
    return Job(tmp_path, url, pending(tmp_path, url)["digest"])


def test_github_job_run_again_finishes_and_then_succeeds_again(tmp_path: Path, url: str, job: Job) -> None:
    everything = len(pending(tmp_path, url)["changes"])
    assert job.attempt(TAGSYNC_MAX_REQUESTS="2").code == 3
    assert 0 < len(pending(tmp_path, url)["changes"]) < everything
    assert job.attempt(TAGSYNC_MAX_REQUESTS="2").code == 3
    for _ in range(2):
        again = job.attempt()
        assert again.code == 0, again.err
    assert pending(tmp_path, url)["changes"] == []
    assert job.planned == 1
    shutil.rmtree(tmp_path / "artifacts")
    ran = job.attempt()
    assert ran.code == 0, ran.err


def test_github_job_applies_only_the_approved_plan(tmp_path: Path, url: str, job: Job) -> None:
    before = pending(tmp_path, url)
    (tmp_path / "manifests" / "more.yaml").write_text(
        "apiVersion: tagsync/v1\nkind: TagSet\nspec: {files: [{match: /**, tags: [more]}]}\n", encoding="utf-8"
    )
    for _ in range(2):
        assert job.attempt().code == 4
    (tmp_path / "manifests" / "more.yaml").unlink()
    assert pending(tmp_path, url)["changes"] == before["changes"]
    # The plan of a refused attempt does not count as the approved one.
    assert job.attempt().code == 0


def test_github_job_without_a_plan_fails_before_it_applies(tmp_path: Path, job: Job) -> None:
    (tmp_path / "manifests" / "bad.yaml").write_text("kind: nothing\n", encoding="utf-8")
    ran = job.attempt()
    assert ran.code != 0
    assert "plan.json" in ran.err


def gitlab(name: str, folder: Path, url: str, runner: str, **env: str) -> Ran:
    """Run a job of GitLab on a fresh runner; later jobs get its artifacts."""
    work = folder / runner
    shutil.copytree(folder / "manifests", work / "manifests")
    artifacts = folder / "artifacts"
    artifacts.mkdir(exist_ok=True)
    shutil.copytree(artifacts, work, dirs_exist_ok=True)
    given = {"PATH": f"{TAGSYNC.parent}:/usr/bin:/bin", "MANIFESTS": "manifests", "IMAGEKIT_READ_KEY": KEY}
    given |= {"IMAGEKIT_PRIVATE_KEY": KEY, "TAGSYNC_ENDPOINT": url, "TAGSYNC_ACCOUNT": ACCOUNT, "CI": "true"}
    ran = run("\n".join(GITLAB[name]["script"]), given | env, program=("/bin/sh", "-e"), cwd=work)
    for path in GITLAB[name]["artifacts"]["paths"]:
        shutil.copy(work / path, artifacts)
    return ran


def test_gitlab_job_run_again_finishes_and_then_succeeds_again(tmp_path: Path, url: str) -> None:
    shutil.copytree(MANIFESTS, tmp_path / "manifests")
    (tmp_path / "tagsync.yaml").write_text(CONFIG, encoding="utf-8")
    assert gitlab("tagsync:plan", tmp_path, url, "plan").code == 0
    assert gitlab("tagsync:apply", tmp_path, url, "first", TAGSYNC_MAX_REQUESTS="2").code == 3
    assert pending(tmp_path, url)["changes"]
    for runner in ("second", "third"):
        ran = gitlab("tagsync:apply", tmp_path, url, runner)
        assert ran.code == 0, ran.err
        assert pending(tmp_path, url)["changes"] == []
