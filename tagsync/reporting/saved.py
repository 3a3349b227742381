"""Saved plan and report documents read back into values: sealed, of a known format, as their schemas say."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import isfinite
from typing import Any, NamedTuple, NoReturn

from jsonschema import Draft202012Validator

from tagsync import schemas
from tagsync.canonical import canonical
from tagsync.errors import DocumentError
from tagsync.model import (
    LISTED,
    AITag,
    Cause,
    Change,
    Coverage,
    CurrentFile,
    Diagnostic,
    Drift,
    Estimate,
    FileChange,
    FileOutcome,
    Guard,
    GuardId,
    Inputs,
    Limit,
    ManifestRef,
    Op,
    Origin,
    Part,
    Plan,
    Reading,
    Reason,
    Report,
    Request,
    RequestCounts,
    Returning,
    Status,
    Summary,
    TargetName,
    Timing,
)
from tagsync.printable import quoted, shown
from tagsync.reporting.accept import is_plain_item
from tagsync.reporting.documents import BY_OP, CAMEL
from tagsync.reporting.seal import SEAL_BYTES, check_seal, damaged, looks_saved

MAX_DOCUMENT_BYTES = 1 << 30

_SNAKE = {camel: snake for snake, camel in CAMEL.items()}
_LONG_LISTS = ("changes", "requests")


def read_document(data: bytes, name: str) -> Plan | Report:
    """Return the plan or report that a document holds.

    Args:
        data: the document.
        name: how messages call it.

    Raises:
        DamagedError: a byte of it is not as it was written.
        DocumentError: it is neither, of another format, or not as the schema says.
    """
    document = _parsed(data, name)
    is_plan = "formatVersion" in document
    version = document["formatVersion" if is_plan else "reportVersion"]
    if not isinstance(version, str) or version.partition(".")[0] != "1":
        raise DocumentError(
            f"{shown(name)} has format {quoted(str(version))}, this version reads 1.x: use the tagsync that wrote it"
        )
    check_seal(data, name)
    _check(document, "plan" if is_plan else "report", name)
    return _plan(document) if is_plan else _report(document)


def _parsed(data: bytes, name: str) -> dict[str, Any]:
    try:
        document = json.loads(data, parse_constant=_no_number, parse_float=_number)
    except (ValueError, RecursionError) as error:
        if looks_saved(data[: 2 * SEAL_BYTES], data[-SEAL_BYTES:]):
            raise damaged(name) from error
        words = "name a file that plan --out or --report json=FILE wrote"
        raise DocumentError(f"{shown(name)} is not JSON: {words}") from error
    if not isinstance(document, dict) or not ("formatVersion" in document or "reportVersion" in document):
        raise DocumentError(
            f"{shown(name)} is neither a plan nor a report of tagsync; what a run that failed has written is neither"
        )
    return document


def _number(text: str) -> float:
    number = float(text)
    return number if isfinite(number) else _no_number(text)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number that JSON has")


def _check(document: Mapping[str, Any], kind: schemas.SchemaName, name: str) -> None:
    """Hold a document against its schema; of long lists only those items that are not plainly valid."""
    schema = schemas.load(kind)
    short = dict(document)
    for key in _LONG_LISTS:
        items = document.get(key)
        if isinstance(items, list) and all(is_plain_item(kind, key, item) for item in items):
            short[key] = []
    error = next(Draft202012Validator(schema).iter_errors(short), None)
    if error:
        where = "/".join(map(str, error.absolute_path)) or "its root"
        raise DocumentError(
            f"{shown(name)} is damaged at {shown(where, 200)}: {shown(error.message, 200)}; name it as tagsync wrote it"
        )


def _snake(values: Mapping[str, Any], kind: type[NamedTuple]) -> dict[str, Any]:
    fields = set(kind._fields)
    named = ((_SNAKE.get(key, key), value) for key, value in values.items())
    return {key: value for key, value in named if key in fields}


def _plan(document: Mapping[str, Any]) -> Plan:
    return Plan(
        target=TargetName(**_snake(document["target"], TargetName)),
        created_at=document["createdAt"],
        digest=document["digest"],
        inputs=_inputs(document["inputs"]),
        summary=Summary(**_snake(document["summary"], Summary)),
        estimate=Estimate(**_snake(document["estimate"], Estimate)),
        changes=tuple(map(_file_change, document["changes"])),
        canonical_changes=tuple(map(canonical, document["changes"])),
        requests=tuple(
            Request(Op(item["op"]), tuple(item["tags"]), tuple(item["fileIds"])) for item in document["requests"]
        ),
        diagnostics=tuple(map(_diagnostic, document["diagnostics"])),
        guards=tuple(map(_guard, document["guards"])),
        undoes=document.get("undoes"),
        drift=_drift(document),
        returning=_returning(document),
        coverage=_coverage(document.get("coverage")),
        thumbnails=document.get("thumbnails", {}),
    )


def _report(document: Mapping[str, Any]) -> Report:
    plan = Plan(
        target=TargetName(**_snake(document["target"], TargetName)),
        created_at=document["createdAt"],
        digest=document["digest"],
        inputs=_inputs(document["inputs"]),
        summary=Summary(**_snake(document["summary"], Summary)),
        estimate=Estimate(),
        changes=tuple(map(_file_change, document["changes"])),
        canonical_changes=(),
        requests=(),
        diagnostics=(),
        guards=tuple(map(_guard, document["guards"])),
        undoes=document.get("undoes"),
        drift=_drift(document),
        returning=_returning(document),
        coverage=_coverage(document.get("coverage")),
        thumbnails=document.get("thumbnails", {}),
    )
    return Report(
        plan=plan,
        outcome=document["outcome"],
        outcomes=tuple(map(_outcome, document["changes"])),
        requests=RequestCounts(**_snake(document["requests"], RequestCounts)),
        timing=Timing(**_snake(document["timing"], Timing)),
        finished_at=document["createdAt"],
        diagnostics=tuple(map(_diagnostic, document["diagnostics"])),
    )


def _inputs(item: Mapping[str, Any]) -> Inputs:
    manifests = tuple(ManifestRef(found["path"], found["sha256"], found["path"]) for found in item["manifests"])
    shard = item.get("shard")
    part = Part(*map(int, shard.split("/"))) if shard else None
    return Inputs(
        manifests,
        item["files"],
        item["readRequests"],
        item.get("select"),
        part,
        item.get("changedSince"),
        item.get("partial", False),
        Reading(**item["reading"]) if "reading" in item else LISTED,
    )


def _guard(item: Mapping[str, Any]) -> Guard:
    limit = Limit(item["limit"]["above"], item["limit"].get("percent"))
    examples = tuple(item["files"]), tuple(item.get("tags", ()))
    return Guard(GuardId(item["id"]), item["observed"], item["of"], limit, item["blocked"], *examples)


def _drift(document: Mapping[str, Any]) -> tuple[Drift, ...]:
    items: Sequence[Mapping[str, Any]] = document.get("drift", ())
    return tuple(Drift(item["fileId"], Op(item["op"]), item["tag"], Cause(item["cause"])) for item in items)


def _returning(document: Mapping[str, Any]) -> tuple[Returning, ...]:
    return tuple(Returning(**_snake(item, Returning)) for item in document.get("returning", ()))


def _coverage(item: Mapping[str, Any] | None) -> Coverage | None:
    return Coverage(tuple(item["unselected"]), tuple(map(_origin, item["idle"]))) if item is not None else None


def _outcome(item: Mapping[str, Any]) -> FileOutcome:
    found = item.get("already", {})
    already = tuple((op, tag) for op, name in BY_OP.items() for tag in found.get(name, ()))
    return FileOutcome(Status(item["status"]), item["attempts"], item["error"], item["requestId"], already)


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
    changes = tuple(
        Change(op, tag, tuple(because.get((op, tag), ()))) for op, name in BY_OP.items() for tag in item[name]
    )
    desired, spared, relies = (tuple(item.get(name, ())) for name in ("desired", "spared", "relies"))
    return FileChange(file, changes, desired=desired, spared=spared, relies=relies)


def _diagnostic(item: Mapping[str, Any]) -> Diagnostic:
    source = item["source"]
    return Diagnostic(item["level"], item["code"], item["message"], _origin(source) if source else None)


@lru_cache(maxsize=1 << 16)
def _origin(source: str) -> Origin:
    file, line, column = source.rsplit(":", 2)
    return Origin(file, int(line), int(column))
