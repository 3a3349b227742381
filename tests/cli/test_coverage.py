from collections.abc import Callable
from pathlib import Path

import pytest
from builders import file_object
from cli.command import Command, write_manifest

SANDBOX = ("--sandbox", "library.jsonl")


@pytest.fixture(autouse=True)
def _files(library: Callable[..., Path]) -> None:
    library(
        *(file_object(f"/shop/{n}.jpg") for n in range(3)),
        *(file_object(f"/press/{n}.jpg") for n in range(4)),
        *(file_object(f"/f{n:02d}/x\x1b.jpg") for n in range(10)),
        file_object("/logo.png"),
    )
    write_manifest(
        "- {match: /shop/**, tags: [a]}\n- {match: /nothing/**, tags: [a]}\n- {path: /gone, tags: [a], ifMissing: skip}"
    )


def test_coverage_lists_files_without_rules_and_rules_without_files(tagsync: Command) -> None:
    result = tagsync("plan", *SANDBOX, "--coverage", "tags.yaml")
    assert result.code == 0
    lines = result.out.splitlines()
    assert lines[lines.index("Coverage: 3 of 18 files selected, 15 without a rule") + 1 :] == [
        "  4 in /press/",
        "  1 in /",
        *(f"  1 in /f{n:02d}/" for n in range(8)),
        "  … and 2 files in 2 more folders: -v lists them",
        "  tags.yaml:6:7  selects no file",
        "  tags.yaml:7:7  selects no file",
    ]
    everything = tagsync("plan", *SANDBOX, "--coverage", "--verbose", "tags.yaml").out
    assert "\n  /f09/x\\x1b.jpg\n" in everything


def test_coverage_is_in_json_but_not_in_the_digest(tagsync: Command) -> None:
    plain = tagsync("plan", *SANDBOX, "--format=json", "tags.yaml").document
    found = tagsync("plan", *SANDBOX, "--format=json", "--coverage", "--out=plan.json", "tags.yaml").document
    assert "coverage" not in plain
    assert found["digest"] == plain["digest"]
    assert len(found["coverage"]["unselected"]) == 15
    assert found["coverage"]["idle"] == ["tags.yaml:6:7", "tags.yaml:7:7"]
    assert "Coverage: 3 of 18 files" in tagsync("show", "plan.json").out


def test_coverage_groups_many_folders_by_those_above_them(tagsync: Command, library: Callable[..., Path]) -> None:
    library(
        *(file_object(f"/tate/{'abc'[n % 3]}/{n}/x.jpg") for n in range(40)),
        file_object("/tate/x.jpg"),
        file_object("/shop/x.jpg"),
        name="many.jsonl",
    )
    write_manifest("- {match: /shop/**, tags: [a]}")
    lines = tagsync("plan", "--sandbox", "many.jsonl", "--coverage", "tags.yaml").out.splitlines()
    assert lines[lines.index("Coverage: 1 of 42 files selected, 41 without a rule") + 1 :] == [
        "  14 in /tate/a/",
        "  13 in /tate/b/",
        "  13 in /tate/c/",
        "  1 in /tate/",
    ]
