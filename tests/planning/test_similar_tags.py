import unicodedata

import pytest
from builders import ai, current_file, current_state, plan_for
from conftest import Declare

from tagsync.model import Plan


def similar(made: Plan) -> list[tuple[str, str]]:
    """Return the warnings about new tags that are similar to existing ones, with their places."""
    return [(item.message, str(item.origin)) for item in made.diagnostics if item.code == "similar-tag"]


def words(new: str, old: str) -> str:
    return (
        f"the tag '{new}' is new, but files have '{old}', which differs only in case or Unicode form: write it as in "
        "the library"
    )


@pytest.mark.parametrize("old", ["shoes", "SHOES"])
def test_similar_tag_in_the_library_is_a_warning_at_the_new_one(declare: Declare, old: str) -> None:
    library = current_state(current_file("/a.jpg"), current_file("/b.jpg", [old]))
    desired = declare("- {path: /a.jpg, tags: [red, Shoes]}")

    assert similar(plan_for(desired, library)) == [(words("Shoes", old), "tags.yaml:5:34")]


def test_similar_tag_of_several_is_the_first_in_order(declare: Declare) -> None:
    library = current_state(current_file("/a.jpg", ["straße"]), current_file("/b.jpg", ["STRASSE"]))

    assert similar(plan_for(declare("- {match: /**, tags: [Straße]}"), library)) == [
        (words("Straße", "STRASSE"), "tags.yaml:5:27")
    ]


def test_similar_tag_in_another_unicode_form_is_the_same_tag(declare: Declare) -> None:
    library = current_state(current_file("/a.jpg"), current_file("/b.jpg", [unicodedata.normalize("NFD", "Café")]))

    assert similar(plan_for(declare("- {path: /a.jpg, tags: [Café]}"), library)) == []


def test_similar_tag_is_fine_if_files_have_both_already(declare: Declare) -> None:
    library = current_state(
        current_file("/a.jpg"), current_file("/b.jpg", ["shoes"]), current_file("/c.jpg", ["Shoes"])
    )

    assert similar(plan_for(declare("- {path: /a.jpg, tags: [Shoes]}"), library)) == []


def test_similar_tag_that_the_plan_replaces_is_fine(declare: Declare) -> None:
    library = current_state(current_file("/a.jpg", ["shoes"]))

    assert similar(plan_for(declare("- {path: /a.jpg, tags: [Shoes], absent: [shoes]}"), library)) == []


@pytest.mark.parametrize(("new", "old"), [("catlog", "catalog"), ("cataloog", "catalog"), ("sumemr", "summer")])
def test_similar_tag_with_a_typo_is_a_warning(declare: Declare, new: str, old: str) -> None:
    library = current_state(current_file("/a.jpg"), current_file("/b.jpg", [old]))

    assert similar(plan_for(declare(f"- {{path: /a.jpg, tags: [{new}]}}"), library)) == [
        (f"the tag '{new}' is new in the library: did you mean '{old}'?", "tags.yaml:5:29")
    ]


@pytest.mark.parametrize(
    ("new", "old"), [("shoe", "shoes"), ("catalog", "catalogs"), ("boot", "boat"), ("1944", "1945")]
)
def test_similar_tag_that_is_another_word_is_fine(declare: Declare, new: str, old: str) -> None:
    library = current_state(current_file("/a.jpg"), current_file("/b.jpg", [old]))

    assert similar(plan_for(declare(f"- {{path: /a.jpg, tags: ['{new}']}}"), library)) == []


def test_similar_tag_compares_promoted_ai_tags_too(declare: Declare) -> None:
    library = current_state(current_file("/a.jpg", (), [ai("Person", 99)]), current_file("/b.jpg", ["person"]))
    desired = declare("- {path: /a.jpg, aiTags: {promote: {minConfidence: 95}}}")

    assert [message for message, _ in similar(plan_for(desired, library))] == [words("Person", "person")]
