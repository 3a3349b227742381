"""Read the bodies of answers in bounded memory, however many arrive at once and whatever they unfold to."""

import asyncio
import zlib
from collections.abc import AsyncGenerator
from contextlib import aclosing

import httpx

from tagsync.errors import ProtocolError

MAX_BODY_BYTES = 64 * 1024 * 1024
"""A longer answer, decoded, is cut off. A page of 1000 files has one or two MiB."""

SMALL_BODY_BYTES = 4 * 1024 * 1024
"""Up to here, any number of answers are read at once; beyond, one at a time."""

_PIECE = 1 << 20
_GZIP = 16 + zlib.MAX_WBITS


class Bodies:
    """Reads the bodies of a client's answers: one large body at a time, and any number of small ones."""

    def __init__(self) -> None:
        self._large = asyncio.Lock()

    async def read(self, response: httpx.Response) -> bytes:
        """Return the decoded body.

        Raises:
            ProtocolError: it is too long, cannot be decoded, or is encoded in a way that was not asked for.
        """
        body = bytearray()
        async with aclosing(_decoded(response)) as pieces:
            async for piece in pieces:
                body += piece
                if len(body) > SMALL_BODY_BYTES:
                    break
            else:
                return bytes(body)
            # Until it is its turn, the server's next bytes wait in the network.
            async with self._large:
                async for piece in pieces:
                    body += piece
                    if len(body) > MAX_BODY_BYTES:
                        raise ProtocolError(f"the answer is longer than {MAX_BODY_BYTES >> 20} MiB")
                return bytes(body)


async def _decoded(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    """Yield a body in pieces, which stay small whatever a few bytes unfold to."""
    # More than one coding could unfold a small body into one too large to hold even in part.
    coding = response.headers.get("content-encoding", "identity").lower()
    if coding not in ("identity", "gzip"):
        raise ProtocolError("the answer is encoded in a way that was not asked for")
    decoder = zlib.decompressobj(_GZIP)
    try:
        async for raw in response.aiter_raw():
            rest = raw
            while rest and coding == "gzip" and not decoder.eof:
                yield decoder.decompress(rest, _PIECE)
                rest = decoder.unconsumed_tail
            if coding == "identity":
                yield raw
        yield decoder.flush()
    except zlib.error as error:
        raise ProtocolError("the answer cannot be decoded") from error
