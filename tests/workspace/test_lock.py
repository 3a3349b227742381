import fcntl
import json
import os
import pwd
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tagsync.errors import LockedError, RefusedError, StateError
from tagsync.model import Part
from tagsync.workspace.lock import Wait, held

MUTEX_SECONDS = 1.0

SECONDS = 30
"""A timeout in seconds for processes of these tests."""

LONG = json.dumps({"pid": 1, "host": "h" * 5000, "since": "s"}).encode()
"""More than a lock file contains, and more than is read of one."""

HOLDER = """
import subprocess, sys
from pathlib import Path
from tagsync.workspace.lock import held
from tagsync.model import Part

key, home, then, *part = sys.argv[1:]
with held(key, part=Part(*map(int, part)) if part else None, state_home=Path(home)):
    if then == "start a program":
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        print(subprocess.Popen(["sleep", "60"], close_fds=False, **streams).pid, flush=True)
    else:
        print("held", flush=True)
    sys.stdin.read()
"""


class Holder:
    """A process that has a lock until it is asked to end, or killed."""

    def __init__(self, home: Path, part: Part | None, *, then: str = "wait") -> None:
        numbers = [str(part.index), str(part.of)] if part else []
        self._process = subprocess.Popen(  # noqa: S603 - our own
            [sys.executable, "-c", HOLDER, "shop", str(home), then, *numbers],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid
        assert self._process.stdout
        self.said = self._process.stdout.readline().strip()
        assert self.said, "it could not get the lock"

    def end(self) -> None:
        self._process.communicate(timeout=SECONDS)
        assert self._process.returncode == 0

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate(timeout=SECONDS)


Start = Callable[..., Holder]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts a process with the lock of `shop`, or of one of its shards."""
    started: list[Holder] = []

    def begin(part: Part | None = None, *, then: str = "wait") -> Holder:
        started.append(Holder(tmp_path, part, then=then))
        return started[-1]

    yield begin
    for holder in started:
        holder.kill()


class Waiting:
    """A virtual clock, with a callback during sleeps."""

    def __init__(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        self.slept = 0.0
        self._meanwhile = meanwhile

    def _sleep(self, seconds: float) -> None:
        self.slept += seconds
        self._meanwhile()

    @property
    def wait(self) -> Wait:
        return Wait(lambda: self.slept, self._sleep)


def take(home: Path, part: Part | None = None, *, key: str = "shop", timeout: float = 0.0) -> None:
    with held(key, part=part, timeout=timeout, state_home=home):
        pass


def folder_of(home: Path) -> Path:
    """Return the folder of the only library that was locked below `home`."""
    (folder,) = (home / "tagsync" / "locks").iterdir()
    return folder


def test_lock_refuses_a_second_apply_and_names_the_first(start: Start, tmp_path: Path) -> None:
    first = start()
    with pytest.raises(LockedError) as refused:
        take(tmp_path)
    message = str(refused.value)
    assert f"process {first.pid} on {os.uname().nodename} since 2" in message
    assert "wait with --lock-timeout" in message
    assert isinstance(refused.value, RefusedError)
    assert refused.value.exit_code == 4


def test_lock_of_a_killed_process_is_free(start: Start, tmp_path: Path) -> None:
    start().kill()
    take(tmp_path)


def test_lock_of_an_ended_process_is_free(start: Start, tmp_path: Path) -> None:
    start().end()
    take(tmp_path)


def test_lock_is_not_inherited_by_child_programs(start: Start, tmp_path: Path) -> None:
    first = start(then="start a program")
    outliving = int(first.said)
    first.kill()
    try:
        take(tmp_path)
        os.kill(outliving, 0)
    finally:
        os.kill(outliving, 9)


def test_lock_is_released_after_an_exception(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), held("shop", state_home=tmp_path):
        _ = 1 / 0
    take(tmp_path)


def test_lock_excludes_within_one_process(tmp_path: Path) -> None:
    with held("shop", state_home=tmp_path):
        for _ in range(2):
            with pytest.raises(LockedError, match=f"process {os.getpid()}"):
                take(tmp_path)


def test_lock_differs_for_other_libraries(tmp_path: Path) -> None:
    with held("shop", state_home=tmp_path):
        take(tmp_path, key="other shop")
        take(tmp_path, key="/odd path \udcff\ud800/library.sqlite")


def test_lock_allows_different_shards_at_once(start: Start, tmp_path: Path) -> None:
    start(Part(1, 3))
    third = start(Part(3, 3))
    with pytest.raises(LockedError, match=rf"shard 3/3, process {third.pid} on "):
        take(tmp_path, Part(3, 3))
    take(tmp_path, Part(2, 3))
    third.kill()
    take(tmp_path, Part(3, 3))


def test_lock_refuses_shards_of_another_number(start: Start, tmp_path: Path) -> None:
    running = [start(Part(1, 3)), start(Part(2, 3))]
    for holder in running:
        with pytest.raises(LockedError, match=rf"/3, process {holder.pid} .* all shards must use the same N"):
            take(tmp_path, Part(4, 4))
        holder.end()
    take(tmp_path, Part(4, 4))


def test_lock_of_the_whole_library_excludes_shards(start: Start, tmp_path: Path) -> None:
    whole = start()
    with pytest.raises(LockedError, match=f"process {whole.pid}"):
        take(tmp_path, Part(1, 2))
    whole.end()
    shard = start(Part(1, 2))
    with pytest.raises(LockedError, match=f"shard 1/2, process {shard.pid}"):
        take(tmp_path)
    shard.end()
    take(tmp_path)


def test_lock_wait_ends_when_the_first_apply_ends(start: Start, tmp_path: Path) -> None:
    waiting = Waiting(start().end)
    with held("shop", timeout=60, state_home=tmp_path, wait=waiting.wait):
        pass
    assert 0 < waiting.slept < 1


def test_lock_wait_is_refused_after_its_timeout(start: Start, tmp_path: Path) -> None:
    start()
    waiting = Waiting()
    with pytest.raises(LockedError), held("shop", timeout=7.03, state_home=tmp_path, wait=waiting.wait):
        pass
    assert waiting.slept == pytest.approx(7.03)


def test_lock_wait_ends_at_an_interrupt(start: Start, tmp_path: Path) -> None:
    start()

    def interrupt() -> None:
        raise KeyboardInterrupt

    waiting = Waiting(interrupt)
    with pytest.raises(KeyboardInterrupt), held("shop", timeout=60, state_home=tmp_path, wait=waiting.wait):
        pass
    assert waiting.slept <= 0.1


def test_lock_goes_to_one_of_many_simultaneous_applies(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from tagsync.errors import LockedError"
        "; from tagsync.workspace.lock import held\n"
        "try:\n"
        "    with held('shop', state_home=Path(sys.argv[1])):\n"
        "        print('held', flush=True); sys.stdin.read()\n"
        "except LockedError as error: print(error, flush=True)\n"
    )
    with ExitStack() as stack:
        running = [
            stack.enter_context(
                subprocess.Popen(  # noqa: S603 - our own
                    [sys.executable, "-c", script, str(tmp_path)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in range(6)
        ]
        said = {process.pid: process.stdout.readline() for process in running if process.stdout}
        for process in running:
            process.communicate(timeout=SECONDS)
    (winner,) = (pid for pid, line in said.items() if line == "held\n")
    assert all(f"process {winner} on " in line for pid, line in said.items() if pid != winner)


def test_lock_waits_briefly_for_the_mutex(tmp_path: Path) -> None:
    take(tmp_path)
    with (folder_of(tmp_path) / "mutex").open("rb+") as mutex:
        fcntl.flock(mutex, fcntl.LOCK_EX)
        waiting = Waiting()
        with (
            pytest.raises(LockedError, match="just starting"),
            held("shop", state_home=tmp_path, wait=waiting.wait),
        ):
            pass
        assert waiting.slept == pytest.approx(MUTEX_SECONDS)
        waiting = Waiting(lambda: fcntl.flock(mutex, fcntl.LOCK_UN))
        with held("shop", state_home=tmp_path, wait=waiting.wait):
            assert 0 < waiting.slept < MUTEX_SECONDS


def test_lock_mutex_removed_meanwhile_is_created_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    take(tmp_path)
    mutex, lock_file = folder_of(tmp_path) / "mutex", fcntl.flock

    def remove_it_first(descriptor: int, operation: int) -> None:
        mutex.unlink()
        monkeypatch.setattr(fcntl, "flock", lock_file)
        lock_file(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", remove_it_first)
    waiting = Waiting()
    with held("shop", state_home=tmp_path, wait=waiting.wait):
        assert waiting.slept > 0
        assert mutex.exists()


def test_lock_files_of_dead_processes_are_removed(start: Start, tmp_path: Path) -> None:
    start(Part(1, 3)).kill()
    start(Part(2, 3)).kill()
    with held("shop", state_home=tmp_path):
        assert sorted(path.name for path in folder_of(tmp_path).iterdir()) == ["mutex", "whole"]


def test_lock_folder_keeps_files_with_other_names(tmp_path: Path) -> None:
    take(tmp_path)
    for name in ("shard-0-of-3", "shard-1-of-3.old", "wholesale", "shard-\u0661-of-\u0663"):
        (folder_of(tmp_path) / name).touch()
    before = sorted(folder_of(tmp_path).iterdir())
    take(tmp_path)
    assert sorted(folder_of(tmp_path).iterdir()) == before


@pytest.mark.parametrize(
    "content",
    [b"", b'{"pid": 12', b"\0" * 50, b"\xff\xfe", b"[" * 100_000, b'{"pid": "x"}', b"[1]", b'{"pid":1,"host":2}', LONG],
)
def test_lock_with_unreadable_content_still_excludes(tmp_path: Path, content: bytes) -> None:
    with held("shop", state_home=tmp_path):
        (folder_of(tmp_path) / "whole").write_bytes(content)
        with pytest.raises(LockedError, match="an unknown process: run again"):
            take(tmp_path)


def test_lock_content_is_escaped_and_shortened(tmp_path: Path) -> None:
    hostile = {"pid": 1, "host": "\x1b[31m\n::error::##[x]" + "h" * 300, "since": "\u202e" + "s" * 300}
    with held("shop", state_home=tmp_path):
        (folder_of(tmp_path) / "whole").write_text(json.dumps(hostile), encoding="ascii")
        with pytest.raises(LockedError) as refused:
            take(tmp_path)
    message = str(refused.value)
    assert r"process 1 on \x1b[31m\x0a::error::\x23#[x]hhh" in message
    assert message.isprintable()
    assert len(message) < 500


def test_lock_folders_and_files_are_private(tmp_path: Path) -> None:
    home = tmp_path / "deep" / "home"
    with held("shop", state_home=home):
        folders = [home.parent, home, *(path for path in home.rglob("*") if path.is_dir())]
        files = [path for path in home.rglob("*") if path.is_file()]
    assert len(folders) == 5
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o700}
    assert [path.name for path in files if path.stat().st_mode & 0o777 == 0o600] == [path.name for path in files]


def test_lock_folder_is_in_xdg_state_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with held("shop"):
        assert (folder_of(tmp_path / "state") / "whole").exists()
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("named", [None, "", "relative/state"])
def test_lock_folder_is_in_home_without_xdg_state_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    if named is not None:
        monkeypatch.setenv("XDG_STATE_HOME", named)
    with held("shop"):
        assert (folder_of(tmp_path / "home" / ".local" / "state") / "whole").exists()
    assert not (tmp_path / "relative").exists()


def test_lock_refuses_a_relative_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", "here")
    with pytest.raises(StateError, match=r"the home folder here is a relative path: set XDG_STATE_HOME"), held("shop"):
        pass


def test_lock_without_any_home_explains_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_user: int) -> None:
        raise KeyError

    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    with pytest.raises(StateError, match="there is no home folder for locks: set XDG_STATE_HOME"), held("shop"):
        pass


def test_lock_folder_that_cannot_be_created_explains_the_fix(tmp_path: Path) -> None:
    (tmp_path / "file\n").touch()
    with pytest.raises(StateError, match=r"/file\\x0a/.* cannot be used: Not a directory: set XDG_STATE_HOME to your"):
        take(tmp_path / "file\n")
    with pytest.raises(StateError, match=r"the lock folder /proc/.* cannot be used: "):
        take(Path("/proc"))


def test_lock_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    take(tmp_path)
    folder = folder_of(tmp_path)
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateError, match=r"cannot be used: "):
        take(tmp_path)


@pytest.mark.parametrize("name", ["mutex", "whole", "shard-1-of-2"])
def test_lock_file_that_is_a_link_is_refused(tmp_path: Path, name: str) -> None:
    take(tmp_path, Part(2, 2))
    (tmp_path / "precious").write_text("mine", encoding="ascii")
    (folder_of(tmp_path) / name).unlink(missing_ok=True)
    (folder_of(tmp_path) / name).symlink_to(tmp_path / "precious")
    with pytest.raises(StateError, match="cannot be used: Too many levels of symbolic links"):
        take(tmp_path)
    assert (tmp_path / "precious").read_text("ascii") == "mine"


def test_lock_folder_writable_by_others_is_refused(tmp_path: Path) -> None:
    take(tmp_path)
    folder_of(tmp_path).chmod(0o770)
    with pytest.raises(StateError, match="is writable by others: chmod 700 it, or set XDG_STATE_HOME"):
        take(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_lock_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    take(tmp_path)
    os.chown(folder_of(tmp_path), 1, -1)
    with pytest.raises(StateError, match="belongs to another user: set XDG_STATE_HOME"):
        take(tmp_path)
