"""Styled lines on a terminal, plain ones elsewhere; never wrapped, so that no text from outside starts a line."""

from collections.abc import Mapping
from typing import TextIO

from rich.console import Console
from rich.text import Text

Segment = tuple[str, str]
"""Text that is safe to print, and a rich style, empty for none."""


class Lines:
    """Writes lines to a stream.

    Args:
        stream: standard output, standard error or a file.
        colour: whether it may be coloured; None to decide by the stream and the environment.
        environment: what NO_COLOR, FORCE_COLOR and TERM are read from.
    """

    def __init__(
        self, stream: TextIO, *, colour: bool | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        self._stream = stream
        self._console = Console(
            file=stream,
            no_color=True if colour is False else None,
            highlight=False,
            markup=False,
            emoji=False,
            soft_wrap=True,
            _environ=environment,
        )
        self._plain = self._console.no_color or not self._console.is_terminal

    def write(self, *segments: Segment | str) -> None:
        """Write one line."""
        parts = [(part, "") if isinstance(part, str) else part for part in segments]
        if self._plain:
            self._stream.write("".join(text for text, _ in parts) + "\n")
        else:
            self._console.print(Text.assemble(*parts))
