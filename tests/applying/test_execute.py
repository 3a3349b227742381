import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from support import Sandbox, current_file, file_object, id_of, now, run

from tagsync.applying.execute import GRACE, Executor, OnError
from tagsync.applying.ledger import Ledger
from tagsync.errors import AuthorisationError, StoppedError, TimedOutError
from tagsync.events import Event, RequestDone
from tagsync.library.client import BulkReply, Client, Gates
from tagsync.library.gate import Gate
from tagsync.library.wire import BulkResult, Done, Gone, Refused, Unclear
from tagsync.model import Change, FileChange, Op, Request, Status
from tagsync.planning.covering import stage
from tagsync.sandbox.faults import Fault

Answer = Callable[[Request], BulkResult]


@dataclass
class Library:
    """Answers requests by a rule, and remembers them; `seconds` is how long each takes."""

    answer: Answer
    seconds: float = 0.0
    requests: list[Request] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0

    async def bulk(self, request: Request, stop: asyncio.Event) -> BulkReply:
        if stop.is_set():
            raise StoppedError("not sent")
        self.requests.append(request)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(self.seconds)
            return BulkReply(self.answer(request), 1, f"r{len(self.requests)}")
        finally:
            self.in_flight -= 1


@dataclass
class Result:
    library: Library
    ledger: Ledger
    executor: Executor
    events: list[Event]
    seconds: float

    def statuses(self, names: Iterable[str]) -> dict[str, str]:
        return {name: self.ledger.outcome(id_of(name)).status for name in names}


def execute(
    changes: Sequence[FileChange],
    answer: Answer,
    *,
    seconds: float = 0.0,
    on_error: OnError = "continue",
    concurrency: int = 4,
    interrupt_after: float | None = None,
    abort_after: float | None = None,
) -> Result:
    async def scenario() -> Result:
        library, ledger, stop, abort = Library(answer, seconds), Ledger(), asyncio.Event(), asyncio.Event()
        events: list[Event] = []
        executor = Executor(
            library,
            ledger,
            concurrency=concurrency,
            on_error=on_error,
            stop=stop,
            abort=abort,
            listener=events.append,
        )
        if interrupt_after is not None:
            asyncio.get_running_loop().call_later(interrupt_after, stop.set)
        if abort_after is not None:
            asyncio.get_running_loop().call_later(abort_after, abort.set)
        began = now()
        await executor.run(stage(changes))
        return Result(library, ledger, executor, events, now() - began)

    return run(scenario())


def change(path: str, *, add: str = "", remove: str = "", remove_ai: str = "", crowded: bool = False) -> FileChange:
    ops = ((Op.ADD, add), (Op.REMOVE, remove), (Op.REMOVE_AI, remove_ai))
    return FileChange(
        current_file(path), tuple(Change(op, tag, ()) for op, tags in ops for tag in tags.split()), crowded
    )


def all_updated(request: Request) -> BulkResult:
    return Done(frozenset(request.file_ids), {})


def adding(names: str, tags: str = "t") -> list[FileChange]:
    return [change(name, add=tags) for name in names]


def ids(names: Iterable[str]) -> frozenset[str]:
    return frozenset(map(id_of, names))


def test_all_that_is_updated_is_accepted() -> None:
    result = execute(adding("ab"), all_updated)
    assert result.statuses("ab") == {"a": "accepted", "b": "accepted"}
    assert result.executor.counts.succeeded == 1


def test_a_files_additions_are_answered_before_its_removals_are_sent() -> None:
    result = execute([change(name, add="new", remove="old", remove_ai="Dog") for name in "abc"], all_updated, seconds=1)
    assert [request.op for request in result.library.requests] == [Op.ADD, Op.REMOVE, Op.REMOVE_AI]
    assert result.seconds == 2


def test_a_file_without_room_loses_tags_before_it_gains_any() -> None:
    result = execute([change("a", add="new", remove="old", crowded=True)], all_updated)
    assert [request.op for request in result.library.requests] == [Op.REMOVE, Op.ADD]


def test_removals_are_not_sent_for_a_file_whose_additions_failed() -> None:
    def answer(request: Request) -> BulkResult:
        failed = dict.fromkeys(ids("a") & set(request.file_ids), "no")
        return Done(frozenset(request.file_ids) - failed.keys(), failed)

    result = execute([change(name, add="new", remove="old") for name in "ab"], answer)
    removed = [request.file_ids for request in result.library.requests if request.op == Op.REMOVE]
    assert removed == [(id_of("b"),)]
    assert result.statuses("ab") == {"a": "failed", "b": "accepted"}


def test_a_207_is_tried_once_more_in_a_smaller_call() -> None:
    failures = [{"a": "busy", "c": "busy"}, {"c": "still busy"}]

    def answer(request: Request) -> BulkResult:
        failed = {id_of(name): words for name, words in failures.pop(0).items()}
        return Done(frozenset(request.file_ids) - failed.keys(), failed)

    result = execute(adding("abc"), answer)
    assert [set(request.file_ids) for request in result.library.requests] == [ids("abc"), ids("ac")]
    assert result.statuses("abc") == {"a": "accepted", "b": "accepted", "c": "failed"}
    assert result.ledger.outcome(id_of("c")).error == "still busy"


def test_a_404_costs_only_the_files_that_are_gone() -> None:
    def answer(request: Request) -> BulkResult:
        gone = ids("b") & set(request.file_ids)
        return Gone(gone) if gone else all_updated(request)

    result = execute(adding("abc"), answer)
    assert len(result.library.requests) == 2
    assert result.statuses("abc") == {"a": "accepted", "b": "missing", "c": "accepted"}


def test_a_404_without_a_list_is_split_until_the_file_stands_alone() -> None:
    def answer(request: Request) -> BulkResult:
        return Gone(frozenset()) if id_of("c") in request.file_ids else all_updated(request)

    result = execute(adding("abcdefgh"), answer)
    assert result.statuses("abcdefgh") == {name: "missing" if name == "c" else "accepted" for name in "abcdefgh"}
    assert len(result.library.requests) == 7


def test_a_400_is_split_by_files_and_then_by_tags_until_the_culprit_stands_alone() -> None:
    def answer(request: Request) -> BulkResult:
        bad = id_of("c") in request.file_ids and "t2" in request.tags
        return Refused(400, "bad tag") if bad else all_updated(request)

    result = execute(adding("abcd", tags="t1 t2 t3"), answer)
    assert result.statuses("abcd") == {"a": "accepted", "b": "accepted", "c": "failed", "d": "accepted"}
    outcome = result.ledger.outcome(id_of("c"))
    assert outcome.error == "bad tag (tag 't2')"
    singles = [request for request in result.library.requests if request.file_ids == (id_of("c"),)]
    assert {tag for request in singles for tag in request.tags} == {"t1", "t2", "t3"}
    assert result.executor.halted is None


def test_three_calls_in_a_row_refused_alike_to_the_last_file_end_the_run() -> None:
    names = [f"f{n:03d}" for n in range(400)]
    changes = [change(name, add=f"t{number // 2}") for number, name in enumerate(names)]
    result = execute(changes, lambda _request: Refused(400, "read-only account"), concurrency=1)
    assert result.executor.halted == "3 calls in a row were refused alike: read-only account"
    assert len(result.library.requests) == 9
    statuses = list(result.statuses(names).values())
    assert (statuses.count("failed"), statuses.count("skipped")) == (6, 394)


def test_refusals_that_differ_or_alternate_with_successes_do_not_end_the_run() -> None:
    changes = [change(f"f{n}", add=f"t{n}") for n in range(20)]
    alternating = execute(
        changes, lambda r: Refused(400, "no") if int(r.tags[0][1:]) % 2 else all_updated(r), concurrency=1
    )
    assert alternating.executor.halted is None
    differing = execute(changes, lambda r: Refused(400, f"no {r.tags[0]}"), concurrency=1)
    assert differing.executor.halted is None


def test_an_unclear_answer_and_a_lost_one_are_unknown() -> None:
    unclear = execute(adding("a"), lambda _request: Unclear("names nobody"))
    assert unclear.ledger.outcome(id_of("a"))[:3] == (Status.UNKNOWN, 1, "names nobody")

    def lost(_request: Request) -> BulkResult:
        error = TimedOutError("no answer")
        error.attempts = 5
        raise error

    assert execute(adding("a"), lost).ledger.outcome(id_of("a"))[:3] == (Status.UNKNOWN, 5, "no answer")


def test_a_refused_key_stops_after_the_calls_in_flight() -> None:
    def answer(request: Request) -> BulkResult:
        if request.tags == ("t0",):
            raise AuthorisationError("bad key")
        return all_updated(request)

    changes = [change(f"f{n}", add=f"t{n}") for n in range(20)]
    result = execute(changes, answer, concurrency=3, seconds=1)
    assert len(result.library.requests) == 3
    assert result.executor.halted == "bad key"
    statuses = list(result.statuses(f"f{n}" for n in range(20)).values())
    assert statuses[0] == "failed"
    assert (statuses.count("accepted"), statuses.count("skipped")) == (2, 17)


def test_the_first_failure_ends_a_run_that_is_told_to_stop() -> None:
    changes = [change(f"f{n}", add=f"t{n}") for n in range(10)]
    result = execute(changes, lambda _request: Unclear("odd"), concurrency=1, on_error="stop")
    assert len(result.library.requests) == 1
    assert result.executor.halted == "stopped at the first failure: odd"


def test_no_more_calls_are_in_flight_than_allowed() -> None:
    changes = [change(f"f{n}", add=f"t{n}") for n in range(20)]
    assert execute(changes, all_updated, seconds=1, concurrency=3).library.most_in_flight == 3


def test_an_interrupted_run_sends_nothing_more_and_lets_calls_in_flight_end() -> None:
    changes = [change(f"f{n}", add=f"t{n}", remove="old") for n in range(10)]
    result = execute(changes, all_updated, seconds=2, concurrency=2, interrupt_after=1)
    assert len(result.library.requests) == 2
    assert result.seconds == 2
    statuses = list(result.statuses(f"f{n}" for n in range(10)).values())
    assert statuses == ["skipped"] * 10
    assert result.ledger.sent() == [id_of("f0"), id_of("f1")]


def test_calls_that_outlast_the_grace_of_an_interrupted_run_are_unknown() -> None:
    result = execute(adding("ab"), all_updated, seconds=100, interrupt_after=1)
    assert result.seconds == 1 + GRACE
    assert result.statuses("ab") == {"a": "unknown", "b": "unknown"}


def test_a_run_that_is_aborted_too_gives_up_calls_in_flight_and_still_tells_of_them() -> None:
    result = execute(adding("ab"), all_updated, seconds=100, interrupt_after=1, abort_after=2)
    assert result.seconds == 2
    assert result.statuses("ab") == {"a": "unknown", "b": "unknown"}


def test_progress_counts_up_to_all_calls_splits_included() -> None:
    def answer(request: Request) -> BulkResult:
        return Refused(400, "no") if id_of("a") in request.file_ids else all_updated(request)

    events = execute(adding("abcd"), answer).events
    assert [event.done for event in events if isinstance(event, RequestDone)] == [1, 2, 3, 4, 5]
    assert events[-1] == RequestDone(5, 5)


@settings(max_examples=150, deadline=None)
@given(
    files=st.dictionaries(st.integers(0, 60), st.sets(st.sampled_from("xyz"), min_size=1), min_size=1, max_size=60),
    poison=st.sets(st.tuples(st.integers(0, 60), st.sampled_from("xyz")), max_size=4),
    gone=st.sets(st.integers(0, 60), max_size=4),
    lists_missing=st.booleans(),
)
def test_a_bad_file_never_costs_its_neighbours(
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

    result = execute([change(str(n), add=" ".join(sorted(tags))) for n, tags in sorted(files.items())], answer)
    for number, tags in files.items():
        cells = {(id_of(str(number)), tag) for tag in tags}
        status = result.ledger.outcome(id_of(str(number))).status
        if number in gone:
            assert status is Status.MISSING
        elif cells & poisoned:
            assert status is Status.FAILED
            assert cells - poisoned <= applied
        else:
            assert status is Status.ACCEPTED
            assert cells <= applied


def through_the_client(library: Sandbox, changes: Sequence[FileChange], *, rate: float, stop_after: float) -> Ledger:
    """Execute over a real client whose bulk calls are paced, interrupted after so many seconds."""

    async def scenario() -> Ledger:
        ledger, stop = Ledger(), asyncio.Event()
        asyncio.get_running_loop().call_later(stop_after, stop.set)
        gates = Gates(Gate(None), Gate(rate))
        async with Client("http://library.localhost", "k", gates=gates, app=library.app, random=Random(1)) as client:
            executor = Executor(
                client,
                ledger,
                concurrency=8,
                on_error="continue",
                stop=stop,
                abort=asyncio.Event(),
                listener=lambda _event: None,
            )
            began = now()
            await executor.run(stage(changes))
            assert now() - began <= stop_after + GRACE
        return ledger

    return run(scenario())


def test_calls_that_wait_for_their_turn_are_never_sent_once_the_run_is_interrupted(
    sandbox: Callable[..., Sandbox],
) -> None:
    names = [f"/f{n}" for n in range(20)]
    library = sandbox(*map(file_object, names))
    changes = [change(name, add=f"t{n}") for n, name in enumerate(names)]
    ledger = through_the_client(library, changes, rate=1, stop_after=2.5)
    assert len(library.writes) == 3
    statuses = [ledger.outcome(id_of(name)).status for name in names]
    assert (statuses.count(Status.ACCEPTED), statuses.count(Status.SKIPPED)) == (3, 17)


def test_a_failed_call_is_not_sent_again_once_the_run_is_interrupted(sandbox: Callable[..., Sandbox]) -> None:
    library = sandbox(file_object("/a"), faults=[Fault(on="addTags", status=500)])
    ledger = through_the_client(library, [change("/a", add="t")], rate=1000, stop_after=0.1)
    assert library.writes == ["addTags"]
    assert ledger.outcome(id_of("/a")).status is Status.UNKNOWN


def test_a_limited_call_that_was_never_taken_is_skipped_once_the_run_is_interrupted(
    sandbox: Callable[..., Sandbox],
) -> None:
    limited = Fault(on="addTags", status=429, headers={"X-RateLimit-Reset": "600000"})
    library = sandbox(file_object("/a"), faults=[limited])
    ledger = through_the_client(library, [change("/a", add="t")], rate=1000, stop_after=1)
    assert library.writes == ["addTags"]
    assert ledger.outcome(id_of("/a")).status is Status.SKIPPED
