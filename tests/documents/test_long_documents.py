"""Plans and reports are read line by line, and memory stays bounded for many changes."""

import tracemalloc
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, TextIO, cast

import pytest
from builders import many_changes, rendered
from documents.drawn import plans, reports
from hypothesis import HealthCheck, given, settings

import tagsync
from tagsync import spool
from tagsync.documents import loader, writer
from tagsync.documents.changes import Changes, keep, lines_of
from tagsync.documents.checksum import with_checksum
from tagsync.documents.loader import load_document
from tagsync.errors import DamagedError, DocumentError
from tagsync.model import (
    Cause,
    Coverage,
    Diagnostic,
    Drift,
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


@pytest.fixture
def plan() -> Plan:
    guards = tuple(Guard(guard, 1, 10, Limit(0), blocked=True, files=("/shop/0000007.jpg",)) for guard in GuardId)
    return assemble_plan(
        Collected(many_changes(12)),
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


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plans(), reports())
def test_document_round_trips_line_by_line(made: Plan, done: Report) -> None:
    data = rendered(made, "json").encode()
    found = load_document(data, "plan.json")
    assert isinstance(found, Plan)
    assert isinstance(found.changes, Changes) or not made.changes
    assert (list(found.changes), list(found.requests)) == (list(made.changes), list(made.requests))
    assert rendered(found, "json").encode() == data
    data = rendered(done, "json").encode()
    again = load_document(data, "report.json")
    assert isinstance(again, Report)
    assert (list(again.plan.changes), again.outcomes) == (list(done.plan.changes), done.outcomes)
    assert rendered(again, "json").encode() == data


def test_document_memory_is_bounded_for_many_changes(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    # Tests hold what they write against its schema, which takes it all into memory.
    monkeypatch.setattr(writer, "with_checksum", with_checksum)

    def peak_of(files: int) -> int:
        """Load a plan and render it, and return the most memory that this takes."""
        data = rendered(replace(plan, changes=keep(many_changes(files)), drift=()), "json").encode()
        tracemalloc.start()
        found = load_document(data, "plan.json")
        assert isinstance(found, Plan)
        assert len(found.changes) == files
        written = Sink()
        tagsync.render(found, cast("TextIO", written), "json")
        assert written.length == len(data)
        tagsync.render(found, cast("TextIO", Sink()), "markdown")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    few, more = peak_of(5000), peak_of(20_000)
    assert more - few < 1_000_000, "15,000 changes are 5.8 MB of JSON"


@pytest.mark.slow
def test_formats_memory_is_bounded_for_many_changes(plan: Plan) -> None:
    def peak_of(files: int) -> int:
        """Render a plan and its report in every format, and return the most memory that it takes."""
        changes = keep(many_changes(files))
        outcomes = (FileOutcome(Status.CONFIRMED, 1), FileOutcome(Status.FAILED, 1, "words")) * (files // 2)
        tracemalloc.start()
        made = replace(plan, changes=changes)
        report = Report(made, "incomplete", outcomes, RequestCounts(), Timing(), "2026")
        kinds: tuple[Any, ...] = ("text", "markdown", "github", "junit", "html")
        for kind in kinds:
            for document in (made, report):
                tagsync.render(document, cast("TextIO", written := Sink()), kind)
                assert written.length
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    peak_of(1000)  # fills the caches
    few, more = peak_of(1000), peak_of(4000)
    assert more - few < 1_000_000, "3,000 changes in memory take 2.8 MB"


class Sink:
    """Takes text, and keeps only its length."""

    def __init__(self) -> None:
        self.length = 0

    def write(self, text: str) -> int:
        self.length += len(text)
        return len(text)

    def writelines(self, pieces: Iterable[str]) -> None:
        for piece in pieces:
            self.write(piece)

    def isatty(self) -> bool:
        return False


# layouts


def relaid(data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """Return a document with its text changed, and a checksum that fits."""
    body = change(data[: data.rindex(b',\n"checksum"')]).decode("ascii")
    return "".join(with_checksum([body])).encode("ascii")


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(b"}\n],\n", b"},\n],\n", 1),
        lambda text: text.replace(b'},\n{"add"', b'}\n{"add"', 1),
        lambda text: text.replace(b'"tool"', b'"createdAt":"","tool"', 1),
        lambda text: text.replace(b'"tool":"', b'"digest":"', 1),
        lambda text: text.replace(b'\n"requests":[', b'\n"requests":[\n', 1),
        lambda text: text.replace(b'\n"requests":', b'\n"missing":[{"path":"/x","source":"a:1:1"}],\n"requests":', 1),
        lambda text: text.replace(b'[\n{"add"', b'[{"add"', 1),
    ],
)
def test_document_with_another_layout_is_refused(plan: Plan, change: Callable[[bytes], bytes]) -> None:
    data = relaid(rendered(plan, "json").encode(), change)
    with pytest.raises(DocumentError, match="does not have this version's layout"):
        load_document(data, "plan.json")


def test_document_escapes_ci_commands_in_sealed_lines(plan: Plan) -> None:
    lines = [line.replace("tag-0", "##[x]\\u00e9").encode() for line in lines_of(plan.changes)]
    harmful = replace(plan, changes=Changes(lines))
    found = load_document(rendered(harmful, "json").encode(), "plan.json")
    assert isinstance(found, Plan)
    assert "##[" not in rendered(found, "json")
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
def test_document_that_is_damaged_is_refused(plan: Plan, change: Callable[[bytes], bytes]) -> None:
    with pytest.raises(DamagedError, match="was changed after tagsync wrote it"):
        load_document(change(rendered(plan, "json").encode()), "plan.json")


def test_document_digest_is_that_of_its_lines(plan: Plan) -> None:
    found = load_document(rendered(plan, "json").encode(), "plan.json")
    assert isinstance(found, Plan)
    assert digest_of(found) == plan.digest


def test_document_causes_round_trip_or_are_refused(plan: Plan) -> None:
    drift = (Drift("1", Op.ADD, "a", Cause.MANIFEST), Drift("2", Op.REMOVE_AI, "b", Cause.CAME_BACK))
    data = rendered(replace(plan, drift=drift), "json").encode()
    found = load_document(data, "plan.json")
    assert isinstance(found, Plan)
    assert found.drift == drift
    with pytest.raises(DocumentError, match="is invalid at drift/0/cause"):
        load_document(relaid(data, lambda text: text.replace(b'"manifest changed"', b'"whim"')), "plan.json")


def test_document_keeps_long_lists_in_temporary_files(plan: Plan) -> None:
    big = replace(
        plan,
        drift=tuple(Drift(str(number), Op.ADD, "a", Cause.MANIFEST) for number in range(5)),
        returning=tuple(Returning(str(number), "/a", "Dog", 2) for number in range(5)),
        missing=tuple(NotFound(None, str(number), Origin("a.yaml", 1, 1)) for number in range(5)),
    )
    data = rendered(big, "json").encode()
    found = load_document(data, "plan.json")
    assert isinstance(found, Plan)
    for name in ("drift", "returning", "missing", "requests"):
        assert isinstance(getattr(found, name), spool.Spool), name
        assert getattr(found, name) == getattr(big, name)


@pytest.mark.parametrize("limit", ["MAX_LINE", "MAX_VALUES"])
def test_document_counts_diagnostics_beyond_its_limits(
    plan: Plan, report: Report, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    diagnostics = [Diagnostic("warning", f"code-{number % 2}", "x" * 9000, None) for number in range(100)]
    monkeypatch.setattr(loader, limit, 100_000 if limit == "MAX_LINE" else 150)
    big = replace(plan, diagnostics=tuple(diagnostics), unlisted=(Unlisted("warning", "code-0", 7),))
    found = load_document(rendered(big, "json").encode(), "plan.json")
    assert isinstance(found, Plan)
    assert 0 < len(found.diagnostics) < 100
    assert found.diagnostics == tuple(diagnostics[: len(found.diagnostics)])
    assert (found.count("warning"), {item.code for item in found.unlisted}) == (107, {"code-0", "code-1"})
    done = load_document(rendered(replace(report, plan=big), "json").encode(), "report.json")
    assert isinstance(done, Report)
    assert len(done.diagnostics) + sum(item.more for item in done.plan.unlisted) == 107
    odd = tuple(Diagnostic("info", str(number), "x" * 9000) for number in range(100))
    monkeypatch.setattr(loader, "MAX_CODES", 10)
    with pytest.raises(DocumentError, match="or is too large"):
        load_document(rendered(replace(plan, diagnostics=odd), "json").encode(), "plan.json")


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
def test_document_refuses_invalid_items_of_lists(plan: Plan, member: str, right: bytes, wrong: bytes) -> None:
    full = replace(
        plan,
        returning=(Returning("1", "/a", "Dog", 2),),
        missing=(NotFound("/gone", None, Origin("a.yaml", 7, 1)),),
        coverage=Coverage((), (), 7, 7, (("/a/", 7),)),
        unlisted=(Unlisted("info", "odd", 7),),
    )
    data = rendered(full, "json").encode()
    assert right in data
    with pytest.raises(DocumentError, match=f"is invalid at {member}"):
        load_document(relaid(data, lambda text: text.replace(right, wrong, 1)), "plan.json")
