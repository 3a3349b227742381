import asyncio
from collections.abc import Callable, Iterable
from random import Random
from typing import Any

import pytest
from builders import Sandbox, examples, file_object, run, unlimited
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from tagsync.errors import LibraryError, UnstableListingError
from tagsync.library.imagekit.library import ImageKitLibrary
from tagsync.library.protocol import Page
from tagsync.library.reading.pagination import read_listing
from tagsync.model import CurrentFile
from tagsync.sandbox.faults import Fault


def client(app: ASGIApp) -> ImageKitLibrary:
    return ImageKitLibrary(
        "http://library.localhost",
        "k",
        limiters=unlimited(),
        app=app,
        random=Random(1),
    )


def many(count: int) -> list[dict[str, Any]]:
    return [
        file_object(f"/f/{n:05d}.jpg", createdAt=f"2024-01-01T00:{n // 600:02d}:{n // 10 % 60:02d}Z")
        for n in range(count)
    ]


class Pages:
    """A listing whose response for each (reading, skip) is set by a test."""

    def __init__(self, page: Callable[[int, int], list[dict[str, Any]]]) -> None:
        self.page = page
        self.readings = 0
        self.skips: list[int] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = HttpRequest(scope).query_params
        if "searchQuery" in asked:
            await JSONResponse({"message": "no search"}, 400)(scope, receive, send)
            return
        skip = int(asked["skip"])
        self.readings += skip == 0
        self.skips.append(skip)
        await JSONResponse(self.page(self.readings, skip))(scope, receive, send)


def listed(app: ASGIApp, concurrency: int = 1) -> list[CurrentFile]:
    found: dict[str, CurrentFile] = {}

    def take(page: Page) -> None:
        found.update((file.file_id, file) for file in page.files)

    async def scenario() -> None:
        async with client(app) as c:
            await read_listing(c, begin=found.clear, take=take, concurrency=concurrency)

    run(scenario())
    return list(found.values())


@pytest.mark.parametrize("count", [0, 1, 2, 999, 1000, 1001, 2500])
def test_pagination_reads_every_file_once(sandbox: Callable[..., Sandbox], count: int) -> None:
    library = sandbox(*many(count))
    files = listed(library.app)
    assert sorted(file.path for file in files) == [f"/f/{n:05d}.jpg" for n in range(count)]


def test_pagination_starts_again_if_a_file_is_deleted() -> None:
    rows = many(1500)
    pages = Pages(lambda reading, skip: (rows[100:] if reading > 1 or skip else rows)[skip : skip + 1000])
    assert len(listed(pages)) == 1400
    assert pages.readings == 2


def test_pagination_starts_again_if_a_page_lost_rows() -> None:
    rows = many(1500)
    pages = Pages(lambda reading, skip: [] if reading == 1 and skip else rows[skip : skip + 1000])
    assert len(listed(pages)) == 1500
    assert pages.readings == 2


def test_pagination_requires_every_row_of_an_overlap_to_appear_again() -> None:
    late = [file_object(f"/late/{n}", createdAt=f"2025-01-01T00:00:{(n + 1) // 2:02d}.000Z") for n in range(20)]
    rows = [*many(987), *late]  # the first page ends with two files of the same createdAt
    assert rows[998]["createdAt"] == rows[999]["createdAt"] > rows[997]["createdAt"]

    def page(reading: int, skip: int) -> list[dict[str, Any]]:
        shown = rows[skip : skip + 1000]
        return [row for row in shown if row is not rows[998]] if reading == 1 and skip else shown

    pages = Pages(page)
    assert len(listed(pages)) == len(rows)
    assert pages.readings == 2


def test_pagination_accepts_a_file_that_appears_meanwhile() -> None:
    rows = many(1500)
    early = file_object("/new", createdAt="2020-01-01T00:00:00Z")
    pages = Pages(lambda _reading, skip: ([early, *rows] if skip else rows)[skip : skip + 1000])
    assert len(listed(pages)) == 1500
    assert pages.readings == 1


def test_pagination_notices_a_server_that_repeats_its_first_page() -> None:
    rows = many(1000)
    pages = Pages(lambda _reading, _skip: rows)
    with pytest.raises(UnstableListingError, match="did not fit together"):
        listed(pages)
    assert pages.readings == 3


def test_pagination_fails_after_three_readings_that_do_not_join() -> None:
    rows = many(3000)
    pages = Pages(lambda reading, skip: rows[reading * 50 + (50 if skip else 0) :][skip : skip + 1000])
    with pytest.raises(UnstableListingError):
        listed(pages)
    assert pages.readings == 3


def test_pagination_accepts_a_folder_at_the_end_of_a_page() -> None:
    moment = "2025-01-01T00:00:00.000Z"
    folder = {"type": "folder", "folderId": "f", "folderPath": "/x", "createdAt": moment}
    rows = [*many(999), folder, file_object("/last", createdAt=moment)]
    pages = Pages(lambda _reading, skip: rows[skip : skip + 1000])
    assert len(listed(pages)) == 1000


def test_pagination_requests_pages_ahead_concurrently_and_once(sandbox: Callable[..., Sandbox]) -> None:
    library = sandbox(*many(9_500))
    together, most = 0, 0
    skips: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal together, most
        asked = HttpRequest(scope).query_params
        skips.append(-1 if "searchQuery" in asked else int(asked["skip"]))
        together += 1
        most = max(most, together)
        await asyncio.sleep(0)
        await library.app(scope, receive, send)
        together -= 1

    files = listed(app, concurrency=4)
    assert sorted(file.path for file in files) == [f"/f/{n:05d}.jpg" for n in range(9_500)]
    assert most == 3
    assert sorted(set(skips)) == sorted(skips)
    assert len(skips) <= 14


def test_pagination_continues_where_a_short_page_ended() -> None:
    rows = many(8_000)
    pages = Pages(lambda _reading, skip: rows[skip : skip + (400 if 4_000 < skip < 5_000 else 1000)])
    assert len(listed(pages, concurrency=4)) == 8_000
    assert pages.readings == 1


def test_pagination_ignores_a_failed_page_beyond_the_end() -> None:
    rows = many(4_900)

    def page(_reading: int, skip: int) -> list[dict[str, Any]]:
        assert skip <= len(rows), "the library fails beyond its end"
        return rows[skip : skip + 1000]

    assert len(listed(Pages(page), concurrency=4)) == 4_900


class Library:
    """A listing sorted by `createdAt`, with another order among equal ones in each response.

    Args:
        rows: its rows, sorted.
        random: decides on orders and edits.
        shuffled: the probability that a response has a group of equal `createdAt` in another order.
        window: how many rows of a listing it shows; 0 for all.
        refuses: whether it refuses pages beyond the window, instead of cutting them off.
        repeats: whether it repeats its last whole page for pages beyond the window.
        searches: whether it evaluates a searchQuery, refuses it or ignores it.
        edit: called before each response.
    """

    def __init__(
        self,
        rows: list[dict[str, Any]],
        random: Random,
        *,
        shuffled: float = 0.0,
        window: int = 0,
        refuses: bool = False,
        repeats: bool = False,
        searches: str = "answers",
        edit: Callable[["Library"], None] = lambda _library: None,
    ) -> None:
        self.rows = rows
        self.random = random
        self._shuffled = shuffled
        self._window = window
        self._refuses = refuses
        self._repeats = repeats
        self._searches = searches
        self._edit = edit
        self.calls = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.calls += 1
        self._edit(self)
        asked = HttpRequest(scope).query_params
        skip, limit, query = int(asked["skip"]), int(asked["limit"]), asked.get("searchQuery")
        await asyncio.sleep(self.random.random())
        if (query and self._searches == "refuses") or (self._refuses and skip + limit > self._window):
            await JSONResponse({"message": "refused"}, 400)(scope, receive, send)
            return
        rows = self._found(query)
        if self._repeats:
            skip = min(skip, self._window - limit)
        end = min(skip + limit, self._window or skip + limit)
        await JSONResponse(rows[skip : max(skip, end)])(scope, receive, send)

    def _found(self, query: str | None) -> list[dict[str, Any]]:
        since = ""
        if query and self._searches == "answers":
            since = query.removeprefix('type = "file" AND createdAt >= ').strip('"')
        groups: dict[str, list[dict[str, Any]]] = {}
        for row in self.rows:
            groups.setdefault(row["createdAt"], []).append(row)
        for group in groups.values():
            if len(group) > 1 and self.random.random() < self._shuffled:
                self.random.shuffle(group)
        return [row for moment, group in groups.items() if moment >= since for row in group]


def grouped(count: int, random: Random, sizes: tuple[int, ...]) -> list[dict[str, Any]]:
    """Return rows in groups with the same `createdAt`, several groups within a second."""
    rows: list[dict[str, Any]] = []
    group = 0
    while len(rows) < count:
        group += 1
        moment = f"2024-01-01T{group // 36_000:02d}:{group // 600 % 60:02d}:{group // 10 % 60:02d}.{group % 10}00Z"
        size = min(random.choice(sizes), count - len(rows))
        rows += [file_object(f"/f/{len(rows) + n:06d}.jpg", createdAt=moment) for n in range(size)]
    return rows


def grouped_at(number: int, size: int) -> list[dict[str, Any]]:
    """Return the rows of one group."""
    moment = f"2024-01-01T00:00:{number:02d}.000Z"
    return [file_object(f"/{number}/{n}.jpg", createdAt=moment) for n in range(size)]


def read(library: Library, *, page_limit: int, concurrency: int = 4) -> set[str]:
    found: set[str] = set()

    async def scenario() -> None:
        url = "http://library.localhost"
        async with ImageKitLibrary(
            url, "k", limiters=unlimited(), app=library, random=Random(1), page_limit=page_limit
        ) as c:
            await read_listing(
                c,
                begin=found.clear,
                take=lambda page: found.update(file.path for file in page.files),
                concurrency=concurrency,
            )

    run(scenario())
    return found


def paths(rows: Iterable[dict[str, Any]]) -> set[str]:
    return {row["filePath"] for row in rows}


@pytest.mark.parametrize("shuffled", [0.02, 0.1, 1.0])
@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.drawn
def test_pagination_finds_every_file_however_equal_timestamps_are_ordered(shuffled: float, concurrency: int) -> None:
    for seed in range(examples(6)):
        random = Random(seed)
        sizes = random.choice([(7,), (1, 2, 7), (1, 30), (5, 5, 5, 40)])
        library = Library(grouped(random.randint(600, 1_500), random, sizes), random, shuffled=shuffled)
        assert read(library, page_limit=50, concurrency=concurrency) == paths(library.rows), seed


@pytest.mark.parametrize("percent", [2, 10, 100])
def test_pagination_finds_every_file_of_a_shuffling_sandbox(sandbox: Callable[..., Sandbox], percent: int) -> None:
    files = grouped(9_000, Random(percent), (7,))
    library = sandbox(*files, faults=[Fault(on="list", shuffle=percent)])
    assert {file.path for file in listed(library.app, concurrency=4)} == paths(files)


def test_pagination_of_25_000_equal_timestamps_takes_30_calls() -> None:
    for seed, shuffled in enumerate([0.02, 0.1, 1.0]):
        library = Library(grouped(25_000, Random(seed), (7,)), Random(seed), shuffled=shuffled)
        assert read(library, page_limit=1000) == paths(library.rows)
        assert library.calls <= 30


@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.drawn
def test_pagination_misses_no_file_that_stays_while_others_change(concurrency: int) -> None:
    """A listing that changes too much is an error; a file that exists throughout is never missing."""
    unstable = 0
    for seed in range(examples(20)):
        random = Random(seed)
        rows = grouped(600, random, (1, 7, 12))
        staying = paths(rows)

        def edit(library: Library, staying: set[str] = staying) -> None:
            if library.random.random() < 0.1:
                gone = library.rows.pop(library.random.randrange(len(library.rows)))
                staying.discard(gone["filePath"])
            if library.random.random() < 0.3:
                index = library.random.randrange(len(library.rows))
                path = f"/new/{library.random.random()}"
                library.rows.insert(index, file_object(path, createdAt=library.rows[index]["createdAt"]))

        library = Library(rows, random, shuffled=random.choice([0.02, 0.1, 1.0]), edit=edit)
        try:
            assert read(library, page_limit=50, concurrency=concurrency) >= staying, seed
        except UnstableListingError:
            unstable += 1
    assert unstable < examples(20) / 3


def test_pagination_notices_deletions_among_equal_timestamps() -> None:
    for seed in range(40):
        random = Random(seed)
        rows = [row for n in range(20) for row in grouped_at(n, 1 if n % 2 else 12)]
        staying = paths(rows[2:])

        def edit(library: Library) -> None:
            if library.calls == 2:
                del library.rows[:2]

        library = Library(rows, random, shuffled=1.0, edit=edit)
        assert read(library, page_limit=50, concurrency=1) >= staying, seed


@pytest.mark.parametrize("moment", ["2023-01-01T00:00:00.000Z", "2024-01-01T00:00:00.500Z", "2025-01-01T00:00:00.000Z"])
@pytest.mark.parametrize("concurrency", [1, 4])
def test_pagination_refuses_equal_timestamps_beyond_a_page(moment: str, concurrency: int) -> None:
    rows = [*grouped(620, Random(1), (7,)), *(file_object(f"/same/{n}", createdAt=moment) for n in range(51))]
    rows.sort(key=lambda row: row["createdAt"])
    with pytest.raises(UnstableListingError, match=r"or more files have the same createdAt 202.* ImageKit lists 50 at"):
        read(Library(rows, Random(1), shuffled=0.5), page_limit=50, concurrency=concurrency)


def test_pagination_without_timestamps_requires_a_stable_order() -> None:
    rows = [file_object(f"/{n:03d}", createdAt="") for n in range(420)]
    assert read(Library(rows, Random(1)), page_limit=50) == paths(rows)
    with pytest.raises(UnstableListingError):
        read(Library(rows, Random(1), shuffled=1.0), page_limit=50)


@pytest.mark.drawn
def test_pagination_reads_equal_timestamps_that_nearly_fill_a_page() -> None:
    for size in (20, 25, 30, 40, 48):
        for seed in range(examples(2)):
            library = Library(grouped(500, Random(seed), (size,)), Random(seed), shuffled=1.0)
            assert read(library, page_limit=50) == paths(library.rows)


@pytest.mark.parametrize("refuses", [True, False])
@pytest.mark.parametrize("count", [190, 200, 201, 399, 400, 401, 1_500])
def test_result_window_is_passed_by_timestamp(count: int, refuses: bool) -> None:  # noqa: FBT001 - a parameter
    for seed in range(5):
        random = Random(seed)
        library = Library(
            grouped(count, random, (1, 7)), random, shuffled=random.choice([0.0, 0.1, 1.0]), window=200, refuses=refuses
        )
        assert read(library, page_limit=50) == paths(library.rows)


@pytest.mark.parametrize("count", [201, 399, 1_500])
@pytest.mark.drawn
def test_result_window_with_repeated_last_page_is_passed_by_timestamp(count: int) -> None:
    for seed in range(examples(3)):
        random = Random(seed)
        library = Library(grouped(count, random, (7,)), random, shuffled=1.0, window=200, repeats=True)
        assert read(library, page_limit=50) == paths(library.rows)


def test_result_window_with_repeated_last_page_needs_timestamp_search() -> None:
    library = Library(
        grouped(1_500, Random(1), (7,)), Random(1), shuffled=1.0, window=200, repeats=True, searches="refuses"
    )
    with pytest.raises(UnstableListingError):
        read(library, page_limit=50)
    assert library.calls < 100


def test_result_window_full_of_one_timestamp_is_an_error() -> None:
    rows = [file_object(f"/{n:04d}", createdAt=f"2024-01-01T00:00:00.{n:03d}Z") for n in range(500)]
    with pytest.raises(LibraryError, match="refused"):
        read(Library(rows, Random(1), window=200, refuses=True), page_limit=50)


@pytest.mark.parametrize("searches", ["refuses", "ignores"])
def test_result_window_without_timestamp_search_is_an_error(searches: str) -> None:
    library = Library(grouped(1_500, Random(1), (7,)), Random(1), window=200, refuses=True, searches=searches)
    with pytest.raises(LibraryError, match="refused"):
        read(library, page_limit=50)


@pytest.mark.parametrize("searches", ["refuses", "ignores"])
def test_result_window_end_is_confirmed_without_timestamp_search(searches: str) -> None:
    for count, calls in ((60, 5), (500, 20)):
        library = Library(grouped(count, Random(1), (7,)), Random(1), shuffled=0.1, searches=searches)
        assert read(library, page_limit=50) == paths(library.rows)
        assert library.calls <= calls
