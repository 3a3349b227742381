"""Write results to standard output and output files, and everything else to standard error."""

import os
import shlex
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from operator import add
from pathlib import Path
from shutil import get_terminal_size

import click

from tagsync.api.gather import now
from tagsync.cli.log import log
from tagsync.cli.options import OutputSettings
from tagsync.cli.output_files import check_writable, warn_of_manifests
from tagsync.cli.render import Destination, lines_to, write
from tagsync.documents.writer import explanation_document
from tagsync.errors import ManifestError, TagsyncError, UsageError, code_of
from tagsync.escape import shown
from tagsync.events import ApiCalls, Event, Listener
from tagsync.manifest.error_list import SHOWN_ERRORS
from tagsync.model import (
    NO_LONGER_DECLARED,
    Diagnostic,
    Difference,
    Explanation,
    Plan,
    Report,
    TestRun,
    Unlisted,
    counted,
    guard_finding,
)
from tagsync.reporting.console import Lines
from tagsync.reporting.explanation_text import explanation_text
from tagsync.reporting.formats import (
    Layouts,
    V,
    diagnostics_layouts,
    difference_layouts,
    plan_layouts,
    report_layouts,
    results_layouts,
)
from tagsync.reporting.phrases import Names, shown_names, target_words
from tagsync.reporting.plan_view import PlanView
from tagsync.reporting.progress import BarProgress, NoProgress, PlainProgress
from tagsync.reporting.prometheus import Run
from tagsync.reporting.report_view import CANCELLED
from tagsync.reporting.text import FEW_FILES, SHOWN_LINES, diagnostics_text, plan_text
from tagsync.reporting.view import View

ROOM_FOR_QUESTION = 4
"""Lines of the screen that a plan leaves: for a line above it, and for the hint, the target and the question below."""


def _may_be_undone(plan: Plan) -> bool:
    """Return whether a plan changes more than AI tags, which cannot be restored, and is no undo itself."""
    return bool(plan.summary.add_tags + plan.summary.remove_tags) and plan.undoes is None


class Output:
    """Writes the results of a command.

    Args:
        settings: the outputs, and how much to write.
        reads: the files that the command reads, and must not overwrite.
        saved_as: the file to save a plan in.
        explains: whether standard output shows explanations instead of the plan.
        library: the options that other commands take for the same library.
        writes: whether the command changes files of the library.
    """

    def __init__(
        self,
        settings: OutputSettings,
        *,
        reads: Sequence[str | Path | None] = (),
        saved_as: Path | None = None,
        explains: bool = False,
        library: Sequence[str] = (),
        writes: bool = False,
    ) -> None:
        self._settings = settings
        self._library = library
        self._writes = writes
        self._saved_as = saved_as
        self._explains = explains
        self._colour = False if settings.no_color else None
        self._log = log(colour=self._colour)
        self._began = time.monotonic()
        self._calls = ApiCalls()
        inputs = [str(path) for path in reads if path not in (None, "-")]
        saved = [saved_as] if saved_as else []
        check_writable([*(path for _kind, path in settings.report), *saved], inputs)
        warn_of_manifests([*(path for kind, path in settings.report if kind == "json"), *saved], inputs, self.warn)

    def plan(self, plan: Plan, exit_code: int, *, refused: bool = False, objections: Sequence[str] = ()) -> None:
        """Write a plan to all outputs, and its diagnostics to standard error.

        Args:
            plan: the plan.
            exit_code: the exit code of the run.
            refused: whether to save no plan; a plan with errors is never saved.
            objections: messages of the guards that block the plan, to be written to standard error.
        """
        saved_as = None if refused or plan.errors else self._saved_as
        self.diagnostics(plan.diagnostics, shown_names(plan), plan.unlisted)
        layouts = plan_layouts(
            plan,
            everything=self._settings.verbose,
            thumbnails=self._settings.thumbnails,
            refused=refused,
            with_blocks=not objections,
        )
        self._write(layouts, exit_code, saved_as=saved_as, to_standard_output=not self._explains)
        if self._explains:
            self._explanation(plan.explanations, shown_names(plan))
        elif self._is_on_terminal and self._hides_files(plan):
            self.say("To list the files, add --verbose.")
        if saved_as:
            command = self.command("apply", str(saved_as))
            is_done = plan.undoes is not None and not plan.changes
            self.say(f"Saved as {saved_as}{'' if plan.blocked or is_done else f'. To apply it: {command}'}")
        else:
            self._warn_of_no_plan()
        for words in objections:
            self.error(words)

    def _warn_of_no_plan(self) -> None:
        if self._saved_as:
            older = ", what is there is an older one" if self._saved_as.exists() else ""
            self.warn(f"no plan was saved as {self._saved_as}{older}")

    def _explanation(self, explanations: Sequence[Explanation], names: Names) -> None:
        if self._settings.format == "json":
            sys.stdout.writelines(explanation_document(explanations))
        else:
            explanation_text(explanations, names, lines_to(sys.stdout, self._settings))

    def plan_before_apply(self, plan: Plan, *, asks: bool) -> None:
        """Show the plan that is about to be applied, if standard output is text.

        Args:
            plan: the plan.
            asks: whether the question follows, so that the plan should fit on the screen with it.
        """
        self.diagnostics(plan.diagnostics, shown_names(plan), plan.unlisted)
        if self._settings.format == "text":
            self._plan_text(plan, lines_to(sys.stdout, self._settings), asks=asks)

    def _plan_text(self, plan: Plan, lines: Lines, *, asks: bool) -> None:
        """Write a plan that only names the guards that block it: if they are not acknowledged, an error follows."""
        rows = get_terminal_size().lines - ROOM_FOR_QUESTION if asks else SHOWN_LINES
        plan_text(
            PlanView(plan),
            lines,
            everything=self._settings.verbose,
            with_blocks=False,
            most_lines=min(SHOWN_LINES, rows),
        )

    def confirmed(self, plan: Plan) -> bool:
        """Ask at the terminal whether to apply the plan; show it there first if standard output is elsewhere."""
        elsewhere = self._settings.format != "text" or not sys.stdout.isatty()
        if elsewhere:
            self._plan_text(plan, Lines(sys.stderr, colour=self._colour, may_be_lost=True), asks=True)
        sys.stdout.flush()
        lost = plan.summary.remove_ai_tags
        warning = f"{counted(lost, 'AI tag')} cannot be restored. " if lost else ""
        if self._hides_files(plan):
            sys.stderr.write("To list the files first, answer n and add --verbose.\n")
        for guard in plan.guards:
            if guard.blocked:
                sys.stderr.write(f"Allowed by --ack: guard {guard.id}, although the plan {guard_finding(guard)}\n")
        # A long plan has scrolled its first line, which names the target too, out of sight.
        sys.stderr.write(f"Target: {target_words(plan.target)}\n")
        sys.stderr.write(f"Apply these changes? {warning}[y/N] ")
        sys.stderr.flush()
        try:
            answer = sys.stdin.readline()
        except KeyboardInterrupt:
            sys.stderr.write(f"\n{CANCELLED}\n")
            raise click.Abort from None  # for KeyboardInterrupt, click would write an empty line
        if not answer.endswith("\n"):
            sys.stderr.write("\n")  # the end of input leaves the cursor behind the question
        if answer.strip().lower() in ("y", "yes"):
            return True
        if elsewhere:
            sys.stderr.write(f"{CANCELLED}\n")
        return False

    @property
    def _is_on_terminal(self) -> bool:
        return self._settings.format == "text" and sys.stdout.isatty()

    def _hides_files(self, plan: Plan) -> bool:
        """Return whether the text of a plan counts the files and does not list them."""
        return plan.summary.files_changed > FEW_FILES and not self._settings.verbose

    def command(self, *words: str) -> str:
        """Return a command line of tagsync for the library of this run, safe to print."""
        return shown(shlex.join(["tagsync", *words, *self._library]))

    def report(self, report: Report, exit_code: int, *, failing_code: int = 1, plan_shown: bool = False) -> None:
        """Write a report to all outputs.

        Args:
            report: the report.
            exit_code: the exit code of the run.
            failing_code: the exit code if an output cannot be written.
            plan_shown: whether the plan is above it already.
        """
        # What was read back has the plan's diagnostics among the report's.
        unlisted = () if report.plan.diagnostics else report.plan.unlisted
        self.diagnostics(report.diagnostics, shown_names(report.plan), unlisted)
        layouts = report_layouts(
            report,
            everything=self._settings.verbose,
            thumbnails=self._settings.thumbnails,
            plan_shown=plan_shown,
        )
        self._write(layouts, exit_code, failing_code=failing_code)
        if self._is_on_terminal and report.wrote and _may_be_undone(report.plan):
            self.say(f"To plan an undo: {self.command('undo')}")

    def difference(self, found: Difference) -> None:
        """Write the difference between two plans."""
        self._write(difference_layouts(found, everything=self._settings.verbose), 0)

    def valid(self, words: str, diagnostics: Sequence[Diagnostic], names: Names) -> None:
        """Write that manifests are valid; `names` has all of them."""
        layouts = diagnostics_layouts(
            words,
            diagnostics,
            text=lambda _view, lines, _is_file: lines.write((words, "bold green")),
            names=names,
            manifests=names,
        )
        self._write(layouts, 0)

    def tests(self, run: TestRun, exit_code: int) -> None:
        """Write the results of tests to all outputs."""
        self._write(results_layouts(run, everything=self._settings.verbose), exit_code)

    @contextmanager
    def failures_written(self) -> Iterator[None]:
        """Write an error that ends the run to the outputs, and raise it again.

        Errors in manifests are also shown; the caller shows the message of any other error.
        """
        try:
            yield
        except ManifestError as error:
            faults, more = error.diagnostics, error.more
            self._log.diagnostics(faults, {}, limit=SHOWN_ERRORS, more=more)
            unchanged = ": nothing was changed" if self._writes else ""
            words = f"{counted(len(faults) + more, 'error')} in the manifests{unchanged}"
            self._log.say(words, "bold")
            self._failure(words, faults, error.exit_code, more)
            self._warn_of_no_plan()
            raise
        except UsageError:
            raise  # nothing has begun, so old reports stay
        except TagsyncError as error:
            faults = (Diagnostic("error", code_of(error), str(error)),)
            self._failure("No result: 1 error", faults, error.exit_code)
            raise

    def _failure(self, title: str, diagnostics: Sequence[Diagnostic], exit_code: int, more: int = 0) -> None:
        def text(_view: View, lines: Lines, is_file: bool) -> None:  # noqa: FBT001 - as all of them
            if is_file:
                diagnostics_text(diagnostics, lines, names={}, limit=SHOWN_ERRORS, more=more)

        try:
            self._write(diagnostics_layouts(title, diagnostics, text=text, more=more), exit_code)
        except OSError as error:
            # The first error decides the exit code.
            self.error(f"{error.filename} could not be written: {error.strerror}")

    def diagnostics(
        self,
        diagnostics: Sequence[Diagnostic],
        names: Mapping[str, str],
        unlisted: Sequence[Unlisted] = (),
        *,
        with_notices: bool = False,
    ) -> None:
        """Write diagnostics to standard error: with notices if verbose, only errors if quiet."""
        verbose, quiet = self._settings.verbose, self._settings.quiet
        levels = {"error"} if quiet and not verbose else {"error", "warning"}
        if verbose or (with_notices and not quiet):
            levels.add("info")
        always = () if quiet else (NO_LONGER_DECLARED,)
        kept = [item for item in diagnostics if item.level in levels or item.code in always]
        more = sum(item.more for item in unlisted if item.level in levels)
        self._log.diagnostics(kept, names, limit=len(kept) if verbose else SHOWN_ERRORS, more=more)
        notices = sum(item.level == "info" and item.code not in always for item in diagnostics)
        if notices and not verbose and not quiet and not with_notices:
            self._log.notices(notices)

    def error(self, message: str) -> None:
        """Write an error to standard error."""
        self._log.error(message)

    def warn(self, message: str) -> None:
        """Write a warning to standard error."""
        if not self._settings.quiet:
            self._log.warn(message)

    def say(self, message: str) -> None:
        """Write a message to standard error, unless quiet."""
        if not self._settings.quiet:
            self._log.say(message)

    def settings(self, rows: Iterable[tuple[str, str, str]]) -> None:
        """Write settings to standard error: the name, value and source of each."""
        for name, value, source in rows:
            self._log.setting(name, value, source)

    @contextmanager
    def progress(self) -> Iterator[Listener]:
        """Yield a listener that shows progress, and counts API calls."""
        with self._progress() as view:

            def listen(event: Event) -> None:
                if isinstance(event, ApiCalls):
                    self._calls = ApiCalls(*map(add, self._calls, event))
                view(event)

            yield listen

    def _progress(self) -> NoProgress:
        """Return a bar in a terminal, plain lines elsewhere and in CI, and nothing if quiet."""
        if self._settings.quiet:
            return NoProgress()
        if sys.stderr.isatty() and "CI" not in os.environ:
            return BarProgress(sys.stderr, colour=self._colour)
        return PlainProgress(self._log.progress)

    def _write(
        self,
        layouts: Layouts[V],
        exit_code: int,
        *,
        failing_code: int = 1,
        saved_as: Path | None = None,
        to_standard_output: bool = True,
    ) -> None:
        """Write a result to each output file and to standard output, each in its format; see `write`."""
        wanted: list[Destination] = [*self._settings.report]
        if to_standard_output:
            wanted.append((self._settings.format, None))
        if saved_as:
            wanted.insert(0, ("json", saved_as))
        write(layouts, wanted, self._settings, self._run(exit_code), failing_code=failing_code)

    def _run(self, exit_code: int) -> Run:
        ended = datetime.fromisoformat(now()).timestamp()
        return Run(self._settings.command, exit_code, time.monotonic() - self._began, ended, self._calls)
