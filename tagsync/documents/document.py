"""Define the members of plans and reports, in their order, and convert them to values of the model."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from msgspec import Meta, Struct

from tagsync.documents.members import (
    COMMIT_PATTERN,
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
    Diagnostic,
    Drift,
    Estimate,
    FileChange,
    FileOutcome,
    Level,
    NotFound,
    OutcomeName,
    Plan,
    Report,
    Request,
    Returning,
    Unlisted,
)

MAX_CODES = 1000
"""The maximum number of levels and codes of diagnostics that are only counted."""

LongList = Any
"""When writing, an iterator of items in canonical JSON. When reading, an empty list: the items are in `LongLists`."""

_Digest = Annotated[str, Meta(pattern="^sha256:[0-9a-f]{64}$")]
_Version = Annotated[str, Meta(pattern=r"^1\.")]
_Thumbnails = dict[str, Annotated[str, Meta(pattern="^https://[!-~]{1,4000}$")]]
_MoreDiagnostics = Annotated[tuple[UnlistedMember, ...], Meta(max_length=MAX_CODES)]


class PlanDocument(Struct, kw_only=True, rename="camel"):
    """A plan; members that are None are not written."""

    format_version: _Version
    tool: str
    created_at: str
    digest: _Digest
    undoes: _Digest | None = None
    target: TargetMember
    inputs: InputsMember
    summary: SummaryMember
    estimate: EstimateMember
    guards: tuple[GuardMember, ...]
    changes: LongList
    requests: LongList
    drift: LongList = None
    returning: LongList = None
    missing: LongList = None
    thumbnails: _Thumbnails | None = None
    coverage: CoverageMember | None = None
    more_diagnostics: _MoreDiagnostics | None = None
    diagnostics: LongList


class ReportDocument(Struct, kw_only=True, rename="camel"):
    """A report; members that are None are not written."""

    report_version: _Version
    tool: str
    created_at: str
    outcome: OutcomeName
    applied_commit: Annotated[str, Meta(pattern=COMMIT_PATTERN)] | None = None
    digest: _Digest
    undoes: _Digest | None = None
    target: TargetMember
    inputs: InputsMember
    summary: SummaryMember
    guards: tuple[GuardMember, ...]
    requests: RequestCountsMember
    timing: TimingMember
    changes: LongList
    drift: LongList = None
    returning: LongList = None
    missing: LongList = None
    thumbnails: _Thumbnails | None = None
    coverage: CoverageMember | None = None
    more_diagnostics: _MoreDiagnostics | None = None
    diagnostics: LongList


@dataclass(slots=True)
class LongLists:
    """The long lists of a plan or report.

    Attributes:
        unlisted: how many diagnostics of each level and code did not fit into memory.
    """

    changes: Sequence[FileChange] = ()
    outcomes: Sequence[FileOutcome] = ()
    requests: Sequence[Request] = ()
    drift: Sequence[Drift] = ()
    returning: Sequence[Returning] = ()
    missing: Sequence[NotFound] = ()
    diagnostics: Sequence[Diagnostic] = ()
    unlisted: Counter[tuple[Level, str]] = field(default_factory=Counter)


def to_plan(document: PlanDocument | ReportDocument, lists: LongLists) -> Plan:
    """Return the plan of a plan file, or the plan that a report applied."""
    unlisted = lists.unlisted.copy()
    for item in document.more_diagnostics or ():
        unlisted[item.level, item.code] += item.count
    return Plan(
        target=document.target.value(),
        created_at=document.created_at,
        digest=document.digest,
        inputs=document.inputs.value(),
        summary=document.summary.value(),
        estimate=document.estimate.value() if isinstance(document, PlanDocument) else Estimate(),
        changes=lists.changes,
        requests=lists.requests,
        diagnostics=tuple(lists.diagnostics) if isinstance(document, PlanDocument) else (),
        guards=tuple([guard.value() for guard in document.guards]),
        undoes=document.undoes,
        drift=lists.drift,
        returning=lists.returning,
        coverage=document.coverage.value() if document.coverage else None,
        thumbnails=document.thumbnails or {},
        missing=lists.missing,
        unlisted=tuple([Unlisted(level, code, more) for (level, code), more in unlisted.items()]),
    )


def to_report(document: ReportDocument, lists: LongLists) -> Report:
    """Return the report of a report file."""
    return Report(
        plan=to_plan(document, lists),
        outcome=document.outcome,
        outcomes=lists.outcomes,
        requests=document.requests.value(),
        timing=document.timing.value(),
        finished_at=document.created_at,
        diagnostics=tuple(lists.diagnostics),
    )
