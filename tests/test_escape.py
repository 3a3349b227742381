import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagsync.escape import quoted, shown, shown_tag, without_middle

JOINERS = "\u200c\u200d"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "red",
        "two words",
        "größe",
        "日本",
        "👩‍👩‍👧",
        "a\u200cb",
        "50%",
        "\\x1b",
        "'",
        "a: ::b",
        "#1",
        "# [a]",
        "`x`",
    ],
)
def test_shown_keeps_harmless_text(text: str) -> None:
    assert shown(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nb\r\tc", "a\\x0ab\\x0d\\x09c"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\x00\x7f\x80\x9b", "\\x00\\x7f\\x80\\x9b"),
        ("a\u2028b\u2029c", "a\\u2028b\\u2029c"),
        ("gpj.\u202eexe", "gpj.\\u202eexe"),
        ("\u2066a\u2069\u200e\u200f\u061c", "\\u2066a\\u2069\\u200e\\u200f\\u061c"),
        ("a\u200bb\u00adc\ufeffd\u2060e", "a\\u200bb\\xadc\\ufeffd\\u2060e"),
        ("\ud83d", "\\ud83d"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_shown_escapes_control_and_bidi_characters(text: str, expected: str) -> None:
    assert shown(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("::error::no", "\\x3a:error::no"),
        ("  ::set-env name=a::b", "  \\x3a:set-env name=a::b"),
        ("\u3000::error::", "\u3000\\x3a:error::"),
        ("\n::error::", "\\x0a::error::"),
        ("##[error]no", "\\x23#[error]no"),
        ("a ##[group]b", "a \\x23#[group]b"),
        ("a ##vso[task.setvariable]b", "a \\x23#vso[task.setvariable]b"),
        ("###[error]", "#\\x23#[error]"),
        ("## heading", "## heading"),
        ("a::b", "a::b"),
    ],
)
def test_shown_starts_no_ci_command(text: str, expected: str) -> None:
    assert shown(text) == expected


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdefg", 6, "abcde…"),
        ("abcdef", 1, "…"),
        ("日本日本", 3, "日本…"),
        ("a\x1b\x1b\x1b", 3, "a\\x1b…"),
        ("abcdef", None, "abcdef"),
    ],
)
def test_shown_cuts_to_limit(text: str, limit: int | None, expected: str) -> None:
    assert shown(text, limit) == expected


def test_quoted_adds_marks_and_cuts_to_sixty_characters() -> None:
    assert quoted("two words") == "'two words'"
    assert quoted("a\nb") == "'a\\x0ab'"
    assert quoted("x" * 60) == f"'{'x' * 60}'"
    assert quoted("x" * 61) == f"'{'x' * 59}…'"
    assert quoted("x" * 100, 120) == f"'{'x' * 100}'"


def test_quoted_starts_no_ci_command() -> None:
    assert quoted("##[error]") == "'\\x23#[error]'"


def test_shown_escapes_every_control_and_format_character() -> None:
    characters = [chr(code) for code in range(0x110000)]
    # Prepended marks of Arabic, Syriac, Kaithi and Egyptian are visible and harmless.
    visible = {c for c in characters if unicodedata.name(c, "").startswith(("ARABIC", "SYRIAC", "KAITHI", "EGYPTIAN"))}
    visible.discard("\N{ARABIC LETTER MARK}")
    unsafe = {c for c in characters if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")}

    assert {c for c in unsafe - visible - set(JOINERS) if shown(f"a {c}") == f"a {c}"} == set()


def test_shown_escapes_no_visible_character() -> None:
    visible = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code))[0] in "LMNPSZ"]
    harmless = "".join(c for c in visible if c not in "\u2028\u2029")

    assert shown(f"a{harmless}") == f"a{harmless}"


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.one_of(st.sampled_from(["::", ":", "#", "##[", "vso[", " ", "\n", "\x1b", "x"]), st.characters())),
    st.one_of(st.none(), st.integers(1, 12)),
)
def test_shown_returns_one_harmless_line(pieces: list[str], limit: int | None) -> None:
    line = shown("".join(pieces), limit)

    assert line.splitlines() in ([line], [])
    assert not line.lstrip().startswith("::")
    assert "##[" not in line
    assert "##vso[" not in line
    assert shown(line) == line


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        ("red", "red"),
        ("summer sale", "summer sale"),
        ("AI", "AI"),
        ("AI Person", "'AI Person'"),
        ("a, b", "'a, b'"),
        ("'x'", "''x''"),
        (" x", "' x'"),
        ("a\x1b,b", "'a\\x1b,b'"),
    ],
)
def test_shown_tag_quotes_only_ambiguous_tags(tag: str, words: str) -> None:
    assert shown_tag(tag) == words


@pytest.mark.parametrize(("limit", "words"), [(10, "0123456789"), (9, "012…56789"), (2, "…9")])
def test_text_without_its_middle_has_an_ellipsis_in_its_middle(limit: int, words: str) -> None:
    assert without_middle("0123456789", limit) == words
