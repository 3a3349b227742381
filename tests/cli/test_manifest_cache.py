"""What was read of manifests is kept in the state directory, where there is one."""

from collections.abc import Callable
from pathlib import Path

from cli.command import Command
from support import file_object, manifest

CACHE = Path(".tagsync/manifests.sqlite")


def write_manifest() -> None:
    entries = "".join(f"- {{path: /{n}.jpg, tags: [red], ifMissing: skip}}\n" for n in range(1_000))
    Path("tags.yaml").write_text(manifest(entries))


def test_validate_makes_no_state_directory(tagsync: Command) -> None:
    write_manifest()

    assert tagsync("validate", "tags.yaml").code == 0
    assert not Path(".tagsync").exists()


def test_validate_and_plan_use_the_one_that_is_there(tagsync: Command, library: Callable[..., Path]) -> None:
    write_manifest()
    seeded = library(file_object("/1.jpg", ["red"]))

    planned = tagsync("plan", "--sandbox", seeded, "--format", "json", "tags.yaml")
    assert CACHE.exists()
    CACHE.unlink()
    validated = tagsync("validate", "tags.yaml")
    assert CACHE.exists()

    assert tagsync("validate", "tags.yaml") == validated
    again = tagsync("plan", "--sandbox", seeded, "--format", "json", "tags.yaml")
    assert again.document["digest"] == planned.document["digest"]


def test_a_state_directory_that_is_not_fit_is_no_matter_to_validate(tagsync: Command) -> None:
    write_manifest()
    Path("elsewhere").mkdir()
    Path(".tagsync").symlink_to("elsewhere")

    assert tagsync("validate", "tags.yaml").code == 0
    assert list(Path("elsewhere").iterdir()) == []
