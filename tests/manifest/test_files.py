import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tagsync.errors import UsageError
from tagsync.manifest.files import Located, locate, read

STDIN = "<stdin>"

MIB = 1 << 20


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def located(*paths: str | Path) -> list[Located]:
    faults: list[tuple[str, str, str]] = []
    found = locate([str(path) for path in paths], lambda *fault: faults.append(fault))
    assert faults == []
    return found


def names(*paths: str | Path) -> list[str]:
    return [item.name for item in located(*paths)]


def faults_of(paths: Sequence[str | Path]) -> list[tuple[str, str]]:
    faults: list[tuple[str, str]] = []
    locate([str(path) for path in paths], lambda file, code, _: faults.append((file, code)))
    return faults


# Finding


def test_locate_finds_manifests_below_folder_sorted(tmp_path: Path) -> None:
    touch(tmp_path, "b.yml", "a.yaml", "c.json", "sub/deep/d.yaml", "a/z.yaml", "notes.txt", "yaml", "x.yaml.bak")

    assert names(tmp_path) == ["a.yaml", "a/z.yaml", "b.yml", "c.json", "sub/deep/d.yaml"]


def test_locate_skips_dot_names_and_schemas_in_folders(tmp_path: Path) -> None:
    touch(tmp_path, "a.yaml", ".hidden.yaml", ".github/b.yaml", "sub/.c.json", "manifest.schema.json", "x.schema.yaml")

    assert names(tmp_path) == ["a.yaml", "x.schema.yaml"]


@pytest.mark.parametrize("name", [".hidden.yaml", "manifest.schema.json"])
def test_locate_takes_skipped_name_given_as_path(tmp_path: Path, name: str) -> None:
    touch(tmp_path, name)

    assert names(tmp_path / name) == [name]


def test_schema_is_skipped_where_a_shell_names_it_with_manifests(tmp_path: Path) -> None:
    touch(tmp_path, "a.yaml", "manifest.schema.json", "library.jsonl", "sub/b.yaml")

    assert names(*sorted(tmp_path.iterdir())) == ["a.yaml", "sub/b.yaml"]
    assert names(tmp_path / "manifest.schema.json", tmp_path / "sub") == ["b.yaml"]


def test_locate_takes_dot_folder_given_as_path(tmp_path: Path) -> None:
    touch(tmp_path, ".tags/a.yaml")

    assert names(tmp_path / ".tags") == ["a.yaml"]


def test_locate_accepts_folder_named_like_a_manifest(tmp_path: Path) -> None:
    touch(tmp_path, "all.yaml/a.yaml")

    assert names(tmp_path) == names(tmp_path / "all.yaml", tmp_path) == ["all.yaml/a.yaml"]


def test_locate_names_are_relative_to_common_folder(tmp_path: Path) -> None:
    touch(tmp_path, "x/a.yaml", "x/y/b.yaml", "z/c.yaml")

    assert names(tmp_path / "x/y/b.yaml") == ["b.yaml"]
    assert names(tmp_path / "x") == ["a.yaml", "y/b.yaml"]
    assert names(tmp_path / "x/y", tmp_path / "x/a.yaml") == ["a.yaml", "y/b.yaml"]
    assert names(tmp_path / "z", tmp_path / "x") == ["x/a.yaml", "x/y/b.yaml", "z/c.yaml"]


def test_locate_names_do_not_depend_on_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "x/a.yaml", "x/y/b.yaml")
    absolute = names(tmp_path / "x", tmp_path / "x/y")

    monkeypatch.chdir(tmp_path / "x" / "y")
    assert names("..", ".") == names("../../x/a.yaml", "b.yaml") == absolute == ["a.yaml", "y/b.yaml"]


def test_locate_shows_file_as_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "x/a.yaml", "b.yaml")
    monkeypatch.chdir(tmp_path)

    assert [item.shown_as for item in located("x", "./b.yaml")] == ["b.yaml", "x/a.yaml"]
    assert [item.shown_as for item in located(tmp_path / "x")] == [f"{tmp_path}/x/a.yaml"]


def test_locate_finds_file_given_twice_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a.yaml", "x/b.yaml")
    (tmp_path / "link.yaml").symlink_to("a.yaml")
    monkeypatch.chdir(tmp_path)

    assert names("a.yaml", "a.yaml", "./a.yaml", "x/../a.yaml", tmp_path / "a.yaml") == ["a.yaml"]
    assert names(".", "a.yaml", "x", "x/b.yaml") == ["a.yaml", "x/b.yaml"]
    assert names("-", "-") == [STDIN]


def test_locate_ignores_order_of_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "b.yaml")
    (tmp_path / "a.yaml").symlink_to("b.yaml")
    (tmp_path / "c.yaml").symlink_to("b.yaml")
    monkeypatch.chdir(tmp_path)

    paths = ["c.yaml", "b.yaml", "./a.yaml", str(tmp_path / "a.yaml"), "-"]
    assert located(*paths) == located(*reversed(paths))
    assert names(*paths) == [STDIN, "a.yaml"]


def test_locate_takes_minus_as_standard_input() -> None:
    assert located("-") == [Located(STDIN, STDIN, None)]


def test_locate_needs_a_path() -> None:
    with pytest.raises(UsageError, match="no manifests given"):
        locate([], lambda *_: None)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("missing.yaml", "no-such-file"),
        ("missing", "no-such-file"),
        ("file.txt", "not-a-manifest"),
        ("FILE.YAML", "not-a-manifest"),
        (".yaml", "not-a-manifest"),
        ("file.txt/a.yaml", "no-such-file"),
        ("empty", "no-manifests"),
        ("x" * 5000 + ".yaml", "no-such-file"),
        ("a\0b.yaml", "no-such-file"),
    ],
)
def test_locate_reports_path_without_manifest(tmp_path: Path, name: str, code: str) -> None:
    touch(tmp_path, "file.txt", "FILE.YAML", ".yaml", "empty/notes.txt")

    assert faults_of([f"{tmp_path}/{name}"]) == [(f"{tmp_path}/{name}", code)]


def test_locate_refuses_empty_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a.yaml")
    monkeypatch.chdir(tmp_path)

    assert faults_of([""]) == [("''", "no-such-file")]


def test_locate_refuses_device() -> None:
    assert faults_of(["/dev/null"]) == [("/dev/null", "not-a-manifest")]


def test_locate_checks_all_paths(tmp_path: Path) -> None:
    touch(tmp_path, "a.yaml")
    found: list[tuple[str, str, str]] = []

    assert [item.name for item in locate([str(tmp_path / "x.yaml"), str(tmp_path)], lambda *f: found.append(f))] == [
        "a.yaml"
    ]
    assert [code for _, code, _ in found] == ["no-such-file"]


# Links


def test_locate_follows_links_inside_folder(tmp_path: Path) -> None:
    touch(tmp_path, "x/a.yaml", "x/sub/b.yaml", "x/data.txt")
    (tmp_path / "x/link.yaml").symlink_to("sub/b.yaml")
    (tmp_path / "x/named.yaml").symlink_to(tmp_path / "x/data.txt")
    (tmp_path / "x/folder").symlink_to("sub")
    (tmp_path / "x/sub/loop").symlink_to("..")

    assert names(tmp_path / "x") == ["a.yaml", "link.yaml", "named.yaml"]


@pytest.mark.parametrize("target", ["../outside.yaml", "../missing.yaml", "/dev/null", "../x2/a.yaml"])
def test_locate_refuses_link_to_file_outside(tmp_path: Path, target: str) -> None:
    touch(tmp_path, "x/a.yaml", "outside.yaml", "x2/a.yaml")
    (tmp_path / "x/link.yaml").symlink_to(target)

    assert faults_of([tmp_path / "x"]) == [(f"{tmp_path}/x/link.yaml", "symlink")]


@pytest.mark.parametrize("target", ["..", "../other", "/"])
def test_locate_refuses_link_to_folder_outside(tmp_path: Path, target: str) -> None:
    touch(tmp_path, "x/sub/a.yaml", "other/b.yaml")
    (tmp_path / "x/link").symlink_to(target)

    assert faults_of([tmp_path / "x"]) == [(f"{tmp_path}/x/link", "symlink")]


def test_locate_follows_link_between_subfolders(tmp_path: Path) -> None:
    touch(tmp_path, "x/a.yaml", "y/notes.txt")
    (tmp_path / "y/link.yaml").symlink_to("../x/a.yaml")
    (tmp_path / "y/link").symlink_to("../x")

    assert names(tmp_path) == ["x/a.yaml"]


def test_locate_ignores_link_that_is_no_manifest(tmp_path: Path) -> None:
    touch(tmp_path, "x/a.yaml", "README.md", "outside/b.yaml")
    (tmp_path / "x/README.md").symlink_to("../README.md")
    (tmp_path / "x/.hidden.yaml").symlink_to("../README.md")
    (tmp_path / "x/.hidden").symlink_to("../outside")

    assert names(tmp_path / "x") == ["a.yaml"]


def test_locate_follows_link_given_as_path(tmp_path: Path) -> None:
    touch(tmp_path, "x/sub/a.yaml", "y/b.yaml")
    (tmp_path / "x/link.yaml").symlink_to("../y/b.yaml")
    (tmp_path / "folder").symlink_to("x/sub")

    assert names(tmp_path / "x/link.yaml") == ["link.yaml"]
    assert names(tmp_path / "folder") == ["a.yaml"]


# Reading


def test_read_returns_bytes_of_manifest(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xff\x00\r\n")

    assert read(Located("a.yaml", "a.yaml", path)) == b"\xff\x00\r\n"


def test_read_refuses_more_than_64_mib(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.touch()

    # Sparse files: nothing of that size is written.
    os.truncate(path, 64 * MIB)
    assert len(read(Located("a.yaml", "a.yaml", path))) == 64 * MIB
    os.truncate(path, 64 * MIB + 1)
    with pytest.raises(ValueError, match="larger than 64 MiB: split it"):
        read(Located("a.yaml", "a.yaml", path))


def test_read_refuses_fifo_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "null.yaml").symlink_to("/dev/null")

    for name in ("pipe.yaml", "null.yaml"):
        with pytest.raises(ValueError, match="not a regular file"):
            read(Located(name, name, tmp_path / name))


def test_read_raises_oserror_if_it_cannot_open(tmp_path: Path) -> None:
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")

    for name in ("missing.yaml", "loop.yaml"):
        with pytest.raises(OSError, match=name):
            read(Located(name, name, tmp_path / name))


def test_read_returns_bytes_of_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a: \xff\r\n")))

    assert read(Located(STDIN, STDIN, None)) == b"a: \xff\r\n"


def test_read_refuses_standard_input_over_64_mib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.yaml"
    path.touch()
    os.truncate(path, 64 * MIB + 1)

    with path.open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        with pytest.raises(ValueError, match="larger than 64 MiB"):
            read(Located(STDIN, STDIN, None))


def test_read_reports_closed_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)

    with pytest.raises(ValueError, match="is closed"):
        read(Located(STDIN, STDIN, None))
