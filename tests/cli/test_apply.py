import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from builders import ai, file_object, id_of, write_library
from canary import KEY
from cli.command import SECONDS, Command, Result, environment, process, started, write_manifest
from cli.watched import CALLS, ENTRIES, PATHS, Library, Takes, cells, confirmed, intents, journal

from tagsync.applying.journal_records import Outcome
from tagsync.sandbox.store import Store
from tagsync.workspace.lock import Wait, held


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEKIT_PRIVATE_KEY", KEY)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state-home"))
    write_manifest(ENTRIES)


@pytest.fixture
def library(server: Takes, tmp_path: Path) -> Iterator[Callable[..., Library]]:
    """Return a function that serves another library; without files, the one that the manifest is about."""
    made: list[Library] = []

    def build(*files: Mapping[str, Any], **settings: Any) -> Library:
        tags = {"p": ["old"], "q": ["worn"]}
        usual = [file_object(path, tags[path[1]], [ai("Cat"), ai("Dog")]) for path in PATHS]
        source = write_library(tmp_path / f"library-{len(made)}.jsonl", files or usual)
        made.append(Library(server, Store(":memory:", source), **settings))
        return made[-1]

    yield build
    for item in made:
        item.let_all_go()
        item.store.close()


def applying(library: Library, *more: str, state: str = ".tagsync", paths: str = "tags.yaml") -> list[str]:
    """Return the words of an apply to a library, one call after the other."""
    return ["apply", "--yes", "--rate=1000", "--endpoint", library.url, "--state-dir", state, *more, paths]


ONE_BY_ONE = "--concurrency=1"


def check_convergence(tagsync: Command, library: Library, state: str = ".tagsync") -> None:
    """An ordinary apply does what is left to do and nothing twice; after it there is nothing to do."""
    library.let_all_go()
    result = tagsync(*applying(library, state=state))
    assert result.code == 0, result
    assert library.is_as_declared
    assert library.in_vain == []
    sent = len(library.calls)
    assert tagsync(*applying(library, state=state)).code == 0
    assert len(library.calls) == sent


# Processes that the disk fails, or that are killed at one of its steps


DRIVER = """
import errno, json, os, signal, sys
import tagsync.cli.run  # what every life needs is loaded once
from tagsync.workspace import durable_file
from tagsync.cli.main import run


def disturbed(kind, name, life, steps):
    original = getattr(kind, name)

    def step(self, *arguments):
        steps.append(name)
        how, due, late = life["how"], len(steps) == life["at"], len(steps) > life["at"]
        if due and name == "append" and how not in ("before", "after"):
            original(self, arguments[0][: len(arguments[0]) // 2])
        if due and how in ("before", "middle"):
            os.kill(os.getpid(), signal.SIGKILL)
        if (due or late) and how in ("ENOSPC", "EROFS", "EMFILE"):
            number = getattr(errno, how)
            raise OSError(number, os.strerror(number))
        result = original(self, *arguments)
        if due and how == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(kind, name, step)


def live(life):
    for stream, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(life["state"] + "." + name, os.O_WRONLY | os.O_CREAT), stream)
    steps = []
    for name in ("open", "create", "rename", "sync_folder"):
        disturbed(durable_file.Disk, name, life, steps)
    for name in ("append", "sync"):
        disturbed(durable_file.DiskFile, name, life, steps)
    code = run(life["arguments"])
    with open(life["state"] + ".steps", "w") as file:
        json.dump(steps, file)
    os._exit(code)


codes = []
for life in json.load(sys.stdin):
    child = os.fork()
    if not child:
        live(life)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
json.dump(codes, sys.stdout)
"""
"""Runs the command once for each life it is told of, each in a process of its own; something happens at one step of
the journal's disk: the process is killed before it, in the middle of it or after it, or from there on every step fails.
"""


class Life(NamedTuple):
    """A run of the command that does not go well: what it was like, and what was left."""

    at: int
    how: str
    library: Library
    state: str
    result: Result


@pytest.fixture
def lived(library: Callable[..., Library]) -> Callable[[Sequence[tuple[int, str]]], list[Life]]:
    """Return a function that runs applies, each disturbed at a step in a way, each with a library of its own."""

    def live(disturbances: Sequence[tuple[int, str]]) -> list[Life]:
        planned = [(at, how, library(), f"state-{at}-{how}") for at, how in disturbances]
        orders = [
            {
                "at": at,
                "how": how,
                "state": state,
                "arguments": applying(where, ONE_BY_ONE, "--format=json", state=state),
            }
            for at, how, where, state in planned
        ]
        told = subprocess.run(  # noqa: S603 - our own
            [sys.executable, "-c", DRIVER],
            check=True,
            input=json.dumps(orders),
            stdout=subprocess.PIPE,
            encoding="utf-8",
            env=environment(),
            timeout=4 * SECONDS,
        ).stdout
        return [
            Life(*plan, Result(code, *(Path(f"{plan[-1]}.{name}").read_text("utf-8") for name in ("out", "err"))))
            for plan, code in zip(planned, json.loads(told), strict=True)
        ]

    return live


Lived = Callable[[Sequence[tuple[int, str]]], list[Life]]


def steps_of_the_disk(lived: Lived) -> list[str]:
    """Return what an apply that nothing disturbs does with the disk, step by step."""
    (life,) = lived([(0, "never")])
    assert life.result.code == 0
    assert len(life.library.calls) == CALLS
    assert journal(life.state) == []
    steps: list[str] = json.loads(Path(f"{life.state}.steps").read_text("utf-8"))
    # Its beginning, an intent and an outcome for each call, its end.
    assert steps.count("append") == 1 + 2 * CALLS + 1
    return steps


KILLS = {
    "before": {"open", "append", "sync", "create", "rename", "sync_folder"},
    "middle": {"append"},
    "after": {"sync", "rename"},
}


@pytest.mark.parametrize("how", [pytest.param("before", marks=pytest.mark.slow), "middle", "after"])
def test_apply_converges_after_a_kill_at_any_journal_write(tagsync: Command, lived: Lived, how: str) -> None:
    steps = steps_of_the_disk(lived)
    lives = lived([(at, how) for at, step in enumerate(steps, start=1) if step in KILLS[how]])
    for life in lives:
        assert life.result.code == -signal.SIGKILL
        noted, library = journal(life.state), life.library
        if "rename" not in steps[: life.at]:
            assert set(library.calls) <= set(intents(noted).values()), "a call was sent that nothing is noted of"
        sent = len(library.calls)
        check_convergence(tagsync, library, life.state)
        assert not cells(confirmed(noted)) & cells(library.calls[sent:]), "a call was repeated that was confirmed"
    write_manifest(ENTRIES + "- {match: /**, tags: [more]}")
    for life in lives:
        # Whatever is left beside the journal, the next one that comes to its end empties it.
        later = tagsync(*applying(life.library, state=life.state))
        assert (later.code, "warning" in later.err, journal(life.state)) == (0, False, [])


def test_journal_that_cannot_be_opened_ends_the_run_before_any_write(tagsync: Command, lived: Lived) -> None:
    began = steps_of_the_disk(lived).index("append") + 1
    for life in lived([(at, "EROFS") for at in range(1, began + 2)]):
        assert (life.result.code, life.library.calls) == (1, [])
        assert "error: the journal state-" in life.result.err
        assert "Traceback" not in life.result.err
        check_convergence(tagsync, life.library, life.state)


@pytest.mark.parametrize(
    ("why", "words"),
    [
        ("ENOSPC", "No space left on device: free some disk space and run again"),
        ("EROFS", "Read-only file system: fix this or use another --state-dir"),
        ("EMFILE", "Too many open files: allow more open files (ulimit -n)"),
    ],
)
def test_full_disk_during_apply_ends_the_run_with_a_report(
    tagsync: Command, lived: Lived, why: str, words: str
) -> None:
    steps = steps_of_the_disk(lived)
    appends = [at for at, step in enumerate(steps, start=1) if step == "append"]
    for life in lived([(at, why) for at in (appends[1:-2] if why == "ENOSPC" else appends[2:4])]):
        report = life.result.document
        assert life.result.code == 3
        assert report["outcome"] == "incomplete"
        assert f"error: the journal {life.state}/" in life.result.err
        assert f"cannot be written: {words}" in life.result.err
        assert len(life.library.calls) == len(intents(journal(life.state)))
        shown = life.library.shown([change["fileId"] for change in report["changes"]])
        for change in report["changes"]:
            (tags, ai_tags), name = shown[change["fileId"]], change["path"][1]
            is_done = (tags, ai_tags) == ({name}, {"Cat" if name == "p" else "Dog"})
            assert is_done is (change["status"] == "confirmed")
        check_convergence(tagsync, life.library, life.state)


def test_full_disk_after_the_last_call_is_reported_and_files_are_verified(tagsync: Command, lived: Lived) -> None:
    steps = steps_of_the_disk(lived)
    appends = [at for at, step in enumerate(steps, start=1) if step == "append"]
    for life in lived([(at, "ENOSPC") for at in (*appends[-2:], *range(appends[-1] + 1, len(steps) + 1))]):
        assert life.library.is_as_declared
        assert (life.result.code, life.result.document["outcome"]) == (0, "converged")
        # Without its last outcome the journal is not whole, without its end it only has more than it needs.
        level = "error" if life.at == appends[-2] else "warning"
        assert f"{level}: the journal {life.state}/" in life.result.err
        assert "No space left on device" in life.result.err
        check_convergence(tagsync, life.library, life.state)


# Signals


PATIENT = """
import sys
from tagsync.applying import execute
from tagsync.cli.main import run

execute.GRACE = float(sys.argv[1])
sys.exit(run(sys.argv[2:]))
"""
"""The command, with other seconds than four for calls in flight once it is interrupted."""


@contextmanager
def patient(seconds: float, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(  # noqa: S603 - our own
        [sys.executable, "-c", PATIENT, str(seconds), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def ended(running: subprocess.Popen[str]) -> Result:
    out, err = running.communicate(timeout=SECONDS)
    assert "Traceback" not in err
    return Result(running.returncode, out, err)


SIGNALS = pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])


@SIGNALS
def test_interrupted_apply_sends_nothing_more_and_the_next_one_converges(
    tagsync: Command, library: Callable[..., Library], number: signal.Signals, code: int
) -> None:
    where = library()
    second = where.hold(2)
    with patient(SECONDS, *applying(where, ONE_BY_ONE, "--format=json")) as running:
        second.wait()
        running.send_signal(number)
        second.let_go()
        result = ended(running)
    assert (result.code, result.document["outcome"]) == (code, "interrupted")
    assert len(where.calls) == 2
    assert confirmed(journal(".tagsync")) == set(where.calls)
    check_convergence(tagsync, where)


def test_interrupted_apply_records_a_call_without_an_answer_as_unknown(
    tagsync: Command, library: Callable[..., Library]
) -> None:
    where = library()
    second = where.hold(2)
    with patient(0.1, *applying(where, ONE_BY_ONE, "--format=json")) as running:
        second.wait()
        running.send_signal(signal.SIGINT)
        result = ended(running)
    assert result.code == 130
    noted = journal(".tagsync")
    assert [record.kind for record in noted if isinstance(record, Outcome)] == ["done", "unknown"]
    assert "unknown" in {change["status"] for change in result.document["changes"]}
    check_convergence(tagsync, where)


def test_second_signal_ends_apply_at_once_with_report_and_journal(
    tagsync: Command, library: Callable[..., Library]
) -> None:
    where = library()
    second = where.hold(2)
    with patient(10 * SECONDS, *applying(where, ONE_BY_ONE, "--format=json")) as running:
        second.wait()
        running.send_signal(signal.SIGINT)
        running.send_signal(signal.SIGTERM)
        result = ended(running)
    assert result.code in (130, 143)  # of two that come at once the system may hand over either first
    assert result.document["outcome"] == "interrupted"
    assert [record.kind for record in journal(".tagsync") if isinstance(record, Outcome)] == ["done", "unknown"]
    check_convergence(tagsync, where)


@pytest.mark.slow  # for it goes by the clock, and waits the four seconds out
def test_interrupted_apply_ends_within_five_seconds_if_a_call_gets_no_answer(
    library: Callable[..., Library],
) -> None:
    where = library()
    second = where.hold(2)
    with started(*applying(where, ONE_BY_ONE)) as running:
        second.wait()
        began = time.monotonic()
        running.send_signal(signal.SIGINT)
        assert ended(running).code == 130
        assert time.monotonic() - began <= 5


# Several applies of one library


@pytest.mark.slow  # for it goes by the clock
def test_second_apply_is_refused_within_two_seconds(library: Callable[..., Library]) -> None:
    where = library()
    first_call = where.hold(1)
    with started(*applying(where, ONE_BY_ONE)) as first:
        first_call.wait()
        began = time.monotonic()
        assert process(*applying(where)).code == 4
        assert time.monotonic() - began <= 2
        first_call.let_go()
        assert ended(first).code == 0


def test_second_apply_is_refused_and_names_the_first(tagsync: Command, library: Callable[..., Library]) -> None:
    where = library()
    first_call = where.hold(1)
    with started(*applying(where, ONE_BY_ONE)) as first:
        first_call.wait()
        refused = tagsync(*applying(where))
        first_call.let_go()
        assert ended(first).code == 0
    assert (refused.code, refused.out) == (4, "")
    assert f"process {first.pid} on " in refused.err
    assert len(where.calls) == CALLS
    check_convergence(tagsync, where)


def test_second_apply_that_waits_finds_nothing_to_do(
    tagsync: Command, library: Callable[..., Library], monkeypatch: pytest.MonkeyPatch
) -> None:
    where = library()
    first_call, codes = where.hold(1), []
    with started(*applying(where, ONE_BY_ONE)) as first:
        first_call.wait()

        def sleep(_seconds: float) -> None:
            first_call.let_go()
            codes.append(ended(first).code if first.returncode is None else first.returncode)

        monkeypatch.setattr("tagsync.library.target.held", partial(held, wait=Wait(sleep=sleep)))
        second = tagsync(*applying(where, "--lock-timeout=5m"))
    assert codes == [0]
    assert (second.code, len(where.calls)) == (0, CALLS)
    assert "Nothing to do" in second.out
    assert where.is_as_declared


def test_shards_at_the_same_time_apply_the_whole_plan(tagsync: Command, library: Callable[..., Library]) -> None:
    where = library()
    both = [where.hold(1), where.hold(2)]
    shards = [(f"--shard={index}/2", f"--report=json={index}.json") for index in (1, 2)]
    with (
        started(*applying(where, *shards[0], ONE_BY_ONE)) as first,
        started(*applying(where, *shards[1], ONE_BY_ONE)) as second,
    ):
        for call in both:
            call.wait()
        where.let_all_go()
        assert (ended(first).code, ended(second).code) == (0, 0)
    parts = [{change["path"] for change in json.loads(Path(f"{i}.json").read_text("utf-8"))["changes"]} for i in (1, 2)]
    assert all(parts)
    assert sorted([*parts[0], *parts[1]]) == PATHS
    assert where.in_vain == []
    check_convergence(tagsync, where)


def test_shards_of_another_number_are_refused_during_an_apply(
    tagsync: Command, library: Callable[..., Library]
) -> None:
    where = library()
    first_call = where.hold(1)
    with started(*applying(where, "--shard=1/2", ONE_BY_ONE)) as first:
        first_call.wait()
        refused = [tagsync(*applying(where, *shard)) for shard in (["--shard=2/3"], ["--shard=1/2"], [])]
        first_call.let_go()
        assert ended(first).code == 0
    assert [result.code for result in refused] == [4, 4, 4]
    assert all(f"shard 1/2, process {first.pid} on " in result.err for result in refused)
    assert "all shards must use the same N" in refused[0].err
    check_convergence(tagsync, where)


# Limits that a run is given


def test_max_requests_limits_calls_and_the_next_apply_continues(
    tagsync: Command, library: Callable[..., Library]
) -> None:
    where = library()
    for sent in (2, 4):
        result = tagsync(*applying(where, "--max-requests=2", "--format=json"))
        assert (result.code, result.document["outcome"]) == (3, "incomplete")
        assert len(where.calls) == sent
        assert "max-requests reached: 2 API calls were sent" in result.err
    check_convergence(tagsync, where)
    assert len(where.calls) == CALLS


def test_max_duration_ends_apply_and_the_next_one_continues(tagsync: Command, library: Callable[..., Library]) -> None:
    where = library(latency=0.12)
    assert tagsync("plan", "--endpoint", where.url, "--out=plan.json", "tags.yaml").code == 0
    result = tagsync(*applying(where, "--max-duration=0.5", ONE_BY_ONE, "--format=json", paths="plan.json"))
    assert (result.code, result.document["outcome"]) == (3, "incomplete")
    assert len(where.calls) < CALLS
    assert "max-duration reached: 0.5 s have passed" in result.err
    check_convergence(tagsync, where)


TAGS = "abcde"


@pytest.mark.parametrize(("batching", "calls"), [("exact", 5), ("merge", 2)])
def test_batching_merge_saves_calls_and_exact_makes_no_noop_changes(
    tagsync: Command, library: Callable[..., Library], batching: str, calls: int
) -> None:
    write_manifest(f"- {{match: /*, tags: [{', '.join(TAGS)}]}}")
    lacking = {f"/{n:03d}.jpg": {TAGS[n % 5], TAGS[n // 5 % 5]} for n in range(100)}
    where = library(*(file_object(path, sorted(set(TAGS) - lacks)) for path, lacks in lacking.items()))
    assert tagsync(*applying(where, f"--batching={batching}")).code == 0
    assert len(where.calls) == calls
    sent = sorted((file_id, tag) for call in where.calls for file_id in call.file_ids for tag in call.tags)
    needed = sorted((id_of(path), tag) for path, lacks in lacking.items() for tag in lacks)
    assert set(sent) >= set(needed)
    assert (sent == needed) is (batching == "exact")
    assert all(tags == set(TAGS) for tags, _ in where.shown(list(map(id_of, lacking))).values())
