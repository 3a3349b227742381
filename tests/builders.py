"""Builders and real components that tests share."""

import asyncio
import hashlib
import io
import json
import os
import selectors
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
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
from tagsync.library.http.response import Response
from tagsync.library.protocol import Page
from tagsync.library.reading.snapshot import Snapshot
from tagsync.model import (
    AITag,
    Cause,
    Change,
    CurrentFile,
    CurrentState,
    DesiredState,
    Diagnostic,
    Drift,
    Estimate,
    FileChange,
    FileOutcome,
    Guard,
    GuardId,
    Inputs,
    Limit,
    Op,
    Origin,
    Plan,
    Reason,
    Report,
    RequestCounts,
    Status,
    Summary,
    TargetName,
    Timing,
)
from tagsync.planning.guards import Ack
from tagsync.planning.plan import make_plan
from tagsync.reporting.console import Lines
from tagsync.reporting.formats import Layouts, diagnostics_layouts
from tagsync.sandbox.app import make_app
from tagsync.sandbox.faults import Fault, FaultScript
from tagsync.sandbox.limits import CallLimit
from tagsync.sandbox.profile import Profile, built_in
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


TARGET = TargetName("https://api.imagekit.io", "shop")


def plan_for(
    desired: DesiredState,
    current: CurrentState,
    target: TargetName = TARGET,
    *,
    created_at: str = "2026-01-01T00:00:00Z",
    bulk_rate: float | None = 5.0,
    **options: Any,
) -> Plan:
    """Plan as `make_plan` does, for a target, a time and a rate that most tests do not care about."""
    return make_plan(desired, current, target, created_at=created_at, bulk_rate=bulk_rate, **options)


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
        profile: str | Mapping[str, Any] = "",
    ) -> None:
        self.store = Store(":memory:", write_library(folder / "library.jsonl", files))
        settings: dict[str, Any] = {"clock": clock} if clock else {}
        if profile:
            settings["profile"] = Profile(built_in()[profile] if isinstance(profile, str) else profile)
        if clock:
            self.store.clock = clock
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

    def swap(self, one: str, path: str, other: str, other_path: str) -> None:
        """Move two files, given by ID and path, to each other's paths."""
        for file_id, to in ((one, other_path), (other, path)):
            folder, _, name = to.rpartition("/")
            rest = "json_set(rest, '$.filePath', ?, '$.name', ?)"
            change = f"UPDATE files SET name = ?, folder = ?, rest = {rest} WHERE file_id = ?"  # noqa: S608 - our own
            self.store._db.execute(change, (name, f"{folder}/", to, name, file_id))

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


def response(body: Any, status: int = 200, **headers: str) -> Response:
    """Return a response to a call, with a body as it is or as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, data)


def applied(library: Sandbox, folder: Path, *, past_guards: bool = False, **options: Any) -> Report:
    """Plan and apply the manifest that `declare` wrote last."""

    async def scenario() -> Report:
        plan = await tagsync.plan_async([folder / "tags.yaml"], target=library.target)
        assert not plan.errors
        settings = tagsync.ApplyOptions(acks=acks(plan) if past_guards else frozenset(), **options)
        return await tagsync.apply_async(plan, target=library.target, options=settings)

    return run(scenario())


def statuses(report: Report) -> dict[str, Status]:
    """Return what became of each file, by path."""
    changes = report.plan.changes
    return {change.path: outcome.status for change, outcome in zip(changes, report.outcomes, strict=True)}


def rendered(document: Plan | Report | tagsync.Difference, kind: Any = "text", **options: Any) -> str:
    """Return a plan, a report or a difference in one format; see `tagsync.render`."""
    stream = io.StringIO()
    tagsync.render(document, stream, kind, **options)
    return stream.getvalue()


def diagnostics_as(kind: Any, title: str, diagnostics: Sequence[Diagnostic], **options: Any) -> str:
    """Return one format of the outcome of a command that made no plan; text is left out."""
    layouts = diagnostics_layouts(title, diagnostics, text=lambda _view, _lines, _is_file: None, **options)
    return written(layouts, kind)


def written(layouts: Layouts[Any], kind: Any = "text", **options: Any) -> str:
    """Return one format of a result."""
    stream = io.StringIO()
    layouts.write(kind, stream, lines=Lines(stream, environment={}), **options)
    return stream.getvalue()


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def on_terminal(write: Callable[[Lines], object], width: int, **environment: str) -> list[str]:
    """Return what a function writes to a terminal of some columns, line by line."""
    stream = Terminal()
    write(Lines(stream, environment={"COLUMNS": str(width), "NO_COLOR": "1", **environment}))
    return stream.getvalue().splitlines()


MANIFEST = "tags.yaml"
EVIL = (
    '</script><script>planted=1</script><img src="https://evil.example/x" onerror="planted=1">'
    "&amp;{{7*7}}\u202e\x1b[31m"
)
"""Text that, unless escaped, runs a script, loads an image, ends an element or reverses the line."""


def changed(file: CurrentFile, *items: tuple[Op, str], rule: str = "tags", line: int = 6) -> FileChange:
    """Return a file's changes, all with one place in the manifest."""
    because = (Reason(Origin(MANIFEST, line, 14), rule),)
    return FileChange(file, tuple(Change(op, tag, because) for op, tag in items))


def promoted(file: CurrentFile, tag: str) -> FileChange:
    """Return the changes of a file whose AI tag becomes an ordinary tag."""
    return changed(file, (Op.ADD, tag), (Op.REMOVE_AI, tag), rule="aiTags.promote")


def plan_of(
    *changes: FileChange,
    diagnostics: Iterable[Diagnostic] = (),
    guards: Iterable[Guard] = (),
    drift: Iterable[Drift] = (),
    account: str = "shop",
) -> Plan:
    add, remove, remove_ai = (sum(len(change.tags(op)) for change in changes) for op in Op)
    return Plan(
        target=TargetName("https://api.imagekit.io", account),
        created_at="2026-01-01T00:00:00Z",
        digest="sha256:" + "0" * 64,
        inputs=Inputs((), 10, 1),
        summary=Summary(
            len(changes), add, remove, remove_ai, unchanged=3, files_losing=sum(change.loses for change in changes)
        ),
        estimate=Estimate(2, 1, 9, 5, 4, 0.4) if changes else Estimate(),
        changes=tuple(sorted(changes, key=lambda change: change.file.path)),
        requests=(),
        diagnostics=tuple(diagnostics),
        guards=tuple(guards),
        drift=tuple(drift),
    )


def report_of(plan: Plan, *outcomes: FileOutcome) -> Report:
    return Report(
        plan=plan,
        outcome="incomplete",
        outcomes=outcomes,
        requests=RequestCounts(sent=7, retried=1, throttled=3),
        timing=Timing(1.5, 0.25, 5.0),
        finished_at="2026-01-01T00:01:00Z",
        diagnostics=(Diagnostic("error", "halted", "3 calls in a row were refused for the same reason"),),
    )


def many_changes(count: int) -> Iterator[FileChange]:
    """Yield changes of ten kinds, which many places ask for."""
    for number in range(count):
        because = (Reason(Origin("a.yaml", number % 1000 + 1, 3), "tags"),)
        items = (Change(Op.ADD, f"tag-{number % 10}", because), Change(Op.REMOVE_AI, "Dog", because))
        yield FileChange(current_file(f"/shop/{number:07}.jpg", ["here"], [ai("Dog", 10)]), items, desired=("here",))


def ordinary_plan() -> Plan:
    """Return a plan with every kind of change, a guard that blocks, causes and diagnostics."""
    red = current_file("/shop/shoes/red.jpg", ["draft", "shoes"], [ai("Person", 61.5), ai("Shoe", 98.25)])
    hero = current_file("/shop/hero.jpg", ["shoes"], [ai("Sandal", 97.0)])
    return plan_of(
        changed(red, (Op.ADD, "catalog"), (Op.REMOVE, "draft"), (Op.REMOVE_AI, "Person")),
        promoted(hero, "Sandal"),
        changed(current_file("/shop/bags/blue.jpg"), (Op.ADD, "catalog"), (Op.ADD, "bags"), line=9),
        changed(current_file("/shop/bags/Grün.jpg", ["old"]), (Op.REMOVE, "old"), line=12),
        diagnostics=[
            Diagnostic("warning", "selects-nothing", "the selector selects nothing", Origin(MANIFEST, 20, 7)),
            Diagnostic("info", "note", "a note"),
        ],
        guards=[
            Guard(GuardId.REMOVED_TAGS, 2, 4, Limit(1, 30), blocked=True, files=("/shop/shoes/red.jpg",)),
            Guard(GuardId.NEW_TAGS, 1, 0, Limit(500), blocked=False, tags=("bags",)),
        ],
        drift=[Drift(red.file_id, Op.ADD, "catalog", Cause.REMOVED)],
    )


def ordinary_report() -> Report:
    """Return a report of the ordinary plan with a different outcome for each file, in order of paths."""
    return report_of(
        ordinary_plan(),
        FileOutcome(Status.CONFIRMED, 1),
        FileOutcome(Status.STALE, 0, "the AI tag was judged anew"),
        FileOutcome(Status.CONFIRMED, 1, already=((Op.ADD, "Sandal"),)),
        FileOutcome(Status.FAILED, 5, "file is locked", "req-1"),
    )


def hostile_plan() -> Plan:
    """Return a plan in which all text from outside is hostile."""
    file = current_file(f"/{EVIL}/{EVIL}.jpg", [EVIL, f"{EVIL}1"], [ai(f"{EVIL}2", source=EVIL), ai(EVIL)])
    origin = Origin(EVIL, 1, 2)
    changes = [(Op.ADD, f"{EVIL}3"), (Op.REMOVE, f"{EVIL}1"), (Op.REMOVE_AI, f"{EVIL}2")]
    because = (Reason(origin, EVIL),)
    return plan_of(
        FileChange(file, tuple(Change(op, tag, because) for op, tag in changes)),
        diagnostics=[Diagnostic("error", EVIL, EVIL, origin)],
        guards=[Guard(GuardId.NEW_TAGS, 1, 0, Limit(0), blocked=True, files=(EVIL,), tags=(EVIL,))],
        account=EVIL,
    )


def hostile_report() -> Report:
    return report_of(hostile_plan(), FileOutcome(Status.FAILED, 1, EVIL, EVIL))


def large_plan(files: int = 50_000) -> Plan:
    """Return a plan of many files in order of paths."""
    words = [f"tag-{number:03}" for number in range(400)]

    def change(number: int) -> FileChange:
        held = [words[(number * step) % 400] for step in (3, 7, 11, 13)]
        file = current_file(
            f"/folder-{number // 250:03}/picture-{number:05}.jpg", dict.fromkeys(held), [ai(f"Thing {number % 97}", 60)]
        )
        items = [(Op.ADD, f"new-{number % 50:02}"), (Op.REMOVE, held[0])]
        if number % 3 == 0:
            items.append((Op.REMOVE_AI, f"Thing {number % 97}"))
        return changed(file, *items, line=6 + number % 40)

    return plan_of(*map(change, range(files)))
