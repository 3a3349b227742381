import json
from pathlib import Path
from typing import Any

import pytest

from tagsync.sandbox.faults import ENDPOINTS, Fault, FaultScript, FaultScriptError, read_script

LIST, ADD, ANY = Fault(on="list"), Fault(on="addTags"), Fault(on="any")


def script(tmp_path: Path, content: Any) -> Path:
    path = tmp_path / "faults.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_fault_script_without_rules_has_no_effect() -> None:
    assert FaultScript().next("list", []) is None


def test_fault_rule_matches_its_endpoint_only() -> None:
    faults = FaultScript([LIST])
    assert [faults.next(endpoint, []) for endpoint in ("list", "addTags", "list")] == [LIST, None, LIST]


@pytest.mark.parametrize("endpoint", sorted(set(ENDPOINTS) - {"any"}))
def test_fault_rule_for_any_matches_every_endpoint(endpoint: str) -> None:
    assert FaultScript([ANY]).next(endpoint, []) == ANY


def test_fault_rule_with_a_number_matches_that_call() -> None:
    second = Fault(on="addTags", call=2)
    faults = FaultScript([second])
    calls = ["addTags", "list", "removeTags", "addTags", "addTags"]
    assert [faults.next(endpoint, []) for endpoint in calls] == [None, None, None, second, None]


def test_fault_rule_for_any_with_a_number_counts_all_calls() -> None:
    third = Fault(on="any", call=3)
    faults = FaultScript([third])
    assert [faults.next(endpoint, []) for endpoint in ("list", "addTags", "details", "list")] == [
        None,
        None,
        third,
        None,
    ]


def test_fault_rule_with_times_ends_after_that_many_calls() -> None:
    twice = Fault(on="list", times=2)
    faults = FaultScript([twice])
    assert [faults.next("list", []) for _ in range(4)] == [twice, twice, None, None]


def test_fault_rule_for_a_file_matches_calls_that_name_it() -> None:
    about = Fault(on="any", fileId="one")
    faults = FaultScript([about])
    assert [faults.next("addTags", ids) for ids in (["two", "one"], ["two"], [])] == [about, None, None]


def test_fault_script_uses_the_first_matching_rule() -> None:
    first, second = Fault(on="list", times=1), Fault(on="any", times=1)
    faults = FaultScript([first, second])
    assert [faults.next("list", []) for _ in range(3)] == [first, second, None]


def test_fault_script_reads_every_member(tmp_path: Path) -> None:
    members = {
        "on": "addTags",
        "call": 3,
        "times": 2,
        "fileId": "one",
        "delayMs": 1500,
        "status": 503,
        "body": "out",
        "headers": {"Retry-After": "5", "X-Empty": ""},
        "lose": True,
        "ignore": False,
        "failFiles": ["one", "two"],
        "error": "locked",
        "cut": True,
        "shuffle": 2,
    }
    read = read_script(script(tmp_path, [{"on": "list"}, members]))
    assert read.next("list", []) == LIST
    assert [read.next("addTags", ["one"]) for _ in range(3)][2] == Fault(
        on="addTags",
        call=3,
        times=2,
        fileId="one",
        delayMs=1500,
        status=503,
        body="out",
        headers={"Retry-After": "5", "X-Empty": ""},
        lose=True,
        failFiles=("one", "two"),
        error="locked",
        cut=True,
        shuffle=2,
    )


def test_fault_script_may_be_empty(tmp_path: Path) -> None:
    assert read_script(script(tmp_path, [])).next("list", []) is None


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("list", '"on" must be one of list, details, patch, addTags, removeTags, removeAITags, any'),
        ({}, '"on" must be one of list, details'),
        ({"on": "addtags"}, '"on" must be one of list, details'),
        ({"on": ["list"]}, '"on" must be one of list, details'),
        ({"on": "list", "stauts": 500}, "unknown key 'stauts': use on, call, times, fileId, delayMs, status"),
        ({"on": "list", "status": "500"}, "status must be of type int"),
        ({"on": "list", "status": 500.0}, "status must be of type int"),
        ({"on": "list", "call": True}, "call must be of type int"),
        ({"on": "list", "lose": 1}, "lose must be of type bool"),
        ({"on": "list", "body": {"a": 1}}, "body must be of type str"),
        ({"on": "list", "body": None}, "body must be of type str"),
        ({"on": "list", "headers": ["a"]}, "headers must be of type dict"),
        ({"on": "list", "failFiles": "one"}, "failFiles must be of type list"),
        ({"on": "list", "fileId": 1}, "fileId must be of type str"),
        ({"on": "list", "error": None}, "error must be of type str"),
        ({"on": "list", "status": 199}, "status cannot be 199"),
        ({"on": "list", "status": 600}, "status cannot be 600"),
        ({"on": "list", "status": 204}, "status cannot be 204"),
        ({"on": "list", "delayMs": -1}, "delayMs cannot be -1"),
        ({"on": "list", "times": -1}, "times cannot be -1"),
        ({"on": "list", "shuffle": 101}, "shuffle cannot be 101"),
        ({"on": "list", "shuffle": -1}, "shuffle cannot be -1"),
        ({"on": "list", "headers": {"A": 5}}, 'headers cannot be {"A": 5}'),
        ({"on": "list", "headers": {"A": "x\r\nB: y"}}, "headers cannot be"),
        ({"on": "list", "headers": {"A": "é"}}, "headers cannot be"),
        ({"on": "list", "headers": {"A B": "x"}}, "headers cannot be"),
        ({"on": "list", "failFiles": ["one", 5]}, 'failFiles cannot be ["one", 5]'),
        ({"on": "list", "body": "\ud800"}, 'body cannot be "\\ud800"'),
    ],
)
def test_fault_script_names_an_invalid_rule_by_number(tmp_path: Path, rule: Any, words: str) -> None:
    path = script(tmp_path, [{"on": "list"}, rule])
    with pytest.raises(FaultScriptError) as refused:
        read_script(path)
    assert str(refused.value).startswith(f"{path}, rule 2: {words}")


@pytest.mark.parametrize("content", ["", "[{]", "[" * 100_000])
def test_fault_script_refuses_invalid_json(tmp_path: Path, content: str) -> None:
    path = script(tmp_path, content)
    with pytest.raises(FaultScriptError) as refused:
        read_script(path)
    assert str(refused.value) == f"{path} is not JSON: write a list of rules"


def test_fault_script_refuses_invalid_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    path.write_bytes(b'[{"on": "\xff"}]')
    with pytest.raises(FaultScriptError, match="is not JSON"):
        read_script(path)


@pytest.mark.parametrize("content", [{"on": "list"}, "null", '"list"'])
def test_fault_script_refuses_anything_but_a_list(tmp_path: Path, content: Any) -> None:
    with pytest.raises(FaultScriptError, match="is not a JSON list: write a list of rules"):
        read_script(script(tmp_path, content))


def test_fault_script_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FaultScriptError) as refused:
        read_script(tmp_path / "none.json")
    assert str(refused.value) == f"{tmp_path / 'none.json'}: No such file or directory"
