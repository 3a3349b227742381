"""Show progress on standard error: as a bar on a terminal, else as plain lines from time to time."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from tagsync.escape import shown
from tagsync.events import (
    AwaitingChanges,
    AwaitingIndex,
    CheckingRemovals,
    Event,
    Examining,
    Exporting,
    FilesRead,
    LookingAgain,
    ManifestsRead,
    ReadingBack,
    RequestDone,
    Retrying,
    Waiting,
)
from tagsync.model import counted
from tagsync.reporting.phrases import duration

_FILES_A_LINE = 10_000
_LINES_OF_CALLS = 10
_SECONDS_A_LINE = 1.0
_LONGEST_SILENCE = 5.0
"""Seconds after which the next event is worth a line, unless it only repeats a wait."""

_SHORT_WAIT = 2.0
"""Seconds of a wait that are not worth a line."""

_BAR = 20
"""Columns of the bar; it fits next to its description on a terminal of 80 columns."""

_AWAITED = {
    Waiting: "the rate limit",
    AwaitingIndex: "the listing to show recent changes",
    AwaitingChanges: "ImageKit to show the changes",
}
_READING = {LookingAgain: "re-reading", ReadingBack: "verifying"}


class NoProgress:
    """Shows nothing of a run's events; the other classes show them while they are entered."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def __call__(self, event: Event) -> None:
        """Show nothing."""


class PlainProgress(NoProgress):
    """Writes a line for each phase, 10,000 files, tenth of the API calls (at most one a second), retry and long wait.

    Between these, it writes a line for any other event that comes 5 seconds after the last line. Equal waits of
    concurrent calls are one line.

    Args:
        write: writes an event with its description.
        clock: returns seconds; monotonic.
    """

    def __init__(self, write: Callable[[Event, str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._write = write
        self._clock = clock
        self._wrote_at = clock()
        self._awaited_until = float("-inf")
        self._check = ""
        self._next_files = 0
        self._unsaid: RequestDone | None = None
        """The latest API call that no line counts; the last one is counted when the calls end."""
        self._next_calls = self._next_seconds = 0.0

    def __exit__(self, *_: object) -> None:
        self._end_of_calls()

    def __call__(self, event: Event) -> None:
        """Write a line if the event is worth one."""
        if isinstance(event, ReadingBack) and not event.done:
            self._end_of_calls()
        words = self._words(event)
        if isinstance(event, RequestDone):
            self._unsaid = None if words else event
        if words:
            self._write(event, words)
            self._wrote_at = self._clock()

    def _end_of_calls(self) -> None:
        """Write how many API calls there were, if the last line says less: their number is planned, and may change."""
        if self._unsaid:
            words = ", ".join([f"{counted(self._unsaid.done, 'API call')} in total", *_speed(self._unsaid)[:1]])
            self._write(self._unsaid, words)
            self._unsaid = None

    def _words(self, event: Event) -> str | None:
        """Return the line for an event; None if it is not worth one now."""
        silent = self._clock() - self._wrote_at
        is_late = silent >= _LONGEST_SILENCE
        words = None
        match event:
            case FilesRead(files, None) if files >= self._next_files or is_late:
                self._next_files = files - files % _FILES_A_LINE + _FILES_A_LINE
                words = f"reading the library: {counted(files, 'file')}"
            case LookingAgain(files, done) | ReadingBack(files, done) if not done or is_late:
                words = f"{_READING[type(event)]} {counted(files, 'file')}{f': {done:,} read' if done else ''}"
            case CheckingRemovals(files) if is_late:
                words = f"re-reading files before tags are removed: {files:,} read"
            case Examining(check) if is_late or (silent >= _SECONDS_A_LINE and check != self._check):
                self._check = check
                words = f"checking {check}"
            case RequestDone(done, total, at) if done == total or is_late or self._is_time(done, at):
                self._next_calls = done + total / _LINES_OF_CALLS
                self._next_seconds = at + _SECONDS_A_LINE
                words = ", ".join([f"{done:,} of {counted(total, 'API call')}", *_speed(event, " of calls")])
            case Waiting(seconds) | AwaitingIndex(seconds) | AwaitingChanges(seconds) if self._is_news(seconds):
                words = f"waiting for {_AWAITED[type(event)]}: {duration(seconds)}"
            case _:
                words = _always(event)
        return words

    def _is_news(self, seconds: float) -> bool:
        """Return whether a wait is long, and ends later than those that were written."""
        until = self._clock() + seconds
        if seconds < _SHORT_WAIT or until < self._awaited_until + _SECONDS_A_LINE:
            return False
        self._awaited_until = until
        return True

    def _is_time(self, done: int, at: float) -> bool:
        """Return whether a line of API calls is due: a tenth of them later, and not in the same second."""
        return done >= self._next_calls and (at <= 0 or at >= self._next_seconds)


class BarProgress(NoProgress):
    """Draws one bar on a terminal."""

    def __init__(self, stream: TextIO, *, colour: bool | None) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=_BAR),
            _CountColumn(),
            TimeElapsedColumn(),
            console=Console(file=stream, no_color=True if colour is False else None),
            transient=True,
        )
        self._task: TaskID = self._progress.add_task("starting", total=None)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        # An apply must not lose its report because the terminal is closed.
        with suppress(OSError):
            self._progress.stop()

    def __call__(self, event: Event) -> None:
        """Move the bar."""
        match event:
            case ManifestsRead():
                self._show("reading the library", 0, None)
            case FilesRead(files, query):
                words = "reading the library" if query is None else f"searching for {shown(query, 40)}"
                self._show(words, files, None)
            case Exporting(files):
                self._show("exporting", 0, files)
            case LookingAgain(files, done) | ReadingBack(files, done):
                self._show(_READING[type(event)], done, files)
            case CheckingRemovals(files):
                words = f"re-reading {counted(files, 'file')} before removals"
                self._progress.update(self._task, description=words)
            case Examining(check):
                self._show(f"checking {check}", 0, None)
            case RequestDone(done, total):
                self._show(", ".join(["sending", *_speed(event)]), done, total)
            case Waiting(seconds) | AwaitingIndex(seconds) | AwaitingChanges(seconds):
                words = f"waiting for {_AWAITED[type(event)]}: {duration(seconds)}"
                self._progress.update(self._task, description=words)
            case Retrying(seconds=seconds):
                self._progress.update(self._task, description=f"retrying in {duration(seconds)}")

    def _show(self, description: str, completed: int, total: int | None) -> None:
        self._progress.update(self._task, description=description, completed=completed, total=total)


class _CountColumn(ProgressColumn):
    """Shows how much is done, and the total if there is one; nothing before there is anything."""

    def render(self, task: Task) -> Text:
        """Return the text of the column."""
        if task.total is None:
            return Text(f"{task.completed:,.0f}" if task.completed else "")
        return Text(f"{task.completed:,.0f}/{task.total:,.0f}")


def _always(event: Event) -> str | None:
    """Return the line for an event that always has one; None for another event."""
    match event:
        case ManifestsRead(manifests, entries):
            return f"read {counted(entries, 'rule')} from {counted(manifests, 'file')}"
        case FilesRead(files, str(query)):
            return f"searching for {shown(query, 60)}: {counted(files, 'file')}"
        case Exporting(files):
            return f"exporting {counted(files, 'file')}"
        case Retrying(call, _, seconds, error):
            return f"retrying {shown(call, 60)} in {duration(seconds)}: {shown(error, 200)}"
    return None


def _speed(event: RequestDone, left: str = "") -> list[str]:
    """Return API calls per second, seconds waited for the rate limit, and seconds left; nothing in the first second.

    Args:
        event: an API call that ended.
        left: of what these seconds are left.
    """
    if event.seconds < _SECONDS_A_LINE:
        return []
    rate = event.done / event.seconds
    return [
        f"{rate:,.1f} per second",
        *([f"{duration(event.waited)} waiting"] if event.waited else []),
        *([f"{duration(event.left)}{left} left"] if event.left else []),
    ]
