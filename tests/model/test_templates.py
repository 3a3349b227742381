import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagsync.model.templates import (
    Placeholder,
    escaped_braces,
    filled,
    formatted,
    literal,
    placeholders,
    template_parts,
    year_of,
)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("shoes", ("shoes",)),
        ("{category}", (Placeholder("category", ""),)),
        ("sku-{sku:lower}!", ("sku-", Placeholder("sku", "lower"), "!")),
        ("{a}{b:slug}", (Placeholder("a", ""), Placeholder("b", "slug"))),
        ("{customMetadata.shoe size}", (Placeholder("customMetadata.shoe size", ""),)),
        ("{fileType:upper}", (Placeholder("fileType", "upper"),)),
        ("{createdAt:year}", (Placeholder("createdAt", "year"),)),
        (r"\{category}", ("{category}",)),
        (r"\\{category}", (r"\{category}",)),
        (r"a\b}", (r"a\b}",)),
    ],
)
def test_template_parts_are_texts_and_placeholders(text: str, parts: tuple[str | Placeholder, ...]) -> None:
    assert template_parts(text) == parts


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not closed"),
        ("x{a", "not closed"),
        ("{a{b}}", "nested"),
        ("{}", "is not a name"),
        ("{a b}", "is not a name"),
        ("{-a}", "is not a name"),
        ("{a.b}", "is not a name"),
        ("{customMetadata.}", "is not a name"),
        ("{customMetadata}", "customMetadata has no field"),
        ("{a:title}", "{a} has an unknown format: use lower, slug or upper"),
        ("{a:}", "unknown format"),
        ("{createdAt}", "write {createdAt:year}"),
        ("{createdAt:lower}", "write {createdAt:year}"),
        ("{a:year}", "unknown format"),
    ],
)
def test_template_with_other_braces_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words.replace("{", r"\{")):
        template_parts(text)
    assert literal(text) is None


@given(st.text(st.sampled_from("ab{}\\:")))
def test_escaped_braces_read_back_as_the_same_text(text: str) -> None:
    assert literal(escaped_braces(text)) == text


def test_literal_is_none_for_placeholders() -> None:
    assert literal("a{b}") is None
    assert literal(r"a\{b}") == "a{b}"


def test_template_is_filled_in_with_values() -> None:
    text = r"{a}-{b:upper}\{"
    assert filled(text, dict(zip(placeholders(text), ("x", "Y"), strict=True))) == "x-Y{"


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        ("Tees", "", "Tees"),
        ("Tees", "lower", "tees"),
        ("Tees", "upper", "TEES"),
        ("Summer  Sale_2024!", "slug", "summer-sale-2024"),
        ("Crème Brûlée", "slug", "creme-brulee"),
        ("Größe L", "slug", "große-l"),
        ("がっこう", "slug", "がっこう"),
        ("हिन्दी", "slug", "हिन्दी"),
        ("---", "slug", ""),
        ("2024", "year", "2024"),
    ],
)
def test_formats_change_values(value: str, form: str, text: str) -> None:
    assert formatted(value, form) == text


@given(st.text())
def test_slug_of_a_slug_is_itself(value: str) -> None:
    slug = formatted(value, "slug")
    assert formatted(slug, "slug") == slug


def test_slug_leaves_very_many_marks_alone() -> None:
    text = "a" + "\u0301" * 100_000
    assert formatted(text, "slug") == text


@pytest.mark.parametrize(("moment", "year"), [("2024-01-02T03:04:05.000Z", "2024"), ("", ""), ("yesterday", "")])
def test_year_of_a_moment(moment: str, year: str) -> None:
    assert year_of(moment) == year
