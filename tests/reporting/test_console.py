import io

import pytest

from tagsync.reporting.console import Lines


class Gone(io.StringIO):
    """A stream whose reader has gone."""

    def write(self, _text: str) -> int:
        raise BrokenPipeError


def written(*, colour: bool | None = None, **environment: str) -> str:
    stream = io.StringIO()
    Lines(stream, colour=colour, environment={"TERM": "xterm-256color", **environment}).write(("yes", "green"), " no")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("colour", "environment", "coloured"),
    [
        (None, {}, False),
        (None, {"FORCE_COLOR": "1"}, True),
        (None, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (None, {"FORCE_COLOR": "1", "NO_COLOR": ""}, True),
        (None, {"FORCE_COLOR": ""}, False),
        (False, {"FORCE_COLOR": "1"}, False),
    ],
)
def test_console_colors_follow_the_environment(
    *, colour: bool | None, environment: dict[str, str], coloured: bool
) -> None:
    assert written(colour=colour, **environment) == ("\x1b[32myes\x1b[0m no\n" if coloured else "yes no\n")


@pytest.mark.parametrize("force", ["", "1"])
def test_console_line_is_never_wrapped_or_read_as_markup(force: str) -> None:
    stream = io.StringIO()
    text = "[bold]:smile:" + " x" * 1000
    Lines(stream, environment={"FORCE_COLOR": force, "COLUMNS": "20", "TERM": "xterm"}).write(text)
    assert stream.getvalue() == text + "\n"


def test_console_writes_empty_lines() -> None:
    stream = io.StringIO()
    Lines(stream, environment={}).write()
    assert stream.getvalue() == "\n"


@pytest.mark.parametrize("force", ["", "1"])
def test_console_line_is_lost_only_if_it_may_be(force: str) -> None:
    environment = {"FORCE_COLOR": force}
    with pytest.raises(BrokenPipeError):
        Lines(Gone(), environment=environment).write("words")
    Lines(Gone(), may_be_lost=True, environment=environment).write("words")
