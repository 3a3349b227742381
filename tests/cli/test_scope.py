"""Which changes --select and --shard keep, and the warnings if they keep none."""

from collections.abc import Callable
from pathlib import Path

import pytest
from builders import file_object
from cli.command import Command, write_manifest

SANDBOX = ("--sandbox", "library.jsonl")


@pytest.fixture(autouse=True)
def three_files(library: Callable[..., Path]) -> None:
    library(file_object("/a b.jpg"), file_object("/c.jpg"), file_object("/shop/d.jpg"))
    write_manifest("- match: /**\n  tags: [x]")


def paths(tagsync: Command, *arguments: str) -> list[str]:
    return [change["path"] for change in tagsync("plan", "--format=json", *arguments, *SANDBOX).document["changes"]]


def test_repeated_select_keeps_what_any_glob_matches(tagsync: Command) -> None:
    assert paths(tagsync, "--select=/a*", "--select=/shop/**", "tags.yaml") == ["/a b.jpg", "/shop/d.jpg"]


def test_select_variable_takes_one_glob_a_line(tagsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGSYNC_SELECT", " /a b.*\r\n  /shop/** \n")
    assert paths(tagsync, "tags.yaml") == ["/a b.jpg", "/shop/d.jpg"]
    assert paths(tagsync, "--select=/c.jpg", "tags.yaml") == ["/c.jpg"]


@pytest.mark.parametrize(("globs", "recorded"), [(["/a*"], "/a*"), (["/a*", "/c*"], ["/a*", "/c*"]), ([], None)])
def test_select_is_recorded_as_text_or_as_a_list_of_several(
    tagsync: Command, globs: list[str], recorded: object
) -> None:
    options = [f"--select={glob}" for glob in globs]
    made = tagsync("plan", *options, "--format=json", "--out=plan.json", *SANDBOX, "tags.yaml")
    assert made.document["inputs"].get("select") == recorded
    assert tagsync("show", "--format=json", "plan.json").document["inputs"] == made.document["inputs"]
    applied = tagsync("apply", "--format=json", *SANDBOX, "plan.json")
    assert (applied.code, applied.document["inputs"].get("select")) == (0, recorded)


@pytest.mark.parametrize("globs", [["/nope/**"], ["/c*", "/nope/**"]])
def test_select_that_matches_nothing_is_a_warning_and_an_error_with_strict(tagsync: Command, globs: list[str]) -> None:
    command = ("plan", *(f"--select={glob}" for glob in globs), *SANDBOX, "tags.yaml")
    ran = tagsync(*command)
    assert ran.code == 0
    assert "warning: --select '/nope/**' matches no file that a rule selects" in ran.err
    words = "Nothing to do: the selection contains no managed file of sandbox library.jsonl"
    assert ran.out.startswith(words) == (len(globs) == 1)
    assert ran.err.count("matches no file") == 1
    assert tagsync(*command, "--strict").code == 1


def test_select_that_matches_files_without_changes_is_no_warning(tagsync: Command) -> None:
    assert tagsync("apply", "--yes", *SANDBOX, "tags.yaml").code == 0
    assert "warning" not in tagsync("plan", "--select=/c*", *SANDBOX, "tags.yaml").err


def test_shard_without_a_file_is_a_warning_and_an_error_with_strict(tagsync: Command) -> None:
    empty = [n for n in range(1, 6) if not paths(tagsync, f"--shard={n}/5", "tags.yaml")]
    command = ("plan", f"--shard={empty[0]}/5", *SANDBOX, "tags.yaml")
    assert f"warning: --shard {empty[0]}/5 contains no file that a rule selects" in tagsync(*command).err
    assert tagsync(*command, "--strict").code == 1


def test_select_that_matches_no_change_of_a_saved_plan_is_a_warning(tagsync: Command) -> None:
    assert tagsync("plan", "--out=plan.json", *SANDBOX, "tags.yaml").code == 0
    ran = tagsync("apply", "--select=/nope/**", *SANDBOX, "plan.json")
    assert "warning: --select '/nope/**' matches no file that this plan changes" in ran.err


@pytest.mark.parametrize(
    ("glob", "hint"),
    [
        ("/shop", "to select the files of a folder, write '/shop/**'"),
        ("/Shop/*", "the library has '/shop/', and globs"),
    ],
)
def test_select_of_a_folder_gets_the_right_glob_as_a_hint(tagsync: Command, glob: str, hint: str) -> None:
    planned = tagsync("plan", f"--select={glob}", *SANDBOX, "tags.yaml")
    assert f"matches no file that a rule selects: {hint}" in planned.err
