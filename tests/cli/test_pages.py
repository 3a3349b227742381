import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from builders import file_object, id_of
from cli.command import Command, write_manifest

AT = ("--sandbox", "library.jsonl")
HTML = ("--format", "html")


@pytest.fixture(autouse=True)
def _files(library: Callable[..., Path]) -> None:
    library(file_object("/a.jpg"))
    write_manifest("- match: /**\n  tags: [a]")


def text(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


def document(path: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(text(path))
    return read


def test_html_of_plans_and_reports_goes_to_standard_output_and_files(tagsync: Command) -> None:
    planned = tagsync("plan", *HTML, "--report", "html=plan.html", *AT, "tags.yaml")
    assert planned.code == 0
    assert planned.out == text("plan.html")
    assert "<h1>1 file to change</h1>" in planned.out
    applied = tagsync("apply", "--yes", *HTML, *AT, "tags.yaml")
    assert '<h1 class="good">Apply complete</h1>' in applied.out
    assert applied.out.startswith("<!doctype html>")


def test_html_of_show_equals_html_of_the_run(tagsync: Command) -> None:
    planned = tagsync("plan", *HTML, "--out", "plan.json", *AT, "tags.yaml")
    assert tagsync("show", *HTML, "plan.json").out == planned.out
    tagsync("apply", "--report", "json=report.json", *AT, "plan.json")
    assert "Apply complete" in tagsync("show", *HTML, "report.json").out


def test_html_of_diff(tagsync: Command) -> None:
    tagsync("plan", "--out", "old.json", *AT, "tags.yaml")
    write_manifest("- match: /**\n  tags: [a, b]")
    tagsync("plan", "--out", "new.json", *AT, "tags.yaml")
    assert "<h1>Difference: 1 file</h1>" in tagsync("diff", *HTML, "old.json", "new.json").out


def test_html_of_validate(tagsync: Command) -> None:
    assert '<h1 class="good">Valid: 1 manifest with 1 rule</h1>' in tagsync("validate", *HTML, "tags.yaml").out
    write_manifest("- match: /**\n  tags: [a, a%]")
    result = tagsync("validate", *HTML, "tags.yaml")
    assert (result.code, "1 error in the manifests" in result.out) == (1, True)


def test_html_of_a_failed_run_says_why(tagsync: Command) -> None:
    result = tagsync("plan", "--report", "html=failed.html", *AT, "nowhere.yaml")
    assert result.code == 1
    assert "nowhere.yaml" in text("failed.html")
    assert "1 error in the manifests" in text("failed.html")


def pictured(path: str, thumbnail: object) -> dict[str, object]:
    return file_object(path, thumbnail=thumbnail)


def test_thumbnails_are_kept_and_loaded_only_on_request(tagsync: Command, library: Callable[..., Path]) -> None:
    url = "https://ik.imagekit.io/example/tr:n-ik_ml_thumbnail/a.jpg"
    library(pictured("/a.jpg", url), pictured("/b.jpg", url) | {"tags": ["a"]})
    planned = tagsync("plan", "--thumbnails", *HTML, "--out", "with.json", *AT, "tags.yaml")
    assert url in planned.out
    assert "; img-src https:;" in planned.out
    assert document("with.json")["thumbnails"] == {id_of("/a.jpg"): url}
    assert tagsync("show", "--thumbnails", *HTML, "with.json").out == planned.out
    for page in (tagsync("show", *HTML, "with.json").out, tagsync("plan", *HTML, *AT, "tags.yaml").out):
        assert url not in page
        assert "img-src" not in page
    tagsync("plan", "--out", "without.json", *AT, "tags.yaml")
    assert "thumbnails" not in document("without.json")
    assert document("without.json")["digest"] == document("with.json")["digest"]


def test_thumbnails_of_a_plan_are_in_its_report(tagsync: Command, library: Callable[..., Path]) -> None:
    url = "https://ik.imagekit.io/example/a.jpg"
    library(pictured("/a.jpg", url))
    tagsync("apply", "--yes", "--thumbnails", "--report", "json=report.json", *AT, "tags.yaml")
    assert document("report.json")["thumbnails"] == {id_of("/a.jpg"): url}
    assert url in tagsync("show", "--thumbnails", *HTML, "report.json").out
    assert url not in tagsync("show", *HTML, "report.json").out


@pytest.mark.parametrize(
    "thumbnail",
    ["http://plain/a.jpg", "javascript:alert(1)", 'https://x/" onerror="x', "https://x/\u202e", 5, None, ""],
)
def test_thumbnail_with_an_unsafe_address_is_ignored(
    tagsync: Command, library: Callable[..., Path], thumbnail: object
) -> None:
    library(pictured("/a.jpg", thumbnail))
    assert tagsync("plan", "--thumbnails", "--out", "plan.json", *AT, "tags.yaml").code == 0
    assert "thumbnails" not in document("plan.json")
