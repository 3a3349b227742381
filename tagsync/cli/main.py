"""Run a command line: every end has an exit code and a message, never a traceback."""

import io
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TextIO

import click

from tagsync.cli.commands import cli
from tagsync.cli.habits import answer
from tagsync.cli.signals import kept
from tagsync.errors import ManifestError, TagsyncError, UsageError, message_of
from tagsync.escape import shown

__all__ = ["cli", "run"]


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal or locale that lacks a character gets its escape, not an error.
            stream.reconfigure(errors="backslashreplace")
    with kept():
        try:
            code = cli.main(args=list(arguments), prog_name="tagsync", standalone_mode=False)
            if not code:  # a command that failed keeps its own exit code
                sys.stdout.flush()
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last stop
            code = _report(error, arguments)
        for stream in (sys.stdout, sys.stderr):
            _settle(stream)
    return code if isinstance(code, int) else 0


def _report(error: BaseException, arguments: Sequence[str]) -> int:
    """Write what ended the run to standard error, and return the exit code."""
    code = 1
    match error:
        case click.UsageError():
            _report_usage(error, arguments)
            code = UsageError.exit_code
        case ManifestError():
            # `Output.failures_written` has shown its errors, for it knows the output's settings.
            _write_notes(error)
        case TagsyncError():
            _write_error(str(error))
            _write_notes(error)
            code = error.exit_code
        case click.Abort() | KeyboardInterrupt():
            _write_error("interrupted")
            code = 128 + signal.SIGINT
        case BrokenPipeError():
            pass  # the reader has closed the pipe
        case _:
            _write_error(message_of(error))
    return code


def _settle(stream: TextIO) -> None:
    """Flush a stream; if that fails, drop its text, or Python would fail again at exit with another exit code."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _write_error(message: str) -> None:
    with suppress(OSError):
        sys.stderr.write(f"error: {shown(message)}\n")


def _write_notes(error: BaseException) -> None:
    """Write the notes of an error on lines of their own: they may contain a command to copy."""
    with suppress(OSError):
        sys.stderr.writelines(f"  {shown(note)}\n" for note in getattr(error, "__notes__", ()))


def _report_usage(error: click.UsageError, arguments: Sequence[str]) -> None:
    """Write what is wrong with a command line, or the right command for words of other tools.

    Arguments are escaped: shells expand file names, and anyone may have chosen these.
    """
    message, context = error.format_message(), error.ctx
    with suppress(OSError):
        if context and message == context.get_help():
            sys.stderr.write(f"{message}\n")
        elif right := answer(arguments):
            _write_error(right)
        else:
            if context:
                usage = " ".join(context.get_usage().split())
                sys.stderr.write(f"{usage} (for help: {context.command_path} --help)\n")
            _write_error(" ".join(message.split()) if isinstance(error, click.MissingParameter) else message)
