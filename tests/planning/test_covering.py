from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import current_file

from tagsync.model import Change, FileChange, Op, Request
from tagsync.planning.covering import cover, stage

IDS = st.integers(0, 200).map("f{}".format)
TAGS = st.lists(st.sampled_from([*"abcdefgh", "x" * 300, "y" * 300]), min_size=1, unique=True).map(
    lambda t: tuple(sorted(t))
)


@settings(max_examples=200, deadline=None)
@given(op=st.sampled_from(list(Op)), needed=st.dictionaries(IDS, TAGS, max_size=120))
def test_requests_change_exactly_what_they_should_within_the_limits(op: Op, needed: dict[str, tuple[str, ...]]) -> None:
    covered = cover(op, needed)
    cells: dict[str, list[str]] = defaultdict(list)
    for request in covered.requests:
        assert request.op == op
        assert 1 <= len(request.file_ids) <= 50
        assert op == Op.REMOVE_AI or len(",".join(request.tags)) <= 500
        for file_id in request.file_ids:
            cells[file_id].extend(request.tags)
    assert {file_id: tuple(sorted(tags)) for file_id, tags in cells.items()} == needed


@settings(max_examples=100, deadline=None)
@given(needed=st.dictionaries(IDS, TAGS, max_size=120))
def test_the_fewer_of_the_usual_ways_is_taken_and_never_beats_the_bound(needed: dict[str, tuple[str, ...]]) -> None:
    requests, costs = cover(Op.ADD, needed)
    assert len(requests) == min(costs.per_tag_set, costs.per_tag)
    assert costs.lower_bound <= len(requests) <= max(costs.per_file * 2, 0)


def test_files_with_equal_tag_sets_share_calls_of_fifty() -> None:
    requests, costs = cover(Op.ADD, {f"f{n:03d}": ("a", "b") for n in range(120)})
    assert [len(request.file_ids) for request in requests] == [50, 50, 20]
    assert costs == (3, 120, 3, 6)


def test_one_tag_at_a_time_is_taken_where_it_is_fewer() -> None:
    pairs = {f"f{n}": tuple(sorted({f"t{n % 2}", f"u{n % 3}", f"v{n % 5}"})) for n in range(30)}
    requests, costs = cover(Op.ADD, pairs)
    assert (len(requests), costs.per_tag_set, costs.per_tag) == (10, 30, 10)


def test_nothing_to_change_is_no_request() -> None:
    assert cover(Op.ADD, {}) == ((), (0, 0, 0, 0))


def change(
    path: str, *, add: str = "", remove: str = "", remove_ai: str = "", remove_first: bool = False
) -> FileChange:
    ops = ((Op.ADD, add), (Op.REMOVE, remove), (Op.REMOVE_AI, remove_ai))
    items = tuple(Change(op, tag, ()) for op, tags in ops for tag in tags.split())
    return FileChange(current_file(path), items, remove_first)


def ops(requests: tuple[Request, ...]) -> list[tuple[Op, tuple[str, ...]]]:
    return [(request.op, request.tags) for request in requests]


def test_additions_come_before_removals() -> None:
    stages = stage([change("/a", add="new", remove="old", remove_ai="Dog")])
    assert ops(stages.make_room) == []
    assert ops(stages.add) == [(Op.ADD, ("new",))]
    assert ops(stages.remove) == [(Op.REMOVE, ("old",)), (Op.REMOVE_AI, ("Dog",))]


def test_a_file_without_room_loses_its_tags_first() -> None:
    stages = stage(
        [change("/a", add="new", remove="old", remove_ai="Dog", remove_first=True), change("/b", remove="old")]
    )
    assert ops(stages.make_room) == [(Op.REMOVE, ("old",))]
    assert ops(stages.add) == [(Op.ADD, ("new",))]
    assert [request.file_ids for request in stages.remove if request.op == Op.REMOVE] == [(change("/b").file.file_id,)]


@pytest.mark.parametrize("reverse", [False, True])
def test_the_same_cells_give_the_same_requests(*, reverse: bool) -> None:
    cells = {f"f{n}": tuple(sorted({f"t{n % 7}", f"t{n % 5}"})) for n in range(300)}
    again = dict(reversed(cells.items())) if reverse else dict(cells)
    assert set(cover(Op.ADD, cells).requests[0].tags) == set(cover(Op.ADD, again).requests[0].tags)
    assert len(cover(Op.ADD, cells).requests) == len(cover(Op.ADD, again).requests)
