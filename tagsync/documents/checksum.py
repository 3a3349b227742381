"""The last member of a document: a checksum of every byte before it. It detects damage; it is no signature."""

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
"""More than a checksum member is long."""


def with_checksum(pieces: Iterable[str]) -> Iterator[str]:
    """Yield a JSON object in ASCII, given piece by piece without its end, and its checksum as last member."""
    hashed = sha256()
    for piece in pieces:
        hashed.update(piece.encode("ascii"))
        yield piece
    yield f',\n"checksum":"sha256:{hashed.hexdigest()}"\n}}\n'


def check_checksum(stream: BinaryIO, name: str) -> int:
    """Compare a document, which need not fit into memory, with its checksum.

    Returns:
        How many bytes stand before the checksum member and its comma.

    Raises:
        DamagedError: a byte of it is not as it was written.
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
    """Return the error for a document that is not as it was written."""
    return DamagedError(
        f"{shown(name)} is not byte for byte as tagsync wrote it: keep the file as it is, or plan again"
    )


def looks_saved(start: bytes, end: bytes) -> bool:
    """Tell whether a file begins or ends like a plan or report, so that it is one or was one before it was damaged.

    No manifest does either: its root has no such first key, and none of its values ends with an unindented checksum.

    Args:
        start: its first bytes, twice `CHECKSUM_BYTES`.
        end: its last ones, `CHECKSUM_BYTES`.
    """
    return bool(_OPENING.match(start) or _PART_OF_CHECKSUM.search(end))
