import json
from math import inf, nan
from typing import Any

import pytest
from builders import ai, current_file, id_of
from hypothesis import given, settings
from hypothesis import strategies as st

from tagsync.documents.canonical import canonical
from tagsync.documents.changes import lines_of
from tagsync.model import Change, FileChange, Op, Origin, Reason

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda items: st.lists(items, max_size=3) | st.dictionaries(st.text(), items, max_size=3),
    max_leaves=10,
)


@settings(max_examples=200, deadline=None)
@given(values)
def test_canonical_json_round_trips(value: Any) -> None:
    text = canonical(value)
    assert json.loads(text) == value
    assert canonical(json.loads(text)) == text


def test_canonical_json_sorts_keys_and_has_no_white_space() -> None:
    assert canonical({"b": [1, {"z": None, "a": 1.50}], "a": "x y"}) == '{"a":"x y","b":[1,{"a":1.5,"z":null}]}'


@pytest.mark.parametrize("text", ["\x1b[31m", "\n", "ä", "\u202e", "\U0001f600", "\ud800", "\x7f\x80"])
def test_canonical_json_is_safe_in_a_terminal(text: str) -> None:
    line = canonical({text: text})
    assert line.isascii()
    # DEL is in ASCII, and the only control character that JSON does not escape.
    assert line.replace("\x7f", "").isprintable()
    assert json.loads(line) == {text: text}


@pytest.mark.parametrize("number", [nan, inf, -inf])
def test_canonical_json_refuses_nan_and_infinity(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical([number])


def test_canonical_json_of_tuples_and_lists_is_equal() -> None:
    assert canonical(("a", ("b",))) == canonical(["a", ["b"]]) == '["a",["b"]]'


def test_canonical_change_has_its_file_and_reasons() -> None:
    first, second = Reason(Origin("a.yaml", 1, 2), "tags"), Reason(Origin("b.yaml", 3, 4), "defaults")
    change = FileChange(
        current_file("/a.jpg", ["old"], [ai("Dog", 12.5)]),
        (
            Change(Op.ADD, "new", (first, second)),
            Change(Op.REMOVE, "old", (first,)),
            Change(Op.REMOVE_AI, "Dog", (second,)),
        ),
    )
    (line,) = lines_of([change])
    assert json.loads(line) == {
        "fileId": id_of("/a.jpg"),
        "path": "/a.jpg",
        "before": {
            "tags": ["old"],
            "aiTags": [{"name": "Dog", "confidence": 12.5, "source": "google-auto-tagging"}],
        },
        "add": ["new"],
        "remove": ["old"],
        "removeAI": ["Dog"],
        "because": [
            {"op": "addTags", "tag": "new", "source": "a.yaml:1:2", "rule": "tags"},
            {"op": "addTags", "tag": "new", "source": "b.yaml:3:4", "rule": "defaults"},
            {"op": "removeTags", "tag": "old", "source": "a.yaml:1:2", "rule": "tags"},
            {"op": "removeAITags", "tag": "Dog", "source": "b.yaml:3:4", "rule": "defaults"},
        ],
    }
