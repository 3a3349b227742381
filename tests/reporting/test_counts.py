"""Changes counted by operation and tag, and by folder."""

from builders import current_file

from tagsync.model import Cause, Change, FileChange, Op, Origin, Reason
from tagsync.reporting.counts import count_changes

MAX_PLACES = 100

ADD, REMOVE, REMOVE_AI = Op.ADD, Op.REMOVE, Op.REMOVE_AI


def place(line: int) -> Origin:
    return Origin("a.yaml", line, 1)


def change(path: str, *items: tuple[Op, str, int]) -> FileChange:
    """Return a file's changes from op, tag and the line that asked for it."""
    return FileChange(
        current_file(path), tuple(Change(op, tag, (Reason(place(line), "tags"),)) for op, tag, line in items)
    )


def test_counts_put_irreversible_and_frequent_changes_first() -> None:
    found = count_changes(
        [
            change("/a.jpg", (ADD, "rare", 1), (ADD, "x", 1), (REMOVE, "old", 2)),
            change("/b.jpg", (ADD, "x", 1), (REMOVE_AI, "Person", 3)),
        ],
        {},
    )
    assert found.operations == [
        (REMOVE_AI, "Person", 1, place(3), 0, None, None),
        (REMOVE, "old", 1, place(2), 0, None, None),
        (ADD, "x", 2, place(1), 0, None, None),
        (ADD, "rare", 1, place(1), 0, None, None),
    ]


def test_counts_of_folders_have_files_and_changes_of_each_kind() -> None:
    changes = [
        change("/x/b.jpg", (ADD, "x", 1)),
        change("/x/y/a.jpg", (REMOVE_AI, "Dog", 1), (REMOVE, "old", 1)),
        change("/a.jpg", (ADD, "x", 1)),
        change("/x/a.jpg", (ADD, "x", 1), (ADD, "z", 1)),
    ]
    assert count_changes(changes, {}).folders == [
        ("/x/", 2, 3, 0, 0),
        ("/x/y/", 1, 0, 1, 1),
        ("/", 1, 1, 0, 0),
    ]


def test_counts_name_the_first_place_and_how_many_others_there_are() -> None:
    changes = [change("/a.jpg", (ADD, "x", 9)), change("/b.jpg", (ADD, "x", 3)), change("/c.jpg", (ADD, "x", 9))]
    (found,) = count_changes(changes, {}).operations
    assert (found.origin, found.more) == (place(3), 1)


def test_counts_stop_counting_places_at_a_limit() -> None:
    changes = [change(f"/{line}.jpg", (ADD, "x", line)) for line in range(1, 3 * MAX_PLACES)]
    (found,) = count_changes(changes, {}).operations
    assert (found.origin, found.more) == (place(1), MAX_PLACES)


def test_counts_give_a_cause_only_if_all_files_have_the_same() -> None:
    changes = [change("/a.jpg", (ADD, "x", 1), (ADD, "y", 1)), change("/b.jpg", (ADD, "x", 1))]
    causes = {
        (changes[0].file_id, ADD, "x"): Cause.REMOVED,
        (changes[0].file_id, ADD, "y"): Cause.MANIFEST,
        (changes[1].file_id, ADD, "x"): Cause.MANIFEST,
    }
    assert {item.tag: item.cause for item in count_changes(changes, causes).operations} == {
        "x": None,
        "y": Cause.MANIFEST,
    }
