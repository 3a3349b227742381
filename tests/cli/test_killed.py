"""Kill applies at random moments while somebody else edits the same files."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest
from builders import ai, file_object, id_of, write_library
from canary import KEY
from cli.command import SECONDS, Command, environment, write_manifest
from cli.watched import Library, Takes, cells, confirmed, intents, journal

from tagsync.model import AITag
from tagsync.sandbox.store import Store

FOLDERS = [f"f{number}" for number in range(8)]
PATHS = [f"/{folder}/{number}.jpg" for folder in FOLDERS for number in range(5)]
ENTRIES = "\n".join(
    f"- {{match: /{folder}/*, tags: [new-{folder}], absent: [old-{folder}], aiTags: {{remove: [Dog {folder}]}}}}"
    for folder in FOLDERS
)

DRIVER = """
import json, os, select, signal, sys, time
import tagsync.cli.run  # load once what every run needs
from tagsync.cli.main import run


def live(life):
    for stream in (1, 2):
        os.dup2(os.open(life["state"] + ".said", os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
    os._exit(run(life["arguments"]))


ends = []
for life in json.load(sys.stdin):
    began = time.monotonic()
    child = os.fork()
    if not child:
        live(life)
    ended, _, _ = select.select([os.pidfd_open(child)], [], [], life["seconds"])
    took = time.monotonic() - began
    if not ended:
        os.kill(child, signal.SIGKILL)
    ends.append((os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), took))
json.dump(ends, sys.stdout)
"""
"""Runs the command once for each line of input, in a process that is killed after the given seconds."""


class Shared(Library):
    """A library whose files somebody else edits during calls."""

    def __init__(self, server: Takes, store: Store, random: Random) -> None:
        super().__init__(server, store)
        self.edits: dict[str, set[str]] = {}
        """The tags that somebody else added to files, by file ID."""
        self._random = random

    def _note(self, op: str, asked: dict[str, Sequence[str]]) -> None:  # type: ignore[override]
        super()._note(op, asked)
        file_id, tag = id_of(self._random.choice(PATHS)), f"theirs-{len(self.calls)}"
        file = self.store.files([file_id])[file_id]
        self.store.save([file._replace(tags=[*file.tags, tag])])
        self.edits.setdefault(file_id, set()).add(tag)

    @property
    def is_as_declared(self) -> bool:
        self.let_all_go()
        folders = {id_of(path): path.split("/")[1] for path in PATHS}
        return self.shown(list(folders)) == {
            file_id: ({f"new-{folder}"} | self.edits.get(file_id, set()), {"Cat"})
            for file_id, folder in folders.items()
        }


class Life(NamedTuple):
    """An apply that may have been killed: its library, state directory, exit code and duration."""

    library: Shared
    state: str
    code: int
    seconds: float


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEKIT_PRIVATE_KEY", KEY)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state-home"))
    write_manifest(ENTRIES)


Lived = Callable[[Sequence[float]], list[Life]]


@pytest.fixture
def lived(server: Takes, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Lived]:
    """Return a function that runs applies, each with a separate library and killed after a given time."""
    made: list[Shared] = []
    random = Random(request.node.name)

    def library() -> Shared:
        source = tmp_path / f"library-{len(made)}.jsonl"
        write_library(source, (file_object(path, *held(path.split("/")[1])) for path in PATHS))
        made.append(Shared(server, Store(":memory:", source), random))
        return made[-1]

    def held(folder: str) -> tuple[list[str], list[AITag]]:
        return [f"old-{folder}"], [ai("Cat"), ai(f"Dog {folder}")]

    def live(moments: Sequence[float]) -> list[Life]:
        planned = [(library(), f"state-{len(made)}", seconds) for seconds in moments]
        orders = [
            {"seconds": seconds, "state": state, "arguments": applying(where, state)}
            for where, state, seconds in planned
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
        return [Life(*plan[:2], *end) for plan, end in zip(planned, json.loads(told), strict=True)]

    yield live
    for item in made:
        item.let_all_go()
        item.store.close()


def applying(library: Library, state: str) -> list[str]:
    return ["apply", "--yes", "--rate=1000", "--endpoint", library.url, "--state-dir", state, "tags.yaml"]


def check(tagsync: Command, life: Life) -> None:
    """Check that every sent call is in the journal, and that the next apply does the rest and repeats nothing."""
    library = life.library
    library.let_all_go()
    noted, sent = journal(life.state), list(library.calls)
    if noted:
        assert set(sent) <= set(intents(noted).values()), "a call was sent that nothing is noted of"
    elif sent:
        assert library.is_as_declared, "the journal was emptied before all was done"
    result = tagsync(*applying(library, life.state))
    assert result.code == 0, result
    assert library.is_as_declared, "an update was lost"
    assert library.in_vain == []
    again = library.calls[len(sent) :]
    assert not cells(confirmed(noted)) & cells(again), "a call was repeated that was confirmed"
    arrived = len(library.calls)
    assert tagsync(*applying(library, life.state)).code == 0
    assert len(library.calls) == arrived


def check_all(tagsync: Command, lived: Lived, kills: int, random: Random) -> None:
    """Kill applies, half of them at any moment, and half at moments when others were writing.

    On a busy machine these moments move: more are killed then, until enough have been in the midst of it.
    """
    whole = lived([SECONDS] * 3)
    assert [life.code for life in whole] == [0] * 3
    every = len(whole[0].library.calls)
    usual = sorted(life.seconds for life in whole)[1]
    killed, writing = 0, list[float]()
    for _ in range(kills):
        if killed >= kills and len(writing) >= kills // 5:
            break
        spans = [(0.0, usual), (min(writing), max(writing)) if writing else (usual / 2, usual)]
        lives = lived([random.uniform(*spans[n % 2]) for n in range(10)])
        killed += [life.code for life in lives].count(-signal.SIGKILL)
        writing += [life.seconds for life in lives if life.code and 0 < len(life.library.calls) < every]
        for life in lives:
            assert life.code in (0, -signal.SIGKILL)
            check(tagsync, life)
    assert killed >= kills
    assert len(writing) >= kills // 5, "hardly any was killed while it wrote: this shows nothing"


def test_killed_apply_loses_nothing_and_repeats_no_verified_change(tagsync: Command, lived: Lived) -> None:
    check_all(tagsync, lived, 10, Random(7))


@pytest.mark.slow
@pytest.mark.parametrize("fifty", range(10))
def test_killed_apply_loses_nothing_in_five_hundred_kills(tagsync: Command, lived: Lived, fifty: int) -> None:
    check_all(tagsync, lived, 50, Random(fifty))
