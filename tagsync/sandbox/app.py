"""Serve the sandbox over HTTP, with ImageKit's documented routes, checks and messages; `store` keeps the library.

Where the documentation is silent, the sandbox makes these choices:

- Tags are exact, case-sensitive text and keep their order.
- Adding a tag that a file has, and removing one that it lacks, succeed.
- A file ID that does not exist fails the whole call with 404.
- A file whose tags would exceed 500 characters, without commas, is an error in a 207.
- If a file loses its last tag, its tags become null.
"""

import asyncio
import base64
import json
import uuid
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tagsync.sandbox.faults import Fault, FaultScript
from tagsync.sandbox.limits import CallLimit, Limiter
from tagsync.sandbox.openapi import document
from tagsync.sandbox.payload_checks import (
    FILE_TYPES,
    HELP,
    MAX_CHARACTERS,
    PATCHED,
    TYPES,
    Failure,
    check_patch,
    checked_files,
    checked_tags,
    json_body,
    page_limit,
    page_skip,
)
from tagsync.sandbox.search import compile_query
from tagsync.sandbox.store import SORTS, File, Store
from tagsync.sandbox.tokens import QueryError

Endpoint = Callable[[Request], Awaitable[Response]]
Edit = Callable[[File, Sequence[str]], None]


def make_app(
    store: Store,
    *,
    key: str | None = None,
    limit: CallLimit | Sequence[CallLimit] | None = None,
    latency: float = 0.0,
    faults: FaultScript | None = None,
    clock: Callable[[], float] = monotonic,
) -> Starlette:
    """Return an ASGI app that behaves like ImageKit's API.

    Args:
        store: the library.
        key: the only accepted private key; None accepts any.
        limit: one or more rate limits for each endpoint; None for no limit and no rate-limit headers.
        latency: seconds before each response.
        faults: the fault script.
        clock: returns seconds, for the rate limits.
    """
    return _Sandbox(store, key, Limiter(limit, clock), latency, faults or FaultScript()).app()


class _Sandbox:
    def __init__(self, store: Store, key: str | None, limiter: Limiter, latency: float, faults: FaultScript) -> None:
        self._store = store
        self._key = key
        self._limiter = limiter
        self._latency = latency
        self._faults = faults

    def app(self) -> Starlette:
        served: list[tuple[str, str, str, Endpoint]] = [
            ("GET", "/v1/files", "list", self._list),
            ("GET", "/v1/files/{file_id}/details", "details", self._details),
            ("PATCH", "/v1/files/{file_id}/details", "patch", self._patch),
            ("POST", "/v1/files/addTags", "addTags", self._bulk("tags", _add_tags)),
            ("POST", "/v1/files/removeTags", "removeTags", self._bulk("tags", _remove_tags)),
            ("POST", "/v1/files/removeAITags", "removeAITags", self._bulk("AITags", _remove_ai_tags)),
        ]
        return Starlette(
            routes=[
                Route("/openapi.json", _openapi),
                *(
                    Route(path + slash, self._guarded(name, endpoint), methods=[method])
                    for method, path, name, endpoint in served
                    for slash in ("", "/")
                ),
            ]
        )

    def _guarded(self, name: str, endpoint: Endpoint) -> Endpoint:
        """Wrap an endpoint with what all have in common: key, rate limit, latency, faults, headers."""

        async def respond(request: Request) -> Response:
            fault = self._faults.next(name, await _named_files(request))
            await asyncio.sleep(self._latency + (fault.delayMs / 1000 if fault else 0))
            passes, headers = self._limiter.count(name)
            try:
                self._check_key(request)
                if not passes:
                    response = _json(429, {"message": "You have exceeded the rate limit for this API."})
                else:
                    response = await self._faulty(fault, request, endpoint)
            except Failure as failure:
                response = _json(failure.status, failure.body)
            request_id = str(uuid.uuid4())
            extra = {
                "x-ik-requestid": request_id,
                "x-request-id": request_id,
                "access-control-allow-origin": "*",
            }
            response.headers.update(headers | extra | dict(fault.headers if fault else {}))
            return response

        return respond

    async def _faulty(self, fault: Fault | None, request: Request, endpoint: Endpoint) -> Response:
        if fault is None:
            return await endpoint(request)
        if fault.status:
            message = json.dumps({"message": "Something went wrong.", "help": HELP})
            return Response(message if fault.body is None else fault.body, fault.status, media_type="application/json")
        if fault.ignore:
            return _json(200, {"successfullyUpdatedFileIds": await _named_files(request)})
        request.state.failing = dict.fromkeys(fault.failFiles, fault.error)
        request.state.shuffle = fault.shuffle
        response = await endpoint(request)
        if fault.lose:
            raise Failure(504, "Something went wrong.")
        body = bytes(response.body) if fault.body is None else fault.body.encode()
        return Response(
            body[: len(body) // 2] if fault.cut else body, response.status_code, media_type="application/json"
        )

    def _check_key(self, request: Request) -> None:
        # Ignore the password: the official SDKs send different ones.
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        try:
            user = base64.b64decode(credentials, validate=True).decode().partition(":")[0]
        except ValueError:
            user = ""
        if scheme.lower() != "basic" or not user:
            raise Failure(401, "Your request does not contain private API key.")
        if self._key is not None and user != self._key:
            raise Failure(403, "Your account cannot be authenticated.")

    async def _list(self, request: Request) -> Response:
        asked = request.query_params
        kind, sort = asked.get("type", "file"), asked.get("sort", "ASC_CREATED")
        file_type = asked.get("fileType", "all")
        if kind not in TYPES:
            raise Failure(
                400,
                "Your request contains invalid value for type parameter. Please provide one of the following: "
                "file, file-version, folder, all.",
            )
        if sort not in SORTS:
            raise Failure(400, "Your request contains invalid value for sort parameters.")
        if file_type not in FILE_TYPES:
            raise Failure(400, "Your request contains invalid value for fileType parameter.")
        query = asked.get("searchQuery")
        try:
            condition = compile_query(query, datetime.now(UTC)) if query else None
        except QueryError as error:
            raise Failure(400, str(error)) from error
        page = self._store.list(
            kind="file" if condition else kind,
            condition=condition,
            path=asked.get("path"),
            file_type=file_type,
            sort=sort,
            limit=page_limit(asked),
            skip=page_skip(asked),
            shuffle=getattr(request.state, "shuffle", 0),
        )
        return Response(page, media_type="application/json")

    async def _details(self, request: Request) -> Response:
        return Response(self._existing(request), media_type="application/json")

    def _existing(self, request: Request) -> str:
        file_id = request.path_params["file_id"]
        found = self._store.details(file_id)
        if found is not None:
            return found
        if len(file_id) == 24 and all(letter in "0123456789abcdef" for letter in file_id):  # noqa: PLR2004 - an id's length
            raise Failure(404, "The requested file does not exist.")
        raise Failure(400, "Your request contains invalid fileId parameter.")

    async def _patch(self, request: Request) -> Response:
        self._existing(request)
        body = await json_body(request)
        file_id = request.path_params["file_id"]
        file = self._store.files([file_id])[file_id]
        check_patch(body)
        removed = body.get("removeAITags", [])
        ai_tags = [] if removed == "all" else [tag for tag in file.ai_tags if tag["name"] not in removed]
        tags = list(dict.fromkeys(body["tags"] or [])) if "tags" in body else file.tags
        self._store.save([File(file_id, tags, ai_tags)])
        others: dict[str, Any] = {name: body[name] for name in PATCHED if name in body}
        if others:
            self._store.patch(file_id, others)
        return Response(self._existing(request), media_type="application/json")

    def _bulk(self, key: str, edit: Edit) -> Endpoint:
        async def respond(request: Request) -> Response:
            body = await json_body(request)
            file_ids, tags = checked_files(body), checked_tags(body, key)
            files = self._store.files(file_ids)
            missing = [file_id for file_id in dict.fromkeys(file_ids) if file_id not in files]
            if missing:
                raise Failure(404, "The requested file(s) does not exist.", missingFileIds=missing)
            failing = dict(getattr(request.state, "failing", {}))
            updated = []
            for file_id in dict.fromkeys(file_ids):
                edit(files[file_id], tags)
                if edit is _add_tags and sum(map(len, files[file_id].tags)) > MAX_CHARACTERS:
                    failing.setdefault(file_id, "Error in adding tags")
                if file_id not in failing:
                    updated.append(file_id)
            self._store.save([files[file_id] for file_id in updated])
            errors = [{"fileId": file_id, "error": failing[file_id]} for file_id in files if file_id in failing]
            if errors:
                return _json(207, {"successfullyUpdatedFileIds": updated, "errors": errors})
            return _json(200, {"successfullyUpdatedFileIds": updated})

        return respond


async def _openapi(_request: Request) -> Response:
    """Serve the API description, without a key or a rate limit."""
    return _json(200, document())


def _add_tags(file: File, tags: Sequence[str]) -> None:
    file.tags.extend(tag for tag in dict.fromkeys(tags) if tag not in file.tags)


def _remove_tags(file: File, tags: Sequence[str]) -> None:
    file.tags[:] = [tag for tag in file.tags if tag not in tags]


def _remove_ai_tags(file: File, tags: Sequence[str]) -> None:
    file.ai_tags[:] = [tag for tag in file.ai_tags if tag["name"] not in tags]


def _json(status: int, body: Any) -> Response:
    return Response(json.dumps(body), status, media_type="application/json")


async def _named_files(request: Request) -> list[str]:
    """Return the IDs of a call's files, if it is well-formed."""
    if "file_id" in request.path_params:
        return [request.path_params["file_id"]]
    if request.method != "POST":
        return []
    try:
        named = json.loads(await request.body())["fileIds"]
    except (ValueError, RecursionError, KeyError, TypeError):
        return []
    return [file_id for file_id in named if isinstance(file_id, str)] if isinstance(named, list) else []
