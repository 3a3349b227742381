"""A sheet as JUnit XML, for the pages on which CI systems show tests: manifests, guards and files are its cases."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, get_args
from xml.sax.saxutils import escape, quoteattr

from tagsync.escape import shown
from tagsync.model import Diagnostic, Level, Status
from tagsync.reporting.rows import StatusRow, shown_origin
from tagsync.reporting.sheet import Sheet

LIBRARY = "library"
"""The case that answers for what no manifest is to blame for."""


class _Case(NamedTuple):
    """One case: it fails with a message, or was skipped with one, or passes; notes stand beside it."""

    suite: str
    name: str
    kind: str = ""
    message: str = ""
    details: str = ""
    notes: str = ""
    skipped: bool = False

    @property
    def failed(self) -> bool:
        return bool(self.kind) and not self.skipped


class _Counts(NamedTuple):
    tests: int
    failures: int
    skipped: int


class _Suite(NamedTuple):
    """Cases under a name, counted."""

    name: str
    counts: _Counts
    cases: Iterable[_Case]


def junit(sheet: Sheet) -> Iterator[str]:
    """Yield a sheet as JUnit XML, piece by piece."""
    suites = [_suite("manifests", [*_manifests(sheet)]), _suite("guards", [*_guards(sheet)]), _files(sheet)]
    kept = [suite for suite in suites if suite.counts[0]]
    total = _Counts(*map(sum, zip(*[suite.counts for suite in kept], strict=True)))
    yield '<?xml version="1.0" encoding="utf-8"?>\n'
    yield f"<testsuites{_attributes({'name': f'tagsync {sheet.kind}', **_texts(total)})}>\n"
    for suite in kept:
        yield f"<testsuite{_attributes({'name': suite.name, **_texts(suite.counts)})}>\n"
        yield _element("properties", {}, "".join(_properties(sheet))) + "\n"
        for case in suite.cases:
            yield _case(case) + "\n"
        yield "</testsuite>\n"
    yield "</testsuites>\n"


def _suite(name: str, cases: Sequence[_Case]) -> _Suite:
    failed, skipped = sum(case.failed for case in cases), sum(case.skipped for case in cases)
    return _Suite(name, _Counts(len(cases), failed, skipped), cases)


def _files(sheet: Sheet) -> _Suite:
    """Return the suite of all files, each of which becomes a case when it is written."""
    skipped = sum(row.outcome.status is Status.SKIPPED for row in sheet.missed)
    counts = _Counts(len(sheet.rows), len(sheet.missed) - skipped, skipped)
    return _Suite("files", counts, map(_file, sheet.rows))


def _element(name: str, attributes: Mapping[str, str], content: str = "") -> str:
    """Return an element; its content is XML already."""
    return f"<{name}{_attributes(attributes)}>{content}</{name}>"


def _attributes(values: Mapping[str, str]) -> str:
    return "".join(f" {name}={quoteattr(value)}" for name, value in values.items())


def _texts(counts: _Counts) -> dict[str, str]:
    return {name: str(count) for name, count in counts._asdict().items()}


def _properties(sheet: Sheet) -> Iterator[str]:
    values = {"title": sheet.title, "totals": "; ".join(sheet.totals), "digest": sheet.digest or ""}
    if sheet.target:
        values |= {"account": shown(sheet.target.account), "endpoint": shown(sheet.target.endpoint)}
    for name, value in values.items():
        if value:
            yield _element("property", {"name": name, "value": value})


def _manifests(sheet: Sheet) -> Iterator[_Case]:
    """Yield a case for each manifest, failed by its errors; what blames none of them falls to the library."""
    by_file: dict[str, list[Diagnostic]] = {name: [] for name in sheet.manifests}
    for diagnostic in sheet.diagnostics:
        by_file.setdefault(diagnostic.origin.file if diagnostic.origin else LIBRARY, []).append(diagnostic)
    by_file.setdefault(LIBRARY, [])
    levels: tuple[Level, ...] = get_args(Level)
    for level in levels:
        if more := sheet.more_of(level):
            by_file[LIBRARY].append(Diagnostic(level, "more", f"and {more:,} more"))
    for name, found in by_file.items():
        errors = [item for item in found if item.level == "error"]
        others = _listed((item for item in found if item.level != "error"), sheet)
        title = shown(sheet.names.get(name, name))
        if errors:
            yield _Case("manifests", title, errors[0].code, shown(errors[0].message), _listed(errors, sheet), others)
        else:
            yield _Case("manifests", title, notes=others)


def _listed(diagnostics: Iterable[Diagnostic], sheet: Sheet) -> str:
    lines = (
        f"{f'{shown_origin(item.origin, sheet.names)}: ' if item.origin else ''}{item.level}: {shown(item.message)}"
        for item in diagnostics
    )
    return "\n".join(lines)


def _guards(sheet: Sheet) -> Iterator[_Case]:
    for item in sheet.judgements:
        if item.blocks:
            words = f"{item.counts} blocks: {item.limit}: {item.ack}"
            yield _Case("guards", item.guard, "guard", words, "\n".join(map(shown, item.examples)))
        else:
            yield _Case("guards", item.guard, notes=item.counts)


def _file(row: StatusRow) -> _Case:
    outcome = row.outcome
    if row.arrived:
        return _Case("files", shown(row.path))
    request = f" (request {shown(outcome.request_id)})" if outcome.request_id else ""
    message = f"{outcome.status}: {shown(outcome.error or '')}{request}"
    return _Case("files", shown(row.path), outcome.status, message, skipped=outcome.status is Status.SKIPPED)


def _case(case: _Case) -> str:
    content = ""
    if case.failed:
        content = _element("failure", {"type": case.kind, "message": case.message}, escape(case.details))
    elif case.skipped:
        content = _element("skipped", {"message": case.message})
    if case.notes:
        content += _element("system-out", {}, escape(case.notes))
    return _element("testcase", {"classname": f"tagsync.{case.suite}", "name": case.name}, content)
