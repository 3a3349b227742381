"""Run the apply jobs of GitHub and GitLab again, each time on a fresh runner that keeps only artifacts."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli.command import started
from pipelines.files import LIBRARY, MANIFESTS, TAGSYNC, run
from pipelines.jobs import KEY, Job, Remote, gitlab_job

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


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    made = Remote(tmp_path)
    shutil.copytree(MANIFESTS, made.work / "manifests")
    (made.work / "tagsync.yaml").write_text(CONFIG, encoding="utf-8")
    made.push()
    return made


@pytest.fixture
def job(remote: Remote, url: str) -> Job:
    return Job("apply", remote, url, pending(remote.work, url)["digest"])


@pytest.mark.slow
def test_github_job_run_again_finishes_and_then_succeeds_again(remote: Remote, url: str, job: Job) -> None:
    everything = len(pending(remote.work, url)["changes"])
    assert job.attempt(TAGSYNC_MAX_REQUESTS="2").code == 3
    assert 0 < len(pending(remote.work, url)["changes"]) < everything
    assert job.attempt(TAGSYNC_MAX_REQUESTS="2").code == 3
    for _ in range(2):
        again = job.attempt()
        assert again.code == 0, again.err
    assert pending(remote.work, url)["changes"] == []
    assert job.planned == 1
    shutil.rmtree(job.artifacts)
    ran = job.attempt()
    assert ran.code == 0, ran.err


@pytest.mark.slow
def test_github_job_applies_only_the_approved_plan(remote: Remote, url: str, job: Job) -> None:
    before = pending(remote.work, url)
    (remote.work / "manifests" / "more.yaml").write_text(
        "apiVersion: tagsync/v1\nkind: TagSet\nspec: {files: [{match: /**, tags: [more]}]}\n", encoding="utf-8"
    )
    remote.push()
    for _ in range(2):
        assert job.attempt().code == 4
    (remote.work / "manifests" / "more.yaml").unlink()
    remote.push()
    assert pending(remote.work, url)["changes"] == before["changes"]
    # The plan of a refused attempt does not count as the approved one.
    assert job.attempt().code == 0


def test_github_job_without_a_plan_fails_before_it_applies(remote: Remote, job: Job) -> None:
    (remote.work / "manifests" / "bad.yaml").write_text("kind: nothing\n", encoding="utf-8")
    remote.push()
    ran = job.attempt()
    assert ran.code != 0
    assert "plan.json" in ran.err


@pytest.mark.slow
def test_gitlab_job_run_again_finishes_and_then_succeeds_again(remote: Remote, url: str) -> None:
    assert gitlab_job("plan", remote, url).code == 0
    assert gitlab_job("apply", remote, url, TAGSYNC_MAX_REQUESTS="2").code == 3
    assert pending(remote.work, url)["changes"]
    for _ in range(2):
        ran = gitlab_job("apply", remote, url)
        assert ran.code == 0, ran.err
        assert pending(remote.work, url)["changes"] == []
