from collections.abc import Callable
from typing import Any

import pytest
from builders import manifest

from tagsync.manifest.entries import NO_WISHES, declares_something, places_of, settled, with_defaults
from tagsync.model import (
    NO_TEXTS,
    AIRule,
    ById,
    ByMatch,
    ByPath,
    DesiredState,
    Entry,
    Exclusive,
    Expectation,
    Origin,
    Texts,
    Wishes,
)

ReadText = Callable[..., DesiredState]


def read_one(read_text: ReadText, entry: str, *, spec: str = "") -> Entry:
    [found] = read_text(manifest(entry, spec=spec)).entries
    return found


def at(line: int, column: int) -> int:
    return line - 1 << 32 | column - 1


def test_an_entry_holds_all_that_its_text_declares(read_text: ReadText) -> None:
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
        place=at(5, 7),
        selector=ByMatch("/shop/**", "size > 1", ("/shop/a/**", "/shop/b")),
        wishes=Wishes(
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
        ),
        expect=Expectation(at(12, 15), 1, 5000),
    )


def test_an_entry_knows_its_origin(read_text: ReadText) -> None:
    entry = read_one(read_text, "# a comment\n\n- path: /a\n  tags: [red]")

    assert entry.origin() == Origin("tags.yaml", 7, 7)
    assert entry.origin(entry.wishes.tags.places[0]) == Origin("tags.yaml", 8, 14)


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
def test_an_entry_selects_by_path_id_match_or_query(read_text: ReadText, text: str, selector: object) -> None:
    assert read_one(read_text, f"- {text}\n  tags: [red]").selector == selector


@pytest.mark.parametrize(
    ("text", "minimum", "maximum"),
    [("{min: 3}", 3, None), ("{max: 0}", 0, 0), ("{min: 2, max: 2}", 2, 2)],
)
def test_an_expectation_may_be_open_at_an_end(
    read_text: ReadText, text: str, minimum: int, maximum: int | None
) -> None:
    expect = read_one(read_text, f"- match: /**\n  tags: [red]\n  expect: {text}").expect

    assert expect
    assert expect[1:] == (minimum, maximum)


def test_removing_all_ai_tags_names_none(read_text: ReadText) -> None:
    rule = read_one(read_text, "- path: /a\n  aiTags: {remove: all}").wishes.ai_rule

    assert rule == AIRule(at(6, 15), remove_all=True)


@pytest.mark.parametrize("field", ["tags", "absent"])
def test_lists_of_defaults_and_entries_unite_with_their_places(read_text: ReadText, field: str) -> None:
    entry = read_one(read_text, f"- path: /a\n  {field}: [b, c]", spec=f"defaults: {{{field}: [a]}}")

    texts: Texts = getattr(entry.wishes, field)
    column = 13 + len(field)
    assert texts == Texts(("a", "b", "c"), (at(4, column + 4), at(7, column - 3), at(7, column)))


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
def test_the_rules_of_defaults_and_entries_merge(
    read_text: ReadText, default: str, own: str, merged: dict[str, Any]
) -> None:
    rule = read_one(read_text, f"- path: /a\n  aiTags: {own}", spec=f"defaults: {{aiTags: {default}}}").wishes.ai_rule

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
def test_an_entry_s_exclusive_replaces_the_default_but_lists_unite(
    read_text: ReadText, default: str | None, own: str | None, merged: str | None
) -> None:
    entry = read_one(
        read_text,
        "- path: /a\n  tags: [red]" + (f"\n  exclusive: {own}" if own else ""),
        spec=f"defaults: {{exclusive: {default}}}" if default else "",
    )

    exclusive = entry.wishes.exclusive
    covers = exclusive and ("all" if exclusive.only is None else "".join(exclusive.only.values))
    assert covers == merged


@pytest.mark.parametrize("field", ["ifMissing", "ifOverLimit"])
@pytest.mark.parametrize(
    ("default", "own", "merged"),
    [("warn", None, "warn"), ("warn", "error", "error"), (None, "skip", "skip"), (None, None, None)],
)
def test_an_entry_s_leniency_replaces_the_default(
    read_text: ReadText, field: str, default: str | None, own: str | None, merged: str | None
) -> None:
    entry = read_one(
        read_text,
        "- path: /a\n  tags: [red]" + (f"\n  {field}: {own}" if own else ""),
        spec=f"defaults: {{{field}: {default}}}" if default else "",
    )

    wishes = entry.wishes
    assert {"ifMissing": wishes.if_missing, "ifOverLimit": wishes.if_over_limit}[field] == merged


def test_defaults_leave_the_selector_and_the_expectation_alone(read_text: ReadText) -> None:
    text = "- match: /**\n  except: [/x]\n  expect: {min: 1}"
    entry = read_one(read_text, text, spec="defaults: {tags: [red]}")

    assert entry.selector == ByMatch("/**", None, ("/x",))
    assert entry.expect == Expectation(at(8, 15), 1, None)


def test_the_defaults_of_one_document_are_for_no_other(read_text: ReadText) -> None:
    with_defaults = manifest("- path: /a\n  tags: [b]", spec="defaults: {tags: [a]}")
    without = manifest("- path: /b\n  tags: [c]")
    first, second = read_text(f"{with_defaults}---\n{without}").entries

    assert first.wishes.tags.values == ("a", "b")
    assert second.wishes.tags.values == ("c",)


def test_no_defaults_leave_an_entry_as_it_is() -> None:
    entry = Entry("tags.yaml", 0, ByPath("/a"), Wishes(tags=Texts(("red",), (0,))))

    assert with_defaults(entry, NO_WISHES) is entry


def test_exclusive_over_nothing_is_none_once_defaults_are_merged() -> None:
    entry = Entry("tags.yaml", 0, ByPath("/a"), Wishes(exclusive=Exclusive(7, NO_TEXTS)))

    assert settled(entry).wishes.exclusive is None
    assert settled(settled(entry)) == settled(entry)


RED = Texts(("red",), (5,))


@pytest.mark.parametrize(
    ("wishes", "declares"),
    [
        (Wishes(), False),
        (Wishes(tags=RED), True),
        (Wishes(absent=RED), True),
        (Wishes(exclusive=Exclusive(0)), True),
        (Wishes(exclusive=Exclusive(0, RED)), True),
        (Wishes(exclusive=Exclusive(0, NO_TEXTS)), False),
        (Wishes(ai_rule=AIRule(0, remove=RED)), True),
        (Wishes(ai_rule=AIRule(0, remove_all=True)), True),
        (Wishes(ai_rule=AIRule(0, min_confidence=0)), True),
        (Wishes(ai_rule=AIRule(0, keep=RED)), True),
        (Wishes(ai_rule=AIRule(0, source="aws-auto-tagging")), False),
        (Wishes(if_missing="warn", if_over_limit="skip"), False),
    ],
)
def test_wishes_declare_something_if_they_ask_for_a_tag_to_come_or_go_or_stay(
    wishes: Wishes,
    declares: bool,  # noqa: FBT001 - a table's column
) -> None:
    assert declares_something(wishes) is declares


def test_wishes_know_the_places_of_what_they_list() -> None:
    wishes = Wishes(Texts(("a", "b"), (1, 2)), Texts(("c",), (3,)), Exclusive(4, Texts(("d",), (5,))), AIRule(6))

    assert places_of(wishes) == {1, 2, 3, 5}
    assert places_of(Wishes(exclusive=Exclusive(4))) == set()
