from collections.abc import Callable
from datetime import date
from itertools import compress, product
from pathlib import Path
from typing import Any

import pytest
from builders import manifest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagsync.errors import ManifestError
from tagsync.manifest.entries import are_plain_tags, entry_of
from tagsync.manifest.read import read_manifests
from tagsync.manifest.schema import is_valid
from tagsync.manifest.yaml import AMBIGUOUS, REFUSED, Map, Seq
from tagsync.model import (
    AIRule,
    ById,
    ByMatch,
    ByPath,
    Declaration,
    DesiredState,
    Entry,
    Exclusive,
    Expectation,
    Origin,
    Texts,
)

ReadText = Callable[..., DesiredState]


def read_one(read_text: ReadText, entry: str, *, spec: str = "") -> Entry:
    [found] = read_text(manifest(entry, spec=spec)).entries
    return found


def at(line: int, column: int) -> int:
    """Return a place in an entry that starts in line 5."""
    return line - 5 << 32 | column - 1


def test_entry_contains_everything_declared(read_text: ReadText) -> None:
    text = """
- match: /shop/**
  query: size > 1
  except: [/shop/a/**, /shop/b]
  tags: [red, hero]
  absent: [draft]
  exclusive: {only: [shoe*]}
  aiTags: {remove: [person], minConfidence: 70, keep: [Shoe], source: aws-auto-tagging}
  expect: {min: 1, max: 5000}
  ifMissing: warn
  ifOverLimit: skip
"""

    assert read_one(read_text, text) == Entry(
        manifest="tags.yaml",
        line=4,
        selector=ByMatch("/shop/**", "size > 1", ("/shop/a/**", "/shop/b")),
        declaration=Declaration(
            column=6,
            tags=Texts(("red", "hero"), (at(8, 14), at(8, 19))),
            absent=Texts(("draft",), (at(9, 16),)),
            exclusive=Exclusive(at(10, 18), Texts(("shoe*",), (at(10, 26),))),
            ai_rule=AIRule(
                place=at(11, 15),
                remove=Texts(("person",), (at(11, 25),)),
                min_confidence=70,
                keep=Texts(("Shoe",), (at(11, 60),)),
                source="aws-auto-tagging",
            ),
            if_missing="warn",
            if_over_limit="skip",
            expect=Expectation(at(12, 15), 1, 5000),
        ),
    )


def test_entry_knows_its_origin(read_text: ReadText) -> None:
    entry = read_one(read_text, "# a comment\n\n- path: /a\n  tags: [red]")

    assert entry.origin() == Origin("tags.yaml", 7, 7)
    assert entry.origin(entry.declaration.tags.places[0]) == Origin("tags.yaml", 8, 14)


@pytest.mark.parametrize(
    ("text", "selector"),
    [
        ("path: /a b/ü.jpg", ByPath("/a b/ü.jpg")),
        ("fileId: 5e21880d5efe355febd4bccd", ById("5e21880d5efe355febd4bccd")),
        ("match: /**", ByMatch("/**", None)),
        ("query: 'createdAt > \"7d\"'", ByMatch(None, 'createdAt > "7d"')),
        ("query: size > 1\n  except: [/a]", ByMatch(None, "size > 1", ("/a",))),
    ],
)
def test_entry_selects_by_path_id_match_or_query(read_text: ReadText, text: str, selector: object) -> None:
    assert read_one(read_text, f"- {text}\n  tags: [red]").selector == selector


@pytest.mark.parametrize(
    ("text", "minimum", "maximum"),
    [("{min: 3}", 3, None), ("{max: 0}", None, 0), ("{min: 2, max: 2}", 2, 2)],
)
def test_expect_may_have_one_limit(read_text: ReadText, text: str, minimum: int | None, maximum: int | None) -> None:
    expect = read_one(read_text, f"- match: /**\n  tags: [red]\n  expect: {text}").declaration.expect

    assert expect
    assert expect[1:] == (minimum, maximum)


def test_remove_all_names_no_ai_tags(read_text: ReadText) -> None:
    rule = read_one(read_text, "- path: /a\n  aiTags: {remove: all}").declaration.ai_rule

    assert rule == AIRule(at(6, 15), remove_all=True)


@pytest.mark.parametrize("field", ["tags", "absent"])
def test_defaults_join_lists_with_places(read_text: ReadText, field: str) -> None:
    entry = read_one(read_text, f"- path: /a\n  {field}: [b, c]", spec=f"defaults: {{{field}: [a]}}")

    texts: Texts = getattr(entry.declaration, field)
    column = 13 + len(field)
    assert texts.values == ("a", "b", "c")
    places = [(4, column + 4), (7, column - 3), (7, column)]
    assert [entry.origin(place) for place in texts.places] == [Origin("tags.yaml", *place) for place in places]


@pytest.mark.parametrize(
    ("default", "own", "merged"),
    [
        ("{minConfidence: 70}", "{remove: all}", {"remove_all": True}),
        ("{remove: all}", "{minConfidence: 70}", {"min_confidence": 70}),
        ("{remove: all}", "{remove: [b]}", {"remove": "b"}),
        ("{remove: all}", "{keep: [k]}", {"remove_all": True, "keep": "k"}),
        ("{remove: [a]}", "{remove: all}", {"remove_all": True}),
        ("{remove: [a]}", "{remove: [b]}", {"remove": "ab"}),
        ("{remove: [a], minConfidence: 70}", "{minConfidence: 50}", {"remove": "a", "min_confidence": 50}),
        ("{minConfidence: 70}", "{minConfidence: 0}", {"min_confidence": 0}),
        ("{minConfidence: 70}", "{remove: [b]}", {"remove": "b", "min_confidence": 70}),
        ("{keep: [k], minConfidence: 70}", "{keep: [l]}", {"keep": "kl", "min_confidence": 70}),
        ("{keep: [k], minConfidence: 70}", "{remove: all}", {"remove_all": True, "keep": "k"}),
        (
            "{source: aws-auto-tagging}",
            "{minConfidence: 70}",
            {"source": "aws-auto-tagging", "min_confidence": 70},
        ),
        (
            "{source: aws-auto-tagging, minConfidence: 70}",
            "{source: google-auto-tagging}",
            {"source": "google-auto-tagging", "min_confidence": 70},
        ),
    ],
)
def test_defaults_merge_ai_rules(read_text: ReadText, default: str, own: str, merged: dict[str, Any]) -> None:
    rule = read_one(
        read_text, f"- path: /a\n  aiTags: {own}", spec=f"defaults: {{aiTags: {default}}}"
    ).declaration.ai_rule

    assert rule
    assert {
        "remove_all": rule.remove_all,
        "remove": "".join(rule.remove.values),
        "min_confidence": rule.min_confidence,
        "keep": "".join(rule.keep.values),
        "source": rule.source,
    } == {"remove_all": False, "remove": "", "min_confidence": None, "keep": "", "source": None, **merged}


ONLY_A, ONLY_B = "{only: [a]}", "{only: [b]}"


@pytest.mark.parametrize(
    ("default", "own", "merged"),
    [
        ("true", None, "all"),
        (ONLY_A, None, "a"),
        ("false", None, None),
        ("true", "true", "all"),
        ("true", "false", None),
        ("true", ONLY_B, "b"),
        ("false", "true", "all"),
        ("false", ONLY_B, "b"),
        (ONLY_A, "true", "all"),
        (ONLY_A, "false", None),
        (ONLY_A, ONLY_B, "ab"),
        (None, "false", None),
        (None, ONLY_B, "b"),
    ],
)
def test_defaults_merge_exclusive(
    read_text: ReadText, default: str | None, own: str | None, merged: str | None
) -> None:
    entry = read_one(
        read_text,
        "- path: /a\n  tags: [red]" + (f"\n  exclusive: {own}" if own else ""),
        spec=f"defaults: {{exclusive: {default}}}" if default else "",
    )

    exclusive = entry.declaration.exclusive
    covers = exclusive and ("all" if exclusive.only is None else "".join(exclusive.only.values))
    assert covers == merged


@pytest.mark.parametrize("field", ["ifMissing", "ifOverLimit"])
@pytest.mark.parametrize(
    ("default", "own", "merged"),
    [("warn", None, "warn"), ("warn", "error", "error"), (None, "skip", "skip"), (None, None, None)],
)
def test_defaults_are_replaced_by_leniency_of_entry(
    read_text: ReadText, field: str, default: str | None, own: str | None, merged: str | None
) -> None:
    entry = read_one(
        read_text,
        "- path: /a\n  tags: [red]" + (f"\n  {field}: {own}" if own else ""),
        spec=f"defaults: {{{field}: {default}}}" if default else "",
    )

    declared = entry.declaration
    assert {"ifMissing": declared.if_missing, "ifOverLimit": declared.if_over_limit}[field] == merged


def test_defaults_keep_selector_and_expect(read_text: ReadText) -> None:
    text = "- match: /**\n  except: [/x]\n  expect: {min: 1}"
    entry = read_one(read_text, text, spec="defaults: {tags: [red]}")

    assert entry.selector == ByMatch("/**", None, ("/x",))
    assert entry.declaration.expect == Expectation(2 << 32 | 14, 1, None)


def test_defaults_apply_to_one_document(read_text: ReadText) -> None:
    with_defaults = manifest("- path: /a\n  tags: [b]", spec="defaults: {tags: [a]}")
    without = manifest("- path: /b\n  tags: [c]")
    first, second = read_text(f"{with_defaults}---\n{without}").entries

    assert first.declaration.tags.values == ("a", "b")
    assert second.declaration.tags.values == ("c",)


def test_entries_with_equal_text_share_a_declaration(read_text: ReadText) -> None:
    entries = "- path: /a\n  tags: [b]\n- path: /b\n  tags: [b]\n- path: /c\n  tags: [c]"
    first, second, third = read_text(manifest(entries, spec="defaults: {tags: [a]}")).entries

    assert first.declaration is second.declaration
    assert first.declaration != third.declaration
    assert [str(entry.origin(entry.declaration.tags.places[1])) for entry in (first, second)] == [
        "tags.yaml:7:14",
        "tags.yaml:9:14",
    ]


# Until


def written(folder: Path, text: str) -> str:
    path = folder / "tags.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def expired(folder: Path, entries: str, day: str, spec: str = "") -> DesiredState:
    return read_manifests([written(folder, manifest(entries, spec=spec))], as_of=date.fromisoformat(day))


@pytest.mark.parametrize("written_as", ["2026-12-31", "'2026-12-31'", '"2026-12-31"'])
def test_until_expires_on_its_day(tmp_path: Path, written_as: str) -> None:
    entries = f"- path: /a\n  tags: [sale]\n  until: {written_as}"
    [before] = expired(tmp_path, entries, "2026-12-30").entries
    [after] = expired(tmp_path, entries, "2026-12-31").entries
    assert (before.declaration.tags.values, before.declaration.expired.values) == (("sale",), ())
    assert (after.declaration.tags.values, after.declaration.expired.values) == ((), ("sale",))
    assert str(after.origin(after.declaration.expired.places[0])) == "tags.yaml:6:14"


def test_until_does_not_expire_defaults(tmp_path: Path) -> None:
    entries = "- path: /a\n  tags: [sale]\n  until: 2026-01-01"
    [entry] = expired(tmp_path, entries, "2026-06-01", "defaults: {tags: [catalog]}").entries
    assert (entry.declaration.tags.values, entry.declaration.expired.values) == (("catalog",), ("sale",))


def test_until_is_the_only_unquoted_day(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="YAML reads 2026-12-31 as a date, not as text"):
        expired(tmp_path, "- path: /a\n  tags: [2026-12-31]\n  until: 2026-12-31", "2026-06-01")


def test_until_never_expires_without_a_date(tmp_path: Path) -> None:
    path = written(tmp_path, manifest("- path: /a\n  tags: [sale]\n  until: 2000-01-01"))
    assert next(iter(read_manifests([path]).entries)).declaration.tags.values == ("sale",)


# Types and schema


def tree_of(value: Any) -> Any:
    """Return plain data as the tree that a reader returns."""
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


def accepts(tree: Any) -> bool:
    """Return whether types and quick checks accept an entry."""
    found = entry_of(tree, 0)
    return found is not None and are_plain_tags(found[1].tags.values)


def check_agreement(tree: Any) -> None:
    """Compare types with the schema: they accept what it accepts, and more only for tags that are not plain."""
    if is_valid("entry", tree):
        assert entry_of(tree, 0) is not None
    else:
        assert not accepts(tree)


ODD: list[Any] = [
    AMBIGUOUS,
    REFUSED,
    None,
    True,
    False,
    0,
    1,
    70,
    100,
    101,
    -1,
    0.5,
    100.5,
    "",
    " ",
    "all",
    "a,b",
    "/a",
    {},
    [],
]
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
def test_entry_types_agree_with_the_schema(entries: list[Any]) -> None:
    for entry in map(tree_of, entries):
        check_agreement(entry)


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
def test_selector_types_agree_with_the_schema(key: str) -> None:
    for value in PLAIN + NESTED:
        check_agreement(tree_of({key: value}))


@pytest.mark.parametrize(
    "key", ["except", "tags", "absent", "exclusive", "aiTags", "expect", "ifMissing", "ifOverLimit", "until"]
)
def test_value_types_agree_with_the_schema(key: str) -> None:
    for value in PLAIN + NESTED:
        check_agreement(tree_of({"match": "/**", key: value}))


def test_field_combinations_agree_with_the_schema() -> None:
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
        assert accepts(entry) == is_valid("entry", entry), entry


def test_tag_characters_agree_with_the_schema() -> None:
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
def test_plain_entry_needs_no_schema(entry: dict[str, Any]) -> None:
    assert accepts(tree_of(entry))


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
def test_doubtful_entry_is_left_to_the_schema(entry: Any) -> None:
    assert not accepts(tree_of(entry))


def test_plain_tag_cache_does_not_accept_invalid_tag() -> None:
    assert not accepts(tree_of({"path": "/a", "tags": ["red", "50%"]}))
    assert not accepts(tree_of({"path": "/a", "tags": ["50%"]}))
    assert accepts(tree_of({"path": "/a", "tags": ["red"]}))
