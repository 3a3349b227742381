from dataclasses import replace
from typing import Any

import pytest
from builders import response

from tagsync.errors import ProtocolError
from tagsync.library.http.response import Response
from tagsync.library.imagekit.wire import bulk_payload, bulk_result, json_body, server_words
from tagsync.model import Done, Gone, Op, Refused, Request, Unclear

CALL = Request(Op.ADD, ("t",), ("a", "b"))


@pytest.mark.parametrize("value", ["{}", "[]", "0"])
def test_json_with_too_many_values_is_not_parsed(value: str) -> None:
    fitting, many = (
        Response(200, {}, f"[{','.join([value] * count)}{' ' * (4 << 20)}]".encode()) for count in (400_000, 1_100_000)
    )
    assert len(json_body(fitting)) == 400_000
    with pytest.raises(ProtocolError, match="more than 1,000,000 JSON values"):
        json_body(many)
    assert server_words(replace(many, status=400)) == "status 400"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32"])
def test_json_in_another_encoding_than_utf_8_is_refused(encoding: str) -> None:
    body = '{"message": "private_key"}'
    with pytest.raises(ProtocolError, match="a body that is not JSON"):
        json_body(response(body.encode(encoding)))
    assert server_words(response(body.encode(encoding), status=400)) == "status 400"
    assert server_words(response(body.encode("utf-8-sig"), status=400)) == "private_key"


def test_bulk_payload_names_tags_as_the_call_requires() -> None:
    assert bulk_payload(CALL) == {"fileIds": ["a", "b"], "tags": ["t"]}
    assert bulk_payload(CALL._replace(op=Op.REMOVE_AI)) == {"fileIds": ["a", "b"], "AITags": ["t"]}


def test_bulk_result_with_all_updated_is_done() -> None:
    assert bulk_result(response({"successfullyUpdatedFileIds": ["b", "a"]}), CALL) == Done(frozenset("ab"), {})


def test_bulk_result_with_errors_keeps_the_servers_words() -> None:
    body = {"successfullyUpdatedFileIds": ["a"], "errors": [{"fileId": "b", "error": "Error in adding tags"}]}
    assert bulk_result(response(body, 207), CALL) == Done(frozenset("a"), {"b": "Error in adding tags"})


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
def test_bulk_result_without_each_file_once_is_unclear(body: Any) -> None:
    assert isinstance(bulk_result(response(body), CALL), Unclear)


@pytest.mark.parametrize("kind", ["text/html", "text/plain; charset=utf-8", "application/octet-stream"])
def test_json_with_another_content_type_is_a_protocol_error(kind: str) -> None:
    with pytest.raises(ProtocolError, match=f"a body that is not JSON .{kind.partition(';')[0]}"):
        json_body(Response(200, {"content-type": kind}, b"[]"))
    assert json_body(Response(200, {"content-type": "application/json; charset=utf-8"}, b"[]")) == []


def test_bulk_result_404_names_missing_files_of_the_call() -> None:
    body = {"message": "The requested file(s) does not exist.", "missingFileIds": ["b", "stranger"]}
    assert bulk_result(response(body, 404), CALL) == Gone(frozenset("b"))
    assert bulk_result(response({"message": "no list"}, 404), CALL) == Gone(frozenset())


def test_bulk_result_400_escapes_the_servers_words() -> None:
    result = bulk_result(response({"message": "no \x1b[31m\u202e" + "x" * 1000}, 400), CALL)
    assert isinstance(result, Refused)
    assert result.words.startswith(r"no \x1b[31m\u202e")
    assert len(result.words) < 400


def test_server_words_without_a_message_are_the_status() -> None:
    assert server_words(response(b"<html>", 400)) == "status 400"
    assert server_words(response({"message": 5}, 400)) == "status 400"


def test_request_id_is_escaped() -> None:
    assert response({}, x_ik_requestid="abc\x1b[0m").request_id == r"abc\x1b[0m"
    assert response({}).request_id is None
