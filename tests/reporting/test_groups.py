from collections.abc import Sequence

import pytest
from builders import current_file, many_changes

from tagsync.documents.changes import keep
from tagsync.model import Change, FileChange, Op, Origin, Reason
from tagsync.reporting.groups import groups


def change(path: str, *items: tuple[Op, str, int]) -> FileChange:
    """Return a file's changes from op, tag and the line that asked for it."""
    return FileChange(
        current_file(path),
        tuple(Change(op, tag, (Reason(Origin("a.yaml", line, 1), "tags"),)) for op, tag, line in items),
    )


def test_groups_combine_files_with_same_changes_largest_first() -> None:
    found = groups(
        [
            change("/a.jpg", (Op.REMOVE, "x", 1)),
            change("/b.jpg", (Op.ADD, "x", 1)),
            change("/c.jpg", (Op.ADD, "x", 1)),
            change("/d.jpg", (Op.ADD, "x", 1), (Op.ADD, "y", 1)),
        ]
    )
    assert [group.paths for group in found] == [("/b.jpg", "/c.jpg"), ("/a.jpg",), ("/d.jpg",)]


def test_groups_of_one_size_are_sorted_by_first_path() -> None:
    found = groups([change("/b.jpg", (Op.ADD, "x", 1)), change("/a.jpg", (Op.ADD, "y", 1))])
    assert [group.paths for group in found] == [("/a.jpg",), ("/b.jpg",)]


def test_group_line_has_first_place_and_whether_there_are_more() -> None:
    (group,) = groups(
        [
            change("/a.jpg", (Op.ADD, "x", 9), (Op.ADD, "y", 3)),
            change("/b.jpg", (Op.ADD, "x", 2), (Op.ADD, "y", 3)),
        ]
    )
    assert [(line.tag, line.origin, line.more) for line in group.lines] == [
        ("x", Origin("a.yaml", 2, 1), True),
        ("y", Origin("a.yaml", 3, 1), False),
    ]


def test_group_line_without_reason_has_no_place() -> None:
    (group,) = groups([FileChange(current_file("/a.jpg"), (Change(Op.ADD, "x", ()),))])
    assert group.lines == ((Op.ADD, "x", None, False, None),)


def naively(changes: Sequence[FileChange]) -> list[tuple[list[str], list[tuple[Op, str, Origin, bool]]]]:
    same: dict[tuple[tuple[Op, str], ...], list[FileChange]] = {}
    for change in changes:
        same.setdefault(tuple((item.op, item.tag) for item in change.changes), []).append(change)
    found = []
    for key, members in same.items():
        lines = []
        for number, (op, tag) in enumerate(key):
            places = {reason.origin for member in members for reason in member.changes[number].because}
            lines.append((op, tag, min(places), len(places) > 1))
        found.append(([member.file.path for member in members], lines))
    return sorted(found, key=lambda item: (-len(item[0]), item[0]))


@pytest.mark.parametrize("is_sorted", [True, False])
def test_groups_match_naive_grouping(is_sorted: bool) -> None:  # noqa: FBT001
    changes = tuple(many_changes(500)) if is_sorted else tuple(many_changes(500))[::-1]
    found = groups(keep(changes))
    assert [([*group.paths], [line[:4] for line in group.lines]) for group in found] == naively(changes)
    assert (len(found), found.files(3), len(found[2:4])) == (10, 350, 2)
    (first, *_) = found.removals_first()
    assert [line.op for line in first.lines] == [Op.REMOVE_AI, Op.ADD]
