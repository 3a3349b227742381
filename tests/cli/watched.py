"""A served library that records its batches, and the journal of an apply; a helper without tests."""

import asyncio
import json
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from builders import id_of
from cli.command import SECONDS
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tagsync.applying.journal_records import Intent, Outcome, decoded
from tagsync.model import Op, Request
from tagsync.sandbox.app import make_app
from tagsync.sandbox.limits import CallLimit
from tagsync.sandbox.store import Store

CALLS = 6
"""The number of batches that apply the manifest of these tests."""

ENTRIES = """
- {match: /p/*, tags: [p], absent: [old], aiTags: {remove: [Dog]}}
- {match: /q/*, tags: [q], absent: [worn], aiTags: {remove: [Cat]}}
"""
PATHS = [f"/{folder}/{number}.jpg" for folder in "pq" for number in range(3)]


class Takes(Protocol):
    """A server that can serve more libraries."""

    def add(self, app: ASGIApp) -> str: ...


class Hold:
    """A batch that gets no answer until it is released."""

    def __init__(self) -> None:
        self._came, self._let_go = threading.Event(), threading.Event()

    def pass_by(self) -> None:
        self._came.set()
        self._let_go.wait(SECONDS)

    def wait(self) -> None:
        assert self._came.wait(SECONDS), "the call never came"

    def let_go(self) -> None:
        self._let_go.set()


class Library:
    """A library on a real socket, which records its batches and can delay some."""

    def __init__(self, server: Takes, store: Store, **settings: Any) -> None:
        self.store = store
        self.calls: list[Request] = []
        self.in_vain: list[Request] = []
        """The calls that changed nothing."""
        self._holds: dict[int, Hold] = {}
        self._under_way, self._changed = 0, threading.Condition()
        self._app = make_app(store, limit=CallLimit(100_000, 1), **settings)
        self.url = server.add(self._answer)

    def hold(self, number: int) -> Hold:
        """Delay a batch, counted from 1."""
        return self._holds.setdefault(number, Hold())

    def let_all_go(self) -> None:
        """Answer all delayed calls, and return when no call is open."""
        for hold in self._holds.values():
            hold.let_go()
        with self._changed:
            assert self._changed.wait_for(lambda: not self._under_way, SECONDS)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._counted():
            await self._take(scope, receive, send)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._changed:
            self._under_way += 1
        try:
            yield
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    async def _take(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "POST":
            body = await _whole(receive)
            if body is None:
                return
            self._note(scope["path"].rpartition("/")[2], json.loads(body))
            receive = _again(body)
            if hold := self._holds.get(len(self.calls)):
                await asyncio.to_thread(hold.pass_by)
        await self._app(scope, receive, send)

    def _note(self, op: str, asked: Mapping[str, Sequence[str]]) -> None:
        tags = asked["AITags" if op == Op.REMOVE_AI else "tags"]
        call = Request(Op(op), tuple(tags), tuple(asked["fileIds"]))
        self.calls.append(call)
        shown = self.shown(call.file_ids)
        if not any(_changes(call, *found) for found in shown.values()):
            self.in_vain.append(call)

    def shown(self, file_ids: Sequence[str]) -> dict[str, tuple[set[str], set[str]]]:
        """Return the tags and the names of the AI tags of files by their ids."""
        files = self.store.files(file_ids)
        return {file_id: (set(file.tags), {tag["name"] for tag in file.ai_tags}) for file_id, file in files.items()}

    @property
    def is_as_declared(self) -> bool:
        wanted = {"p": ({"p"}, {"Cat"}), "q": ({"q"}, {"Dog"})}
        self.let_all_go()
        declared = {id_of(path): wanted[path[1]] for path in PATHS}
        return self.shown(list(declared)) == declared


def _changes(call: Request, tags: set[str], ai_tags: set[str]) -> bool:
    if call.op == Op.ADD:
        return not tags.issuperset(call.tags)
    return bool((ai_tags if call.op == Op.REMOVE_AI else tags).intersection(call.tags))


async def _whole(receive: Receive) -> bytes | None:
    """Return the body of a call; None if its sender disconnected before its end, so no library would process it."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body


def _again(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def journal(state: str) -> list[Any]:
    """Return the lines of the only journal in a state directory, without an incomplete last line."""
    paths = list(Path(state, "journal").glob("*.jsonl"))
    lines = paths[0].read_bytes().splitlines(keepends=True) if paths else []
    records = [decoded(line) for line in lines]
    assert None not in records[:-1]
    return [record for record in records if record]


def intents(records: Sequence[Any]) -> dict[int, Request]:
    return {record.number: record.request for record in records if isinstance(record, Intent)}


def confirmed(records: Sequence[Any]) -> set[Request]:
    """Return the calls that the journal records as done."""
    done = {record.number for record in records if isinstance(record, Outcome) and record.kind == "done"}
    return {request for number, request in intents(records).items() if number in done}


def cells(requests: Iterable[Request]) -> set[tuple[Op, str, str]]:
    """Return the changes of calls: operation, file ID and tag."""
    return {(call.op, file_id, tag) for call in requests for file_id in call.file_ids for tag in call.tags}
