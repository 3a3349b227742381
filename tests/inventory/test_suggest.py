import random
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from builders import current_file, validator_of
from pages import DOCS, blocks

import tagsync
from tagsync.exporting.vocabulary_text import vocabulary_text
from tagsync.inventory.suggest import suggest
from tagsync.model import CurrentFile, SuggestedRename


def files_with(counts: Mapping[str, int]) -> list[CurrentFile]:
    return [current_file(f"/{tag}/{number}", [tag]) for tag, count in counts.items() for number in range(count)]


def renames(counts: Mapping[str, int], *, certain: bool = True) -> dict[str, str]:
    return {item.old: item.new for item in suggest(files_with(counts)).renames if item.is_certain is certain}


def test_suggest_renames_to_the_more_frequent_spelling() -> None:
    found = renames({"shoe": 3, "shoes": 9, "Shoes": 2, "SHOES": 1, "t-shirt": 1, "tshirt": 2, "red": 5})
    assert found == {"shoe": "shoes", "Shoes": "shoes", "SHOES": "shoes", "t-shirt": "tshirt"}


def test_suggest_has_no_chain_and_no_cycle() -> None:
    found = renames({"organisation": 30, "organization": 40, "organizations": 3, "Organisation": 2, "organizaton": 1})
    assert found
    assert not found.keys() & set(found.values())
    assert set(found.values()) == {"organization"}


def test_suggest_typos_need_a_far_more_frequent_tag() -> None:
    assert renames({"accesories": 1, "accessories": 10}) == {"accesories": "accessories"}
    assert renames({"accesories": 2, "accessories": 10}) == {}


def test_suggest_leaves_tags_alone_that_files_have_together() -> None:
    both = [current_file(f"/both/{number}", ["accesories", "accessories"]) for number in range(3)]
    assert suggest([*files_with({"accessories": 100}), *both]).renames == ()


def test_suggest_compares_numbers_exactly() -> None:
    assert renames({f"collection-{year}": year - 1990 for year in range(1995, 2025)} | {"1990s": 5, "1990": 9}) == {}


def test_suggest_tags_on_the_same_files_only_as_possible() -> None:
    files = [current_file(f"/{number}", ["headwear", "millinery", "x" * (number % 2)]) for number in range(8)]
    [found] = suggest(files).renames
    assert (found.old, found.new, found.reason, found.is_certain) == (
        "millinery",
        "headwear",
        "on the same files",
        False,
    )


def test_suggest_counts_files_and_calls() -> None:
    both = [current_file(f"/both/{number}", ["Shoes", "shoes"]) for number in range(60)]
    [found] = suggest([*files_with({"Shoes": 40, "shoes": 200}), *both]).renames
    # 40 files gain the new tag in one call, and 100 lose the old one in two.
    assert found == SuggestedRename("Shoes", "shoes", "case", 100, 260, 3)


def test_suggest_where_capitals_mark_names_leaves_them_to_people() -> None:
    names = {f"Name{number}": 1 for number in range(150)}
    assert renames({"fox": 10, "Fox": 1}) == {"Fox": "fox"}
    assert renames({"fox": 10, "Fox": 1, **names}) == {}
    assert renames({"fox": 10, "Fox": 1, **names}, certain=False) == {"Fox": "fox"}
    assert renames({"Saint-Paul": 1, "Saint Paul": 2, **names}) == {"Saint-Paul": "Saint Paul"}


def test_suggest_ignores_tags_that_no_manifest_can_name() -> None:
    assert renames({"50%": 9, "50 %": 1, "ab\x1bcde": 2, "AB\x1bCDE": 1, "x" * 400: 2, "X" * 400: 1}) == {}


def test_suggest_treats_unicode_forms_as_one_tag() -> None:
    files = files_with({"caf\u00e9s": 2, "cafe\u0301s": 3})
    assert (suggest(files).renames, suggest(files).tags) == ((), 1)


HOSTILE = ("no", "1e3", "a: b", "##[error]x", "::error::x", "# x", "- x", "'q", '"q"', "{x}", "\ue000" * 100, "x #y")


def test_suggest_prints_a_valid_vocabulary_whatever_tags_contain(tmp_path: Path) -> None:
    found = suggest(
        files_with(
            dict.fromkeys(HOSTILE, 2) | {f"{tag} Word": 3 for tag in HOSTILE} | {f"{tag} word": 9 for tag in HOSTILE}
        )
    )
    text = "".join(vocabulary_text(found))
    assert len(found.renames) >= 9
    assert "##[" not in text
    document = yaml.safe_load(text)
    validator_of("manifest").validate(document)
    assert document["spec"]["renames"] == {item.old: item.new for item in found.renames if item.is_certain}
    path = tmp_path / "vocabulary.yaml"
    path.write_text(text, encoding="utf-8")
    tagsync.validate(path)
    # With all possible ones, too.
    path.write_text(
        text.replace("{}", "").replace("    # ", "    ").replace("    These", "    # These"), encoding="utf-8"
    )
    tagsync.validate(path)


def test_suggest_of_only_possible_renames_says_how_to_use_them(tmp_path: Path) -> None:
    files = [current_file(f"/{number}", ["headwear", "millinery"]) for number in range(8)]
    text = "".join(vocabulary_text(suggest(files)))
    assert "Remove {} above, and the # from those that are the same." in text
    path = tmp_path / "vocabulary.yaml"
    path.write_text(text, encoding="utf-8")
    tagsync.validate(path)
    path.write_text(text.replace("renames: {}", "renames:").replace("# millinery", "millinery"), encoding="utf-8")
    tagsync.validate(path)


def test_suggest_of_a_clean_library_is_a_valid_empty_vocabulary(tmp_path: Path) -> None:
    path = tmp_path / "vocabulary.yaml"
    path.write_text("".join(vocabulary_text(suggest(files_with({"red": 2})))), encoding="utf-8")
    tagsync.validate(path)


def test_suggest_page_shows_what_is_printed() -> None:
    [block] = [block for block in blocks(DOCS / "how-to" / "look-around.md", "yaml") if "Vocabulary" in block.text]
    counts = {"shoes": 340, "Shoes": 85, "shoe": 12, "t-shirt": 60, "tshirt": 4, "accessories": 130, "accesories": 2}
    same = [current_file(f"/hat/{number}", ["hats", "headwear"]) for number in range(35)]
    assert "".join(vocabulary_text(suggest([*files_with(counts), *same]))) == f"{block.text}\n"


@pytest.mark.parametrize("alphabet", ["ab", "abcdefghijklmnopqrstuvwxyz"])
def test_suggest_takes_time_linear_in_tags(alphabet: str) -> None:
    generator = random.Random(1)
    tags = {"".join(generator.choices(alphabet, k=12)) for _ in range(4000)}
    began = time.process_time()
    suggest([current_file(f"/{tag}", [tag]) for tag in tags])
    assert time.process_time() - began < 10
