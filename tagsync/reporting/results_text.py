"""What formats show of a run of tests, and its text with a dot for each test, as pytest writes it."""

from itertools import groupby
from operator import attrgetter

from tagsync.escape import shown
from tagsync.model import Diagnostic, TestFailure, TestResult, TestRun, Unlisted, counted
from tagsync.reporting.console import Lines
from tagsync.reporting.phrases import failure_lines, label_of_test
from tagsync.reporting.view import DiagnosticsView, Kind

_DOTS = 60
"""The most tests in one line."""

_SHOWN_FAILED = 20
_MOST_DIAGNOSTICS = 1000
_STYLES = {"-": "red", "+": "green", " ": ""}


class ResultsView(DiagnosticsView):
    """What formats show of a run of tests: each failure is an error."""

    kind: Kind = "tests"

    def __init__(self, run: TestRun) -> None:
        failed = run.failed
        passed = len(run.results) - len(failed)
        counts = [f"{len(failed):,} failed"] if failed else []
        title = f"Tests: {', '.join([*counts, f'{passed:,} passed'])}"
        found = [_diagnostic(result, failure) for result in failed for failure in result.failures]
        super().__init__(title, found[:_MOST_DIAGNOSTICS])
        if len(found) > _MOST_DIAGNOSTICS:
            self.unlisted = (Unlisted("error", "test", len(found) - _MOST_DIAGNOSTICS),)
        self.tests = run.results
        self.failed = failed


def _diagnostic(result: TestResult, failure: TestFailure) -> Diagnostic:
    name = f"{result.name}: " if result.name else ""
    signs = [f"{line.sign} {line.text}" for line in failure.lines if line.sign != " "]
    difference = f" ({', '.join(signs)}{', …' if failure.more else ''})" if signs else ""
    return Diagnostic("error", "test", f"{name}{failure.message}{difference}", failure.origin)


def results_text(view: ResultsView, lines: Lines, *, everything: bool = False) -> None:
    """Write a dot or an F for each test, the failures, and how many tests passed."""
    for file, results in groupby(view.tests, key=attrgetter("origin.file")):
        _write_dots(file, "".join("F" if result.failures else "." for result in results), lines)
    listed = view.failed if everything else view.failed[:_SHOWN_FAILED]
    for result in listed:
        lines.write()
        lines.write(("FAILED ", "bold red"), (shown(label_of_test(result)), "bold"))
        for failure in result.failures:
            first, *others = failure_lines(failure)
            lines.write_sentence(f"  {first}")
            for text, sign in zip(others, [*(line.sign for line in failure.lines), " "], strict=False):
                lines.write_sentence((f"  {text}", _STYLES[sign]))
    if left := len(view.failed) - len(listed):
        lines.write()
        lines.write_sentence((f"… and {counted(left, 'more failed test')}: -v lists them", "dim"))
    if view.failed:
        lines.write()
        lines.write(("- expected  + from the plan", "dim"))
    lines.write((view.title, "bold red" if view.failed else "bold green"))


def _write_dots(file: str, dots: str, lines: Lines) -> None:
    lines.write(f"{shown(file)} {dots[:_DOTS]}")
    for start in range(_DOTS, len(dots), _DOTS):
        lines.write(f"  {dots[start : start + _DOTS]}")
