"""Write a result in each requested format, to standard output and to files."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from tagsync.cli.ci import names_in_repository, page_of_run, tell_step
from tagsync.cli.options import OutputSettings
from tagsync.cli.output_files import in_utf_8, opened, text_of
from tagsync.reporting import Format
from tagsync.reporting.console import Lines
from tagsync.reporting.formats import Layouts, V
from tagsync.reporting.markdown import markdown
from tagsync.reporting.prometheus import Run

_UTF_8 = ("markdown", "html", "junit", "prometheus")
"""Formats that are UTF-8 whatever the locale."""

Destination = tuple[Format, Path | None]
"""A format and a file; None is standard output."""


def write(
    layouts: Layouts[V],
    wanted: Sequence[Destination],
    settings: OutputSettings,
    run: Run,
    *,
    failing_code: int = 1,
) -> None:
    """Write a result to all its destinations; on GitHub, also to the step's summary and outputs.

    JSON comes first, and metrics last: they have the exit code of a run that could not write another file.

    Args:
        layouts: the result.
        wanted: the destinations.
        settings: how to write it.
        run: the run, with its exit code.
        failing_code: its exit code if something cannot be written.

    Raises:
        OSError: one of them could not be written; the others are.
    """
    failed: OSError | None = None
    for kind, path in sorted(wanted, key=lambda item: (item[0] != "json", item[0] == "prometheus")):
        try:
            previous = text_of(path) if kind == "prometheus" else ""
            # The only other file is a plan that --out saves: anyone who can edit it decides what is applied.
            with opened(path, private=(kind, path) not in settings.report) as stream:
                _lay_out(layouts, kind, stream, settings, run, previous=previous, is_file=path is not None)
                stream.flush()
        except OSError as error:
            error.filename = str(path or "standard output")
            failed = failed or error
            run = run._replace(exit_code=failing_code)
    if any(kind == "github" for kind, _ in wanted):
        try:
            text = markdown(layouts.view, max_bytes=settings.max_bytes, link=_link(settings))
            tell_step(layouts.view, text, run.exit_code)
        except OSError as error:
            failed = failed or error
    if failed:
        raise failed


def _lay_out(
    layouts: Layouts[V],
    kind: Format,
    stream: TextIO,
    settings: OutputSettings,
    run: Run,
    *,
    previous: str,
    is_file: bool,
) -> None:
    if kind in _UTF_8 and not is_file:
        in_utf_8(stream)
    layouts.write(
        kind,
        stream,
        lines=lines_to(stream, settings),
        is_file=is_file,
        max_bytes=settings.max_bytes,
        link=_link(settings),
        names=names_in_repository(layouts.view) if kind == "github" else None,
        run=run,
        previous=previous,
    )


def _link(settings: OutputSettings) -> str | None:
    return settings.link if settings.link is not None else page_of_run()


def lines_to(stream: TextIO, settings: OutputSettings) -> Lines:
    """Return a writer of lines: styled on standard output, plain in files."""
    return Lines(stream, colour=None if stream is sys.stdout and not settings.no_color else False)
