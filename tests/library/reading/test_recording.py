import json
from pathlib import Path
from random import Random

import pytest
from builders import run, unlimited
from library.reading.test_pagination import Pages, many

from tagsync.errors import ProtocolError, RefusedError
from tagsync.library.imagekit.library import ImageKitLibrary
from tagsync.library.reading.reader import MAX_UNREADABLE
from tagsync.library.reading.recording import Recording, record

ABOUT = {"account": "shop"}


class PulledPlugError(Exception):
    """The run ends here."""


def recorded(pages: Pages, path: Path, *, ends_after: int | None = None) -> tuple[bool, list[str], list[int]]:
    """Record a listing; return whether it was gone on with, the paths, and the counts of files read."""
    counts: list[int] = []

    def on_page(files: int) -> None:
        counts.append(files)
        if len(counts) == ends_after:
            raise PulledPlugError

    async def scenario() -> bool:
        async with ImageKitLibrary(
            "http://library.localhost", "k", limiters=unlimited(), app=pages, random=Random(1), objects=True
        ) as client:
            return await record(client, recording, is_wanted=lambda _path: True, concurrency=2, on_page=on_page)

    recording = Recording(path, ABOUT)
    try:
        continued = run(scenario())
        return continued, [json.loads(item)["filePath"] for item in recording.objects()], counts
    finally:
        recording.close()


def test_recording_goes_on_after_its_last_page(tmp_path: Path) -> None:
    rows = many(3500)
    pages = Pages(lambda _reading, skip: rows[skip : skip + 1000])
    with pytest.raises(PulledPlugError):
        recorded(pages, tmp_path / "partial", ends_after=2)
    asked = pages.skips.copy()
    continued, paths, counts = recorded(pages, tmp_path / "partial")
    assert continued
    assert paths == [row["filePath"] for row in rows]
    assert counts[0] > 1900
    assert pages.readings == 1
    assert min(pages.skips[len(asked) :]) > 1900


def test_recording_starts_again_if_its_last_page_does_not_join(tmp_path: Path) -> None:
    rows = many(3500)
    pages = Pages(lambda _reading, skip: rows[skip : skip + 1000])
    with pytest.raises(PulledPlugError):
        recorded(pages, tmp_path / "partial", ends_after=2)
    del rows[100:900]
    continued, paths, _ = recorded(pages, tmp_path / "partial")
    assert not continued
    assert paths == [row["filePath"] for row in rows]


def test_recording_keeps_the_newer_object_of_a_file_on_two_pages(tmp_path: Path) -> None:
    rows = many(1500)
    pages = Pages(lambda _reading, skip: [row | {"tags": [str(skip)]} for row in rows[skip : skip + 1000]])
    recorded(pages, tmp_path / "partial")
    recording = Recording(tmp_path / "partial", ABOUT)
    objects = [json.loads(item) for item in recording.objects()]
    assert [item["filePath"] for item in objects] == [row["filePath"] for row in rows]
    assert objects[-501]["tags"] == [str(pages.skips[1])]


def test_recording_is_of_one_library_and_one_writer(tmp_path: Path) -> None:
    first = Recording(tmp_path / "partial", ABOUT)
    with pytest.raises(RefusedError, match="in use"):
        Recording(tmp_path / "partial", ABOUT)
    first.close()
    assert list(tmp_path.iterdir()) == []
    recorded(Pages(lambda _reading, skip: many(3)[skip:]), tmp_path / "partial")
    with pytest.raises(RefusedError, match="of account 'shop', not 'other'"):
        Recording(tmp_path / "partial", {"account": "other"})
    Recording(tmp_path / "partial", ABOUT).remove()
    assert list(tmp_path.iterdir()) == []


def test_recording_ends_if_most_objects_are_invalid(tmp_path: Path) -> None:
    rows = [row | {"fileId": None} for row in many(2 * MAX_UNREADABLE)]
    pages = Pages(lambda _reading, skip: rows[skip : skip + 1000])
    with pytest.raises(ProtocolError, match="more than 1,000 file objects are invalid"):
        recorded(pages, tmp_path / "partial")
