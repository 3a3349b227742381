"""Common mistakes in YAML and their messages, the same for both parsers."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tagsync.escape import shown
from tagsync.manifest.yaml import PureParser

HEAD = "spec:\n  files:\n"
INDENTATION = "wrong indentation: this line starts in column {}; start it in column {}, like {} in line {}"
TAB = "a tab indents this line: YAML allows only spaces there, so replace the tab with spaces"
COMMENT = '# starts a comment, so YAML ignores the rest of this line: write "{}" in quotation marks'
QUOTE = "this quotation mark is not closed: add another {} where the text ends"
NO_SPACE = "a space is missing after the colon: write {}: and a space"


Found = Callable[..., list[tuple[str, str]]]


@pytest.fixture(scope="session")
def found(faults: Callable[..., Any]) -> Found:
    """Return a function from a text to the places and messages of its YAML errors."""

    def find(text: str, parser: Any = yaml.CSafeLoader) -> list[tuple[str, str]]:
        return [(place, message) for place, code, message in faults(text, parsers=(parser,)) if code == "yaml"]

    return find


@pytest.mark.parametrize("parser", [yaml.CSafeLoader, PureParser])
@pytest.mark.parametrize(
    ("lines", "place", "message"),
    [
        ("    - path: /a\n       tags: [a]", "4:8", INDENTATION.format(8, 7, "'path'", 3)),
        ("    - path: /a\n      tags: [a]\n     absent: [b]", "5:6", INDENTATION.format(6, 7, "'tags'", 4)),
        ("    - path: /a\n    tags: [a]", "4:5", INDENTATION.format(5, 7, "'path'", 3)),
        ("    - path: /a\n   - path: /b", "4:4", INDENTATION.format(4, 5, "the dash", 3)),
        ("    - path: /a\n      tags:\n      - a\n     - b", "6:6", INDENTATION.format(6, 7, "the dash", 5)),
        ("    - path: /a\n      # why\n\n      - path: /b", "6:7", INDENTATION.format(7, 5, "the dash", 3)),
        ("    - - - a\n      - b\n     - c", "5:6", INDENTATION.format(6, 7, "the dash", 4)),
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
            "the text ends at the ' before this: for a ' inside the text, write ''",
        ),
        (
            '    - tags: ["1"x"]',
            "3:17",
            r'the text ends at the " before this: for a " inside the text, write \"',
        ),
        (
            "    - tags: ['a' b]",
            "3:18",
            "a comma or ] is missing here: add it, or put the item before in quotation marks",
        ),
        ("    - tags: [#sale]", "3:14", COMMENT.format("#sale")),
        ("    - tags: [new, #sale, red]\n    - tags: [x]", "3:19", COMMENT.format("#sale")),
        ("    - tags: [new #sale]\n\n    # more\n    - tags: [x]", "3:18", COMMENT.format("#sale")),
        ("    - tags: ['a #b', \"#c\", #d]", "3:28", COMMENT.format("#d")),
        ("    - tags: ['a #b]', [c]", "3:13", "this [ is not closed: add ] at the end of the list"),
        ("    - aiTags: {remove: [#sale]}", "3:25", COMMENT.format("#sale")),
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
        ("    - path: @a", "3:13", 'a value cannot start with @: write "@a"'),
        ("    - match: *.jpg", "3:14", 'a value cannot start with *: write "/**/*.jpg"'),
        ("    - match: **/a.jpg", "3:14", 'a value cannot start with *: write "/**/a.jpg"'),
        ("    - tags: [&, a]", "3:14", 'a value cannot start with &: write "&"'),
        ('    - tags: [`"]', "3:14", "a value cannot start with `: write it in quotation marks"),
        ("    - match: !<x", "3:14", 'a value cannot start with !: write "!<x"'),
        ("    -\tpath: /a", "3:6", "a tab is not allowed here: replace it with a space"),
        ("    - tags: - a", "3:13", "a list starts on its own line: move - to a new line"),
        ("    - path: | /a", "3:15", "text after | or > starts on the next line: move it there"),
        (
            '    - path: "/a" b',
            "3:18",
            "this text follows a complete value: put the whole value in quotation marks, or start a new line",
        ),
    ],
)
def test_yaml_error_says_what_is_wrong_and_how_to_fix_it(
    found: Found, lines: str, place: str, message: str, parser: object
) -> None:
    assert found(f"{HEAD}{lines}\n", parser) == [(place, message)]


def test_yaml_error_names_an_unknown_escape(found: Found) -> None:
    [(_, message)] = found('a: "\\d"\n')
    assert r"unknown escape: for a backslash, write \\ or use single quotes" in message


def test_yaml_error_names_a_version_and_text_outside_of_documents(found: Found) -> None:
    [(_, message)] = found("%YAML 3.0\n---\na: b\n")
    assert message == "YAML 1.1 and 1.2 are supported: remove the %YAML line"
    [(_, message)] = found("a: b\n...\nc: d\n")
    assert message == "this text is outside of any YAML document: start one with ---"


@pytest.mark.parametrize("newline", ["\r\n", "\r", "\x85", "\u2028"])
def test_yaml_error_finds_its_line_with_any_line_breaks(found: Found, newline: str) -> None:
    text = f"a: 1{newline}b: 2{newline}c: @{newline}"
    assert found(text) == [("3:4", 'a value cannot start with @: write "@"')]


@pytest.mark.parametrize(
    ("error", "place", "words"),
    [
        (yaml.MarkedYAMLError(problem="odd \x1b", problem_mark=yaml.Mark("", 0, 0, 2, "", 0)), "1:3", r"odd \x1b"),
        (yaml.MarkedYAMLError(problem="odd"), "1:1", "odd"),
    ],
)
def test_yaml_error_of_an_unknown_kind_quotes_the_parser(
    found: Found, error: yaml.MarkedYAMLError, place: str, words: str
) -> None:
    def parser(_data: bytes) -> Any:
        raise error

    assert found("abc", parser) == [(place, f"invalid YAML: {words}")]


@given(
    st.lists(st.sampled_from([*"ab:-[]{}'\"\\,#&*!|>%@`\t \n\r\x85\u2028é", ": ", "- ", "\n  "]), max_size=20).map(
        "".join
    )
)
def test_yaml_error_is_one_harmless_line(found: Found, text: str) -> None:
    for parser in (yaml.CSafeLoader, PureParser):
        for _, message in found(text, parser):
            assert message == shown(message)
