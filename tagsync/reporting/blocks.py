"""Fit blocks of text into a number of bytes; each block leaves out pieces from its end, and counts them."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

_ROOM_FOR_REST = 120
"""Bytes kept for the line that counts what is left out."""


class Block(NamedTuple):
    """Pieces of text, left out from the end if there is no room.

    Attributes:
        start: what comes before the pieces.
        pieces: the pieces.
        total: the number of pieces.
        rest: returns words for what is left out after the given number of pieces.
        share: the share of the remaining room that the block may take.
        end: what closes the block.
        then: the block that continues this one, if all of this one fits.
    """

    start: str
    pieces: Iterable[str]
    total: int
    rest: Callable[[int], str]
    share: float = 1.0
    end: str = ""
    then: "Block | None" = None


def fitted(blocks: Iterable[Block], room: int) -> Iterator[str]:
    """Yield as much of each block as fits into `room` bytes of UTF-8 in all; a block that does not fit is counted."""
    for first in blocks:
        block: Block | None = first
        while block:
            text, is_complete = _fit(block, int(room * block.share))
            yield text
            room -= _size(text)
            block = block.then if is_complete else None


def _size(text: str) -> int:
    return len(text.encode())


def _fit(block: Block, room: int) -> tuple[str, bool]:
    """Return as much of a block as fits into `room` bytes, and whether that is all of it."""
    kept, left = [], room - _size(block.start) - _size(block.end) - _ROOM_FOR_REST
    for piece in block.pieces:
        left -= _size(piece)
        if left < 0:
            break
        kept.append(piece)
    is_complete = len(kept) == block.total
    words = "" if is_complete else block.rest(len(kept))
    rest = f"\n… and {words}\n" if words else ""
    if not kept:
        return rest, is_complete
    return "".join((block.start, *kept, rest, block.end)), is_complete
