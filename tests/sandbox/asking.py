"""Make calls to a sandbox in this process, as a client does."""

import base64
import json
from typing import Any, Protocol

import httpx
from builders import Sandbox, run
from starlette.types import Receive, Scope, Send


class App(Protocol):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...


class MakeSandbox(Protocol):
    """The type of the fixture `sandbox`."""

    def __call__(self, *files: dict[str, Any], **settings: Any) -> Sandbox: ...


def basic(credentials: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(credentials.encode()).decode()}


async def send(app: App, method: str, path: str, **request: Any) -> httpx.Response:
    """Make a call; an exception in the app is raised here."""
    request.setdefault("headers", basic("private_key:"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sandbox") as client:
        return await client.request(method, path, **request)


def call(sandbox: Sandbox, method: str, path: str, **request: Any) -> httpx.Response:
    return run(send(sandbox.app, method, path, **request))


def listed(sandbox: Sandbox, **parameters: Any) -> list[dict[str, Any]]:
    """Return the JSON of a list call, which must succeed."""
    response = call(sandbox, "GET", "/v1/files", params=parameters)
    assert response.status_code == 200, response.text
    items: list[dict[str, Any]] = response.json()
    return items


def names(sandbox: Sandbox, **parameters: Any) -> list[str]:
    return [item["name"] for item in listed(sandbox, **parameters)]


def refusal(response: httpx.Response) -> tuple[int, str]:
    """Return the status and message of an error response, after checking its form."""
    body = response.json()
    assert body["help"] == "For support kindly contact us at support@imagekit.io ."
    return response.status_code, body["message"]


def post(sandbox: Sandbox, endpoint: str, body: Any) -> httpx.Response:
    """Make a bulk call; a body of bytes is sent unchanged."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return call(sandbox, "POST", f"/v1/files/{endpoint}", content=content)
