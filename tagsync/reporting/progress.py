"""Show progress on standard error: as a bar on a terminal, else as plain lines from time to time."""

from collections.abc import Callable
from contextlib import suppress
from typing import Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from tagsync.escape import shown
from tagsync.events import (
    AwaitingIndex,
    Event,
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
_BAR = 20
"""Columns of the bar; it fits next to its description on a terminal of 80 columns."""

_AWAITED = {Waiting: "the rate limit", AwaitingIndex: "the listing to show recent changes"}


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

    Args:
        write: writes an event with its description.
    """

    def __init__(self, write: Callable[[Event, str], None]) -> None:
        self._write = write
        self._next_files = 0
        self._unsaid: RequestDone | None = None
        """The latest API call that no line counts; the last one is counted when the calls end."""
        self._next_calls = self._next_seconds = 0.0

    def __exit__(self, *_: object) -> None:
        self._end_of_calls()

    def __call__(self, event: Event) -> None:
        """Write a line if the event is worth one."""
        if isinstance(event, ReadingBack):
            self._end_of_calls()
        words = self._words(event)
        if isinstance(event, RequestDone):
            self._unsaid = None if words else event
        if words:
            self._write(event, words)

    def _end_of_calls(self) -> None:
        """Write how many API calls there were, if the last line says less: their number is planned, and may change."""
        if self._unsaid:
            words = ", ".join([f"{counted(self._unsaid.done, 'API call')} in total", *_speed(self._unsaid)[:1]])
            self._write(self._unsaid, words)
            self._unsaid = None

    def _words(self, event: Event) -> str | None:
        words = None
        match event:
            case ManifestsRead(manifests, entries):
                words = f"read {counted(entries, 'rule')} from {counted(manifests, 'file')}"
            case FilesRead(files, None) if files >= self._next_files:
                self._next_files = files - files % _FILES_A_LINE + _FILES_A_LINE
                words = f"reading the library: {counted(files, 'file')}"
            case FilesRead(files, str(query)):
                words = f"searching for {shown(query, 60)}: {counted(files, 'file')}"
            case Exporting(files):
                words = f"exporting {counted(files, 'file')}"
            case LookingAgain(files):
                words = f"re-reading {counted(files, 'file')}"
            case RequestDone(done, total, at) if done == total or self._is_time(done, at):
                self._next_calls = done + total / _LINES_OF_CALLS
                self._next_seconds = at + _SECONDS_A_LINE
                words = ", ".join([f"{done:,} of {counted(total, 'API call')}", *_speed(event)])
            case ReadingBack(files):
                words = f"verifying {counted(files, 'file')}"
            case Waiting(seconds) | AwaitingIndex(seconds):
                words = f"waiting for {_AWAITED[type(event)]}: {duration(seconds)}"
            case Retrying(call, _, seconds, error):
                words = f"retrying {shown(call, 60)} in {duration(seconds)}: {shown(error, 200)}"
        return words

    def _is_time(self, done: int, at: float) -> bool:
        """Return whether a line of API calls is due: a tenth of them later, and not in the same second."""
        return done >= self._next_calls and (at <= 0 or at >= self._next_seconds)


class BarProgress(NoProgress):
    """Draws one bar on a terminal."""

    def __init__(self, stream: TextIO, *, colour: bool | None) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=_BAR),
            MofNCompleteColumn(),
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
            case LookingAgain(files):
                self._show("re-reading", 0, files)
            case RequestDone(done, total):
                self._show(", ".join(["sending", *_speed(event)]), done, total)
            case ReadingBack(files):
                self._show("verifying", 0, files)
            case Waiting(seconds) | AwaitingIndex(seconds):
                words = f"waiting for {_AWAITED[type(event)]}: {duration(seconds)}"
                self._progress.update(self._task, description=words)
            case Retrying(seconds=seconds):
                self._progress.update(self._task, description=f"retrying in {duration(seconds)}")

    def _show(self, description: str, completed: int, total: int | None) -> None:
        self._progress.update(self._task, description=description, completed=completed, total=total)


def _speed(event: RequestDone) -> list[str]:
    """Return API calls per second, seconds waited for the rate limit, and seconds left; nothing in the first second."""
    if event.seconds < _SECONDS_A_LINE:
        return []
    rate = event.done / event.seconds
    return [
        f"{rate:,.1f} per second",
        *([f"{duration(event.waited)} waiting"] if event.waited else []),
        *([f"{duration((event.total - event.done) / rate)} left"] if event.done < event.total else []),
    ]
