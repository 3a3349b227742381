from typing import Any

import pytest
from builders import AWS, ai, current_file, unpack

from tagsync.model import AITag, Change, CurrentFile, FileChange, Op
from tagsync.planning.staleness import refresh

BEFORE = current_file("/a", ["here", "old"], [ai("Dog", 10), ai("Cat", 20), ai("Elk", 90)])


def planned(before: CurrentFile = BEFORE, *, add: str = "new", remove: str = "old", remove_ai: str = "") -> FileChange:
    ops = ((Op.ADD, add), (Op.REMOVE, remove), (Op.REMOVE_AI, remove_ai))
    changes = tuple(Change(op, tag, ()) for op, tags in ops for tag in tags.split())
    return FileChange(before, changes, desired=("here",), spared=("Elk",))


def now_has(*tags: str, ai_tags: tuple[AITag, ...] = BEFORE.ai_tags) -> CurrentFile:
    return current_file("/a", tags, ai_tags)


def left(result: Any) -> list[str]:
    assert result.stale is None
    return unpack(result.change.changes) if result.change else []


def test_refresh_of_unchanged_file_keeps_everything() -> None:
    change = planned()
    assert refresh(change, BEFORE) == (change, None)


def test_refresh_drops_changes_already_made() -> None:
    assert left(refresh(planned(), now_has("here", "new", "old"))) == ["-old"]
    assert left(refresh(planned(), now_has("here"))) == ["+new"]
    assert left(refresh(planned(), now_has("here", "new"))) == []


def test_refresh_drops_addition_present_in_another_spelling() -> None:
    change = planned(add="caf\u00e9", remove="")
    assert left(refresh(change, now_has("cafe\u0301"))) == []


def test_refresh_keeps_removal_only_in_planned_spelling() -> None:
    change = planned(current_file("/a", ["caf\u00e9"]), add="", remove="caf\u00e9")
    assert left(refresh(change, current_file("/a", ["cafe\u0301"]))) == []


def test_refresh_ignores_changes_by_others() -> None:
    assert left(refresh(planned(), now_has("here", "old", "theirs", ai_tags=(ai("Fox", 3),)))) == ["+new", "-old"]


def test_refresh_of_deleted_or_moved_file_is_stale() -> None:
    assert refresh(planned(), None).stale == "the file was deleted after the plan was made"
    moved = CurrentFile(BEFORE.file_id, "/b", BEFORE.tags, BEFORE.ai_tags)
    assert refresh(planned(), moved).stale == "the file was moved to '/b' after the plan was made"


@pytest.mark.parametrize("tag", [ai("Dog", 11), ai("Dog", 10, AWS), ai("Dog", None)])
def test_refresh_with_changed_ai_tag_is_stale(tag: AITag) -> None:
    result = refresh(planned(remove_ai="Dog"), now_has("here", "old", ai_tags=(tag,)))
    assert result.stale == "AI tag 'Dog' has another confidence or source than in the plan"


def test_refresh_ignores_changes_of_ai_tags_that_stay() -> None:
    file = now_has("here", "old", ai_tags=(ai("Dog", 10), ai("Cat", 99), ai("Elk", 1)))
    assert left(refresh(planned(remove_ai="Dog"), file)) == ["+new", "-old", "~Dog"]


def test_refresh_accepts_loss_of_one_of_two_sources() -> None:
    both = current_file("/a", [], [ai("Dog", 10), ai("Dog", 5, AWS)])
    change = planned(both, add="", remove="", remove_ai="Dog")
    assert left(refresh(change, current_file("/a", [], [ai("Dog", 5, AWS)]))) == ["~Dog"]
    assert left(refresh(change, current_file("/a"))) == []


def test_refresh_over_limit_is_stale() -> None:
    assert left(refresh(planned(), now_has("here", "x" * 493))) == ["+new"]
    result = refresh(planned(), now_has("here", "x" * 494))
    assert (
        result.stale
        == "the file has other tags than in the plan: its tags would have 501 characters; ImageKit allows 500"
    )


def test_refresh_with_additions_that_do_not_fit_is_stale() -> None:
    result = refresh(planned(), now_has("here", "old", "x" * 491))
    assert result.stale is not None
    assert "its old and new tags together have 501 characters" in result.stale


def test_refresh_updates_no_op_additions() -> None:
    there = refresh(planned(add="new more"), now_has("here", "new", "old", "theirs")).change
    assert there is not None
    assert there.desired == ("here", "new")
    gone = refresh(planned(), now_has("old")).change
    assert gone is not None
    assert gone.desired == ()


def test_refresh_keeps_spared_names() -> None:
    change = refresh(planned(remove_ai="Dog"), BEFORE).change
    assert change is not None
    assert change.spared == ("Elk",)
