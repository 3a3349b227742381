import json
from collections.abc import Callable
from hashlib import sha256
from itertools import product
from typing import Any

import pytest
from builders import rendered, saved
from documents.drawn import plans, reports
from hypothesis import given, settings

from tagsync.documents import loader
from tagsync.documents.changes import lines_of
from tagsync.documents.loader import load_document
from tagsync.errors import DamagedError, DocumentError
from tagsync.model import Plan, Report


def test_loader_returns_equal_plans(plan: Plan) -> None:
    found = load_document(rendered(plan, "json").encode(), "plan.json")
    assert isinstance(found, Plan)
    assert found.changes == plan.changes
    assert list(lines_of(found.changes)) == list(lines_of(plan.changes))
    assert found.requests == plan.requests
    assert found.diagnostics == plan.diagnostics
    assert (found.summary, found.estimate, found.target) == (plan.summary, plan.estimate, plan.target)
    assert (found.digest, found.created_at) == (plan.digest, plan.created_at)
    assert found.inputs._replace(manifests=()) == plan.inputs._replace(manifests=())
    assert [(item.path, item.sha256) for item in found.inputs.manifests] == [
        (item.path, item.sha256) for item in plan.inputs.manifests
    ]


def test_loader_returns_equal_reports(report: Report) -> None:
    found = load_document(rendered(report, "json").encode(), "report.json")
    assert isinstance(found, Report)
    assert found.plan.changes == report.plan.changes
    assert (found.outcome, found.outcomes) == (report.outcome, report.outcomes)
    assert (found.requests, found.timing, found.finished_at) == (report.requests, report.timing, report.finished_at)
    assert found.diagnostics == (*report.plan.diagnostics, *report.diagnostics)


@settings(max_examples=40, deadline=None)
@given(plans())
def test_loader_of_any_plan_gives_the_same_bytes(plan: Plan) -> None:
    text = rendered(plan, "json")
    found = load_document(text.encode("ascii"), "plan.json")
    assert isinstance(found, Plan)
    assert found.changes == plan.changes
    for name in ("drift", "returning", "missing", "coverage", "thumbnails", "unlisted", "diagnostics"):
        assert getattr(found, name) == getattr(plan, name)
    assert rendered(found, "json") == text


@settings(max_examples=40, deadline=None)
@given(reports())
def test_loader_of_any_report_gives_the_same_bytes(report: Report) -> None:
    text = rendered(report, "json")
    found = load_document(text.encode("ascii"), "report.json")
    assert isinstance(found, Report)
    assert found.outcomes == report.outcomes
    assert rendered(found, "json") == text


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is not a tagsync plan or report: use a file from a successful plan --out or --report json=FILE"),
        (b"\xff\xfe\x00", "is not a tagsync plan or report"),
        (b"\x89PNG\r\n\x1a\n", "is not a tagsync plan or report"),
        (b"[" * 100_000, "is not a tagsync plan or report"),
        (b'{"formatVersion": "1.0", "x": NaN}', "was changed after tagsync wrote it"),
        (b'{"formatVersion": "1.0", "x": 1e999}', "was changed after tagsync wrote it"),
        (b"[]", "is not a tagsync plan or report"),
        (b'"formatVersion"', "is not a tagsync plan or report"),
        (b'{"apiVersion": "tagsync/v1"}', "is not a tagsync plan or report"),
        (
            b'{"formatVersion": "2.0"}',
            "has format version '2.0', this tagsync reads 1.x: use the tagsync version that wrote it",
        ),
        (b'{"reportVersion": "12.0"}', "has format version '12.0'"),
        (b'{"formatVersion": 1}', "has format version '1'"),
        (b'{"formatVersion": null}', "has format version 'null'"),
        (b'{"formatVersion": "\\u001b[31m"}', r"has format version '\u001b[31m'"),
        (saved({"formatVersion": "1.0"}).encode(), "is invalid at its root: 'tool' is a required property"),
        (saved({"reportVersion": "1.0"}).encode(), "is invalid at its root: 'tool' is a required property"),
        (
            b'{"formatVersion": "1.0"}',
            "was changed after tagsync wrote it: use the original file, byte for byte, or plan again",
        ),
    ],
)
def test_loader_refuses_other_files_with_name_and_reason(data: bytes, words: str) -> None:
    with pytest.raises(DocumentError) as caught:
        load_document(data, "odd\n.json")
    assert str(caught.value).startswith(r"odd\x0a.json ")
    assert words in str(caught.value)


def damaged(document: Any) -> list[Any]:
    """Return a document once for each member, with that member's value replaced."""
    copies = []
    others: tuple[Any, ...] = (None, -1, "\x1b[31m")
    for (path, value), other in product(list(walk(document)), others):
        if type(other) is type(value):
            continue
        copy = json.loads(json.dumps(document))
        place = copy
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = other
        copies.append(copy)
    return copies


def walk(value: Any, path: tuple[Any, ...] = ()) -> Any:
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, item in steps:
        yield (*path, step), item
        yield from walk(item, (*path, step))


@pytest.mark.parametrize("kind", ["plan", "report"])
def test_loader_reads_or_refuses_any_exchanged_value(kind: str, plan: Plan, report: Report) -> None:
    text = rendered(plan if kind == "plan" else report, "json")
    refusals = []
    for document in damaged(json.loads(text)):
        try:
            found = load_document(saved(document).encode(), "x.json")
        except DocumentError as error:
            refusals.append(str(error))
        else:
            assert rendered(found, "json")
    assert len(refusals) > 100
    openings = ("x.json is invalid at ", "x.json has format version ")
    assert not [words for words in refusals if "\x1b" in words or not words.startswith(openings)]


@pytest.mark.parametrize("kind", ["plan", "report"])
def test_loader_detects_any_changed_byte(kind: str, plan: Plan, report: Report) -> None:
    data = rendered(plan if kind == "plan" else report, "json").encode()
    assert load_document(data, "x.json")
    for place in range(len(data)):
        flipped = bytearray(data)
        flipped[place] ^= 1
        with pytest.raises(DocumentError):
            load_document(bytes(flipped), "x.json")


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data + b"\n",
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: json.dumps(json.loads(data), indent=2).encode(),
        lambda data: data.replace(b'"digest":', b'"digest": ', 1),
    ],
)
def test_loader_refuses_reformatted_json(change: Callable[[bytes], bytes], plan: Plan) -> None:
    with pytest.raises(DamagedError, match="was changed after tagsync wrote it"):
        load_document(change(rendered(plan, "json").encode()), "x.json")


def test_loader_names_the_place_of_damage(plan: Plan) -> None:
    document = json.loads(rendered(plan, "json"))
    document["changes"][1]["because"][0]["source"] = "nowhere"
    with pytest.raises(
        DocumentError, match=r"^x\.json is invalid at changes/1/because/0/source: 'nowhere' does not match"
    ):
        load_document(saved(document).encode(), "x.json")


@pytest.mark.parametrize("name", ["guards", "diagnostics", "unknown"])
@pytest.mark.parametrize("item", [b'"\xac"', b'"\ttab"', b"[" * 100_000 + b"##"])
def test_loader_refuses_invalid_items_despite_a_valid_checksum(name: str, item: bytes) -> None:
    body = b'{\n"formatVersion":"1.0",\n"%s":[\n%s\n]' % (name.encode(), item)
    data = body + b',\n"checksum":"sha256:%s"\n}\n' % sha256(body).hexdigest().encode()
    with pytest.raises(DocumentError, match=r"x\.json does not have this version's layout"):
        load_document(data, "x.json")


def test_loader_refuses_a_place_with_huge_numbers(plan: Plan) -> None:
    document = json.loads(rendered(plan, "json"))
    document["changes"][0]["because"][0]["source"] = f"a.yaml:{'9' * 5000}:1"
    with pytest.raises(DocumentError, match="is invalid at changes/0/because/0/source"):
        load_document(saved(document).encode(), "x.json")


def test_loader_refuses_half_of_a_surrogate_pair_in_place_of_a_number(plan: Plan) -> None:
    document = json.loads(rendered(plan, "json"))
    document["guards"][0]["observed"] = "\ud800"
    with pytest.raises(DocumentError, match="is invalid at guards/0/observed"):
        load_document(saved(document).encode(), "x.json")


def test_loader_keeps_no_huge_values_in_memory(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    data = rendered(plan, "json").encode()
    for limit in ("MAX_LINE", "MAX_VALUES"):
        with monkeypatch.context() as limited:
            limited.setattr(loader, limit, 50)
            with pytest.raises(DocumentError, match="x does not have this version's layout, or is too large"):
                load_document(data, "x")
