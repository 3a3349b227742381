"""Read response bodies in bounded memory, even if many arrive at once or are gzip bombs."""

import asyncio
import zlib
from collections.abc import AsyncGenerator
from contextlib import aclosing

import httpx

from tagsync.errors import ProtocolError

MAX_BODY_BYTES = 64 * 1024 * 1024
"""The maximum size of a decoded body; a page of 1000 files has one or two MiB."""

SMALL_BODY_BYTES = 4 * 1024 * 1024
"""Bodies up to this size are read concurrently, larger ones one at a time."""

_PIECE = 1 << 20
_GZIP = 16 + zlib.MAX_WBITS


class Bodies:
    """Reads a client's response bodies: small ones concurrently, large ones one at a time."""

    def __init__(self) -> None:
        self._large = asyncio.Lock()

    async def read(self, response: httpx.Response) -> bytes:
        """Return the decoded body.

        Raises:
            ProtocolError: the body is too long, cannot be decoded, or has a content encoding other than gzip.
        """
        body = bytearray()
        async with aclosing(_decoded(response)) as pieces:
            async for piece in pieces:
                body += piece
                if len(body) > SMALL_BODY_BYTES:
                    break
            else:
                return bytes(body)
            # Not reading further stops the server through TCP flow control until it is this body's turn.
            async with self._large:
                async for piece in pieces:
                    body += piece
                    if len(body) > MAX_BODY_BYTES:
                        raise ProtocolError(f"the response is longer than {MAX_BODY_BYTES >> 20} MiB")
                return bytes(body)


async def _decoded(response: httpx.Response) -> AsyncGenerator[bytes, None]:
    """Yield a decoded body in pieces of at most 1 MiB."""
    # Stacked codings ("gzip, gzip") are refused: each multiplies how far a small body can expand.
    coding = response.headers.get("content-encoding", "identity").lower()
    if coding not in ("identity", "gzip"):
        raise ProtocolError("the response has a content encoding that tagsync did not ask for")
    # httpx would decode each network chunk at once, so a gzip bomb could fill the memory before any size check.
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
        raise ProtocolError("the response body cannot be decompressed") from error
