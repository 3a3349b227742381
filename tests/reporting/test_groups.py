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


def test_group_line_has_place_only_if_it_is_that_of_all_files() -> None:
    (group,) = groups(
        [
            change("/a.jpg", (Op.ADD, "x", 9), (Op.ADD, "y", 3)),
            change("/b.jpg", (Op.ADD, "x", 2), (Op.ADD, "y", 3)),
        ]
    )
    assert [(line.tag, line.origin, line.more) for line in group.lines] == [
        ("x", None, 0),
        ("y", Origin("a.yaml", 3, 1), 0),
    ]


def test_groups_by_place_separate_files_with_other_places() -> None:
    found = groups(
        [
            change("/a.jpg", (Op.ADD, "x", 9)),
            change("/b.jpg", (Op.ADD, "x", 2)),
            change("/c.jpg", (Op.ADD, "x", 9)),
        ]
    ).by_place()
    assert [(group.paths, [line.origin for line in group.lines]) for group in found] == [
        (("/a.jpg", "/c.jpg"), [Origin("a.yaml", 9, 1)]),
        (("/b.jpg",), [Origin("a.yaml", 2, 1)]),
    ]


def test_group_line_counts_places_beyond_the_first() -> None:
    reasons = tuple(Reason(Origin("a.yaml", line, 1), "tags") for line in (7, 3, 5, 3))
    (group,) = groups([FileChange(current_file("/a.jpg"), (Change(Op.ADD, "x", reasons),))])
    assert [(line.origin, line.more) for line in group.lines] == [(Origin("a.yaml", 3, 1), 2)]


def test_group_line_without_reason_has_no_place() -> None:
    (group,) = groups([FileChange(current_file("/a.jpg"), (Change(Op.ADD, "x", ()),))])
    assert group.lines == ((Op.ADD, "x", None, 0, None),)


def naively(
    changes: Sequence[FileChange], *, by_place: bool
) -> list[tuple[list[str], list[tuple[Op, str, Origin | None, int]]]]:
    same: dict[tuple[object, ...], list[FileChange]] = {}
    for change in changes:
        key = tuple((item.op, item.tag, item.because if by_place else ()) for item in change.changes)
        same.setdefault(key, []).append(change)
    found = []
    for members in same.values():
        lines = []
        for number, (op, tag, _) in enumerate(members[0].changes):
            each = {tuple(reason.origin for reason in member.changes[number].because) for member in members}
            places = sorted(set(each.pop())) if len(each) == 1 else []
            lines.append((op, tag, places[0] if places else None, max(0, len(places) - 1)))
        found.append(([member.file.path for member in members], lines))
    return sorted(found, key=lambda item: (-len(item[0]), item[0]))


@pytest.mark.parametrize("by_place", [True, False])
@pytest.mark.parametrize("is_sorted", [True, False])
def test_groups_match_naive_grouping(*, is_sorted: bool, by_place: bool) -> None:
    changes = tuple(many_changes(500)) if is_sorted else tuple(many_changes(500))[::-1]
    found = groups(keep(changes)).by_place() if by_place else groups(keep(changes))
    expected = naively(changes, by_place=by_place)
    assert [([*group.paths], [line[:4] for line in group.lines]) for group in found] == expected


def test_groups_count_files_and_put_removals_first() -> None:
    found = groups(keep(many_changes(500)))
    assert (len(found), found.files(3), len(found[2:4])) == (10, 350, 2)
    (first, *_) = found.removals_first()
    assert [line.op for line in first.lines] == [Op.REMOVE_AI, Op.ADD]
