import os
import subprocess
import sys
from pathlib import Path

import pytest

from tagsync.errors import StateError
from tagsync.state import state_directory


def git(*arguments: str, cwd: Path) -> None:
    subprocess.run(["git", *arguments], cwd=cwd, check=True, capture_output=True)  # noqa: S603, S607 - a test's own repository


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git("init", "--quiet", cwd=tmp_path)
    return tmp_path


def test_a_missing_directory_is_made_private_and_ignored_by_git(tmp_path: Path) -> None:
    path = tmp_path / "below" / ".tagsync"
    assert state_directory(path) == path
    assert path.stat().st_mode & 0o777 == 0o700
    assert (path / ".gitignore").read_text(encoding="ascii") == "*\n"


def test_a_directory_that_is_there_is_used_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / ".tagsync"
    state_directory(path)
    (path / "kept").touch()
    assert state_directory(path) == path
    assert sorted(item.name for item in path.iterdir()) == [".gitignore", "kept"]


def test_git_ignores_what_is_kept_there(repository: Path) -> None:
    (state_directory(repository / ".tagsync") / "library.sqlite").touch()
    listed = subprocess.run(
        ["git", "status", "--porcelain"],  # noqa: S607 - the user's own git
        cwd=repository,
        check=True,
        capture_output=True,
    )
    assert listed.stdout == b""


def test_a_link_is_refused_even_to_a_good_directory(tmp_path: Path) -> None:
    state_directory(tmp_path / "real")
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(StateError, match="link is a symbolic link: name the folder itself"):
        state_directory(tmp_path / "link")


def test_a_dangling_link_is_refused_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("elsewhere")
    with pytest.raises(StateError, match="is a symbolic link"):
        state_directory(tmp_path / "link")
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match="file is not a folder: name another with --state-dir"):
        state_directory(tmp_path / "file")


def test_a_directory_below_a_file_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match="cannot be used: Not a directory"):
        state_directory(tmp_path / "file" / "state")


def test_a_directory_that_cannot_be_made_is_refused_with_the_reason() -> None:
    with pytest.raises(StateError, match="the state directory /proc/tagsync cannot be made"):
        state_directory(Path("/proc/tagsync"))


def test_a_name_too_long_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="cannot be used: File name too long"):
        state_directory(tmp_path / ("x" * 300))


def test_a_directory_of_someone_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="belongs to another user: name another with --state-dir"):
        state_directory(foreign_directory(tmp_path))


def foreign_directory(tmp_path: Path) -> Path:
    if os.geteuid():
        return Path("/")
    # Root owns what it makes, but can give it away.
    path = tmp_path / "foreign"
    path.mkdir()
    os.chown(path, 1, -1)
    return path


def test_a_directory_that_git_tracks_is_refused(repository: Path) -> None:
    path = state_directory(repository / ".tagsync")
    git("add", "--force", ".tagsync/.gitignore", cwd=repository)
    with pytest.raises(StateError, match="is tracked by git: run git rm -r --cached on it, or name another"):
        state_directory(path)


def test_a_directory_that_git_tracks_is_refused_from_within_a_folder_below(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state_directory(repository / "team" / ".tagsync")
    git("add", "--force", "team", cwd=repository)
    monkeypatch.chdir(repository / "team")
    with pytest.raises(StateError, match="is tracked by git"):
        state_directory(Path(".tagsync"))


def test_other_files_that_git_tracks_do_not_matter(repository: Path) -> None:
    (repository / "tags.yaml").touch()
    git("add", "tags.yaml", cwd=repository)
    path = state_directory(repository / ".tagsync")
    assert state_directory(path) == path


def test_without_git_nothing_is_tracked(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = state_directory(repository / ".tagsync")
    git("add", "--force", ".tagsync/.gitignore", cwd=repository)
    monkeypatch.setenv("PATH", str(repository))
    assert state_directory(path) == path


def test_a_hostile_name_is_harmless_in_the_message(tmp_path: Path) -> None:
    (tmp_path / "a\n\x1b[31m").touch()
    with pytest.raises(StateError) as caught:
        state_directory(tmp_path / "a\n\x1b[31m")
    assert r"a\x0a\x1b[31m is not a folder" in str(caught.value)


STARTER = """
import sys
from pathlib import Path
from tagsync.state import state_directory

print("ready", flush=True)
sys.stdin.readline()
state_directory(Path(sys.argv[1]))
"""


def test_of_processes_that_make_it_at_once_none_fails(tmp_path: Path) -> None:
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


def test_one_that_another_process_has_just_made_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, look = tmp_path / "state", Path.lstat

    def look_too_early(_self: Path) -> os.stat_result:
        monkeypatch.setattr(Path, "lstat", look)
        path.mkdir()
        raise FileNotFoundError

    monkeypatch.setattr(Path, "lstat", look_too_early)
    assert state_directory(path) == path
