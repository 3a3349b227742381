from itertools import compress, product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagsync.manifest.accept import FastAccept
from tagsync.manifest.scalars import AMBIGUOUS
from tagsync.manifest.schema import is_valid
from tagsync.manifest.tree import REFUSED, Map, Seq


def tree_of(value: Any) -> Any:
    """Return plain data as a reader would have read it."""
    if isinstance(value, dict):
        result = Map()
        for key, item in value.items():
            result[key] = tree_of(item)
            result.key_places[key] = result.places[key] = 0
        return result
    if isinstance(value, list):
        seq = Seq()
        for item in value:
            seq.append(tree_of(item))
            seq.places.append(0)
        return seq
    return value


ODD = [AMBIGUOUS, REFUSED, None, True, False, 0, 1, 70, 100, 101, -1, 0.5, 100.5, "", " ", "all", "a,b", "/a", {}, []]
ODD += [
    [""],
    ["a", 1],
    [[]],
    [{}],
    [None],
    {"only": []},
    {"only": ["a*"]},
    {"only": "a"},
    {"remove": "all"},
    {"min": 1},
]
CHARACTERS = st.one_of(
    st.characters(exclude_categories=["Cs"]),
    st.sampled_from("a/ %,\t\n\x00\x1f\x7f\x85\xa0\u061c\u200e\u2028\u202e\u2066\u3000\ufeff"),
)
TEXTS = st.one_of(st.sampled_from(["red", "/a/*.jpg", "all", "warn", "skip", "error"]), st.text(CHARACTERS, max_size=4))
LISTS = st.lists(st.one_of(TEXTS, TEXTS, st.sampled_from(ODD)), max_size=3)
NUMBERS = st.one_of(st.integers(-5, 105), st.floats(-5, 105), st.just(1 << 80))
LEAVES = st.one_of(st.sampled_from(ODD), TEXTS, LISTS, NUMBERS)
AI_RULES = st.dictionaries(
    st.sampled_from(["remove", "minConfidence", "keep", "source", "promote"]),
    st.one_of(LEAVES, st.sampled_from(["google-auto-tagging", "aws-auto-tagging"])),
    max_size=3,
)
EXPECTATIONS = st.dictionaries(st.sampled_from(["min", "max", "mid"]), st.one_of(NUMBERS, LEAVES), max_size=2)
ENTRIES = st.fixed_dictionaries(
    {},
    optional={
        "path": st.one_of(st.just("/a"), LEAVES),
        "fileId": LEAVES,
        "match": st.one_of(st.just("/**"), LEAVES),
        "query": LEAVES,
        "except": st.one_of(st.just(["/x"]), LEAVES),
        "tags": LEAVES,
        "absent": LEAVES,
        "exclusive": st.one_of(LEAVES, st.builds(lambda only: {"only": only}, LEAVES)),
        "aiTags": st.one_of(AI_RULES, LEAVES),
        "expect": st.one_of(EXPECTATIONS, LEAVES),
        "ifMissing": LEAVES,
        "ifOverLimit": LEAVES,
        "until": LEAVES,
    },
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(ENTRIES, st.sampled_from(ODD)), min_size=1, max_size=3))
def test_what_is_accepted_is_valid_by_the_schema(entries: list[Any]) -> None:
    accepts = FastAccept()  # one for all: it remembers tags

    for entry in map(tree_of, entries):
        assert is_valid("entry", entry) or not accepts(entry)


PLAIN = [*ODD, "red", "warn", "google-auto-tagging", -0.5, 99.9, 100.0, 1 << 80, ["red"], ["/a", "b"], ["/a", "/b"]]
NESTED = [
    *({"only": value} for value in PLAIN),
    *({"min": 1, "max": value} for value in PLAIN),
    *(
        {key: value}
        for key in ("min", "mid", "remove", "minConfidence", "keep", "source", "promote")
        for value in PLAIN
    ),
    *({"remove": value, "minConfidence": 70} for value in PLAIN),
]


@pytest.mark.parametrize("key", ["path", "fileId", "match", "query"])
def test_no_selector_is_accepted_that_the_schema_refuses(key: str) -> None:
    for value in PLAIN + NESTED:
        entry = tree_of({key: value})
        assert is_valid("entry", entry) or not FastAccept()(entry), value


@pytest.mark.parametrize(
    "key", ["except", "tags", "absent", "exclusive", "aiTags", "expect", "ifMissing", "ifOverLimit", "until"]
)
def test_no_value_is_accepted_that_the_schema_refuses(key: str) -> None:
    for value in PLAIN + NESTED:
        entry = tree_of({"match": "/**", key: value})
        assert is_valid("entry", entry) or not FastAccept()(entry), value


def test_the_fields_that_may_stand_together_are_those_of_the_schema() -> None:
    fields = {
        "path": "/a",
        "fileId": "a",
        "match": "/a",
        "query": "a",
        "except": ["/a"],
        "expect": {"min": 1},
        "aiTags": {"remove": "all", "minConfidence": 1},
    }

    for chosen in product([True, False], repeat=len(fields)):
        entry = tree_of(dict(compress(fields.items(), chosen)))
        assert FastAccept()(entry) == is_valid("entry", entry), entry


def test_no_character_is_accepted_in_a_tag_that_the_schema_refuses() -> None:
    accepts = FastAccept()
    characters = [chr(code) for code in (*range(0xD800), *range(0xE000, 0x30000), *range(0xE0000, 0xE0200))]
    accepted = [c for c in characters if accepts(tree_of({"path": "/a", "tags": [f"a{c}b"]}))]
    alone = [c for c in characters if c < "\u3100" and accepts(tree_of({"path": "/a", "tags": [c]}))]

    assert len(accepted) > 100_000
    assert len(alone) > 10_000
    assert is_valid("entry", tree_of({"path": "/a", "tags": [f"a{''.join(accepted)}b", *alone]}))


@pytest.mark.parametrize(
    "entry",
    [
        {"path": "/a", "tags": ["red", "größe", "日本", "two words", "a,b"]},
        {"fileId": "5e21880d5efe355febd4bccd", "absent": ["50%"], "ifMissing": "skip", "ifOverLimit": "warn"},
        {"match": "/**", "except": ["/x/*"], "exclusive": True, "expect": {"min": 1, "max": 5000}},
        {"query": "size > 1", "exclusive": {"only": ["shoe*"]}, "expect": {"max": 0}},
        {"match": "/**", "query": "size > 1", "aiTags": {"remove": "all", "keep": ["Shoe"]}},
        {"path": "/a", "aiTags": {"remove": ["x"], "minConfidence": 70.5, "source": "aws-auto-tagging"}},
        {"path": "/a", "aiTags": {"minConfidence": 0}, "exclusive": False},
    ],
)
def test_every_field_of_a_plain_entry_is_accepted_without_the_schema(entry: dict[str, Any]) -> None:
    assert FastAccept()(tree_of(entry))


@pytest.mark.parametrize(
    "entry",
    [
        {"tags": ["a"]},
        {"path": "/a", "fileId": "b"},
        {"path": "/a", "match": "/b"},
        {"fileId": "b", "query": "c"},
        {"path": "/a", "except": ["/b"]},
        {"fileId": "b", "expect": {"min": 1}},
        {"path": "a"},
        {"path": "/a", "tags": [" a"]},
        {"path": "/a", "tags": ["%"]},
        {"path": "/a", "tags": [True]},
        {"path": "/a", "aiTags": {"remove": "all", "minConfidence": 70}},
        {"path": "/a", "aiTags": {"minConfidence": True}},
        {"path": "/a", "expect": {"min": True}},
        {"path": "/a", "until": "2026-12-31"},
        "red",
    ],
)
def test_what_is_not_plainly_valid_is_left_to_the_schema(entry: Any) -> None:
    assert not FastAccept()(tree_of(entry))


def test_a_faulty_tag_is_not_accepted_for_having_stood_beside_a_good_one() -> None:
    accepts = FastAccept()

    assert not accepts(tree_of({"path": "/a", "tags": ["red", "50%"]}))
    assert not accepts(tree_of({"path": "/a", "tags": ["50%"]}))
    assert accepts(tree_of({"path": "/a", "tags": ["red"]}))
