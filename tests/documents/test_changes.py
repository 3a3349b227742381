from dataclasses import replace

from builders import ai, current_file

from tagsync.documents.changes import Changes, file_ids_of, keep, lines_of
from tagsync.model import Change, FileChange, Op, Origin, Reason


def test_changes_in_a_temporary_file_are_returned_unchanged() -> None:
    odd = current_file("/odd", ["caf\u00e9"], [ai("Dog", 10), ai("Cat", None)])
    because = (Reason(Origin("a:1:2\n.yaml", 7, 9), "tags"), Reason(Origin("b", 1, 1), "until"))
    changes = [
        FileChange(current_file("/a"), (Change(Op.ADD, "t", because),)),
        FileChange(
            replace(odd, path="/\ud800\n\t##[x]", created_at="2026-01-01\n\t"),
            (
                Change(Op.ADD, "\ud800", because),
                Change(Op.REMOVE, "caf\u00e9", ()),
                Change(Op.REMOVE_AI, "Dog", because),
            ),
            desired=("d",),
            spared=("s",),
            relies=("r",),
        ),
    ]
    found = keep(changes)
    assert isinstance(found, Changes)
    assert list(found) == changes
    assert [item.file.created_at for item in found] == ["", "2026-01-01\n\t"]
    assert list(lines_of(found)) == list(lines_of(changes))
    assert list(file_ids_of(found)) == list(file_ids_of(changes)) == [change.file_id for change in changes]
