"""Common mistakes in YAML and their messages, the same for both parsers."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tagsync.escape import shown
from tagsync.manifest.yaml import PARSER, PureParser, TreeReader
from tagsync.manifest.yaml_errors import explain

HEAD = "spec:\n  files:\n"
INDENTATION = "wrong indentation: line up all keys of a mapping, and all items of a list"
TAB = "a tab indents this line: YAML allows only spaces there, so replace it"
QUOTE = "this quotation mark is not closed: add another {} where the text ends"
NO_SPACE = "a space is missing after the colon: write {}: and a space"


def found(text: str, parser: object = PARSER) -> Any:
    assert callable(parser)
    reader = TreeReader(parser(text.encode()), lambda *_: None, stream_at=("none",), item=lambda *_: None)
    with pytest.raises(yaml.MarkedYAMLError) as raised:
        list(reader.documents())
    return explain(raised.value, text.encode())


@pytest.mark.parametrize("parser", [PARSER, PureParser])
@pytest.mark.parametrize(
    ("lines", "place", "message"),
    [
        ("    - path: /a\n       tags: [a]", "4:8", INDENTATION),
        ("    - path: /a\n      tags: [a]\n     absent: [b]", "5:6", INDENTATION),
        ("    - path: /a\n    tags: [a]", "4:5", INDENTATION),
        ("    - path: /a\n   - path: /b", "4:4", INDENTATION),
        ("\t- path: /a", "3:1", TAB),
        ("    - path: /a\n\ttags: [a]", "4:1", TAB),
        ("    - path: /a\n      tags:\n  \t- a", "5:3", TAB),
        (
            '    - path: "/a\n      tags: [a]',
            "3:13",
            QUOTE.format('"'),
        ),
        (
            "    - path: '/a\n      tags: [a]",
            "3:13",
            QUOTE.format("'"),
        ),
        ("    - tags: [a, b\n      path: /a", "3:13", "this [ is not closed: add ] at the end of the list"),
        ("    - tags: [a, b", "3:13", "this [ is not closed: add ] at the end of the list"),
        ("    - aiTags: {keep: [a]", "3:15", "this { is not closed: add } at the end of the mapping"),
        (
            "    - aiTags: {keep: a]",
            "3:23",
            "a comma or } is missing here: add it, or put the item before in quotation marks",
        ),
        (
            "    - tags: ['it's']",
            "3:18",
            "a comma or ] is missing here: add it, or put the item before in quotation marks",
        ),
        ("    - tags: [a,, b]", "3:16", "a value is missing here: add one, or remove the comma or bracket"),
        ("    - path:/a\n      tags: [a]", "3:12", NO_SPACE.format("path")),
        ("    - path: /a\n      tags:[a]\n", "4:12", NO_SPACE.format("tags")),
        ("    - path /a\n      tags: [a]", "3:5", "a colon is missing in this line: write key: value"),
        ("    - path: /a\n      tags\n      - a", "4:7", "a colon is missing after this key: write key: value"),
        (
            "    - path: /a: b",
            "3:15",
            "a second colon in this line: if it belongs to the value, put the value in quotation marks",
        ),
        ("    -path: /a\n     tags: [a]", "3:6", "a space is missing after the dash: write - and a space"),
        ("    - path: @a", "3:13", "a value cannot start with '@': put the value in quotation marks"),
        ("    - match: *.jpg", "3:14", "a value that starts with * needs quotation marks: write '*...'"),
        ("    - tags: [&, a]", "3:14", "a value that starts with & needs quotation marks: write '&...'"),
        ("    - match: !<x", "3:17", "a value that starts with ! needs quotation marks"),
        ("    - tags: - a", "3:13", "a list starts on its own line: move - to a new line"),
        ("    - path: | /a", "3:15", "text after | or > starts on the next line: move it there"),
        (
            '    - path: "/a" b',
            "3:18",
            "this text follows a complete value: put the whole value in quotation marks, or start a new line",
        ),
    ],
)
def test_yaml_error_says_what_is_wrong_and_how_to_fix_it(lines: str, place: str, message: str, parser: object) -> None:
    at, words = found(f"{HEAD}{lines}\n", parser)
    assert (f"{(at >> 32) + 1}:{(at & 0xFFFFFFFF) + 1}", words) == (place, message)


def test_yaml_error_names_an_unknown_escape() -> None:
    assert r"unknown escape: for a backslash, write \\ or use single quotes" in found('a: "\\d"\n').message


def test_yaml_error_names_a_version_and_text_outside_of_documents() -> None:
    assert found("%YAML 3.0\n---\na: b\n").message == "YAML 1.1 and 1.2 are supported: remove the %YAML line"
    assert found("a: b\n...\nc: d\n").message == "this text is outside of any YAML document: start one with ---"


@pytest.mark.parametrize("newline", ["\r\n", "\r", "\x85", "\u2028"])
def test_yaml_error_finds_its_line_with_any_line_breaks(newline: str) -> None:
    text = f"a: 1{newline}b: 2{newline}c: @{newline}"
    assert found(text) == (2 << 32 | 3, "a value cannot start with '@': put the value in quotation marks")


def test_yaml_error_of_a_kind_nobody_foresaw_quotes_the_parser() -> None:
    mark = yaml.Mark("", 0, 0, 2, "", 0)
    assert explain(yaml.MarkedYAMLError(problem="odd \x1b", problem_mark=mark), b"abc") == (
        2,
        r"invalid YAML: odd \x1b",
    )
    assert explain(yaml.MarkedYAMLError(problem="odd"), b"abc") == (0, "invalid YAML: odd")


@given(
    st.lists(st.sampled_from([*"ab:-[]{}'\"\\,#&*!|>%@`\t \n\r\x85\u2028é", ": ", "- ", "\n  "]), max_size=20).map(
        "".join
    )
)
def test_yaml_error_is_one_harmless_line(text: str) -> None:
    for parser in (PARSER, PureParser):
        reader = TreeReader(parser(text.encode()), lambda *_: None, stream_at=("none",), item=lambda *_: None)
        try:
            list(reader.documents())
        except yaml.MarkedYAMLError as error:
            message = explain(error, text.encode()).message
            assert message == shown(message)
        except yaml.YAMLError:
            pass
