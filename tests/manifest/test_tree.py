from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tagsync.manifest.parsers import EventSource, PureParser
from tagsync.manifest.scalars import AMBIGUOUS
from tagsync.manifest.tree import MAX_ITEMS, REFUSED, GivenUpError, Map, Seq, TreeReader

Parser = Callable[[bytes], EventSource]

BOTH = pytest.mark.parametrize("parser", [yaml.CSafeLoader, PureParser])


class Outcome(NamedTuple):
    """What a reader made of a text."""

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
def test_maps_and_lists_hold_plain_values(parser: Parser) -> None:
    text = "a: [x, 'y', \"z\", 1, 1.5, true, ~, no]\nb: {c: |\n  block\n}\n"

    assert read(text.replace("{c: |\n  block\n}", "\n  c: |\n    block"), parser).documents == [
        ({"a": ["x", "y", "z", 1, 1.5, True, None, AMBIGUOUS], "b": {"c": "block\n"}}, "1:1")
    ]


@BOTH
def test_keys_and_values_know_their_places(parser: Parser) -> None:
    [(tree, _)] = read("a:\n  - b: one\n    c: 'ü', \n  - [x,  {y: z}]\n".replace("'ü', ", "'ü'"), parser).documents

    assert places(tree) == {"a 1:1": [{"b 2:5": "2:8", "c 3:5": "3:8"}, ["4:6", {"y 4:11": "4:14"}]]}


@BOTH
def test_columns_count_characters_not_bytes(parser: Parser) -> None:
    [(tree, _)] = read("[ä, 日本, 😀, e]", parser).documents

    assert places(tree) == ["1:2", "1:5", "1:9", "1:12"]


def test_a_quoted_or_block_scalar_is_text_whatever_it_says() -> None:
    assert read("['no', \"1944\", '', \"~\"]").documents == [(["no", "1944", "", "~"], "1:1")]
    assert read("- |-\n  no\n- >-\n  1944\n").documents == [(["no", "1944"], "1:1")]


def test_a_key_is_text_whatever_it_says() -> None:
    assert read("no: a\n1: b\n~: c\n").documents == [({"no": "a", "1": "b", "~": "c"}, "1:1")]


@BOTH
def test_what_is_not_text_is_remembered_as_it_was_written(parser: Parser) -> None:
    assert read("[no, 1.10, red, '7', 0x1F, ~]\n", parser).written == {
        "1:2": "no",
        "1:6": "1.10",
        "1:22": "0x1F",
        "1:28": "~",
    }


def test_several_documents_come_one_after_the_other() -> None:
    assert read("--- a\n--- [b]\n...\n---\nc: d\n").documents == [("a", "1:5"), (["b"], "2:5"), ({"c": "d"}, "5:1")]


@BOTH
def test_items_of_the_named_list_are_handed_over_and_not_kept(parser: Parser) -> None:
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
def test_a_list_elsewhere_is_kept(text: str) -> None:
    outcome = read(text)

    assert outcome.items == []
    assert "['a']" in str(outcome.documents)


def test_each_document_streams_its_list() -> None:
    outcome = read("spec: {files: [a]}\n---\nspec: {files: [b]}\n")

    assert outcome.items == [("a", "1:16"), ("b", "3:16")]


def test_what_was_written_outside_the_list_is_remembered_after_it() -> None:
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
        ("a: 1\nb: 2\n'a': 3\n", ["3:1 duplicate-key"], "first in line 1"),
        ("x: {a: 1, b: 2, a: 3, a: 4}", ["1:17 duplicate-key", "1:23 duplicate-key"], "'a' stands here a second time"),
        ("a: &anchor b", ["1:4 anchor"], "remove &anchor"),
        ("a: &anchor [b]", ["1:4 anchor"], "remove &anchor"),
        ("a: &anchor {b: c}", ["1:4 anchor"], "remove &anchor"),
        ("&anchor a: b", ["1:1 anchor"], "remove &anchor"),
        ("a: *anchor", ["1:4 alias"], "write out what *anchor stands for"),
        ("[a, *anchor]", ["1:5 alias"], "write out what *anchor stands for"),
        ("a: {<<: {b: c}}", ["1:5 merge-key"], "use spec.defaults"),
        ("a: {<<: *anchor}", ["1:5 merge-key", "1:9 alias"], "use spec.defaults"),
        ("a: !!python/object/apply:os.system [id]", ["1:4 explicit-tag"], "remove !!python/object/apply:os.system"),
        ("a: !!str b", ["1:4 explicit-tag"], "remove !!str"),
        ("a: !own {b: c}", ["1:4 explicit-tag"], "remove !own"),
        ("a: ! b", ["1:4 explicit-tag"], "remove !"),
        ("!!str a: b", ["1:1 explicit-tag"], "remove !!str"),
        ("a: !!str &anchor b", ["1:4 explicit-tag", "1:4 anchor"], "remove !!str"),
        ("[a]: b", ["1:1 key"], "a key is plain text"),
        ("? {a: b}\n: c", ["1:3 key"], "a key is plain text"),
        ("? *anchor\n: c", ["1:3 alias", "1:3 key"], "write out"),
    ],
)
@BOTH
def test_what_is_not_read_is_reported_where_it_stands(text: str, found: list[str], words: str, parser: Parser) -> None:
    outcome = read(text, parser)

    assert [f"{at} {code}" for at, code, _ in outcome.faults] == found
    assert words in outcome.faults[0][2]


def test_the_first_of_two_equal_keys_is_kept() -> None:
    assert read("a: 1\nb: 2\na: 3\n").documents == [({"a": 1, "b": 2}, "1:1")]


def test_a_quoted_merge_key_is_a_key() -> None:
    outcome = read("'<<': a")

    assert outcome.documents == [({"<<": "a"}, "1:1")]
    assert outcome.faults == []


def test_reading_goes_on_after_what_was_refused() -> None:
    outcome = read("a: *x\nb: !!int 1\n<<: {c: d}\n[e]: f\ng: &x [h, *x]\n")

    assert outcome.documents == [({"a": REFUSED, "b": "1", "g": ["h", REFUSED]}, "1:1")]


def test_messages_show_names_from_the_file_harmlessly_and_cut() -> None:
    [(_, _, message)] = read(f"a: !<{'x' * 1000}> b").faults

    assert len(message) < 120


@pytest.mark.parametrize(
    ("opening", "closing"),
    [("[", "]"), ("{a: ", "}"), ("[{a: ", "}]"), ("{[", "]: b}")],
    ids=["lists", "mappings", "both", "keys"],
)
@BOTH
def test_twenty_levels_are_read_and_a_level_more_is_not(opening: str, closing: str, parser: Parser) -> None:
    levels = opening.count("[") + opening.count("{")

    def codes(depth: int) -> list[str]:
        times = depth // levels
        outcome = read(opening * times + "a" + closing * times, parser)
        return [code for _, code, _ in outcome.faults if code != "key"]

    assert codes(20) == []
    assert codes(20 + levels) == ["nesting"]


def test_reading_goes_on_after_what_is_nested_given_uply() -> None:
    outcome = read("a: " + "[" * 60 + "]" * 60 + "\nb: *x\n")

    assert [f"{at} {code}" for at, code, _ in outcome.faults] == ["1:23 nesting", "2:4 alias"]
    assert outcome.documents[0][0]["b"] is REFUSED


@pytest.mark.parametrize("opening", ["[", "{", "- ", "? ", "{a: ", "{[", "- ? "])
@BOTH
def test_twenty_thousand_levels_end_the_reading_at_once(opening: str, parser: Parser) -> None:
    outcome = read(opening * 20_000, parser)

    assert outcome.given_up
    assert [code for _, code, _ in outcome.faults] == ["nesting"]
    assert "20 levels" in outcome.faults[0][2]


def test_a_list_holds_a_hundred_thousand_items_and_no_more() -> None:
    items = "x," * MAX_ITEMS
    outcome = read(f"a: [{items}]\nb: [{items}x,x,x]\n")

    [(tree, _)] = outcome.documents
    assert len(tree["a"]) == len(tree["b"]) == 100_000
    assert [f"{at} {code}" for at, code, _ in outcome.faults] == ["2:4 too-many"]
    assert "more than 100,000 items" in outcome.faults[0][2]


def test_a_mapping_holds_a_hundred_thousand_keys_and_no_more() -> None:
    keys = ",".join(f"k{number}" for number in range(MAX_ITEMS))
    outcome = read(f"a: {{{keys}}}\nb: {{{keys},x,y,z}}\n")

    [(tree, _)] = outcome.documents
    assert len(tree["a"]) == len(tree["b"]) == 100_000
    assert [f"{at} {code}" for at, code, _ in outcome.faults] == ["2:4 too-many"]
    assert "more than 100,000 keys" in outcome.faults[0][2]


@pytest.mark.parametrize(
    "items", ["[" + "x," * 3 * MAX_ITEMS, "{" + "".join(f"k{n}: a," for n in range(3 * MAX_ITEMS))]
)
def test_of_a_list_or_mapping_far_beyond_its_limit_the_end_is_not_even_looked_for(items: str) -> None:
    outcome = read(f"a: {items}")

    assert [f"{at} {code}" for at, code, _ in outcome.faults] == ["1:4 too-many"]
    assert outcome.given_up


def test_the_named_list_has_no_limit() -> None:
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
def test_both_parsers_read_the_same_values_at_the_same_places(
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
