"""Write a plan, a report or a difference in every output format."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Generic, TextIO, TypeVar

from tagsync.documents.writer import (
    diagnostics_document,
    difference_document,
    plan_document,
    report_document,
    tests_document,
)
from tagsync.errors import UsageError
from tagsync.model import Diagnostic, Difference, Plan, Report, TestRun
from tagsync.reporting import FORMATS, Format
from tagsync.reporting.console import Lines
from tagsync.reporting.coverage_text import coverage_text
from tagsync.reporting.difference_text import difference_text
from tagsync.reporting.github import annotations
from tagsync.reporting.html.page import diagnostics_html, difference_html, plan_html, report_html
from tagsync.reporting.junit import junit
from tagsync.reporting.markdown import MAX_BYTES, markdown
from tagsync.reporting.phrases import NO_NAMES, Names
from tagsync.reporting.plan_view import DifferenceView, PlanView
from tagsync.reporting.prometheus import Run, prometheus
from tagsync.reporting.report_view import CANCELLED, ReportView
from tagsync.reporting.results_text import ResultsView, results_text
from tagsync.reporting.text import plan_text, report_text
from tagsync.reporting.view import DiagnosticsView, View

V = TypeVar("V", bound=View)


class Layouts(Generic[V]):
    """A result, and how each format lays it out.

    Args:
        make_view: makes what all formats but JSON show, if one of them is asked for.
        text: writes lines, given whether they go to a file, which gets everything.
        json: yields a document.
        html: yields a page.
    """

    def __init__(
        self,
        make_view: Callable[[], V],
        *,
        text: Callable[[V, Lines, bool], None],
        json: Callable[[], Iterator[str]],
        html: Callable[[V], Iterator[str]],
    ) -> None:
        self._make_view = make_view
        self.text = text
        self.json = json
        self.html = html

    @cached_property
    def view(self) -> V:
        """What the formats show."""
        return self._make_view()

    def write(
        self,
        kind: Format,
        stream: TextIO,
        *,
        lines: Lines,
        is_file: bool = True,
        max_bytes: int = MAX_BYTES,
        link: str | None = None,
        names: Names | None = None,
        run: Run | None = None,
        previous: str = "",
    ) -> None:
        """Write one format.

        Args:
            kind: the format.
            stream: where to.
            lines: writes styled lines to the stream.
            is_file: whether the stream is a file, which gets text in full.
            max_bytes: the most bytes of Markdown.
            link: the URL that Markdown links to for all details.
            names: what annotations call the manifests.
            run: the run, for metrics and JUnit.
            previous: the text of the file of metrics that this one replaces.
        """
        if kind == "json":
            stream.writelines(self.json())
        elif kind == "html":
            stream.writelines(self.html(self.view))
        elif kind == "markdown":
            stream.write(markdown(self.view, max_bytes=max_bytes, link=link))
        elif kind == "junit":
            stream.writelines(junit(self.view, succeeded=run is None or run.succeeded))
        elif kind == "prometheus":
            stream.writelines(prometheus(self.view, run, previous))
        else:
            if kind == "github":
                stream.writelines(annotations(self.view, names))
            self.text(self.view, lines, is_file)


def plan_layouts(
    plan: Plan,
    *,
    everything: bool = False,
    thumbnails: bool = False,
    refused: bool = False,
    with_blocks: bool = True,
) -> Layouts[PlanView]:
    """Return the layouts of a plan.

    Args:
        plan: the plan.
        everything: whether text on standard output lists all files too, as text files do.
        thumbnails: whether the HTML page loads thumbnails.
        refused: whether the plan must not be applied.
        with_blocks: whether text on standard output says why guards block the plan, or only names them.
    """

    def text(view: PlanView, lines: Lines, is_file: bool) -> None:  # noqa: FBT001 - as `Layouts` calls it
        plan_text(view, lines, everything=everything or is_file, with_blocks=with_blocks or is_file)
        coverage_text(view, lines, everything=everything or is_file)

    return Layouts(
        lambda: PlanView(plan, refused=refused),
        text=text,
        json=lambda: plan_document(plan),
        html=lambda view: plan_html(view, thumbnails=thumbnails),
    )


def report_layouts(
    report: Report, *, everything: bool = False, thumbnails: bool = False, plan_shown: bool = False
) -> Layouts[ReportView]:
    """Return the layouts of a report.

    Args:
        report: the report.
        everything: whether text on standard output lists all files too, as text files do.
        thumbnails: whether the HTML page loads thumbnails.
        plan_shown: whether the plan is on standard output already: below an empty one, text adds only the commit.
    """

    def text(view: ReportView, lines: Lines, is_file: bool) -> None:  # noqa: FBT001 - as `Layouts` calls it
        if is_file or report.plan.changes or not plan_shown:
            below = plan_shown and not is_file
            if below and view.title != CANCELLED:
                lines.write()
            report_text(view, lines, everything=everything or is_file, plan_shown=below, with_refusals=is_file)
        elif words := view.commit_words():
            lines.write_sentence(words)

    return Layouts(
        lambda: ReportView(report),
        text=text,
        json=lambda: report_document(report),
        html=lambda view: report_html(view, thumbnails=thumbnails),
    )


def difference_layouts(difference: Difference, *, everything: bool = False) -> Layouts[DifferenceView]:
    """Return the layouts of the difference between two plans; see `plan_layouts`."""
    return Layouts(
        lambda: DifferenceView(difference),
        text=lambda view, lines, is_file: difference_text(view, lines, everything=everything or is_file),
        json=lambda: difference_document(difference),
        html=difference_html,
    )


def diagnostics_layouts(
    title: str,
    diagnostics: Sequence[Diagnostic],
    *,
    text: Callable[[DiagnosticsView, Lines, bool], None],
    names: Names = NO_NAMES,
    manifests: Iterable[str] = (),
    more: int = 0,
) -> Layouts[DiagnosticsView]:
    """Return the layouts of a command that made no plan.

    Args:
        title: the outcome in a few words.
        diagnostics: what was found.
        text: as `Layouts` takes it.
        names: how to show manifests.
        manifests: the names of those that were read.
        more: how many diagnostics were not even kept.
    """
    return Layouts(
        lambda: DiagnosticsView(title, diagnostics, names=names, manifests=manifests, more=more),
        text=text,
        json=lambda: diagnostics_document(diagnostics, more=more),
        html=diagnostics_html,
    )


def results_layouts(run: TestRun, *, everything: bool = False) -> Layouts[ResultsView]:
    """Return the layouts of a run of tests; see `plan_layouts`."""
    return Layouts(
        lambda: ResultsView(run),
        text=lambda view, lines, is_file: results_text(view, lines, everything=everything or is_file),
        json=lambda: tests_document(run),
        html=diagnostics_html,
    )


def render(
    document: Plan | Report | Difference | TestRun,
    stream: TextIO,
    kind: Format = "text",
    *,
    thumbnails: bool = False,
    max_bytes: int = MAX_BYTES,
    link: str | None = None,
) -> None:
    """Write a plan, a report, a difference or a run of tests in one format; text is complete and without colours.

    Args:
        document: what to write.
        stream: where to; for Markdown, HTML and JUnit its encoding should be UTF-8.
        kind: the format.
        thumbnails: whether an HTML page loads thumbnails; the plan has to have been made with them.
        max_bytes: the most bytes of Markdown.
        link: the URL that Markdown links to for all details.

    Raises:
        UsageError: there is no such format.
    """
    if kind not in FORMATS:
        raise UsageError(f"format is {kind!r}: use one of {', '.join(FORMATS)}")
    layouts: Layouts[PlanView] | Layouts[ReportView] | Layouts[DifferenceView] | Layouts[ResultsView]
    if isinstance(document, Plan):
        layouts = plan_layouts(document, thumbnails=thumbnails)
    elif isinstance(document, Report):
        layouts = report_layouts(document, thumbnails=thumbnails)
    elif isinstance(document, TestRun):
        layouts = results_layouts(document)
    else:
        layouts = difference_layouts(document)
    layouts.write(kind, stream, lines=Lines(stream, colour=False), max_bytes=max_bytes, link=link)
