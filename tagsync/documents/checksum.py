"""Write and check the last member of a plan or report: a checksum of every byte before it.

It detects damage and accidental edits. It does not protect against forgery: anyone can compute it.
"""

import re
from collections.abc import Iterable, Iterator
from hashlib import sha256
from io import SEEK_END
from typing import BinaryIO

from tagsync.errors import DamagedError
from tagsync.escape import shown

_CHECKSUM = re.compile(rb',\n"checksum":"sha256:([0-9a-f]{64})"\n\}\n\Z')
_PART_OF_CHECKSUM = re.compile(rb',\n"checksum":"sha256:[0-9a-f]{0,64}(?:"(?:\n(?:\}\n?)?)?)?\Z')
_OPENING = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*"(?:format|report)Version"\s*:')
CHECKSUM_BYTES = 100
"""An upper bound for the length of the checksum member."""


def with_checksum(pieces: Iterable[str]) -> Iterator[str]:
    """Yield the pieces of a JSON object, given without its end, and then its checksum as the last member."""
    hashed = sha256()
    for piece in pieces:
        hashed.update(piece.encode("ascii"))
        yield piece
    yield f',\n"checksum":"sha256:{hashed.hexdigest()}"\n}}\n'


def check_checksum(stream: BinaryIO, name: str) -> int:
    """Compare a plan or report with its checksum, in bounded memory.

    Returns:
        The number of bytes before the checksum member and its comma.

    Raises:
        DamagedError: a byte has changed since it was written.
    """
    start = max(0, stream.seek(0, SEEK_END) - CHECKSUM_BYTES)
    stream.seek(start)
    end = _CHECKSUM.search(stream.read())
    if end is None:
        raise damaged(name)
    size = left = start + end.start()
    stream.seek(0)
    hashed = sha256()
    while left and (piece := stream.read(min(left, 1 << 20))):
        hashed.update(piece)
        left -= len(piece)
    if hashed.hexdigest().encode() != end[1]:
        raise damaged(name)
    return size


def damaged(name: str) -> DamagedError:
    """Return the error for a file that has changed since tagsync wrote it."""
    return DamagedError(
        f"{shown(name)} was changed after tagsync wrote it: use the original file, byte for byte, or plan again"
    )


def looks_saved(start: bytes, end: bytes) -> bool:
    """Return whether a file begins or ends like a plan or report, even a damaged one.

    A manifest does neither: its first key is different, and it does not end with an unindented checksum.

    Args:
        start: the first bytes of the file, twice `CHECKSUM_BYTES`.
        end: its last `CHECKSUM_BYTES` bytes.
    """
    return bool(_OPENING.match(start) or _PART_OF_CHECKSUM.search(end))
