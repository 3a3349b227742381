"""Contradictions between rules that need no library to be found."""

from datetime import date
from pathlib import Path

import pytest
from builders import current_file, current_state, manifest, plan_for
from conftest import Declare

import tagsync
from tagsync.errors import ManifestError
from tagsync.model import Diagnostic


def found(folder: Path, entries: str, *, spec: str = "", as_of: date | None = None) -> list[Diagnostic]:
    """Return the errors of a manifest."""
    path = folder / "tags.yaml"
    path.write_text(manifest(entries, spec=spec), encoding="utf-8")
    try:
        tagsync.validate(path, as_of=as_of)
    except ManifestError as error:
        return list(error.diagnostics)
    return []


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
def test_contradiction_with_one_selector_is_found(tmp_path: Path, selector: str) -> None:
    entries = f"- {{{selector}, tags: [x, y1]}}\n- {{path: /other, tags: [x]}}\n- {{{selector}, absent: [x]}}"
    [error] = found(tmp_path, entries)
    assert error.origin
    assert (error.code, error.origin.line) == ("conflict", 7)


def test_contradiction_names_both_places(tmp_path: Path) -> None:
    entries = "- match: /shop/**\n  tags: [x]\n- match: /shop/**\n  absent: [x]"
    [item] = found(tmp_path, entries)
    assert str(item.origin) == f"{tmp_path}/tags.yaml:8:16"
    assert item.message == (
        f"'x' must be absent from '/shop/**', but {tmp_path}/tags.yaml:6:14 adds it there: remove one of the two"
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
def test_contradiction_compares_path_with_matching_globs(tmp_path: Path, match: str, *, is_found: bool) -> None:
    for one, other in (("tags", "absent"), ("absent", "tags")):
        assert bool(found(tmp_path, f"- {{{match}, {one}: [x]}}\n- {{path: /shop/a.jpg, {other}: [x]}}")) == is_found


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
def test_contradiction_ignores_compatible_rules(tmp_path: Path, entries: str) -> None:
    assert found(tmp_path, entries) == []


def test_contradiction_compares_under_nfc_and_finds_two_spellings(tmp_path: Path) -> None:
    composed, decomposed = '"caf\\u00e9"', '"cafe\\u0301"'
    both = f"- {{path: /a, tags: [{composed}]}}\n- {{path: /a, %s: [{decomposed}]}}"
    assert [item.code for item in found(tmp_path, both % "absent")] == ["conflict"]
    assert [item.code for item in found(tmp_path, both % "tags")] == ["two-spellings"]


def test_contradiction_through_defaults_is_found(tmp_path: Path) -> None:
    entries = "- {path: /a, tags: [x]}\n- {match: /a*, tags: [z1]}"
    assert found(tmp_path, entries, spec="defaults: {ifMissing: warn}") == []
    entries = "- {path: /a, exclusive: true}\n- {match: /a*, absent: [x]}"
    assert found(tmp_path, entries, spec="defaults: {tags: [w1]}") == []


def test_contradiction_ignores_expired_until(tmp_path: Path) -> None:
    entries = "- {path: /a, tags: [x], until: 2026-06-01}\n- {path: /a, absent: [x]}"
    assert [item.code for item in found(tmp_path, entries, as_of=date(2026, 5, 1))] == ["conflict"]
    assert found(tmp_path, entries, as_of=date(2026, 6, 1)) == []


def test_contradiction_is_found_across_manifests(tmp_path: Path) -> None:
    for name, wish in (("a", "tags"), ("b", "absent")):
        (tmp_path / f"{name}.yaml").write_text(manifest(f"- path: /a.jpg\n  {wish}: [x]"))
    with pytest.raises(ManifestError) as caught:
        tagsync.validate([str(tmp_path)])
    [fault] = caught.value.diagnostics
    assert (fault.code, str(fault.origin)) == ("conflict", f"{tmp_path}/b.yaml:6:16")
    assert f"but {tmp_path}/a.yaml:6:14 adds it there" in fault.message


def test_contradiction_of_two_rules_is_one_error_with_number_of_files(tmp_path: Path) -> None:
    paths = "\n".join(f"- {{path: /shop/{number}, tags: [y1]}}" for number in range(80))
    rules = "- {match: /shop/**, tags: [x]}\n- {match: /shop/*, absent: [x]}"
    [error] = found(tmp_path, f"{rules}\n{paths}")
    assert "must be absent from '/shop/0' and 79 more files, but " in error.message
    # The same rule twice, of which a path has a better example.
    [error] = found(tmp_path, "- {match: /a/*, tags: [x]}\n- {match: /a/*, absent: [x]}\n- {path: /a/b, tags: [y1]}")
    assert "must be absent from '/a/b', but " in error.message


def test_contradiction_on_files_of_the_library_is_one_error(declare: Declare) -> None:
    desired = declare("- {match: /a/**, tags: [x]}\n- {match: /a/?, absent: [x]}\n- {match: /a/*, absent: [y1]}")
    files = [current_file(f"/a/{number}", ["x"]) for number in (8, 9, 10)]
    plan = plan_for(desired, current_state(*files))
    [error] = [item for item in plan.diagnostics if item.level == "error"]
    assert "'x' must be absent from '/a/8' and 1 more file, but " in error.message
    assert len(plan.changes) == 0


def test_contradiction_names_folders_of_manifests_with_the_same_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder, wish in (("a", "tags"), ("b", "absent")):
        Path("manifests", folder).mkdir(parents=True)
        Path("manifests", folder, "tags.yaml").write_text(manifest(f"- path: /a.jpg\n  {wish}: [x]"))
    with pytest.raises(ManifestError) as caught:
        tagsync.validate("manifests")
    [fault] = caught.value.diagnostics
    assert str(fault.origin) == "manifests/b/tags.yaml:6:16"
    assert "but manifests/a/tags.yaml:6:14 adds it there" in fault.message


def test_contradictions_beyond_limit_are_counted(tmp_path: Path) -> None:
    paths = "\n".join(f"- {{path: /{number}, tags: [x]}}" for number in range(80))
    (tmp_path / "tags.yaml").write_text(manifest(f"- {{match: /*, absent: [x]}}\n{paths}"))
    with pytest.raises(ManifestError) as caught:
        tagsync.validate([str(tmp_path)])
    assert (len(caught.value.diagnostics), caught.value.more) == (50, 30)
