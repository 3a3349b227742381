from collections.abc import Callable

import pytest
import yaml
from yaml.events import ScalarEvent, StreamEndEvent

from tagsync.manifest.parsers import PARSER, EventSource, PureParser

BOTH = pytest.mark.parametrize("parser", [yaml.CSafeLoader, PureParser])


def scalars(text: str, parser: Callable[[bytes], EventSource]) -> list[tuple[str, int]]:
    """Return a file's scalars, each with its column."""
    source = parser(text.encode())
    found: list[tuple[str, int]] = []
    while True:
        event = source.get_event()
        if isinstance(event, StreamEndEvent):
            return found
        if isinstance(event, ScalarEvent) and event.start_mark:
            found.append((event.value, event.start_mark.column))


def test_libyaml_is_used_where_it_is_built_in() -> None:
    assert PARSER is yaml.CSafeLoader


@pytest.mark.parametrize(
    "text",
    [
        r'"\ud83d"',
        r'"a\uDFFFb"',
        r'"\ud83d\ude00"',
        r'"\U0000d800"',
        r'"\U00110000"',
        r'"\UFFFFFFFF"',
        "%YAML 1." + "1" * 5000 + "\n--- a",
    ],
)
@BOTH
def test_an_escape_or_a_number_that_stands_for_nothing_is_no_yaml(
    text: str, parser: Callable[[bytes], EventSource]
) -> None:
    with pytest.raises(yaml.MarkedYAMLError):
        scalars(text, parser)


@pytest.mark.parametrize("text", [r"'\ud83d'", r"\U00110000", "- |\n  \\ud83d"])
@BOTH
def test_what_looks_like_an_escape_is_text_outside_double_quotes(
    text: str, parser: Callable[[bytes], EventSource]
) -> None:
    [(value, _)] = scalars(text, parser)

    assert value.strip() == text.strip("'- |\n")


@BOTH
def test_tabs_may_stand_between_tokens(parser: Callable[[bytes], EventSource]) -> None:
    assert scalars('{\n\t"a":\t[\t"b"\t,\t1\t],\t# comment\n\t"c": "d"\t}\n', parser) == [
        ("a", 1),
        ("b", 8),
        ("1", 14),
        ("c", 1),
        ("d", 6),
    ]
    assert scalars("a:\tb\t# comment\n", parser) == [("a", 0), ("b", 3)]


@BOTH
def test_a_tab_is_no_indentation(parser: Callable[[bytes], EventSource]) -> None:
    with pytest.raises(yaml.MarkedYAMLError):
        scalars("a:\n\tb: c\n", parser)
