"""Write a view as JUnit XML, which CI systems show as tests: manifests, guards and files are its cases.

If all of these pass although the run as a whole did not succeed, such as an apply that leaves out files, one more case
fails.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, get_args
from xml.sax.saxutils import escape, quoteattr

from tagsync.escape import shown
from tagsync.model import Diagnostic, Level, Status, as_shown
from tagsync.reporting.phrases import failure_lines, label_of_test, reason_words, tag_counts
from tagsync.reporting.view import StatusRow, View

LIBRARY = "library"
"""The name of the case of diagnostics without a manifest."""


class _Case(NamedTuple):
    """One case, which passes, fails or was skipped; with a message unless it passes, and maybe notes."""

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


class _CaseCounts(NamedTuple):
    tests: int
    failures: int
    skipped: int


class _Suite(NamedTuple):
    """Cases under a name, and their counts."""

    name: str
    counts: _CaseCounts
    cases: Iterable[_Case]


def junit(view: View, *, succeeded: bool = True) -> Iterator[str]:
    """Yield a view as JUnit XML, piece by piece.

    Args:
        view: the view.
        succeeded: whether the run has the exit code of a success.
    """
    if view.kind == "tests":
        suites = [_suite("tests", [*_tests(view)])]
    else:
        suites = [_suite("manifests", [*_manifests(view)]), _suite("guards", [*_guards(view)]), _files(view)]
    if not (succeeded and view.succeeded) and not any(suite.counts.failures for suite in suites):
        suites.append(_suite("run", [_Case("run", "result", "incomplete", view.title, "\n".join(view.totals))]))
    kept = [suite for suite in suites if suite.counts[0]] or suites[:1]
    total = _CaseCounts(*map(sum, zip(*[suite.counts for suite in kept], strict=True)))
    yield '<?xml version="1.0" encoding="utf-8"?>\n'
    yield f"<testsuites{_attributes({'name': f'tagsync {view.kind}', **_texts(total)})}>\n"
    for suite in kept:
        yield f"<testsuite{_attributes({'name': suite.name, **_texts(suite.counts)})}>\n"
        yield _element("properties", {}, "".join(_properties(view))) + "\n"
        for case in suite.cases:
            yield _case(case) + "\n"
        yield "</testsuite>\n"
    yield "</testsuites>\n"


def _suite(name: str, cases: Sequence[_Case]) -> _Suite:
    failed, skipped = sum(case.failed for case in cases), sum(case.skipped for case in cases)
    return _Suite(name, _CaseCounts(len(cases), failed, skipped), cases)


def _files(view: View) -> _Suite:
    """Return the suite of all files; each becomes a case only when it is written, to save memory."""
    skipped = sum(row.outcome.status is Status.SKIPPED for row in view.missed)
    counts = _CaseCounts(len(view.rows), len(view.missed) - skipped, skipped)
    return _Suite("files", counts, map(_file, view.rows))


def _element(name: str, attributes: Mapping[str, str], content: str = "") -> str:
    """Return an element, given its content as XML."""
    return f"<{name}{_attributes(attributes)}>{content}</{name}>"


def _attributes(values: Mapping[str, str]) -> str:
    return "".join(f" {name}={quoteattr(value)}" for name, value in values.items())


def _texts(counts: _CaseCounts) -> dict[str, str]:
    return {name: str(count) for name, count in counts._asdict().items()}


def _properties(view: View) -> Iterator[str]:
    values = {"title": view.title, "totals": "; ".join(view.totals), "digest": view.digest or ""}
    if view.target:
        values |= {"account": shown(view.target.account), "endpoint": shown(view.target.endpoint)}
        values |= {"environment": shown(view.target.environment or "")}
    for name, value in values.items():
        if value:
            yield _element("property", {"name": name, "value": value})


def _manifests(view: View) -> Iterator[_Case]:
    """Yield a case for each manifest, failed by its errors, and one for diagnostics without a manifest."""
    by_file: dict[str, list[Diagnostic]] = {name: [] for name in view.manifests}
    for diagnostic in view.diagnostics:
        by_file.setdefault(diagnostic.origin.file if diagnostic.origin else LIBRARY, []).append(diagnostic)
    by_file.setdefault(LIBRARY, [])
    levels: tuple[Level, ...] = get_args(Level)
    for level in levels:
        if more := view.more_of(level):
            by_file[LIBRARY].append(Diagnostic(level, "more", f"and {more:,} more"))
    for name, found in by_file.items():
        shown_as = [as_shown(item, view.names) for item in found]
        errors = [item for item in shown_as if item.level == "error"]
        others = _listed(item for item in shown_as if item.level != "error")
        title = shown(view.names.get(name, name))
        if errors:
            yield _Case("manifests", title, errors[0].code, shown(errors[0].message), _listed(errors), others)
        else:
            yield _Case("manifests", title, notes=others)


def _listed(diagnostics: Iterable[Diagnostic]) -> str:
    lines = (
        f"{f'{shown(item.where)}: ' if item.origin else ''}{item.level}: {shown(item.message)}" for item in diagnostics
    )
    return "\n".join(lines)


def _guards(view: View) -> Iterator[_Case]:
    for item in view.guards:
        if item.blocks:
            yield _Case(
                "guards",
                item.guard,
                "guard",
                item.objection,
                "\n".join(f"{label}: {', '.join(map(shown, texts))}" for label, texts in item.examples),
            )
        else:
            yield _Case("guards", item.guard, notes=item.reason)


def _tests(view: View) -> Iterator[_Case]:
    for result in view.tests:
        name = shown(label_of_test(result))
        if result.failures:
            details = "\n".join(text for failure in result.failures for text in failure_lines(failure))
            yield _Case("tests", name, "test", shown(result.failures[0].message), details)
        else:
            yield _Case("tests", name)


def _file(row: StatusRow) -> _Case:
    outcome = row.outcome
    if outcome.arrived:
        return _Case("files", shown(row.path))
    request = f" (request {shown(outcome.request_id)})" if outcome.request_id else ""
    left = f" (not made: {tag_counts(row.left)})" if outcome.in_part else ""
    message = f"{reason_words(outcome.status, outcome.error, in_part=outcome.in_part)}{left}{request}"
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
