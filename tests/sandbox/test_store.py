import gzip
import json
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support import GOOGLE, ai, file_object, id_of, write_library

from tagsync.sandbox.search import compile_query
from tagsync.sandbox.seed import SeedError
from tagsync.sandbox.store import File, Store, timestamp

Open = Callable[..., Store]

FOLDER = {
    "type": "folder",
    "folderId": id_of("/shop"),
    "folderPath": "/shop",
    "name": "shop",
    "createdAt": "2024-01-01T00:00:00.000Z",
    "updatedAt": "2024-01-02T00:00:00.000Z",
}
VERSION = {**file_object("/old.jpg", ["old"]), "type": "file-version"}


@pytest.fixture
def open_store(tmp_path: Path) -> Iterator[Open]:
    """Return a function that opens a store over a library file; a name makes it one that is kept."""
    opened: list[Store] = []

    def build(library: Path, database: str | None = None) -> Store:
        opened.append(Store(tmp_path / database if database else ":memory:", library))
        return opened[-1]

    yield build
    for store in opened:
        store.close()


def page(store: Store, **asked: Any) -> list[dict[str, Any]]:
    settings: dict[str, Any] = {
        "kind": "file",
        "condition": None,
        "path": None,
        "file_type": "all",
        "sort": "ASC_CREATED",
        "limit": 1000,
        "skip": 0,
    }
    items: list[dict[str, Any]] = json.loads(store.list(**settings | asked))
    return items


def details(store: Store, path: str) -> dict[str, Any]:
    text = store.details(id_of(path))
    assert text is not None
    item: dict[str, Any] = json.loads(text)
    return item


def test_a_file_is_listed_as_the_library_file_has_it(tmp_path: Path, open_store: Open) -> None:
    item = file_object(
        "/shop/röd 💚.jpg",
        ["shoes", "é", 'a "b" \\ c'],
        [ai("Dog", 90.125), ai("Dog", 50, "aws-auto-tagging")],
        url="https://ik.imagekit.io/x/a.jpg",
        size=1024,
        width=10,
        height=20,
        customMetadata={"brand": "Nike", "größe": ["s", "m"]},
        versionInfo={"id": "1", "name": "Version 1"},
        isPrivateFile=False,
        description=None,
    )
    assert page(open_store(write_library(tmp_path / "library.jsonl", [item]))) == [item]


def test_a_file_with_no_more_than_an_id_and_a_path_is_listed(tmp_path: Path, open_store: Open) -> None:
    store = open_store(write_library(tmp_path / "library.jsonl", [{"fileId": "1", "filePath": "/a"}]))
    assert page(store) == [{"fileId": "1", "filePath": "/a", "tags": None, "AITags": None, "updatedAt": ""}]


@pytest.mark.parametrize("none", [{"tags": None, "AITags": None}, {"tags": [], "AITags": []}, {}])
def test_tags_that_are_empty_null_or_absent_are_listed_as_null(
    tmp_path: Path, open_store: Open, none: dict[str, Any]
) -> None:
    item = {"fileId": "1", "filePath": "/a", **none}
    (found,) = page(open_store(write_library(tmp_path / "library.jsonl", [item])))
    assert (found["tags"], found["AITags"]) == (None, None)


def test_folders_and_versions_are_kept_apart_from_files(tmp_path: Path, open_store: Open) -> None:
    library = write_library(tmp_path / "library.jsonl", [FOLDER, file_object("/shop/a.jpg"), VERSION])
    store = open_store(library)
    found = {kind: [item["name"] for item in page(store, kind=kind)] for kind in ("file", "file-version", "folder")}
    assert found == {"file": ["a.jpg"], "file-version": ["old.jpg"], "folder": ["shop"]}
    assert [item["name"] for item in page(store, kind="all")] == ["shop", "a.jpg"]


def test_a_folder_has_no_tags(tmp_path: Path, open_store: Open) -> None:
    assert page(open_store(write_library(tmp_path / "library.jsonl", [FOLDER])), kind="folder") == [FOLDER]


def test_only_files_have_details_and_can_be_saved(tmp_path: Path, open_store: Open) -> None:
    store = open_store(write_library(tmp_path / "library.jsonl", [FOLDER, VERSION, file_object("/a.jpg", ["x"])]))
    ids = [id_of("/shop"), id_of("/old.jpg"), id_of("/a.jpg"), "none"]
    assert [store.details(file_id) is not None for file_id in ids] == [False, False, True, False]
    assert store.files(ids) == {id_of("/a.jpg"): File(id_of("/a.jpg"), ["x"], [])}


def test_saved_tags_are_read_back_and_the_rest_stays(tmp_path: Path, open_store: Open) -> None:
    before = file_object("/a.jpg", ["x"], [ai("Dog"), ai("Cat")], description="kept")
    store = open_store(write_library(tmp_path / "library.jsonl", [before, file_object("/b.jpg", ["x"])]))
    store.save([File(id_of("/a.jpg"), ["y", "x"], [ai("Cat")._asdict()])])
    after = details(store, "/a.jpg")
    cat = {"name": "Cat", "confidence": 90.0, "source": GOOGLE}
    assert after == {**before, "tags": ["y", "x"], "AITags": [cat], "updatedAt": after["updatedAt"]}
    assert details(store, "/b.jpg")["tags"] == ["x"]


def test_tags_that_became_none_are_null(tmp_path: Path, open_store: Open) -> None:
    store = open_store(write_library(tmp_path / "library.jsonl", [file_object("/a.jpg", ["x"], [ai("Dog")])]))
    store.save([File(id_of("/a.jpg"), [], [])])
    assert (details(store, "/a.jpg")["tags"], details(store, "/a.jpg")["AITags"]) == (None, None)


def test_saving_moves_the_time_of_the_update_and_not_that_of_the_creation(tmp_path: Path, open_store: Open) -> None:
    store = open_store(write_library(tmp_path / "library.jsonl", [file_object("/a.jpg")]))
    earlier = timestamp(datetime.now(UTC))
    store.save([File(id_of("/a.jpg"), ["x"], [])])
    after = details(store, "/a.jpg")
    assert earlier <= after["updatedAt"] <= timestamp(datetime.now(UTC))
    assert after["createdAt"] == "2024-01-01T00:00:00.000Z"


def test_patched_members_replace_what_was_there(tmp_path: Path, open_store: Open) -> None:
    item = file_object("/a.jpg", ["x"], description="old", customCoordinates="1,2,3,4")
    store = open_store(write_library(tmp_path / "library.jsonl", [item]))
    store.patch(id_of("/a.jpg"), {"description": "new", "customCoordinates": None})
    after = details(store, "/a.jpg")
    assert (after["description"], after["customCoordinates"], after["tags"]) == ("new", None, ["x"])


def test_patched_custom_metadata_is_merged_a_null_unsets_and_it_can_be_searched(
    tmp_path: Path, open_store: Open
) -> None:
    item = file_object("/a.jpg", customMetadata={"brand": "Nike", "größe": 5})
    store = open_store(write_library(tmp_path / "library.jsonl", [item]))
    store.patch(id_of("/a.jpg"), {"customMetadata": {"brand": None, "größe": 6, "new": True}})
    assert details(store, "/a.jpg")["customMetadata"] == {"größe": 6, "new": True}
    now = datetime.now(UTC)
    queries = ['"customMetadata.größe" = 6', '"customMetadata.größe" = 5', '"customMetadata.brand" = "Nike"']
    assert [len(page(store, condition=compile_query(query, now))) for query in queries] == [1, 0, 0]


def test_a_library_is_kept_from_run_to_run(tmp_path: Path, open_store: Open) -> None:
    library = write_library(tmp_path / "library.jsonl", [file_object("/a.jpg", ["x"])])
    first = open_store(library, "kept.sqlite")
    first.save([File(id_of("/a.jpg"), ["x", "y"], [])])
    first.close()
    second = open_store(library, "kept.sqlite")
    assert details(second, "/a.jpg")["tags"] == ["x", "y"]
    assert not second.source_changed


def test_a_changed_library_file_is_noticed_and_the_kept_library_goes_on(tmp_path: Path, open_store: Open) -> None:
    library = write_library(tmp_path / "library.jsonl", [file_object("/a.jpg")])
    first = open_store(library, "kept.sqlite")
    assert not first.source_changed
    first.close()
    write_library(library, [file_object("/a.jpg"), file_object("/b.jpg")])
    second = open_store(library, "kept.sqlite")
    assert second.source_changed
    assert [item["name"] for item in page(second)] == ["a.jpg"]


def test_a_library_in_memory_is_not_kept(tmp_path: Path, open_store: Open) -> None:
    library = write_library(tmp_path / "library.jsonl", [file_object("/a.jpg")])
    open_store(library).save([File(id_of("/a.jpg"), ["x"], [])])
    assert details(open_store(library), "/a.jpg")["tags"] is None


def test_a_gz_library_is_read(tmp_path: Path, open_store: Open) -> None:
    library = tmp_path / "library.jsonl.gz"
    library.write_bytes(gzip.compress(json.dumps(file_object("/röd.jpg")).encode()))
    assert [item["name"] for item in page(open_store(library))] == ["röd.jpg"]


def test_empty_lines_and_windows_line_ends_are_fine(tmp_path: Path, open_store: Open) -> None:
    library = tmp_path / "library.jsonl"
    lines = [json.dumps(file_object(path)) for path in ("/a.jpg", "/b.jpg")]
    library.write_bytes(f"\r\n{lines[0]}\r\n  \r\n{lines[1]}".encode())
    assert [item["name"] for item in page(open_store(library))] == ["a.jpg", "b.jpg"]


def test_an_empty_library_is_one(tmp_path: Path, open_store: Open) -> None:
    assert page(open_store(write_library(tmp_path / "library.jsonl", []))) == []


def test_files_of_equal_rank_are_listed_in_the_order_of_the_library_file(tmp_path: Path, open_store: Open) -> None:
    paths = [f"/{letter}.jpg" for letter in "qwertyuiop"]
    store = open_store(write_library(tmp_path / "library.jsonl", map(file_object, paths)))
    pages = [page(store, limit=3, skip=skip, sort="DESC_CREATED") for skip in (0, 3, 6, 9, 12)]
    assert [item["filePath"] for found in pages for item in found] == paths
    assert list(map(len, pages)) == [3, 3, 3, 1, 0]


def test_a_library_of_many_files_is_seeded_whole(tmp_path: Path, open_store: Open) -> None:
    library = write_library(tmp_path / "library.jsonl", (file_object(f"/{number}") for number in range(10_001)))
    store = open_store(library)
    counts = [len(page(store, skip=skip)) for skip in (0, 5000, 9000, 10_000, 11_000)]
    assert counts == [1000, 1000, 1000, 1, 0]


GOOD = {"fileId": "1", "filePath": "/a.jpg"}


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        "null",
        '"text"',
        "5",
        "[" * 100_000,
        {"filePath": "/a.jpg"},
        {"fileId": "1"},
        GOOD | {"fileId": 5},
        GOOD | {"filePath": None},
        GOOD | {"name": 5},
        GOOD | {"type": "asset"},
        GOOD | {"type": ["file"]},
        GOOD | {"type": "folder"},
        GOOD | {"tags": "shoes"},
        GOOD | {"tags": {"shoes": True}},
        GOOD | {"tags": ["shoes", 5]},
        GOOD | {"tags": ["shoes", None]},
        GOOD | {"tags": [["shoes"]]},
        GOOD | {"tags": ["\ud800"]},
        GOOD | {"AITags": "Shoe"},
        GOOD | {"AITags": ["Shoe"]},
        GOOD | {"AITags": {"name": "Shoe"}},
        GOOD | {"AITags": [{"confidence": 5}]},
        GOOD | {"AITags": [{"name": None}]},
        GOOD | {"size": "big"},
        GOOD | {"width": [5]},
        GOOD | {"height": {}},
        GOOD | {"size": 10**400},
        GOOD | {"size": float("nan")},
        GOOD | {"width": float("inf")},
        GOOD | {"createdAt": 5},
        GOOD | {"updatedAt": {}},
        GOOD | {"createdAt": "\ud800"},
        GOOD | {"fileType": 5},
        GOOD | {"fileType": "\ud800"},
        GOOD | {"customMetadata": ["brand"]},
        GOOD | {"customMetadata": "brand"},
        GOOD | {"customMetadata": {"brand": "\ud800"}},
        GOOD | {"customMetadata": {"brand": float("nan")}},
    ],
    ids=lambda line: json.dumps(line)[:60],
)
def test_a_line_that_is_no_file_object_is_named_by_file_and_line(tmp_path: Path, line: Any) -> None:
    library = tmp_path / "library.jsonl"
    text = line if isinstance(line, str) else json.dumps(line)
    library.write_text(f"{json.dumps(file_object('/0.jpg'))}\n\n{text}\n", encoding="utf-8")
    with pytest.raises(SeedError) as refused:
        Store(":memory:", library)
    assert str(refused.value) == f"{library}:3 is not a file object as the list API returns it"


@pytest.mark.parametrize("repeated", [file_object("/a.jpg"), {**FOLDER, "folderId": id_of("/a.jpg")}])
def test_an_id_that_is_there_twice_is_named_with_its_second_line(tmp_path: Path, repeated: dict[str, Any]) -> None:
    items = [file_object("/a.jpg"), file_object("/b.jpg"), repeated, file_object("/b.jpg")]
    library = write_library(tmp_path / "library.jsonl", items)
    with pytest.raises(SeedError) as refused:
        Store(":memory:", library)
    assert str(refused.value) == f"{library}:3 has the same id as an earlier line: {id_of('/a.jpg')}"


def _truncated(packed: bytes) -> bytes:
    return packed[:-12]


def _damaged(packed: bytes) -> bytes:
    return packed[:10] + b"\xff" * 8 + packed[18:]


def _not_packed(_packed: bytes) -> bytes:
    return b'{"fileId": "1", "filePath": "/a"}'


@pytest.mark.parametrize("spoil", [_truncated, _damaged, _not_packed])
def test_a_spoiled_gz_library_is_refused(tmp_path: Path, spoil: Callable[[bytes], bytes]) -> None:
    library = tmp_path / "library.jsonl.gz"
    library.write_bytes(spoil(gzip.compress(json.dumps(file_object("/a.jpg")).encode())))
    with pytest.raises(SeedError) as refused:
        Store(":memory:", library)
    assert str(refused.value) == f"{library} is not a text file of one JSON object a line"


def test_a_library_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    library = tmp_path / "library.jsonl"
    library.write_bytes(b'{"fileId": "1", "filePath": "/r\xf6d"}\n')
    with pytest.raises(SeedError, match="is not a text file of one JSON object a line"):
        Store(":memory:", library)


def test_a_library_that_is_not_there_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(SeedError) as refused:
        Store(":memory:", tmp_path / "none.jsonl")
    assert str(refused.value) == f"the library file {tmp_path / 'none.jsonl'} cannot be read: No such file or directory"


def test_a_folder_is_no_library(tmp_path: Path) -> None:
    with pytest.raises(SeedError, match="cannot be read: Is a directory"):
        Store(":memory:", tmp_path)


def test_after_a_bad_line_the_next_run_seeds_the_mended_library(tmp_path: Path, open_store: Open) -> None:
    library = tmp_path / "library.jsonl"
    library.write_text(json.dumps(file_object("/a.jpg")) + "\n{\n", encoding="utf-8")
    with pytest.raises(SeedError):
        Store(tmp_path / "kept.sqlite", library)
    write_library(library, [file_object("/b.jpg")])
    store = open_store(library, "kept.sqlite")
    assert [item["name"] for item in page(store)] == ["b.jpg"]
    assert not store.source_changed


@pytest.mark.parametrize("content", [b"this is no database, though it is long enough to look at" * 40, None])
def test_a_database_that_cannot_be_used_is_refused_with_the_mend(tmp_path: Path, content: bytes | None) -> None:
    database = tmp_path / "kept.sqlite"
    if content is None:
        database.mkdir()
    else:
        database.write_bytes(content)
    with pytest.raises(SeedError) as refused:
        Store(database, write_library(tmp_path / "library.jsonl", []))
    assert str(refused.value).startswith(f"the sandbox database {database} cannot be used (")
    assert str(refused.value).endswith("): try sandbox reset")


def test_a_store_that_was_refused_leaves_its_database_free(tmp_path: Path) -> None:
    database = tmp_path / "kept.sqlite"
    library = tmp_path / "library.jsonl"
    library.write_text("{\n", encoding="utf-8")
    with pytest.raises(SeedError) as refused:
        Store(database, library)
    # While `refused` holds the traceback, only an explicit close frees it: WAL files stay as long as one is open.
    assert refused.tb
    assert not database.with_name("kept.sqlite-wal").exists()
    other = sqlite3.connect(database, timeout=0)
    other.execute("BEGIN EXCLUSIVE")
    other.close()


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2024, 1, 2, 3, 4, 5, 678_999, UTC), "2024-01-02T03:04:05.678Z"),
        (datetime(2024, 12, 31, 23, 59, 59, 0, UTC), "2024-12-31T23:59:59.000Z"),
    ],
)
def test_a_moment_is_written_with_milliseconds(moment: datetime, text: str) -> None:
    assert timestamp(moment) == text
