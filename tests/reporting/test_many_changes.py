"""Plans and reports whose changes lie outside of memory: as others, in every format."""

import io
import json
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pytest
from builders import ai, current_file
from documents.test_written import plans, reports
from hypothesis import HealthCheck, given, settings

from tagsync import spool
from tagsync.documents import streamed as streamed_module
from tagsync.documents import written as documents
from tagsync.documents.changes import Changes, keep, lines_of
from tagsync.documents.saved import read_document
from tagsync.documents.seal import sealed
from tagsync.documents.streamed import streamed
from tagsync.documents.written import plan_document, report_document, whole
from tagsync.errors import DamagedError, DocumentError
from tagsync.model import (
    Cause,
    Change,
    Coverage,
    Diagnostic,
    Drift,
    FileChange,
    FileOutcome,
    Guard,
    GuardId,
    Inputs,
    Limit,
    ManifestRef,
    NotFound,
    Op,
    Origin,
    Plan,
    Reason,
    Report,
    RequestCounts,
    Returning,
    Status,
    TargetName,
    Timing,
    Unlisted,
)
from tagsync.planning.assembly import Collected, assemble_plan
from tagsync.planning.digest import digest_of
from tagsync.reporting.groups import groups, removals_first
from tagsync.reporting.markdown import markdown
from tagsync.reporting.sheet import plan_sheet


@pytest.fixture
def plan() -> Plan:
    guards = tuple(Guard(guard, 1, 10, Limit(0), blocked=True, files=("/shop/0000007.jpg",)) for guard in GuardId)
    return assemble_plan(
        Collected(many(12)),
        target=TargetName("https://api.imagekit.io", "shop"),
        created_at="2026-01-01T00:00:00Z",
        inputs=Inputs((ManifestRef("a.yaml", "0" * 64, "a.yaml"),), 99, 1),
        guards=guards,
        diagnostics=[Diagnostic("warning", "odd", "look", Origin("a.yaml", 1, 1))],
        bulk_rate=None,
    )


@pytest.fixture
def report(plan: Plan) -> Report:
    statuses = list(Status)
    outcomes = [FileOutcome(statuses[number % len(statuses)], 1, "words", f"r{number}") for number in range(12)]
    return Report(plan, "incomplete", tuple(outcomes), RequestCounts(3, 2, 1), Timing(2.0), "2026-01-01T00:00:01Z")


def many(count: int) -> Iterator[FileChange]:
    """Yield changes of ten kinds, which many places ask for."""
    for number in range(count):
        because = (Reason(Origin("a.yaml", number % 1000 + 1, 3), "tags"),)
        items = (Change(Op.ADD, f"tag-{number % 10}", because), Change(Op.REMOVE_AI, "Dog", because))
        yield FileChange(current_file(f"/shop/{number:07}.jpg", ["here"], [ai("Dog", 10)]), items, desired=("here",))


def as_bytes(pieces: Iterator[str]) -> bytes:
    return "".join(pieces).encode("ascii")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plans(), reports())
def test_whatever_documents_hold_is_read_line_by_line_to_the_same_values(made: Plan, done: Report) -> None:
    data = as_bytes(plan_document(made))
    assert streamed(io.BytesIO(data), "plan.json") is not None
    found = read_document(data, "plan.json")
    assert isinstance(found, Plan)
    assert isinstance(found.changes, Changes) or not made.changes
    assert (list(found.changes), list(found.requests)) == (list(made.changes), list(made.requests))
    assert as_bytes(plan_document(found)) == data
    data = as_bytes(report_document(done))
    again = read_document(data, "report.json")
    assert isinstance(again, Report)
    assert (list(again.plan.changes), again.outcomes) == (list(done.plan.changes), done.outcomes)
    assert as_bytes(report_document(again)) == data


def test_memory_does_not_grow_with_the_changes_that_a_plan_has(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    # Tests hold what they write against its schema, which takes it all into memory.
    monkeypatch.setattr(documents, "sealed", sealed)
    big = replace(plan, changes=keep(many(30_000)), drift=())
    data = as_bytes(plan_document(big))
    tracemalloc.start()
    found = read_document(data, "plan.json")
    assert isinstance(found, Plan)
    assert len(found.changes) == 30_000
    assert markdown(plan_sheet(found))
    assert sum(map(len, plan_document(found))) == len(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < len(data) / 4


# layouts


def relaid(data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """Return a document with its text changed and sealed again."""
    body = change(data[: data.rindex(b',\n"checksum"')]).decode("ascii")
    return as_bytes(sealed([body]))


def test_a_document_that_has_lists_on_one_line_is_read_as_a_whole(plan: Plan) -> None:
    members = {key: value for key, value in json.loads(as_bytes(plan_document(plan))).items() if key != "checksum"}
    data = as_bytes(whole(members))
    assert streamed(io.BytesIO(data), "plan.json") is None
    found = read_document(data, "plan.json")
    assert isinstance(found, Plan)
    assert (found.changes, found.requests) == (plan.changes, plan.requests)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(b"}\n],\n", b"},\n],\n", 1),
        lambda text: text.replace(b'},\n{"add"', b'}\n{"add"', 1),
        lambda text: text.replace(b'"tool"', b'"createdAt":"","tool"', 1),
        lambda text: text.replace(b'"tool":"', b'"digest":"', 1),
        lambda text: text.replace(b'\n"requests":[', b'\n"requests":[\n', 1),
        lambda text: text.replace(b'"a.yaml:1:3"', b'"a.yaml:one:3"', 1),
        lambda text: text.replace(b'"removeAI":["Dog"]', b'"removeAI":"Dog"', 1),
    ],
)
def test_what_is_laid_out_otherwise_is_left_to_who_reads_it_whole(plan: Plan, change: Callable[[bytes], bytes]) -> None:
    data = relaid(as_bytes(plan_document(plan)), change)
    assert streamed(io.BytesIO(data), "plan.json") is None


def test_text_that_a_ci_system_would_act_on_is_escaped_although_the_line_was_sealed_with_it(plan: Plan) -> None:
    lines = [line.replace("tag-0", "##[x]\\u00e9").encode() for line in lines_of(plan.changes)]
    harmful = replace(plan, changes=Changes(lines))
    found = read_document(as_bytes(plan_document(harmful)), "plan.json")
    assert isinstance(found, Plan)
    assert "##[" not in "".join(plan_document(found))
    assert "##[x]\u00e9" in found.changes[0].tags(Op.ADD)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-1],
        lambda data: data[: len(data) // 2],
        lambda data: data + b"{",
        lambda data: data.replace(b"tag-7", b"tag-8", 1),
        lambda data: data[: data.rindex(b'"checksum"')],
    ],
)
def test_damage_is_told_as_such_without_reading_the_document_whole(
    plan: Plan, change: Callable[[bytes], bytes]
) -> None:
    with pytest.raises(DamagedError, match="is not byte for byte as tagsync wrote it"):
        streamed(io.BytesIO(change(as_bytes(plan_document(plan)))), "plan.json")


def test_a_plan_that_was_read_has_the_digest_of_its_lines(plan: Plan) -> None:
    found = read_document(as_bytes(plan_document(plan)), "plan.json")
    assert isinstance(found, Plan)
    assert digest_of(found) == plan.digest


def test_causes_are_read_as_they_were_written_and_refused_where_they_are_none(plan: Plan) -> None:
    drift = (Drift("1", Op.ADD, "a", Cause.MANIFEST), Drift("2", Op.REMOVE_AI, "b", Cause.CAME_BACK))
    data = as_bytes(plan_document(replace(plan, drift=drift)))
    found = read_document(data, "plan.json")
    assert isinstance(found, Plan)
    assert found.drift == drift
    with pytest.raises(DocumentError, match="is damaged at drift/0/cause"):
        read_document(relaid(data, lambda text: text.replace(b'"manifest changed"', b'"whim"')), "plan.json")


def test_long_lists_stay_outside_of_memory(plan: Plan) -> None:
    big = replace(
        plan,
        drift=tuple(Drift(str(number), Op.ADD, "a", Cause.MANIFEST) for number in range(5)),
        returning=tuple(Returning(str(number), "/a", "Dog", 2) for number in range(5)),
        missing=tuple(NotFound(None, str(number), Origin("a.yaml", 1, 1)) for number in range(5)),
    )
    data = as_bytes(plan_document(big))
    found = streamed(io.BytesIO(data), "plan.json")
    assert found is not None
    for name in ("drift", "returning", "missing", "requests"):
        assert isinstance(getattr(found, name), spool.Spool), name
        assert getattr(found, name) == getattr(big, name)


@pytest.mark.parametrize("limit", ["MAX_LINE", "MAX_VALUES"])
def test_diagnostics_for_which_memory_has_no_room_are_counted(
    plan: Plan, report: Report, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    diagnostics = [Diagnostic("warning", f"code-{number % 2}", "x" * 9000, None) for number in range(100)]
    monkeypatch.setattr(streamed_module, limit, 100_000 if limit == "MAX_LINE" else 150)
    big = replace(plan, diagnostics=tuple(diagnostics), unlisted=(Unlisted("warning", "code-0", 7),))
    found = read_document(as_bytes(plan_document(big)), "plan.json")
    assert isinstance(found, Plan)
    assert 0 < len(found.diagnostics) < 100
    assert found.diagnostics == tuple(diagnostics[: len(found.diagnostics)])
    assert (found.count("warning"), {item.code for item in found.unlisted}) == (107, {"code-0", "code-1"})
    done = read_document(as_bytes(report_document(replace(report, plan=big))), "report.json")
    assert isinstance(done, Report)
    assert len(done.diagnostics) + sum(item.more for item in done.plan.unlisted) == 107
    odd = tuple(Diagnostic("info", str(number), "x" * 9000) for number in range(100))
    monkeypatch.setattr(streamed_module, "MAX_CODES", 10)
    assert streamed(io.BytesIO(as_bytes(plan_document(replace(plan, diagnostics=odd)))), "plan.json") is None


@pytest.mark.parametrize(
    ("member", "right", "wrong"),
    [
        ("returning", b'"runs":2', b'"runs":0'),
        ("returning", b'"runs":2', b'"runs":"2"'),
        ("missing", b'"path":"/gone",', b'"path":"/gone","fileId":"x",'),
        ("missing", b'"path":"/gone",', b""),
        ("missing", b'"source":"a.yaml:7:1"', b'"source":"a.yaml:7"'),
        ("diagnostics", b'"source":"a.yaml:1:1"', b'"source":""'),
        ("diagnostics", b'"level":"warning"', b'"level":"whim"'),
        ("moreDiagnostics", b'"count":7', b'"count":0'),
        ("coverage", b'"moreIdle":7', b'"moreIdle":-7'),
    ],
)
def test_items_of_lists_are_refused_where_they_are_none(plan: Plan, member: str, right: bytes, wrong: bytes) -> None:
    full = replace(
        plan,
        returning=(Returning("1", "/a", "Dog", 2),),
        missing=(NotFound("/gone", None, Origin("a.yaml", 7, 1)),),
        coverage=Coverage((), (), 7, 7, (("/a/", 7),)),
        unlisted=(Unlisted("info", "odd", 7),),
    )
    data = as_bytes(plan_document(full))
    assert right in data
    with pytest.raises(DocumentError, match=f"is damaged at {member}"):
        read_document(relaid(data, lambda text: text.replace(right, wrong, 1)), "plan.json")


# groups


def naively(changes: Sequence[FileChange]) -> list[tuple[list[str], list[tuple[Op, str, Origin, bool]]]]:
    same: dict[tuple[tuple[Op, str], ...], list[FileChange]] = {}
    for change in changes:
        same.setdefault(tuple((item.op, item.tag) for item in change.changes), []).append(change)
    found = []
    for key, members in same.items():
        lines = []
        for number, (op, tag) in enumerate(key):
            places = {reason.origin for member in members for reason in member.changes[number].because}
            lines.append((op, tag, min(places), len(places) > 1))
        found.append(([member.file.path for member in members], lines))
    return sorted(found, key=lambda item: (-len(item[0]), item[0]))


@pytest.mark.parametrize("is_sorted", [True, False])
def test_groups_are_those_of_all_changes_side_by_side(is_sorted: bool) -> None:  # noqa: FBT001
    changes = tuple(many(500)) if is_sorted else tuple(many(500))[::-1]
    found = groups(keep(changes))
    assert [([*group.paths], [line[:4] for line in group.lines]) for group in found] == naively(changes)
    assert (len(found), found.files(3), len(found[2:4])) == (10, 350, 2)
    (first, *_) = removals_first(found)
    assert [line.op for line in first.lines] == [Op.REMOVE_AI, Op.ADD]
