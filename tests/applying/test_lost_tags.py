from builders import changed, current_file

from tagsync.applying.lost_tags import LostTags
from tagsync.model import CurrentFile, Op

CHANGE = changed(current_file("/a", ["cafe\u0301", "keep", "old"]), (Op.ADD, "new"), (Op.REMOVE, "old"))


def warned(now: CurrentFile, before: CurrentFile | None = CHANGE.file) -> list[str]:
    lost = LostTags()
    lost.begin({CHANGE.file.file_id: before})
    lost.check(CHANGE, now)
    return [warning.message.partition(" during")[0] for warning in lost.warnings()]


def test_lost_tags_are_those_that_the_plan_keeps() -> None:
    assert warned(current_file("/a", ["caf\u00e9", "keep", "new"])) == []
    assert warned(current_file("/a", ["caf\u00e9", "new"])) == ["1 file lost tags"]


def test_lost_tags_leave_out_those_removed_before_the_apply() -> None:
    now = current_file("/a", ["new"])
    assert warned(now, before=current_file("/a", ["old"])) == []
    assert warned(now, before=None) == []
