import gzip
import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from builders import GOOGLE, ai, file_object, id_of, write_library

from tagsync.sandbox.search import compile_query
from tagsync.sandbox.seed import SeedError
from tagsync.sandbox.store import File, Store, timestamp

Open = Callable[..., Store]
NOW = datetime(2024, 6, 15, tzinfo=UTC)
ADVICE = "write one file object of the list API per line (jq -c makes such lines), or the API's array"

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


def test_store_lists_files_as_in_the_library_file(tmp_path: Path, open_store: Open) -> None:
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


def test_store_lists_a_file_with_only_id_and_path(tmp_path: Path, open_store: Open) -> None:
    store = open_store(write_library(tmp_path / "library.jsonl", [{"fileId": "1", "filePath": "/a"}]))
    assert page(store) == [{"fileId": "1", "filePath": "/a", "tags": None, "AITags": None, "updatedAt": ""}]


@pytest.mark.parametrize("none", [{"tags": None, "AITags": None}, {"tags": [], "AITags": []}, {}])
def test_store_lists_empty_tags_as_null(tmp_path: Path, open_store: Open, none: dict[str, Any]) -> None:
    item = {"fileId": "1", "filePath": "/a", **none}
    (found,) = page(open_store(write_library(tmp_path / "library.jsonl", [item])))
    assert (found["tags"], found["AITags"]) == (None, None)


def test_store_separates_folders_and_versions_from_files(tmp_path: Path, open_store: Open) -> None:
    library = write_library(tmp_path / "library.jsonl", [FOLDER, file_object("/shop/a.jpg"), VERSION])
    store = open_store(library)
    found = {kind: [item["name"] for item in page(store, kind=kind)] for kind in ("file", "file-version", "folder")}
    assert found == {"file": ["a.jpg"], "file-version": ["old.jpg"], "folder": ["shop"]}
    assert [item["name"] for item in page(store, kind="all")] == ["shop", "a.jpg"]


def test_store_lists_every_folder_of_a_path(tmp_path: Path, open_store: Open) -> None:
    files = [
        file_object("/shop/shoes/red/1.jpg", createdAt="2024-03-01T00:00:00.000Z"),
        file_object("/shop/2.jpg", createdAt="2024-02-01T00:00:00.000Z"),
        file_object("/top.jpg"),
        {"fileId": "1", "filePath": "/undated//x.jpg"},
        {"fileId": "2", "filePath": "no-slash/x.jpg"},
    ]
    store = open_store(write_library(tmp_path / "library.jsonl", [*files, FOLDER]))
    folders = page(store, kind="folder")
    assert {item["folderPath"]: item.get("createdAt") for item in folders} == {
        "/shop": FOLDER["createdAt"],
        "/shop/shoes": "2024-03-01T00:00:00.000Z",
        "/shop/shoes/red": "2024-03-01T00:00:00.000Z",
        "/undated": None,
    }
    assert len({item["folderId"] for item in folders}) == 4
    assert all("fileId" not in item and "tags" not in item for item in folders)
    assert [item["name"] for item in page(store, kind="folder", path="/shop")] == ["shoes"]
    (made,) = page(store, kind="folder", condition=compile_query('type = "folder" AND name = "red"', NOW))
    assert (made["folderPath"], made["name"], made["type"]) == ("/shop/shoes/red", "red", "folder")
    assert len(made["folderId"]) == 24


def test_store_folders_have_no_tags(tmp_path: Path, open_store: Open) -> None:
    assert page(open_store(write_library(tmp_path / "library.jsonl", [FOLDER])), kind="folder") == [FOLDER]


def test_store_details_and_save_are_for_files_only(tmp_path: Path, open_store: Open) -> None:
    store = open_store(write_library(tmp_path / "library.jsonl", [FOLDER, VERSION, file_object("/a.jpg", ["x"])]))
    ids = [id_of("/shop"), id_of("/old.jpg"), id_of("/a.jpg"), "none"]
    assert [store.details(file_id) is not None for file_id in ids] == [False, False, True, False]
    assert store.files(ids) == {id_of("/a.jpg"): File(id_of("/a.jpg"), ["x"], [])}


def test_store_saves_tags_and_keeps_the_rest(tmp_path: Path, open_store: Open) -> None:
    before = file_object("/a.jpg", ["x"], [ai("Dog"), ai("Cat")], description="kept")
    store = open_store(write_library(tmp_path / "library.jsonl", [before, file_object("/b.jpg", ["x"])]))
    store.save([File(id_of("/a.jpg"), ["y", "x"], [ai("Cat")._asdict()])])
    after = details(store, "/a.jpg")
    cat = {"name": "Cat", "confidence": 90.0, "source": GOOGLE}
    assert after == {**before, "tags": ["y", "x"], "AITags": [cat], "updatedAt": after["updatedAt"]}
    assert details(store, "/b.jpg")["tags"] == ["x"]


def test_store_saves_empty_tags_as_null(tmp_path: Path, open_store: Open) -> None:
    store = open_store(write_library(tmp_path / "library.jsonl", [file_object("/a.jpg", ["x"], [ai("Dog")])]))
    store.save([File(id_of("/a.jpg"), [], [])])
    assert (details(store, "/a.jpg")["tags"], details(store, "/a.jpg")["AITags"]) == (None, None)


def test_store_save_changes_only_the_update_time(tmp_path: Path, open_store: Open) -> None:
    store = open_store(write_library(tmp_path / "library.jsonl", [file_object("/a.jpg")]))
    earlier = timestamp(datetime.now(UTC))
    store.save([File(id_of("/a.jpg"), ["x"], [])])
    after = details(store, "/a.jpg")
    assert earlier <= after["updatedAt"] <= timestamp(datetime.now(UTC))
    assert after["createdAt"] == "2024-01-01T00:00:00.000Z"


def test_store_patch_replaces_members(tmp_path: Path, open_store: Open) -> None:
    item = file_object("/a.jpg", ["x"], description="old", customCoordinates="1,2,3,4")
    store = open_store(write_library(tmp_path / "library.jsonl", [item]))
    store.patch(id_of("/a.jpg"), {"description": "new", "customCoordinates": None})
    after = details(store, "/a.jpg")
    assert (after["description"], after["customCoordinates"], after["tags"]) == ("new", None, ["x"])


def test_store_patch_merges_custom_metadata(tmp_path: Path, open_store: Open) -> None:
    item = file_object("/a.jpg", customMetadata={"brand": "Nike", "größe": 5})
    store = open_store(write_library(tmp_path / "library.jsonl", [item]))
    store.patch(id_of("/a.jpg"), {"customMetadata": {"brand": None, "größe": 6, "new": True}})
    assert details(store, "/a.jpg")["customMetadata"] == {"größe": 6, "new": True}
    now = datetime.now(UTC)
    queries = ['"customMetadata.größe" = 6', '"customMetadata.größe" = 5', '"customMetadata.brand" = "Nike"']
    assert [len(page(store, condition=compile_query(query, now))) for query in queries] == [1, 0, 0]


def test_store_is_kept_between_runs(tmp_path: Path, open_store: Open) -> None:
    library = write_library(tmp_path / "library.jsonl", [file_object("/a.jpg", ["x"])])
    first = open_store(library, "kept.sqlite")
    first.save([File(id_of("/a.jpg"), ["x", "y"], [])])
    first.close()
    second = open_store(library, "kept.sqlite")
    assert details(second, "/a.jpg")["tags"] == ["x", "y"]
    assert not second.source_changed


def test_store_notices_a_changed_library_file(tmp_path: Path, open_store: Open) -> None:
    library = write_library(tmp_path / "library.jsonl", [file_object("/a.jpg")])
    first = open_store(library, "kept.sqlite")
    assert not first.source_changed
    first.close()
    write_library(library, [file_object("/a.jpg"), file_object("/b.jpg")])
    second = open_store(library, "kept.sqlite")
    assert second.source_changed
    assert [item["name"] for item in page(second)] == ["a.jpg"]


def test_store_in_memory_is_not_kept(tmp_path: Path, open_store: Open) -> None:
    library = write_library(tmp_path / "library.jsonl", [file_object("/a.jpg")])
    open_store(library).save([File(id_of("/a.jpg"), ["x"], [])])
    assert details(open_store(library), "/a.jpg")["tags"] is None


def test_seed_reads_gzip(tmp_path: Path, open_store: Open) -> None:
    library = tmp_path / "library.jsonl.gz"
    library.write_bytes(gzip.compress(json.dumps(file_object("/röd.jpg")).encode()))
    assert [item["name"] for item in page(open_store(library))] == ["röd.jpg"]


def test_seed_accepts_empty_lines_and_windows_line_ends(tmp_path: Path, open_store: Open) -> None:
    library = tmp_path / "library.jsonl"
    lines = [json.dumps(file_object(path)) for path in ("/a.jpg", "/b.jpg")]
    library.write_bytes(f"\r\n{lines[0]}\r\n  \r\n{lines[1]}".encode())
    assert [item["name"] for item in page(open_store(library))] == ["a.jpg", "b.jpg"]


def test_seed_refuses_a_pipe_without_waiting(tmp_path: Path) -> None:
    library = tmp_path / "library.jsonl"
    os.mkfifo(library)
    with pytest.raises(SeedError, match="is not a regular file: save it as one"):
        Store(":memory:", library)


def test_seed_accepts_an_empty_library(tmp_path: Path, open_store: Open) -> None:
    assert page(open_store(write_library(tmp_path / "library.jsonl", []))) == []


def test_seed_keeps_the_order_of_equal_files(tmp_path: Path, open_store: Open) -> None:
    paths = [f"/{letter}.jpg" for letter in "qwertyuiop"]
    store = open_store(write_library(tmp_path / "library.jsonl", map(file_object, paths)))
    pages = [page(store, limit=3, skip=skip, sort="DESC_CREATED") for skip in (0, 3, 6, 9, 12)]
    assert [item["filePath"] for found in pages for item in found] == paths
    assert list(map(len, pages)) == [3, 3, 3, 1, 0]


def test_seed_reads_many_files_completely(tmp_path: Path, open_store: Open) -> None:
    library = write_library(tmp_path / "library.jsonl", (file_object(f"/{number}") for number in range(10_001)))
    store = open_store(library)
    counts = [len(page(store, skip=skip)) for skip in (0, 5000, 9000, 10_000, 11_000)]
    assert counts == [1000, 1000, 1000, 1, 0]


GOOD = {"fileId": "1", "filePath": "/a.jpg"}


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("[]", "it must be a JSON object"),
        ("null", "it must be a JSON object"),
        ('"text"', "it must be a JSON object"),
        ("5", "it must be a JSON object"),
        ({"filePath": "/a.jpg"}, "fileId is missing"),
        ({"fileId": "1"}, "filePath is missing"),
        (GOOD | {"fileId": 5}, "fileId must be a string or null"),
        (GOOD | {"filePath": None}, "filePath is missing"),
        (GOOD | {"name": 5}, "name must be a string or null"),
        (GOOD | {"type": "asset"}, "type must be file, file-version or folder"),
        (GOOD | {"type": ["file"]}, "type must be file, file-version or folder"),
        (GOOD | {"type": "folder"}, "folderId is missing"),
        (GOOD | {"tags": "shoes"}, "tags must be a list or null"),
        (GOOD | {"tags": {"shoes": True}}, "tags must be a list or null"),
        (GOOD | {"tags": ["shoes", 5]}, "tags must be a list of strings: write each tag in quotes"),
        (GOOD | {"tags": ["shoes", None]}, "tags must be a list of strings: write each tag in quotes"),
        (GOOD | {"tags": [["shoes"]]}, "tags must be a list of strings: write each tag in quotes"),
        (GOOD | {"tags": ["\ud800"]}, "tags contains half a surrogate pair"),
        (GOOD | {"AITags": "Shoe"}, "AITags must be a list or null"),
        (GOOD | {"AITags": ["Shoe"]}, "AITags must be a list of objects, each with a name"),
        (GOOD | {"AITags": {"name": "Shoe"}}, "AITags must be a list or null"),
        (GOOD | {"AITags": [{"confidence": 5}]}, "AITags must be a list of objects, each with a name"),
        (GOOD | {"AITags": [{"name": None}]}, "AITags must be a list of objects, each with a name"),
        (GOOD | {"AITags": [{"name": "\udfff"}]}, "AITags contains half a surrogate pair"),
        (GOOD | {"size": "big"}, "size must be a number or null"),
        (GOOD | {"width": [5]}, "width must be a number or null"),
        (GOOD | {"height": {}}, "height must be a number or null"),
        (GOOD | {"size": 10**400}, "size is too large"),
        (GOOD | {"size": float("nan")}, "it contains NaN or Infinity, which are not valid JSON"),
        (GOOD | {"width": float("inf")}, "it contains NaN or Infinity, which are not valid JSON"),
        (GOOD | {"createdAt": 5}, "createdAt must be a string or null"),
        (GOOD | {"updatedAt": {}}, "updatedAt must be a string or null"),
        (GOOD | {"createdAt": "\ud800"}, "createdAt contains half a surrogate pair"),
        (GOOD | {"fileType": 5}, "fileType must be a string or null"),
        (GOOD | {"fileType": "\ud800"}, "fileType contains half a surrogate pair"),
        (GOOD | {"customMetadata": ["brand"]}, "customMetadata must be an object or null"),
        (GOOD | {"customMetadata": "brand"}, "customMetadata must be an object or null"),
        (GOOD | {"customMetadata": {"brand": "\ud800"}}, "customMetadata contains half a surrogate pair"),
        (
            GOOD | {"customMetadata": {"brand": float("nan")}},
            "customMetadata contains NaN or Infinity, which are not valid JSON",
        ),
    ],
    ids=lambda value: json.dumps(value)[:60],
)
def test_seed_names_an_invalid_object_and_its_member(tmp_path: Path, line: Any, wrong: str) -> None:
    library = tmp_path / "library.jsonl"
    text = line if isinstance(line, str) else json.dumps(line)
    library.write_text(f"{json.dumps(file_object('/0.jpg'))}\n\n{text}\n", encoding="utf-8")
    with pytest.raises(SeedError) as refused:
        Store(":memory:", library)
    assert str(refused.value) == f"{library}:3 is not a file object as the list API returns it: {wrong}"
    library.write_text(f"[{json.dumps(file_object('/0.jpg'))},\n\n{text}]", encoding="utf-8")
    with pytest.raises(SeedError) as refused:
        Store(":memory:", library)
    place = f"{library}: object 2 of the array"
    assert str(refused.value) == f"{place} is not a file object as the list API returns it: {wrong}"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "Expecting property name enclosed in double quotes: line 2 column 1 (char 2)"),
        ("[" * 100_000, "it is nested too deeply"),
    ],
    ids=["open", "deep"],
)
def test_seed_names_a_line_that_is_not_json_with_a_fix(tmp_path: Path, line: str, why: str) -> None:
    library = tmp_path / "library.jsonl"
    library.write_text(f"{json.dumps(file_object('/0.jpg'))}\n\n{line}\n", encoding="utf-8")
    with pytest.raises(SeedError) as refused:
        Store(":memory:", library)
    assert str(refused.value) == f"{library}:3 is not JSON: {why}; {ADVICE}"


PAIR = [file_object("/a.jpg", ["é"]), file_object("/b.jpg")]
LINES = "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in PAIR)


@pytest.mark.parametrize(
    "content",
    [
        LINES.encode(),
        LINES.encode("utf-8-sig"),
        LINES.encode("utf-16"),
        LINES.replace("\n", "\r\n").encode(),
        f"\n  \n{LINES}\n".encode(),
        json.dumps(PAIR).encode(),
        json.dumps(PAIR, indent=2).encode("utf-8-sig"),
        json.dumps(PAIR, indent=2).replace("\n", "\r\n").encode("utf-16"),
        f"\n{json.dumps(PAIR[:1])}\n{json.dumps(PAIR[1:])}\n[]\n".encode(),
        f"{json.dumps(PAIR[:1])}{json.dumps(PAIR[1:])}".encode(),
    ],
    ids=["lines", "BOM", "UTF-16", "CRLF", "blank", "array", "indented-BOM", "indented-UTF-16", "pages", "joined"],
)
@pytest.mark.parametrize("name", ["library.jsonl", "library.json.gz"])
def test_seed_accepts_lines_or_arrays_with_or_without_bom(
    tmp_path: Path, open_store: Open, content: bytes, name: str
) -> None:
    library = tmp_path / name
    library.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert page(open_store(library)) == PAIR


def test_seed_refuses_a_cut_off_array_with_the_place(tmp_path: Path) -> None:
    library = tmp_path / "library.json"
    library.write_text(json.dumps(PAIR)[:-1], encoding="utf-8")
    with pytest.raises(SeedError) as refused:
        Store(":memory:", library)
    assert str(refused.value).startswith(
        f"{library} is not a valid JSON array: Expecting ',' delimiter: line 1 column "
    )
    assert str(refused.value).endswith(f"; {ADVICE}")


def test_seed_names_a_duplicate_id_of_an_array(tmp_path: Path) -> None:
    library = tmp_path / "library.json"
    library.write_text(json.dumps([*PAIR, PAIR[0]]), encoding="utf-8")
    with pytest.raises(SeedError) as refused:
        Store(":memory:", library)
    place = f"{library}: object 3 of the array"
    assert str(refused.value) == f"{place} has the same id as an earlier object: {id_of('/a.jpg')}"


@pytest.mark.parametrize("repeated", [file_object("/a.jpg"), {**FOLDER, "folderId": id_of("/a.jpg")}])
def test_seed_names_the_second_line_of_a_duplicate_id(tmp_path: Path, repeated: dict[str, Any]) -> None:
    items = [file_object("/a.jpg"), file_object("/b.jpg"), repeated, file_object("/b.jpg")]
    library = write_library(tmp_path / "library.jsonl", items)
    with pytest.raises(SeedError) as refused:
        Store(":memory:", library)
    assert str(refused.value) == f"{library}:3 has the same id as an earlier object: {id_of('/a.jpg')}"


def _truncated(packed: bytes) -> bytes:
    return packed[:-12]


def _damaged(packed: bytes) -> bytes:
    return packed[:10] + b"\xff" * 8 + packed[18:]


def _not_packed(_packed: bytes) -> bytes:
    return b'{"fileId": "1", "filePath": "/a"}'


@pytest.mark.parametrize("spoil", [_truncated, _damaged, _not_packed])
def test_seed_refuses_damaged_gzip(tmp_path: Path, spoil: Callable[[bytes], bytes]) -> None:
    library = tmp_path / "library.jsonl.gz"
    library.write_bytes(spoil(gzip.compress(json.dumps(file_object("/a.jpg")).encode())))
    with pytest.raises(SeedError) as refused:
        Store(":memory:", library)
    assert str(refused.value) == f"{library} is not text in UTF-8: {ADVICE}"


def test_seed_refuses_other_encodings(tmp_path: Path) -> None:
    library = tmp_path / "library.jsonl"
    library.write_bytes(b'{"fileId": "1", "filePath": "/r\xf6d"}\n')
    with pytest.raises(SeedError, match="is not text in UTF-8: write one file object"):
        Store(":memory:", library)


def test_seed_refuses_a_missing_library_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(SeedError) as refused:
        Store(":memory:", tmp_path / "none.jsonl")
    assert str(refused.value) == f"the library file {tmp_path / 'none.jsonl'} cannot be read: No such file or directory"


def test_seed_refuses_a_folder(tmp_path: Path) -> None:
    with pytest.raises(SeedError, match="cannot be read: Is a directory"):
        Store(":memory:", tmp_path)


def test_seed_starts_again_after_a_fixed_line(tmp_path: Path, open_store: Open) -> None:
    library = tmp_path / "library.jsonl"
    library.write_text(json.dumps(file_object("/a.jpg")) + "\n{\n", encoding="utf-8")
    with pytest.raises(SeedError):
        Store(tmp_path / "kept.sqlite", library)
    write_library(library, [file_object("/b.jpg")])
    store = open_store(library, "kept.sqlite")
    assert [item["name"] for item in page(store)] == ["b.jpg"]
    assert not store.source_changed


@pytest.mark.parametrize("content", [b"this is no database, though it is long enough to look at" * 40, None])
def test_store_refuses_an_unusable_database_with_a_fix(tmp_path: Path, content: bytes | None) -> None:
    database = tmp_path / "kept.sqlite"
    if content is None:
        database.mkdir()
    else:
        database.write_bytes(content)
    with pytest.raises(SeedError) as refused:
        Store(database, write_library(tmp_path / "library.jsonl", []))
    assert str(refused.value).startswith(f"the sandbox database {database} cannot be used (")
    assert str(refused.value).endswith("): try sandbox reset")


def test_store_that_was_refused_leaves_the_database_free(tmp_path: Path) -> None:
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
def test_store_timestamps_have_milliseconds(moment: datetime, text: str) -> None:
    assert timestamp(moment) == text
