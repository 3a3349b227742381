import pytest

from tagsync.inventory.spellings import difference, key_of, plurals, typo, words_of


def key(tag: str) -> str:
    return key_of(words_of(tag))


@pytest.mark.parametrize(
    ("one", "other", "respect"),
    [
        ("Shoes", "shoes", "case"),
        ("r\u00e9sum\u00e9", "resume", "accents"),
        ("new-york", "new york", "spacing"),
        ("new_york", "newyork", "spacing"),
        ("New York", "new-york", "case and spacing"),
        ("Saint-Rapha\u00ebl", "saint raphael", "case and accents and spacing"),
    ],
)
def test_spellings_key_is_equal_up_to_case_accents_and_separators(one: str, other: str, respect: str) -> None:
    assert key(one) == key(other)
    assert difference(one, other) == difference(other, one) == respect


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("US", "us"),
        ("IT", "it"),
        ("Polish", "polish"),
        ("th\u00e9", "the"),
        ("co-op", "coop"),
        ("2019-20", "201920"),
        ("season-1", "season-2"),
        ("c", "c++"),
        ("-red", "red"),
        ("red", "blue"),
    ],
)
def test_spellings_key_differs_where_meaning_may(one: str, other: str) -> None:
    assert key(one) != key(other)


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("shoe", "shoes"),
        ("box", "boxes"),
        ("dish", "dishes"),
        ("city", "cities"),
        ("scarf", "scarves"),
        ("knife", "knives"),
        ("woman", "women"),
        ("red shoe", "red shoes"),
    ],
)
def test_spellings_plurals_have_the_usual_endings(one: str, many: str) -> None:
    assert words_of(many) in set(plurals(words_of(one)))


@pytest.mark.parametrize(
    ("one", "many"),
    [("glass", "glasses"), ("new", "news"), ("princes", "princess"), ("mechanic", "mechanics"), ("1990", "1990s")],
)
def test_spellings_plurals_exclude_other_meanings(one: str, many: str) -> None:
    assert words_of(many) not in set(plurals(words_of(one)))


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [
        ("accesories", "accessories", "likely typo"),
        ("organise", "organize", "spelling"),
        ("colour", "color", "spelling"),
        ("harbours", "harbors", "spelling"),
        ("seperate", "separate", "likely typo"),
        ("architecutre", "architecture", "likely typo"),
        ("enviroment", "environment", "possible typo"),
        ("photoglaphy", "photography", "possible typo"),
    ],
)
def test_spellings_typo_is_one_letter(one: str, other: str, kind: str) -> None:
    assert typo(one, other) == typo(other, one) == kind


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("same", "same"),
        ("house", "horse"),
        ("house", "mouse"),
        ("black", "block"),
        ("trail", "trial"),
        ("painting", "printing"),
        ("desert", "dessert"),
        ("hoping", "hopping"),
        ("planing", "planning"),
        ("sculpture", "sculptured"),
        ("typical", "atypical"),
        ("employer", "employee"),
        ("ireland", "iceland"),
        ("county", "country"),
        ("indoor", "outdoor"),
    ],
)
def test_spellings_typo_is_no_other_word(one: str, other: str) -> None:
    assert typo(one, other) is None
    assert typo(other, one) is None
