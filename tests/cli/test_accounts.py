"""The account that manifests name, and the account that tagsync remembers for a key."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from builders import file_object, manifest
from canary import KEY
from cli.command import Command

OTHER_KEY = "private_another"


def write(account: str, name: str = "tags.yaml") -> None:
    text = manifest("- path: /a.jpg\n  tags: [x]").replace("spec:", f"metadata: {{account: {account}}}\nspec:")
    Path(name).write_text(text, encoding="utf-8")


@pytest.fixture(autouse=True)
def _a_library(world: Callable[..., Any]) -> None:
    world(file_object("/a.jpg"), file_object("/b.jpg"))
    write("shop")


def test_account_comes_from_the_manifests(tagsync: Command) -> None:
    ran = tagsync("plan", "--format=json", "tags.yaml")
    assert (ran.code, ran.document["target"]["account"]) == (0, "shop")
    assert "warning: the manifests are for the account 'shop', and tagsync does not know whether the key" in ran.err


def test_account_option_is_accepted_as_it_is(tagsync: Command) -> None:
    ran = tagsync("plan", "--account=shop", "--strict", "tags.yaml")
    assert (ran.code, "does not know" in ran.err) == (0, False)
    assert tagsync("plan", "--account=other", "tags.yaml").code == 1


def test_account_of_an_apply_is_remembered(tagsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tagsync("apply", "--yes", "tags.yaml").code == 0
    assert "warning" not in tagsync("plan", "tags.yaml").err
    write("elsewhere")
    ran = tagsync("plan", "tags.yaml")
    assert ran.code == 4
    assert "the account 'elsewhere', but an earlier apply used this key for 'shop': use the key of the right" in ran.err
    assert tagsync("apply", "--yes", "tags.yaml").code == 4
    monkeypatch.setenv("IMAGEKIT_PRIVATE_KEY", OTHER_KEY)
    assert "does not know" in tagsync("plan", "tags.yaml").err


def test_account_option_corrects_the_remembered_account(tagsync: Command) -> None:
    assert tagsync("apply", "--yes", "tags.yaml").code == 0
    write("renamed")
    assert tagsync("apply", "--yes", "--account=renamed", "tags.yaml").code == 0
    assert tagsync("plan", "tags.yaml").code == 0


def test_plan_and_report_keep_the_account_of_the_manifests(tagsync: Command) -> None:
    assert tagsync("plan", "--out=plan.json", "tags.yaml").code == 0
    ran = tagsync("apply", "--report=json=report.json", "plan.json")
    assert ran.code == 0
    assert "warning: the plan is for the account 'shop'" in ran.err
    for options in (["report.json"], []):
        undone = tagsync("undo", *options, "--out=undo.json", "--format=json")
        assert (undone.code, len(undone.document["changes"])) == (0, 1)
    assert tagsync("apply", "--yes", "undo.json").code == 0


def test_plan_for_another_account_of_a_known_key_is_refused(tagsync: Command) -> None:
    write("elsewhere", "other.yaml")
    assert tagsync("plan", "--out=plan.json", "other.yaml").code == 0
    assert tagsync("apply", "--yes", "tags.yaml").code == 0
    ran = tagsync("apply", "plan.json")
    assert ran.code == 4
    assert "the plan is for the account 'elsewhere', but an earlier apply used this key for 'shop'" in ran.err


def test_manifests_of_two_accounts_are_an_error(tagsync: Command) -> None:
    write("elsewhere", "other.yaml")
    ran = tagsync("plan", "tags.yaml", "other.yaml")
    assert ran.code == 1
    assert "this manifest is for account 'shop', but other.yaml:3:21 is for account 'elsewhere'" in ran.err


def test_remembered_account_is_ignored_if_damaged_and_contains_no_key(tagsync: Command) -> None:
    assert tagsync("apply", "--yes", "tags.yaml").code == 0
    [noted] = Path(".tagsync/accounts").iterdir()
    assert noted.read_text() == '{"account": "shop"}\n'
    assert KEY not in str(noted)
    noted.write_text("[[[")
    assert "does not know" in tagsync("plan", "tags.yaml").err


def test_sandbox_remembers_the_account_of_an_apply(
    tagsync: Command, library: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TAGSYNC_ENDPOINT", "IMAGEKIT_PRIVATE_KEY"):
        monkeypatch.delenv(name, raising=False)
    library(file_object("/a.jpg"))
    ran = tagsync("apply", "--yes", "--sandbox=library.jsonl", "--format=json", "tags.yaml")
    assert (ran.code, ran.document["target"]["account"]) == (0, "shop")
    assert "warning" not in ran.err
    write("elsewhere")
    ran = tagsync("plan", "--sandbox=library.jsonl", "tags.yaml")
    assert ran.code == 0
    assert "warning: the manifests are for the account 'elsewhere', but" in ran.err
    assert "but an earlier apply used this sandbox for 'shop': use the sandbox of the right account" in ran.err
    assert tagsync("sandbox", "reset", "library.jsonl").code == 0
    ran = tagsync("plan", "--sandbox=library.jsonl", "tags.yaml")
    assert (ran.code, "warning" in ran.err) == (0, False)


def configure() -> None:
    write("shop", "tags.yaml")
    Path("other.yaml").write_text(manifest("- path: /b.jpg\n  tags: [x]"), encoding="utf-8")
    Path("tagsync.yaml").write_text(
        "apiVersion: tagsync/v1\nkind: Config\nmanifests: [other.yaml]\nenvironments:\n"
        "  production: {account: shop}\n  staging: {account: try}\n",
        encoding="utf-8",
    )


@pytest.mark.parametrize(
    "command", [["plan"], ["apply", "--yes"], ["undo"], ["export"], ["ls"]], ids=lambda command: str(command[0])
)
def test_account_of_an_environment_is_refused_with_the_key_of_another(
    tagsync: Command, world: Callable[..., Any], command: list[str]
) -> None:
    library = world(file_object("/b.jpg"))
    configure()
    assert tagsync("apply", "--yes", "--env=production").code == 0
    library.calls.calls.clear()
    ran = tagsync(*command, "--env=staging")
    assert ran.code == 4
    assert (
        "error: tagsync.yaml:6:22 sets the account 'try', but an earlier apply used this key for 'shop': use the key "
        "of the right account, select the environment with --env, or confirm the account with --account"
    ) in ran.err
    assert not library.calls.calls
    assert tagsync("plan", "--env=production").code == 0


def test_account_option_confirms_the_account_of_an_environment(tagsync: Command) -> None:
    configure()
    assert tagsync("apply", "--yes", "--env=production").code == 0
    assert tagsync("apply", "--yes", "--env=staging", "--account=try").code == 0
    assert tagsync("plan", "--env=staging").code == 0
    assert tagsync("plan", "--env=production").code == 4


def test_previous_report_of_a_key_counts_with_and_without_account(tagsync: Command, world: Callable[..., Any]) -> None:
    library = world(file_object("/a.jpg"))
    Path("unnamed.yaml").write_text(manifest("- path: /a.jpg\n  tags: [x]"), encoding="utf-8")
    for first, second in (("unnamed.yaml", "tags.yaml"), ("tags.yaml", "unnamed.yaml")):
        library.edit("/a.jpg", tags=[])
        assert tagsync("apply", "--yes", first).code == 0
        library.edit("/a.jpg", tags=[])
        ran = tagsync("plan", second)
        assert "last report" not in ran.err
        assert "all tags lost in an upload" in ran.out
