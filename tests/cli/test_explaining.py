import json
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import ai, file_object
from cli.command import Command, write_manifest

EXPLAIN = ("plan", "--sandbox", "library.jsonl", "--explain")


@pytest.fixture(autouse=True)
def _files(library: Callable[..., Path]) -> None:
    library(file_object("/a.jpg", ["old", "o\x1bdd"], [ai("Dog", 10)]), file_object("/b.jpg"))
    write_manifest("- {path: /a.jpg, tags: [new], absent: [old], aiTags: {minConfidence: 50}}")


def test_explain_shows_each_rule_and_each_tag(tagsync: Command) -> None:
    result = tagsync(*EXPLAIN, "/a.jpg", "tags.yaml")
    assert result.code == 0
    assert [line.rstrip() for line in result.out.splitlines()][1:] == [
        "",
        "  tags.yaml:5:7  path: /a.jpg",
        "      aiTags.minConfidence: 50",
        "      new     present  tags                  tags.yaml:5:29",
        "      old     absent   absent                tags.yaml:5:44",
        "      AI Dog  absent   aiTags.minConfidence  tags.yaml:5:58",
        "",
        "  + new      added    because of tags tags.yaml:5:29",
        r"    o\x1bdd  stays    no rule removes it",
        "  - old      removed  because of absent tags.yaml:5:44",
        "  - AI Dog   removed  because of aiTags.minConfidence tags.yaml:5:58  confidence 10 (google-auto-tagging)",
    ]


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("/A.jpg", "did you mean '/a.jpg'?"),
        ("/aa.jpg", "did you mean '/a.jpg'?"),
        ("/x/b.jpg", "did you mean '/b.jpg'?"),
        ("/nothing", "check the path"),
        ("/zebra.jpg", "check the path"),
    ],
)
def test_explain_refuses_an_unknown_path(tagsync: Command, path: str, hint: str) -> None:
    result = tagsync(*EXPLAIN, path, "--report=a.json", "tags.yaml")
    assert (result.code, result.out) == (1, "")
    message = f"--explain: '{path}' is in neither the library nor the manifests: {hint}"
    assert f"error: {message}\n" in result.err
    assert json.loads(Path("a.json").read_text("utf-8"))["diagnostics"][0]["code"] == "unknown-path"


def test_explain_accepts_a_path_of_the_manifests_or_of_no_rule(tagsync: Command) -> None:
    write_manifest("- {path: /gone.jpg, tags: [new], ifMissing: skip}")
    words = tagsync(*EXPLAIN, "/gone.jpg", "tags.yaml").out
    assert words.startswith("/gone.jpg is not in the library: ")
    assert "no rule selects this file, so tagsync never changes it" in tagsync(*EXPLAIN, "/b.jpg", "tags.yaml").out


def test_explain_has_json_output_and_saves_the_plan(tagsync: Command) -> None:
    result = tagsync(*EXPLAIN, "/a.jpg", "--format=json", "--out=plan.json", "--report=json=again.json", "tags.yaml")
    [file] = result.document["files"]
    assert (file["path"], len(file["entries"]), len(file["tags"])) == ("/a.jpg", 1, 4)
    for name in ("plan.json", "again.json"):
        assert len(json.loads(Path(name).read_text("utf-8"))["changes"]) == 1


def test_explain_exit_codes_are_those_of_the_plan(tagsync: Command) -> None:
    assert tagsync(*EXPLAIN, "/a.jpg", "--detailed-exitcode", "tags.yaml").code == 2
    write_manifest("- {path: /gone.jpg, tags: [new]}")
    assert tagsync(*EXPLAIN, "/a.jpg", "tags.yaml").code == 1


def test_explain_needs_text_or_json(tagsync: Command, library: Callable[..., Path]) -> None:
    library(file_object("/a.jpg"))
    write_manifest("- path: /a.jpg\n  tags: [x]")
    result = tagsync("plan", "--sandbox=library.jsonl", "--explain=/a.jpg", "--format=markdown", "tags.yaml")
    assert (result.code, result.out) == (64, "")
    assert "--explain needs --format text or json" in result.err


def test_explanation_shows_what_is_captured(tagsync: Command, library: Callable[..., Path]) -> None:
    library(file_object("/shop/tees/a.jpg", fileType="image"))
    write_manifest('- {match: "/shop/{category}/{name}.jpg", tags: ["{category:upper}", "{fileType}"]}')
    lines = tagsync(*EXPLAIN, "/shop/tees/a.jpg", "tags.yaml").out.splitlines()
    assert [line.strip() for line in lines[3:8]] == [
        "{category} is 'tees'",
        "{name} is 'a'",
        "{fileType} is 'image'",
        "TEES   present  tags  tags.yaml:5:53",
        "image  present  tags  tags.yaml:5:73",
    ]
    document = json.loads(tagsync(*EXPLAIN, "/shop/tees/a.jpg", "tags.yaml", "--format", "json").out)
    assert document["files"][0]["entries"][0]["values"] == {"category": "tees", "name": "a", "fileType": "image"}


def test_multi_select_field_gives_a_tag_for_each_value(tagsync: Command, library: Callable[..., Path]) -> None:
    library(file_object("/c.jpg", customMetadata={"color": ["red", "a,b"]}), name="colors.jsonl")
    write_manifest("- {path: /c.jpg, tags: ['color-{customMetadata.color}']}")
    explained = tagsync("plan", "--sandbox=colors.jsonl", "--explain=/c.jpg", "tags.yaml")
    assert "{customMetadata.color} is 'a,b, red'" in explained.out
    for tag in ("color-red", "'color-a,b'"):
        assert f"+ {tag}" in explained.out
    report = tagsync("apply", "--yes", "--sandbox=colors.jsonl", "--format=json", "tags.yaml")
    assert (report.code, report.document["changes"][0]["add"]) == (0, ["color-a,b", "color-red"])
    assert (
        "warning: tags.yaml:5:29: the tag 'color-a,b' contains a comma, at which upload forms split tags, and ImageKit "
        "may refuse it: map the value in spec.values"
    ) in report.err
    assert tagsync("plan", "--sandbox=colors.jsonl", "--detailed-exitcode", "tags.yaml").code == 0


def test_explain_of_a_blocked_plan_succeeds(tagsync: Command) -> None:
    write_manifest("- {match: /a.jpg, exclusive: true}")
    assert tagsync("plan", "--sandbox=library.jsonl", "tags.yaml").code == 4
    result = tagsync(*EXPLAIN, "/a.jpg", "tags.yaml")
    assert result.code == 0
    assert "guard" not in result.err
