from pathlib import Path
from typing import Any

import pytest
import yaml
from builders import AWS, GOOGLE, ai, current_file, validator_of
from pages import DOCS, blocks

import tagsync
from tagsync.exporting.ai_rules_text import ai_rules_text
from tagsync.inventory.agreement import compare, lower_bound
from tagsync.model import AIComparison, CurrentFile


def compared(*groups: tuple[str, int, float, bool], source: str = GOOGLE) -> list[CurrentFile]:
    """Return files with one AI tag each: its name, how many, their confidence, and whether they have the tag."""
    return [
        current_file(f"/{group}/{number}", [name.lower() if agrees else "other"], [ai(name, confidence, source)])
        for group, (name, count, confidence, agrees) in enumerate(groups)
        for number in range(count)
    ]


def test_agreement_lower_bound_is_that_of_wilson() -> None:
    assert lower_bound(95, 100) == pytest.approx(0.8883, abs=1e-4)
    assert lower_bound(30, 30) == pytest.approx(0.8865, abs=1e-4)
    assert lower_bound(0, 30) == pytest.approx(0, abs=1e-9)
    assert lower_bound(72, 72) < 0.95 < lower_bound(74, 74)


def test_agreement_finds_the_lowest_confidence_from_which_enough_agree() -> None:
    [source] = compare(compared(("Dog", 200, 90.5, True), ("Dog", 3, 80.25, True), ("Dog", 50, 60, False))).sources
    [(name, own)] = source.names
    assert (name, own.files, own.agreeing) == ("Dog", 253, 203)
    assert (own.min_confidence, own.files_from, own.agreeing_from, own.always) == (80.25, 203, 203, False)
    assert source.total == own


def test_agreement_counts_all_tags_of_one_confidence() -> None:
    [source] = compare(compared(("Dog", 100, 90, True), ("Dog", 100, 90, False))).sources
    assert source.total.min_confidence is None


def test_agreement_needs_enough_files() -> None:
    [source] = compare(compared(("Dog", 29, 90, True))).sources
    assert source.total.min_confidence is None
    [source] = compare(compared(("Dog", 80, 90, True))).sources
    assert (source.total.min_confidence, source.total.always) == (90, True)


def test_agreement_ignores_case_and_unicode_form() -> None:
    [source] = compare([current_file("/1", ["caf\u00e9"], [ai("Cafe\u0301", 90)])]).sources
    assert (source.total.files, source.total.agreeing) == (1, 1)


def test_agreement_ignores_files_without_tags_and_names_that_nobody_uses() -> None:
    files = [
        current_file("/1", [], [ai("Dog", 90)]),
        current_file("/2", ["dog"], [ai("Cat", 90), ai("Dog", None)]),
        current_file("/3", ["dog"]),
    ]
    found = compare(files)
    [source] = found.sources
    assert (found.files, source.total.files, source.names, source.unknown) == (1, 0, (), 1)


def test_agreement_is_by_source() -> None:
    found = compare([*compared(("Dog", 80, 90, True)), *compared(("Dog", 80, 90, False), source=AWS)])
    assert [(item.source, item.total.min_confidence) for item in found.sources] == [(AWS, None), (GOOGLE, 90)]


def rules(found: AIComparison, tmp_path: Path) -> list[dict[str, Any]]:
    text = "".join(ai_rules_text(found))
    path = tmp_path / "ai.yaml"
    path.write_text(text, encoding="utf-8")
    tagsync.validate(path)
    document = yaml.safe_load(text)
    validator_of("manifest").validate(document)
    files: list[dict[str, Any]] = document["spec"]["files"]
    return files


def test_agreement_prints_rules_that_are_valid(tmp_path: Path) -> None:
    files = compared(("Dog", 200, 90.5, True), ("Dog", 50, 60, False), ("Cat", 80, 40.1, True))
    assert rules(compare(files), tmp_path) == [
        {"match": "/**", "aiTags": {"source": GOOGLE, "minConfidence": 90.5, "keep": ["Cat"]}}
    ]
    assert rules(compare([]), tmp_path) == []
    assert rules(compare(compared(("Dog", 200, 90.5, True), source="other\n- x")), tmp_path) == []


@pytest.mark.parametrize("name", ["no", "a: b", "##[error]x", "# x", "'q", "\x1b[31m", "a\nb", "{x}"])
def test_agreement_prints_hostile_names_harmlessly(tmp_path: Path, name: str) -> None:
    for confidence in (20, 90):
        files = compared((name, 100, confidence, True), ("Dog", 100, 90, True), ("Dog", 40, 30, False))
        found = compare(files)
        assert not {"\x1b", "##["} & set("".join(ai_rules_text(found)))
        kept = [names for rule in rules(found, tmp_path) for names in rule["aiTags"].get("keep", [])]
        assert kept == [name.replace("{", "\\{")]


def test_agreement_comments_removals_of_names_that_nearly_never_agree(tmp_path: Path) -> None:
    wrong = compared(("Cat", 2, 90, True), ("Cat", 198, 90, False), ("{x}", 1, 95, True), ("{x}", 199, 50, False))
    for files in (wrong, [*wrong, *compared(("Dog", 4000, 99, True))]):
        found = compare(files)
        assert not [rule for rule in rules(found, tmp_path) if "remove" in rule["aiTags"]]
        _, comment, rest = "".join(ai_rules_text(found)).partition("    # If these AI tags are wrong, remove the #")
        assert comment
        assert rest.startswith(", and the [] above.\n") == (files is wrong)
        lines = [line.removeprefix("    # ") for line in rest.splitlines()[1:]]
        removal = {"source": GOOGLE, "remove": ["Cat", "\\{x}"]}
        assert yaml.safe_load("\n".join(lines)) == [{"match": "/**", "aiTags": removal}]


def test_agreement_comments_no_removal_for_few_or_mixed_names() -> None:
    for files in (
        compared(("Cat", 29, 90, False), ("Cat", 1, 90, True)),
        compared(("Cat", 90, 90, False), ("Cat", 9, 90, True)),
    ):
        assert "remove:" not in "".join(ai_rules_text(compare(files)))
    other = compared(("Cat", 2, 90, True), ("Cat", 198, 90, False), source="other")
    assert "remove:" not in "".join(ai_rules_text(compare(other)))


def test_agreement_page_shows_what_is_printed() -> None:
    [block] = [block for block in blocks(DOCS / "how-to" / "look-around.md", "yaml") if "minConfidence" in block.text]
    groups = (("Shoe", 310, 85.2, True), ("Shoe", 4, 85.2, False), ("Hat", 120, 61, True), ("Hat", 5, 52.5, True))
    files = compared(*groups, ("Shoe", 90, 62.4, False), ("Bag", 280, 91.7, True), ("Bag", 170, 55, False))
    assert "".join(ai_rules_text(compare(files))) == f"{block.text}\n"
