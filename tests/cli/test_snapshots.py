import re
from collections.abc import Callable
from pathlib import Path

import pytest
from cli.command import Command
from cli.conftest import Build
from support import file_object, manifest

FILES = [
    file_object(f"/{number}.jpg", createdAt=moment, updatedAt=moment)
    for number in range(5)
    for moment in [f"2024-01-0{1 + number}T00:00:00.000Z"]
]
REUSE = ("plan", "--snapshot", "reuse", "--format", "json", "tags.yaml")


@pytest.fixture
def shop(world: Build) -> Callable[[], None]:
    def build() -> None:
        world(*FILES)
        Path("tags.yaml").write_text(manifest("- {match: /**, tags: [a]}"), encoding="utf-8")

    return build


def test_a_plan_makes_no_state_directory_for_a_snapshot_that_nobody_asked_for(
    tagsync: Command, shop: Callable[[], None]
) -> None:
    shop()
    assert tagsync("plan", "tags.yaml").code == 0
    assert not Path(".tagsync").exists()


def test_a_snapshot_is_kept_and_used_again(tagsync: Command, shop: Callable[[], None]) -> None:
    shop()
    ways = [tagsync(*REUSE).document["inputs"]["reading"]["way"] for _ in range(2)]
    assert ways == ["listing", "refresh"]
    (kept,) = Path(".tagsync/snapshot").glob("*.sqlite")
    assert kept.stat().st_mode & 0o777 == 0o600


def test_a_fresh_plan_leaves_a_snapshot_where_there_is_a_state_directory(
    tagsync: Command, shop: Callable[[], None]
) -> None:
    shop()
    Path(".tagsync").mkdir(mode=0o700)
    assert tagsync("plan", "--format", "json", "tags.yaml").document["inputs"]["reading"]["way"] == "listing"
    assert tagsync(*REUSE).document["inputs"]["reading"]["way"] == "refresh"


def test_text_tells_of_a_library_that_was_not_listed(tagsync: Command, shop: Callable[[], None]) -> None:
    shop()
    listed, refreshed = (tagsync("plan", "--snapshot", "reuse", "tags.yaml").out for _ in range(2))
    assert " read in " not in listed
    assert re.search(r"^  5 files read in \d calls by a refresh: only what has changed", refreshed, re.MULTILINE)


def test_without_a_state_directory_to_be_had_all_is_read_and_that_is_told(
    tagsync: Command, shop: Callable[[], None]
) -> None:
    shop()
    Path(".tagsync").symlink_to("elsewhere")
    result = tagsync(*REUSE)
    assert (result.code, result.document["inputs"]["reading"]["way"]) == (0, "listing")
    assert "warning: the whole library is read: the state directory .tagsync is a symbolic link" in result.err


def test_a_sandbox_that_starts_over_forgets_its_snapshot(tagsync: Command, library: Callable[..., Path]) -> None:
    library(*FILES)
    Path("tags.yaml").write_text(manifest("- {match: /**, tags: [a]}"), encoding="utf-8")
    tagsync(*REUSE, "--sandbox=library.jsonl")
    assert list(Path(".tagsync/snapshot").iterdir())
    tagsync("sandbox", "reset", "library.jsonl")
    assert not list(Path(".tagsync/snapshot").iterdir())


def test_an_apply_reads_anew_and_the_next_refresh_sees_what_it_did(tagsync: Command, shop: Callable[[], None]) -> None:
    shop()
    tagsync(*REUSE)
    Path("tags.yaml").write_text(manifest("- {match: /1*, tags: [a]}"), encoding="utf-8")
    assert tagsync("apply", "--yes", "tags.yaml").code == 0
    after = tagsync(*REUSE).document
    assert (after["inputs"]["reading"]["way"], after["summary"]["filesChanged"]) == ("refresh", 0)
