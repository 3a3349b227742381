import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tagsync.errors import StateError
from tagsync.workspace.state_dir import check_database, check_file, open_file, state_directory, state_folder

DATABASE_SUFFIXES = ("", "-wal", "-shm", "-journal")


def git(*arguments: str, cwd: Path) -> None:
    subprocess.run(["git", *arguments], cwd=cwd, check=True, capture_output=True)  # noqa: S603, S607 - a test's own repository


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git("init", "--quiet", cwd=tmp_path)
    return tmp_path


def test_state_directory_is_created_private_and_ignored_by_git(tmp_path: Path) -> None:
    path = tmp_path / "below" / ".tagsync"
    assert state_directory(path) == path
    assert path.stat().st_mode & 0o777 == 0o700
    assert (path / ".gitignore").read_text(encoding="ascii") == "*\n"


def test_state_directory_that_exists_is_used(tmp_path: Path) -> None:
    path = tmp_path / ".tagsync"
    state_directory(path)
    (path / "kept").touch()
    assert state_directory(path) == path
    assert sorted(item.name for item in path.iterdir()) == [".gitignore", "kept"]


def test_state_directory_content_is_ignored_by_git(repository: Path) -> None:
    (state_directory(repository / ".tagsync") / "library.sqlite").touch()
    listed = subprocess.run(
        ["git", "status", "--porcelain"],  # noqa: S607 - the user's own git
        cwd=repository,
        check=True,
        capture_output=True,
    )
    assert listed.stdout == b""


def test_state_directory_that_is_a_link_is_refused(tmp_path: Path) -> None:
    state_directory(tmp_path / "real")
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(StateError, match="link is a symbolic link: use the folder itself"):
        state_directory(tmp_path / "link")


def test_state_directory_that_is_a_dangling_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("elsewhere")
    with pytest.raises(StateError, match="is a symbolic link"):
        state_directory(tmp_path / "link")
    assert not (tmp_path / "elsewhere").exists()


def test_state_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match="file is not a folder: use another --state-dir"):
        state_directory(tmp_path / "file")


def test_state_directory_below_a_file_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match="cannot be used: Not a directory"):
        state_directory(tmp_path / "file" / "state")


def test_state_directory_that_cannot_be_created_is_refused_with_the_reason() -> None:
    with pytest.raises(StateError, match="the state directory /proc/tagsync cannot be created"):
        state_directory(Path("/proc/tagsync"))


def test_state_directory_with_too_long_a_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="cannot be used: File name too long"):
        state_directory(tmp_path / ("x" * 300))


def test_state_directory_of_another_user_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="belongs to another user: use another --state-dir"):
        state_directory(foreign_directory(tmp_path))


def foreign_directory(tmp_path: Path) -> Path:
    if os.geteuid():
        return Path("/")
    # Root owns the files that it creates, but can give them away.
    path = tmp_path / "foreign"
    path.mkdir()
    os.chown(path, 1, -1)
    return path


def test_state_directory_tracked_by_git_is_refused(repository: Path) -> None:
    path = state_directory(repository / ".tagsync")
    git("add", "--force", ".tagsync/.gitignore", cwd=repository)
    with pytest.raises(StateError, match=r"is tracked by git: run git rm -r --cached .*, or use another --state-dir"):
        state_directory(path)


def test_state_directory_tracked_by_git_is_refused_from_a_subfolder(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state_directory(repository / "team" / ".tagsync")
    git("add", "--force", "team", cwd=repository)
    monkeypatch.chdir(repository / "team")
    with pytest.raises(StateError, match="is tracked by git"):
        state_directory(Path(".tagsync"))


def test_state_directory_ignores_other_tracked_files(repository: Path) -> None:
    (repository / "tags.yaml").touch()
    git("add", "tags.yaml", cwd=repository)
    path = state_directory(repository / ".tagsync")
    assert state_directory(path) == path


def test_state_directory_without_git_is_not_tracked(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = state_directory(repository / ".tagsync")
    git("add", "--force", ".tagsync/.gitignore", cwd=repository)
    monkeypatch.setenv("PATH", str(repository))
    assert state_directory(path) == path


def test_state_directory_name_is_escaped_in_messages(tmp_path: Path) -> None:
    (tmp_path / "a\n\x1b[31m").touch()
    with pytest.raises(StateError) as caught:
        state_directory(tmp_path / "a\n\x1b[31m")
    assert r"a\x0a\x1b[31m is not a folder" in str(caught.value)


def logged_git(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a fake git on the PATH that records how it is run, and return the record's path."""
    real, log = shutil.which("git"), folder / "log"
    (folder / "bin").mkdir()
    (folder / "bin" / "git").write_text(f'#!/bin/sh\necho "$@" >> {log}\nexec {real} "$@"\n')
    (folder / "bin" / "git").chmod(0o700)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}:{os.environ['PATH']}")
    return log


def test_state_directory_asks_git_once_for_each_index(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git("commit", "--quiet", "--allow-empty", "-m", "any", cwd=repository)
    log = logged_git(repository, monkeypatch)
    path = state_directory(repository / ".tagsync")
    for _ in range(5):
        state_directory(path)
    assert log.read_text().count("ls-files") == 1
    git("add", "--force", ".tagsync/.gitignore", cwd=repository)
    for _ in range(2):
        with pytest.raises(StateError, match="is tracked by git"):
            state_directory(path)
    assert log.read_text().count("ls-files") == 2


def test_state_directory_runs_no_program_of_the_repository(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hook = repository / "hook"
    hook.write_text(f"#!/bin/sh\ntouch {repository / 'ran'}\n")
    hook.chmod(0o700)
    git("add", "hook", cwd=repository)
    git("config", "core.fsmonitor", str(hook), cwd=repository)
    monkeypatch.setenv("GIT_DIR", "elsewhere")
    path = state_directory(repository / ".tagsync")
    monkeypatch.delenv("GIT_DIR")
    git("-c", "core.fsmonitor=false", "add", "--force", ".tagsync/.gitignore", cwd=repository)
    with pytest.raises(StateError, match="is tracked by git"):
        state_directory(path)
    assert not (repository / "ran").exists()


def test_state_directory_name_is_literal_for_git(repository: Path) -> None:
    (repository / "xa").touch()
    git("add", "xa", cwd=repository)
    for name in ("x*", "[x]a", ":(top)"):
        path = state_directory(repository / name)
        git("add", "--force", "xa", cwd=repository)
        assert state_directory(path) == path


def test_state_directory_in_a_linked_work_tree_is_checked(repository: Path) -> None:
    git("commit", "--quiet", "--allow-empty", "-m", "any", cwd=repository)
    git("worktree", "add", "--quiet", "tree", cwd=repository)
    path = state_directory(repository / "tree" / ".tagsync")
    state_directory(path)
    git("add", "--force", ".tagsync/.gitignore", cwd=repository / "tree")
    with pytest.raises(StateError, match="is tracked by git"):
        state_directory(path)


@pytest.mark.parametrize("mode", [0o770, 0o720, 0o707, 0o702, 0o777, 0o1777])
@pytest.mark.parametrize("name", ["state", "state/journal"])
def test_state_directory_writable_by_others_is_refused(tmp_path: Path, name: str, mode: int) -> None:
    state_folder(tmp_path / "state", "journal")
    (tmp_path / name).chmod(mode)
    with pytest.raises(StateError, match="is writable by others: chmod 700 it, or use another --state-dir"):
        state_folder(tmp_path / "state", "journal")
    (tmp_path / name).chmod(0o755)
    assert state_folder(tmp_path / "state", "journal").is_dir()


def test_state_directory_of_a_faster_process_gets_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, make = tmp_path / "state", Path.mkdir

    def make_too_late(self: Path, *args: Any, **given: Any) -> None:
        if self == path:
            make(path)
            (path / ".gitignore").symlink_to(tmp_path / "victim")
        make(self, *args, **given)

    monkeypatch.setattr(Path, "mkdir", make_too_late)
    assert state_directory(path) == path
    assert not (tmp_path / "victim").exists()


def linked(path: Path) -> None:
    path.with_name("victim").write_text("precious")
    path.symlink_to("victim")


def linked_hard(path: Path) -> None:
    path.with_name("victim").write_text("precious")
    path.hardlink_to(path.with_name("victim"))


def bound(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))


HOSTILE: dict[str, Callable[[Path], Any]] = {
    "link": linked,
    "dangling link": lambda path: path.symlink_to("nowhere"),
    "hard link": linked_hard,
    "pipe": os.mkfifo,
    "folder": Path.mkdir,
    "socket": bound,
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("suffix", DATABASE_SUFFIXES)
def test_state_file_that_is_not_regular_is_refused_without_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, suffix: str
) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket has to be short
    HOSTILE[kind](Path(f"a{suffix}"))
    with pytest.raises(StateError, match=f"a{suffix} (cannot be used|is not a regular file of yours): .*remove it"):
        check_database(Path("a"))
    for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_RDWR | os.O_CREAT | os.O_APPEND):
        with pytest.raises((StateError, OSError)):
            open_file(f"a{suffix}", flags)


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_state_file_writable_by_others_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "a"
    path.touch()
    path.chmod(mode)
    with pytest.raises(StateError, match="a is not a regular file of yours: remove it"):
        check_file(path)


def test_state_file_is_created_private(tmp_path: Path) -> None:
    path = tmp_path / "a"
    assert not check_file(path)
    os.close(open_file(path, os.O_WRONLY | os.O_CREAT))
    assert check_file(path)
    assert path.stat().st_mode & 0o777 == 0o600


STARTER = """
import sys
from pathlib import Path
from tagsync.workspace.state_dir import state_directory

print("ready", flush=True)
sys.stdin.readline()
state_directory(Path(sys.argv[1]))
"""


def test_state_directory_created_by_many_processes_is_fine(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "state"
    command = [sys.executable, "-c", STARTER, str(path)]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603 - our own
        for _ in range(8)
    ]
    for process in started:
        assert process.stdout
        process.stdout.readline()
    for process in started:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate(timeout=30)[1] for process in started] == [""] * 8
    assert (path / ".gitignore").read_text() == "*\n"


def test_state_directory_just_created_by_another_process_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, look = tmp_path / "state", Path.lstat

    def look_too_early(_self: Path) -> os.stat_result:
        monkeypatch.setattr(Path, "lstat", look)
        path.mkdir()
        raise FileNotFoundError

    monkeypatch.setattr(Path, "lstat", look_too_early)
    assert state_directory(path) == path
