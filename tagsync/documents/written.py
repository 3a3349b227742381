"""Plan and report documents: canonical JSON, one change a line, sealed; reading them back is in `saved`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from tagsync.documents.canonical import canonical, diagnostic_document
from tagsync.documents.changes import change_document, lines_of, outcome_document
from tagsync.documents.seal import sealed
from tagsync.model import Coverage, Diagnostic, Guard, Inputs, NotFound, Plan, Report
from tagsync.version import __version__

PLAN_FORMAT = "1.0"
REPORT_FORMAT = "1.0"

CAMEL = {
    "files_changed": "filesChanged",
    "add_tags": "addTags",
    "remove_tags": "removeTags",
    "remove_ai_tags": "removeAITags",
    "write_requests": "writeRequests",
    "lower_bound": "lowerBound",
    "per_file": "perFile",
    "per_tag_set": "perTagSet",
    "per_tag": "perTag",
    "requests_per_second": "requestsPerSecond",
    "file_id": "fileId",
}
"""How documents name what values name otherwise."""


def plan_document(plan: Plan) -> Iterator[str]:
    """Yield a plan document piece by piece; members that tell nothing of this plan are left out of it."""
    return whole(
        {
            "formatVersion": PLAN_FORMAT,
            "tool": _tool(),
            "createdAt": plan.created_at,
            "digest": plan.digest,
            **({"undoes": plan.undoes} if plan.undoes else {}),
            "target": plan.target._asdict(),
            "inputs": _inputs(plan.inputs),
            "summary": _camel(plan.summary),
            "estimate": _camel(plan.estimate),
            "guards": [guard_document(guard) for guard in plan.guards],
            "changes": iter(lines_of(plan.changes)),
            "requests": (
                canonical({"op": request.op, "tags": request.tags, "fileIds": request.file_ids})
                for request in plan.requests
            ),
            **_beside(plan),
            "diagnostics": map(_diagnostic_line, plan.diagnostics),
        }
    )


def report_document(report: Report) -> Iterator[str]:
    """Yield a report document piece by piece."""
    plan = report.plan
    return whole(
        {
            "reportVersion": REPORT_FORMAT,
            "tool": _tool(),
            "createdAt": report.finished_at,
            "outcome": report.outcome,
            "digest": plan.digest,
            **({"undoes": plan.undoes} if plan.undoes else {}),
            "target": plan.target._asdict(),
            "inputs": _inputs(plan.inputs),
            "summary": _camel(plan.summary),
            "guards": [guard_document(guard) for guard in plan.guards],
            "requests": _camel(report.requests),
            "timing": _camel(report.timing),
            "changes": (
                canonical(change_document(change) | outcome_document(outcome))
                for change, outcome in zip(plan.changes, report.outcomes, strict=True)
            ),
            **_beside(plan),
            "diagnostics": map(_diagnostic_line, (*plan.diagnostics, *report.diagnostics)),
        }
    )


def diagnostics_document(diagnostics: Iterable[Diagnostic], *, more: int = 0) -> Iterator[str]:
    """Yield a document for a command that came to no plan: what was found, and how much more there was."""
    return whole({"tool": _tool(), "more": more, "diagnostics": map(_diagnostic_line, diagnostics)})


def _tool() -> str:
    return f"tagsync {__version__}"


def whole(members: Mapping[str, Any]) -> Iterator[str]:
    """Yield a document of these members, piece by piece, sealed; a list may be an iterator of canonical JSON."""
    return sealed(_pieces(members))


def _pieces(members: Mapping[str, Any]) -> Iterator[str]:
    """Yield a JSON object but for its end, a member a line; of an iterator of canonical JSON, an item a line."""
    separator = "{\n"
    for key, value in members.items():
        yield f"{separator}{canonical(key)}:"
        separator = ",\n"
        if isinstance(value, Iterator):
            yield from _list(value)
        else:
            yield canonical(value)


def _list(items: Iterator[str]) -> Iterator[str]:
    separator = "[\n"
    for item in items:
        yield separator + item
        separator = ",\n"
    yield "[]" if separator == "[\n" else "\n]"


def _inputs(inputs: Inputs) -> dict[str, Any]:
    scope = {
        "select": inputs.select[0] if len(inputs.select) == 1 else inputs.select or None,
        "shard": inputs.part and f"{inputs.part.index}/{inputs.part.of}",
        "changedSince": inputs.changed_since,
        "partial": True if inputs.partial else None,
    }
    return {
        "manifests": [{"path": manifest.path, "sha256": manifest.sha256} for manifest in inputs.manifests],
        "files": inputs.files,
        "readRequests": inputs.read_requests,
        "reading": inputs.reading._asdict(),
    } | {key: value for key, value in scope.items() if value is not None}


def guard_document(guard: Guard) -> dict[str, Any]:
    """Return a guard as documents hold it."""
    limit = {key: value for key, value in guard.limit._asdict().items() if value is not None}
    members = guard._asdict() | {"limit": limit}
    return members if guard.tags else {key: value for key, value in members.items() if key != "tags"}


def _beside(plan: Plan) -> dict[str, Any]:
    """Return what is not a part of every plan and not covered by its digest."""
    lists: dict[str, Sequence[_Tuple]] = {"drift": plan.drift, "returning": plan.returning}
    members: dict[str, Any] = {
        key: (canonical(_camel(value)) for value in values) for key, values in lists.items() if values
    }
    if plan.missing:
        members["missing"] = map(_not_found_line, plan.missing)
    if plan.thumbnails:
        members["thumbnails"] = plan.thumbnails
    if plan.coverage is not None:
        members["coverage"] = _coverage(plan.coverage)
    if plan.unlisted:
        members["moreDiagnostics"] = [{"level": i.level, "code": i.code, "count": i.more} for i in plan.unlisted]
    return members


def _not_found_line(item: NotFound) -> str:
    named = {"path": item.path} if item.file_id is None else {"fileId": item.file_id}
    return canonical({**named, "source": str(item.origin)})


def _coverage(coverage: Coverage) -> dict[str, Any]:
    members: dict[str, Any] = {"unselected": coverage.unselected, "idle": list(map(str, coverage.idle))}
    if coverage.more_unselected:
        folders = [{"folder": folder, "files": files} for folder, files in coverage.folders]
        members |= {"moreUnselected": coverage.more_unselected, "folders": folders}
    if coverage.more_idle:
        members["moreIdle"] = coverage.more_idle
    return members


def _diagnostic_line(diagnostic: Diagnostic) -> str:
    return canonical(diagnostic_document(diagnostic))


class _Tuple(Protocol):
    def _asdict(self) -> dict[str, Any]: ...


def _camel(values: _Tuple) -> dict[str, Any]:
    return {CAMEL.get(key, key): value for key, value in values._asdict().items()}
