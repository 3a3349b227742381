import io

import pytest
from builders import on_terminal

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


def sentence(text: str, width: int) -> list[str]:
    return on_terminal(lambda lines: lines.write_sentence(text), width)


def test_console_sentence_breaks_between_words_and_indents_the_rest() -> None:
    assert sentence("one two three", 13) == ["one two three"]
    assert sentence("one two three", 12) == ["one two", "  three"]
    assert sentence("    one two three", 12) == ["    one two", "      three"]
    assert sentence("one (100 %) two", 11) == ["one (100 %)", "  two"]
    assert sentence("one (100 %) two", 10) == ["one", "  (100 %)", "  two"]
    assert sentence("one 写真写真 two", 12) == ["one 写真写真", "  two"]


def test_console_sentence_is_one_line_elsewhere() -> None:
    stream = io.StringIO()
    lines = Lines(stream, environment={"COLUMNS": "10", "FORCE_COLOR": "1", "NO_COLOR": "1"})
    lines.write_sentence("Allow it with: --ack newTags@sha256:12")
    assert stream.getvalue() == "Allow it with: --ack newTags@sha256:12\n"


@pytest.mark.parametrize(
    "piece", ["sha256:0123456789", "'/shop/a b c.jpg'", "tagsync apply plan.json --endpoint http://127.0.0.1"]
)
def test_console_sentence_keeps_paths_digests_and_commands_in_one_piece(piece: str) -> None:
    assert sentence(f"apply it: {piece}", 12) == ["apply it:", f"  {piece}"]


def test_console_sentence_has_an_option_to_copy_on_a_line_of_its_own() -> None:
    assert sentence("Allow it with: --ack newTags@sha256:12", 80) == ["Allow it with:", "  --ack newTags@sha256:12"]


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
