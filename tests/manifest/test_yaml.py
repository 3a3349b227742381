import re
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from yaml.events import ScalarEvent, StreamEndEvent

from tagsync.manifest.yaml import (
    AMBIGUOUS,
    PARSER,
    REFUSED,
    GivenUpError,
    Map,
    PureParser,
    Seq,
    TreeReader,
    resolve,
)

MAX_ITEMS = 100_000
MAX_TEXT = 1 << 20

Parser = Callable[[bytes], Any]

BOTH = pytest.mark.parametrize("parser", [yaml.CSafeLoader, PureParser])


class Outcome(NamedTuple):
    """The result of reading a text."""

    documents: list[tuple[Any, str]]
    items: list[tuple[Any, str]]
    faults: list[tuple[str, str, str]]
    written: dict[str, str]
    given_up: bool = False


def read(text: str, parser: Parser = yaml.CSafeLoader) -> Outcome:
    outcome = Outcome([], [], [], {})
    reader = TreeReader(
        parser(text.encode()),
        lambda at, code, message: outcome.faults.append((place(at), code, message)),
        stream_at=("spec", "files"),
        item=lambda value, at: outcome.items.append((value, place(at))),
    )
    try:
        outcome.documents.extend((value, place(at)) for value, at in reader.documents())
    except GivenUpError:
        return outcome._replace(given_up=True)
    outcome.written.update((place(at), source) for at, source in reader.written.items())
    return outcome


def place(at: int) -> str:
    return f"{(at >> 32) + 1}:{(at & 0xFFFFFFFF) + 1}"


def places(tree: Any) -> Any:
    """Return a tree with the place of each value instead of the value."""
    if isinstance(tree, Map):
        return {
            f"{key} {place(tree.key_places[key])}": places(value) or place(tree.places[key])
            for key, value in tree.items()
        }
    if isinstance(tree, Seq):
        return [places(value) or place(at) for value, at in zip(tree, tree.places, strict=True)]
    return None


def faults(text: str, parser: Parser = yaml.CSafeLoader) -> list[str]:
    return [f"{at} {code}" for at, code, _ in read(text, parser).faults]


@BOTH
def test_tree_has_plain_values(parser: Parser) -> None:
    text = "a: [x, 'y', \"z\", 1, 1.5, true, ~, no]\nb: {c: |\n  block\n}\n"

    assert read(text.replace("{c: |\n  block\n}", "\n  c: |\n    block"), parser).documents == [
        ({"a": ["x", "y", "z", 1, 1.5, True, None, AMBIGUOUS], "b": {"c": "block\n"}}, "1:1")
    ]


@BOTH
def test_tree_keys_and_values_have_places(parser: Parser) -> None:
    [(tree, _)] = read("a:\n  - b: one\n    c: 'ü', \n  - [x,  {y: z}]\n".replace("'ü', ", "'ü'"), parser).documents

    assert places(tree) == {"a 1:1": [{"b 2:5": "2:8", "c 3:5": "3:8"}, ["4:6", {"y 4:11": "4:14"}]]}


@BOTH
def test_tree_columns_count_characters(parser: Parser) -> None:
    [(tree, _)] = read("[ä, 日本, 😀, e]", parser).documents

    assert places(tree) == ["1:2", "1:5", "1:9", "1:12"]


def test_tree_reads_quoted_and_block_scalars_as_text() -> None:
    assert read("['no', \"1944\", '', \"~\"]").documents == [(["no", "1944", "", "~"], "1:1")]
    assert read("- |-\n  no\n- >-\n  1944\n").documents == [(["no", "1944"], "1:1")]


def test_tree_reads_keys_as_text() -> None:
    assert read("no: a\n1: b\n~: c\n").documents == [({"no": "a", "1": "b", "~": "c"}, "1:1")]


@BOTH
def test_tree_keeps_source_of_non_text_scalars(parser: Parser) -> None:
    assert read("[no, 1.10, red, '7', 0x1F, ~]\n", parser).written == {
        "1:2": "no",
        "1:6": "1.10",
        "1:22": "0x1F",
        "1:28": "~",
    }


def test_tree_yields_documents_in_order() -> None:
    assert read("--- a\n--- [b]\n...\n---\nc: d\n").documents == [("a", "1:5"), (["b"], "2:5"), ({"c": "d"}, "5:1")]


@BOTH
def test_tree_streams_items_of_named_list(parser: Parser) -> None:
    outcome = read("spec:\n  x: [1]\n  files:\n    - a\n    - {b: c}\n    - [d]\n", parser)

    assert outcome.documents == [({"spec": {"x": [1], "files": []}}, "1:1")]
    assert outcome.items == [("a", "4:7"), ({"b": "c"}, "5:7"), (["d"], "6:7")]


@pytest.mark.parametrize(
    "text",
    [
        "files: [a]",
        "spec: {spec: {files: [a]}}",
        "[{spec: {files: [a]}}]",
        "spec: [{files: [a]}]",
        "spec: {files: {files: [a]}}",
    ],
)
def test_tree_keeps_other_lists(text: str) -> None:
    outcome = read(text)

    assert outcome.items == []
    assert "['a']" in str(outcome.documents)


def test_tree_streams_list_of_each_document() -> None:
    outcome = read("spec: {files: [a]}\n---\nspec: {files: [b]}\n")

    assert outcome.items == [("a", "1:16"), ("b", "3:16")]


def test_tree_keeps_source_outside_streamed_list() -> None:
    seen: list[dict[str, str]] = []
    reader = TreeReader(
        yaml.CSafeLoader(b"a: no\nspec:\n  files: [yes, on]\n  b: off\n"),
        lambda *_: None,
        stream_at=("spec", "files"),
        item=lambda *_: seen.append({place(at): text for at, text in reader.written.items()}),
    )

    list(reader.documents())

    assert seen == [{"3:11": "yes"}, {"3:16": "on"}]
    assert {place(at): text for at, text in reader.written.items()} == {"1:4": "no", "4:6": "off"}


@pytest.mark.parametrize(
    ("text", "found", "words"),
    [
        ("a: 1\nb: 2\n'a': 3\n", ["3:1 duplicate-key"], "first used in line 1"),
        ("x: {a: 1, b: 2, a: 3, a: 4}", ["1:17 duplicate-key", "1:23 duplicate-key"], "duplicate key 'a'"),
        ("a: &anchor b", ["1:4 anchor"], "remove &anchor"),
        ("a: &anchor [b]", ["1:4 anchor"], "remove &anchor"),
        ("a: &anchor {b: c}", ["1:4 anchor"], "remove &anchor"),
        ("&anchor a: b", ["1:1 anchor"], "remove &anchor"),
        ("a: *anchor", ["1:4 alias"], "replace *anchor with the value"),
        ("[a, *anchor]", ["1:5 alias"], "replace *anchor with the value"),
        ("a: {<<: {b: c}}", ["1:5 merge-key"], "into spec.defaults"),
        ("a: {<<: *anchor}", ["1:5 merge-key", "1:9 alias"], "into spec.defaults"),
        ("a: !!python/object/apply:os.system [id]", ["1:4 explicit-tag"], "remove !!python/object/apply:os.system"),
        ("a: !!str b", ["1:4 explicit-tag"], "remove !!str"),
        ("a: !own {b: c}", ["1:4 explicit-tag"], "remove !own"),
        ("a: ! b", ["1:4 explicit-tag"], "remove !"),
        ("!!str a: b", ["1:1 explicit-tag"], "remove !!str"),
        ("a: !!str &anchor b", ["1:4 explicit-tag", "1:4 anchor"], "remove !!str"),
        ("[a]: b", ["1:1 key"], "a key must be text"),
        ("? {a: b}\n: c", ["1:3 key"], "a key must be text"),
        ("? *anchor\n: c", ["1:3 alias", "1:3 key"], "with the value that it repeats"),
    ],
)
@BOTH
def test_tree_reports_unsupported_structure(text: str, found: list[str], words: str, parser: Parser) -> None:
    outcome = read(text, parser)

    assert [f"{at} {code}" for at, code, _ in outcome.faults] == found
    assert words in outcome.faults[0][2]


def test_tree_keeps_first_of_duplicate_keys() -> None:
    assert read("a: 1\nb: 2\na: 3\n").documents == [({"a": 1, "b": 2}, "1:1")]


def test_tree_accepts_quoted_merge_key() -> None:
    outcome = read("'<<': a")

    assert outcome.documents == [({"<<": "a"}, "1:1")]
    assert outcome.faults == []


def test_tree_reads_on_after_refused_value() -> None:
    outcome = read("a: *x\nb: !!int 1\n<<: {c: d}\n[e]: f\ng: &x [h, *x]\n")

    assert outcome.documents == [({"a": REFUSED, "b": "1", "g": ["h", REFUSED]}, "1:1")]


def test_tree_errors_escape_and_cut_names() -> None:
    [(_, _, message)] = read(f"a: !<{'x' * 1000}> b").faults

    assert len(message) < 120


@pytest.mark.parametrize(
    ("opening", "closing"),
    [("[", "]"), ("{a: ", "}"), ("[{a: ", "}]"), ("{[", "]: b}")],
    ids=["lists", "mappings", "both", "keys"],
)
@BOTH
def test_nesting_limit_is_twenty_levels(opening: str, closing: str, parser: Parser) -> None:
    levels = opening.count("[") + opening.count("{")

    def codes(depth: int) -> list[str]:
        times = depth // levels
        outcome = read(opening * times + "a" + closing * times, parser)
        return [code for _, code, _ in outcome.faults if code != "key"]

    assert codes(20) == []
    assert codes(20 + levels) == ["nesting"]


def test_tree_reads_on_after_deep_nesting() -> None:
    outcome = read("a: " + "[" * 60 + "]" * 60 + "\nb: *x\n")

    assert [f"{at} {code}" for at, code, _ in outcome.faults] == ["1:23 nesting", "2:4 alias"]
    assert outcome.documents[0][0]["b"] is REFUSED


@pytest.mark.parametrize("opening", ["[", "{", "- ", "? ", "{a: ", "{[", "- ? "])
@BOTH
def test_nesting_of_twenty_thousand_levels_ends_reading(opening: str, parser: Parser) -> None:
    outcome = read(opening * 20_000, parser)

    assert outcome.given_up
    assert [code for _, code, _ in outcome.faults] == ["nesting"]
    assert "20 levels" in outcome.faults[0][2]


def test_list_limit_is_a_hundred_thousand_items() -> None:
    items = "x," * MAX_ITEMS
    outcome = read(f"a: [{items}]\nb: [{items}x,x,x]\n")

    [(tree, _)] = outcome.documents
    assert len(tree["a"]) == len(tree["b"]) == 100_000
    assert [f"{at} {code}" for at, code, _ in outcome.faults] == ["2:4 too-many"]
    assert "more than 100,000 items" in outcome.faults[0][2]


def test_text_limit_is_a_million_characters() -> None:
    outcome = read(f"a: {'x' * MAX_TEXT}\nb: {'x' * (MAX_TEXT + 1)}\n")

    assert [f"{at} {code}" for at, code, _ in outcome.faults] == ["2:4 too-long"]
    assert outcome.faults[0][2] == "this text has 1,048,577 characters: shorten it to 1,048,576"


def test_mapping_limit_is_a_hundred_thousand_keys() -> None:
    keys = ",".join(f"k{number}" for number in range(MAX_ITEMS))
    outcome = read(f"a: {{{keys}}}\nb: {{{keys},x,y,z}}\n")

    [(tree, _)] = outcome.documents
    assert len(tree["a"]) == len(tree["b"]) == 100_000
    assert [f"{at} {code}" for at, code, _ in outcome.faults] == ["2:4 too-many"]
    assert "more than 100,000 keys" in outcome.faults[0][2]


@pytest.mark.parametrize(
    "items", ["[" + "x," * 3 * MAX_ITEMS, "{" + "".join(f"k{n}: a," for n in range(3 * MAX_ITEMS))]
)
def test_list_or_mapping_far_over_limit_ends_reading(items: str) -> None:
    outcome = read(f"a: {items}")

    assert [f"{at} {code}" for at, code, _ in outcome.faults] == ["1:4 too-many"]
    assert outcome.given_up


def test_streamed_list_has_no_limit() -> None:
    outcome = read("spec: {files: [" + "x," * (MAX_ITEMS + 5) + "]}")

    assert len(outcome.items) == 100_005
    assert outcome.faults == []


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
SCALARS = st.one_of(TEXTS, st.integers(), st.booleans(), st.none(), st.sampled_from(["no", "1e3", "2024-01-01", "<<"]))
TREES = st.recursive(
    SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4))
)


@settings(max_examples=200, deadline=None)
@given(
    documents=st.lists(TREES, min_size=1, max_size=3),
    flow=st.sampled_from([True, False, None]),
    style=st.sampled_from([None, "'", '"', "|", ">"]),
    unicode=st.booleans(),
    width=st.sampled_from([20, 80, 10_000]),
    line_break=st.sampled_from(["\n", "\r\n"]),
    wrap=st.booleans(),
)
def test_parsers_read_the_same_values_and_places(
    *,
    documents: list[Any],
    flow: bool | None,
    style: str | None,
    unicode: bool,
    width: int,
    line_break: str,
    wrap: bool,
) -> None:
    wrapped = [{"spec": {"files": [tree]}} if wrap else tree for tree in documents]
    text = yaml.safe_dump_all(
        wrapped,
        default_flow_style=flow,
        default_style=style,
        allow_unicode=unicode,
        width=width,
        line_break=line_break,
        sort_keys=False,
    )

    quick, pure = read(text), read(text, PureParser)

    assert repr(quick) == repr(pure)
    assert [places(tree) for tree, _ in quick.documents] == [places(tree) for tree, _ in pure.documents]


# Parsers


def scalars(text: str, parser: Callable[[bytes], Any]) -> list[tuple[str, int]]:
    """Return a file's scalars, each with its column."""
    source = parser(text.encode())
    found: list[tuple[str, int]] = []
    while True:
        event = source.get_event()
        if isinstance(event, StreamEndEvent):
            return found
        if isinstance(event, ScalarEvent) and event.start_mark:
            found.append((event.value, event.start_mark.column))


def test_parser_is_libyaml_if_available() -> None:
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
def test_parser_refuses_invalid_escape_and_number(text: str, parser: Callable[[bytes], Any]) -> None:
    with pytest.raises(yaml.MarkedYAMLError):
        scalars(text, parser)


@pytest.mark.parametrize("text", [r"'\ud83d'", r"\U00110000", "- |\n  \\ud83d"])
@BOTH
def test_parser_reads_escape_outside_quotes_as_text(text: str, parser: Callable[[bytes], Any]) -> None:
    [(value, _)] = scalars(text, parser)

    assert value.strip() == text.strip("'- |\n")


@BOTH
def test_parser_accepts_tabs_between_tokens(parser: Callable[[bytes], Any]) -> None:
    assert scalars('{\n\t"a":\t[\t"b"\t,\t1\t],\t# comment\n\t"c": "d"\t}\n', parser) == [
        ("a", 1),
        ("b", 8),
        ("1", 14),
        ("c", 1),
        ("d", 6),
    ]
    assert scalars("a:\tb\t# comment\n", parser) == [("a", 0), ("b", 3)]


@BOTH
def test_parser_refuses_tab_as_indentation(parser: Callable[[bytes], Any]) -> None:
    with pytest.raises(yaml.MarkedYAMLError):
        scalars("a:\n\tb: c\n", parser)


# Scalars


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
def test_resolve_ambiguous_scalars(text: str) -> None:
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
def test_resolve_text(text: str) -> None:
    assert resolve(text) == text


@pytest.mark.parametrize("text", ["", "~", "null", "Null", "NULL"])
def test_resolve_null_as_none(text: str) -> None:
    assert resolve(text) is None


@pytest.mark.parametrize(("text", "value"), [("true", True), ("false", False)])
def test_resolve_booleans_in_lower_case(text: str, value: bool) -> None:  # noqa: FBT001 - a table's column
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
def test_resolve_decimal_numbers(text: str, value: float) -> None:
    found = resolve(text)

    assert found == value
    assert found.__class__ is value.__class__


# Without its entry for !, & and *, which no plain scalar starts with.
_PYYAML = {
    tag: regex
    for found in yaml.SafeLoader.yaml_implicit_resolvers.values()
    for tag, regex in found
    if tag != "tag:yaml.org,2002:yaml"
}


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(_PYYAML)).flatmap(lambda tag: st.from_regex(_PYYAML[tag], fullmatch=True)))
def test_resolve_text_agrees_with_yaml_1_1(text: str) -> None:
    assert not isinstance(resolve(text), str)


_CORE_SCHEMA_1_2 = re.compile(
    r"null|Null|NULL|~||true|True|TRUE|false|False|FALSE|[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"
    r"|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)


@settings(max_examples=200, deadline=None)
@given(st.from_regex(_CORE_SCHEMA_1_2, fullmatch=True))
def test_resolve_text_agrees_with_yaml_1_2(text: str) -> None:
    assert not isinstance(resolve(text), str)
