import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from support import Sandbox, file_object, run

from tagsync.errors import UnstableListingError
from tagsync.library.client import Client, Gates
from tagsync.library.fileobjects import Page
from tagsync.library.gate import Gate
from tagsync.library.walk import walk
from tagsync.model import CurrentFile


def client(app: ASGIApp) -> Client:
    return Client("http://library.localhost", "k", gates=Gates(Gate(None), Gate(None)), app=app, random=Random(1))


def many(count: int) -> list[dict[str, Any]]:
    return [
        file_object(f"/f/{n:05d}.jpg", createdAt=f"2024-01-01T00:{n // 600:02d}:{n // 10 % 60:02d}Z")
        for n in range(count)
    ]


class Pages:
    """A listing whose answer to each (walk, skip) is up to a test."""

    def __init__(self, page: Callable[[int, int], list[dict[str, Any]]]) -> None:
        self.page = page
        self.walks = 0
        self.skips: list[int] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        skip = int(HttpRequest(scope).query_params["skip"])
        self.walks += skip == 0
        self.skips.append(skip)
        await JSONResponse(self.page(self.walks, skip))(scope, receive, send)


def walked(app: ASGIApp, concurrency: int = 1) -> list[CurrentFile]:
    found: dict[str, CurrentFile] = {}

    def take(page: Page) -> None:
        found.update((file.file_id, file) for file in page.files)

    async def scenario() -> None:
        async with client(app) as c:
            await walk(c, begin=found.clear, take=take, concurrency=concurrency)

    run(scenario())
    return list(found.values())


@pytest.mark.parametrize("count", [0, 1, 2, 999, 1000, 1001, 2500])
def test_every_file_is_read_once(sandbox: Callable[..., Sandbox], count: int) -> None:
    library = sandbox(*many(count))
    files = walked(library.app)
    assert sorted(file.path for file in files) == [f"/f/{n:05d}.jpg" for n in range(count)]


def test_a_file_deleted_on_the_way_makes_it_read_again() -> None:
    rows = many(1500)
    pages = Pages(lambda walk, skip: (rows[100:] if walk > 1 or skip else rows)[skip : skip + 1000])
    assert len(walked(pages)) == 1400
    assert pages.walks == 2


def test_a_page_that_lost_its_rows_makes_it_read_again() -> None:
    rows = many(1500)
    pages = Pages(lambda walk, skip: [] if walk == 1 and skip else rows[skip : skip + 1000])
    assert len(walked(pages)) == 1500
    assert pages.walks == 2


def test_a_file_that_appears_on_the_way_does_no_harm() -> None:
    rows = many(1500)
    early = file_object("/new", createdAt="2020-01-01T00:00:00Z")
    pages = Pages(lambda _walk, skip: ([early, *rows] if skip else rows)[skip : skip + 1000])
    assert len(walked(pages)) == 1500
    assert pages.walks == 1


def test_a_pager_that_repeats_its_first_page_is_found_out() -> None:
    rows = many(1000)
    pages = Pages(lambda _walk, _skip: rows)
    with pytest.raises(UnstableListingError, match="pages did not fit together"):
        walked(pages)
    assert pages.walks == 3


def test_pages_that_never_fit_end_in_an_error_after_three_walks() -> None:
    rows = many(3000)
    pages = Pages(lambda walk, skip: rows[walk * 50 + (50 if skip else 0) :][skip : skip + 1000])
    with pytest.raises(UnstableListingError):
        walked(pages)
    assert pages.walks == 3


def test_files_deleted_among_others_of_the_same_moment_make_it_read_again() -> None:
    rows = [file_object(f"/f/{n:05d}.jpg") for n in range(1500)]
    pages = Pages(lambda walk, skip: (rows[100:] if walk > 1 or skip else rows)[skip : skip + 1000])
    assert len(walked(pages)) == 1400
    assert pages.walks == 2


def test_a_folder_at_the_end_of_a_page_does_no_harm() -> None:
    rows = [*many(999), {"type": "folder", "folderId": "f", "folderPath": "/x"}, file_object("/last")]
    pages = Pages(lambda _walk, skip: rows[skip : skip + 1000])
    assert len(walked(pages)) == 1000


def test_pages_of_a_large_listing_are_asked_for_side_by_side_and_none_twice(sandbox: Callable[..., Sandbox]) -> None:
    library = sandbox(*many(9_500))
    together, most = 0, 0
    skips: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal together, most
        skips.append(int(HttpRequest(scope).query_params["skip"]))
        together += 1
        most = max(most, together)
        await asyncio.sleep(0)
        await library.app(scope, receive, send)
        together -= 1

    files = walked(app, concurrency=4)
    assert sorted(file.path for file in files) == [f"/f/{n:05d}.jpg" for n in range(9_500)]
    assert most == 3
    assert sorted(set(skips)) == sorted(skips)
    assert len(skips) <= 14


def test_a_short_page_in_the_middle_is_followed_from_where_it_ended() -> None:
    rows = many(8_000)
    pages = Pages(lambda _walk, skip: rows[skip : skip + (400 if skip == 5 * 999 else 1000)])
    assert len(walked(pages, concurrency=4)) == 8_000
    assert pages.walks == 1


def test_a_page_ahead_that_fails_is_no_failure_where_the_listing_ends_before_it() -> None:
    rows = many(4_900)

    def page(_walk: int, skip: int) -> list[dict[str, Any]]:
        if skip > len(rows):
            raise AssertionError("the library fails beyond its end")
        return rows[skip : skip + 1000]

    assert len(walked(Pages(page), concurrency=4)) == 4_900
