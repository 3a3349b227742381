"""Declared files that share a path or cannot be read: the rest is applied, and the exit code is 3."""

import re
from pathlib import Path

import pytest
from builders import file_object, id_of, manifest
from cli.command import Command
from cli.conftest import Build, World

TWIN = "f" * 24


@pytest.fixture
def twins(world: Build) -> World:
    return world(file_object("/a.jpg"), file_object("/a.jpg", fileId=TWIN), file_object("/b.jpg"))


@pytest.fixture
def unreadable(world: Build) -> World:
    made = world(file_object("/a.jpg"), file_object("/b.jpg"))
    made.store._db.execute("UPDATE files SET tags = '\"red\"' WHERE file_id = ?", (id_of("/a.jpg"),))
    return made


def declare(text: str) -> None:
    Path("tags.yaml").write_text(manifest(text), encoding="utf-8")


@pytest.mark.parametrize(
    "entries", ["- {match: /*.jpg, tags: [x]}", "- {path: /a.jpg, tags: [x]}\n- {path: /b.jpg, tags: [x]}"]
)
def test_apply_changes_the_rest_and_exits_3_if_declared_files_share_a_path(
    tagsync: Command, twins: World, entries: str
) -> None:
    declare(entries)
    for _ in range(2):
        result = tagsync("apply", "--yes", "tags.yaml")
        assert result.code == 3
        assert re.search(r"warning: tags\.yaml:5:\d+: 2 files have the same path '/a\.jpg'", result.err)
        assert all(file_id in result.err for file_id in (TWIN, id_of("/a.jpg")))
        assert (twins.tags("/a.jpg"), twins.tags("/b.jpg")) == (set(), {"x"})


def test_apply_exits_0_once_one_of_the_files_that_share_a_path_is_declared_by_id(
    tagsync: Command, twins: World
) -> None:
    declare(f"- {{fileId: {id_of('/a.jpg')!r}, tags: [x]}}")
    assert tagsync("apply", "--yes", "tags.yaml").code == 0
    assert twins.tags("/a.jpg") == {"x"}


@pytest.mark.parametrize(
    "entries", ["- {match: /*.jpg, tags: [x]}", "- {path: /a.jpg, tags: [x]}\n- {path: /b.jpg, tags: [x]}"]
)
def test_apply_changes_the_rest_and_exits_3_if_a_declared_file_cannot_be_read(
    tagsync: Command, unreadable: World, entries: str
) -> None:
    declare(entries)
    assert tagsync("plan", "--out", "plan.json", "tags.yaml").code == 0
    result = tagsync("apply", "plan.json")
    assert result.code == 3
    assert f"the ID '{id_of('/a.jpg')}' and the path '/a.jpg' that tagsync cannot read" in result.err
    assert unreadable.tags("/b.jpg") == {"x"}
    assert tagsync("apply", "--yes", "tags.yaml").code == 3


def test_apply_exits_0_if_a_file_that_cannot_be_read_is_not_declared(tagsync: Command, unreadable: World) -> None:
    declare("- {path: /b.jpg, tags: [x]}")
    result = tagsync("apply", "--yes", "tags.yaml")
    assert (result.code, unreadable.tags("/b.jpg")) == (0, {"x"})
    assert id_of("/a.jpg") in result.err


def test_plan_keeps_what_it_learned_of_a_library_in_the_state_directory(tagsync: Command, world: Build) -> None:
    world(
        *(
            file_object(f"/{n}.jpg", createdAt=f"2024-01-01T{n // 3600:02d}:{n // 60 % 60:02d}:{n % 60:02d}Z")
            for n in range(4_100)
        )
    )
    declare("- {path: /3000.jpg, tags: [x]}")
    assert tagsync("plan", "tags.yaml").code == 0
    assert not Path(".tagsync").exists()
    Path(".tagsync").mkdir(mode=0o700)
    assert tagsync("plan", "tags.yaml").code == 0
    assert [path.stat().st_mode & 0o777 for path in Path(".tagsync/facts").iterdir()] == [0o600]


@pytest.mark.usefixtures("unreadable")
def test_export_names_the_files_that_it_cannot_read(tagsync: Command) -> None:
    result = tagsync("export")
    assert result.code == 0
    assert f"warning: ImageKit lists a file with the ID '{id_of('/a.jpg')}'" in result.err
