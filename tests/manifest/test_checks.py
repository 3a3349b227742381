from collections.abc import Callable
from pathlib import Path

import pytest
from builders import manifest

from tagsync.manifest.read import read_manifests
from tagsync.model import DesiredState, Diagnostic

Faults = Callable[..., list[tuple[str, str, str]]]
ReadText = Callable[..., DesiredState]

MARKS = "\u0301\u0316" * 16
COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"


def tags_of(length: int) -> str:
    """Return the YAML list of tags with `length` characters in total, the last one "x"."""
    return f"[{'a' * 200}, {'b' * 200}, {'c' * (length - 401)}, x]"


@pytest.mark.parametrize(
    ("entry", "place", "code", "words"),
    [
        # globs
        (
            "- match: /a\\\n  tags: [x]",
            "5:7",
            "glob",
            "the glob '/a\\' is not valid: it ends in a lone backslash",
        ),
        ("- match: /a\n  except: [/b, '/c\\\\\\']\n  tags: [x]", "5:7", "glob", "'/c\\\\\\' is not valid"),
        ("- query: q\n  except: ['/b\\']\n  tags: [x]", "5:7", "glob", "'/b\\'"),
        ("- match: /a\n  exclusive: {only: [b, 'c\\']}", "6:29", "glob", "the glob 'c\\' is not valid"),
        ("- path: /a\n  exclusive: {only: ['c\\']}", "6:26", "glob", "the glob 'c\\' is not valid"),
        ("- fileId: a\n  tags: [x]\n  exclusive: {only: ['c\\']}", "7:26", "glob", "the glob 'c\\' is not valid"),
        # combining marks
        (f"- path: /a\n  tags: [x, e{MARKS}]", "6:17", "marks", "has more than 30 combining marks in a row"),
        (f"- path: /a\n  absent: [e{MARKS}]", "6:16", "marks", "remove some of them"),
        # expectations
        ("- match: /a\n  tags: [x]\n  expect: {min: 3, max: 2}", "7:15", "range", "min 3 is more than max 2"),
        # nothing declared
        ("- path: /a", "5:7", "declares-nothing", "add tags, absent, exclusive or aiTags"),
        ("- path: /a\n  tags: []\n  absent: []", "5:7", "declares-nothing", "declares nothing"),
        ("- path: /a\n  exclusive: false", "5:7", "declares-nothing", "declares nothing"),
        ("- path: /a\n  ifMissing: warn\n  ifOverLimit: warn", "5:7", "declares-nothing", "declares nothing"),
        ("- path: /a\n  aiTags: {remove: []}", "5:7", "declares-nothing", "declares nothing"),
        ("- path: /a\n  aiTags: {source: aws-auto-tagging}", "5:7", "declares-nothing", "declares nothing"),
        # spellings
        (
            f"- path: /a\n  tags: [{COMPOSED}, {DECOMPOSED}]",
            "6:20",
            "two-spellings",
            "is also declared at tags.yaml:6:14, in",
        ),
        # contradictions
        ("- path: /a\n  tags: [x, w]\n  absent: [z, w]", "7:19", "conflict", "present at tags.yaml:6:17"),
        (f"- path: /a\n  tags: [{COMPOSED}]\n  absent: [{DECOMPOSED}]", "7:16", "conflict", "at tags.yaml:6:14"),
        # length
        (
            "- path: /a\n  aiTags: {remove: [all]}",
            "6:25",
            "wildcard",
            "'all' in the list remove means an AI tag with exactly this",
        ),
        ("- path: /a\n  aiTags: {remove: [ALL]}", "6:25", "wildcard", "'ALL' in the list remove"),
        ("- path: /a\n  aiTags: {remove: ['*']}", "6:25", "wildcard", "or write remove: all without brackets"),
        ("- path: /a\n  aiTags: {remove: [Dog, 'sho*']}", "6:30", "wildcard", "'sho*' in the list remove"),
        ("- path: /a\n  aiTags: {remove: all, keep: [Sho*]}", "6:36", "wildcard", "name each AI tag that stays"),
        ("- path: /a\n  aiTags: {remove: all, keep: [all]}", "6:36", "wildcard", "'all' in the list keep"),
        (f"- path: /a\n  tags: {tags_of(501)}", "5:7", "over-limit", "the tags of this rule have 501 characters"),
        (f"- path: /a\n  tags: {tags_of(501)}\n  ifOverLimit: error", "5:7", "over-limit", "allows 500 on a file"),
        (f"- path: /a\n  tags: [{'a' * 501}]", "5:7", "over-limit", "501 characters"),
    ],
)
def test_check_reports_errors_with_place(faults: Faults, entry: str, place: str, code: str, words: str) -> None:
    [found] = faults(manifest(entry))

    assert found[:2] == (place, code)
    assert words in found[2]


@pytest.mark.parametrize(
    "entry",
    [
        "- match: /a\\\\\n  tags: [x]",
        "- match: /a\\*\n  except: ['/\\?']\n  tags: [x]",
        # A path is not a glob.
        "- path: /a\\\n  tags: [x]",
        "- match: /a\n  tags: [x]\n  expect: {min: 3, max: 3}",
        f"- path: /a\n  tags: [{COMPOSED}, {COMPOSED}, Caf\u00e9]",
        # The library may have both spellings; both are removed.
        f"- path: /a\n  absent: [{COMPOSED}, {DECOMPOSED}]",
        "- path: /a\n  tags: [x]\n  absent: [X]",
        "- path: /a\n  absent: ['%', ' x ', \"a\\tb\"]",
        "- path: /a\n  aiTags: {remove: [x], keep: [x]}",
        f"- path: /a\n  tags: {tags_of(500)}",
        # A tag that is declared twice is on the file once.
        f"- path: /a\n  tags: [{'a' * 400}, {'a' * 400}]",
        f"- path: /a\n  tags: [{'a' * 250}, {'b' * 249}, {'a' * 250}]",
        f"- path: /a\n  tags: {tags_of(501)}\n  ifOverLimit: warn",
        f"- path: /a\n  tags: {tags_of(501)}\n  ifOverLimit: skip",
        f"- path: /a\n  absent: {tags_of(900)}",
    ],
)
def test_check_accepts_what_only_looks_wrong(faults: Faults, entry: str) -> None:
    assert faults(manifest(entry)) == []


@pytest.mark.parametrize(
    ("defaults", "entry", "found"),
    [
        ("{tags: [x]}", "- path: /a\n  absent: [x]", ["7:16 conflict"]),
        ("{absent: [x]}", "- path: /a\n  tags: [x]", ["4:23 conflict"]),
        (f"{{tags: [{COMPOSED}]}}", f"- path: /a\n  tags: [{DECOMPOSED}]", ["7:14 two-spellings"]),
        (f"{{tags: [{'a' * 300}]}}", f"- path: /a\n  tags: [{'b' * 201}]", ["6:7 over-limit"]),
        (f"{{tags: [{'a' * 501}], ifOverLimit: warn}}", "- path: /a", []),
        ("{tags: [x]}", "- path: /a", []),
        ("{exclusive: true}", "- path: /a\n  exclusive: false", ["6:7 declares-nothing"]),
        ("{ifMissing: warn}", "- path: /a", ["6:7 declares-nothing"]),
        ("{exclusive: {only: ['a\\']}}", "- path: /a", ["4:33 glob"]),
        ("{aiTags: {minConfidence: 70}}", "- path: /a\n  aiTags: {remove: all}", []),
        ("{aiTags: {source: aws-auto-tagging}}", "- path: /a", ["6:7 declares-nothing"]),
    ],
)
def test_check_merges_defaults_first(faults: Faults, defaults: str, entry: str, found: list[str]) -> None:
    spec = f"defaults: {defaults}"

    assert [f"{place} {code}" for place, code, _ in faults(manifest(entry, spec=spec))] == found


def test_check_reports_all_errors_of_an_entry(faults: Faults) -> None:
    entry = f"""
- match: /a\\
  tags: [x, {COMPOSED}, {DECOMPOSED}, {"a" * 500}]
  absent: [x]
  exclusive: {{only: ['b\\']}}
  expect: {{min: 1, max: 0}}
"""

    assert [f"{place} {code}" for place, code, _ in faults(manifest(entry))] == [
        "5:7 glob",
        "5:7 over-limit",
        "6:23 two-spellings",
        "7:16 conflict",
        "8:26 glob",
        "9:15 range",
    ]


def test_check_reports_error_in_defaults_once(faults: Faults) -> None:
    entries = "\n".join(f"- path: /{number}\n  tags: [w]" for number in range(60))
    defaults = "defaults: {tags: [x], absent: [x], exclusive: {only: ['a\\']}}"

    assert [f"{place} {code}" for place, code, _ in faults(manifest(entries, spec=defaults))] == [
        "4:34 conflict",
        "4:57 glob",
    ]


def test_check_reports_conflict_with_defaults_for_each_entry(faults: Faults) -> None:
    entries = "- path: /a\n  tags: [x]\n- path: /b\n  tags: [x]"
    found = faults(manifest(entries, spec="defaults: {absent: [x]}"))

    assert [(place, code) for place, code, _ in found] == [("4:23", "conflict")] * 2
    assert "tags.yaml:7:14" in found[0][2]
    assert "tags.yaml:9:14" in found[1][2]


# Warnings and notices


def warnings(folder: Path, text: str) -> list[tuple[str, str, str]]:
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
    assert warnings(tmp_path, text) == [("warning", "wildcard", "6:19")]


@pytest.mark.parametrize(
    ("files", "place"),
    [
        ("- path: '/a/*.jpg'\n  tags: [a]\n- path: '/b/*.jpg'\n  tags: [a]", "5:7"),
        ('- path: /a\n  tags: [a]\n- {path: "/b*", tags: [a]}', "7:7"),
        ("- path: /a*\n  absent: [a]", "5:7"),
        ("- {path: /a*, tags: [a]}", "5:7"),
    ],
)
def test_path_with_a_star_is_a_warning_that_suggests_match(tmp_path: Path, files: str, place: str) -> None:
    assert warnings(tmp_path, manifest(files)) == [("warning", "wildcard", place)]
    [found] = read_manifests([str(tmp_path)]).diagnostics
    assert found.message.endswith("to select files by a pattern, use match")


def test_wildcard_in_defaults_is_a_warning(tmp_path: Path) -> None:
    text = manifest("- path: /a\n- path: /b", spec="defaults: {absent: ['tmp*']}")
    assert warnings(tmp_path, text) == [("warning", "wildcard", "4:23")]


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


def test_wildcard_in_exclusive_or_tags_is_no_warning(tmp_path: Path) -> None:
    assert warnings(tmp_path, manifest("- path: /a\n  tags: ['5*']\n  exclusive: {only: ['season-*']}")) == []


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
def test_query_on_tags_is_a_notice(tmp_path: Path, query: str) -> None:
    text = manifest(f"- query: '{query}'\n  absent: [draft]")
    assert warnings(tmp_path, text) == [("info", "query-tags", "5:7")]


@pytest.mark.parametrize(
    "query", ['name : "tags IN"', 'customMetadata.tags IN ["x"]', '"customMetadata.tags" IN ["x"]']
)
def test_query_without_tags_is_no_notice(tmp_path: Path, query: str) -> None:
    assert warnings(tmp_path, manifest(f"- query: '{query}'\n  absent: [draft]")) == []


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (
            "{minConfidence: 0.7}",
            (
                "aiTags.minConfidence: 0.7 means 0.7 %, and this rule removes almost no AI tags: confidence in "
                "ImageKit goes from 0 to 100, so for 70 %, write 70"
            ),
        ),
        (
            "{promote: {minConfidence: 1}}",
            "aiTags.promote.minConfidence: 1 means 1 %, and this rule promotes almost all AI tags",
        ),
        ("{minConfidence: 0}", ""),
        ("{minConfidence: 1.5}", ""),
    ],
)
def test_checks_confidence_that_looks_like_a_share(tmp_path: Path, rule: str, words: str) -> None:
    path = tmp_path / "tags.yaml"
    path.write_text(manifest(f"- match: /**\n  aiTags: {rule}"), encoding="utf-8")
    found = [item for item in read_manifests([str(path)]).diagnostics if item.code == "confidence"]
    assert len(found) == bool(words)
    assert all(str(item.origin) == "tags.yaml:6:15" and item.message.startswith(words) for item in found)
    assert all(item.level == "warning" for item in found)
