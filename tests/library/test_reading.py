from collections.abc import Callable
from random import Random
from typing import Any

from starlette.types import ASGIApp
from support import Sandbox, file_object, id_of, run

from tagsync.events import FilesRead
from tagsync.library.client import Client, Gates
from tagsync.library.gate import Gate
from tagsync.library.reading import ALL, NOWHERE, Kept, LibraryReader
from tagsync.model import CurrentState, Needs

Make = Callable[..., Sandbox]
Look = Callable[[CurrentState], Any]


def moment() -> str:
    return "2024-06-01T00:00:00Z"


def listed(state: CurrentState) -> list[str]:
    return [file.path for file in state.files]


def read(
    app: ASGIApp,
    needs: Needs = ALL,
    look: Look = listed,
    kept: Kept = NOWHERE,
    listener: Callable[[Any], None] = lambda _event: None,
) -> Any:
    """Return what `look` sees in a library that is read as needed."""

    async def scenario() -> Any:
        gates = Gates(Gate(None), Gate(None))
        async with Client("http://library.localhost", "k", gates=gates, app=app, random=Random(1)) as client:
            reader = LibraryReader(client, now=moment, kept=kept, concurrency=4, random=Random(1), listener=listener)
            try:
                return look(await reader.read(needs))
            finally:
                reader.close()

    return run(scenario())


def with_queries(*queries: str) -> Needs:
    return ALL._replace(queries=queries)


def test_files_come_in_the_order_of_their_paths(sandbox: Make) -> None:
    library = sandbox(file_object("/b"), file_object("/a", ["x"]), file_object("/c", size=5))
    assert read(library.app) == ["/a", "/b", "/c"]


def test_a_state_counts_its_calls(sandbox: Make) -> None:
    library = sandbox(file_object("/b"), file_object("/c", size=5))
    assert read(library.app, with_queries("size = 5"), lambda state: state.read_requests) == len(library.calls)


def test_queries_are_answered(sandbox: Make) -> None:
    library = sandbox(file_object("/b"), file_object("/c", size=5))
    found = read(
        library.app,
        with_queries("size = 5"),
        lambda s: [id_of(path) in s.answers["size = 5"] for path in ("/b", "/c")],
    )
    assert found == [False, True]


def test_a_refused_query_is_told_and_costs_no_other(sandbox: Make) -> None:
    library = sandbox(file_object("/a", size=5))
    needs = with_queries("foo ~~ 3", "size = 5")
    answers, refused = read(library.app, needs, lambda state: (list(state.answers), dict(state.refused)))
    assert answers == ["size = 5"]
    assert "the listing was refused" in refused["foo ~~ 3"]


def test_each_page_is_told(sandbox: Make) -> None:
    events: list[Any] = []
    library = sandbox(*(file_object(f"/{n:04d}") for n in range(1500)))
    read(library.app, listener=events.append)
    assert events == [FilesRead(1000), FilesRead(1500)]
