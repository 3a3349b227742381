"""Write lines: styled on a terminal, plain elsewhere. Only sentences are wrapped, and only on a terminal."""

import errno
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import nullcontext, suppress
from typing import NoReturn, TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

_INDENT = "  "

_SHARE = 0.4
"""The share of a terminal's width that a column of a table takes at most."""

_OPTION = "--ack "
_PIECE = re.compile(
    rf"(?:{_OPTION}\S+|(?<=: )tagsync (?:apply|init|undo)\b.*|'/[^']*'\S*|[+-] (?:AI )?\S+|\S+(?: %\S*)?)\s*"
)
"""What is not broken: words, figures in %, quoted paths, signed tags, commands, and options, which get a line each."""

Segment = tuple[str, str]
"""Text that is safe to print, and a rich style, empty for none."""


def columns(text: str) -> int:
    """Return how many columns of a terminal a text takes: CJK and emoji take two for a character."""
    return len(text) if text.isascii() else cell_len(text)


def padded(text: str, width: int) -> str:
    """Return a text with spaces after it, so that it takes a number of columns."""
    return text + " " * (width - columns(text))


class Lines:
    """Writes lines to a stream.

    Args:
        stream: standard output, standard error or a file.
        colour: whether it may be coloured; None to decide by the stream and the environment.
        may_be_lost: whether a line that cannot be written is let go, instead of ending the run.
        environment: what NO_COLOR, FORCE_COLOR and TERM are read from.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        colour: bool | None = None,
        may_be_lost: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._stream = stream
        self._may_be_lost = may_be_lost
        environment = os.environ if environment is None else environment
        # Decided here: versions of rich differ on variables that are set but empty.
        terminal = bool(environment.get("FORCE_COLOR")) or stream.isatty()
        self._plain = colour is False or bool(environment.get("NO_COLOR")) or not terminal
        self._console = _Console(
            file=stream,
            force_terminal=terminal,
            no_color=self._plain,
            highlight=False,
            markup=False,
            emoji=False,
            soft_wrap=True,
            _environ=environment,
        )

    @property
    def width(self) -> int | None:
        """The columns of the terminal; None if the stream is none."""
        return self._console.width if self._stream.isatty() else None

    def column_limit(self, most: int) -> int:
        """Return how many columns of the terminal a column of a table takes at most, if there is room for `most`."""
        return most if self.width is None else min(most, int(_SHARE * self.width))

    def write(self, *segments: Segment | str) -> None:
        """Write one line."""
        parts = [(part, "") if isinstance(part, str) else part for part in segments]
        with suppress(OSError) if self._may_be_lost else nullcontext():
            if self._plain:
                self._stream.write("".join(text for text, _ in parts) + "\n")
            else:
                self._console.print(Text.assemble(*parts))

    def write_sentence(self, *segments: Segment | str) -> None:
        """Write one line; on a terminal, break it between words if it is too long, and indent the rest."""
        if self.width is None:
            self.write(*segments)
            return
        text = Text.assemble(*segments)
        start = text.plain[: -len(text.plain.lstrip()) or None]
        for number, part in enumerate(text.divide(_breaks(text.plain, self.width, len(start)))):
            pieces = [("", start + _INDENT)] if number else []
            self.write(*((words, style) for style, words in [*pieces, *_styled(part)]))


def _breaks(text: str, width: int, start: int) -> list[int]:
    """Return where to break a text between words. A longer word stays in one piece, so that it can be copied.

    Args:
        text: the text.
        width: the columns of a line.
        start: where its first word starts.
    """
    found, used = [], start
    for piece in _PIECE.finditer(text, start):
        words = piece.group()
        is_long = used + columns(words.rstrip()) > width
        if piece.start() > start and (is_long or words.startswith(_OPTION)):
            found.append(piece.start())
            used = start + len(_INDENT)
        used += columns(words)
    return found


def _styled(text: Text) -> Iterator[tuple[str, str]]:
    """Yield the style and the characters of each span of a text."""
    text.rstrip()
    last = 0
    for span in sorted(text.spans):
        yield "", text.plain[last : span.start]
        yield str(span.style), text.plain[span.start : span.end]
        last = span.end
    yield "", text.plain[last:]


class _Console(Console):
    def on_broken_pipe(self) -> NoReturn:
        """Tell the caller that the reader has gone; rich would end the process with its own exit code."""
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
