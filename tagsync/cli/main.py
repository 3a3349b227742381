"""Run a command line: every end has an exit code and a message, never a traceback."""

import io
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from tagsync.cli.commands import cli
from tagsync.cli.habits import answer
from tagsync.cli.log import json_log
from tagsync.cli.signals import kept
from tagsync.errors import InterruptedRunError, ManifestError, TagsyncError, UsageError, code_of, message_of
from tagsync.escape import shown

if TYPE_CHECKING:
    from tagsync.reporting.json_log import JsonLog

__all__ = ["cli", "run"]

_USAGE = "usage"
_SIMILAR = 0.75
"""The least similarity of an option that an error suggests."""


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal or locale that lacks a character gets its escape, not an error.
            stream.reconfigure(errors="backslashreplace")
    with kept():
        with json_log(arguments) as errors:
            try:
                code = cli.main(args=list(arguments), prog_name="tagsync", standalone_mode=False)
                if not code:  # a command that failed keeps its own exit code
                    sys.stdout.flush()
            except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last stop
                code = _report(error, arguments, errors or _PlainErrors())
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:
                # Drop the text, or Python would fail again at exit with another exit code.
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return code if isinstance(code, int) else 0


class _PlainErrors:
    """Writes errors as text, without the modules for colours, which load slowly."""

    def error(self, message: str, code: str) -> None:  # noqa: ARG002 - text shows none
        """Write an error."""
        self._write_sentence(f"error: {shown(message)}")

    def hint(self, message: str) -> None:
        """Write how to fix the error, on a line that is easy to copy."""
        self._write(f"  {shown(message)}")

    def usage(self, text: str) -> None:
        """Write how to use a command."""
        self._write(text)

    def _write(self, text: str) -> None:
        with suppress(OSError):
            sys.stderr.write(f"{text}\n")

    def _write_sentence(self, text: str) -> None:
        if not sys.stderr.isatty():
            self._write(text)
            return
        from tagsync.reporting.console import Lines  # noqa: PLC0415 - start-up

        Lines(sys.stderr, colour=False, may_be_lost=True).write_sentence(text)


def _report(error: BaseException, arguments: Sequence[str], errors: "_PlainErrors | JsonLog") -> int:
    """Write what ended the run to standard error, and return the exit code."""
    code = 1
    match error:
        case click.UsageError():
            _report_usage(error, arguments, errors)
            code = UsageError.exit_code
        case ManifestError():
            # `Output.failures_written` has shown its errors, for it knows the output's settings.
            _write_notes(error, errors)
        case TagsyncError():
            errors.error(str(error), code_of(error))
            _write_notes(error, errors)
            code = error.exit_code
        case click.Abort() | KeyboardInterrupt():
            errors.error("interrupted", code_of(InterruptedRunError(signal.SIGINT)))
            code = 128 + signal.SIGINT
        case BrokenPipeError():
            pass  # the reader has closed the pipe
        case _:
            errors.error(message_of(error), code_of(error))
    return code


def _write_notes(error: BaseException, errors: "_PlainErrors | JsonLog") -> None:
    """Write the notes of an error on lines of their own: they may contain a command to copy."""
    for note in getattr(error, "__notes__", ()):
        errors.hint(note)


def _report_usage(error: click.UsageError, arguments: Sequence[str], errors: "_PlainErrors | JsonLog") -> None:
    """Write what is wrong with a command line, or the right command for words of other tools.

    Arguments are escaped: shells expand file names, and anyone may have chosen these.
    """
    message, context = error.format_message(), error.ctx
    if context and message == context.get_help():
        errors.usage(message)
    elif right := answer(arguments):
        errors.error(right, _USAGE)
    else:
        if context:
            usage = " ".join(context.get_usage().split())
            errors.usage(f"{usage} (for help: {context.command_path} --help)")
        if isinstance(error, click.NoSuchOption):
            message = _without_far_options(error)
        errors.error(" ".join(message.split()) if isinstance(error, click.MissingParameter) else message, _USAGE)


def _without_far_options(error: click.NoSuchOption) -> str:
    """Return an error's message that suggests only options with similar names: click also suggests others."""
    from difflib import SequenceMatcher  # noqa: PLC0415 - start-up

    name = error.option_name.strip("-")
    found = error.possibilities or []
    found[:] = [option for option in found if SequenceMatcher(None, name, option.strip("-")).ratio() >= _SIMILAR]
    return error.format_message()
