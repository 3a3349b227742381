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
def test_colours_follow_the_environment_unless_told_otherwise(
    *, colour: bool | None, environment: dict[str, str], coloured: bool
) -> None:
    assert written(colour=colour, **environment) == ("\x1b[32myes\x1b[0m no\n" if coloured else "yes no\n")


@pytest.mark.parametrize("force", ["", "1"])
def test_a_line_is_never_wrapped_and_never_read_as_markup(force: str) -> None:
    stream = io.StringIO()
    text = "[bold]:smile:" + " x" * 1000
    Lines(stream, environment={"FORCE_COLOR": force, "COLUMNS": "20", "TERM": "xterm"}).write(text)
    assert stream.getvalue() == text + "\n"


def test_an_empty_line_can_be_written() -> None:
    stream = io.StringIO()
    Lines(stream, environment={}).write()
    assert stream.getvalue() == "\n"


@pytest.mark.parametrize("force", ["", "1"])
def test_a_line_that_cannot_be_written_is_an_error_unless_it_may_be_lost(force: str) -> None:
    environment = {"FORCE_COLOR": force}
    with pytest.raises(BrokenPipeError):
        Lines(Gone(), environment=environment).write("words")
    Lines(Gone(), may_be_lost=True, environment=environment).write("words")
