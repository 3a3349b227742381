"""Where results go: documents to standard output and report files, everything else to standard error."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from tagsync.cli.options import OutputSettings
from tagsync.errors import ManifestError, UsageError
from tagsync.manifest.faults import SHOWN_FAULTS
from tagsync.model import Diagnostic, Plan, Report
from tagsync.printable import shown
from tagsync.reporting.console import Lines
from tagsync.reporting.documents import diagnostics_document, plan_document, report_document
from tagsync.reporting.progress import BarProgress, NoProgress, PlainProgress, ProgressView
from tagsync.reporting.rows import counted
from tagsync.reporting.text import diagnostics_text, plan_text, report_text, shown_names

Writer = Callable[[TextIO, Lines], None]
"""Writes a document: JSON to the stream, text through its lines."""


class Output:
    """Writes what a command comes to."""

    def __init__(self, settings: OutputSettings) -> None:
        self._settings = settings
        self._colour = False if settings.no_color else None
        self._errors = Lines(sys.stderr, colour=self._colour)
        for _kind, path in settings.report:
            _check_writable(path)

    def plan(self, plan: Plan) -> None:
        """Write a plan wherever it was asked for, and its diagnostics to standard error."""
        self.diagnostics(plan.diagnostics, shown_names(plan))
        self._everywhere(
            text=lambda lines, everything: plan_text(plan, lines, everything=everything),
            json=lambda: plan_document(plan),
        )

    def plan_before_apply(self, plan: Plan) -> None:
        """Show the plan that is about to be applied; standard output is the report's unless it is text."""
        self.diagnostics(plan.diagnostics, shown_names(plan))
        if self._settings.format == "text":
            plan_text(plan, self._lines(sys.stdout), everything=self._settings.verbose)

    def confirmed(self, plan: Plan) -> bool:
        """Ask the person at the terminal."""
        if self._settings.format != "text":
            plan_text(plan, self._errors, everything=self._settings.verbose)
        sys.stdout.flush()
        sys.stderr.write("Apply this plan? Only yes is taken for an answer: ")
        sys.stderr.flush()
        if sys.stdin.readline().strip() == "yes":
            return True
        sys.stderr.write("Nothing was changed.\n")
        return False

    def report(self, report: Report) -> None:
        """Write a report wherever it was asked for."""
        self.diagnostics(report.diagnostics, shown_names(report.plan))
        self._everywhere(
            # An empty plan has said all there is to say.
            text=lambda lines, _everything: report_text(report, lines) if report.plan.changes else None,
            json=lambda: report_document(report),
        )

    def valid(self, words: str, diagnostics: Sequence[Diagnostic]) -> None:
        """Write that manifests are valid."""
        self._everywhere(
            text=lambda lines, _everything: lines.write((words, "bold green")),
            json=lambda: diagnostics_document(diagnostics),
        )

    @contextmanager
    def faults_shown(self) -> Iterator[None]:
        """Write the faults of manifests, in documents too, as they pass by."""
        try:
            yield
        except ManifestError as error:
            faults, more = error.diagnostics, error.more
            diagnostics_text(faults, self._errors, names={}, limit=SHOWN_FAULTS, more=more)
            self._errors.write((f"{counted(len(faults) + more, 'fault')} in the manifests: nothing was done", "bold"))
            self._everywhere(
                text=lambda _lines, _everything: None,
                json=lambda: diagnostics_document(faults, more=more),
            )
            raise

    def diagnostics(self, diagnostics: Sequence[Diagnostic], names: Mapping[str, str]) -> None:
        """Write what a person should know to standard error: more of it if told to be verbose, less if quiet."""
        levels = {"error"} if self._settings.quiet else {"error", "warning"}
        kept = [item for item in diagnostics if self._settings.verbose or item.level in levels]
        limit = len(kept) if self._settings.verbose else SHOWN_FAULTS
        diagnostics_text(kept, self._errors, names=names, limit=limit)
        notes = sum(item.level == "info" for item in diagnostics)
        if notes and not self._settings.verbose and not self._settings.quiet:
            self._errors.write((f"{counted(notes, 'note')} not shown: --verbose shows them", "dim"))

    def warn(self, message: str) -> None:
        """Write a warning to standard error."""
        if not self._settings.quiet:
            self._errors.write(("warning: ", "yellow"), shown(message))

    def progress(self) -> ProgressView:
        """Return what shows progress here."""
        if self._settings.quiet:
            return NoProgress()
        if sys.stderr.isatty() and "CI" not in os.environ:
            return BarProgress(sys.stderr, colour=self._colour)
        return PlainProgress(sys.stderr)

    def _everywhere(self, *, text: Callable[[Lines, bool], None], json: Callable[[], Iterator[str]]) -> None:
        """Write a result to standard output and to each report file, each in its format."""
        wanted: list[tuple[str, Path | None]] = [(self._settings.format, None), *self._settings.report]
        for kind, path in wanted:
            with _opened(path) as stream:
                if kind == "json":
                    stream.writelines(json())
                else:
                    text(self._lines(stream), self._settings.verbose or path is not None)
        sys.stdout.flush()

    def _lines(self, stream: TextIO) -> Lines:
        return Lines(stream, colour=self._colour if stream is sys.stdout else False)


def _check_writable(path: Path) -> None:
    """Find out before anything is done that a report could not be written.

    Raises:
        UsageError: its folder is not there or not writable, or the path is a folder itself.
    """
    if path.is_dir() or not os.access(path.parent, os.W_OK | os.X_OK):
        raise UsageError(f"a report cannot be written to {shown(str(path))}: name a file in a folder you can write to")


@contextmanager
def _opened(path: Path | None) -> Iterator[TextIO]:
    """Yield standard output, or a file that takes the place of an old one only once it is whole (mode 0600)."""
    if path is None:
        yield sys.stdout
        return
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as stream:
            yield stream
        Path(name).replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(name).unlink()
        raise
