from pathlib import Path

import pytest
from builders import manifest

from tagsync.manifest.read import read_manifests
from tagsync.model import Diagnostic


def notes(folder: Path, text: str) -> list[tuple[str, str, str]]:
    path = folder / "tags.yaml"
    path.write_text(text, encoding="utf-8")
    return [_short(item) for item in read_manifests([str(path)]).diagnostics]


def _short(item: Diagnostic) -> tuple[str, str, str]:
    origin = item.origin
    assert origin
    return item.level, item.code, f"{origin.line}:{origin.column}"


@pytest.mark.parametrize("selector", ["path: /a", "match: /**"])
def test_wildcard_in_absent_is_a_warning(tmp_path: Path, selector: str) -> None:
    text = manifest(f"- {selector}\n  absent: [x, 'season-*']\n- path: /b\n  absent: ['season-*']")
    assert notes(tmp_path, text) == [("warning", "wildcard", "6:19")]


def test_wildcard_in_defaults_is_a_warning(tmp_path: Path) -> None:
    text = manifest("- path: /a\n- path: /b", spec="defaults: {absent: ['tmp*']}")
    assert notes(tmp_path, text) == [("warning", "wildcard", "4:23")]


@pytest.mark.parametrize(
    ("spec", "place"),
    [
        ("{forbidden: ['tmp*'], removeForbidden: true}", "3:20"),
        ("{allowed: [a, 'season-*']}", "3:21"),
        ("{renames: {'old*': new}}", "3:18"),
    ],
)
def test_wildcard_in_a_vocabulary_is_a_warning(tmp_path: Path, spec: str, place: str) -> None:
    text = f"apiVersion: tagsync/v1\nkind: Vocabulary\nspec: {spec}\n"
    path = tmp_path / "words.yaml"
    path.write_text(text, encoding="utf-8")
    [found] = read_manifests([str(path)]).diagnostics
    assert _short(found) == ("warning", "wildcard", place)


def test_globs_of_exclusive_and_tags_with_a_star_are_no_warning(tmp_path: Path) -> None:
    assert notes(tmp_path, manifest("- path: /a\n  tags: ['5*']\n  exclusive: {only: ['season-*']}")) == []


@pytest.mark.parametrize(
    "query",
    [
        'tags IN ["x"]',
        'size > 1 AND (tags not in ["x"])',
        '"tags" IN ["x"]',
        'tags HAS "x"',
        "NOT EXISTS tags",
        "tags EXISTS",
    ],
)
def test_query_with_a_condition_on_tags_is_a_notice(tmp_path: Path, query: str) -> None:
    text = manifest(f"- query: '{query}'\n  absent: [draft]")
    assert notes(tmp_path, text) == [("info", "query-tags", "5:7")]


@pytest.mark.parametrize(
    "query", ['name : "tags IN"', 'customMetadata.tags IN ["x"]', '"customMetadata.tags" IN ["x"]']
)
def test_query_without_a_condition_on_tags_is_no_notice(tmp_path: Path, query: str) -> None:
    assert notes(tmp_path, manifest(f"- query: '{query}'\n  absent: [draft]")) == []
