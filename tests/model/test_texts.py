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
def test_declarable_refuses_invisible_characters_at_ends(text: str) -> None:
    assert not is_declarable(text)


@pytest.mark.parametrize(
    "text",
    [
        *("\u2764\ufe0f", "\u2122\ufe0f", "\u2139\ufe0f", "\u260e\ufe0e", "hats \u2764\ufe0f", "1\ufe0f\u20e3"),
        "\U0001f469\u200d\U0001f52c",  # woman, joiner, microscope: a scientist
        "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",  # the flag of England
        "\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian with a non-joiner
        "\u0928\u094d\u200d",  # Devanagari with a half form at its end
        "\u845b\U000e0100",  # a variant of a Han character
        "\u1820\u180b",  # the second form of a Mongolian letter
        *("e\u0301", "\ud55c\uae00", "a\u200bb", "\u2803"),
    ],
)
def test_declarable_accepts_joiners_and_selectors_that_are_text(text: str) -> None:
    assert is_declarable(text)
