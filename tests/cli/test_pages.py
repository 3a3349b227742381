from collections.abc import Callable
from pathlib import Path

import pytest
from cli.command import Command, write_manifest
from support import file_object

AT = ("--sandbox", "library.jsonl")
HTML = ("--format", "html")


@pytest.fixture(autouse=True)
def _files(library: Callable[..., Path]) -> None:
    library(file_object("/a.jpg"))
    write_manifest("- match: /**\n  tags: [a]")


def text(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


def test_plans_and_reports_are_pages_on_standard_output_and_in_files(tagsync: Command) -> None:
    planned = tagsync("plan", *HTML, "--report", "html=plan.html", *AT, "tags.yaml")
    assert planned.code == 0
    assert planned.out == text("plan.html")
    assert "<h1>1 file to change</h1>" in planned.out
    applied = tagsync("apply", "--yes", *HTML, *AT, "tags.yaml")
    assert '<h1 class="good">Apply converged</h1>' in applied.out
    assert applied.out.startswith("<!doctype html>")


def test_saved_plans_and_reports_are_shown_as_the_same_pages(tagsync: Command) -> None:
    planned = tagsync("plan", *HTML, "--out", "plan.json", *AT, "tags.yaml")
    assert tagsync("show", *HTML, "plan.json").out == planned.out
    tagsync("apply", "--report", "json=report.json", *AT, "plan.json")
    assert "Apply converged" in tagsync("show", *HTML, "report.json").out


def test_what_two_plans_do_otherwise_is_a_page(tagsync: Command) -> None:
    tagsync("plan", "--out", "old.json", *AT, "tags.yaml")
    write_manifest("- match: /**\n  tags: [a, b]")
    tagsync("plan", "--out", "new.json", *AT, "tags.yaml")
    assert "<h1>1 file planned otherwise</h1>" in tagsync("diff", *HTML, "old.json", "new.json").out


def test_what_manifests_come_to_alone_is_a_page(tagsync: Command) -> None:
    assert '<h1 class="good">No errors</h1>' in tagsync("validate", *HTML, "tags.yaml").out
    write_manifest("- match: /**\n  tags: [a, a%]")
    result = tagsync("validate", *HTML, "tags.yaml")
    assert (result.code, "No plan: 1 error" in result.out) == (1, True)


def test_a_run_that_fails_leaves_a_page_that_says_why(tagsync: Command) -> None:
    result = tagsync("plan", "--report", "html=failed.html", *AT, "nowhere.yaml")
    assert result.code == 1
    assert "nowhere.yaml" in text("failed.html")
    assert "No plan: 1 error" in text("failed.html")
