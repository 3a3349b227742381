"""One result in every format, written wherever it was asked for."""

import io
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Generic, TextIO, TypeVar

from tagsync.cli.ci import names_in_repository, page_of_run, tell_step
from tagsync.cli.files import opened
from tagsync.cli.options import OutputSettings
from tagsync.reporting.console import Lines
from tagsync.reporting.github import annotations
from tagsync.reporting.junit import junit
from tagsync.reporting.markdown import markdown
from tagsync.reporting.view import View

V = TypeVar("V", bound=View)

_UTF_8 = ("markdown", "html", "junit")
"""Formats that are read as UTF-8, whatever the locale says."""

Destination = tuple[str, Path | None]
"""A format and a file; None is standard output."""


class Layouts(Generic[V]):
    """A result, and how each format lays it out.

    Args:
        make_view: makes what all formats but JSON show, if one of them is asked for.
        text: writes lines, told whether they go to a file.
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
    layouts: Layouts[V],
    wanted: Sequence[Destination],
    settings: OutputSettings,
    exit_code: int,
    *,
    failing_code: int = 1,
) -> None:
    """Write a result to all its destinations, documents first; on GitHub, also to the step's summary and outputs.

    Args:
        layouts: the result.
        wanted: where to.
        settings: how.
        exit_code: what the run is going to end with.
        failing_code: what it ends with instead if something cannot be written.

    Raises:
        OSError: one of them could not be written; the others are.
    """
    failed: OSError | None = None
    for kind, path in sorted(wanted, key=lambda item: item[0] != "json"):
        try:
            with opened(path) as stream:
                _lay_out(layouts, kind, stream, settings, is_file=path is not None)
                stream.flush()
        except OSError as error:
            error.filename = str(path or "standard output")
            failed = failed or error
    if any(kind == "github" for kind, _ in wanted):
        try:
            tell_step(layouts.view, _markdown(layouts, settings), failing_code if failed else exit_code)
        except OSError as error:
            failed = failed or error
    if failed:
        raise failed


def _lay_out(layouts: Layouts[V], kind: str, stream: TextIO, settings: OutputSettings, *, is_file: bool) -> None:
    if kind in _UTF_8 and not is_file and isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding="utf-8")
    if kind == "text":
        layouts.text(layouts.view, lines_to(stream, settings), is_file)
    elif kind == "json":
        stream.writelines(layouts.json())
    elif kind == "html":
        stream.writelines(layouts.html(layouts.view))
    elif kind == "markdown":
        stream.write(_markdown(layouts, settings))
    elif kind == "junit":
        stream.writelines(junit(layouts.view))
    else:
        stream.writelines(annotations(layouts.view, names_in_repository(layouts.view)))
        layouts.text(layouts.view, lines_to(stream, settings), is_file)


def _markdown(layouts: Layouts[V], settings: OutputSettings) -> str:
    link = settings.link if settings.link is not None else page_of_run()
    return markdown(layouts.view, max_bytes=settings.max_bytes, link=link)


def lines_to(stream: TextIO, settings: OutputSettings) -> Lines:
    """Return what writes styled lines to standard output, and plain ones to files."""
    return Lines(stream, colour=None if stream is sys.stdout and not settings.no_color else False)
