import json
from typing import Any

import pytest

from tagsync.errors import ProtocolError
from tagsync.library.wire import (
    Answer,
    Done,
    FileReader,
    Gone,
    RateLimits,
    Refused,
    Unclear,
    Window,
    bulk_payload,
    bulk_result,
    rate_limits,
    server_words,
)
from tagsync.model import AITag, Op, Request

CALL = Request(Op.ADD, ("t",), ("a", "b"))


def answer(body: Any, status: int = 200, **headers: str) -> Answer:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, data)


@pytest.mark.parametrize("absent", [{}, {"tags": None, "AITags": None}, {"tags": [], "AITags": []}])
def test_tags_that_are_null_absent_or_empty_are_one_thing(absent: dict[str, Any]) -> None:
    file = FileReader().file({"fileId": "1", "filePath": "/a", **absent})
    assert (file.tags, file.ai_tags) == ((), ())


def test_the_same_ai_tag_from_two_sources_is_two_ai_tags() -> None:
    tags = [{"name": "Tire", "confidence": 80, "source": "a"}, {"name": "Tire", "confidence": 60.5, "source": "b"}]
    file = FileReader().file({"fileId": "1", "filePath": "/a", "AITags": tags})
    assert file.ai_tags == (AITag("Tire", 80, "a"), AITag("Tire", 60.5, "b"))


def test_folders_and_old_versions_are_left_out_of_a_page_but_counted() -> None:
    body = [
        {"type": "folder", "folderId": "f", "folderPath": "/x"},
        {"type": "file-version", "fileId": "1", "filePath": "/a"},
        {"type": "file", "fileId": "2", "filePath": "/b", "createdAt": "2024"},
        {"fileId": "3", "filePath": "/c"},
    ]
    page = FileReader().page(answer(body))
    assert [file.file_id for file in page.files] == ["2", "3"]
    assert page.rows[:3] == ("folder/f/None", "file-version/1/None", "file/2/None")


@pytest.mark.parametrize(
    "item",
    [
        None,
        5,
        {},
        {"fileId": "1"},
        {"fileId": 1, "filePath": "/a"},
        {"fileId": "1", "filePath": None},
        {"fileId": "1", "filePath": "/a", "tags": "a,b", "AITags": [None]},
        {"fileId": "1", "filePath": "/a", "tags": [1]},
        {"fileId": "1", "filePath": "/a", "tags": "red"},
        {"fileId": "1", "filePath": "/a", "tags": ["\ud800"]},
        {"fileId": "\udfff", "filePath": "/a"},
        {"fileId": "1", "filePath": "/a", "tags": [["x"]]},
        {"fileId": "1", "filePath": "/a", "AITags": [{"confidence": 5}]},
        {"fileId": "1", "filePath": "/a", "AITags": [{"name": "x", "confidence": "high"}]},
        {"fileId": "1", "filePath": "/a", "AITags": [{"name": "x", "confidence": True}]},
        {"fileId": "1", "filePath": "/a", "AITags": {"name": "x"}},
    ],
)
def test_a_file_that_cannot_be_read_is_a_protocol_error(item: Any) -> None:
    with pytest.raises(ProtocolError, match=r"cannot be read|other than files"):
        FileReader().page(answer([item]))


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"", b"\xff\xfe", b'{"a":', b"[" * 100_000, b'[{"fileId":"1","filePath":"/a","size":NaN}]', b"{}"],
)
def test_a_listing_that_is_no_json_list_is_a_protocol_error(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        FileReader().page(answer(body, content_type="text/html"))


def test_bulk_payloads_name_tags_as_their_call_does() -> None:
    assert bulk_payload(CALL) == {"fileIds": ["a", "b"], "tags": ["t"]}
    assert bulk_payload(CALL._replace(op=Op.REMOVE_AI)) == {"fileIds": ["a", "b"], "AITags": ["t"]}


def test_all_updated_is_done() -> None:
    assert bulk_result(answer({"successfullyUpdatedFileIds": ["b", "a"]}), CALL) == Done(frozenset("ab"), {})


def test_partly_updated_is_done_with_the_servers_words_for_the_rest() -> None:
    body = {"successfullyUpdatedFileIds": ["a"], "errors": [{"fileId": "b", "error": "Error in adding tags"}]}
    assert bulk_result(answer(body, 207), CALL) == Done(frozenset("a"), {"b": "Error in adding tags"})


@pytest.mark.parametrize(
    "body",
    [
        {"successfullyUpdatedFileIds": ["a"]},
        {"successfullyUpdatedFileIds": ["a", "a", "b"]},
        {"successfullyUpdatedFileIds": ["a", "b", "c"]},
        {"successfullyUpdatedFileIds": ["a", "b"], "errors": [{"fileId": "b", "error": "x"}]},
        {"successfullyUpdatedFileIds": ["a"], "errors": [{"error": "x"}]},
        {"successfullyUpdatedFileIds": ["a"], "errors": "b"},
        {"successfullyUpdatedFileIds": "ab"},
        {"successfullyUpdatedFileIds": ["a", 5]},
        {},
        [],
        None,
    ],
)
def test_an_answer_that_does_not_name_each_file_once_is_unclear(body: Any) -> None:
    assert isinstance(bulk_result(answer(body), CALL), Unclear)


def test_a_404_names_the_missing_among_those_asked_for() -> None:
    body = {"message": "The requested file(s) does not exist.", "missingFileIds": ["b", "stranger"]}
    assert bulk_result(answer(body, 404), CALL) == Gone(frozenset("b"))
    assert bulk_result(answer({"message": "no list"}, 404), CALL) == Gone(frozenset())


def test_a_400_is_refused_in_the_servers_words_made_harmless() -> None:
    result = bulk_result(answer({"message": "no \x1b[31m\u202e" + "x" * 1000}, 400), CALL)
    assert isinstance(result, Refused)
    assert result.words.startswith(r"no \x1b[31m\u202e")
    assert len(result.words) < 400


def test_an_error_without_a_message_is_told_by_its_status() -> None:
    assert server_words(answer(b"<html>", 400)) == "status 400"
    assert server_words(answer({"message": 5}, 400)) == "status 400"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("700", (0.7,)),
        ("900000", (900,)),
        ("30000, 700", (0.7, 30)),
        ("700, -5", (0.7,)),
        *(
            (text, ())
            for text in ("", "0", "-5", "+5", "900001", "9" * 5000, "soon", "1e3", "0x10", "7.5", "\u0667", ",")
        ),
    ],
)
def test_the_reset_header_counts_milliseconds_and_absurd_ones_are_ignored(
    header: str, seconds: tuple[float, ...]
) -> None:
    assert rate_limits(answer({}, 429, x_ratelimit_reset=header)).resets == seconds
    assert rate_limits(answer({}, 429)) == RateLimits()


@pytest.mark.parametrize(
    ("limit", "interval", "reset", "windows"),
    [
        ("40", "1000", "250", [Window(40, 1, 0.25)]),
        ("40, 1000", "1000, 60000", "250, 34000", [Window(40, 1, 0.25), Window(1000, 60, 34)]),
        ("40, 1000", "1000, 60000", "250", [Window(40, 1, None), Window(1000, 60, None)]),
        ("40", "1000", "never", [Window(40, 1, None)]),
        ("40, 0", "1000, 60000", "", [Window(40, 1, None)]),
        ("40, 1000", "1000", "250", []),
        ("0", "1000", "250", []),
        ("40", "0", "250", []),
        ("-40", "1000", "250", []),
        ("40", "900001", "250", []),
        ("99999999999", "1000", "250", []),
        ("forty", "soon", "", []),
    ],
)
def test_a_window_is_known_by_its_calls_and_its_length(
    limit: str, interval: str, reset: str, windows: list[Window]
) -> None:
    headers = {"x-ratelimit-limit": limit, "x-ratelimit-interval": interval, "x-ratelimit-reset": reset}
    assert list(rate_limits(Answer(200, headers, b"")).windows) == windows


def test_the_request_id_is_made_harmless() -> None:
    assert answer({}, x_ik_requestid="abc\x1b[0m").request_id == r"abc\x1b[0m"
    assert answer({}).request_id is None


def test_a_confidence_beyond_all_numbers_is_a_protocol_error() -> None:
    body = b'[{"fileId":"1","filePath":"/a","AITags":[{"name":"x","confidence":1e999}]}]'
    with pytest.raises(ProtocolError, match="cannot be read"):
        FileReader().page(answer(body))
