import re

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tagsync.manifest.scalars import AMBIGUOUS, resolve


@pytest.mark.parametrize(
    "text",
    [
        # booleans of 1.1, in every spelling it knows
        *("y", "Y", "n", "N", "yes", "Yes", "YES", "no", "No", "NO", "on", "On", "ON", "off", "Off", "OFF"),
        *("True", "TRUE", "False", "FALSE"),
        # integers: signs, leading zeros, separators, other bases, too long to be exact, sexagesimal
        *("+1", "007", "-01", "0o17", "0x1F", "-0x1f", "0b101", "1_000", "1__0", "12345678901234567890"),
        *("12:30", "12:30:45", "-190:20:30", "1:30.5"),
        # floats
        *("1e3", "1E3", "1e+3", "-1.5e-3", "6.8523015e+5", "685_230.15", "1.", ".5", "-.5", "+1.5", "01.5"),
        *("5e21880", ".inf", "-.Inf", "+.INF", ".nan", ".NaN", ".NAN"),
        # timestamps
        *("2024-01-01", "2024-1-1", "2024-01-01T10:00:00Z", "2024-01-01 10:00:00", "2001-12-14t21:59:43.10-05:00"),
        # merge and value keys
        *("<<", "="),
    ],
)
def test_what_some_yaml_reads_as_something_else_is_ambiguous(text: str) -> None:
    assert resolve(text) is AMBIGUOUS


@pytest.mark.parametrize(
    "text",
    [
        *("red", "Shoe", "v1.2.3", "1.2.3", "a-1", "10km", "5e21880d5efe355febd4bccd", "0x1G", "0o8", "1e", "e3"),
        *("yesterday", "nope", "only", "offer", "YeS", "nO", "tRUE", "nulls", "NuLl", "none", "None", "Nan", "inf"),
        *("2024-01", "2024-01-01-draft", "24-01-01", "2024-01-01x", "12:30:99", "12:3a", "season-2026", "1-2", "1 000"),
        *("-", "--", "+", ".", "..", "...a", "-a", "+a", ".a", "~a", "=a", "==", "<", "<<<", "_1", "1,5", "½", "٣"),
        *("/shop/**", "a: b", "true story", "naïve", "日本", "\u00a0"),
    ],
)
def test_what_every_yaml_reads_as_text_is_text(text: str) -> None:
    assert resolve(text) == text


@pytest.mark.parametrize("text", ["", "~", "null", "Null", "NULL"])
def test_null_is_none(text: str) -> None:
    assert resolve(text) is None


@pytest.mark.parametrize(("text", "value"), [("true", True), ("false", False)])
def test_true_and_false_are_booleans_in_lower_case_only(text: str, value: bool) -> None:  # noqa: FBT001 - a table's column
    assert resolve(text) is value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("-0", 0),
        ("70", 70),
        ("1944", 1944),
        ("-5", -5),
        ("123456789012345678", 123456789012345678),
        ("0.5", 0.5),
        ("1.10", 1.1),
        ("-99.9", -99.9),
        ("70.0", 70.0),
    ],
)
def test_plain_decimal_numbers_are_numbers(text: str, value: float) -> None:
    found = resolve(text)

    assert found == value
    assert found.__class__ is value.__class__


# All but its entry for !, & and *, which no plain scalar starts with.
_PYYAML = {
    tag: regex
    for found in yaml.SafeLoader.yaml_implicit_resolvers.values()
    for tag, regex in found
    if tag != "tag:yaml.org,2002:yaml"
}


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(_PYYAML)).flatmap(lambda tag: st.from_regex(_PYYAML[tag], fullmatch=True)))
def test_no_text_is_something_else_to_yaml_1_1(text: str) -> None:
    assert not isinstance(resolve(text), str)


_CORE_SCHEMA_1_2 = re.compile(
    r"null|Null|NULL|~||true|True|TRUE|false|False|FALSE|[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"
    r"|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)


@settings(max_examples=200, deadline=None)
@given(st.from_regex(_CORE_SCHEMA_1_2, fullmatch=True))
def test_no_text_is_something_else_to_yaml_1_2(text: str) -> None:
    assert not isinstance(resolve(text), str)
