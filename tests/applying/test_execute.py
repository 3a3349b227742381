import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Protocol

import pytest
from builders import Sandbox, ai, current_file, file_object, id_of, now, run
from hypothesis import given, settings
from hypothesis import strategies as st

from tagsync.applying.apply_options import ApplyOptions
from tagsync.applying.execute import Executor
from tagsync.applying.journal import Journal, NoJournal
from tagsync.applying.journal_records import NONE
from tagsync.applying.outcomes import Outcomes
from tagsync.applying.queue import Queue
from tagsync.applying.recheck import Prover
from tagsync.applying.remaining import RemainingChanges
from tagsync.applying.stop import Ending
from tagsync.errors import AuthorisationError, LibraryError, StateError, StoppedError, TimedOutError
from tagsync.events import Event, RequestDone, ignore
from tagsync.library.http.client import RateLimiters
from tagsync.library.http.rate_limiter import RateLimiter
from tagsync.library.imagekit.library import ImageKitLibrary
from tagsync.library.protocol import BulkReply
from tagsync.library.reading.reread import Rereader
from tagsync.model import Change, CurrentFile, Done, FileChange, Gone, Op, Refusal, Refused, Request, Status, Unclear
from tagsync.planning.covering import Costs, Stages, stage
from tagsync.sandbox.faults import Fault

GRACE = 4.0

BulkResult = Done | Gone | Refused | Unclear
Answer = Callable[[Request], BulkResult]


@dataclass
class Library:
    """Responds to requests by a rule, and records them; `seconds` is how long each takes.

    Reading a file returns its state in `now`: at first as planned, then with the added tags.
    """

    answer: Answer
    seconds: float = 0.0
    now: dict[str, CurrentFile | None] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    reading_seconds: float = 0.0

    async def bulk(self, op: Op, prepare: Callable[[], Awaitable[Request]], stop: asyncio.Event) -> BulkReply:
        if stop.is_set():
            error = StoppedError("not sent")
            error.attempts = 0
            raise error
        request = await prepare()
        assert request.op == op
        self.requests.append(request)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(self.seconds)
            reply = BulkReply(self.answer(request), 1, f"r{len(self.requests)}", request)
            if request.op == Op.ADD and isinstance(reply.result, Done):
                self._add(request.tags, reply.result.updated)
            return reply
        finally:
            self.in_flight -= 1

    def _add(self, tags: Sequence[str], file_ids: Iterable[str]) -> None:
        for file_id in file_ids:
            file = self.now.get(file_id)
            if file:
                self.now[file_id] = replace(file, tags=(*file.tags, *tags))

    async def many(self, file_ids: Sequence[str]) -> MutableMapping[str, CurrentFile | None]:
        await asyncio.sleep(self.reading_seconds)
        return {file_id: self.now[file_id] for file_id in file_ids}

    async def singly(self, file_ids: Iterable[str]) -> MutableMapping[str, CurrentFile | None]:
        return await self.many(list(file_ids))


class Reads(Protocol):
    """Reads files by their details."""

    async def singly(self, file_ids: Iterable[str]) -> MutableMapping[str, CurrentFile | None]: ...


@dataclass
class Result:
    library: Library
    outcomes: Outcomes
    executor: Executor
    ending: Ending
    events: list[Event]
    seconds: float

    @property
    def halted(self) -> str | None:
        return self.ending.halted

    def statuses(self, names: Iterable[str]) -> dict[str, str]:
        return {name: self.outcomes.outcome(id_of(name)).status for name in names}


def execute(
    changes: Sequence[FileChange],
    answer: Answer,
    *,
    seconds: float = 0.0,
    interrupt_after: float | None = None,
    abort_after: float | None = None,
    now_shows: Iterable[CurrentFile] = (),
    deleted: Iterable[str] = (),
    journal: Journal | NoJournal | None = None,
    stages: Stages | None = None,
    max_duration: float | None = None,
    reading_seconds: float = 0.0,
    **options: Any,
) -> Result:
    async def scenario() -> Result:
        library, outcomes, ending = (
            Library(answer, seconds, reading_seconds=reading_seconds),
            Outcomes(),
            Ending(asyncio.Event(), asyncio.Event()),
        )
        library.now = {change.file.file_id: change.file for change in changes}
        library.now |= {file.file_id: file for file in now_shows}
        library.now |= dict.fromkeys(deleted)
        events: list[Event] = []
        executor = made(
            library,
            library,
            changes=changes,
            outcomes=outcomes,
            ending=ending,
            listener=events.append,
            journal=journal or NoJournal(),
            **options,
        )
        if interrupt_after is not None:
            asyncio.get_running_loop().call_later(interrupt_after, ending.stop.set)
        if abort_after is not None:
            asyncio.get_running_loop().call_later(abort_after, ending.abort.set)
        began = now()
        with ending.watched(max_duration):
            await executor.run(stages or stage(changes, exact=True))
        return Result(library, outcomes, executor, ending, events, now() - began)

    return run(scenario())


def made(
    library: Any,
    reader: Reads,
    *,
    changes: Sequence[FileChange],
    outcomes: Outcomes,
    ending: Ending,
    listener: Callable[[Event], None],
    journal: Journal | NoJournal,
    **options: Any,
) -> Executor:
    by_id = {change.file.file_id: change for change in changes}
    remaining = RemainingChanges(by_id)
    return Executor(
        library,
        remaining,
        outcomes=outcomes,
        journal=journal,
        prover=Prover(by_id, remaining, reader.singly, now, concurrency=4),
        ending=ending,
        options=ApplyOptions(**options),
        listener=listener,
    )


def change(path: str, *, add: str = "", remove: str = "", remove_ai: str = "") -> FileChange:
    ops = ((Op.ADD, add), (Op.REMOVE, remove), (Op.REMOVE_AI, remove_ai))
    file = current_file(path, remove.split(), [ai(name) for name in remove_ai.split()])
    return FileChange(file, tuple(Change(op, tag, ()) for op, tags in ops for tag in tags.split()))


def all_updated(request: Request) -> BulkResult:
    return Done(frozenset(request.file_ids), {})


def adding(names: str, tags: str = "t") -> list[FileChange]:
    return [change(name, add=tags) for name in names]


def ids(names: Iterable[str]) -> frozenset[str]:
    return frozenset(map(id_of, names))


def test_execute_accepts_all_updated_files() -> None:
    result = execute(adding("ab"), all_updated)
    assert result.statuses("ab") == {"a": "accepted", "b": "accepted"}
    assert result.executor.counts.succeeded == 1


def test_execute_finishes_additions_before_removals() -> None:
    result = execute([change(name, add="new", remove="old", remove_ai="Dog") for name in "abc"], all_updated, seconds=1)
    assert [request.op for request in result.library.requests] == [Op.ADD, Op.REMOVE, Op.REMOVE_AI]
    assert result.seconds == 2


def test_execute_sends_no_removals_after_failed_additions() -> None:
    def answer(request: Request) -> BulkResult:
        failed = dict.fromkeys(ids("a") & set(request.file_ids), "no")
        return Done(frozenset(request.file_ids) - failed.keys(), failed)

    result = execute([change(name, add="new", remove="old") for name in "ab"], answer)
    removed = [request.file_ids for request in result.library.requests if request.op == Op.REMOVE]
    assert removed == [(id_of("b"),)]
    assert result.statuses("ab") == {"a": "failed", "b": "accepted"}
    # There is no wait for a tag that was never added.
    assert result.seconds == 0


def test_execute_retries_a_207_once_in_a_smaller_call() -> None:
    failures = [{"a": "busy", "c": "busy"}, {"c": "still busy"}]

    def answer(request: Request) -> BulkResult:
        failed = {id_of(name): words for name, words in failures.pop(0).items()}
        return Done(frozenset(request.file_ids) - failed.keys(), failed)

    result = execute(adding("abc"), answer)
    assert [set(request.file_ids) for request in result.library.requests] == [ids("abc"), ids("ac")]
    assert result.statuses("abc") == {"a": "accepted", "b": "accepted", "c": "failed"}
    assert result.outcomes.outcome(id_of("c")).error == "still busy"


def test_execute_404_affects_only_deleted_files() -> None:
    def answer(request: Request) -> BulkResult:
        gone = ids("b") & set(request.file_ids)
        return Gone(gone) if gone else all_updated(request)

    result = execute(adding("abc"), answer, deleted=ids("b"))
    assert len(result.library.requests) == 2
    assert result.statuses("abc") == {"a": "accepted", "b": "missing", "c": "accepted"}


def test_execute_404_without_names_is_split_by_halves() -> None:
    def answer(request: Request) -> BulkResult:
        return Gone(frozenset()) if id_of("c") in request.file_ids else all_updated(request)

    result = execute(adding("abcdefgh"), answer, deleted=ids("c"))
    assert result.statuses("abcdefgh") == {name: "missing" if name == "c" else "accepted" for name in "abcdefgh"}
    assert len(result.library.requests) == 7


def test_execute_400_is_split_by_files_then_tags() -> None:
    def answer(request: Request) -> BulkResult:
        bad = id_of("c") in request.file_ids and "t2" in request.tags
        return Refused(400, "bad tag") if bad else all_updated(request)

    result = execute(adding("abcd", tags="t1 t2 t3"), answer)
    assert result.statuses("abcd") == {"a": "accepted", "b": "accepted", "c": "failed", "d": "accepted"}
    outcome = result.outcomes.outcome(id_of("c"))
    assert outcome.error == "bad tag (tag 't2')"
    assert outcome.refused == (Refusal(Op.ADD, "t2", 400, "bad tag"),)
    singles = [request for request in result.library.requests if request.file_ids == (id_of("c"),)]
    assert {tag for request in singles for tag in request.tags} == {"t1", "t2", "t3"}
    assert result.halted is None


def test_execute_stops_after_three_equal_refusals() -> None:
    names = [f"f{n:03d}" for n in range(400)]
    changes = [change(name, add=f"t{number // 2}") for number, name in enumerate(names)]
    result = execute(changes, lambda _request: Refused(400, "read-only account"), concurrency=1)
    assert result.halted == "3 calls in a row were refused for the same reason: read-only account"
    assert len(result.library.requests) == 9
    statuses = list(result.statuses(names).values())
    assert (statuses.count("failed"), statuses.count("skipped")) == (6, 394)


def test_execute_goes_on_after_different_or_alternating_refusals() -> None:
    changes = [change(f"f{n}", add=f"t{n}") for n in range(20)]
    alternating = execute(
        changes, lambda r: Refused(400, "no") if int(r.tags[0][1:]) % 2 else all_updated(r), concurrency=1
    )
    assert alternating.halted is None
    differing = execute(changes, lambda r: Refused(400, f"no {r.tags[0]}"), concurrency=1)
    assert differing.halted is None


def test_execute_unclear_and_lost_responses_are_unknown() -> None:
    unclear = execute(adding("a"), lambda _request: Unclear("names nobody"))
    assert unclear.outcomes.outcome(id_of("a"))[:3] == (Status.UNKNOWN, 1, "names nobody")

    def lost(_request: Request) -> BulkResult:
        error = TimedOutError("no answer")
        error.attempts = 5
        raise error

    assert execute(adding("a"), lost).outcomes.outcome(id_of("a"))[:3] == (Status.UNKNOWN, 5, "no answer")


def test_execute_refused_key_stops_after_calls_in_flight() -> None:
    def answer(request: Request) -> BulkResult:
        if request.tags == ("t0",):
            raise AuthorisationError("bad key")
        return all_updated(request)

    changes = [change(f"f{n}", add=f"t{n}") for n in range(20)]
    result = execute(changes, answer, concurrency=3, seconds=1)
    assert len(result.library.requests) == 3
    assert result.halted == "bad key"
    statuses = list(result.statuses(f"f{n}" for n in range(20)).values())
    assert statuses[0] == "failed"
    assert (statuses.count("accepted"), statuses.count("skipped")) == (2, 17)


def test_execute_on_error_stop_stops_at_the_first_failure() -> None:
    changes = [change(f"f{n}", add=f"t{n}") for n in range(10)]
    result = execute(changes, lambda _request: Unclear("odd"), concurrency=1, on_error="stop")
    assert len(result.library.requests) == 1
    assert result.halted == "stopped at the first failure: odd"


def test_execute_limits_concurrent_calls() -> None:
    changes = [change(f"f{n}", add=f"t{n}") for n in range(20)]
    assert execute(changes, all_updated, seconds=1, concurrency=3).library.most_in_flight == 3


def test_execute_interrupt_lets_calls_in_flight_finish() -> None:
    changes = [change(f"f{n}", add=f"t{n}", remove="old") for n in range(10)]
    result = execute(changes, all_updated, seconds=2, concurrency=2, interrupt_after=1)
    assert len(result.library.requests) == 2
    assert result.seconds == 2
    statuses = list(result.statuses(f"f{n}" for n in range(10)).values())
    assert statuses == ["skipped"] * 10
    assert list(result.outcomes.touched()) == [id_of("f0"), id_of("f1")]


def test_execute_interrupt_leaves_calls_unknown_after_four_seconds() -> None:
    result = execute(adding("ab"), all_updated, seconds=100, interrupt_after=1)
    assert result.seconds == 1 + GRACE
    assert result.statuses("ab") == {"a": "unknown", "b": "unknown"}


def test_execute_abort_cancels_calls_in_flight_and_reports_them() -> None:
    result = execute(adding("ab"), all_updated, seconds=100, interrupt_after=1, abort_after=2)
    assert result.seconds == 2
    assert result.statuses("ab") == {"a": "unknown", "b": "unknown"}


def test_execute_progress_counts_all_calls_including_splits() -> None:
    def answer(request: Request) -> BulkResult:
        return Refused(400, "no") if id_of("a") in request.file_ids else all_updated(request)

    events = execute(adding("abcd"), answer).events
    assert [event.done for event in events if isinstance(event, RequestDone)] == [1, 2, 3, 4, 5]
    assert events[-1] == RequestDone(5, 5, left=0)


def test_execute_sends_at_most_max_requests() -> None:
    changes = [change(f"f{n}", add=f"t{n}", remove="old") for n in range(10)]
    result = execute(changes, all_updated, max_requests=3)
    assert len(result.library.requests) == 3
    assert result.halted == "max-requests reached: 3 API calls were sent"
    assert result.ending.as_asked


def test_execute_max_duration_lets_calls_in_flight_finish() -> None:
    changes = [change(f"f{n}", add=f"t{n}", remove="old") for n in range(10)]
    result = execute(changes, all_updated, seconds=20, concurrency=2, max_duration=30)
    assert len(result.library.requests) == 4
    assert result.seconds == 40
    assert result.halted == "max-duration reached: 30 s have passed"
    assert [request.op for request in result.library.requests] == [Op.ADD] * 4


class Notes(NoJournal):
    """A journal in memory that fails at its n-th record."""

    def __init__(self, fails_at: int = 0) -> None:
        super().__init__()
        self.intents: dict[int, Request] = {}
        self.outcomes: dict[int, tuple[str, tuple[str, ...]]] = {}
        self._left = fails_at

    def _note(self) -> None:
        self._left -= 1
        if self._left == 0:
            raise StateError("the disk is full")

    def intent(self, request: Request, already: Mapping[str, Sequence[str]] = NONE, /) -> int:
        self._note()
        number = super().intent(request, already)
        self.intents[number] = request
        return number

    def outcome(self, number: int, kind: Any, updated: tuple[str, ...], /) -> None:
        self._note()
        assert number in self.intents
        self.outcomes[number] = (kind, updated)


def test_execute_journals_each_call_before_and_its_outcome_after() -> None:
    notes = Notes()

    def answer(request: Request) -> BulkResult:
        assert request in notes.intents.values()
        if request.tags == ("t1",):
            return Unclear("odd")
        return Refused(400, "no") if request.tags == ("t2",) else all_updated(request)

    changes = [change(f"f{n}", add=f"t{n}") for n in range(4)]
    execute(changes, answer, journal=notes, concurrency=1)
    kinds = {notes.intents[number].tags[0]: outcome for number, outcome in notes.outcomes.items()}
    assert kinds == {
        "t0": ("done", (id_of("f0"),)),
        "t1": ("unknown", ()),
        "t2": ("refused", ()),
        "t3": ("done", (id_of("f3"),)),
    }


def lost_as(error: LibraryError, attempts: int) -> Answer:
    error.attempts = attempts

    def answer(_request: Request) -> BulkResult:
        raise error

    return answer


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (lost_as(TimedOutError("no answer"), 1), "unknown"),
        (lost_as(AuthorisationError("bad key"), 1), "refused"),
        (lost_as(StoppedError("over"), 1), "unknown"),
        (lost_as(StoppedError("over"), 0), "refused"),
    ],
)
def test_execute_journals_calls_without_response(answer: Answer, kind: str) -> None:
    notes = Notes()
    execute(adding("a"), answer, journal=notes, concurrency=1)
    assert [noted for noted, _ in notes.outcomes.values()] == [kind]


class Retrying(Library):
    """Sends every call three times before it returns a response, with a fresh request each time."""

    async def bulk(self, op: Op, prepare: Callable[[], Awaitable[Request]], stop: asyncio.Event) -> BulkReply:
        for _ in range(2):
            await prepare()
        return await super().bulk(op, prepare, stop)


def test_execute_journals_each_attempt_of_a_retried_call() -> None:
    notes, changes = Notes(), adding("a")

    async def scenario() -> None:
        library = Retrying(all_updated, now={change.file.file_id: change.file for change in changes})
        ending = Ending(asyncio.Event(), asyncio.Event())
        executor = made(
            library, library, changes=changes, outcomes=Outcomes(), ending=ending, listener=ignore, journal=notes
        )
        await executor.run(stage(changes, exact=True))

    run(scenario())
    assert notes.outcomes == {1: ("unknown", ()), 2: ("unknown", ()), 3: ("done", (id_of("a"),))}


def test_execute_failure_has_the_servers_request_id() -> None:
    lost = TimedOutError("no answer")
    lost.request_id = "r-lost"
    answers: dict[str, Answer] = {
        "t0": lambda _request: Unclear("odd"),
        "t1": lambda _request: Refused(400, "no"),
        "t2": lambda request: Gone(frozenset(request.file_ids)),
        "t3": lost_as(lost, 1),
        "t4": lambda request: Done(frozenset(), dict.fromkeys(request.file_ids, "busy")),
        "t5": all_updated,
    }
    changes = [change(f"f{n}", add=f"t{n}") for n in range(6)]
    result = execute(changes, lambda request: answers[request.tags[0]](request), concurrency=1)
    found = [result.outcomes.outcome(id_of(f"f{n}")) for n in range(6)]
    assert [outcome.request_id for outcome in found] == ["r1", "r2", "r3", "r-lost", "r6", "r7"]
    # The call of the busy file was sent twice.
    assert (result.executor.counts.succeeded, result.executor.counts.failed) == (1, 6)


def test_execute_stops_if_the_journal_cannot_record_a_call() -> None:
    changes = [change(f"f{n}", add=f"t{n}") for n in range(10)]
    result = execute(changes, all_updated, journal=Notes(fails_at=5), concurrency=1)
    assert len(result.library.requests) == 2
    assert result.halted == "the disk is full"
    assert list(result.statuses(f"f{n}" for n in range(10)).values()) == ["accepted"] * 2 + ["skipped"] * 8


def test_execute_counts_a_response_the_journal_cannot_record() -> None:
    changes = [change(f"f{n}", add=f"t{n}") for n in range(10)]
    result = execute(changes, all_updated, journal=Notes(fails_at=4), concurrency=1)
    assert len(result.library.requests) == 2
    assert list(result.statuses(f"f{n}" for n in range(10)).values()) == ["accepted"] * 2 + ["skipped"] * 8


def with_no_op_changes(count: int) -> tuple[list[FileChange], Stages]:
    """Return changes and calls for ten files each; half of the files already have one of the tags."""
    changes = [
        replace(change(f"f{n:03d}", add="t1 t2" if n % 2 else "t1"), desired=() if n % 2 else ("t2",))
        for n in range(count)
    ]
    calls = [
        Request(Op.ADD, ("t1", "t2"), tuple(item.file.file_id for item in changes[start : start + 10]))
        for start in range(0, count, 10)
    ]
    return changes, Stages(tuple(calls), (), Costs())


def refusing_no_ops(has: dict[str, set[str]], *, by_name: bool) -> Answer:
    """Return a library that refuses to add tags to a file that already has one of them."""

    def answer(request: Request) -> BulkResult:
        failed = dict.fromkeys((i for i in request.file_ids if has[i] & set(request.tags)), "it has this tag")
        if failed and not by_name:
            return Refused(400, "some files have this tag")
        for file_id in set(request.file_ids) - failed.keys():
            has[file_id] |= set(request.tags)
        return Done(frozenset(request.file_ids) - failed.keys(), failed)

    return answer


@pytest.mark.parametrize("by_name", [True, False])
def test_execute_ignores_refusal_of_changes_made_by_another_call(*, by_name: bool) -> None:
    """Calls overlap: the second one is no longer needed, and the third one for one tag of one file only."""
    calls = [
        Request(Op.ADD, tuple(tags.split()), tuple(map(id_of, names)))
        for tags, names in (("t1", "ab"), ("t1", "ab"), ("t1 t2", "a"))
    ]
    has: dict[str, set[str]] = {id_of(name): set() for name in "ab"}
    changes, stages = [change("a", add="t1 t2"), change("b", add="t1")], Stages(tuple(calls), (), Costs())
    result = execute(changes, refusing_no_ops(has, by_name=by_name), stages=stages, concurrency=1)
    assert result.statuses("ab") == {"a": "accepted", "b": "accepted"}
    assert has == {id_of("a"): {"t1", "t2"}, id_of("b"): {"t1"}}


@pytest.mark.parametrize("by_name", [True, False])
def test_execute_gives_up_no_op_changes_that_fail(*, by_name: bool) -> None:
    changes, stages = with_no_op_changes(100)
    has = {item.file.file_id: set(item.desired) for item in changes}
    result = execute(changes, refusing_no_ops(has, by_name=by_name), stages=stages, concurrency=1)
    assert set(result.statuses(f"f{n:03d}" for n in range(100)).values()) == {"accepted"}
    assert result.executor.gave_up_no_ops
    assert len(result.library.requests) <= 2 + 2 + 4
    assert all(tags == {"t1", "t2"} for tags in has.values())


def test_execute_keeps_no_op_changes_despite_other_failures() -> None:
    changes, stages = with_no_op_changes(100)
    bad = ids(["f003", "f004", "f010", "f011", "f012"])

    def answer(request: Request) -> BulkResult:
        failed = dict.fromkeys(bad & set(request.file_ids), "over-full")
        return Done(frozenset(request.file_ids) - failed.keys(), failed)

    result = execute(changes, answer, stages=stages, concurrency=1)
    assert not result.executor.gave_up_no_ops
    assert [
        name for name, status in result.statuses(f"f{n:03d}" for n in range(100)).items() if status == "failed"
    ] == [
        "f003",
        "f004",
        "f010",
        "f011",
        "f012",
    ]


def test_execute_refused_tag_does_not_count_against_no_op_changes() -> None:
    changes, stages = with_no_op_changes(100)

    def answer(request: Request) -> BulkResult:
        bad = "t2" in request.tags and id_of("f001") in request.file_ids
        return Refused(400, "bad tag") if bad else all_updated(request)

    result = execute(changes, answer, stages=stages, concurrency=1)
    assert not result.executor.gave_up_no_ops
    assert [
        name for name, status in result.statuses(f"f{n:03d}" for n in range(100)).items() if status == "failed"
    ] == ["f001"]


def test_execute_splits_long_lists_of_ai_tags() -> None:
    names = " ".join(f"name{n:04d}" for n in range(160))
    changes = [removing_ai(f"f{n}", names) for n in range(4)]

    def answer(request: Request) -> BulkResult:
        return Refused(400, "too long") if len(",".join(request.tags)) > 1000 else all_updated(request)

    stages = Stages((), tuple(Request(Op.REMOVE_AI, tuple(names.split()), (c.file.file_id,)) for c in changes), Costs())
    result = execute(changes, answer, stages=stages, concurrency=1)
    assert set(result.statuses(f"f{n}" for n in range(4)).values()) == {"accepted"}
    assert [len(request.tags) for request in result.library.requests] == [160, 80, 80] * 4


def removing_ai(path: str, names: str) -> FileChange:
    file = current_file(path, (), [ai(name) for name in names.split()])
    return FileChange(file, tuple(Change(Op.REMOVE_AI, name, ()) for name in names.split()))


def test_execute_replans_a_removal_whose_no_op_became_a_change() -> None:
    changes = [removing_ai("a", "Dog"), removing_ai("b", "Cat"), removing_ai("c", "Dog Cat")]
    call = Request(Op.REMOVE_AI, ("Cat", "Dog"), tuple(item.file.file_id for item in changes))
    now_shows = [current_file("b", (), [ai("Cat"), ai("Dog", 99)])]
    result = execute(changes, all_updated, stages=Stages((), (call,), Costs()), now_shows=now_shows)
    sent = {(request.tags, request.file_ids) for request in result.library.requests}
    assert sent == {(("Cat", "Dog"), (id_of("a"), id_of("c"))), (("Cat",), (id_of("b"),))}
    assert result.statuses("abc") == dict.fromkeys("abc", "accepted")


def test_execute_max_duration_ends_reads_before_removals() -> None:
    result = execute([removing_ai("a", "Dog")], all_updated, max_duration=10, reading_seconds=900)
    assert (result.seconds, result.library.requests) == (10, [])
    assert result.statuses("a") == {"a": "skipped"}
    assert result.outcomes.outcome(id_of("a")).error == "not sent: max-duration reached: 10 s have passed"
    assert result.executor.counts.failed == 0


def test_execute_refused_ai_tag_is_not_mistaken_for_a_length_limit() -> None:
    names = " ".join(f"name{n:04d}" for n in range(160))
    changes = [removing_ai(f"f{n}", names) for n in range(50)]

    def answer(request: Request) -> BulkResult:
        poisoned = "name0077" in request.tags and id_of("f7") in request.file_ids
        return Refused(400, "protected") if poisoned else all_updated(request)

    calls = tuple(Request(Op.REMOVE_AI, tuple(names.split()), (change.file.file_id,)) for change in changes)
    result = execute(changes, answer, stages=Stages((), calls, Costs()), concurrency=1)
    whole = [request for request in result.library.requests if len(request.tags) == 160]
    assert sum(len(request.file_ids) for request in whole) == 50
    assert [name for name, status in result.statuses(f"f{n}" for n in range(50)).items() if status == "failed"] == [
        "f7"
    ]


def test_execute_stops_if_404s_never_name_missing_files() -> None:
    changes = [change(f"f{n:03d}", add=f"t{n // 2}") for n in range(400)]
    deleted = [item.file.file_id for item in changes]
    result = execute(changes, lambda _request: Gone(frozenset()), concurrency=1, deleted=deleted)
    assert len(result.library.requests) == 9
    assert result.halted is not None
    assert "does not name missing files" in result.halted


@pytest.mark.parametrize("names_them", [True, False])
def test_execute_stops_if_404s_contradict_the_details(*, names_them: bool) -> None:
    changes = [change(f"f{n:03d}", add=f"t{n // 2}") for n in range(400)]

    def answer(request: Request) -> BulkResult:
        return Gone(frozenset(request.file_ids) if names_them else frozenset())

    result = execute(changes, answer, concurrency=1)
    assert len(result.library.requests) == 9
    assert result.halted is not None
    assert "but shows it" in result.halted
    assert list(result.statuses(["f000", "f006"]).values()) == ["failed", "skipped"]


def test_execute_does_not_send_a_removal_of_a_changed_ai_tag() -> None:
    changes = [removing_ai("a", "Dog"), removing_ai("b", "Cat")]
    call = Request(Op.REMOVE_AI, ("Cat", "Dog"), tuple(item.file.file_id for item in changes))
    now_shows = [current_file("b", (), [ai("Cat", 99)])]
    result = execute(changes, all_updated, stages=Stages((), (call,), Costs()), now_shows=now_shows)
    assert [request.file_ids for request in result.library.requests] == [(id_of("a"),)]
    assert result.statuses("ab") == {"a": "accepted", "b": "stale"}


def test_execute_does_not_repeat_a_removal_made_by_others() -> None:
    changes = [removing_ai("a", "Dog"), removing_ai("b", "Cat")]
    call = Request(Op.REMOVE_AI, ("Cat", "Dog"), tuple(item.file.file_id for item in changes))
    result = execute(
        changes, all_updated, stages=Stages((), (call,), Costs()), now_shows=[current_file("a"), current_file("b")]
    )
    assert result.library.requests == []
    assert result.statuses("ab") == dict.fromkeys("ab", "accepted")
    assert sorted(result.outcomes.touched()) == sorted(map(id_of, "ab"))


DEFECTS = pytest.mark.parametrize(
    ("error", "words"),
    [
        (OverflowError(34, "too large"), "this is a bug in tagsync: OverflowError at "),
        (RecursionError("too deep"), "this is a bug in tagsync: RecursionError at "),
        (MemoryError(), "there is not enough memory (MemoryError)"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (StateError("the disk is full"), "the disk is full"),
    ],
)


@DEFECTS
def test_execute_worker_error_ends_the_run_with_an_unknown_file(error: Exception, words: str) -> None:
    def answer(request: Request) -> BulkResult:
        if request.tags == ("t1",):
            raise error
        return all_updated(request)

    notes = Notes()
    changes = [change(f"f{n}", add=f"t{n}") for n in range(4)]
    result = execute(changes, answer, concurrency=1, journal=notes)
    assert list(result.statuses(f"f{n}" for n in range(4)).values()) == ["accepted", "unknown", "skipped", "skipped"]
    assert result.halted is not None
    assert result.halted.startswith(words)
    assert words in (result.outcomes.outcome(id_of("f1")).error or "")
    assert [kind for kind, _ in notes.outcomes.values()] == ["done", "unknown"]
    assert len(result.library.requests) == 2


def test_execute_worker_error_lets_other_calls_finish() -> None:
    def answer(request: Request) -> BulkResult:
        if request.tags == ("t0",):
            raise OverflowError
        return all_updated(request)

    result = execute([change(f"f{n}", add=f"t{n}") for n in range(6)], answer, concurrency=3, seconds=1)
    statuses = list(result.statuses(f"f{n}" for n in range(6)).values())
    assert statuses == ["unknown", "accepted", "accepted", "skipped", "skipped", "skipped"]


def test_execute_listener_error_ends_the_run_without_losing_responses() -> None:
    def broken(_event: Event) -> None:
        raise ValueError("closed")

    async def scenario() -> tuple[Outcomes, Ending]:
        outcomes, ending = Outcomes(), Ending(asyncio.Event(), asyncio.Event())
        changes = [change(f"f{n}", add=f"t{n}") for n in range(3)]
        library = Library(all_updated)
        executor = made(
            library,
            library,
            changes=changes,
            outcomes=outcomes,
            ending=ending,
            listener=broken,
            journal=NoJournal(),
            concurrency=1,
        )
        await executor.run(stage(changes, exact=True))
        return outcomes, ending

    outcomes, ending = run(scenario())
    assert [outcomes.outcome(id_of(f"f{n}")).status for n in range(3)] == ["accepted", "skipped", "skipped"]
    assert ending.failure is not None
    assert "ValueError" in ending.failure


def test_execute_read_error_before_a_removal_skips_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_self: Library, _file_ids: Sequence[str]) -> MutableMapping[str, CurrentFile | None]:
        raise OverflowError

    monkeypatch.setattr(Library, "many", broken)
    result = execute([removing_ai("a", "Dog")], all_updated)
    assert (result.library.requests, result.statuses("a")) == ([], {"a": "skipped"})
    assert "OverflowError" in (result.halted or "")


def test_execute_stage_error_keeps_the_results_of_the_first_stage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill = Queue.fill

    def broken(self: Queue, requests: Iterable[Request]) -> None:
        waiting = list(requests)
        if any(request.op == Op.REMOVE for request in waiting):
            raise RecursionError
        fill(self, waiting)

    monkeypatch.setattr(Queue, "fill", broken)
    result = execute([change("a", add="new", remove="old")], all_updated)
    assert result.statuses("a") == {"a": "accepted"}
    assert "RecursionError" in (result.ending.failure or "")


def test_execute_error_is_reported_even_if_already_stopping() -> None:
    ending = Ending(asyncio.Event(), asyncio.Event())
    ending.halt("max-requests reached", as_asked=True)
    ending.fail(MemoryError())
    assert (ending.halted, ending.failure) == ("max-requests reached", "there is not enough memory (MemoryError)")


def test_execute_sends_pieces_of_a_split_call_concurrently() -> None:
    def answer(request: Request) -> BulkResult:
        return Refused(400, "no") if len(request.file_ids) > 1 else all_updated(request)

    names = [f"f{n}" for n in range(16)]
    result = execute([change(name, add="t") for name in names], answer, seconds=1, concurrency=4)
    assert set(result.statuses(names).values()) == {"accepted"}
    assert len(result.library.requests) == 31
    assert result.library.most_in_flight == 4
    assert result.seconds <= 31 / 4 + 4


def test_execute_sends_pieces_of_a_checked_removal_concurrently() -> None:
    names = "abcdefgh"
    changes = [removing_ai(name, f"Dog{name}") for name in names]
    call = Request(Op.REMOVE_AI, tuple(f"Dog{name}" for name in names), tuple(item.file.file_id for item in changes))
    now_shows = [
        current_file(name, (), [ai(f"Dog{name}"), ai("Dogb" if name == "a" else "Doga", 99)]) for name in names
    ]
    result = execute(
        changes, all_updated, stages=Stages((), (call,), Costs()), now_shows=now_shows, seconds=1, concurrency=4
    )
    assert set(result.statuses(names).values()) == {"accepted"}
    assert result.library.most_in_flight == 4


@settings(max_examples=150, deadline=None)
@given(
    files=st.dictionaries(st.integers(0, 60), st.sets(st.sampled_from("xyz"), min_size=1), min_size=1, max_size=60),
    poison=st.sets(st.tuples(st.integers(0, 60), st.sampled_from("xyz")), max_size=4),
    gone=st.sets(st.integers(0, 60), max_size=4),
    lists_missing=st.booleans(),
)
def test_execute_refused_file_never_affects_others(
    files: dict[int, set[str]], poison: set[tuple[int, str]], gone: set[int], *, lists_missing: bool
) -> None:
    poisoned = {(id_of(str(file)), tag) for file, tag in poison}
    gone_ids = ids(map(str, gone))
    applied: set[tuple[str, str]] = set()

    def answer(request: Request) -> BulkResult:
        missing = gone_ids & set(request.file_ids)
        if missing:
            return Gone(missing if lists_missing else frozenset())
        cells = {(file_id, tag) for file_id in request.file_ids for tag in request.tags}
        if cells & poisoned:
            return Refused(400, f"refused {sorted(cells & poisoned)}")
        applied.update(cells)
        return all_updated(request)

    changes = [change(str(n), add=" ".join(sorted(tags))) for n, tags in sorted(files.items())]
    result = execute(changes, answer, deleted=gone_ids)
    for number, tags in files.items():
        cells = {(id_of(str(number)), tag) for tag in tags}
        status = result.outcomes.outcome(id_of(str(number))).status
        if number in gone:
            assert status is Status.MISSING
        elif cells & poisoned:
            assert status is Status.FAILED
            assert cells - poisoned <= applied
        else:
            assert status is Status.ACCEPTED
            assert cells <= applied


def through_the_client(library: Sandbox, changes: Sequence[FileChange], *, rate: float, stop_after: float) -> Outcomes:
    """Execute with a real, rate-limited client, and interrupt after some seconds."""

    async def scenario() -> Outcomes:
        outcomes, ending = Outcomes(), Ending(asyncio.Event(), asyncio.Event())
        asyncio.get_running_loop().call_later(stop_after, ending.stop.set)
        rate_limiters = RateLimiters(RateLimiter(None), RateLimiter(rate))
        async with ImageKitLibrary(
            "http://library.localhost", "k", limiters=rate_limiters, app=library.app, random=Random(1)
        ) as client:
            reader = Rereader(client, library_size=10, concurrency=1)
            executor = made(
                client,
                reader,
                changes=changes,
                outcomes=outcomes,
                ending=ending,
                listener=lambda _event: None,
                journal=NoJournal(),
                concurrency=8,
            )
            began = now()
            with ending.watched(None):
                await executor.run(stage(changes, exact=True))
            assert now() - began <= stop_after + GRACE
        return outcomes

    return run(scenario())


def test_execute_interrupt_cancels_calls_waiting_for_the_rate_limit(
    sandbox: Callable[..., Sandbox],
) -> None:
    names = [f"/f{n}" for n in range(20)]
    library = sandbox(*map(file_object, names))
    changes = [change(name, add=f"t{n}") for n, name in enumerate(names)]
    outcomes = through_the_client(library, changes, rate=1, stop_after=2.5)
    assert len(library.writes) == 3
    statuses = [outcomes.outcome(id_of(name)).status for name in names]
    assert (statuses.count(Status.ACCEPTED), statuses.count(Status.SKIPPED)) == (3, 17)


def test_execute_interrupt_prevents_retries(sandbox: Callable[..., Sandbox]) -> None:
    library = sandbox(file_object("/a"), faults=[Fault(on="addTags", status=500)])
    outcomes = through_the_client(library, [change("/a", add="t")], rate=1000, stop_after=0.1)
    assert library.writes == ["addTags"]
    assert outcomes.outcome(id_of("/a")).status is Status.UNKNOWN


def test_execute_interrupt_skips_a_throttled_call(
    sandbox: Callable[..., Sandbox],
) -> None:
    limited = Fault(on="addTags", status=429, headers={"X-RateLimit-Reset": "600000"})
    library = sandbox(file_object("/a"), faults=[limited])
    outcomes = through_the_client(library, [change("/a", add="t")], rate=1000, stop_after=1)
    assert library.writes == ["addTags"]
    assert outcomes.outcome(id_of("/a")).status is Status.SKIPPED
