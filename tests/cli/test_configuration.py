"""tagsync.yaml and the command line: where each setting comes from, and what an environment is good for."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from builders import file_object, manifest
from canary import KEY
from cli.command import Command, Result, process, write_manifest

CONFIG = """apiVersion: tagsync/v1
kind: Config
manifests: [manifests/]
policy: policy.yaml
defaultEnvironment: staging
environments:
  staging: {account: shop-staging, key: IMAGEKIT_PRIVATE_KEY_STAGING}
  production: {account: shop-production, key: IMAGEKIT_PRIVATE_KEY, manifests: [production/]}
"""
POLICY = "apiVersion: tagsync/v1\nkind: Policy\nspec:\n  guards:\n    changedFiles: {percent: 0, above: %s}\n"
PLAN = ("plan", "--sandbox=library.jsonl", "--format=json")


@pytest.fixture(autouse=True)
def _a_repository(library: Callable[..., Path]) -> None:
    library(file_object("/a.jpg"), file_object("/b.jpg"))
    for folder in ("manifests", "production", "deep"):
        Path(folder).mkdir()
    write_manifest("- path: /a.jpg\n  tags: [all]", "manifests/tags.yaml")
    write_manifest("- path: /b.jpg\n  tags: [live]", "production/more.yaml")
    Path("policy.yaml").write_text(POLICY % 100, encoding="utf-8")
    Path("strict.yaml").write_text(POLICY % 0, encoding="utf-8")
    Path("tagsync.yaml").write_text(CONFIG, encoding="utf-8")
    subprocess.run(["git", "init", "--quiet"], check=True)  # noqa: S607 - our own


def summary(ran: Result) -> dict[str, Any]:
    document = ran.document
    return {
        **document["target"],
        "manifests": [item["path"] for item in document["inputs"]["manifests"]],
        "limit": next(guard["limit"]["above"] for guard in document["guards"] if guard["id"] == "changedFiles"),
    }


# Precedence


@pytest.mark.parametrize(
    ("arguments", "variables", "expected"),
    [
        ([], {}, {"environment": "staging", "account": "shop-staging", "limit": 100}),
        ([], {"TAGSYNC_ENV": "production"}, {"environment": "production", "account": "shop-production"}),
        (["--env=staging"], {"TAGSYNC_ENV": "production"}, {"environment": "staging", "account": "shop-staging"}),
        (["--env=production"], {}, {"manifests": ["manifests/tags.yaml", "production/more.yaml"]}),
        (["--env=production", "manifests"], {}, {"environment": "production", "manifests": ["tags.yaml"]}),
        (["production"], {}, {"environment": "staging", "manifests": ["more.yaml"], "limit": 100}),
        ([], {"TAGSYNC_ACCOUNT": "variable"}, {"environment": "staging", "account": "variable"}),
        (["--account=option"], {"TAGSYNC_ACCOUNT": "variable"}, {"account": "option"}),
        ([], {"TAGSYNC_POLICY": "strict.yaml"}, {"limit": 0}),
        (["--policy=policy.yaml"], {"TAGSYNC_POLICY": "strict.yaml"}, {"limit": 100}),
        (["--policy=strict.yaml"], {}, {"limit": 0}),
        (["tagsync.yaml"], {}, {"manifests": ["tags.yaml"]}),
    ],
)
def test_settings_follow_the_order_of_precedence(
    arguments: list[str], variables: dict[str, str], expected: dict[str, Any]
) -> None:
    found = summary(process(*PLAN, *arguments, env=variables))
    assert {name: found[name] for name in expected} == expected


def test_verbose_names_the_source_of_each_setting() -> None:
    ran = process(*PLAN, "-v", "--account=mine", env={"TAGSYNC_POLICY": "strict.yaml"})
    assert [line for line in ran.err.splitlines() if line.startswith("setting ")] == [
        "setting env = staging (tagsync.yaml:5:21)",
        "setting manifests = manifests (tagsync.yaml:3:12)",
        "setting policy = strict.yaml (TAGSYNC_POLICY)",
        "setting account = mine (command line)",
        "setting format = json (command line)",
        "setting sandbox = library.jsonl (command line)",
        "setting rate = 1000 (TAGSYNC_RATE)",
    ]
    assert "setting" not in process(*PLAN).err


def test_verbose_names_sources_without_a_config(tagsync: Command) -> None:
    Path("tagsync.yaml").unlink()
    assert "setting manifests = manifests (command line)\nsetting sandbox" in tagsync(*PLAN[:2], "-v", "manifests").err


def test_settings_come_last_on_a_terminal(tagsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    *_, sandbox, rate = tagsync("plan", "-v", "--sandbox=library.jsonl").err.splitlines()
    assert sandbox == "setting sandbox = library.jsonl (command line)"
    assert rate == "setting rate = 1000 (TAGSYNC_RATE)"


def test_config_of_the_top_serves_folders_below(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("deep")
    ran = process("plan", "--sandbox=../library.jsonl", "--format=json", "--env=production")
    assert summary(ran)["manifests"] == ["manifests/tags.yaml", "production/more.yaml"]


def test_state_directory_is_next_to_the_config(tagsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tagsync("apply", "--yes", PLAN[1]).code == 0
    monkeypatch.chdir("deep")
    sandbox = "--sandbox=../library.jsonl"
    assert tagsync("plan", sandbox, "--format=json").document["changes"] == []
    assert tagsync("undo", sandbox).code == 0
    assert tagsync("sandbox", "reset", "../library.jsonl").err.startswith("Reset: ")
    assert not Path(".tagsync").exists()
    assert tagsync("plan", sandbox, "--state-dir=.tagsync").code == 0
    assert Path(".tagsync").is_dir()


# Commands without PATH


def test_commands_work_without_paths(tagsync: Command) -> None:
    assert tagsync("validate").out == "Valid: 1 manifest with 1 rule\n"
    assert tagsync("validate", "--env=production").out.startswith("Valid: 2 manifests")
    assert tagsync("apply", "--yes", "--report=report.json", PLAN[1]).code == 0
    assert tagsync(*PLAN).document["changes"] == []
    hint = "save it with --out undo.json, then run: tagsync apply undo.json --sandbox"
    assert hint in (shown := tagsync("undo", PLAN[1], "--env=staging")).err
    assert shown.err.rstrip().endswith(" --env staging")
    undone = tagsync("undo", PLAN[1], "--format=json", "--out=undo.json")
    assert (undone.code, undone.document["target"]["environment"]) == (0, "staging")
    assert tagsync("apply", "undo.json", PLAN[1]).code == 0


@pytest.mark.parametrize("command", [["validate"], ["plan", "--sandbox=library.jsonl"], ["apply", "--yes"]])
def test_without_manifests_it_is_a_usage_error(tagsync: Command, command: list[str]) -> None:
    Path("tagsync.yaml").write_text("apiVersion: tagsync/v1\nkind: Config\n", encoding="utf-8")
    ran = tagsync(*command)
    assert (ran.code, ran.err.splitlines()[-1]) == (
        64,
        "error: Missing argument 'PATH...'. tagsync.yaml names no manifests.",
    )


def test_unknown_environment_is_a_usage_error(tagsync: Command) -> None:
    ran = tagsync("validate", "--env=prodution")
    assert (ran.code, ran.err) == (
        64,
        "error: tagsync.yaml has no environment 'prodution' (did you mean 'production'?)\n",
    )


def test_errors_of_config_are_in_output_files_too(tagsync: Command) -> None:
    Path("tagsync.yaml").write_text(f"{CONFIG}endpoint: https://a.example\n", encoding="utf-8")
    ran = tagsync("validate", "--format=json", "manifests")
    assert (ran.code, [item["source"] for item in ran.document["diagnostics"]]) == (1, ["tagsync.yaml:9:1"])


def test_config_is_not_written_over(tagsync: Command) -> None:
    ran = tagsync("plan", PLAN[1], "--report=text=tagsync.yaml")
    assert (ran.code, "tagsync.yaml is an input of this command" in ran.err) == (64, True)


# tagsync.yaml among manifests


def test_config_in_use_is_skipped_among_manifests(tagsync: Command) -> None:
    Path("tagsync.yaml").write_text("apiVersion: tagsync/v1\nkind: Config\nmanifests: [.]\n", encoding="utf-8")
    names = ["manifests/tags.yaml", "policy.yaml", "production/more.yaml", "strict.yaml"]
    assert summary(tagsync(*PLAN))["manifests"] == names
    assert summary(tagsync(*PLAN, "."))["manifests"] == names
    for path in ("manifests", "production", "policy.yaml", "strict.yaml"):
        os.rename(path, Path("deep", path))  # noqa: PTH104 - folders
    os.rename("deep", ".deep")  # noqa: PTH104 - a folder
    assert "no manifest in this folder" in tagsync("validate").err


def test_config_elsewhere_among_manifests_is_an_error(tagsync: Command) -> None:
    Path("manifests/tagsync.yaml").write_text(CONFIG, encoding="utf-8")
    ran = tagsync("validate")
    assert ran.code == 1
    assert "manifests/tagsync.yaml:1:1: kind: Config belongs in tagsync.yaml, in the folder where you run" in ran.err


def test_changed_since_skips_the_config_at_the_revision(tagsync: Command) -> None:
    Path("tagsync.yaml").write_text("apiVersion: tagsync/v1\nkind: Config\nmanifests: [.]\n", encoding="utf-8")
    identity = ("-c", "user.name=someone", "-c", "user.email=someone@example.com")
    subprocess.run(["git", "add", "--all"], check=True)  # noqa: S607 - our own
    subprocess.run(["git", *identity, "commit", "--quiet", "-m", "a state"], check=True)  # noqa: S603, S607 - our own
    write_manifest("- path: /b.jpg\n  tags: [dead]", "production/more.yaml")
    ran = tagsync(*PLAN, "--changed-since=HEAD")
    assert [change["path"] for change in ran.document["changes"]] == ["/b.jpg"]


# Environments


def test_plan_for_one_environment_is_refused_for_another(tagsync: Command) -> None:
    same = CONFIG.replace("shop-production", "shop-staging").replace(", manifests: [production/]", "")
    Path("tagsync.yaml").write_text(same, encoding="utf-8")
    plans = {env: tagsync(*PLAN, f"--env={env}", f"--out={env}.json") for env in ("staging", "production")}
    assert len({ran.document["digest"] for ran in plans.values()}) == 2
    ran = tagsync("apply", PLAN[1], "--env=staging", "production.json")
    assert ran.code == 4
    assert "this plan is for environment production, not for environment staging: select the right" in ran.err
    assert tagsync("apply", PLAN[1], "--env=production", "production.json", "--report=report.json").code == 0
    ran = tagsync("undo", PLAN[1], "report.json")
    assert (ran.code, "the report is of environment production, not of environment staging" in ran.err) == (4, True)
    assert "has no report of an apply that changed something" in tagsync("undo", PLAN[1]).err


def test_reports_of_another_environment_explain_nothing(tagsync: Command) -> None:
    Path("tagsync.yaml").write_text(CONFIG.replace("shop-production", "shop-staging"), encoding="utf-8")
    assert tagsync("apply", "--yes", PLAN[1], "--env=staging").code == 0
    assert tagsync("apply", "--yes", PLAN[1], "--env=production").code == 0
    write_manifest("- path: /a.jpg\n  tags: [all, more]", "manifests/tags.yaml")
    write_manifest("- path: /b.jpg\n  tags: [dead]", "production/more.yaml")
    # The manifest of /a.jpg has changed since the apply to staging; that to production was newer, and read more.
    assert [item["tag"] for item in tagsync(*PLAN, "--env=staging").document["drift"]] == ["more"]
    assert [item["tag"] for item in tagsync(*PLAN, "--env=production").document["drift"]] == ["more", "dead"]


def test_plan_without_environment_is_refused_for_one(tagsync: Command) -> None:
    Path("tagsync.yaml").rename("off.yaml")
    assert tagsync(*PLAN, "--account=shop-staging", "--out=plan.json", "manifests").code == 0
    document = json.loads(Path("plan.json").read_text("utf-8"))
    assert document["target"] == {"account": "shop-staging", "endpoint": "sandbox:library.jsonl"}
    Path("off.yaml").rename("tagsync.yaml")
    ran = tagsync("apply", PLAN[1], "plan.json")
    assert (ran.code, "this plan is for no environment, not for environment staging" in ran.err) == (4, True)


def test_saved_plan_of_an_environment_is_applied_where_there_is_no_config(tagsync: Command) -> None:
    assert tagsync(*PLAN, "--out=plan.json").code == 0
    Path("tagsync.yaml").unlink()
    assert tagsync("apply", PLAN[1], "--account=shop-staging", "plan.json").code == 0


def test_formats_name_the_environment(tagsync: Command) -> None:
    where = "sandbox library.jsonl (account shop-staging, environment staging)"
    assert tagsync("plan", PLAN[1]).out.startswith(f"Plan: {where}\n")
    markdown = tagsync("plan", PLAN[1], "--format=markdown").out
    assert markdown.startswith("<!-- tagsync plan sha256:")
    assert markdown.splitlines()[0].endswith(" staging -->")
    assert where in markdown.replace("\\", "").replace("`", "")
    assert '"environment" value="staging"' in tagsync("plan", PLAN[1], "--format=junit").out


# Keys


def test_key_comes_from_the_variable_of_the_environment(
    world: Callable[..., Any], tagsync: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    world(file_object("/a.jpg"))
    ran = tagsync("plan", "-v")
    assert ran.code == 1
    words = "error: no private key: set IMAGEKIT_PRIVATE_KEY_STAGING, which tagsync.yaml:7:41 names, or set "
    assert ran.err.splitlines()[-1] == f"{words}IMAGEKIT_PRIVATE_KEY_STAGING_FILE to the file with the key"
    assert "setting key = IMAGEKIT_PRIVATE_KEY_STAGING (tagsync.yaml:7:41)" in ran.err
    assert tagsync("export").code == 1
    assert tagsync("plan", "--env=production", "manifests").code == 0
    Path("key").write_text(KEY, encoding="utf-8")
    monkeypatch.setenv("IMAGEKIT_PRIVATE_KEY_STAGING_FILE", "key")
    assert tagsync("plan").code == 0
    assert tagsync("export").code == 0
    monkeypatch.setenv("IMAGEKIT_PRIVATE_KEY_STAGING_FILE", "nowhere")
    assert "IMAGEKIT_PRIVATE_KEY_STAGING_FILE: cannot read nowhere" in tagsync("plan").err


def test_key_of_the_environment_is_sent_to_the_given_endpoint_alone(
    served: Callable[..., str], tagsync: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = served(file_object("/a.jpg"), key=KEY)
    monkeypatch.setenv("IMAGEKIT_PRIVATE_KEY", "private_another")
    monkeypatch.setenv("IMAGEKIT_PRIVATE_KEY_STAGING", KEY)
    assert tagsync("apply", "--yes", f"--endpoint={url}").code == 0
    assert tagsync("plan", f"--endpoint={url}", "--env=production", "manifests").code == 1


def test_digest_of_another_environment_is_refused_with_that_cause(tagsync: Command) -> None:
    ran = tagsync("apply", "--yes", PLAN[1], f"--expect-digest=sha256:{'0' * 64}")
    assert (ran.code, "or it was made for another environment or with other options (" in ran.err) == (4, True)


def test_manifest_for_another_account_than_the_environment_is_an_error(tagsync: Command) -> None:
    text = manifest("- path: /a.jpg\n  tags: [x]").replace("spec:", "metadata: {account: other}\nspec:")
    Path("manifests/tags.yaml").write_text(text, encoding="utf-8")
    words = (
        r"'other', but tagsync.yaml:\d+:\d+ \(environment staging\) sets account 'shop-staging': pass --account other"
    )
    assert re.search(words, tagsync("validate").err)
    given = tagsync("validate", "--account", "elsewhere")
    assert "but --account or TAGSYNC_ACCOUNT sets account 'elsewhere': pass --account other, or leave" in given.err
