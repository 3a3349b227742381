import json
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from builders import ai, current_file, current_state, id_of
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tagsync import schemas
from tagsync.documents import saved, streamed
from tagsync.documents.accept import is_plain_item
from tagsync.documents.changes import lines_of
from tagsync.documents.saved import read_document
from tagsync.documents.seal import sealed
from tagsync.documents.written import diagnostics_document, plan_document, report_document
from tagsync.errors import DamagedError, DocumentError
from tagsync.model import (
    AITag,
    Cause,
    Change,
    Coverage,
    CurrentFile,
    DesiredState,
    Diagnostic,
    Drift,
    Estimate,
    FileChange,
    FileOutcome,
    Inputs,
    ManifestRef,
    NotFound,
    Op,
    Origin,
    Plan,
    Reason,
    Report,
    Request,
    RequestCounts,
    Returning,
    Status,
    Summary,
    TargetName,
    Timing,
    Unlisted,
)
from tagsync.planning.plan import make_plan

TARGET = TargetName("https://api.imagekit.io", "shop")


@pytest.fixture
def plan(declare: Callable[..., DesiredState]) -> Plan:
    desired = declare(
        """
- match: /shop/**
  tags: [catalog]
  absent: [draft]
  aiTags: {minConfidence: 80}
- match: /nothing/**
  tags: [a]
- path: /shop/b.jpg
  tags: ["b,c", "schön\u0301"]
"""
    )
    state = current_state(
        current_file("/shop/a.jpg", ["draft"], [ai("Dog", 12.5), ai("Cat", None)]),
        current_file("/shop/b.jpg", ["draft", "x"]),
    )
    return make_plan(desired, state, TARGET, created_at="2026-01-01T00:00:00Z", bulk_rate=5.0)


@pytest.fixture
def report(plan: Plan) -> Report:
    return Report(
        plan=plan,
        outcome="incomplete",
        outcomes=(FileOutcome(Status.CONFIRMED, 2), FileOutcome(Status.FAILED, 5, "no\nway", "req-1")),
        requests=RequestCounts(7, 3, 4, 2, 1),
        timing=Timing(1.25, 0.5, 5.6),
        finished_at="2026-01-01T00:01:00Z",
        diagnostics=(Diagnostic("error", "halted", "3 calls in a row were refused alike"),),
    )


def parsed(pieces: Any) -> Any:
    return json.loads("".join(pieces))


def resealed(document: Any) -> bytes:
    """Return a document as tagsync would have written it, whatever it holds."""
    members = {key: value for key, value in document.items() if key != "checksum"}
    return "".join(sealed([json.dumps(members).removesuffix("}")])).encode()


def test_a_plan_document_holds_what_the_contract_names(plan: Plan) -> None:
    document = parsed(plan_document(plan))
    assert list(document) == [
        "formatVersion",
        "tool",
        "createdAt",
        "digest",
        "target",
        "inputs",
        "summary",
        "estimate",
        "guards",
        "changes",
        "requests",
        "diagnostics",
        "checksum",
    ]
    assert document["formatVersion"] == "1.0"
    assert document["target"] == {"endpoint": "https://api.imagekit.io", "account": "shop"}
    assert document["inputs"]["manifests"] == [{"path": "tags.yaml", "sha256": plan.inputs.manifests[0].sha256}]
    assert document["summary"] == {
        "filesChanged": 2,
        "addTags": 4,
        "removeTags": 2,
        "removeAITags": 1,
        "unchanged": 0,
        "missing": 0,
        "warnings": 2,
    }
    assert set(document["estimate"]) == {
        "writeRequests",
        "lowerBound",
        "perFile",
        "perTagSet",
        "perTag",
        "seconds",
    }
    assert document["changes"][0] == {
        "fileId": id_of("/shop/a.jpg"),
        "path": "/shop/a.jpg",
        "before": {
            "tags": ["draft"],
            "aiTags": [
                {"name": "Dog", "confidence": 12.5, "source": "google-auto-tagging"},
                {"name": "Cat", "confidence": None, "source": "google-auto-tagging"},
            ],
        },
        "add": ["catalog"],
        "remove": ["draft"],
        "removeAI": ["Dog"],
        "because": [
            {"op": "addTags", "tag": "catalog", "source": "tags.yaml:6:14", "rule": "tags"},
            {"op": "removeTags", "tag": "draft", "source": "tags.yaml:7:16", "rule": "absent"},
            {"op": "removeAITags", "tag": "Dog", "source": "tags.yaml:8:15", "rule": "aiTags.minConfidence"},
        ],
    }
    assert {"op": "removeTags", "tags": ["draft"], "fileIds": [id_of("/shop/a.jpg"), id_of("/shop/b.jpg")]} in [
        {**request, "fileIds": sorted(request["fileIds"], key=[id_of("/shop/a.jpg"), id_of("/shop/b.jpg")].index)}
        for request in document["requests"]
    ]
    assert {"level", "code", "message", "source"} == set(document["diagnostics"][0])


def test_a_report_document_holds_what_the_contract_names(report: Report) -> None:
    document = parsed(report_document(report))
    assert document["outcome"] == "incomplete"
    assert document["digest"] == report.plan.digest
    assert document["requests"] == {"sent": 7, "succeeded": 3, "failed": 4, "retried": 2, "throttled": 1}
    assert document["timing"] == {"seconds": 1.25, "waited": 0.5, "requestsPerSecond": 5.6}
    first, second = document["changes"]
    assert {key: first[key] for key in ("status", "attempts", "error", "requestId")} == {
        "status": "confirmed",
        "attempts": 2,
        "error": None,
        "requestId": None,
    }
    assert (second["status"], second["error"], second["requestId"]) == ("failed", "no\nway", "req-1")
    assert first["before"]["tags"] == ["draft"]
    assert document["diagnostics"][-1] == {
        "level": "error",
        "code": "halted",
        "message": "3 calls in a row were refused alike",
        "source": None,
    }


def test_documents_are_valid_by_their_schemas(plan: Plan, report: Report) -> None:
    Draft202012Validator(schemas.load("plan")).validate(parsed(plan_document(plan)))
    Draft202012Validator(schemas.load("report")).validate(parsed(report_document(report)))


@pytest.mark.parametrize("name", schemas.NAMES)
def test_schemas_are_valid_themselves(name: schemas.SchemaName) -> None:
    Draft202012Validator.check_schema(schemas.load(name))


def test_a_document_is_ascii_with_a_change_a_line(plan: Plan, report: Report) -> None:
    for text in ("".join(plan_document(plan)), "".join(report_document(report))):
        assert text.isascii()
        assert text.endswith("\n}\n")
        assert sum(line.startswith('{"add":') for line in text.splitlines()) == 2


def test_a_plan_reads_back_as_the_same_values(plan: Plan) -> None:
    found = read_document("".join(plan_document(plan)).encode(), "plan.json")
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


def test_a_report_reads_back_as_the_same_values(report: Report) -> None:
    found = read_document("".join(report_document(report)).encode(), "report.json")
    assert isinstance(found, Report)
    assert found.plan.changes == report.plan.changes
    assert (found.outcome, found.outcomes) == (report.outcome, report.outcomes)
    assert (found.requests, found.timing, found.finished_at) == (report.requests, report.timing, report.finished_at)
    assert found.diagnostics == (*report.plan.diagnostics, *report.diagnostics)


texts = st.text(max_size=12)
names = st.text(min_size=1, max_size=12)
numbers = st.integers(0, 10**12)
counts = st.integers(0, 10**6)
times = st.floats(0, 1e9, allow_nan=False)
places = st.builds(Origin, texts, st.integers(1, 10**9 - 1), st.integers(1, 10**9 - 1))
reasons = st.builds(Reason, places, texts)
files = st.builds(
    CurrentFile,
    texts,
    texts,
    st.tuples(texts, texts),
    st.tuples(st.builds(AITag, texts, st.none() | st.floats(0, 100) | st.integers(0, 100), texts)),
)


@st.composite
def file_changes(draw: st.DrawFn) -> FileChange:
    chosen = draw(st.sets(st.tuples(st.sampled_from(list(Op)), names), max_size=4))
    order = {op: number for number, op in enumerate(Op)}
    changes = (
        Change(op, tag, tuple(draw(st.lists(reasons, max_size=2))))
        for op, tag in sorted(chosen, key=lambda item: (order[item[0]], item[1]))
    )
    beside = st.lists(texts, max_size=2).map(tuple)
    return FileChange(draw(files), tuple(changes), desired=draw(beside), spared=draw(beside))


diagnostics = st.builds(Diagnostic, st.sampled_from(["error", "warning", "info"]), texts, texts, st.none() | places)
digests = st.text("0123456789abcdef", min_size=64, max_size=64)


missing = st.builds(NotFound, texts, st.none(), places) | st.builds(NotFound, st.none(), texts, places)
coverages = st.builds(
    lambda unselected, idle, more, folders: Coverage(unselected, idle, more, more, folders if more else ()),
    st.lists(texts, max_size=2).map(tuple),
    st.lists(places, max_size=2).map(tuple),
    counts,
    st.lists(st.tuples(texts, counts), max_size=2).map(tuple),
)
levels = st.sampled_from(["error", "warning", "info"])
unlisted = st.lists(
    st.builds(Unlisted, levels, texts, st.integers(1, 10**9)), max_size=3, unique_by=lambda item: item[:2]
)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    changes = tuple(draw(st.lists(file_changes(), max_size=3)))
    return Plan(
        target=draw(st.builds(TargetName, texts, texts)),
        created_at=draw(texts),
        digest="sha256:" + draw(digests),
        inputs=Inputs(
            tuple(ManifestRef(name, draw(digests), name) for name in draw(st.lists(texts, max_size=2))),
            draw(counts),
            draw(counts),
        ),
        summary=draw(st.builds(Summary, *[numbers] * 7)),
        estimate=draw(st.builds(Estimate, *[numbers] * 5, times)),
        changes=changes,
        requests=tuple(
            Request(op, (draw(texts),), (draw(texts),)) for op in draw(st.lists(st.sampled_from(list(Op)), max_size=2))
        ),
        diagnostics=tuple(draw(st.lists(diagnostics, max_size=2))),
        drift=tuple(
            draw(st.lists(st.builds(Drift, texts, st.sampled_from(Op), texts, st.sampled_from(Cause)), max_size=2))
        ),
        returning=tuple(draw(st.lists(st.builds(Returning, texts, texts, texts, st.integers(1, 99)), max_size=2))),
        missing=tuple(draw(st.lists(missing, max_size=2))),
        coverage=draw(st.none() | coverages),
        thumbnails=draw(st.dictionaries(texts, st.just("https://x/"), max_size=2)),
        unlisted=tuple(draw(unlisted)),
    )


@st.composite
def reports(draw: st.DrawFn) -> Report:
    plan = draw(plans())
    already = st.lists(st.sampled_from([(op, tag) for op in Op for tag in "abc"]), max_size=3, unique=True)
    outcomes = st.builds(
        FileOutcome,
        st.sampled_from(Status),
        counts,
        st.none() | texts,
        st.none() | texts,
        already.map(lambda items: tuple(sorted(items, key=lambda item: (list(Op).index(item[0]), item[1])))),
    )
    return Report(
        plan=plan,
        outcome=draw(st.sampled_from(["converged", "incomplete", "interrupted", "refused"])),
        outcomes=tuple(draw(outcomes) for _ in plan.changes),
        requests=draw(st.builds(RequestCounts, *[counts] * 5)),
        timing=draw(st.builds(Timing, times, times, times)),
        finished_at=draw(texts),
        diagnostics=tuple(draw(st.lists(diagnostics, max_size=2))),
    )


@settings(max_examples=40, deadline=None)
@given(plans())
def test_whatever_a_plan_holds_it_reads_back_to_the_same_bytes(plan: Plan) -> None:
    text = "".join(plan_document(plan))
    found = read_document(text.encode("ascii"), "plan.json")
    assert isinstance(found, Plan)
    assert found.changes == plan.changes
    for name in ("drift", "returning", "missing", "coverage", "thumbnails", "unlisted", "diagnostics"):
        assert getattr(found, name) == getattr(plan, name)
    assert "".join(plan_document(found)) == text


@settings(max_examples=40, deadline=None)
@given(reports())
def test_whatever_a_report_holds_it_reads_back_to_the_same_bytes(report: Report) -> None:
    text = "".join(report_document(report))
    found = read_document(text.encode("ascii"), "report.json")
    assert isinstance(found, Report)
    assert found.outcomes == report.outcomes
    assert "".join(report_document(found)) == text


def test_equal_plans_give_equal_bytes(plan: Plan) -> None:
    assert list(plan_document(plan)) == list(plan_document(plan))


def test_faults_make_a_document_of_their_own() -> None:
    found = parsed(diagnostics_document([Diagnostic("error", "yaml", "not YAML", Origin("a.yaml", 2, 1))], more=7))
    assert found["more"] == 7
    assert found["diagnostics"] == [{"level": "error", "code": "yaml", "message": "not YAML", "source": "a.yaml:2:1"}]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is not JSON: name a file that plan --out or --report json=FILE wrote"),
        (b"\xff\xfe\x00", "is not JSON"),
        (b"\x89PNG\r\n\x1a\n", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b'{"formatVersion": "1.0", "x": NaN}', "is not byte for byte as tagsync wrote it"),
        (b'{"formatVersion": "1.0", "x": 1e999}', "is not byte for byte as tagsync wrote it"),
        (b"[]", "is neither a plan nor a report of tagsync"),
        (b'"formatVersion"', "is neither a plan nor a report"),
        (b'{"apiVersion": "tagsync/v1"}', "is neither a plan nor a report"),
        (b'{"formatVersion": "2.0"}', "has format '2.0', this version reads 1.x: use the tagsync that wrote it"),
        (b'{"reportVersion": "12.0"}', "has format '12.0'"),
        (b'{"formatVersion": 1}', "has format '1'"),
        (b'{"formatVersion": null}', "has format 'None'"),
        (b'{"formatVersion": "\\u001b[31m"}', r"has format '\x1b[31m'"),
        (resealed({"formatVersion": "1.0"}), "is damaged at its root: 'tool' is a required property"),
        (resealed({"reportVersion": "1.0"}), "is damaged at its root: 'tool' is a required property"),
        (
            b'{"formatVersion": "1.0"}',
            "is not byte for byte as tagsync wrote it: keep the file as it is, or plan again",
        ),
    ],
)
def test_what_is_no_document_is_refused_with_its_name_and_the_reason(data: bytes, words: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read_document(data, "odd\n.json")
    assert str(caught.value).startswith(r"odd\x0a.json ")
    assert words in str(caught.value)


def damaged(document: Any) -> list[Any]:
    """Return a document once for each of its members, with something else in that member's place."""
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
def test_a_document_with_anything_exchanged_is_read_or_refused_and_never_a_defect(
    kind: str, plan: Plan, report: Report
) -> None:
    pieces = plan_document(plan) if kind == "plan" else report_document(report)
    refusals = []
    for document in damaged(parsed(pieces)):
        try:
            found = read_document(resealed(document), "x.json")
        except DocumentError as error:
            refusals.append(str(error))
        else:
            assert "".join(plan_document(found) if isinstance(found, Plan) else report_document(found))
    assert len(refusals) > 100
    openings = ("x.json is damaged at ", "x.json has format ")
    assert not [words for words in refusals if "\x1b" in words or not words.startswith(openings)]


@pytest.mark.parametrize("kind", ["plan", "report"])
def test_any_single_byte_that_is_not_as_it_was_written_is_found(kind: str, plan: Plan, report: Report) -> None:
    data = "".join(plan_document(plan) if kind == "plan" else report_document(report)).encode()
    assert read_document(data, "x.json")
    for place in range(len(data)):
        flipped = bytearray(data)
        flipped[place] ^= 1
        with pytest.raises(DocumentError):
            read_document(bytes(flipped), "x.json")


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data + b"\n",
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: json.dumps(json.loads(data), indent=2).encode(),
        lambda data: data.replace(b'"digest":', b'"digest": ', 1),
    ],
)
def test_a_document_that_was_laid_out_anew_is_none_of_ours(change: Callable[[bytes], bytes], plan: Plan) -> None:
    with pytest.raises(DamagedError, match="is not byte for byte as tagsync wrote it"):
        read_document(change("".join(plan_document(plan)).encode()), "x.json")


VALIDATORS = {kind: Draft202012Validator(schemas.load(kind)) for kind in ("plan", "report")}


def test_what_is_accepted_fast_is_valid_by_the_schema_and_what_tagsync_writes_is_accepted(
    plan: Plan, report: Report
) -> None:
    accepted = 0
    for kind, whole in (("plan", parsed(plan_document(plan))), ("report", parsed(report_document(report)))):
        for key in ("changes", "requests") if kind == "plan" else ("changes",):
            assert all(is_plain_item(kind, key, item) for item in whole[key])
            for copy in damaged({"items": whole[key]}):
                for item in copy["items"] if isinstance(copy["items"], list) else ():
                    if is_plain_item(kind, key, item):
                        accepted += 1
                        VALIDATORS[kind].validate({**whole, key: [item]})
    assert accepted > 50


def test_what_is_laid_out_otherwise_is_read_up_to_a_size_and_number_of_values_alone(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = "".join(plan_document(plan)).encode()
    document = parsed(plan_document(plan))
    otherwise = resealed({name: document[name] for name in sorted(document)})
    found = read_document(otherwise, "x")
    assert isinstance(found, Plan)
    assert "".join(plan_document(found)).encode() == ours
    words = "x is not laid out as this version writes it, and too large to be read otherwise: use the tagsync that"
    many = json.dumps(list(range(30))).encode()
    for limit in ("MAX_READ_WHOLE", "MAX_VALUES"):
        with monkeypatch.context() as limited:
            limited.setattr(saved, limit, 20)
            assert isinstance(read_document(ours, "x"), Plan)
            with pytest.raises(DocumentError, match=words):
                read_document(otherwise, "x")
            with pytest.raises(DamagedError, match="x is not byte for byte"):
                read_document(otherwise.replace(b"tags", b"tugs", 1), "x")
            with pytest.raises(DamagedError, match="x is not byte for byte"):
                read_document(otherwise[:-2], "x")
            with pytest.raises(DocumentError, match="x is neither a plan nor a report"):
                read_document(many, "x")


@pytest.mark.parametrize("limit", ["MAX_LINE", "MAX_VALUES"])
def test_of_what_is_laid_out_as_ours_only_so_much_is_kept_in_memory(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    ours = "".join(plan_document(plan)).encode()
    monkeypatch.setattr(saved, "MAX_READ_WHOLE", 20)
    monkeypatch.setattr(streamed, limit, 50)
    with pytest.raises(DocumentError, match="too large to be read otherwise"):
        read_document(ours, "x")


def test_damage_is_told_by_its_place(plan: Plan) -> None:
    document = parsed(plan_document(plan))
    document["changes"][1]["because"][0]["source"] = "nowhere"
    with pytest.raises(
        DocumentError, match=r"^x\.json is damaged at changes/1/because/0/source: 'nowhere' does not match"
    ):
        read_document(resealed(document), "x.json")


def test_a_place_with_a_number_beyond_reason_is_damage(plan: Plan) -> None:
    document = parsed(plan_document(plan))
    document["changes"][0]["because"][0]["source"] = f"a.yaml:{'9' * 5000}:1"
    with pytest.raises(DocumentError, match="is damaged at changes/0/because/0/source"):
        read_document(resealed(document), "x.json")
