"""Fixtures: manifests from text, and libraries in this process or on a real socket."""

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
import uvicorn
from builders import Sandbox, check_document, manifest, now, write_library
from hypothesis import settings

from tagsync.documents import writer
from tagsync.documents.checksum import with_checksum
from tagsync.manifest.read import read_manifests
from tagsync.model import DesiredState
from tagsync.sandbox.app import make_app
from tagsync.sandbox.store import Store

pytest_plugins = ("canary",)

settings.register_profile("untimed", deadline=None)  # how long an example takes depends on the machine's load
settings.load_profile("untimed")


EXTREMES = pytest.mark.parametrize("behaviour", [None, "strict", "lenient"])
"""Runs a test with the usual behaviour of a library, and with the hardest and the easiest one for a client."""


class SteadyClock:
    """A library's clock, which goes on while no event loop runs; the virtual time of each loop starts again."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._before = self._latest = 0.0

    def __call__(self) -> float:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._before = loop, self._latest + 60
        self._latest = self._before + now()
        return self._latest


class Declare(Protocol):
    def __call__(self, files: str, *, spec: str = "") -> DesiredState: ...


@pytest.fixture(scope="session", autouse=True)
def _interrupts_arrive() -> None:
    """Let test processes receive interrupts, even if a shell started them in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Isolate tests from the user's environment variables, and keep their locks out of the home folder."""
    ours = ("TAGSYNC_", "IMAGEKIT_", "IMAGE_KIT_", "GITHUB_", "GIT_", "CI_")
    for name in list(os.environ):
        if name.startswith(ours) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    for name in ("NO_COLOR", "FORCE_COLOR", "CI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.getbasetemp() / "state"))


@pytest.fixture(autouse=True)
def _documents_are_as_their_schemas_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """Check every document that this process writes against its schema."""

    def checked(pieces: Iterable[str]) -> Iterator[str]:
        kept = list(with_checksum(pieces))
        check_document("".join(kept))
        yield from kept

    monkeypatch.setattr(writer, "with_checksum", checked)


@pytest.fixture
def declare(tmp_path: Path) -> Declare:
    """Return a function from a manifest's rules, as YAML list items, to the desired state."""

    def build(files: str, *, spec: str = "") -> DesiredState:
        path = tmp_path / "tags.yaml"
        path.write_text(manifest(files, spec=spec), encoding="utf-8")
        return read_manifests([str(path)])

    return build


@pytest.fixture
def tags(tmp_path: Path) -> str:
    """Return the path of a manifest that adds the tag `new` to the files of the top folder."""
    path = tmp_path / "tags.yaml"
    path.write_text(manifest("- {match: /*, tags: [new]}"), encoding="utf-8")
    return str(path)


@pytest.fixture
def behaviour() -> str | None:
    """Return the profile of the libraries of `sandbox`; tests with EXTREMES override it."""
    return None


@pytest.fixture
def sandbox(tmp_path: Path, behaviour: str | None) -> Iterator[Callable[..., Sandbox]]:
    """Return a function that creates a library in this process."""
    made: list[Sandbox] = []

    def build(*files: dict[str, Any], **settings: Any) -> Sandbox:
        folder = tmp_path / f"sandbox-{len(made)}"
        folder.mkdir()
        if behaviour:
            settings = {"profile": behaviour, "clock": SteadyClock()} | settings
        made.append(Sandbox(folder, files, **settings))
        return made[-1]

    yield build
    for item in made:
        item.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Return a function that serves a library on a loopback socket and returns its URL."""
    running: list[tuple[uvicorn.Server, threading.Thread, Store]] = []

    def start(*files: dict[str, Any], **settings: Any) -> str:
        library = write_library(tmp_path / f"served-{len(running)}.jsonl", files)
        store = Store(":memory:", library)
        config = uvicorn.Config(make_app(store, **settings), port=0, log_level="error", lifespan="off")
        server = uvicorn.Server(config)
        listening = config.bind_socket()
        # Otherwise the body of each answer waits 40 ms until the client acknowledges the head.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        running.append((server, thread, store))
        return f"http://127.0.0.1:{listening.getsockname()[1]}"

    yield start
    for server, thread, store in running:
        server.should_exit = True
        thread.join(timeout=10)
        store.close()
