"""Write standard error as JSON Lines, for log collectors."""

import io
import json
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TextIO

from tagsync.escape import shown
from tagsync.events import Event
from tagsync.model import Diagnostic, Level, as_shown, counted
from tagsync.reporting.phrases import Names, notices_listed, worst_first

Field = str | int | float | None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class JsonLog(io.TextIOBase):
    """Writes one JSON object a line. It also is a text stream, so that anything can be written to it.

    All strings are escaped like text on a terminal, so that they are still harmless after a reader has decoded them.

    Args:
        stream: where to. What cannot be written is lost, because a run must not fail for its log.
        now: returns the time in ISO 8601.
    """

    def __init__(self, stream: TextIO, *, now: Callable[[], str] = _now) -> None:
        self._stream = stream
        self._now = now
        self._begun = ""

    def record(self, level: Level, event: str, message: str, **fields: Field) -> None:
        """Write one object; fields that are None are left out."""
        line = {"time": self._now(), "level": level, "event": event, "message": message} | fields
        kept = {key: shown(value) if isinstance(value, str) else value for key, value in line.items()}
        with suppress(OSError):
            self._stream.write(json.dumps({key: value for key, value in kept.items() if value is not None}) + "\n")
            self._stream.flush()

    def error(self, message: str, code: str | None = None) -> None:
        """Write an error."""
        self.record("error", "error", message, code=code)

    def usage(self, text: str) -> None:
        """Write how to use a command, without its help."""
        self.record("info", "usage", text.partition("\n")[0])

    def hint(self, message: str) -> None:
        """Write how to fix the error before it."""
        self.record("info", "hint", message)

    def warn(self, message: str) -> None:
        """Write a warning."""
        self.record("warning", "warning", message)

    def say(self, message: str, style: str = "") -> None:  # noqa: ARG002 - styles are for terminals
        """Write a message."""
        self.record("info", "message", message)

    def setting(self, name: str, value: str, source: str) -> None:
        """Write where a setting comes from."""
        self.record("info", "setting", f"setting {name}", name=name, value=value or None, source=source)

    def progress(self, event: Event, message: str) -> None:
        """Write an event of the run with its fields."""
        fields = {key: round(value, 3) if isinstance(value, float) else value for key, value in event._asdict().items()}
        self.record("info", name_of(event), message, **fields)

    def diagnostics(self, found: Sequence[Diagnostic], names: Names, *, limit: int, more: int = 0) -> None:
        """Write at most `limit` diagnostics, errors first, and the number of the others."""
        ranked = worst_first(found)
        for item in (as_shown(each, names) for each in ranked[:limit]):
            source = shown(item.where) or None
            self.record(item.level, "diagnostic", item.message, code=item.code, source=source)
        if left := more + max(0, len(ranked) - limit):
            self.record("info", "not-listed", counted(left, "more diagnostic"), count=left)

    def notices(self, count: int) -> None:
        """Write how many notices -v would list."""
        self.record("info", "not-listed", notices_listed(count), count=count)

    def write(self, text: str) -> int:
        """Write each line of a text as a warning, because only libraries write to standard error directly."""
        *lines, self._begun = (self._begun + text).split("\n")
        for line in filter(None, map(str.strip, lines)):
            self.record("warning", "warning", line)
        return len(text)

    def writable(self) -> bool:
        """Return that text can be written."""
        return True

    def fileno(self) -> int:
        """Return the descriptor of the stream below."""
        return self._stream.fileno()


def name_of(event: Event) -> str:
    """Return the name of an event in logs: that of FilesRead is `files-read`."""
    return re.sub("(?<=[a-z])(?=[A-Z])", "-", type(event).__name__).lower()
