"""Write all JSON output: canonical, one line for each member and each item of a long list, with a checksum at the end.

Documents are yielded in pieces, because a plan may have a million changes.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import to_builtins
from msgspec.structs import fields

from tagsync.documents.canonical import canonical
from tagsync.documents.changes import OPS, change_document, lines_of, outcome_document
from tagsync.documents.checksum import with_checksum
from tagsync.documents.document import PlanDocument, ReportDocument
from tagsync.documents.lines import DiagnosticItem, DriftItem, NotFoundItem, Record, RequestItem, ReturningItem
from tagsync.documents.members import (
    CoverageMember,
    EstimateMember,
    GuardMember,
    InputsMember,
    RequestCountsMember,
    SummaryMember,
    TargetMember,
    TimingMember,
    UnlistedMember,
)
from tagsync.model import (
    Contribution,
    Diagnostic,
    Difference,
    Explanation,
    FileChange,
    Plan,
    Reason,
    Report,
    TestResult,
    TestRun,
    Verdict,
)
from tagsync.version import __version__

FORMAT = "1.0"
"""The format version of all JSON output."""

_TOOL = f"tagsync {__version__}"


def plan_document(plan: Plan) -> Iterator[str]:
    """Yield a plan as JSON, in pieces."""
    return _document(
        PlanDocument(
            format_version=FORMAT,
            created_at=plan.created_at,
            estimate=EstimateMember(*plan.estimate),
            changes=iter(lines_of(plan.changes)),
            requests=_lines(RequestItem, plan.requests),
            diagnostics=_lines(DiagnosticItem, plan.diagnostics),
            **_shared(plan),
        )
    )


def report_document(report: Report) -> Iterator[str]:
    """Yield a report as JSON, in pieces."""
    plan = report.plan
    return _document(
        ReportDocument(
            report_version=FORMAT,
            created_at=report.finished_at,
            outcome=report.outcome,
            applied_commit=report.applied_commit,
            requests=RequestCountsMember(*report.requests),
            timing=TimingMember(*report.timing),
            changes=(
                canonical(change_document(change) | outcome_document(outcome))
                for change, outcome in zip(plan.changes, report.outcomes, strict=True)
            ),
            diagnostics=_lines(DiagnosticItem, (*plan.diagnostics, *report.diagnostics)),
            **_shared(plan),
        )
    )


def diagnostics_document(diagnostics: Iterable[Diagnostic], *, more: int = 0) -> Iterator[str]:
    """Yield the JSON output of a command without a plan, in pieces.

    Args:
        diagnostics: the diagnostics to list.
        more: how many more there were.
    """
    return document({"tool": _TOOL, "more": more, "diagnostics": _lines(DiagnosticItem, diagnostics)})


def difference_document(difference: Difference) -> Iterator[str]:
    """Yield the difference of two plans as JSON, in pieces."""
    return document(
        {
            "differenceVersion": FORMAT,
            "old": difference.old,
            "new": difference.new,
            "targets": [TargetMember(*target) for target in difference.targets or ()],
            "more": map(_changed_tags, difference.more),
            "fewer": map(_changed_tags, difference.fewer),
            "guards": [
                {"old": GuardMember.from_value(old), "new": GuardMember.from_value(new)}
                for old, new in difference.guards
            ],
        }
    )


def explanation_document(explanations: Iterable[Explanation]) -> Iterator[str]:
    """Yield the explanations of files as JSON, in pieces."""
    return document({"explanationVersion": FORMAT, "files": map(_explanation, explanations)})


def tests_document(run: TestRun) -> Iterator[str]:
    """Yield the results of tests as JSON, in pieces."""
    failed = len(run.failed)
    return document(
        {
            "testsVersion": FORMAT,
            "tool": _TOOL,
            "passed": len(run.results) - failed,
            "failed": failed,
            "tests": map(_test_result, run.results),
        }
    )


def document(members: Mapping[str, Any]) -> Iterator[str]:
    """Yield members as JSON with a checksum, in pieces; a list may be an iterator of items in canonical JSON."""
    return with_checksum(lay_out(members))


def _document(contents: PlanDocument | ReportDocument) -> Iterator[str]:
    named = ((member.encode_name, getattr(contents, member.name)) for member in fields(contents))
    return document({name: value for name, value in named if value is not None})


def lay_out(members: Mapping[str, Any]) -> Iterator[str]:
    """Yield a JSON object without its end, in pieces: one line for each member and each item of an iterator."""
    separator = "{\n"
    for key, value in members.items():
        yield f"{separator}{canonical(key)}:"
        separator = ",\n"
        if isinstance(value, Iterator):
            yield from _items(value)
        else:
            yield canonical(to_builtins(value))


def _items(items: Iterator[str]) -> Iterator[str]:
    separator = "[\n"
    for item in items:
        yield separator + item
        separator = ",\n"
    yield "[]" if separator == "[\n" else "\n]"


def _shared(plan: Plan) -> dict[str, Any]:
    """Return the members that plans and reports share."""
    return {
        "tool": _TOOL,
        "digest": plan.digest,
        "undoes": plan.undoes or None,
        "target": TargetMember(*plan.target),
        "inputs": InputsMember.from_value(plan.inputs),
        "summary": SummaryMember(*plan.summary),
        "guards": tuple(map(GuardMember.from_value, plan.guards)),
        "drift": _lines(DriftItem, plan.drift) if plan.drift else None,
        "returning": _lines(ReturningItem, plan.returning) if plan.returning else None,
        "missing": _lines(NotFoundItem, plan.missing) if plan.missing else None,
        "thumbnails": plan.thumbnails or None,
        "coverage": plan.coverage and CoverageMember.from_value(plan.coverage),
        "more_diagnostics": tuple([UnlistedMember(*item) for item in plan.unlisted]) or None,
    }


def _lines(kind: type[Record], values: Iterable[object]) -> Iterator[str]:
    return (canonical(to_builtins(kind.from_value(value))) for value in values)


def _changed_tags(change: FileChange) -> str:
    tags = {name: change.tags(op) for op, name in OPS.items()}
    return canonical({"fileId": change.file.file_id, "path": change.file.path, **tags})


def _explanation(found: Explanation) -> str:
    file = found.file
    return canonical(
        {
            "path": found.path,
            "fileId": file and file.file_id,
            "hint": found.hint,
            "entries": list(map(_contribution, found.contributions)),
            "tags": list(map(_verdict, found.verdicts)),
            "diagnostics": [to_builtins(DiagnosticItem.from_value(item)) for item in found.diagnostics],
        }
    )


def _contribution(item: Contribution) -> dict[str, object]:
    votes = [
        {"kind": vote.kind, "tag": vote.tag, "present": vote.present, **_reason(vote.reason)} for vote in item.votes
    ]
    found: dict[str, object] = {
        "source": str(item.origin),
        "selector": item.selector,
        "rules": item.rules,
        "says": votes,
    }
    return found | ({"values": dict(item.values)} if item.values else {})


def _verdict(item: Verdict) -> dict[str, object]:
    reasons = {"won": list(map(_reason, item.won)), "lost": list(map(_reason, item.lost))}
    return {"kind": item.kind, "tag": item.tag, "now": item.now, "then": item.then, **reasons}


def _test_result(result: TestResult) -> str:
    failures = [
        {
            "source": str(failure.origin),
            "message": failure.message,
            "difference": [{"sign": line.sign, "text": line.text, "why": line.why} for line in failure.lines],
            "more": failure.more,
        }
        for failure in result.failures
    ]
    return canonical({"name": result.name, "source": str(result.origin), "passed": not failures, "failures": failures})


def _reason(reason: Reason) -> dict[str, str]:
    return {"source": str(reason.origin), "rule": reason.rule}
