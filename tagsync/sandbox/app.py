"""Serve the sandbox over HTTP, with ImageKit's documented routes, checks and messages; `store` keeps the library.

Where the documentation is silent, the sandbox makes these choices, unless a profile says otherwise:

- Tags are exact, case-sensitive text and keep their order.
- Adding a tag that a file has, and removing one that it lacks, succeed.
- A file ID that does not exist fails the whole call with 404.
- A file whose tags would exceed 500 characters, without commas, is an error in a 207.
- If a file loses its last tag, its tags become null.
"""

import asyncio
import base64
import json
import re
import uuid
from collections.abc import Awaitable, Callable, Collection, Sequence
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
    PATCHED,
    TAGS_ADVICE,
    TYPES,
    Failure,
    check_patch,
    checked_files,
    checked_tags,
    json_body,
    page_limit,
    page_skip,
)
from tagsync.sandbox.profile import LIMITS, Profile
from tagsync.sandbox.search import compile_query
from tagsync.sandbox.store import SORTS, File, Store
from tagsync.sandbox.tokens import QueryError
from tagsync.sandbox.variations import Asked, add_tags, checked, is_too_long, no_op_error, varied

Endpoint = Callable[[Request], Awaitable[Response]]
Edit = Callable[[File, Sequence[str], Profile], None]


def make_app(
    store: Store,
    *,
    key: str | None = None,
    limit: CallLimit | Sequence[CallLimit] | None = None,
    latency: float = 0.0,
    faults: FaultScript | None = None,
    clock: Callable[[], float] = monotonic,
    profile: Profile | None = None,
) -> Starlette:
    """Return an ASGI app that behaves like ImageKit's API.

    Args:
        store: the library.
        key: the only accepted private key; None accepts any.
        limit: one or more rate limits for each endpoint; None for no limit and no rate-limit headers.
        latency: seconds before each response.
        faults: the fault script.
        clock: returns seconds, for the rate limits.
        profile: how to behave where the documentation is silent. Its rate limits apply unless `limit` is given.
    """
    profile = profile or Profile()
    reads, writes = (Limiter(limit or profile.limits(name), clock) for name in LIMITS)
    return _Sandbox(
        store, key, reads=reads, writes=writes, latency=latency, faults=faults or FaultScript(), profile=profile
    ).app()


class _Sandbox:
    def __init__(
        self,
        store: Store,
        key: str | None,
        *,
        reads: Limiter,
        writes: Limiter,
        latency: float,
        faults: FaultScript,
        profile: Profile,
    ) -> None:
        self._store = store
        self._store.details_lag = profile.lag("detailsLag")
        self._store.index_lag = max(profile.lag("indexLag"), self._store.details_lag)
        self._profile = profile
        self._key = key
        self._reads, self._writes = reads, writes
        self._latency = latency
        self._faults = faults

    def app(self) -> Starlette:
        served: list[tuple[str, str, str, Endpoint]] = [
            ("GET", "/v1/files", "list", self._list),
            ("GET", "/v1/files/{file_id}/details", "details", self._details),
            ("PATCH", "/v1/files/{file_id}/details", "patch", self._patch),
            ("POST", "/v1/files/addTags", "addTags", self._bulk("tags", add_tags)),
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
            limiter = self._reads if name in ("list", "details") else self._writes
            passes, headers = limiter.count(name)
            try:
                self._check_key(request)
                if not passes:
                    response = _json(429, {"message": "You have exceeded the rate limit for this API."})
                else:
                    response = await self._faulty(fault, request, endpoint)
            except Failure as failure:
                response = _json(failure.status, failure.body)
            if passes and self._profile["rateHeaders"] == "not-on-success":
                headers = {}
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
        shown = varied(
            Asked(asked.get("searchQuery") or None, asked.get("path"), page_skip(asked), page_limit(asked)),
            self._profile,
            self._store.has_tag,
        )
        query = shown.query
        try:
            condition = compile_query(query, datetime.now(UTC)) if query else None
        except QueryError as error:
            raise Failure(400, str(error)) from error
        page = self._store.list(
            kind=("file" if self._profile["rowTypes"] == "files-only" else "any") if condition else kind,
            condition=condition,
            path=shown.path,
            file_type=file_type,
            sort=sort,
            limit=shown.limit,
            skip=shown.skip,
            shuffle=getattr(request.state, "shuffle", 0) or (100 if self._profile["tieOrder"] == "varies" else 0),
        )
        return Response(page, media_type="application/json")

    async def _details(self, request: Request) -> Response:
        return Response(self._existing(request), media_type="application/json")

    def _existing(self, request: Request) -> str:
        file_id = request.path_params["file_id"]
        found = self._store.details(file_id)
        if found is not None:
            return found
        setting = "absentFile" if _is_id(file_id) else "malformedFile"
        if self._profile[setting] == "404":
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
            if self._profile["writes"] == "refused":
                raise Failure(403, "You do not have permission to perform this operation.")
            body = await json_body(request)
            file_ids, tags = checked_files(body), checked_tags(body, key)
            if key == "tags":
                tags = checked(tags, self._profile)
            files = self._store.files(file_ids)
            failing = self._missing(file_ids, files, key) | dict(getattr(request.state, "failing", {}))
            updated = []
            for file_id in dict.fromkeys(file_ids):
                if file_id in files and (error := self._edited(files[file_id], edit, tags)):
                    failing.setdefault(file_id, error)
                if file_id not in failing:
                    updated.append(file_id)
            moves_update = self._profile["updatedAt"] == "moves"
            self._store.save([files[file_id] for file_id in updated], moves_update=moves_update)
            errors = [{"fileId": file_id, "error": error} for file_id, error in failing.items() if file_id in file_ids]
            if errors:
                return _json(207, {"successfullyUpdatedFileIds": updated, "errors": errors})
            return _json(200, {"successfullyUpdatedFileIds": updated})

        return respond

    def _missing(self, file_ids: Sequence[str], files: Collection[str], key: str) -> dict[str, str]:
        """Return an error for each file that does not exist, unless that fails the whole call."""
        missing = [file_id for file_id in dict.fromkeys(file_ids) if file_id not in files]
        if self._profile["malformedId"] == "400" and not all(map(_is_id, missing)):
            raise Failure(400, "Your request contains invalid value for fileIds parameter.")
        way = self._profile["missingFileAi" if key == "AITags" else "missingFile"]
        if missing and way != "207":
            named = {"missingFileIds": missing} if way == "404-with-ids" else {}
            raise Failure(404, "The requested file(s) does not exist.", **named)
        return dict.fromkeys(missing, "The requested file does not exist.")

    def _edited(self, file: File, edit: Edit, tags: Sequence[str]) -> str:
        """Change a file's tags; return the error that a 207 reports, empty for none."""
        adds = edit is add_tags
        present = [tag["name"] for tag in file.ai_tags] if edit is _remove_ai_tags else file.tags
        error = "Error in adding tags" if adds else "Error in removing tags"
        if no_op_error(present, tags, adds=adds, profile=self._profile):
            return error
        edit(file, tags, self._profile)
        if not adds or not is_too_long(file.tags, self._profile["fileLength"]):
            return ""
        if self._profile["overLimit"] == "400":
            raise Failure(400, TAGS_ADVICE)
        return error


def _is_id(text: str) -> bool:
    """Return whether a text is like ImageKit's IDs."""
    return re.fullmatch("[0-9a-f]{24}", text) is not None


async def _openapi(_request: Request) -> Response:
    """Serve the API description, without a key or a rate limit."""
    return _json(200, document())


def _remove_tags(file: File, tags: Sequence[str], _profile: Profile) -> None:
    file.tags[:] = [tag for tag in file.tags if tag not in tags]


def _remove_ai_tags(file: File, tags: Sequence[str], _profile: Profile) -> None:
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
