import base64
import json
import uuid
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from builders import AWS, GOOGLE, Sandbox, ai, file_object, id_of, now, run, write_library
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sandbox.asking import MakeSandbox, basic, call, listed, names, post, refusal, send

from tagsync.sandbox.app import make_app
from tagsync.sandbox.faults import Fault
from tagsync.sandbox.limits import CallLimit
from tagsync.sandbox.store import Store

HELP = "For support kindly contact us at support@imagekit.io ."
SHOP = {
    "type": "folder",
    "folderId": id_of("/shop"),
    "folderPath": "/shop",
    "name": "shop",
    "createdAt": "2024-01-03T00:00:00.000Z",
    "updatedAt": "2024-01-03T00:00:00.000Z",
}
LIBRARY = [
    file_object(
        "/shop/b.jpg",
        createdAt="2024-01-02T00:00:00.000Z",
        updatedAt="2024-02-01T00:00:00.000Z",
        width=30,
        height=10,
        size=200,
        fileType="image",
    ),
    file_object(
        "/a.txt",
        createdAt="2024-01-01T00:00:00.000Z",
        updatedAt="2024-03-01T00:00:00.000Z",
        width=20,
        height=30,
        size=100,
        fileType="non-image",
    ),
    file_object(
        "/shop/sub/c.jpg",
        createdAt="2024-01-04T00:00:00.000Z",
        updatedAt="2024-01-04T00:00:00.000Z",
        width=10,
        height=20,
        size=300,
        fileType="image",
    ),
    SHOP,
    {**file_object("/shop/old.jpg"), "type": "file-version"},
]
TAGGED = file_object("/a.jpg", ["x", "y"], [ai("Dog"), ai("Cat"), ai("Dog", 50.0, AWS)])
A = id_of("/a.jpg")
BULK = ["addTags", "removeTags", "removeAITags"]


def tag_key(endpoint: str) -> str:
    return "AITags" if endpoint == "removeAITags" else "tags"


def bulk_body(endpoint: str, file_ids: Any, tags: Any) -> dict[str, Any]:
    return {"fileIds": file_ids, tag_key(endpoint): tags}


def get(sandbox: Sandbox, path: str) -> dict[str, Any]:
    response = call(sandbox, "GET", f"/v1/files/{id_of(path)}/details")
    assert response.status_code == 200
    item: dict[str, Any] = response.json()
    return item


def patch(sandbox: Sandbox, body: Any) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return call(sandbox, "PATCH", f"/v1/files/{A}/details", content=content)


# Listing

TYPE_ADVICE = (
    "Your request contains invalid value for type parameter. Please provide one of the following: "
    "file, file-version, folder, all."
)


@pytest.fixture
def shop(sandbox: MakeSandbox) -> Sandbox:
    return sandbox(*LIBRARY)


def test_list_is_an_array_of_files_by_creation(shop: Sandbox) -> None:
    assert [item["filePath"] for item in listed(shop)] == ["/a.txt", "/shop/b.jpg", "/shop/sub/c.jpg"]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("file", ["a.txt", "b.jpg", "c.jpg"]),
        ("folder", ["shop", "sub"]),
        ("file-version", ["old.jpg"]),
        ("all", ["a.txt", "b.jpg", "shop", "c.jpg", "sub"]),
    ],
)
def test_list_type_selects_files_folders_or_versions(shop: Sandbox, kind: str, expected: list[str]) -> None:
    assert names(shop, type=kind) == expected


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("NAME", "a b c"),
        ("CREATED", "a b c"),
        ("UPDATED", "c b a"),
        ("HEIGHT", "b c a"),
        ("WIDTH", "c a b"),
        ("SIZE", "a b c"),
        ("RELEVANCE", "a b c"),
    ],
)
def test_list_sort_works_in_both_directions(shop: Sandbox, sort: str, expected: str) -> None:
    ascending = [name[0] for name in names(shop, sort=f"ASC_{sort}")]
    assert " ".join(ascending) == expected
    assert [name[0] for name in names(shop, sort=f"DESC_{sort}")] == ascending[::-1]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", ["a.txt"]),
        ("/shop", ["b.jpg"]),
        ("/shop/", ["b.jpg"]),
        ("/shop/sub/", ["c.jpg"]),
        ("/sho", []),
        ("/Shop/", []),
        ("/shop/b.jpg", []),
        ("/none/", []),
    ],
)
def test_list_path_is_one_folder_without_subfolders(shop: Sandbox, path: str, expected: list[str]) -> None:
    assert names(shop, path=path) == expected


def test_list_folder_is_in_its_parent(shop: Sandbox) -> None:
    assert names(shop, path="/", type="folder") == ["shop"]
    assert names(shop, path="/shop/", type="folder") == ["sub"]
    assert names(shop, path="/shop/sub/", type="folder") == []


@pytest.mark.parametrize(
    ("file_type", "expected"),
    [("all", ["a.txt", "b.jpg", "c.jpg"]), ("image", ["b.jpg", "c.jpg"]), ("non-image", ["a.txt"])],
)
def test_list_file_type_selects_images_or_others(shop: Sandbox, file_type: str, expected: list[str]) -> None:
    assert names(shop, fileType=file_type) == expected


def test_list_limit_and_skip_give_pages(shop: Sandbox) -> None:
    pages = [names(shop, limit=2, skip=skip) for skip in (0, 2, 4)]
    assert pages == [["a.txt", "b.jpg"], ["c.jpg"], []]


def test_list_page_has_1000_files_by_default(sandbox: MakeSandbox) -> None:
    many = sandbox(*(file_object(f"/{number:04}.jpg") for number in range(1002)))
    assert len(listed(many)) == 1000
    assert len(listed(many, limit=1000)) == 1000
    assert names(many, skip=1000) == ["1000.jpg", "1001.jpg"]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"skip": -1}, "The value of skip parameter should be greater than or equal to 0. Value sent is -1."),
        ({"skip": -20}, "The value of skip parameter should be greater than or equal to 0. Value sent is -20."),
        ({"limit": 0}, "Minimum value of limit parameter is 1. Value sent is 0."),
        ({"limit": -7}, "Minimum value of limit parameter is 1. Value sent is -7."),
        ({"limit": 2000}, "Maximum value of limit parameter is 1000. Value sent is 2000."),
        ({"limit": 1001}, "Maximum value of limit parameter is 1000. Value sent is 1001."),
        ({"sort": "NAME"}, "Your request contains invalid value for sort parameters."),
        ({"sort": "asc_name"}, "Your request contains invalid value for sort parameters."),
        ({"sort": ""}, "Your request contains invalid value for sort parameters."),
        ({"sort": "ASC_NAME; DROP TABLE files"}, "Your request contains invalid value for sort parameters."),
        (
            {"type": "asset"},
            TYPE_ADVICE,
        ),
    ],
)
def test_list_errors_have_the_documented_words(shop: Sandbox, parameters: dict[str, Any], message: str) -> None:
    assert refusal(call(shop, "GET", "/v1/files", params=parameters)) == (400, message)


@pytest.mark.parametrize("name", ["limit", "skip"])
@pytest.mark.parametrize("value", ["", "ten", "1.5", "1e3", "1_000", " 5", "\u0665", "9" * 30, "9" * 5000])
def test_list_refuses_invalid_numbers_by_parameter(shop: Sandbox, name: str, value: str) -> None:
    response = call(shop, "GET", "/v1/files", params={name: value})
    assert refusal(response) == (400, f"Your request contains invalid value for {name} parameter.")


def test_list_refuses_an_unknown_file_type(shop: Sandbox) -> None:
    response = call(shop, "GET", "/v1/files", params={"fileType": "video"})
    assert refusal(response) == (400, "Your request contains invalid value for fileType parameter.")


def test_list_search_query_overrides_type(shop: Sandbox) -> None:
    assert names(shop, searchQuery='name : "s"', type="folder") == []
    assert names(shop, searchQuery='name : "a"', type="folder") == ["a.txt"]
    assert names(shop, searchQuery='type = "folder"', type="file") == ["shop", "sub"]


def test_list_parameters_filter_a_search(shop: Sandbox) -> None:
    query = "size >= 100"
    assert names(shop, searchQuery=query, path="/shop") == ["b.jpg"]
    assert names(shop, searchQuery=query, fileType="image") == ["b.jpg", "c.jpg"]
    assert names(shop, searchQuery=query, sort="DESC_SIZE", limit=1, skip=1) == ["b.jpg"]


def test_list_ignores_an_empty_search_query(shop: Sandbox) -> None:
    assert names(shop, searchQuery="", type="folder") == ["shop", "sub"]


def test_list_refuses_an_invalid_search_query_with_the_reason(shop: Sandbox) -> None:
    response = call(shop, "GET", "/v1/files", params={"searchQuery": 'AITags IN ["x"]'})
    status, words = refusal(response)
    assert status == 400
    assert words.startswith(
        "The sandbox does not support the field AITags in searchQuery (ImageKit may); supported: name, path, tags, "
    )


@pytest.mark.parametrize("encoded", ["tags+IN+%5B%22sports+car%22%5D", "tags%20IN%20%5B%22sports%20car%22%5D"])
def test_list_accepts_both_encodings_of_spaces(sandbox: MakeSandbox, encoded: str) -> None:
    cars = sandbox(file_object("/car.jpg", ["sports car"]), file_object("/dog.jpg", ["dog"]))
    response = call(cars, "GET", f"/v1/files?searchQuery={encoded}")
    assert [item["name"] for item in response.json()] == ["car.jpg"]


LIST_VALUES = st.text(max_size=8) | st.sampled_from(
    [
        "file",
        "all",
        "ASC_NAME",
        "/shop",
        "image",
        "1",
        "-1",
        "1000",
        "' OR 1=1 --",
        '"',
        "%",
        "\0",
        "NOT (",
        "tags IN [",
    ]
)


@given(
    parameters=st.dictionaries(
        st.sampled_from(["type", "sort", "path", "fileType", "limit", "skip", "searchQuery", "tags", "name", "more"]),
        LIST_VALUES,
        max_size=5,
    )
)
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_list_answers_or_refuses_any_call(shop: Sandbox, parameters: dict[str, str]) -> None:
    response = call(shop, "GET", "/v1/files", params=parameters)
    if response.status_code == 200:
        assert {item["name"] for item in response.json()} <= {"a.txt", "b.jpg", "c.jpg", "shop", "sub", "old.jpg"}
    else:
        assert refusal(response)[0] == 400


@pytest.mark.parametrize("name", ["path", "fileType", "type", "sort", "searchQuery"])
@pytest.mark.parametrize("text", ["' OR 1=1 --", "/'; DELETE FROM files; --", "x') OR ('1'='1"])
def test_list_treats_sql_in_parameters_as_text(shop: Sandbox, name: str, text: str) -> None:
    response = call(shop, "GET", "/v1/files", params={name: text})
    assert response.status_code == 400 or response.json() == []
    assert len(listed(shop)) == 3


# One file's details


@pytest.fixture
def tagged(sandbox: MakeSandbox) -> Sandbox:
    return sandbox(TAGGED, file_object("/b.jpg"), SHOP, {**file_object("/old.jpg"), "type": "file-version"})


def test_details_equal_the_listed_file(tagged: Sandbox) -> None:
    assert get(tagged, "/a.jpg") == listed(tagged)[0] == TAGGED


@pytest.mark.parametrize("method", ["GET", "PATCH"])
@pytest.mark.parametrize("file_id", ["5e21880d5efe355febd4bccd", id_of("/shop"), id_of("/old.jpg")])
def test_details_of_an_unknown_id_are_404(tagged: Sandbox, method: str, file_id: str) -> None:
    response = call(tagged, method, f"/v1/files/{file_id}/details", content=b"{}")
    assert refusal(response) == (404, "The requested file does not exist.")


@pytest.mark.parametrize("method", ["GET", "PATCH"])
@pytest.mark.parametrize(
    "file_id",
    [
        "1",
        "5e21880d5efe355febd4bcc",
        "5e21880d5efe355febd4bccd0",
        "5E21880D5EFE355FEBD4BCCD",
        "é" * 24,
        "%00",
        "' OR 1=1",
    ],
)
def test_details_of_a_malformed_id_are_400(tagged: Sandbox, method: str, file_id: str) -> None:
    response = call(tagged, method, f"/v1/files/{file_id}/details", content=b"{}")
    assert refusal(response) == (400, "Your request contains invalid fileId parameter.")


def test_details_accept_existing_ids_of_another_form(sandbox: MakeSandbox) -> None:
    plain = sandbox({**file_object("/a.jpg"), "fileId": "file_1"})
    assert call(plain, "GET", "/v1/files/file_1/details").json()["name"] == "a.jpg"


def test_patch_replaces_tags_and_returns_the_file(tagged: Sandbox) -> None:
    response = patch(tagged, {"tags": ["z", "x", "z", "å, %"]})
    assert (response.status_code, response.json()["tags"]) == (200, ["z", "x", "å, %"])
    assert (
        response.json()
        == get(tagged, "/a.jpg")
        == {**TAGGED, "tags": ["z", "x", "å, %"]} | {"updatedAt": response.json()["updatedAt"]}
    )


@pytest.mark.parametrize("none", [None, []])
def test_patch_unsets_tags(tagged: Sandbox, none: Any) -> None:
    assert patch(tagged, {"tags": none}).json()["tags"] is None
    assert len(get(tagged, "/a.jpg")["AITags"]) == 3


def test_patch_removes_ai_tags_by_name(tagged: Sandbox) -> None:
    after = patch(tagged, {"removeAITags": ["Dog", "none"]}).json()
    assert after["AITags"] == [{"name": "Cat", "confidence": 90.0, "source": GOOGLE}]
    assert after["tags"] == ["x", "y"]


@pytest.mark.parametrize("removed", ["all", ["Dog", "Cat"]])
def test_patch_removes_all_ai_tags(tagged: Sandbox, removed: Any) -> None:
    assert patch(tagged, {"removeAITags": removed}).json()["AITags"] is None


def test_patch_with_no_ai_tags_removes_none(tagged: Sandbox) -> None:
    assert len(patch(tagged, {"removeAITags": []}).json()["AITags"]) == 3


def test_patch_sets_other_members(tagged: Sandbox) -> None:
    after = patch(
        tagged,
        {"description": "d", "customCoordinates": "1,2,3,4", "customMetadata": {"brand": "Nike", "sizes": ["s", 5]}},
    ).json()
    assert {name: after[name] for name in ("description", "customCoordinates", "customMetadata", "tags")} == {
        "description": "d",
        "customCoordinates": "1,2,3,4",
        "customMetadata": {"brand": "Nike", "sizes": ["s", 5]},
        "tags": ["x", "y"],
    }
    assert names(tagged, searchQuery='"customMetadata.sizes" IN [5]') == ["a.jpg"]
    assert patch(tagged, {"customCoordinates": None}).json()["customCoordinates"] is None
    assert patch(tagged, {"customMetadata": {"sizes": None}}).json()["customMetadata"] == {"brand": "Nike"}


def test_patch_of_nothing_changes_nothing(tagged: Sandbox) -> None:
    after = patch(tagged, {}).json()
    assert after == {**TAGGED, "updatedAt": after["updatedAt"]}


def test_patch_allows_500_characters_of_tags_without_commas(tagged: Sandbox) -> None:
    assert patch(tagged, {"tags": ["a" * 250, "b" * 250]}).status_code == 200
    assert patch(tagged, {"tags": ["a" * 250, "b" * 251]}).status_code == 400
    assert patch(tagged, {"tags": ["a" * 300, "a" * 300]}).json()["tags"] == ["a" * 300]


TAGS_ADVICE = (
    "Your request contains invalid value for tags parameter. "
    "Combined length of all tags should be less than or equal to 500."
)
AI_ADVICE = (
    "Your request contains invalid value for AITags. Please provide an array of strings. "
    "Example - ['t-shirt','summer-sale']."
)
BAD_JSON = "Your request contains an invalid JSON body."


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"tags": 5}, TAGS_ADVICE),
        ({"tags": "x,y"}, TAGS_ADVICE),
        ({"tags": False}, TAGS_ADVICE),
        ({"tags": 0}, TAGS_ADVICE),
        ({"tags": {"x": 1}}, TAGS_ADVICE),
        ({"tags": ["x", 5]}, TAGS_ADVICE),
        ({"tags": ["x", None]}, TAGS_ADVICE),
        ({"tags": [["x"]]}, TAGS_ADVICE),
        ({"tags": ["a" * 501]}, TAGS_ADVICE),
        ({"removeAITags": 3}, AI_ADVICE),
        ({"removeAITags": None}, AI_ADVICE),
        ({"removeAITags": "All"}, AI_ADVICE),
        ({"removeAITags": {"all": True}}, AI_ADVICE),
        ({"removeAITags": ["Dog", 5]}, AI_ADVICE),
        ({"removeAITags": [["Dog"]]}, AI_ADVICE),
        ({"customCoordinates": 5}, "Your request contains invalid value for customCoordinates parameter."),
        ({"description": ["d"]}, "Your request contains invalid value for description parameter."),
        ({"customMetadata": 5}, "Your request contains invalid value for customMetadata parameter."),
        ({"customMetadata": ["brand"]}, "Your request contains invalid value for customMetadata parameter."),
        ({"customMetadata": {"a": {"b": 1}}}, "Your request contains invalid value for customMetadata parameter."),
        ({"customMetadata": {"a": [[1]]}}, "Your request contains invalid value for customMetadata parameter."),
        (b"", BAD_JSON),
        (b"{", BAD_JSON),
        (b"[]", BAD_JSON),
        (b"null", BAD_JSON),
        (b'"tags"', BAD_JSON),
        (b"\xff", BAD_JSON),
        (b'{"tags": ["\\ud800"]}', BAD_JSON),
        (b'{"customMetadata": {"\\udc00": 1}}', BAD_JSON),
        (b'{"customMetadata": {"a": NaN}}', BAD_JSON),
        (b'{"customMetadata": {"a": -Infinity}}', BAD_JSON),
        (b'{"customMetadata": {"a": 1e999}}', BAD_JSON),
        (b'{"customMetadata": {"a": ' + b"9" * 5000 + b"}}", BAD_JSON),
        (b'{"tags": ' + b"[" * 100_000, BAD_JSON),
        (b'{"customMetadata": ' + b'{"a":' * 100_000, BAD_JSON),
    ],
)
def test_patch_that_is_malformed_changes_nothing(tagged: Sandbox, body: Any, message: str) -> None:
    assert refusal(patch(tagged, body)) == (400, message)
    assert get(tagged, "/a.jpg") == TAGGED


# Bulk calls


@pytest.fixture
def pair(sandbox: MakeSandbox) -> Sandbox:
    return sandbox(TAGGED, file_object("/b.jpg", ["y"], [ai("Cat")]), file_object("/c.jpg"), SHOP)


A_AND_B = [A, id_of("/b.jpg")]


def tags_of(sandbox: Sandbox) -> dict[str, list[str] | None]:
    return {item["name"][0]: item["tags"] for item in listed(sandbox)}


def ai_tags_of(sandbox: Sandbox) -> dict[str, list[str] | None]:
    return {item["name"][0]: item["AITags"] and [tag["name"] for tag in item["AITags"]] for item in listed(sandbox)}


def test_bulk_add_appends_tags_in_order_once(pair: Sandbox) -> None:
    response = post(pair, "addTags", {"fileIds": A_AND_B, "tags": ["z", "x", "z", "Y"]})
    assert (response.status_code, response.json()) == (200, {"successfullyUpdatedFileIds": A_AND_B})
    assert tags_of(pair) == {"a": ["x", "y", "z", "Y"], "b": ["y", "z", "x", "Y"], "c": None}


def test_bulk_remove_of_the_last_tag_gives_null(pair: Sandbox) -> None:
    response = post(pair, "removeTags", {"fileIds": A_AND_B, "tags": ["y", "none"]})
    assert (response.status_code, response.json()) == (200, {"successfullyUpdatedFileIds": A_AND_B})
    assert tags_of(pair) == {"a": ["x"], "b": None, "c": None}
    assert ai_tags_of(pair)["b"] == ["Cat"]


def test_bulk_remove_of_the_last_ai_tag_gives_null(pair: Sandbox) -> None:
    response = post(pair, "removeAITags", {"fileIds": A_AND_B, "AITags": ["Cat", "x"]})
    assert (response.status_code, response.json()) == (200, {"successfullyUpdatedFileIds": A_AND_B})
    assert ai_tags_of(pair) == {"a": ["Dog", "Dog"], "b": None, "c": None}
    assert tags_of(pair)["a"] == ["x", "y"]


@pytest.mark.parametrize(
    ("endpoint", "tags"),
    [
        ("addTags", ["x"]),
        ("addTags", ["y", "x"]),
        ("removeTags", ["X"]),
        ("removeTags", ["none"]),
        ("removeAITags", ["x"]),
        ("removeAITags", ["dog"]),
    ],
)
def test_bulk_no_op_changes_succeed(pair: Sandbox, endpoint: str, tags: list[str]) -> None:
    before = tags_of(pair), ai_tags_of(pair)
    response = post(pair, endpoint, bulk_body(endpoint, [A], tags))
    assert (response.status_code, response.json()) == (200, {"successfullyUpdatedFileIds": [A]})
    assert (tags_of(pair), ai_tags_of(pair)) == before


@pytest.mark.parametrize("endpoint", BULK)
def test_bulk_file_named_twice_is_updated_once(pair: Sandbox, endpoint: str) -> None:
    response = post(pair, endpoint, bulk_body(endpoint, [*A_AND_B, A], ["x"]))
    assert response.json() == {"successfullyUpdatedFileIds": A_AND_B}
    assert tags_of(pair)["a"] == (["y"] if endpoint == "removeTags" else ["x", "y"])


@pytest.mark.parametrize("tag", ["x" * 500, "é, %", " ", '"', "\\", "\0", "💚", "'; DROP TABLE files; --"])
def test_bulk_tag_may_be_any_text(sandbox: MakeSandbox, tag: str) -> None:
    plain = sandbox(file_object("/a.jpg"))
    assert post(plain, "addTags", {"fileIds": [A], "tags": [tag]}).status_code == 200
    assert tags_of(plain) == {"a": [tag]}
    assert post(plain, "removeTags", {"fileIds": [A], "tags": [tag]}).status_code == 200
    assert tags_of(plain) == {"a": None}


@pytest.mark.parametrize("endpoint", BULK)
def test_bulk_missing_file_fails_the_whole_call(pair: Sandbox, endpoint: str) -> None:
    before = tags_of(pair), ai_tags_of(pair)
    missing = ["5e21880d5efe355febd4bccd", "no id at all", id_of("/shop")]
    file_ids = [missing[0], A, missing[1], missing[0], missing[2]]
    response = post(pair, endpoint, bulk_body(endpoint, file_ids, ["x", "Dog"]))
    assert (response.status_code, response.json()) == (
        404,
        {"message": "The requested file(s) does not exist.", "help": HELP, "missingFileIds": missing},
    )
    assert (tags_of(pair), ai_tags_of(pair)) == before


def test_bulk_file_over_500_characters_is_an_error_in_a_207(sandbox: MakeSandbox) -> None:
    full, b = sandbox(file_object("/a.jpg", ["a" * 251]), file_object("/b.jpg", ["b" * 250])), id_of("/b.jpg")
    response = post(full, "addTags", {"fileIds": [A, b], "tags": ["c" * 250]})
    assert (response.status_code, response.json()) == (
        207,
        {"successfullyUpdatedFileIds": [b], "errors": [{"fileId": A, "error": "Error in adding tags"}]},
    )
    assert tags_of(full) == {"a": ["a" * 251], "b": ["b" * 250, "c" * 250]}


def test_bulk_file_over_500_characters_can_lose_tags(sandbox: MakeSandbox) -> None:
    full = sandbox(file_object("/a.jpg", ["a" * 400, "b" * 400, "c"]))
    assert post(full, "removeTags", {"fileIds": [A], "tags": ["c"]}).status_code == 200
    assert tags_of(full) == {"a": ["a" * 400, "b" * 400]}


@pytest.mark.parametrize("endpoint", BULK)
@pytest.mark.parametrize(
    ("file_ids", "message"),
    [
        (None, "fileIds should be an Array."),
        ("one", "fileIds should be an Array."),
        ({"one": 1}, "fileIds should be an Array."),
        (5, "fileIds should be an Array."),
        ([], "fileIds is empty."),
        (["5e21880d5efe355febd4bccd"] * 51, "A maximum of 50 files can be edited at a time."),
        ([5], "Your request contains invalid value for fileIds parameter."),
        ([A, None], "Your request contains invalid value for fileIds parameter."),
        ([[A]], "Your request contains invalid value for fileIds parameter."),
        ([{"a": A}], "Your request contains invalid value for fileIds parameter."),
    ],
)
def test_bulk_refuses_invalid_file_ids(pair: Sandbox, endpoint: str, file_ids: Any, message: str) -> None:
    assert refusal(post(pair, endpoint, bulk_body(endpoint, file_ids, ["x"]))) == (400, message)


@pytest.mark.parametrize("endpoint", BULK)
def test_bulk_requires_file_ids_and_tags(pair: Sandbox, endpoint: str) -> None:
    key = tag_key(endpoint)
    assert refusal(post(pair, endpoint, {key: ["x"]})) == (400, "fileIds parameter is missing.")
    assert refusal(post(pair, endpoint, {"fileIds": [A]})) == (400, f"{key} parameter is missing.")
    assert refusal(post(pair, endpoint, {"fileIds": [A], key: []})) == (400, f"{key} array cannot be empty.")
    other = {"tags": "AITags", "AITags": "tags"}[key]
    assert refusal(post(pair, endpoint, {"fileIds": [A], other: ["x"]})) == (400, f"{key} parameter is missing.")


@pytest.mark.parametrize("endpoint", BULK)
@pytest.mark.parametrize("tags", [None, "x", "all", 5, {}, {"x": 1}, ["x", 5], ["x", None], [["x"]], [{"name": "x"}]])
def test_bulk_refuses_tags_that_are_not_a_list_of_strings(pair: Sandbox, endpoint: str, tags: Any) -> None:
    advice = AI_ADVICE if endpoint == "removeAITags" else TAGS_ADVICE
    assert refusal(post(pair, endpoint, bulk_body(endpoint, [A], tags))) == (400, advice)


@pytest.mark.parametrize("endpoint", ["addTags", "removeTags"])
def test_bulk_tags_of_a_call_have_at_most_500_characters(pair: Sandbox, endpoint: str) -> None:
    assert post(pair, endpoint, bulk_body(endpoint, [id_of("/c.jpg")], ["a" * 250, "b" * 250])).status_code == 200
    response = post(pair, endpoint, bulk_body(endpoint, [id_of("/c.jpg")], ["a" * 250, "b" * 251]))
    assert refusal(response) == (400, TAGS_ADVICE)


def test_bulk_call_edits_at_most_fifty_files(sandbox: MakeSandbox) -> None:
    many = sandbox(*(file_object(f"/{number}.jpg") for number in range(51)))
    file_ids = [id_of(f"/{number}.jpg") for number in range(51)]
    assert refusal(post(many, "addTags", {"fileIds": file_ids, "tags": ["x"]})) == (
        400,
        "A maximum of 50 files can be edited at a time.",
    )
    assert post(many, "addTags", {"fileIds": file_ids[:50], "tags": ["x"]}).json() == {
        "successfullyUpdatedFileIds": file_ids[:50]
    }
    assert [item["tags"] for item in listed(many)] == [["x"]] * 50 + [None]


@pytest.mark.parametrize("endpoint", BULK)
@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"5", b"\xff\xfe", b"[" * 100_000, b'{"fileIds": ["\\ud800"], "tags": ["x"]}']
)
def test_bulk_refuses_a_body_that_is_not_an_object(pair: Sandbox, endpoint: str, body: bytes) -> None:
    assert refusal(post(pair, endpoint, body)) == (400, BAD_JSON)


TEXTS = st.text(max_size=4) | st.sampled_from(["x", "Dog", "all", A, "\ud800", "\udfff\0", "a" * 501])
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@given(
    endpoint=st.sampled_from(BULK),
    body=st.fixed_dictionaries(
        {},
        optional={
            "fileIds": st.lists(st.sampled_from([A, *A_AND_B]), min_size=1, max_size=3) | JUNK,
            "tags": st.lists(TEXTS, max_size=3) | JUNK,
            "AITags": st.lists(TEXTS, max_size=3) | JUNK,
        },
    )
    | JUNK,
)
@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_bulk_applies_or_refuses_any_body(pair: Sandbox, endpoint: str, body: Any) -> None:
    response = post(pair, endpoint, body)
    if response.status_code not in (200, 207):
        assert refusal(response)[0] in (400, 404)
    assert all(item["tags"] is None or all(isinstance(tag, str) for tag in item["tags"]) for item in listed(pair))


@given(
    body=st.dictionaries(
        st.sampled_from(["tags", "removeAITags", "customMetadata", "customCoordinates", "description", "more"]),
        JUNK,
        max_size=3,
    )
)
@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_patch_applies_or_refuses_any_body(tagged: Sandbox, body: Any) -> None:
    response = patch(tagged, body)
    if response.status_code != 200:
        assert refusal(response)[0] == 400
    assert get(tagged, "/a.jpg")["name"] == "a.jpg"
    query = 'NOT ("customMetadata.x" IN [1] OR "customMetadata.x" = 1 OR tags IN ["none"])'
    assert "b.jpg" in names(tagged, searchQuery=query)


# Keys

EVERY_CALL: list[tuple[str, str, Any]] = [
    ("GET", "/v1/files", None),
    ("GET", f"/v1/files/{A}/details", None),
    ("PATCH", f"/v1/files/{A}/details", {"tags": ["new"]}),
    ("POST", "/v1/files/addTags", {"fileIds": [A], "tags": ["new"]}),
    ("POST", "/v1/files/removeTags", {"fileIds": [A], "tags": ["x"]}),
    ("POST", "/v1/files/removeAITags", {"fileIds": [A], "AITags": ["Dog"]}),
]
every_call = pytest.mark.parametrize(("method", "path", "body"), EVERY_CALL, ids=lambda value: str(value)[-12:])


@every_call
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Basic"},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic YQ"},
        {"Authorization": b"Basic \xe9"},
        {"Authorization": "Basic " + base64.b64encode(b"\xff:").decode()},
        {"Authorization": "Bearer " + base64.b64encode(b"private_key:").decode()},
        basic(":password"),
        basic(""),
    ],
    ids=str,
)
def test_key_that_is_missing_is_401(tagged: Sandbox, method: str, path: str, body: Any, headers: Any) -> None:
    response = call(tagged, method, path, json=body, headers=headers)
    assert refusal(response) == (401, "Your request does not contain private API key.")
    assert get(tagged, "/a.jpg") == TAGGED


@every_call
def test_key_that_is_wrong_is_403(sandbox: MakeSandbox, method: str, path: str, body: Any) -> None:
    locked = sandbox(TAGGED, key="private_right")
    response = call(locked, method, path, json=body, headers=basic("private_wrong:"))
    assert refusal(response) == (403, "Your account cannot be authenticated.")
    right = call(locked, "GET", f"/v1/files/{A}/details", headers=basic("private_right:"))
    assert right.json() == TAGGED


@pytest.mark.parametrize("password", ["", ":", ":do_not_set", ":a:b", ":pässword"])
def test_key_is_accepted_with_any_password(sandbox: MakeSandbox, password: str) -> None:
    locked = sandbox(TAGGED, key="private_right")
    assert call(locked, "GET", "/v1/files", headers=basic(f"private_right{password}")).status_code == 200


@pytest.mark.parametrize("key", ["private_a", "b", "é"])
def test_key_may_be_any_without_a_configured_one(tagged: Sandbox, key: str) -> None:
    assert call(tagged, "GET", "/v1/files", headers=basic(f"{key}:")).status_code == 200


# What all answers have in common


@every_call
@pytest.mark.parametrize("slash", ["", "/"])
def test_routes_ignore_a_trailing_slash(tagged: Sandbox, method: str, path: str, body: Any, slash: str) -> None:
    response = call(tagged, method, path + slash, json=body)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"


@every_call
def test_responses_have_unique_request_ids(tagged: Sandbox, method: str, path: str, body: Any) -> None:
    answers = [call(tagged, method, path, json=body) for _ in range(2)]
    answers.append(call(tagged, method, path, json=body, headers={}))
    ids = [answer.headers["x-ik-requestid"] for answer in answers]
    assert ids == [answer.headers["x-request-id"] for answer in answers]
    assert len({uuid.UUID(request_id) for request_id in ids}) == 3


def test_errors_are_json_with_message_and_help(tagged: Sandbox) -> None:
    response = call(tagged, "GET", "/v1/files/1/details")
    assert response.headers["content-type"] == "application/json"
    assert response.json() == {"message": "Your request contains invalid fileId parameter.", "help": HELP}


def test_latency_delays_each_response(tmp_path: Path) -> None:
    store = Store(":memory:", write_library(tmp_path / "library.jsonl", [TAGGED]))

    async def waited() -> float:
        began = now()
        assert (await send(make_app(store, latency=1.5), "GET", "/v1/files")).status_code == 200
        return now() - began

    assert run(waited()) == 1.5
    store.close()


# Rate limits


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def announced(response: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in response.headers.items() if name.startswith("x-ratelimit")}


def test_limit_headers_are_absent_without_a_limit(tagged: Sandbox) -> None:
    assert announced(call(tagged, "GET", "/v1/files")) == {}


def test_limit_refuses_calls_until_the_window_ends(sandbox: MakeSandbox, clock: Clock) -> None:
    paced = sandbox(TAGGED, limit=CallLimit(2, 10), clock=clock)
    statuses = []
    for clock.now in (100.0, 101.0, 102.0, 109.9, 110.0):
        statuses.append(call(paced, "GET", "/v1/files").status_code)
    assert statuses == [200, 200, 429, 429, 200]


def test_limit_429_announces_the_wait_and_changes_nothing(sandbox: MakeSandbox, clock: Clock) -> None:
    paced = sandbox(TAGGED, limit=CallLimit(1, 10), clock=clock)
    body = {"fileIds": [A], "tags": ["new"]}
    assert post(paced, "addTags", {"fileIds": [A], "tags": ["x"]}).status_code == 200
    clock.now += 2.5
    response = post(paced, "addTags", body)
    assert (response.status_code, list(response.json())) == (429, ["message"])
    assert announced(response) == {
        "x-ratelimit-limit": "1",
        "x-ratelimit-interval": "10000",
        "x-ratelimit-reset": "7500",
    }
    assert "retry-after" not in response.headers
    assert paced.tags("/a.jpg") == {"x", "y"}


@every_call
def test_limit_is_announced_in_every_response(
    sandbox: MakeSandbox, clock: Clock, method: str, path: str, body: Any
) -> None:
    paced = sandbox(TAGGED, limit=CallLimit(2, 10), clock=clock)
    answers = [call(paced, method, path, json=body, headers=headers) for headers in (basic("k:"), {}, basic("k:"))]
    assert [answer.status_code for answer in answers] == [200, 401, 429]
    assert [announced(answer)["x-ratelimit-limit"] for answer in answers] == ["2", "2", "2"]


def test_limit_counts_each_endpoint_separately(sandbox: MakeSandbox, clock: Clock) -> None:
    paced = sandbox(TAGGED, limit=CallLimit(1, 10), clock=clock)
    for expected in (200, 429):
        statuses = [call(paced, method, path, json=body).status_code for method, path, body in EVERY_CALL]
        assert statuses == [expected] * len(EVERY_CALL)


def test_limit_includes_calls_with_a_trailing_slash(sandbox: MakeSandbox, clock: Clock) -> None:
    paced = sandbox(TAGGED, limit=CallLimit(1, 10), clock=clock)
    assert [call(paced, "GET", path).status_code for path in ("/v1/files", "/v1/files/")] == [200, 429]


# Faults

ADD = {"fileIds": [A, id_of("/b.jpg")], "tags": ["new"]}


def faulty(sandbox: MakeSandbox, *faults: Fault) -> Sandbox:
    return sandbox(TAGGED, file_object("/b.jpg"), faults=faults)


def test_fault_status_is_returned_without_effect(sandbox: MakeSandbox) -> None:
    broken = faulty(sandbox, Fault(on="addTags", status=503))
    assert refusal(post(broken, "addTags", ADD)) == (503, "Something went wrong.")
    assert tags_of(broken) == {"a": ["x", "y"], "b": None}


def test_fault_status_may_have_body_and_headers(sandbox: MakeSandbox) -> None:
    broken = faulty(sandbox, Fault(on="list", status=429, body="<html>", headers={"X-RateLimit-Reset": "700"}))
    response = call(broken, "GET", "/v1/files")
    assert (response.status_code, response.text, response.headers["x-ratelimit-reset"]) == (429, "<html>", "700")


def test_fault_status_may_have_an_empty_body(sandbox: MakeSandbox) -> None:
    response = call(faulty(sandbox, Fault(on="list", status=502, body="")), "GET", "/v1/files")
    assert (response.status_code, response.content) == (502, b"")


def test_fault_lose_applies_the_call_and_returns_504(sandbox: MakeSandbox) -> None:
    broken = faulty(sandbox, Fault(on="addTags", call=1, lose=True))
    assert refusal(post(broken, "addTags", ADD)) == (504, "Something went wrong.")
    assert tags_of(broken) == {"a": ["x", "y", "new"], "b": ["new"]}
    assert post(broken, "addTags", ADD).status_code == 200


def test_fault_ignore_returns_success_without_effect(sandbox: MakeSandbox) -> None:
    broken = faulty(sandbox, Fault(on="addTags", ignore=True))
    response = post(broken, "addTags", ADD)
    assert (response.status_code, response.json()) == (200, {"successfullyUpdatedFileIds": ADD["fileIds"]})
    assert tags_of(broken) == {"a": ["x", "y"], "b": None}


@pytest.mark.parametrize(
    ("endpoint", "tags", "after"),
    [
        ("addTags", ["new"], (["x", "y"], ["Dog", "Cat", "Dog"])),
        ("removeTags", ["x"], (["x", "y"], ["Dog", "Cat", "Dog"])),
        ("removeAITags", ["Dog"], (["x", "y"], ["Dog", "Cat", "Dog"])),
    ],
)
def test_fault_fail_files_are_reported_in_a_207(
    sandbox: MakeSandbox, endpoint: str, tags: list[str], after: tuple[list[str], list[str]]
) -> None:
    broken = faulty(sandbox, Fault(on=endpoint, failFiles=(A, "elsewhere"), error="locked"))
    response = post(broken, endpoint, bulk_body(endpoint, ADD["fileIds"], tags))
    assert (response.status_code, response.json()) == (
        207,
        {"successfullyUpdatedFileIds": [id_of("/b.jpg")], "errors": [{"fileId": A, "error": "locked"}]},
    )
    assert (tags_of(broken)["a"], ai_tags_of(broken)["a"]) == after
    assert tags_of(broken)["b"] == (["new"] if endpoint == "addTags" else None)


def test_fault_fail_files_elsewhere_have_no_effect(sandbox: MakeSandbox) -> None:
    broken = faulty(sandbox, Fault(on="addTags", failFiles=("elsewhere",)))
    assert post(broken, "addTags", ADD).status_code == 200


def test_fault_cut_shortens_the_body_of_an_applied_call(sandbox: MakeSandbox) -> None:
    broken = faulty(sandbox, Fault(on="addTags", cut=True))
    response = post(broken, "addTags", ADD)
    whole = json.dumps({"successfullyUpdatedFileIds": ADD["fileIds"]})
    assert (response.status_code, response.text) == (200, whole[: len(whole) // 2])
    assert tags_of(broken)["b"] == ["new"]


def test_fault_body_replaces_the_body_of_an_applied_call(sandbox: MakeSandbox) -> None:
    broken = faulty(sandbox, Fault(on="addTags", body="äh", headers={"X-More": "1"}))
    response = post(broken, "addTags", ADD)
    assert (response.status_code, response.text, response.headers["x-more"]) == (200, "äh", "1")
    assert tags_of(broken)["b"] == ["new"]


def test_fault_delay_delays_the_response(sandbox: MakeSandbox) -> None:
    slow = faulty(sandbox, Fault(on="list", call=2, delayMs=2500))

    async def waits() -> list[float]:
        moments = [now()]
        for _ in range(3):
            assert (await send(slow.app, "GET", "/v1/files")).status_code == 200
            moments.append(now())
        return [after - before for before, after in pairwise(moments)]

    assert run(waits()) == [0.0, 2.5, 0.0]


@every_call
def test_fault_for_a_file_matches_calls_that_name_it(sandbox: MakeSandbox, method: str, path: str, body: Any) -> None:
    struck = faulty(sandbox, Fault(on="any", fileId=A, status=500))
    spared = faulty(sandbox, Fault(on="any", fileId="elsewhere", status=500))
    assert call(struck, method, path, json=body).status_code == (200 if path == "/v1/files" else 500)
    assert call(spared, method, path, json=body).status_code == 200


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"[" * 100_000, b'{"fileIds": 5}', b'{"fileIds": [5, ["x"]]}'])
def test_fault_for_a_file_ignores_a_malformed_call(sandbox: MakeSandbox, content: bytes) -> None:
    broken = faulty(sandbox, Fault(on="any", fileId=A, status=500))
    assert post(broken, "addTags", content).status_code == 400


def test_fault_does_not_hide_a_wrong_key(sandbox: MakeSandbox) -> None:
    broken = faulty(sandbox, Fault(on="list", status=500))
    assert call(broken, "GET", "/v1/files", headers={}).status_code == 401
