"""The pipelines remove tags that are no longer declared, with a ref at the last commit whose apply is complete."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import file_object, manifest, write_library
from cli.command import started
from pipelines.conftest import GitHub
from pipelines.files import ACTION, step
from pipelines.jobs import KEY, Job, Remote, gitlab_job
from pipelines.shop import Shop
from repository import git

REF = "refs/tagsync/staging"
NO_REF = f"The remote has no {REF} yet, so this plan removes no tags that are no longer declared."
PATHS = [f"/shop/{name}.jpg" for name in "abcdef"]


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """Serve a small library for all runners."""
    library = write_library(tmp_path / "library.jsonl", [file_object(path, ["by-hand"]) for path in PATHS])
    options = ("--port", "0", "--key", KEY, "--state-dir", tmp_path / "served")
    with started("sandbox", "serve", library, *options) as process:
        assert process.stdout
        yield process.stdout.readline().strip()


@pytest.fixture
def shop(tmp_path: Path, url: str) -> Shop:
    return Shop(Remote(tmp_path), url)


def test_workflow_prunes_since_the_last_complete_apply(shop: Shop) -> None:
    first = shop.declare("alpha", "beta")
    job = Job("plan", shop.remote, shop.url)
    assert f"::notice::{NO_REF}\n" in job.attempt().out
    digest = job.runner.put_out()["digest"]
    assert job.runner.comment("staging").code == 0
    (comment,) = job.runner.comments
    assert comment.startswith(f"<!-- tagsync plan {digest} staging -->\n")
    assert comment.endswith(f"\n\n{NO_REF}\n")
    assert shop.apply(digest).attempt().code == 0
    assert shop.remote.ref(REF) == first
    assert shop.tags == {"alpha", "beta", "by-hand"}

    shop.declare("beta", "gamma", branch="change")
    planned, digest = shop.plan("change")
    assert (planned.code, "has no" in planned.out) == (0, False)
    merged = shop.remote.push()
    apply = shop.apply(digest)
    assert apply.attempt(TAGSYNC_MAX_REQUESTS="1").code == 3
    assert (shop.remote.ref(REF), shop.tags) == (first, {"alpha", "beta", "gamma", "by-hand"})
    assert apply.attempt().code == 0
    assert (shop.remote.ref(REF), shop.tags) == (merged, {"beta", "gamma", "by-hand"})


@pytest.mark.slow
def test_workflow_prunes_after_a_failed_and_a_skipped_apply(shop: Shop) -> None:
    shop.declare("alpha")
    assert shop.apply(shop.plan()[1]).attempt().code == 0
    # This apply adds a tag and ends before it removes the other. Nobody runs it again.
    shop.declare("beta")
    assert shop.apply(shop.plan()[1]).attempt(TAGSYNC_MAX_REQUESTS="1").code == 3
    assert shop.tags == {"alpha", "beta", "by-hand"}
    shop.declare("beta", "delta")
    assert shop.apply(f"sha256:{'0' * 64}").attempt().code == 4
    shop.declare("gamma")
    assert shop.apply(shop.plan()[1]).attempt().code == 0
    assert shop.tags == {"gamma", "by-hand"}


@pytest.mark.slow
def test_workflow_keeps_one_ref_for_each_environment(shop: Shop) -> None:
    commit = shop.declare("alpha")
    assert shop.apply(shop.plan()[1]).attempt().code == 0
    assert (shop.remote.ref(REF), shop.remote.ref("refs/tagsync/production")) == (commit, None)


@pytest.mark.slow
def test_workflow_goes_back_after_the_ref_was_deleted(shop: Shop) -> None:
    shop.declare("alpha", "beta")
    assert shop.apply(shop.plan()[1]).attempt().code == 0
    git("push", "--quiet", "origin", f":{REF}", folder=shop.remote.work)
    shop.declare("beta")
    assert shop.apply(shop.plan()[1]).attempt().code == 0
    assert shop.tags == {"alpha", "beta", "by-hand"}
    assert shop.remote.ref(REF)


@pytest.mark.slow
def test_workflow_does_not_plan_an_older_state(shop: Shop) -> None:
    older = shop.declare("alpha")
    git("push", "--quiet", "origin", f"{older}:refs/heads/older", folder=shop.remote.work)
    shop.declare("beta")
    assert shop.apply(shop.plan()[1]).attempt().code == 0
    ran, digest = shop.plan("older")
    assert (ran.code, digest) == (1, "")
    assert f"::error::A newer commit was applied: {REF} is" in ran.out
    assert shop.tags == {"beta", "by-hand"}


def test_action_does_not_apply_an_older_plan(shop: Shop, tmp_path: Path) -> None:
    shop.declare("alpha")
    older = Job("plan", shop.remote, shop.url)
    assert older.attempt().code == 0
    plan = shutil.copy(older.artifacts / "tagsync-plan-staging" / "plan.json", tmp_path)
    newer = shop.declare("beta")
    assert shop.apply(shop.plan()[1]).attempt().code == 0
    given = {"ENVIRONMENT": "staging", "ENDPOINT": shop.url, "PRIVATE_KEY": KEY, "APPLIED_REF": REF}
    for paths, hint in [
        (f"{plan}\n", "the commit of this plan does not contain. Plan again."),
        ("", "Update the branch."),
    ]:
        ran = older.runner.uses(COMMAND="apply", PATHS=paths, **given)
        assert ran.code == 1
        assert f"::error::A newer commit was applied: {REF} is {newer[:12]}, which" in ran.out
        assert ran.out.endswith(f"{hint}\n")
    assert (shop.remote.ref(REF), shop.tags) == (newer, {"beta", "by-hand"})


def test_action_applies_no_plan_without_a_commit_once_there_is_a_ref(shop: Shop) -> None:
    first = shop.declare("alpha")
    assert shop.apply(shop.plan()[1]).attempt().code == 0
    github = Job("plan", shop.remote, shop.url)
    assert github.attempt().code == 0
    made = github.runner.workspace / "manifests" / "made.yaml"
    made.write_text(manifest("- match: /shop/*\n  tags: [beta]"), encoding="utf-8")
    given = {"ENVIRONMENT": "staging", "ENDPOINT": shop.url, "PRIVATE_KEY": KEY}
    assert github.runner.action(COMMAND="plan", **given).code == 0
    plan = shutil.copy(github.runner.out / "plan.json", github.runner.workspace)
    ran = github.runner.uses(COMMAND="apply", PATHS=str(plan), APPLIED_REF=REF, **given)
    assert (ran.code, shop.remote.ref(REF), shop.tags) == (1, first, {"alpha", "by-hand"})
    assert ran.out.startswith(f"::error::The plan names no commit, so it may be older than {REF}.")


def test_action_apply_without_a_saved_plan_prunes_too(shop: Shop) -> None:
    shop.declare("alpha", "beta")
    assert shop.apply(shop.plan()[1]).attempt().code == 0
    second = shop.declare("beta")
    github = Job("plan", shop.remote, shop.url)
    assert github.attempt().code == 0
    given = {"ENVIRONMENT": "staging", "ENDPOINT": shop.url, "PRIVATE_KEY": KEY}
    ran = github.runner.uses(COMMAND="apply", APPLIED_REF=REF, **given)
    assert ran.code == 0, ran.err
    assert (shop.remote.ref(REF), shop.tags) == (second, {"beta", "by-hand"})


@pytest.mark.slow
def test_workflow_does_not_plan_if_the_ref_cannot_be_fetched(shop: Shop) -> None:
    shop.declare("alpha")
    assert shop.apply(shop.plan()[1]).attempt().code == 0
    commit = shop.declare("beta")
    job = Job("plan", shop.remote, shop.url)
    ran = job.attempt(GIT_ALLOW_PROTOCOL="none")
    assert ran.code == 1
    assert f"::error::git could not ask the remote for {REF}, so nothing was done" in ran.out
    assert not (job.runner.out / "plan.json").exists()
    shallow = Job("plan", shop.remote, shop.url).attempt(depth=1)
    assert "::error::This clone does not have the whole history: set fetch-depth to 0" in shallow.out
    assert commit != shop.remote.ref(REF)


@pytest.mark.slow
def test_workflow_fails_if_the_ref_cannot_be_moved(shop: Shop) -> None:
    first = shop.declare("alpha")
    assert shop.apply(shop.plan()[1]).attempt().code == 0
    shop.declare("beta")
    apply = shop.apply(shop.plan()[1])
    hook = shop.remote.path / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    hook.chmod(0o755)
    ran = apply.attempt()
    assert (ran.code, shop.remote.ref(REF)) == (1, first)
    assert f"::error::The tags are applied, but git could not move {REF}" in ran.out
    hook.unlink()
    assert apply.attempt().code == 0
    assert shop.remote.ref(REF) != first


@pytest.mark.slow
def test_workflow_records_the_commit_of_the_plan_although_head_is_newer(shop: Shop) -> None:
    shop.declare("alpha", "gamma")
    assert shop.apply(shop.plan()[1]).attempt().code == 0
    second = shop.declare("alpha", "beta")
    apply = shop.apply(shop.plan()[1])
    assert apply.attempt(TAGSYNC_MAX_REQUESTS="1").code == 3
    shop.declare("beta")
    # The second attempt applies the saved plan, and checks out a commit that no longer declares alpha.
    assert apply.attempt().code == 0
    assert (shop.remote.ref(REF), shop.tags) == (second, {"alpha", "beta", "by-hand"})
    assert shop.apply(shop.plan()[1]).attempt().code == 0
    assert shop.tags == {"beta", "by-hand"}


@pytest.mark.slow
def test_workflow_leaves_the_ref_if_manifests_are_not_committed(shop: Shop) -> None:
    first = shop.declare("alpha")
    assert shop.apply(shop.plan()[1]).attempt().code == 0
    runner = Job("plan", shop.remote, shop.url)
    runner.attempt()
    github = runner.runner
    (github.workspace / "manifests" / "made.yaml").write_text(
        manifest("- match: /shop/*\n  tags: [beta]"), encoding="utf-8"
    )
    given = {"ENVIRONMENT": "staging", "ENDPOINT": shop.url, "PRIVATE_KEY": KEY}
    ran = github.uses(COMMAND="apply", PATHS="manifests", APPLIED_REF=REF, **given)
    assert (ran.code, shop.remote.ref(REF)) == (1, first)
    assert f"::error::The tags are applied, but {REF} stays: the plan was filtered, or has" in ran.out
    assert shop.tags == {"alpha", "beta", "by-hand"}


def test_workflow_leaves_the_ref_after_a_plan_of_another_branch(shop: Shop) -> None:
    first = shop.declare("alpha")
    assert shop.apply(shop.plan()[1]).attempt().code == 0
    shop.declare("beta", branch="change")
    job = Job("plan", shop.remote, shop.url, branch="change")
    assert job.attempt().code == 0
    github, plan = job.runner, job.artifacts / "tagsync-plan-staging" / "plan.json"
    git("checkout", "--quiet", first, folder=github.workspace)
    given = {"ENVIRONMENT": "staging", "ENDPOINT": shop.url, "PRIVATE_KEY": KEY}
    ran = github.uses(COMMAND="apply", PATHS=str(plan), APPLIED_REF=REF, **given)
    assert (ran.code, shop.remote.ref(REF)) == (1, first)
    assert f"::error::The tags are applied, but {REF} stays: HEAD does not contain" in ran.out


@pytest.mark.parametrize("name", ["Fetch the last applied commit", "Record the applied commit"])
@pytest.mark.parametrize(
    "ref", ["main", "refs/heads/main", "refs/tagsync/", "refs/tagsync/-x", "refs/tagsync/a b", "-x"]
)
def test_action_accepts_no_other_refs(github: GitHub, name: str, ref: str) -> None:
    git("init", "--quiet", folder=github.workspace)
    given = {"REF": ref, "TOKEN": "token", "COMMAND": "plan", "PATHS": "", "COMMIT": "0" * 40}
    ran = github.script(step(ACTION, name)["run"], **given)
    assert (ran.code, ran.out) == (1, "::error::The input applied-ref must be like refs/tagsync/production.\n")


def test_action_shows_no_token_and_keeps_none(github: GitHub, tmp_path: Path) -> None:
    remote = Remote(tmp_path)
    commit = remote.push()
    github.workspace.rmdir()
    git("clone", "--quiet", str(remote.path), str(github.workspace))
    for name in ("Fetch the last applied commit", "Record the applied commit"):
        ran = github.script(
            step(ACTION, name)["run"],
            REF=REF,
            TOKEN="secret-token",
            COMMAND="plan",
            PATHS="",
            COMMIT=commit,
            GIT_TRACE="1",
            GIT_CURL_VERBOSE="1",
        )
        assert ran.code == 0, ran.err
        assert "secret-token" not in ran.out + ran.err
    assert "extraheader" not in (github.workspace / ".git" / "config").read_text("utf-8")


def test_gitlab_prunes_since_the_last_complete_apply(shop: Shop, url: str) -> None:
    first = shop.declare("alpha", "beta")
    planned = gitlab_job("plan", shop.remote, url)
    assert NO_REF in planned.out
    comment = shop.remote.path.parent / "artifacts" / "plan-staging.md"
    assert comment.read_text("utf-8").endswith(f"\n\n{NO_REF}\n")
    assert gitlab_job("apply", shop.remote, url).code == 0
    assert shop.remote.ref(REF) == first
    second = shop.declare("beta", "gamma")
    assert gitlab_job("plan", shop.remote, url).code == 0
    assert NO_REF not in comment.read_text("utf-8")
    assert gitlab_job("apply", shop.remote, url, TAGSYNC_MAX_REQUESTS="1").code == 3
    assert shop.remote.ref(REF) == first
    assert gitlab_job("apply", shop.remote, url).code == 0
    assert (shop.remote.ref(REF), shop.tags) == (second, {"beta", "gamma", "by-hand"})


@pytest.mark.slow
def test_gitlab_records_the_commit_of_the_plan_although_head_is_newer(shop: Shop, url: str) -> None:
    first = shop.declare("alpha", "beta")
    assert gitlab_job("plan", shop.remote, url).code == 0
    shop.declare("beta")
    assert gitlab_job("apply", shop.remote, url).code == 0
    assert (shop.remote.ref(REF), shop.tags) == (first, {"alpha", "beta", "by-hand"})
    assert gitlab_job("plan", shop.remote, url).code == 0
    assert gitlab_job("apply", shop.remote, url).code == 0
    assert shop.tags == {"beta", "by-hand"}


@pytest.mark.slow
def test_gitlab_leaves_the_ref_if_the_plan_was_filtered(shop: Shop, url: str) -> None:
    shop.declare("alpha")
    assert gitlab_job("plan", shop.remote, url).code == 0
    ran = gitlab_job("apply", shop.remote, url, TAGSYNC_SELECT="/shop/a*")
    assert (ran.code, shop.remote.ref(REF)) == (1, None)
    assert "The tags are applied, but the ref stays: the plan was filtered" in ran.out


@pytest.mark.slow
def test_gitlab_keeps_no_ref_without_its_token(shop: Shop, url: str) -> None:
    shop.declare("alpha")
    assert gitlab_job("plan", shop.remote, url).code == 0
    assert gitlab_job("apply", shop.remote, url, PUSH_TOKEN="").code == 0
    assert shop.remote.ref(REF) is None


@pytest.mark.slow
def test_gitlab_does_not_plan_an_older_state_or_without_the_remote(shop: Shop, url: str) -> None:
    older = shop.declare("alpha")
    git("push", "--quiet", "origin", f"{older}:refs/heads/older", folder=shop.remote.work)
    shop.declare("beta")
    assert gitlab_job("plan", shop.remote, url).code == 0
    assert gitlab_job("apply", shop.remote, url).code == 0
    planned = gitlab_job("plan", shop.remote, url, "older")
    assert planned.code == 1
    assert f"A newer commit was applied: {REF} is" in planned.out
    assert gitlab_job("plan", shop.remote, url, CI_REPOSITORY_URL="/nowhere").code == 128


def test_gitlab_does_not_apply_an_older_plan(shop: Shop, url: str) -> None:
    shop.declare("alpha")
    assert gitlab_job("plan", shop.remote, url).code == 0
    artifacts = shop.remote.path.parent / "artifacts"
    older = (artifacts / "plan-staging.json").read_bytes()
    newer = shop.declare("beta")
    assert gitlab_job("plan", shop.remote, url).code == 0
    assert gitlab_job("apply", shop.remote, url).code == 0
    (artifacts / "plan-staging.json").write_bytes(older)
    ran = gitlab_job("apply", shop.remote, url)
    assert ran.code == 1
    assert f"A newer commit was applied: {REF} is {newer}, which the commit of this plan does not" in ran.out
    (artifacts / "plan-staging.json").write_bytes(re.sub(rb'"commit":"[0-9a-f]+",', b"", older))
    ran = gitlab_job("apply", shop.remote, url)
    assert ran.code == 1
    assert f"The plan names no commit, so it may be older than {REF}." in ran.out
    assert (shop.remote.ref(REF), shop.tags) == (newer, {"beta", "by-hand"})


def test_gitlab_does_not_plan_in_a_shallow_clone(shop: Shop, url: str) -> None:
    shop.declare("alpha")
    shop.declare("beta")
    planned = gitlab_job("plan", shop.remote, url, depth=1)
    assert planned.code == 1
    assert "This clone does not have the whole history: set the variable GIT_DEPTH to 0." in planned.out


def test_gitlab_plan_fails_with_the_exit_code_of_tagsync(shop: Shop, url: str) -> None:
    shop.declare("alpha")
    planned = gitlab_job("plan", shop.remote, url, IMAGEKIT_READ_KEY="private_wrong")
    assert planned.code == 1
    comment = (shop.remote.path.parent / "artifacts" / "plan-staging.md").read_text("utf-8")
    assert "does not accept the key" in comment
    assert comment.endswith(f"\n\n{NO_REF}\n")
