"""A library in memory that misbehaves by seed, with the interface of the API and a record of all calls.

It is an ASGI app without a framework, for speed, and shares no code with the sandbox or the client. It uses the running
loop's clock. Lists and searches lag by `lag` seconds, details by `details_lag` seconds. Every call and every response
takes time on its way.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import parse_qs, unquote

import httpx

Send = Callable[[dict[str, Any]], Awaitable[None]]
AITags = dict[str, tuple[float, str]]


@dataclass(frozen=True)
class State:
    """The state of a file at one time."""

    path: str
    tags: frozenset[str]
    ai_tags: Mapping[str, tuple[float, str]]


@dataclass
class History:
    """All states of a file, oldest first, each with the time of its start; None for a deleted file."""

    versions: list[tuple[float, State | None]]

    @property
    def now(self) -> State | None:
        return self.versions[-1][1]

    def at(self, moment: float) -> State | None:
        return next((state for since, state in reversed(self.versions) if since <= moment), self.versions[0][1])

    def within(self, begin: float, end: float) -> list[State | None]:
        """Return the states of a period."""
        inside = [state for since, state in self.versions if begin < since <= end]
        return [self.at(begin), *inside]


@dataclass(frozen=True)
class Effect:
    """A change of one tag that a bulk call really made on a file."""

    at: float
    op: str
    file_id: str
    tag: str
    before: State
    changed_at: float
    """When the tag got the state that the call found."""


@dataclass
class Call:
    """A bulk call that arrived, and its effects."""

    at: float
    op: str
    tags: tuple[str, ...]
    file_ids: tuple[str, ...]
    effects: list[Effect] = field(default_factory=list)
    confirmed: bool = False
    """Whether the response confirmed, truthfully, that everything was done."""


@dataclass
class Trouble:
    """The probability of each fault, from 0 to 1; by default nothing fails."""

    reads: float = 0.0
    writes: float = 0.0
    kinds: tuple[str, ...] = ()
    lag: float = 0.0
    details_lag: float = 0.0
    latency: float = 0.05
    poison: tuple[str, str] | None = None
    """A file ID and a tag that the library refuses together."""
    forbidden: frozenset[str] = frozenset()
    """The IDs of files for which the library refuses a whole call with 403."""
    refuses_no_ops: bool = False
    no_search_by_id: bool = False
    longest_ai_tags: int = 10_000
    counts_commas: bool = False
    """Whether commas between a file's tags count towards the 500 characters."""
    shuffled: float = 0.0
    """The probability that a response lists files with equal `createdAt` in another order."""

    @property
    def is_none(self) -> bool:
        """Whether every call works."""
        faulty = self.kinds and (self.reads or self.writes)
        return not (faulty or self.poison or self.forbidden or self.refuses_no_ops or self.longest_ai_tags < 100)


READ_FAULTS = (
    "429",
    "429 bare",
    "429 for long",
    "400",
    "403",
    "500",
    "html",
    "no UTF-8",
    "deep",
    "refused",
    "reset",
    "cut",
    "slow",
    "redirect",
)
WRITE_FAULTS = (
    *READ_FAULTS,
    "lost",
    "lost by timeout",
    "some fail",
    "lie",
    "ids short",
    "ids twice",
    "ids unknown",
    "in both",
    "404 bare",
    "404 lie",
    "202",
)


class Caller:
    """The library as one client sees it.

    Args:
        library: the library.
        arrived: called with each bulk call that arrives.
    """

    def __init__(self, library: "SimulatedLibrary", arrived: Callable[[Call], None]) -> None:
        self._library = library
        self.arrived = arrived
        self.calls: list[Call] = []

    async def __call__(self, scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Send) -> None:
        await self._library.serve(scope, receive, send, self)


class SimulatedLibrary:
    """Serves files, and applies calls or lets them fail."""

    def __init__(self, random: Random, files: Mapping[str, State]) -> None:
        self._random = random
        self._clock = asyncio.get_running_loop().time
        self.files = {file_id: History([(0.0, state)]) for file_id, state in files.items()}
        self._created = self._uploaded(files)
        self.trouble = Trouble()
        self.calls: list[Call] = []
        self.reads = 0
        self.struck = Counter[str]()
        """How often each kind of trouble had an effect."""

    def _uploaded(self, file_ids: Iterable[str]) -> dict[str, str]:
        """Return `createdAt` for each file, in groups of one to four: equal groups would never be cut by pages."""
        created, left = {}, list(file_ids)
        for second in range(len(left)):
            together, left = left[: (size := self._random.randint(1, 4))], left[size:]
            created.update(dict.fromkeys(together, f"2024-01-01T00:{second // 60:02d}:{second % 60:02d}.000Z"))
        return created

    def confirmed_cells(self) -> frozenset[tuple[str, str, str]]:
        """Return the op, file ID and tag of all changes in calls with a truthful success."""
        return frozenset(
            (call.op, file_id, tag)
            for call in self.calls
            if call.confirmed
            for file_id in call.file_ids
            for tag in call.tags
        )

    def put(self, file_id: str, state: State | None) -> None:
        self.files[file_id].versions.append((self._clock(), state))

    async def serve(
        self, scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Send, caller: "Caller"
    ) -> None:
        body, arrived_at = (await receive())["body"], self._clock()
        await self._travel()
        parts = scope["path"].strip("/").split("/")
        if scope["method"] == "POST":
            status, headers, answer = await self._write(parts[-1], json.loads(body), arrived_at, caller)
        else:
            status, headers, answer = await self._read(parts, scope["query_string"].decode())
        await self._travel()
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        raw = [(b"content-type", b"application/json"), *((k.encode(), v.encode()) for k, v in headers.items())]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": data})

    async def _travel(self) -> None:
        await asyncio.sleep(self.trouble.latency * self._random.uniform(0.1, 0.5))

    async def _read(self, parts: list[str], query: str) -> tuple[int, dict[str, str], Any]:
        self.reads += 1
        fault = self._fault(self.trouble.reads, READ_FAULTS)
        if fault:
            return await self._failure(fault)
        if parts[-1] == "details":
            moment = max(0.0, self._clock() - self.trouble.details_lag)
            state = self.files[parts[-2]].at(moment) if parts[-2] in self.files else None
            self.struck["details lag"] += parts[-2] in self.files and state is not self.files[parts[-2]].now
            return (200, {}, self._item(parts[-2], state)) if state else (404, {}, {"message": "no such file"})
        asked = parse_qs(query)
        # Times before the start show the state at the start.
        moment = max(0.0, self._clock() - self.trouble.lag)
        items = [(i, h.at(moment)) for i, h in self.files.items()]
        search = asked.get("searchQuery")
        if search:
            if self.trouble.no_search_by_id:
                self.struck["no search by id"] += 1
                return 400, {}, {"message": "id is no field"}
            wanted, since = _asked(unquote(search[0]))
            items = [(i, state) for i, state in items if (i in wanted if since is None else self._created[i] >= since)]
        skip, limit = int(asked["skip"][0]), int(asked["limit"][0])
        found = [self._item(file_id, state) for file_id, state in items if state]
        page = found[skip : skip + limit]
        if self._random.random() < self.trouble.shuffled:
            found.sort(key=lambda item: (item["createdAt"], self._random.random()))
        shown = found[skip : skip + limit]
        ids = {item["fileId"] for item in shown}
        self.struck["shuffled"] += ids != {item["fileId"] for item in page}
        self.struck["lag"] += any(state is not self.files[i].now for i, state in items if i in ids)
        return 200, {}, shown

    async def _write(self, op: str, body: Any, arrived_at: float, caller: "Caller") -> tuple[int, dict[str, str], Any]:
        file_ids, tags = body["fileIds"], body.get("tags") or body.get("AITags")
        assert 0 < len(file_ids) <= 50
        assert tags
        assert op == "removeAITags" or len(",".join(tags)) <= 500
        call = Call(arrived_at, op, tuple(tags), tuple(file_ids))
        self.calls.append(call)
        caller.calls.append(call)
        caller.arrived(call)
        fault = self._fault(self.trouble.writes, WRITE_FAULTS)
        if fault in READ_FAULTS:
            return await self._failure(fault)
        missing = [i for i in file_ids if i not in self.files or self.files[i].now is None]
        if missing:
            named = {} if fault == "404 bare" else {"missingFileIds": missing}
            return 404, {}, {"message": "The requested file(s) does not exist.", **named}
        if self.trouble.forbidden.intersection(file_ids):
            self.struck["forbidden"] += 1
            return 403, {}, {"message": "You may not change this file."}
        if fault == "404 lie":
            named = {"missingFileIds": self._random.sample(file_ids, self._random.randint(1, len(file_ids)))}
            return 404, {}, {"message": "The requested file(s) does not exist.", **named}
        if refusal := self._refusal(op, file_ids, tags):
            self.struck[refusal] += 1
            return 400, {}, {"message": refusal}
        return await self._do(call, fault)

    def _item(self, file_id: str, state: State) -> dict[str, Any]:
        return {
            "type": "file",
            "fileId": file_id,
            "filePath": state.path,
            "tags": sorted(state.tags) or None,
            "AITags": [{"name": n, "confidence": c, "source": s} for n, (c, s) in state.ai_tags.items()] or None,
            "createdAt": self._created[file_id],
        }

    def _refusal(self, op: str, file_ids: list[str], tags: list[str]) -> str | None:
        trouble = self.trouble
        if trouble.poison and trouble.poison[0] in file_ids and trouble.poison[1] in tags:
            return "bad tag"
        if op == "removeAITags" and len(",".join(tags)) > trouble.longest_ai_tags:
            return "too long"
        if trouble.refuses_no_ops:
            for file_id in file_ids:
                state = self.files[file_id].now
                assert state
                has = state.ai_tags if op == "removeAITags" else state.tags
                if any((tag in has) == (op == "addTags") for tag in tags):
                    return "needless"
        return None

    async def _do(self, call: Call, fault: str | None) -> tuple[int, dict[str, str], Any]:
        failing: set[str] = set()
        if fault in ("some fail", "202"):
            failing = {i for i in call.file_ids if self._random.random() < 0.3}
        elif fault in ("lie", "ids unknown"):
            failing = set(self._random.sample(call.file_ids, self._random.randint(1, len(call.file_ids))))
        over = {i for i in call.file_ids if not self._apply(call, i, dry=i in failing)}
        done = [i for i in call.file_ids if i not in failing | over]
        errors = [{"fileId": i, "error": "Error in adding tags"} for i in sorted(failing | over)]
        if fault in ("lost", "lost by timeout"):
            return await self._failure("500" if fault == "lost" else "slow")
        odd = {
            "lie": {"successfullyUpdatedFileIds": list(call.file_ids)},
            "ids short": {"successfullyUpdatedFileIds": done[1:]},
            "ids twice": {"successfullyUpdatedFileIds": [*done, *done[:1]]},
            "ids unknown": {"successfullyUpdatedFileIds": ["f" * 24]},
            "in both": {
                "successfullyUpdatedFileIds": done,
                "errors": [{"fileId": done[0], "error": "?"}] if done else [],
            },
        }
        if fault in odd:
            return 200, {}, odd[fault]
        if fault == "202":
            return 202, {}, {}
        call.confirmed = not errors
        if errors:
            return 207, {}, {"successfullyUpdatedFileIds": done, "errors": errors}
        return 200, {}, {"successfullyUpdatedFileIds": done}

    def _apply(self, call: Call, file_id: str, *, dry: bool) -> bool:
        """Change one file; return False if its tags would be too long."""
        state = self.files[file_id].now
        assert state
        tags, ai_tags = set(state.tags), dict(state.ai_tags)
        if call.op == "addTags":
            tags |= set(call.tags)
            if len(("," if self.trouble.counts_commas else "").join(tags)) > 500:
                return False
        elif call.op == "removeTags":
            tags -= set(call.tags)
        else:
            ai_tags = {name: value for name, value in ai_tags.items() if name not in call.tags}
        if dry:
            return True
        touched = [*(tags ^ state.tags), *(set(state.ai_tags) - set(ai_tags))]
        for tag in touched:
            call.effects.append(
                Effect(
                    self._clock(), call.op, file_id, tag, state, self._since(file_id, tag, ai=call.op == "removeAITags")
                )
            )
        if touched:
            self.put(file_id, State(state.path, frozenset(tags), ai_tags))
        return True

    def _since(self, file_id: str, tag: str, *, ai: bool) -> float:
        """Return since when a file has, or lacks, a tag as it does now."""
        versions = self.files[file_id].versions
        now = versions[-1][1]
        assert now
        since = versions[-1][0]
        for moment, state in reversed(versions):
            same = state and (
                state.ai_tags.get(tag) == now.ai_tags.get(tag) if ai else (tag in state.tags) == (tag in now.tags)
            )
            if not same:
                break
            since = moment
        return since

    def _fault(self, chance: float, kinds: tuple[str, ...]) -> str | None:
        allowed = [kind for kind in self.trouble.kinds if kind in kinds]
        fault = self._random.choice(allowed) if allowed and self._random.random() < chance else None
        self.struck[fault or "none"] += 1
        return fault

    async def _failure(self, fault: str) -> tuple[int, dict[str, str], Any]:
        match fault:
            case "429":
                return 429, {"X-RateLimit-Reset": str(self._random.choice([1, 50, 1000, 5000]))}, SLOW_DOWN
            case "429 for long":
                return 429, {"X-RateLimit-Reset": str(self._random.choice([60_000, 900_000]))}, SLOW_DOWN
            case "429 bare":
                return 429, self._random.choice([{}, {"X-RateLimit-Reset": "-5"}]), SLOW_DOWN
            case "reset":
                raise httpx.ReadError("connection reset")
            case "refused":
                raise httpx.ConnectError("connection refused")
            case "slow":
                await asyncio.sleep(100)
        return ANSWERS.get(fault, (500, {}, {"message": "Something went wrong"}))


SLOW_DOWN = {"message": "slow down"}
ANSWERS: dict[str, tuple[int, dict[str, str], Any]] = {
    "400": (400, {}, {"message": "Your request contains invalid parameters"}),
    "403": (403, {}, {"message": "Your account cannot be authenticated"}),
    "html": (200, {"content-type": "text/html"}, b"<html>Hello</html>"),
    "no UTF-8": (200, {}, b'[{"fileId": "\xff'),
    "deep": (200, {}, b"[" * 50_000),
    "cut": (200, {}, b'{"successfullyUpdatedFileIds": ['),
    "redirect": (302, {"location": "http://elsewhere.example/"}, b""),
}


def _asked(query: str) -> tuple[set[str], str | None]:
    """Return the IDs of a query, or the time from which it finds files."""
    if query.startswith("id IN "):
        return set(json.loads(query.removeprefix("id IN "))), None
    return set(), query.removeprefix('type = "file" AND createdAt >= ').strip('"')
