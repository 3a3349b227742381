import pytest

from tagsync.model import is_declarable


@pytest.mark.parametrize(
    "text",
    [
        *("\u200b", "\u2060", "\ufeff", "\u00ad", "\u3164", "\u2800", "\u034f", "\u115f\u1160", "\ufe0f", "\U0001d159"),
        *("\u200c\u200d", "\u2800 \u2800", "\U000e0041\U000e007f"),
        *("hats\u200b", "hats\u00ad", "hats\u200d", "hats\ufe0f", "hats\uffa0", "hats\U000e0100", "1\ufe0f", "+\ufe0f"),
        *("\u200bhats", "\ufeffhats", "\u3164hats", "\u180ehats", "\ufe0f\u2764"),
        *("\u2764\ufe0f\ufe0f", "\u2764\ufe0f\u200b", "hats\U000e0041\U000e007f"),
    ],
)
def test_tag_with_nothing_visible_at_an_end_is_not_declarable(text: str) -> None:
    assert not is_declarable(text)


@pytest.mark.parametrize(
    "text",
    [
        *("\u2764\ufe0f", "\u2122\ufe0f", "\u2139\ufe0f", "\u260e\ufe0e", "hats \u2764\ufe0f", "1\ufe0f\u20e3"),
        "\U0001f469\u200d\U0001f52c",  # a woman, a joiner, a microscope: a scientist
        "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",  # the flag of England
        "\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian, with a non-joiner
        "\u0928\u094d\u200d",  # Devanagari, a half form at its end
        "\u845b\U000e0100",  # a Han character of a name, in one of its variants
        "\u1820\u180b",  # Mongolian, a letter in its second form
        *("e\u0301", "\ud55c\uae00", "a\u200bb", "\u2803"),
    ],
)
def test_tag_with_joiners_and_selectors_that_are_text_is_declarable(text: str) -> None:
    assert is_declarable(text)
