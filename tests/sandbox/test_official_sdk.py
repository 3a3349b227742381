"""The sandbox and ImageKit's own client understand each other, over a real socket."""

from collections.abc import Callable, Iterator

import imagekitio
import pytest
from builders import AWS, GOOGLE, ai, file_object, id_of
from imagekitio import ImageKit

from tagsync.sandbox.limits import CallLimit

Connect = Callable[..., ImageKit]

A, B = id_of("/shop/a.jpg"), id_of("/shop/b.jpg")
FILES = [
    file_object("/shop/a.jpg", ["shoes"], [ai("Shoe", 90.5), ai("Person", 60.0, AWS), ai("Person", 80.0)], size=10),
    file_object("/shop/b.jpg", size=20),
    file_object("/shop/sub/c.jpg", ["x" * 401], createdAt="2024-05-01T00:00:00.000Z"),
]


@pytest.fixture
def connect(served: Callable[..., str]) -> Iterator[Connect]:
    """Return a function that serves the files and returns a client of them that does not retry."""
    clients: list[ImageKit] = []

    def start(**settings: object) -> ImageKit:
        url = served(*FILES, **settings)
        clients.append(ImageKit(private_key="private_key", base_url=url, max_retries=0))
        return clients[-1]

    yield start
    for client in clients:
        client.close()


def found(client: ImageKit, query: str) -> list[str | None]:
    return [asset.name for asset in client.assets.list(search_query=query)]


def tags(client: ImageKit, file_id: str) -> list[str] | None:
    return client.files.get(file_id).tags


def test_sdk_lists_pages_in_order(connect: Connect) -> None:
    client = connect()
    pages = [client.assets.list(type="file", sort="DESC_NAME", limit=2, skip=skip) for skip in (0, 2, 4)]
    assert [[asset.name for asset in page] for page in pages] == [["c.jpg", "b.jpg"], ["a.jpg"], []]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ('tags IN ["Shoe"]', ["a.jpg"]),
        ('path : "/shop/" AND tags NOT IN ["shoes"]', ["b.jpg", "c.jpg"]),
        ('createdAt > "2024-04-01" OR (size >= 20 AND NOT name = "a.jpg")', ["b.jpg", "c.jpg"]),
    ],
)
def test_sdk_search_finds_matching_files(connect: Connect, query: str, names: list[str]) -> None:
    assert found(connect(), query) == names


def test_sdk_reports_an_invalid_query_as_bad_request(connect: Connect) -> None:
    with pytest.raises(
        imagekitio.BadRequestError, match="The sandbox does not support the field AITags in searchQuery"
    ):
        found(connect(), 'AITags IN ["Shoe"]')


def test_sdk_details_have_tags_and_ai_tags(connect: Connect) -> None:
    file = connect().files.get(A)
    assert (file.file_id, file.file_path, file.tags) == (A, "/shop/a.jpg", ["shoes"])
    assert [(tag.name, tag.confidence, tag.source) for tag in file.ai_tags or []] == [
        ("Shoe", 90.5, GOOGLE),
        ("Person", 60.0, AWS),
        ("Person", 80.0, GOOGLE),
    ]


def test_sdk_adds_and_removes_tags(connect: Connect) -> None:
    client = connect()
    added = client.files.bulk.add_tags(file_ids=[A, B], tags=["new", "shoes"])
    assert added.successfully_updated_file_ids == [A, B]
    assert (tags(client, A), tags(client, B)) == (["shoes", "new"], ["new", "shoes"])
    removed = client.files.bulk.remove_tags(file_ids=[A, B], tags=["new", "shoes"])
    assert removed.successfully_updated_file_ids == [A, B]
    assert (tags(client, A), tags(client, B)) == (None, None)


def test_sdk_removes_ai_tags_of_every_source(connect: Connect) -> None:
    client = connect()
    removed = client.files.bulk.remove_ai_tags(file_ids=[A, B], ai_tags=["Person"])
    assert removed.successfully_updated_file_ids == [A, B]
    assert [tag.name for tag in client.files.get(A).ai_tags or []] == ["Shoe"]


def test_sdk_update_replaces_tags_and_removes_ai_tags(connect: Connect) -> None:
    client = connect()
    after = client.files.update(A, tags=["one", "two"], remove_ai_tags=["Shoe"])
    assert (after.tags, [tag.name for tag in after.ai_tags or []]) == (["one", "two"], ["Person", "Person"])
    after = client.files.update(A, tags=None, remove_ai_tags="all")
    assert (after.tags, after.ai_tags) == (None, None)


def test_sdk_returns_a_207_with_errors_as_extra(connect: Connect) -> None:
    client, full = connect(), id_of("/shop/sub/c.jpg")
    answer = client.files.bulk.add_tags(file_ids=[B, full], tags=["y" * 100])
    assert answer.successfully_updated_file_ids == [B]
    assert (answer.model_extra or {})["errors"] == [{"fileId": full, "error": "Error in adding tags"}]


def test_sdk_reports_a_missing_file_by_name(connect: Connect) -> None:
    client, missing = connect(), "5e21880d5efe355febd4bccd"
    with pytest.raises(imagekitio.NotFoundError) as refused:
        client.files.bulk.add_tags(file_ids=[A, missing], tags=["new"])
    assert refused.value.body == {
        "message": "The requested file(s) does not exist.",
        "help": "For support kindly contact us at support@imagekit.io .",
        "missingFileIds": [missing],
    }
    assert tags(client, A) == ["shoes"]


def test_sdk_reports_too_many_files_as_bad_request(connect: Connect) -> None:
    with pytest.raises(imagekitio.BadRequestError, match="A maximum of 50 files can be edited at a time"):
        connect().files.bulk.add_tags(file_ids=[A] * 51, tags=["new"])


def test_sdk_reports_the_rate_limit_with_the_wait(connect: Connect) -> None:
    # The clock stands still, so that the window lasts.
    client = connect(limit=CallLimit(1, 60), clock=lambda: 5.0)
    client.files.bulk.add_tags(file_ids=[A], tags=["first"])
    with pytest.raises(imagekitio.RateLimitError) as refused:
        client.files.bulk.add_tags(file_ids=[A], tags=["second"])
    headers = refused.value.response.headers
    assert [headers[f"x-ratelimit-{name}"] for name in ("limit", "interval", "reset")] == ["1", "60000", "60000"]
    assert tags(client, A) == ["shoes", "first"]


def test_sdk_reports_a_wrong_key_as_permission_error(connect: Connect) -> None:
    with pytest.raises(imagekitio.PermissionDeniedError, match="Your account cannot be authenticated"):
        connect(key="private_other").files.get(A)
    assert connect(key="private_key").files.get(A).name == "a.jpg"


def test_sdk_finds_the_request_id_in_the_headers(connect: Connect) -> None:
    answer = connect().files.bulk.with_raw_response.add_tags(file_ids=[A], tags=["new"])
    assert answer.http_response.status_code == 200
    assert len(answer.headers["x-ik-requestid"]) == 36
