"""Contradictions between rules that need no library to be found."""

from datetime import date
from pathlib import Path

import pytest
from builders import manifest
from conftest import Declare

import tagsync
from tagsync.errors import ManifestError
from tagsync.manifest.read import read_manifests
from tagsync.planning.contradictions import contradictions


def found(declare: Declare, entries: str) -> list[tuple[str, str]]:
    diagnostics = list(contradictions(declare(entries).entries))
    assert all(item.level == "error" for item in diagnostics)
    return [(item.code, str(item.origin)) for item in diagnostics]


@pytest.mark.parametrize(
    "selector",
    [
        "path: /a.jpg",
        "fileId: 5e21880d5efe355febd4bccd",
        "match: /shop/**",
        "query: size > 1",
        "match: /shop/**, query: size > 1",
        "match: /shop/**, except: [/shop/x/**]",
    ],
)
def test_contradiction_with_one_selector_is_found(declare: Declare, selector: str) -> None:
    entries = f"- {{{selector}, tags: [x, y1]}}\n- {{path: /other, tags: [x]}}\n- {{{selector}, absent: [x]}}"
    [(code, origin)] = found(declare, entries)
    assert (code, origin.rpartition(":")[0]) == ("conflict", "tags.yaml:7")


def test_contradiction_names_both_places(declare: Declare) -> None:
    entries = "- match: /shop/**\n  tags: [x]\n- match: /shop/**\n  absent: [x]"
    [item] = contradictions(declare(entries).entries)
    assert str(item.origin) == "tags.yaml:8:16"
    assert item.message == (
        "'x' must be absent from '/shop/**' here, but present at tags.yaml:6:14: remove one of the two"
    )


@pytest.mark.parametrize(
    ("match", "is_found"),
    [
        ("match: /shop/**", True),
        ("match: /shop/**, except: [/shop/a.jpg]", False),
        ("match: /shop/**, query: size > 1", False),
        ("match: /other/**", False),
        ("match: /shop/*.png", False),
    ],
)
def test_contradiction_compares_path_with_matching_globs(declare: Declare, match: str, *, is_found: bool) -> None:
    for one, other in (("tags", "absent"), ("absent", "tags")):
        assert bool(found(declare, f"- {{{match}, {one}: [x]}}\n- {{path: /shop/a.jpg, {other}: [x]}}")) == is_found


@pytest.mark.parametrize(
    "entries",
    [
        "- {path: /a, tags: [x]}\n- {path: /b, absent: [x]}",
        "- {match: /a/**, tags: [x]}\n- {match: /a/b/**, absent: [x]}",
        "- {match: /a/**, tags: [x]}\n- {match: /a/**, except: [/a/b], absent: [x]}",
        "- {path: /a, tags: [x]}\n- {path: /a, aiTags: {remove: [x]}}",
        "- {path: /a, tags: [x]}\n- {path: /a, tags: [x], exclusive: true}",
    ],
)
def test_contradiction_ignores_compatible_rules(declare: Declare, entries: str) -> None:
    assert found(declare, entries) == []


def test_contradiction_compares_under_nfc_and_finds_two_spellings(declare: Declare) -> None:
    composed, decomposed = '"caf\\u00e9"', '"cafe\\u0301"'
    both = f"- {{path: /a, tags: [{composed}]}}\n- {{path: /a, %s: [{decomposed}]}}"
    assert [code for code, _ in found(declare, both % "absent")] == ["conflict"]
    assert [code for code, _ in found(declare, both % "tags")] == ["two-spellings"]


def test_contradiction_through_defaults_is_found(declare: Declare) -> None:
    desired = declare("- {path: /a, tags: [x]}\n- {match: /a*, tags: [z1]}", spec="defaults: {ifMissing: warn}")
    assert list(contradictions(desired.entries)) == []
    desired = declare("- {path: /a, exclusive: true}\n- {match: /a*, absent: [x]}", spec="defaults: {tags: [w1]}")
    assert list(contradictions(desired.entries)) == []


def test_contradiction_ignores_expired_until(tmp_path: Path) -> None:
    path = tmp_path / "tags.yaml"
    path.write_text(manifest("- {path: /a, tags: [x], until: 2026-06-01}\n- {path: /a, absent: [x]}"))
    before = read_manifests([str(path)], as_of=date(2026, 5, 1)).entries
    after = read_manifests([str(path)], as_of=date(2026, 6, 1)).entries
    assert [item.code for item in contradictions(before)] == ["conflict"]
    assert list(contradictions(after)) == []


def test_contradiction_is_found_across_manifests(tmp_path: Path) -> None:
    for name, wish in (("a", "tags"), ("b", "absent")):
        (tmp_path / f"{name}.yaml").write_text(manifest(f"- path: /a.jpg\n  {wish}: [x]"))
    with pytest.raises(ManifestError) as caught:
        tagsync.validate([str(tmp_path)])
    [fault] = caught.value.diagnostics
    assert (fault.code, str(fault.origin)) == ("conflict", f"{tmp_path}/b.yaml:6:16")
    assert "present at a.yaml:6:14" in fault.message


def test_contradictions_beyond_limit_are_counted(tmp_path: Path) -> None:
    paths = "\n".join(f"- {{path: /{number}, tags: [x]}}" for number in range(80))
    (tmp_path / "tags.yaml").write_text(manifest(f"- {{match: /*, absent: [x]}}\n{paths}"))
    with pytest.raises(ManifestError) as caught:
        tagsync.validate([str(tmp_path)])
    assert (len(caught.value.diagnostics), caught.value.more) == (50, 30)
