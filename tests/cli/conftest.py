"""Each test of the command runs in a separate, empty folder; all share one server."""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from builders import ai, file_object, id_of, write_library
from canary import KEY
from cli.command import Command, Recorder, Result, write_manifest
from cli.shop import shop
from starlette.types import ASGIApp, Receive, Scope, Send

from tagsync.applying import preflight, readback, recheck
from tagsync.cli.main import run
from tagsync.library import target
from tagsync.sandbox.app import make_app
from tagsync.sandbox.faults import Fault
from tagsync.sandbox.store import Store

__all__ = ["shop"]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TAGSYNC_RATE", "1000")
    monkeypatch.setattr(target, "READ_RATE", 1000.0)


@pytest.fixture
def no_lag(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let applies not wait for files that do not show what was written."""
    for module in (preflight, readback, recheck):
        monkeypatch.setattr(module, "LAG_WAITS", ())


@pytest.fixture
def tagsync(capsys: pytest.CaptureFixture[str]) -> Command:
    """Return the command, run in this process."""

    def call(*arguments: str | Path) -> Result:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        return Result(code, *capsys.readouterr())

    return call


@pytest.fixture
def library() -> Callable[..., Path]:
    """Return a function that writes a library for --sandbox."""

    def build(*files: Mapping[str, Any], name: str = "library.jsonl") -> Path:
        return write_library(Path(name), files)

    return build


@pytest.fixture
def two_files(library: Callable[..., Path]) -> None:
    """Write a library of two files, and a manifest with a change for one of them."""
    library(file_object("/a.jpg", ["a"]), file_object("/b.jpg"))
    write_manifest("- match: /**\n  tags: [a]")


class Server:
    """Libraries on a real loopback socket, each below a separate path."""

    def __init__(self) -> None:
        self._apps: list[ASGIApp] = []
        config = uvicorn.Config(self._answer, interface="asgi3", port=0, log_level="error", lifespan="off")
        self._server = uvicorn.Server(config)
        self._listening = config.bind_socket()
        # Otherwise the body of each answer waits 40 ms until the client acknowledges the head.
        self._listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._thread = threading.Thread(target=self._server.run, args=([self._listening],), daemon=True)
        self._thread.start()

    def add(self, app: ASGIApp) -> str:
        """Serve a library and return its URL."""
        self._apps.append(app)
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}/{len(self._apps) - 1}"

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        number, _, path = scope["path"].removeprefix("/").partition("/")
        await self._apps[int(number)]({**scope, "path": f"/{path}"}, receive, send)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=10)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.stop()


@pytest.fixture
def served(server: Server, tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Return a function that serves a library on a real loopback socket and returns its URL."""
    stores: list[Store] = []

    def start(*files: Mapping[str, Any], **settings: Any) -> str:
        stores.append(Store(":memory:", write_library(tmp_path / f"served-{len(stores)}.jsonl", files)))
        return server.add(make_app(stores[-1], **settings))

    yield start
    for store in stores:
        store.close()


class World:
    """A served library that others change as well."""

    def __init__(self, server: Server, folder: Path, files: tuple[Mapping[str, Any], ...], faults: Recorder) -> None:
        self.store = Store(":memory:", write_library(folder / "world.jsonl", files))
        self.calls = faults
        self.url = server.add(make_app(self.store, faults=faults))

    def edit(self, path: str, *, tags: list[str] | None = None, ai_tags: list[Any] | None = None) -> None:
        file = self.store.files([id_of(path)])[id_of(path)]
        found = [tag._asdict() for tag in ai_tags] if ai_tags is not None else file.ai_tags
        self.store.save([file._replace(tags=file.tags if tags is None else tags, ai_tags=found)])

    def upload(self, path: str, *found: str) -> None:
        """Upload a new version of a file: its tags are lost, and extensions add their AI tags again."""
        self.edit(path, tags=[], ai_tags=[ai(name) for name in found])

    def move(self, path: str, to: str) -> None:
        self.store.patch(id_of(path), {"filePath": to})

    def tags(self, path: str) -> set[str]:
        return set(self.store.files([id_of(path)])[id_of(path)].tags)

    def ai_tags(self, path: str) -> set[str]:
        return {tag["name"] for tag in self.store.files([id_of(path)])[id_of(path)].ai_tags}


Build = Callable[..., World]


@pytest.fixture
def world(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Build]:
    """Return a function that serves a library and makes it the target of every command."""
    monkeypatch.setenv("IMAGEKIT_PRIVATE_KEY", KEY)
    made: list[World] = []

    def build(*files: Mapping[str, Any], faults: tuple[Fault, ...] = ()) -> World:
        made.append(World(server, tmp_path, files, Recorder(*faults)))
        monkeypatch.setenv("TAGSYNC_ENDPOINT", made[-1].url)
        return made[-1]

    yield build
    for item in made:
        item.store.close()
