from collections.abc import Callable
from pathlib import Path

import pytest
from builders import file_object
from cli.command import Command, write_manifest

SANDBOX = ("--sandbox", "library.jsonl")
OLD = "- {match: /*, tags: [a, b]}"
NEW = "- {match: /*, tags: [a]}\n- {path: /a.jpg, absent: [old, x]}"


@pytest.fixture(autouse=True)
def _plans(library: Callable[..., Path], tagsync: Command) -> None:
    library(file_object("/a.jpg", ["old", "x"]), file_object("/b.jpg"))
    for name, entries in (("old", OLD), ("new", NEW)):
        write_manifest(entries)
        assert tagsync("plan", *SANDBOX, f"--out={name}.json", "tags.yaml").code == 0


def test_diff_shows_what_changed_between_two_plans(tagsync: Command) -> None:
    result = tagsync("diff", "old.json", "new.json")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[: lines.index("")] == [
        "Only in the new plan:",
        "  /a.jpg",
        "      - old  tags.yaml:6:31",
        "      - x    tags.yaml:6:36",
    ]
    assert "Only in the old plan:" in lines
    limit = "it blocks more than 100 and 30 %"
    assert f"  removedTags 0 (passes; {limit}) → removedTags 2 of 2 (passes; {limit})" in lines
    assert "Difference: 2 files, 4 changes: 2 only in the new plan, 2 only in the old plan" in lines


def test_diff_starts_with_two_accounts(tagsync: Command) -> None:
    tagsync("plan", *SANDBOX, "--account=shop", "--out=shop.json", "tags.yaml")
    result = tagsync("diff", "new.json", "shop.json")
    words = (
        "The plans are for different targets: sandbox library.jsonl before, now sandbox library.jsonl (account shop)"
    )
    assert result.out.startswith(words)


def test_diff_of_equal_plans_is_empty(tagsync: Command) -> None:
    assert tagsync("diff", "new.json", "new.json").out.startswith("The same plan: sha256:")


def test_diff_has_json_output(tagsync: Command) -> None:
    document = tagsync("diff", "--format=json", "old.json", "new.json").document
    assert [(item["path"], item["remove"]) for item in document["more"]] == [("/a.jpg", ["old", "x"])]
    assert [(item["path"], item["add"]) for item in document["fewer"]] == [("/a.jpg", ["b"]), ("/b.jpg", ["b"])]


def test_diff_needs_two_valid_plans(tagsync: Command) -> None:
    tagsync("apply", *SANDBOX, "--report=json=report.json", "new.json")
    result = tagsync("diff", "old.json", "report.json")
    assert (result.code, "report.json is a report: diff compares two plans" in result.err) == (64, True)
    Path("old.json").write_text(Path("old.json").read_text("utf-8") + " ", encoding="utf-8")
    assert tagsync("diff", "old.json", "new.json").code == 4
