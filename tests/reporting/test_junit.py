from xml.etree import ElementTree as ET

import pytest
from builders import changed, current_file, diagnostics_as, plan_of, rendered, written

from tagsync.events import ApiCalls
from tagsync.model import (
    Diagnostic,
    FileOutcome,
    Guard,
    GuardId,
    Limit,
    Op,
    Origin,
    OutcomeName,
    Report,
    RequestCounts,
    Status,
    Timing,
)
from tagsync.reporting.formats import plan_layouts
from tagsync.reporting.prometheus import Run


def cases(text: str) -> dict[tuple[str, str], ET.Element]:
    """Return the cases by suite and name."""
    root = ET.fromstring(text)  # noqa: S314 - our own
    return {
        (suite.attrib["name"], case.attrib["name"]): case
        for suite in root.iter("testsuite")
        for case in suite.iter("testcase")
    }


def test_junit_manifest_case_fails_by_its_errors() -> None:
    told = (
        Diagnostic("error", "unknown-key", "no such key", Origin("a.yaml", 3, 7)),
        Diagnostic("warning", "comma", "a comma", Origin("b.yaml", 1, 1)),
        Diagnostic("error", "authorisation", "wrong key"),
    )
    names = {"a.yaml": "in/a.yaml", "b.yaml": "in/b.yaml"}
    found = cases(diagnostics_as("junit", "faults", told, names=names, manifests=names))
    assert list(found) == [("manifests", "in/a.yaml"), ("manifests", "in/b.yaml"), ("manifests", "library")]
    failure = found["manifests", "in/a.yaml"].find("failure")
    assert failure is not None
    assert failure.attrib == {"type": "unknown-key", "message": "no such key"}
    assert failure.text == "in/a.yaml:3:7: error: no such key"
    assert found["manifests", "in/b.yaml"].find("failure") is None
    assert found["manifests", "in/b.yaml"].findtext("system-out") == "in/b.yaml:1:1: warning: a comma"
    assert found["manifests", "library"].find("failure") is not None


def test_junit_guard_case_fails_if_it_blocks() -> None:
    guards = (
        Guard(GuardId.REMOVED_TAGS, 5, 10, Limit(100, 30), blocked=False),
        Guard(GuardId.EMPTIED_FILES, 1, 10, Limit(0), blocked=True, files=("/a.jpg",)),
    )
    plan = plan_of(changed(current_file("/a.jpg", ["x"]), (Op.REMOVE, "x")), guards=guards)
    found = cases(rendered(plan, "junit"))
    assert found["guards", "removedTags"].find("failure") is None
    notes = found["guards", "removedTags"].findtext("system-out")
    assert notes == "the plan removes 5 of 10 tags (50 %); the limit is 30 % and 100 tags"
    failure = found["guards", "emptiedFiles"].find("failure")
    assert failure is not None
    assert failure.attrib["message"].startswith(
        "Blocked by guard emptiedFiles: the plan leaves 1 of 10 files (10 %) without ordinary tags; "
        "the limit is 0 files. File: '/a.jpg'. If this is intended, apply it with: --ack emptiedFiles@sha256:"
    )
    assert failure.text == "File: /a.jpg"


def test_junit_report_has_case_for_each_file() -> None:
    plan = plan_of(*(changed(current_file(f"/{name}.jpg"), (Op.ADD, "red")) for name in "abc"))
    outcomes = (
        FileOutcome(Status.CONFIRMED, 1),
        FileOutcome(Status.SKIPPED, error="the run ended"),
        FileOutcome(Status.STALE, error="it moved", request_id="req-1"),
    )
    text = rendered(Report(plan, "incomplete", outcomes, RequestCounts(), Timing(), "2026"), "junit")
    found = cases(text)
    assert [item.tag for item in found["files", "/a.jpg"]] == []
    assert [item.tag for item in found["files", "/b.jpg"]] == ["skipped"]
    failure = found["files", "/c.jpg"].find("failure")
    assert failure is not None
    assert failure.attrib == {"type": "stale", "message": "stale: it moved (request req-1)"}
    root = ET.fromstring(text)  # noqa: S314 - our own
    properties = {item.attrib["name"]: item.attrib["value"] for item in root.iter("property")}
    assert properties["totals"].startswith(
        "1 file changed: +1 tag; Run the same command again: it sends only what is missing"
    )
    counts = {name: root.attrib[name] for name in ("tests", "failures", "skipped")}
    assert counts == {"tests": "4", "failures": "1", "skipped": "1"}


def test_junit_properties_have_totals_and_digest() -> None:
    root = ET.fromstring(rendered(plan_of(changed(current_file("/a.jpg"), (Op.ADD, "red"))), "junit"))  # noqa: S314
    properties = {item.attrib["name"]: item.attrib["value"] for item in root.iter("property")}
    assert properties["title"] == "Plan: 1 file to change"
    assert "1 file: +1 tag" in properties["totals"]
    assert properties["digest"].startswith("sha256:")


def test_junit_case_fails_by_unlisted_errors() -> None:
    found = cases(diagnostics_as("junit", "faults", (), names={}, more=7))
    failure = found["manifests", "library"].find("failure")
    assert failure is not None
    assert failure.attrib["message"] == "and 7 more"


def test_junit_failed_manifest_keeps_warnings() -> None:
    place = Origin("a.yaml", 1, 1)
    told = [Diagnostic("error", "x", "error!", place), Diagnostic("warning", "x", "warning!", place)]
    found = cases(diagnostics_as("junit", "faults", told, names={}, manifests=["a.yaml"]))
    assert found["manifests", "a.yaml"].findtext("failure") == "a.yaml:1:1: error: error!"
    assert found["manifests", "a.yaml"].findtext("system-out") == "a.yaml:1:1: warning: warning!"


def test_junit_diagnostic_with_code_of_a_status_is_an_error() -> None:
    told = [Diagnostic("error", "skipped", "wrong", Origin("a.yaml", 1, 1))]
    assert cases(diagnostics_as("junit", "faults", told, names={}))["manifests", "a.yaml"].find("failure") is not None


@pytest.mark.parametrize(
    ("outcome", "status", "fails"),
    [
        ("converged", Status.CONFIRMED, False),
        ("incomplete", Status.CONFIRMED, True),  # such as with files that share a path
        ("interrupted", Status.SKIPPED, True),
        ("refused", Status.SKIPPED, True),
        ("incomplete", Status.FAILED, False),  # its file fails already
    ],
)
def test_junit_run_fails_if_it_is_incomplete_and_no_other_case_fails(
    outcome: OutcomeName, status: Status, *, fails: bool
) -> None:
    plan = plan_of(changed(current_file("/a.jpg"), (Op.ADD, "red")))
    report = Report(plan, outcome, (FileOutcome(status, 1),), RequestCounts(), Timing(), "2026")
    text = rendered(report, "junit")
    found = cases(text)
    assert (("run", "result") in found) == fails
    if fails:
        failure = found["run", "result"].find("failure")
        assert failure is not None
        assert failure.attrib["message"].startswith("Apply ")
    failures = ET.fromstring(text).attrib["failures"]  # noqa: S314 - our own
    assert (failures == "0") == (outcome == "converged")


def test_junit_run_fails_by_its_exit_code() -> None:
    def failures(exit_code: int) -> str:
        layouts = plan_layouts(plan_of(changed(current_file("/a.jpg"), (Op.ADD, "red"))))
        text = written(layouts, "junit", run=Run("undo", exit_code, 1.0, 1.0, ApiCalls()))
        return ET.fromstring(text).attrib["failures"]  # noqa: S314 - our own

    assert [failures(code) for code in (0, 2, 3)] == ["0", "0", "1"]
