import io
import os
import pty
from collections.abc import Iterable
from contextlib import suppress

import pytest

from tagsync.events import (
    AwaitingChanges,
    AwaitingIndex,
    CheckingRemovals,
    Event,
    Examining,
    FilesRead,
    LookingAgain,
    ManifestsRead,
    ReadingBack,
    RequestDone,
    Retrying,
    Waiting,
)
from tagsync.reporting.log import TextLog
from tagsync.reporting.progress import BarProgress, NoProgress, PlainProgress


class Gone(io.StringIO):
    """A stream whose reader has gone."""

    def write(self, _text: str) -> int:
        raise BrokenPipeError


EVERYTHING: list[Event] = [
    ManifestsRead(1, 1),
    FilesRead(1000),
    FilesRead(1, "name = 1"),
    LookingAgain(3),
    RequestDone(1, 1),
    ReadingBack(2),
    Waiting(75),
    AwaitingChanges(100),
    AwaitingIndex(200),
    Retrying("POST /v1/files/addTags", 1, 2.0, "timeout"),
]


def read_to_the_end(terminal: int) -> str:
    """Return what a terminal that is closed on its other side was sent."""
    pieces = []
    with suppress(OSError), os.fdopen(terminal, "rb", buffering=0) as file:
        while piece := file.read(1 << 16):
            pieces.append(piece)
    return b"".join(pieces).decode()


def plain(events: Iterable[Event]) -> list[str]:
    stream = io.StringIO()
    with PlainProgress(TextLog(stream).progress) as progress:
        for event in events:
            progress(event)
    return stream.getvalue().splitlines()


def test_progress_has_a_plain_line_for_each_phase() -> None:
    assert plain(EVERYTHING) == [
        "tagsync: read 1 rule from 1 file",
        "tagsync: reading the library: 1,000 files",
        "tagsync: searching for name = 1: 1 file",
        "tagsync: re-reading 3 files",
        "tagsync: 1 of 1 API call",
        "tagsync: verifying 2 files",
        "tagsync: waiting for the rate limit: 75 s",
        "tagsync: waiting for ImageKit to show the changes: 2 min",
        "tagsync: waiting for the listing to show recent changes: 3 min",
        "tagsync: retrying POST /v1/files/addTags in 2.0 s: timeout",
    ]


def test_progress_counts_rules() -> None:
    assert plain([ManifestsRead(2, 1500)]) == ["tagsync: read 1,500 rules from 2 files"]


def test_progress_shows_every_tenth_page_of_a_large_library() -> None:
    lines = plain(FilesRead(files) for files in range(1000, 35_001, 1000))
    assert [line.rpartition(": ")[2] for line in lines] == [
        "1,000 files",
        "10,000 files",
        "20,000 files",
        "30,000 files",
    ]


def test_progress_shows_a_tenth_of_many_calls_and_the_last() -> None:
    lines = plain(RequestDone(done, 995) for done in range(1, 996))
    assert len(lines) == 11
    assert lines[0] == "tagsync: 1 of 995 API calls"
    assert lines[-1] == "tagsync: 995 of 995 API calls"


def test_progress_of_instant_calls_shows_first_and_last() -> None:
    lines = plain(RequestDone(done, 100, seconds=done / 100) for done in range(1, 101))
    assert [line.split(",")[0] for line in lines] == ["tagsync: 1 of 100 API calls", "tagsync: 100 of 100 API calls"]


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (RequestDone(40, 1000, seconds=2.0), "40 of 1,000 API calls, 20.0 per second"),
        (RequestDone(40, 1000, seconds=2.0, left=48), "40 of 1,000 API calls, 20.0 per second, 48 s of calls left"),
        (
            RequestDone(40, 1000, seconds=80.0, waited=30.0, left=1920),
            "40 of 1,000 API calls, 0.5 per second, 30 s waiting, 32 min of calls left",
        ),
        (RequestDone(9, 9, seconds=3.0, waited=1.0), "9 of 9 API calls, 3.0 per second, 1.0 s waiting"),
    ],
)
def test_progress_shows_speed_and_time_waited_and_left(event: RequestDone, words: str) -> None:
    assert plain([event]) == [f"tagsync: {words}"]


def test_progress_escapes_queries() -> None:
    (line,) = plain([FilesRead(1, 'name = "a\n::error::\x1b[31m"' + "x" * 500)])
    assert line.startswith(r'tagsync: searching for name = "a\x0a::error::\x1b[31m"x')
    assert line.endswith("…: 1 file")


def test_plain_progress_ends_with_the_number_of_api_calls() -> None:
    events = [RequestDone(done, 30, seconds=done / 10) for done in range(1, 28)]
    assert plain([*events, ReadingBack(2)])[-2:] == [
        "tagsync: 27 API calls in total, 10.0 per second",
        "tagsync: verifying 2 files",
    ]
    assert plain(events)[-1] == "tagsync: 27 API calls in total, 10.0 per second"
    assert plain([*events, RequestDone(28, 28, seconds=2.8), ReadingBack(2)])[-2].startswith(
        "tagsync: 28 of 28 API calls"
    )


def timed(*events: tuple[float, Event]) -> list[tuple[float, str]]:
    """Return the lines that plain progress writes for events, each with its second."""
    now, lines = 0.0, list[tuple[float, str]]()
    with PlainProgress(lambda _event, words: lines.append((now, words)), lambda: now) as progress:
        for now, event in events:  # noqa: B007 - the clock reads it
            progress(event)
    return lines


def test_plain_progress_counts_files_every_few_seconds() -> None:
    events: list[tuple[float, Event]] = [
        *((second, LookingAgain(900, second * 10)) for second in range(12)),
        *((12.0 + second, CheckingRemovals(second + 1)) for second in range(8)),
        *((20.0 + second, ReadingBack(1800, second * 10)) for second in range(8)),
        *((30.0 + second, FilesRead(second)) for second in range(8)),
    ]
    assert timed(*events) == [
        (0, "re-reading 900 files"),
        (5, "re-reading 900 files: 50 read"),
        (10, "re-reading 900 files: 100 read"),
        (15, "re-reading files before tags are removed: 4 read"),
        (20, "verifying 1,800 files"),
        (25, "verifying 1,800 files: 50 read"),
        (30, "reading the library: 0 files"),
        (35, "reading the library: 5 files"),
    ]


def test_plain_progress_shows_equal_waits_once() -> None:
    waits: list[tuple[float, Event]] = [
        (0, Waiting(19)),
        (0.2, Waiting(19)),
        (0.9, Waiting(18.5)),
        (1, AwaitingChanges(8)),
        (3, Waiting(30)),
    ]
    assert timed(*waits, (40, AwaitingChanges(1.0)), (41, AwaitingChanges(2.0))) == [
        (0, "waiting for the rate limit: 19 s"),
        (3, "waiting for the rate limit: 30 s"),
        (41, "waiting for ImageKit to show the changes: 2.0 s"),
    ]


def test_plain_progress_names_checks_that_take_a_while() -> None:
    events: list[tuple[float, str]] = [
        (0.1, "a"),
        (0.2, "b"),
        (2, "c"),
        (2.5, "d"),
        (3, "e"),
        *((float(at), "e") for at in range(4, 10)),
    ]
    assert timed(*((at, Examining(check)) for at, check in events)) == [
        (2, "checking c"),
        (3, "checking e"),
        (8, "checking e"),
    ]


def test_plain_progress_shows_a_slow_call_before_a_tenth_of_all_calls() -> None:
    assert timed(*((6.0 * done, RequestDone(done, 100, seconds=6.0 * done)) for done in range(1, 4))) == [
        (6, "1 of 100 API calls, 0.2 per second"),
        (12, "2 of 100 API calls, 0.2 per second"),
        (18, "3 of 100 API calls, 0.2 per second"),
    ]


def test_plain_progress_continues_without_a_reader() -> None:
    progress = PlainProgress(TextLog(Gone()).progress)
    for event in EVERYTHING:
        progress(event)


def test_no_progress_shows_nothing() -> None:
    with NoProgress() as progress:
        for event in EVERYTHING:
            progress(event)


@pytest.mark.parametrize("colour", [None, False])
def test_progress_bar_shows_each_phase_and_clears_itself(
    monkeypatch: pytest.MonkeyPatch, *, colour: bool | None
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "70")
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8") as terminal:
        for event in [*EVERYTHING, FilesRead(3, "[red]::error::\x1b[2J")]:
            # Each is drawn for certain at the end of a display.
            with BarProgress(terminal, colour=colour) as progress:
                progress(event)
    shown = read_to_the_end(ours)
    for words in (
        *("reading the library", "re-reading", "0/3", "sending", "1/1", "verifying", "0/2"),
        *("waiting for the rate limit: 75 s", "retrying in 2.0 s"),
    ):
        assert words in shown
    assert r"searching for [red]::error::\x1b[2J" in shown
    assert "\x1b[2J" not in shown
    assert shown.rstrip().endswith("\x1b[2K")


def test_progress_bar_shows_speed_and_time_left_in_eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8") as terminal, BarProgress(terminal, colour=False) as progress:
        progress(RequestDone(40, 1000, seconds=2.0, waited=0.5, left=48))
    shown = read_to_the_end(ours)
    assert "sending, 20.0 per second, 0.5 s waiting, 48 s left" in shown
    assert "40/1,000" in shown


def test_progress_bar_shows_no_total_that_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8") as terminal:
        for event in (FilesRead(2000), Examining("search by id"), CheckingRemovals(7)):
            with BarProgress(terminal, colour=False) as progress:
                progress(event)
    shown = read_to_the_end(ours)
    for words in ("2,000", "checking search by id", "re-reading 7 files before removals"):
        assert words in shown
    assert "?" not in shown.replace("\x1b[?", "")
    assert "manifests" not in shown


def test_progress_bar_shows_nothing_without_a_terminal() -> None:
    stream = io.StringIO()
    with BarProgress(stream, colour=None) as progress:
        for event in EVERYTHING:
            progress(event)
    assert stream.getvalue().strip() == ""
