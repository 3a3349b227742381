"""Concurrent response bodies take little memory."""

import asyncio
import gzip
import tracemalloc
from collections.abc import AsyncIterator, Iterable

import httpx
import pytest
from builders import run

from tagsync.errors import ProtocolError
from tagsync.library.http.bodies import Bodies

MAX_BODY_BYTES = 64 << 20
SMALL_BODY_BYTES = 4 << 20

MIB = 1 << 20


class Arriving(httpx.AsyncByteStream):
    """A body that arrives in chunks, one for each turn of the event loop; all bodies count their chunks."""

    in_flight = 0
    most = 0

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self._taken = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            self._taken += len(chunk)
            Arriving.in_flight += len(chunk)
            Arriving.most = max(Arriving.most, Arriving.in_flight)
            yield chunk
            await asyncio.sleep(0.001)

    async def aclose(self) -> None:
        Arriving.in_flight -= self._taken


async def read(bodies: Bodies, stream: httpx.AsyncByteStream, **headers: str) -> bytes:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response = httpx.Response(200, headers=named, stream=stream)
    try:
        return await bodies.read(response)
    finally:
        await response.aclose()


def test_bodies_in_flight_use_memory_for_one_large_body() -> None:
    chunk = bytes(MIB)
    Arriving.in_flight = Arriving.most = 0

    async def scenario() -> list[int]:
        bodies = Bodies()

        async def length() -> int:
            return len(await read(bodies, Arriving([chunk] * 32)))

        return await asyncio.gather(*(length() for _ in range(40)))

    assert run(scenario()) == [32 * MIB] * 40
    assert Arriving.most <= 32 * MIB + 40 * (SMALL_BODY_BYTES + MIB)


def test_bodies_that_are_small_do_not_wait_for_a_large_one() -> None:
    async def scenario() -> tuple[bool, bytes]:
        bodies = Bodies()
        large = asyncio.create_task(read(bodies, Arriving([bytes(MIB)] * 60)))
        await asyncio.sleep(0.01)
        small = await read(bodies, Arriving([b"small"]))
        is_first = not large.done()
        await large
        return is_first, small

    assert run(scenario()) == (True, b"small")


def test_body_that_is_too_long_lets_the_next_one_through() -> None:
    async def scenario() -> int:
        bodies = Bodies()
        with pytest.raises(ProtocolError, match="longer than 64 MiB"):
            await read(bodies, Arriving([bytes(MIB)] * 65))
        return len(await read(bodies, Arriving([bytes(MIB)] * 64)))

    assert run(scenario()) == MAX_BODY_BYTES


@pytest.mark.parametrize("size", [0, 1, MIB - 1, MIB, MIB + 1, 5 * MIB])
@pytest.mark.parametrize("cut", [7, 65_536])
def test_body_in_gzip_is_decompressed_in_pieces(size: int, cut: int) -> None:
    body = bytes(range(256)) * (size // 256) + bytes(size % 256)
    packed = gzip.compress(body)
    chunks = [packed[at : at + cut] for at in range(0, len(packed), cut)]
    assert run(read(Bodies(), Arriving(chunks), content_encoding="gzip")) == body


def test_body_limit_counts_decompressed_bytes() -> None:
    bomb = gzip.compress(bytes(300 * MIB), compresslevel=1)
    tracemalloc.start()
    try:
        with pytest.raises(ProtocolError, match="longer than 64 MiB"):
            run(read(Bodies(), Arriving([bomb]), content_encoding="gzip"))
        assert tracemalloc.get_traced_memory()[1] < 2 * MAX_BODY_BYTES
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("coding", ["br", "gzip, gzip", "deflate"])
def test_body_in_another_encoding_is_refused(coding: str) -> None:
    with pytest.raises(ProtocolError, match="content encoding that tagsync did not ask for"):
        run(read(Bodies(), Arriving([b"x"]), content_encoding=coding))


def test_body_that_is_damaged_is_refused() -> None:
    with pytest.raises(ProtocolError, match="cannot be decompressed"):
        run(read(Bodies(), Arriving([b"\x1f\x8bbroken"]), content_encoding="gzip"))
