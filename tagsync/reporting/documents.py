"""Plan and report documents: canonical JSON, one change a line; written from values, and read back into them."""

import json
from collections.abc import Iterable, Iterator, Mapping
from math import isfinite
from typing import Any, NamedTuple, NoReturn, Protocol

from jsonschema import Draft202012Validator

import tagsync
from tagsync import schemas
from tagsync.canonical import canonical, change_document, diagnostic_document
from tagsync.errors import DocumentError
from tagsync.model import (
    AITag,
    Change,
    CurrentFile,
    Diagnostic,
    Estimate,
    FileChange,
    FileOutcome,
    Inputs,
    ManifestRef,
    Op,
    Origin,
    Plan,
    Reason,
    Report,
    Request,
    RequestCounts,
    Status,
    Summary,
    TargetName,
    Timing,
)
from tagsync.printable import quoted, shown

PLAN_FORMAT = "1.0"
REPORT_FORMAT = "1.0"
MAX_DOCUMENT_BYTES = 1 << 30

_CAMEL = {
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
}
_SNAKE = {camel: snake for snake, camel in _CAMEL.items()}


def plan_document(plan: Plan) -> Iterator[str]:
    """Yield a plan document piece by piece."""
    inputs = {
        "manifests": [{"path": manifest.path, "sha256": manifest.sha256} for manifest in plan.inputs.manifests],
        "files": plan.inputs.files,
        "readRequests": plan.inputs.read_requests,
    }
    return _document(
        {
            "formatVersion": PLAN_FORMAT,
            "tool": _tool(),
            "createdAt": plan.created_at,
            "digest": plan.digest,
            "target": plan.target._asdict(),
            "inputs": inputs,
            "summary": _camel(plan.summary),
            "estimate": _camel(plan.estimate),
            "guards": [],
            "changes": iter(plan.canonical_changes),
            "requests": (
                canonical({"op": request.op, "tags": request.tags, "fileIds": request.file_ids})
                for request in plan.requests
            ),
            "diagnostics": map(_diagnostic_line, plan.diagnostics),
        }
    )


def report_document(report: Report) -> Iterator[str]:
    """Yield a report document piece by piece."""
    plan = report.plan
    return _document(
        {
            "reportVersion": REPORT_FORMAT,
            "tool": _tool(),
            "createdAt": report.finished_at,
            "outcome": report.outcome,
            "digest": plan.digest,
            "target": plan.target._asdict(),
            "summary": _camel(plan.summary),
            "requests": _camel(report.requests),
            "timing": _camel(report.timing),
            "changes": (
                canonical(change_document(change) | _outcome_document(outcome))
                for change, outcome in zip(plan.changes, report.outcomes, strict=True)
            ),
            "diagnostics": map(_diagnostic_line, (*plan.diagnostics, *report.diagnostics)),
        }
    )


def diagnostics_document(diagnostics: Iterable[Diagnostic], *, more: int = 0) -> Iterator[str]:
    """Yield a document for a command that came to no plan: what was found, and how much more there was."""
    return _document({"tool": _tool(), "more": more, "diagnostics": map(_diagnostic_line, diagnostics)})


def read_document(data: bytes, name: str) -> Plan | Report:
    """Return the plan or report that a document holds.

    Args:
        data: the document.
        name: how messages call it.

    Raises:
        DocumentError: it is neither, or not as the schema says.
    """
    try:
        document = json.loads(data, parse_constant=_no_number, parse_float=_number)
    except (ValueError, RecursionError) as error:
        raise DocumentError(f"{shown(name)} is not JSON: name a file that --report json=FILE wrote") from error
    is_plan = isinstance(document, dict) and "formatVersion" in document
    is_report = isinstance(document, dict) and "reportVersion" in document
    if not is_plan and not is_report:
        raise DocumentError(
            f"{shown(name)} is neither a plan nor a report of tagsync; what a run that failed has written is neither"
        )
    version = document["formatVersion" if is_plan else "reportVersion"]
    if not isinstance(version, str) or version.partition(".")[0] != "1":
        raise DocumentError(
            f"{shown(name)} has format {quoted(str(version))}, this version reads 1.x: use the tagsync that wrote it"
        )
    _check(document, "plan" if is_plan else "report", name)
    return _plan(document) if is_plan else _report(document)


def _number(text: str) -> float:
    number = float(text)
    return number if isfinite(number) else _no_number(text)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number that JSON has")


def _check(document: Any, kind: schemas.SchemaName, name: str) -> None:
    error = next(Draft202012Validator(schemas.load(kind)).iter_errors(document), None)
    if error:
        where = "/".join(map(str, error.absolute_path)) or "its root"
        raise DocumentError(
            f"{shown(name)} is damaged at {shown(where, 200)}: {shown(error.message, 200)}; name it as tagsync wrote it"
        )


def _tool() -> str:
    return f"tagsync {tagsync.__version__}"


def _document(members: Mapping[str, Any]) -> Iterator[str]:
    """Yield a JSON object, a member a line; of a member that is an iterator of canonical JSON, an item a line."""
    separator = "{\n"
    for key, value in members.items():
        yield f"{separator}{canonical(key)}:"
        separator = ",\n"
        if isinstance(value, Iterator):
            yield from _list(value)
        else:
            yield canonical(value)
    yield "\n}\n"


def _list(items: Iterator[str]) -> Iterator[str]:
    separator = "[\n"
    for item in items:
        yield separator + item
        separator = ",\n"
    yield "[]" if separator == "[\n" else "\n]"


def _diagnostic_line(diagnostic: Diagnostic) -> str:
    return canonical(diagnostic_document(diagnostic))


class _Tuple(Protocol):
    def _asdict(self) -> dict[str, Any]: ...


def _camel(values: _Tuple) -> dict[str, Any]:
    return {_CAMEL.get(key, key): value for key, value in values._asdict().items()}


def _snake(values: Mapping[str, Any], kind: type[NamedTuple]) -> dict[str, Any]:
    fields = set(kind._fields)
    named = ((_SNAKE.get(key, key), value) for key, value in values.items())
    return {key: value for key, value in named if key in fields}


def _outcome_document(outcome: FileOutcome) -> dict[str, Any]:
    return {
        "status": outcome.status,
        "attempts": outcome.attempts,
        "error": outcome.error,
        "requestId": outcome.request_id,
    }


def _plan(document: Mapping[str, Any]) -> Plan:
    inputs = document["inputs"]
    manifests = tuple(ManifestRef(item["path"], item["sha256"], item["path"]) for item in inputs["manifests"])
    return Plan(
        target=TargetName(**document["target"]),
        created_at=document["createdAt"],
        digest=document["digest"],
        inputs=Inputs(manifests, inputs["files"], inputs["readRequests"]),
        summary=Summary(**_snake(document["summary"], Summary)),
        estimate=Estimate(**_snake(document["estimate"], Estimate)),
        changes=tuple(map(_file_change, document["changes"])),
        canonical_changes=tuple(map(canonical, document["changes"])),
        requests=tuple(
            Request(Op(item["op"]), tuple(item["tags"]), tuple(item["fileIds"])) for item in document["requests"]
        ),
        diagnostics=tuple(map(_diagnostic, document["diagnostics"])),
    )


def _report(document: Mapping[str, Any]) -> Report:
    plan = Plan(
        target=TargetName(**document["target"]),
        created_at=document["createdAt"],
        digest=document["digest"],
        inputs=Inputs((), 0, 0),
        summary=Summary(**_snake(document["summary"], Summary)),
        estimate=Estimate(),
        changes=tuple(map(_file_change, document["changes"])),
        canonical_changes=(),
        requests=(),
        diagnostics=(),
    )
    return Report(
        plan=plan,
        outcome=document["outcome"],
        outcomes=tuple(
            FileOutcome(Status(item["status"]), item["attempts"], item["error"], item["requestId"])
            for item in document["changes"]
        ),
        requests=RequestCounts(**_snake(document["requests"], RequestCounts)),
        timing=Timing(**_snake(document["timing"], Timing)),
        finished_at=document["createdAt"],
        diagnostics=tuple(map(_diagnostic, document["diagnostics"])),
    )


def _file_change(item: Mapping[str, Any]) -> FileChange:
    because: dict[tuple[str, str], list[Reason]] = {}
    for reason in item["because"]:
        because.setdefault((reason["op"], reason["tag"]), []).append(Reason(_origin(reason["source"]), reason["rule"]))
    before = item["before"]
    file = CurrentFile(
        item["fileId"],
        item["path"],
        tuple(before["tags"]),
        tuple(AITag(tag["name"], tag["confidence"], tag["source"]) for tag in before["aiTags"]),
    )
    tags = ((Op.ADD, item["add"]), (Op.REMOVE, item["remove"]), (Op.REMOVE_AI, item["removeAI"]))
    changes = tuple(Change(op, tag, tuple(because.get((op, tag), ()))) for op, names in tags for tag in names)
    return FileChange(file, changes, desired=tuple(item.get("desired", ())), spared=tuple(item.get("spared", ())))


def _diagnostic(item: Mapping[str, Any]) -> Diagnostic:
    source = item["source"]
    return Diagnostic(item["level"], item["code"], item["message"], _origin(source) if source else None)


def _origin(source: str) -> Origin:
    file, line, column = source.rsplit(":", 2)
    return Origin(file, int(line), int(column))
