"""Builders and real components that tests share."""

import asyncio
import hashlib
import json
import os
import selectors
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from jsonschema import Draft202012Validator
from starlette.types import ASGIApp, Receive, Scope, Send

import tagsync
from tagsync import schemas
from tagsync.documents.canonical import canonical
from tagsync.documents.checksum import with_checksum
from tagsync.documents.writer import lay_out
from tagsync.library.http.client import RateLimiters
from tagsync.library.http.rate_limiter import RateLimiter
from tagsync.library.protocol import Page
from tagsync.library.reading.snapshot import Snapshot
from tagsync.model import AITag, Change, CurrentFile, CurrentState, DesiredState, GuardId, Op, Plan
from tagsync.planning.guards import Ack
from tagsync.sandbox.app import make_app
from tagsync.sandbox.faults import Fault, FaultScript
from tagsync.sandbox.limits import CallLimit
from tagsync.sandbox.store import Store

T = TypeVar("T")

GOOGLE, AWS = "google-auto-tagging", "aws-auto-tagging"


EXAMPLES_TIMES = int(os.environ.get("TAGSYNC_EXAMPLES_TIMES", "1"))
"""How many times as many examples `nox -s slow` draws as the default tests."""


def examples(count: int) -> int:
    """Return the number of examples for an expensive property test."""
    return count * EXAMPLES_TIMES


def id_of(path: str) -> str:
    """Return the file ID that builders give to a path: 24 hex digits, like ImageKit's."""
    return hashlib.sha256(path.encode()).hexdigest()[:24]


def ai(name: str, confidence: float | None = 90.0, source: str = GOOGLE) -> AITag:
    return AITag(name, confidence, source)


def current_file(path: str, tags: Iterable[str] = (), ai_tags: Iterable[AITag] = ()) -> CurrentFile:
    return CurrentFile(id_of(path), path, tuple(tags), tuple(ai_tags))


def current_state(*files: CurrentFile, answers: Mapping[str, Iterable[str]] | None = None) -> CurrentState:
    """Return a state; `answers` give the paths that each query finds."""
    found = {query: frozenset(map(id_of, paths)) for query, paths in (answers or {}).items()}
    ordered = tuple(sorted(files, key=lambda file: file.path))
    return CurrentState(in_sqlite(ordered), found)


def whole(desired: DesiredState) -> DesiredState:
    """Return a desired state with its rules in memory, for comparison."""
    return replace(desired, entries=tuple(desired.entries))


def in_sqlite(files: Sequence[CurrentFile]) -> Snapshot:
    """Return files as a snapshot keeps them."""
    snapshot = Snapshot()
    snapshot.begin()
    snapshot.add_page(Page(tuple(files), ()))
    snapshot.finish()
    return snapshot


def file_object(path: str, tags: Sequence[str] = (), ai_tags: Sequence[AITag] = (), **members: Any) -> dict[str, Any]:
    """Return a file as the list API returns it."""
    return {
        "type": "file",
        "fileId": id_of(path),
        "filePath": path,
        "name": path.rpartition("/")[2],
        "tags": list(tags) or None,
        "AITags": [tag._asdict() for tag in ai_tags] or None,
        "createdAt": "2024-01-01T00:00:00.000Z",
        "updatedAt": "2024-01-01T00:00:00.000Z",
        **members,
    }


def write_library(path: Path, files: Iterable[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(item) + "\n" for item in files), encoding="utf-8")
    return path


def read_library(path: Path) -> list[dict[str, Any]]:
    """Return the files of a library as the list API returns them."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def manifest(files: str, *, spec: str = "") -> str:
    """Return a manifest; its rules start in line 5, or after additional lines of `spec`."""
    indented = "".join(f"    {line}\n" for line in files.strip("\n").split("\n"))
    more = "".join(f"  {line}\n" for line in spec.strip("\n").split("\n")) if spec else ""
    return f"apiVersion: tagsync/v1\nkind: TagSet\nspec:\n{more}  files:\n{indented}"


def check_document(text: str) -> None:
    """Check a JSON document against its schema."""
    document = json.loads(text)
    kinds = (kind for kind in schemas.NAMES if f"{_VERSIONS.get(kind, kind)}Version" in document)
    validator_of(next(kinds, "diagnostics")).validate(document)


_VERSIONS = {"plan": "format"}


@cache
def validator_of(kind: schemas.SchemaName) -> Draft202012Validator:
    return Draft202012Validator(schemas.load(kind))


def saved(members: Mapping[str, Any]) -> str:
    """Return a JSON document with these members and a valid checksum."""
    lists = {
        key: map(canonical, members[key])
        for key in ("changes", "requests", "drift", "returning", "missing", "diagnostics")
        if isinstance(members.get(key), list)
    }
    kept = {key: value for key, value in {**members, **lists}.items() if key != "checksum"}
    return "".join(with_checksum(lay_out(kept)))


def acks(plan: Plan) -> frozenset[Ack]:
    """Return acknowledgements of all guards for a plan."""
    return frozenset(Ack(guard, plan.digest) for guard in GuardId)


class Sandbox:
    """A library in this process that records its calls."""

    def __init__(
        self,
        folder: Path,
        files: Iterable[Mapping[str, Any]],
        *,
        faults: Iterable[Fault] = (),
        limit: CallLimit | None = None,
        key: str | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.store = Store(":memory:", write_library(folder / "library.jsonl", files))
        settings: dict[str, Any] = {"clock": clock} if clock else {}
        self._app = make_app(self.store, faults=FaultScript(faults), limit=limit, key=key, **settings)
        self.calls: list[str] = []
        """The endpoints called, such as `addTags`, `list` or `details`, in order."""
        self.vanishing: list[str] = []
        """The paths of files to delete right before the next bulk call."""

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.calls.append(_endpoint(scope["path"]))
            while self.vanishing and self.writes:
                self.delete(self.vanishing.pop())
        app: ASGIApp = self._app
        await app(scope, receive, send)

    @property
    def target(self) -> tagsync.Target:
        return tagsync.Target(app=self.app, endpoint="sandbox:library.jsonl")

    @property
    def writes(self) -> list[str]:
        return [call for call in self.calls if call in ("addTags", "removeTags", "removeAITags")]

    def tags(self, path: str) -> set[str]:
        """Return a file's tags; none if it was deleted."""
        found = self.store.files([id_of(path)]).get(id_of(path))
        return set(found.tags) if found else set()

    def ai_tags(self, path: str) -> set[str]:
        return {tag["name"] for tag in self.store.files([id_of(path)])[id_of(path)].ai_tags}

    def delete(self, path: str) -> None:
        self.store._db.execute("DELETE FROM files WHERE file_id = ?", (id_of(path),))

    def close(self) -> None:
        self.store.close()


def _endpoint(path: str) -> str:
    last = path.rstrip("/").rpartition("/")[2]
    return "list" if last == "files" else last


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer instead of waiting for it."""

    def __init__(self) -> None:
        self._now = 1000.0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        return self._now

    def jump(self, seconds: float) -> None:
        self._now += seconds


class _JumpingSelector(selectors.SelectSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("nothing is left that could ever happen: the test would wait for ever")
        if not ready and timeout:
            self._loop.jump(timeout)
        return ready


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in virtual time, so that waits take no time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(coroutine)


def now() -> float:
    """Return the running loop's virtual time in seconds."""
    return asyncio.get_running_loop().time()


def unpack(changes: Iterable[Change]) -> list[str]:
    """Return changes in short form: `+tag`, `-tag`, and `~name` for the removal of an AI tag."""
    signs = {Op.ADD: "+", Op.REMOVE: "-", Op.REMOVE_AI: "~"}
    return [signs[change.op] + change.tag for change in changes]


def unlimited() -> RateLimiters:
    """Return rate limiters that never wait."""
    return RateLimiters(RateLimiter(None), RateLimiter(None))
