"""Write messages and diagnostics to standard error as text; `json_log` writes them as JSON Lines."""

from collections.abc import Sequence
from typing import TextIO

from tagsync.escape import shown
from tagsync.events import Event
from tagsync.model import Diagnostic
from tagsync.reporting.console import Lines
from tagsync.reporting.phrases import Names, notices_listed
from tagsync.reporting.text import diagnostics_text

MAX_SETTING = 200
"""The most characters of a setting's value that are shown."""


class TextLog:
    """Writes lines. What cannot be written is lost, because a run must not fail for its log.

    Args:
        stream: where to.
        colour: whether lines may be coloured; None to decide by the stream and the environment.
    """

    def __init__(self, stream: TextIO, *, colour: bool | None = None) -> None:
        self.lines = Lines(stream, colour=colour, may_be_lost=True)

    def error(self, message: str) -> None:
        """Write an error."""
        self.lines.write_sentence(("error: ", "bold red"), shown(message))

    def warn(self, message: str) -> None:
        """Write a warning."""
        self.lines.write_sentence(("warning: ", "yellow"), shown(message))

    def say(self, message: str, style: str = "") -> None:
        """Write a message."""
        self.lines.write_sentence((shown(message), style))

    def setting(self, name: str, value: str, source: str) -> None:
        """Write where a setting comes from."""
        text = f" = {shown(value, MAX_SETTING)}" if value else ""
        self.lines.write_sentence((f"setting {name}{text} ({shown(source)})", "dim"))

    def progress(self, event: Event, message: str) -> None:  # noqa: ARG002 - the message says it all
        """Write an event of the run."""
        self.lines.write_sentence(f"tagsync: {message}")

    def diagnostics(self, found: Sequence[Diagnostic], names: Names, *, limit: int, more: int = 0) -> None:
        """Write at most `limit` diagnostics, errors first, and the number of the others."""
        diagnostics_text(found, self.lines, names=names, limit=limit, more=more)

    def notices(self, count: int) -> None:
        """Write how many notices -v would list."""
        self.lines.write_sentence((notices_listed(count), "dim"))
