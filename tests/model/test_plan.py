from builders import ai, current_file

from tagsync.model import Change, ChangeReason, FileChange, Op, Origin, Reason


def test_file_change_names_its_tags_and_reasons() -> None:
    first, second = Origin("a.yaml", 3, 7), Origin("b.yaml", 1, 2)
    change = FileChange(
        current_file("/shop/red.jpg", ["old"], [ai("Dog", 50)]),
        (
            Change(Op.ADD, "new", (Reason(first, "tags"), Reason(second, "tags"))),
            Change(Op.REMOVE, "old", (Reason(second, "absent"),)),
            Change(Op.REMOVE_AI, "Dog", ()),
        ),
    )
    assert (change.path, change.file_id) == (change.file.path, change.file.file_id)
    assert (change.add, change.remove, change.remove_ai) == (("new",), ("old",), ("Dog",))
    assert change.reasons == (
        ChangeReason(Op.ADD, "new", first, "tags"),
        ChangeReason(Op.ADD, "new", second, "tags"),
        ChangeReason(Op.REMOVE, "old", second, "absent"),
    )
