"""Saved plan and report documents read back into values: sealed, of a known format, as their schemas say."""

from collections import Counter
from collections.abc import Mapping, Sequence
from io import SEEK_END, BytesIO
from typing import Any, BinaryIO, NamedTuple, TypeGuard

from jsonschema import Draft202012Validator

from tagsync import schemas
from tagsync.documents.accept import is_plain_item
from tagsync.documents.changes import OPS
from tagsync.documents.lines import origin_of, strict_json
from tagsync.documents.seal import SEAL_BYTES, check_seal, damaged, looks_saved
from tagsync.documents.streamed import MAX_VALUES, Contents, count_values, streamed
from tagsync.documents.written import CAMEL
from tagsync.errors import DocumentError
from tagsync.escape import quoted, shown
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
    NotFound,
    Op,
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
    Unlisted,
)

MAX_DOCUMENT_BYTES = 1 << 30

MAX_READ_WHOLE = 32 << 20
"""What is not laid out as tagsync writes it takes several times its size in memory."""

_SNAKE = {camel: snake for snake, camel in CAMEL.items()}
_LONG_LISTS = ("changes", "requests")
_VERSIONS = ("formatVersion", "reportVersion")


def read_document(data: bytes | BinaryIO, name: str) -> Plan | Report:
    """Return the plan or report that a document holds.

    What is laid out as tagsync writes it is read as a stream, however long it is; anything else is read whole.

    Args:
        data: the document; a stream can be read from its start again.
        name: how messages call it.

    Raises:
        DamagedError: a byte of it is not as it was written.
        DocumentError: it is neither, of another format, or not as the schema says.
    """
    stream = BytesIO(data) if isinstance(data, bytes) else data
    contents = streamed(stream, name)
    if contents is None:
        contents = _whole(_all_of(stream, name), name)
    else:
        _check(contents.members, name)
    return _plan(contents) if "formatVersion" in contents.members else _report(contents)


def _all_of(stream: BinaryIO, name: str) -> bytes:
    """Return the bytes of a document that is not laid out as tagsync writes it.

    Raises:
        DamagedError: it is of a size that only tagsync writes, and not as it was written.
        DocumentError: it is of that size, and not what this version writes.
    """
    size = stream.seek(0, SEEK_END)
    stream.seek(0)
    data = stream.read(MAX_READ_WHOLE)
    if size <= MAX_READ_WHOLE and count_values(data) <= MAX_VALUES:
        return data
    stream.seek(max(0, size - SEAL_BYTES))
    if not looks_saved(data[: 2 * SEAL_BYTES], stream.read()):
        raise _neither(name)
    check_seal(stream, name)
    raise DocumentError(
        f"{shown(name)} is not laid out as this version writes it, and too large to be read otherwise: use the tagsync "
        "that wrote it"
    )


def is_saved(stream: BinaryIO) -> bool:
    """Tell whether a file is a plan or report, damaged or not: its root has `formatVersion` or `reportVersion`.

    Args:
        stream: the file; it is read from its start, as a whole only if it is not laid out as tagsync writes it.
    """
    size = stream.seek(0, SEEK_END)
    stream.seek(max(0, size - SEAL_BYTES))
    end = stream.read()
    stream.seek(0)
    start = stream.read(2 * SEAL_BYTES)
    if looks_saved(start, end):
        return True
    if size > MAX_READ_WHOLE:
        return False
    data = start + stream.read(MAX_READ_WHOLE)
    if not any(f'"{name}"'.encode() in data for name in _VERSIONS) or count_values(data) > MAX_VALUES:
        return False
    try:
        document = strict_json(data)
    except (ValueError, RecursionError):
        return False
    return _is_document(document)


def _is_document(document: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(document, dict) and any(name in document for name in _VERSIONS)


def _neither(name: str) -> DocumentError:
    return DocumentError(
        f"{shown(name)} is neither a plan nor a report of tagsync; what a run that failed has written is neither"
    )


def _whole(data: bytes, name: str) -> Contents:
    """Return what a document holds that is read at once."""
    document = _parsed(data, name)
    version = document["formatVersion" if "formatVersion" in document else "reportVersion"]
    if not isinstance(version, str) or version.partition(".")[0] != "1":
        raise DocumentError(
            f"{shown(name)} has format {quoted(str(version))}, this version reads 1.x: use the tagsync that wrote it"
        )
    check_seal(BytesIO(data), name)
    _check(document, name)
    is_plan = "formatVersion" in document
    return Contents(
        members=document,
        changes=tuple(map(_file_change, document["changes"])),
        outcomes=() if is_plan else tuple(map(_outcome, document["changes"])),
        requests=tuple(map(_request, document["requests"])) if is_plan else (),
        drift=_drift(document),
        returning=_returning(document),
        missing=tuple(map(_not_found, document.get("missing", ()))),
        diagnostics=tuple(map(_diagnostic, document["diagnostics"])),
    )


def _parsed(data: bytes, name: str) -> dict[str, Any]:
    try:
        document = strict_json(data)
    except (ValueError, RecursionError) as error:
        if looks_saved(data[: 2 * SEAL_BYTES], data[-SEAL_BYTES:]):
            raise damaged(name) from error
        words = "name a file that plan --out or --report json=FILE wrote"
        raise DocumentError(f"{shown(name)} is not JSON: {words}") from error
    if not _is_document(document):
        raise _neither(name)
    return document


def _check(document: Mapping[str, Any], name: str) -> None:
    """Hold a document against its schema; of long lists only those items that are not plainly valid."""
    kind: schemas.SchemaName = "plan" if "formatVersion" in document else "report"
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


def _plan(contents: Contents) -> Plan:
    document = contents.members
    return Plan(
        target=TargetName(**_snake(document["target"], TargetName)),
        created_at=document["createdAt"],
        digest=document["digest"],
        inputs=_inputs(document["inputs"]),
        summary=Summary(**_snake(document["summary"], Summary)),
        estimate=Estimate(**_snake(document["estimate"], Estimate)),
        changes=contents.changes,
        requests=contents.requests,
        diagnostics=tuple(contents.diagnostics),
        guards=tuple(map(_guard, document["guards"])),
        undoes=document.get("undoes"),
        drift=contents.drift,
        returning=contents.returning,
        coverage=_coverage(document.get("coverage")),
        thumbnails=document.get("thumbnails", {}),
        missing=contents.missing,
        unlisted=_unlisted(contents),
    )


def _report(contents: Contents) -> Report:
    document = contents.members
    plan = Plan(
        target=TargetName(**_snake(document["target"], TargetName)),
        created_at=document["createdAt"],
        digest=document["digest"],
        inputs=_inputs(document["inputs"]),
        summary=Summary(**_snake(document["summary"], Summary)),
        estimate=Estimate(),
        changes=contents.changes,
        requests=(),
        diagnostics=(),
        guards=tuple(map(_guard, document["guards"])),
        undoes=document.get("undoes"),
        drift=contents.drift,
        returning=contents.returning,
        coverage=_coverage(document.get("coverage")),
        thumbnails=document.get("thumbnails", {}),
        missing=contents.missing,
        unlisted=_unlisted(contents),
    )
    return Report(
        plan=plan,
        outcome=document["outcome"],
        outcomes=contents.outcomes,
        requests=RequestCounts(**_snake(document["requests"], RequestCounts)),
        timing=Timing(**_snake(document["timing"], Timing)),
        finished_at=document["createdAt"],
        diagnostics=tuple(contents.diagnostics),
    )


def _inputs(item: Mapping[str, Any]) -> Inputs:
    manifests = tuple(ManifestRef(found["path"], found["sha256"], found["path"]) for found in item["manifests"])
    shard = item.get("shard")
    part = Part(*map(int, shard.split("/"))) if shard else None
    globs = item.get("select", ())
    return Inputs(
        manifests,
        item["files"],
        item["readRequests"],
        (globs,) if isinstance(globs, str) else tuple(globs),
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
    if item is None:
        return None
    return Coverage(
        tuple(item["unselected"]),
        tuple(map(origin_of, item["idle"])),
        item.get("moreUnselected", 0),
        item.get("moreIdle", 0),
        tuple((folder["folder"], folder["files"]) for folder in item.get("folders", ())),
    )


def _unlisted(contents: Contents) -> tuple[Unlisted, ...]:
    found = Counter(contents.unlisted)
    for item in contents.members.get("moreDiagnostics", ()):
        found[item["level"], item["code"]] += item["count"]
    return tuple(Unlisted(level, code, more) for (level, code), more in found.items())


def _not_found(item: Mapping[str, Any]) -> NotFound:
    return NotFound(item.get("path"), item.get("fileId"), origin_of(item["source"]))


def _request(item: Mapping[str, Any]) -> Request:
    return Request(Op(item["op"]), tuple(item["tags"]), tuple(item["fileIds"]))


def _outcome(item: Mapping[str, Any]) -> FileOutcome:
    found = item.get("already", {})
    already = tuple((op, tag) for op, name in OPS.items() for tag in found.get(name, ()))
    return FileOutcome(Status(item["status"]), item["attempts"], item["error"], item["requestId"], already)


def _file_change(item: Mapping[str, Any]) -> FileChange:
    because: dict[tuple[str, str], list[Reason]] = {}
    for reason in item["because"]:
        because.setdefault((reason["op"], reason["tag"]), []).append(
            Reason(origin_of(reason["source"]), reason["rule"])
        )
    before = item["before"]
    file = CurrentFile(
        item["fileId"],
        item["path"],
        tuple(before["tags"]),
        tuple(AITag(tag["name"], tag["confidence"], tag["source"]) for tag in before["aiTags"]),
    )
    changes = tuple(
        Change(op, tag, tuple(because.get((op, tag), ()))) for op, name in OPS.items() for tag in item[name]
    )
    desired, spared, relies = (tuple(item.get(name, ())) for name in ("desired", "spared", "relies"))
    return FileChange(file, changes, desired=desired, spared=spared, relies=relies)


def _diagnostic(item: Mapping[str, Any]) -> Diagnostic:
    source = item["source"]
    return Diagnostic(item["level"], item["code"], item["message"], origin_of(source) if source else None)
