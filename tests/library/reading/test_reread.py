import asyncio
import json
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from builders import Sandbox, current_file, file_object, id_of, now, run, unlimited
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from tagsync.errors import LibraryError
from tagsync.library.imagekit.library import ImageKitLibrary
from tagsync.library.reading.reread import Rereader
from tagsync.sandbox.faults import Fault

Make = Callable[..., Sandbox]


def many(count: int) -> list[dict[str, Any]]:
    return [file_object(f"/f/{n:05d}.jpg", ["t"]) for n in range(count)]


def paths(count: int) -> list[str]:
    return [f"/f/{n:05d}.jpg" for n in range(count)]


def reread(
    app: ASGIApp, names: list[str], *, library_size: int = 100_000, concurrency: int = 4, rounds: int = 1
) -> tuple[Any, Rereader]:
    async def scenario() -> tuple[Any, Rereader]:
        async with ImageKitLibrary(
            "http://library.localhost", "k", limiters=unlimited(), app=app, random=Random(1)
        ) as client:
            reader = Rereader(client, library_size=library_size, concurrency=concurrency)
            for _ in range(rounds):
                found = await reader.many(list(map(id_of, names)))
            return found, reader

    return run(scenario())


class Odd:
    """A sandbox whose search results are changed in transit."""

    def __init__(self, library: Sandbox, change: Callable[[str, bytes], tuple[int, bytes]]) -> None:
        self._library = library
        self._change = change

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        query = dict(HttpRequest(scope).query_params).get("searchQuery")
        if not query:
            await self._library.app(scope, receive, send)
            return
        sent: list[Any] = []

        async def keep(message: Any) -> None:
            sent.append(message)

        await self._library.app(scope, receive, keep)
        body = b"".join(message.get("body", b"") for message in sent)
        status, changed = self._change(query, body)
        await JSONResponse(json.loads(changed), status)(scope, receive, send)


def test_reread_of_a_few_files_uses_details(sandbox: Make) -> None:
    library = sandbox(*many(10))
    found, _ = reread(library.app, ["/f/00001.jpg", "/gone"])
    assert found == {id_of("/f/00001.jpg"): current_file("/f/00001.jpg", ["t"]), id_of("/gone"): None}
    assert library.calls == ["details", "details"]


def test_reread_of_many_files_searches_by_id(sandbox: Make) -> None:
    library = sandbox(*many(400))
    found, _ = reread(library.app, paths(400))
    assert found == {id_of(path): current_file(path, ["t"]) for path in paths(400)}
    assert library.calls == ["list"] * 3


def test_reread_of_most_files_lists_the_library(sandbox: Make) -> None:
    library = sandbox(*many(400))
    found, _ = reread(library.app, paths(400), library_size=400)
    assert len(found) == 400
    assert library.calls == ["list"]


def test_reread_finds_a_file_that_moved_between_pages(sandbox: Make) -> None:
    library = sandbox(*many(1200))
    found, _ = reread(library.app, paths(1100), library_size=1000)
    assert len(found) == 1100
    assert None not in found.values()
    assert (library.calls.count("list"), library.calls.count("details")) == (1, 100)


@pytest.mark.parametrize("moment", ["2024-01-01T00:{:02}:{:02}.000Z", "2024-01-01T00:00:00.000Z"], ids=["many", "one"])
def test_reread_lists_a_library_that_refuses_deep_pages_and_searches(sandbox: Make, moment: str) -> None:
    names = paths(10_050)
    files = [file_object(name, ["t"], createdAt=moment.format(n // 60 % 60, n % 60)) for n, name in enumerate(names)]
    library = sandbox(*files, profile="strict", clock=now)
    wanted = names[9_900:] if "{" in moment else names[:20]
    found, _ = reread(library.app, wanted, library_size=15_000)
    assert {file.path for file in found.values()} == set(wanted)
    assert library.calls.count("details") <= 20


def test_reread_uses_details_for_a_file_missing_from_search(sandbox: Make) -> None:
    library = sandbox(*many(20))
    found, _ = reread(library.app, [*paths(20), "/gone"])
    assert found[id_of("/gone")] is None
    assert library.calls == ["list", "details"]


def dropping_a_file(_query: str, body: bytes) -> tuple[int, bytes]:
    return 200, json.dumps(json.loads(body)[1:]).encode()


def test_reread_finds_a_file_that_the_index_lacks(sandbox: Make) -> None:
    library = sandbox(*many(20))
    found, reader = reread(Odd(library, dropping_a_file), paths(20))
    assert len(found) == 20
    assert None not in found.values()
    assert reader.searchable


@pytest.mark.parametrize(
    "answer",
    [
        lambda _query, _body: (400, b'{"message": "id is no field"}'),
        lambda _query, _body: (200, b"[]"),
        lambda _query, _body: (200, json.dumps([file_object("/other")]).encode()),
    ],
    ids=["refused", "empty", "others"],
)
def test_reread_remembers_that_search_by_id_is_unsupported(
    sandbox: Make, answer: Callable[[str, bytes], tuple[int, bytes]]
) -> None:
    library = sandbox(*many(20))
    found, reader = reread(Odd(library, answer), paths(20), library_size=20_000, rounds=2)
    assert found == {id_of(path): current_file(path, ["t"]) for path in paths(20)}
    assert not reader.searchable
    # A search, and one for a known file.
    assert library.calls.count("list") == 2


@pytest.mark.parametrize(
    "answer",
    [
        (400, b'{"message": "a strange ID"}'),
        (200, b"[]"),
        (200, json.dumps([file_object("/other")]).encode()),
    ],
    ids=["refused", "empty", "others"],
)
def test_reread_gives_up_search_only_if_a_control_search_fails(sandbox: Make, answer: tuple[int, bytes]) -> None:
    """Only the first search fails."""
    library = sandbox(*many(400))
    answers = iter([answer])
    odd = Odd(library, lambda _query, body: next(answers, (200, body)))
    found, reader = reread(odd, paths(400), rounds=2)
    assert found == {id_of(path): current_file(path, ["t"]) for path in paths(400)}
    assert reader.searchable


def test_reread_leaves_an_unreadable_file_unknown(sandbox: Make) -> None:
    library = sandbox(*many(20))
    bad = id_of("/f/00000.jpg")

    def spoiled(_query: str, body: bytes) -> tuple[int, bytes]:
        rows = [{**row, "tags": "red"} if row["fileId"] == bad else row for row in json.loads(body)]
        return 200, json.dumps(rows).encode()

    library.store._db.execute("UPDATE files SET tags = '\"red\"' WHERE file_id = ?", (bad,))
    for names in (paths(20), paths(2), paths(1)):
        found, _ = reread(Odd(library, spoiled), names)
        assert found == {id_of(path): current_file(path, ["t"]) for path in names[1:]}


def test_reread_omits_a_file_that_fails_without_losing_others(sandbox: Make) -> None:
    bad = id_of("/f/00000.jpg")
    library = sandbox(*many(2), faults=[Fault(on="details", fileId=bad, status=500)])
    found, _ = reread(library.app, paths(2))
    assert list(found) == [id_of("/f/00001.jpg")]


def test_reread_omits_a_file_missing_from_search_that_fails(sandbox: Make) -> None:
    library = sandbox(*many(20), faults=[Fault(on="details", status=500)])
    found, _ = reread(Odd(library, dropping_a_file), paths(20))
    assert len(found) == 19


def test_reread_raises_the_reason_if_every_file_fails(sandbox: Make) -> None:
    library = sandbox(*many(2), faults=[Fault(on="details", status=500)])
    with pytest.raises(LibraryError, match="ImageKit failed"):
        reread(library.app, paths(2))


def test_reread_ends_if_the_key_is_refused(sandbox: Make) -> None:
    library = sandbox(*many(2), key="private_other")
    with pytest.raises(LibraryError, match="does not accept the key"):
        reread(library.app, paths(1))


def test_reread_limits_concurrent_calls() -> None:
    in_flight: list[int] = [0, 0]

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        in_flight[0] += 1
        in_flight[1] = max(in_flight)
        await asyncio.sleep(1)
        in_flight[0] -= 1
        await JSONResponse({"message": "gone"}, 404)(scope, receive, send)

    reread(slow, paths(4), concurrency=2)
    assert in_flight[1] == 2
