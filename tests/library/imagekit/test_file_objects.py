from typing import Any

import pytest
from builders import response
from hypothesis import example, given
from hypothesis import strategies as st

from tagsync.errors import ProtocolError, TransientError, UnreadableError
from tagsync.library.imagekit.file_objects import FileReader
from tagsync.library.protocol import Page
from tagsync.model import AITag


@pytest.mark.parametrize("absent", [{}, {"tags": None, "AITags": None}, {"tags": [], "AITags": []}])
def test_file_objects_null_absent_and_empty_tags_are_equal(absent: dict[str, Any]) -> None:
    file = FileReader().file({"fileId": "1", "filePath": "/a", **absent})
    assert (file.tags, file.ai_tags) == ((), ())


def test_file_objects_keep_an_ai_tag_of_two_sources_twice() -> None:
    tags = [{"name": "Tire", "confidence": 80, "source": "a"}, {"name": "Tire", "confidence": 60.5, "source": "b"}]
    file = FileReader().file({"fileId": "1", "filePath": "/a", "AITags": tags})
    assert file.ai_tags == (AITag("Tire", 80, "a"), AITag("Tire", 60.5, "b"))


def test_file_objects_ignore_members_with_half_a_surrogate_pair() -> None:
    odd = {"\ud800": [{"name": "Dog"}]}
    file = {"fileId": "1", "filePath": "/a", "AITags": [{"name": "Tire", **odd}], "versionInfo": odd, **odd}
    reader = FileReader()
    page = reader.page(response([file, {"type": "folder", "folderId": "f", **odd}]))
    assert [(file.path, file.ai_tags) for file in page.files] == [("/a", (AITag("Tire", None, ""),))]
    assert (len(page.rows), page.unreadable) == (2, ())
    assert reader.details(response(file)) == page.files[0]


def test_page_omits_folders_and_old_versions_but_counts_them() -> None:
    body = [
        {"type": "folder", "folderId": "f", "folderPath": "/x"},
        {"type": "file-version", "fileId": "1", "filePath": "/a"},
        {"type": "file", "fileId": "2", "filePath": "/b", "createdAt": "2024"},
        {"fileId": "3", "filePath": "/c"},
    ]
    page = FileReader().page(response(body))
    assert [file.file_id for file in page.files] == ["2", "3"]
    assert page.rows[:3] == ("folder/f/None", "file-version/1/None", "file/2/None")


@pytest.mark.parametrize(
    ("item", "file_id", "why"),
    [
        (None, "", "no usable fileId"),
        (5, "", "no usable fileId"),
        ({"fileId": "1"}, "1", "no usable filePath"),
        ({"fileId": 1, "filePath": "/a"}, "", "no usable fileId"),
        ({"fileId": "1", "filePath": None}, "1", "no usable filePath"),
        ({"fileId": "1", "filePath": "/a", "tags": "a,b", "AITags": [None]}, "1", "tags is not a list of strings"),
        ({"type": "file"}, "", "no usable fileId"),
        ({"fileId": "", "filePath": "/a"}, "", "no usable fileId"),
        ({"fileId": ".", "filePath": "/a"}, ".", "no usable fileId"),
        ({"fileId": "..", "filePath": "/a"}, "..", "no usable fileId"),
        ({"fileId": "1" * 201, "filePath": "/a"}, "1" * 201, "no usable fileId"),
        ({"fileId": "1", "filePath": "/a", "tags": [1]}, "1", "tags is not a list of strings"),
        ({"fileId": "1", "filePath": "/a", "tags": "red"}, "1", "tags is not a list of strings"),
        ({"fileId": "1", "filePath": "/a", "tags": {"red": 1}}, "1", "tags is not a list of strings"),
        ({"fileId": "1", "filePath": "/a", "tags": ["\ud800"]}, "1", "tags contains half a surrogate pair"),
        ({"fileId": "1", "filePath": "/\ud800"}, "1", "filePath contains half a surrogate pair"),
        ({"fileId": "\udfff", "filePath": "/a"}, "\\udfff", "fileId contains half a surrogate pair"),
        ({"fileId": "1", "filePath": "/a", "tags": [["x"]]}, "1", "tags is not a list of strings"),
        ({"fileId": "1", "filePath": "/a", "AITags": [{"confidence": 5}]}, "1", "AITags is not a list"),
        (
            {"fileId": "1", "filePath": "/a", "AITags": [{"name": "\ud800"}]},
            "1",
            "AITags contains half a surrogate pair",
        ),
        ({"fileId": "1", "filePath": "/a", "AITags": [{"name": "x", "confidence": "high"}]}, "1", "AITags is not"),
        ({"fileId": "1", "filePath": "/a", "AITags": [{"name": "x", "confidence": True}]}, "1", "AITags is not"),
        ({"fileId": "1", "filePath": "/a", "AITags": {"name": "x"}}, "1", "AITags is not a list"),
    ],
)
def test_page_names_an_unreadable_file_without_losing_others(item: Any, file_id: str, why: str) -> None:
    page = FileReader().page(response([{"fileId": "2", "filePath": "/b"}, item]))
    assert [file.file_id for file in page.files] == ["2"]
    (odd,) = page.unreadable
    assert odd.file_id == file_id
    assert why in odd.why
    assert len(page.rows) == len(page.moments) == 2


@pytest.mark.parametrize("items", [[None], [5, "x"], [[]]])
def test_page_without_objects_is_a_protocol_error(items: list[Any]) -> None:
    with pytest.raises(ProtocolError, match="contains no file objects"):
        FileReader().page(response(items))


def test_details_that_are_unreadable_are_not_retried() -> None:
    with pytest.raises(UnreadableError, match="tags is not a list of strings") as caught:
        FileReader().details(response({"fileId": "1", "filePath": "/a", "tags": "red"}))
    assert caught.value.what == ("1", "/a", "tags is not a list of strings")
    assert not isinstance(caught.value, TransientError)


def test_page_keys_of_media_collections_are_unique() -> None:
    kinds: list[dict[str, Any]] = [{"type": "media-collection"}, {}]
    rows = [{**kind, "name": name, "createdAt": moment} for kind in kinds for name in "ab" for moment in ("1", "2")]
    page = FileReader().page(response(rows))
    assert (page.files, page.unreadable) == ((), ())
    assert len(set(page.rows)) == len(rows)


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"", b"\xff\xfe", b'{"a":', b"[" * 100_000, b'[{"fileId":"1","filePath":"/a","size":NaN}]', b"{}"],
)
def test_page_that_is_not_a_list_is_a_protocol_error(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        FileReader().page(response(body, content_type="text/html"))


@pytest.mark.parametrize("version", ["v1", ["v1"], 5, True, {}, {"id": None}, None])
def test_page_key_without_a_version_has_none(version: Any) -> None:
    page = FileReader().page(response([{"type": "file", "fileId": "1", "filePath": "/a", "versionInfo": version}]))
    assert page.rows == ("file/1/None",)


def test_page_keys_of_two_versions_differ() -> None:
    row = {"type": "file-version", "fileId": "1"}
    page = FileReader().page(response([{**row, "versionInfo": {"id": version}} for version in ("v1", "v2")]))
    assert page.rows == ("file-version/1/v1", "file-version/1/v2")


def test_file_id_may_have_200_characters_and_dots() -> None:
    ids = ["1" * 200, "...", ".a"]
    page = FileReader().page(response([{"fileId": file_id, "filePath": "/a"} for file_id in ids]))
    assert [file.file_id for file in page.files] == ids


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
ANY_TAG = st.fixed_dictionaries({}, optional={"name": ANY_JSON, "confidence": ANY_JSON, "source": ANY_JSON})
SOUND = {"type": "file", "fileId": "1", "folderId": None, "filePath": "/a", "tags": ["t"], "versionInfo": {"id": "v1"}}
ANY_ROW = st.dictionaries(
    st.sampled_from([*SOUND, "AITags"]), st.lists(ANY_TAG, max_size=2) | ANY_JSON, max_size=2
).map(lambda members: {**SOUND, **members})


@given(rows=st.lists(ANY_ROW | ANY_JSON, max_size=3) | ANY_JSON)
@example(rows=[{"fileId": "1", "filePath": "/a", "AITags": [{"name": "x", "confidence": 10**400}]}])
@example(rows=[{"fileId": "1", "filePath": "/a", "versionInfo": "v1"}])
def test_page_of_any_json_is_a_page_or_a_protocol_error(rows: Any) -> None:
    def read() -> Page | None:
        try:
            return FileReader().page(response(rows))
        except ProtocolError:
            return None

    page = read()
    assert page is None or len(page.rows) == len(rows)


@pytest.mark.parametrize("number", [b"1e999", b"9" * 400])
def test_file_with_an_infinite_confidence_is_unreadable(number: bytes) -> None:
    body = b'[{"fileId":"1","filePath":"/a","AITags":[{"name":"x","confidence":%b}]}]' % number
    assert [odd.file_id for odd in FileReader().page(response(body)).unreadable] == ["1"]


@pytest.mark.parametrize(
    ("given", "kept"), [("2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.000Z"), (7, ""), (None, "")]
)
def test_file_creation_date_does_not_affect_equality(given: Any, kept: str) -> None:
    item = {"type": "file", "fileId": "f1", "filePath": "/a.jpg"}
    dated, plain = FileReader().file({**item, "createdAt": given}), FileReader().file(item)
    assert (dated.created_at, plain.created_at) == (kept, "")
    assert (dated, hash(dated), repr(dated)) == (plain, hash(plain), repr(plain))


_ROW = st.fixed_dictionaries(
    {"fileId": st.sampled_from(["1", "2", "3"]), "filePath": st.sampled_from(["/a", "/b/ü.jpg"])},
    optional={
        "type": st.sampled_from(["file", "folder", "file-version", None]),
        "tags": st.none() | st.lists(st.sampled_from(["x", "y", "é"])),
        "AITags": st.none()
        | st.lists(
            st.fixed_dictionaries(
                {"name": st.sampled_from(["Tire", "Car"])},
                optional={
                    "confidence": st.sampled_from([None, 0, 7, 7.0, 99.5, 100, 101, -1.5]),
                    "source": st.sampled_from([None, "", "a", "b"]),
                },
            ),
            max_size=3,
        ),
        "versionInfo": st.sampled_from([None, {}, {"id": "v1"}, {"id": 5}, "v1"]),
        "thumbnail": st.sampled_from([None, "https://x/y", "javascript:1", 5]),
        "createdAt": st.sampled_from([None, "2024-01-01T00:00:00Z", 5]),
        "updatedAt": st.sampled_from([None, "2024-01-01T00:00:00Z", 5]),
        "width": st.integers(),
    },
)


@given(rows=st.lists(_ROW, max_size=4))
def test_page_row_that_is_unreadable_changes_no_other_row(rows: list[dict[str, Any]]) -> None:
    page = FileReader(thumbnails=True).page(response(rows))
    odd = FileReader(thumbnails=True).page(response([*rows, {"fileId": "9", "filePath": 9}]))
    assert (odd.files, odd.rows[:-1], odd.moments[:-1]) == (page.files, page.rows, page.moments)
    assert repr(odd.files) == repr(page.files)
    undeclared = [(file.created_at, file.updated_at, file.thumbnail) for file in page.files]
    assert undeclared == [(file.created_at, file.updated_at, file.thumbnail) for file in odd.files]
    assert [item.file_id for item in odd.unreadable] == [*(item.file_id for item in page.unreadable), "9"]


def test_file_fields_are_kept_only_if_they_are_asked_for() -> None:
    row = {"fileId": "1", "filePath": "/a", "fileType": "image", "customMetadata": {"season": "spring", "price": 49}}
    assert FileReader().file(row).fields == ()
    assert FileReader(fields=["createdAt"]).file(row).fields == ()
    found = FileReader(fields=["customMetadata.season", "fileType", "createdAt"])
    assert found.file(row).fields == (("customMetadata.season", "spring"), ("fileType", "image"))
    assert found.page(response([row])).files == (found.file(row),)


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        ("spring", ["spring"]),
        (49, ["49"]),
        (49.0, ["49"]),
        (0.5, ["0.5"]),
        (True, ["true"]),
        (["red"], ["red"]),
        (["red", "blue", 5, True, "red", "", None, [], {"a": 1}, ["x"]], ["5", "blue", "red", "true"]),
        ([], []),
        ("", []),
        (None, []),
        ({"a": 1}, []),
    ],
)
def test_file_fields_are_text_numbers_booleans_or_a_list_of_them(value: object, texts: list[str]) -> None:
    reader = FileReader(fields=["customMetadata.x"])
    row = {"fileId": "1", "filePath": "/a", "customMetadata": {"x": value}}
    expected = tuple(("customMetadata.x", text) for text in texts)
    assert reader.file(row).fields == reader.page(response([row])).files[0].fields == expected


@pytest.mark.parametrize("custom", [None, [], "x", 1])
def test_file_fields_accept_any_custom_metadata(custom: object) -> None:
    row = {"fileId": "1", "filePath": "/a", "customMetadata": custom, "fileType": custom}
    assert dict(FileReader(fields=["customMetadata.x", "fileType"]).file(row).fields).keys() <= {"fileType"}
