import os
import subprocess
import sys
from collections.abc import Iterable, Sequence

import pytest
from builders import ai, current_file, id_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tagsync.model import AITag, Change, FileChange, Op, Request, normalized
from tagsync.planning.covering import free_cells, portfolio, regroup, stage
from tagsync.planning.covering.matrix import Wanted
from tagsync.planning.covering.partition import parts

NFC, NFD = "caf\u00e9", "cafe\u0301"
WORDS = [*"abcdefgh", "x" * 300, "y" * 300, NFC, NFD]


def change(
    path: str,
    *,
    add: str = "",
    remove: str = "",
    remove_ai: str = "",
    has: str = "",
    keeps: Sequence[AITag] = (),
    spared: str = "",
) -> FileChange:
    """Return a file's change; `has` are declared tags that are there, `keeps` AI tags that stay."""
    ops = ((Op.ADD, add), (Op.REMOVE, remove), (Op.REMOVE_AI, remove_ai))
    items = tuple(Change(op, tag, ()) for op, tags in ops for tag in sorted(tags.split()))
    file = current_file(path, [*has.split(), *remove.split()], [*map(ai, remove_ai.split()), *keeps])
    return FileChange(file, items, tuple(has.split()), tuple(spared.split()))


@st.composite
def file_changes(draw: st.DrawFn, path: str) -> FileChange:
    """Return the change of a file, drawn as one word for each part."""
    fates = draw(st.dictionaries(st.sampled_from(WORDS), st.sampled_from("AHRGKS"), min_size=1, max_size=6))
    by_fate = {fate: " ".join(word for word in fates if fates[word] == fate) for fate in "AHRGKS"}
    spared = {normalized(word) for word in by_fate["S"].split()}
    gone = " ".join(word for word in by_fate["G"].split() if normalized(word) not in spared)
    return change(
        path,
        add=by_fate["A"],
        has=by_fate["H"],
        remove=by_fate["R"],
        remove_ai=gone,
        keeps=[ai(word) for word in by_fate["K"].split()],
        spared=by_fate["S"],
    )


PATHS = [f"/{number:03d}" for number in range(120)]
CHANGES = st.lists(st.sampled_from(PATHS), unique=True, max_size=120).flatmap(
    lambda paths: st.tuples(*(file_changes(path) for path in sorted(paths)))
)

Cells = set[tuple[str, str]]


def needed(changes: Iterable[FileChange], op: Op) -> Cells:
    return {(item.file.file_id, tag) for item in changes for tag in item.tags(op)}


def touched(requests: Iterable[Request], op: Op) -> Cells:
    return {(file_id, tag) for r in requests if r.op == op for file_id in r.file_ids for tag in r.tags}


def is_free(item: FileChange, op: Op, tag: str) -> bool:
    if op == Op.ADD:
        return tag in item.desired
    spared = {normalized(name) for name in item.spared}
    present = {held.name for held in item.file.ai_tags}
    return op == Op.REMOVE_AI and bool(item.tags(op)) and tag not in present and normalized(tag) not in spared


def within_limits(request: Request) -> bool:
    characters = None if request.op == Op.REMOVE_AI else 500
    no_longer = characters is None or len(",".join(request.tags)) <= characters
    return no_longer and request.tags != () and 1 <= len(set(request.file_ids)) == len(request.file_ids) <= 50


@settings(max_examples=100, deadline=None)
@given(changes=CHANGES)
def test_covering_changes_needed_cells_and_touches_only_free_ones(changes: tuple[FileChange, ...]) -> None:
    requests = stage(changes).requests()
    by_id = {item.file.file_id: item for item in changes}
    assert all(within_limits(request) for request in requests)
    for op in Op:
        cells, must = touched(requests, op), needed(changes, op)
        assert must <= cells
        assert all(is_free(by_id[file_id], op, tag) for file_id, tag in cells - must)


@settings(max_examples=100, deadline=None)
@given(changes=CHANGES)
def test_covering_exact_touches_only_needed_cells(changes: tuple[FileChange, ...]) -> None:
    requests = stage(changes, exact=True).requests()
    assert all(within_limits(request) for request in requests)
    assert all(touched(requests, op) == needed(changes, op) for op in Op)


@settings(max_examples=100, deadline=None)
@given(changes=CHANGES, exact=st.booleans())
def test_covering_is_between_bound_and_usual_ways(changes: tuple[FileChange, ...], *, exact: bool) -> None:
    stages = stage(changes, exact=exact)
    costs, calls = stages.costs, len(stages.requests())
    assert costs.lower_bound <= calls <= min(costs.per_tag_set, costs.per_tag)


@settings(max_examples=100, deadline=None)
@given(changes=CHANGES, sent=st.integers(0, 5), exact=st.booleans())
def test_regroup_changes_exactly_what_was_left(changes: tuple[FileChange, ...], sent: int, *, exact: bool) -> None:
    stages = stage(changes)
    by_id = {item.file.file_id: item for item in changes}
    for op in Op:
        left = [request for request in stages.requests() if request.op == op][sent:]
        must = touched(left, op) & needed(changes, op)
        again = regroup(left, by_id, exact=exact)
        cells = touched(again, op)
        assert {request.op for request in again} <= {op}
        assert all(within_limits(request) for request in again)
        assert must <= cells
        assert all(not exact and is_free(by_id[file_id], op, tag) for file_id, tag in cells - must)


@settings(max_examples=50, deadline=None)
@given(changes=CHANGES, exact=st.booleans(), data=st.data())
def test_covering_ignores_order_of_changes(
    changes: tuple[FileChange, ...], *, exact: bool, data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(changes))
    stages = stage(changes, exact=exact)
    assert stage(shuffled, exact=exact) == stages
    both = [{item.file.file_id: item for item in order} for order in (changes, shuffled)]
    assert regroup(stages.add, both[0], exact=exact) == regroup(stages.add[::-1], both[1], exact=exact)


IN_A_PROCESS = """
import random
from tagsync.model import AITag, Change, CurrentFile, FileChange, Op
from tagsync.planning.covering import regroup, stage
draw = random.Random(7)
words = [f"word-{n}" for n in range(40)]
changes = []
for n in range(600):
    tags = draw.sample(words, 9)
    file = CurrentFile(f"f{n}", f"/{n}", (), tuple(AITag(t, 50.0, "s") for t in draw.sample(words, 6)))
    gone = [t.name for t in file.ai_tags[:3]]
    items = [Change(Op.ADD, t, ()) for t in sorted(tags[:4])] + [Change(Op.REMOVE_AI, t, ()) for t in sorted(gone)]
    changes.append(FileChange(file, tuple(items), desired=tuple(tags[4:]), spared=(words[n % 5],)))
by_id = {c.file.file_id: c for c in changes}
for exact in (False, True):
    stages = stage(changes, exact=exact)
    print(stages, regroup(stages.add[3:], by_id), regroup(stages.remove[3:], by_id))
"""


def test_covering_does_not_depend_on_string_hashes() -> None:
    printed = {
        subprocess.run(  # noqa: S603 - the program above
            [sys.executable, "-c", IN_A_PROCESS],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(printed) == 1
    assert "word-0" in printed.pop()


def shown(requests: Iterable[Request]) -> list[tuple[str, tuple[str, ...], int]]:
    return [(request.op, request.tags, len(request.file_ids)) for request in requests]


def test_covering_puts_equal_tag_sets_into_calls_of_fifty() -> None:
    stages = stage([change(f"/{n:03d}", add="a b") for n in range(120)])
    assert [len(request.file_ids) for request in stages.add] == [50, 50, 20]
    assert stages.costs == (3, 120, 3, 6)


def test_covering_uses_present_tags_to_share_a_call() -> None:
    stages = stage([change("/1", add="a", has="b c"), change("/2", add="b", has="a"), change("/3", add="a b")])
    assert shown(stages.add) == [("addTags", ("a", "b"), 3)]
    assert stages.costs.per_tag_set == 3


@pytest.mark.parametrize(("files", "calls"), [(10, 1), (49, 1), (51, 2), (100, 2), (101, 3), (300, 6)])
def test_covering_shares_calls_of_files_that_lack_one_tag_each(files: int, calls: int) -> None:
    changes = [
        change(f"/{n:03d}", add="abcde"[n % 5], has=" ".join("abcde".replace("abcde"[n % 5], ""))) for n in range(files)
    ]
    stages = stage(changes)
    assert len(stages.add) == stages.costs.lower_bound == calls


def test_covering_exact_leaves_present_tags_alone() -> None:
    changes = [change("/1", add="a", has="b c"), change("/2", add="b", has="a"), change("/3", add="a b")]
    assert touched(stage(changes, exact=True).add, Op.ADD) == needed(changes, Op.ADD)
    again = regroup(stage(changes).add, {item.file.file_id: item for item in changes}, exact=True)
    assert touched(again, Op.ADD) == needed(changes, Op.ADD)


def test_covering_prefers_calls_without_free_cells_on_a_tie() -> None:
    one_tag_at_a_time = [lacking(f"/{n:02d}", "a" * (n < 30) + "b" * (n >= 20)) for n in range(60)]
    assert shown(stage(one_tag_at_a_time).add) == [("addTags", ("a",), 30), ("addTags", ("b",), 40)]
    by_tag_set = [lacking(f"/{n:02d}", "a" + "b" * (n >= 30)) for n in range(60)]
    assert shown(stage(by_tag_set).add) == [("addTags", ("a",), 30), ("addTags", ("a", "b"), 30)]


def lacking(path: str, tags: str) -> FileChange:
    """Return the change of a file that should have the tags `a` and `b` but lacks some."""
    return change(path, add=" ".join(tags), has=" ".join(sorted({"a", "b"}.difference(tags))))


def test_covering_never_touches_tag_in_another_spelling() -> None:
    stages = stage([change("/1", add="a", has=NFD), change("/2", add=f"a {NFC}")])
    assert (id_of("/1"), NFC) not in touched(stages.add, Op.ADD)


def test_covering_uses_absent_ai_tags_to_share_a_call() -> None:
    stages = stage([change("/1", remove_ai="Dog"), change("/2", remove_ai="Cat"), change("/3", remove_ai="Elk Sky")])
    assert shown(stages.remove) == [("removeAITags", ("Cat", "Dog", "Elk", "Sky"), 3)]
    assert stages.costs == (1, 3, 3, 4)


def test_covering_never_touches_ai_tag_that_stays_or_is_spared() -> None:
    gone = change("/1", remove_ai=f"{NFC} Cat")
    stays = change("/2", remove_ai="Cat", keeps=[ai(NFC)])
    spared = change("/3", remove_ai="Cat", spared=NFD)
    cells = touched(stage([gone, stays, spared]).remove, Op.REMOVE_AI)
    assert cells == needed([gone, stays, spared], Op.REMOVE_AI)


def test_covering_has_no_free_cells_for_ordinary_removals() -> None:
    changes = [change("/1", remove="a"), change("/2", remove="b"), change("/3", remove="a b")]
    stages = stage(changes)
    assert touched(stages.remove, Op.REMOVE) == needed(changes, Op.REMOVE)
    assert len(stages.remove) == 2


def test_free_cells_are_tags_that_need_no_change() -> None:
    item = change("/1", remove_ai="Dog")
    request = Request(Op.REMOVE_AI, ("Cat", "Dog", "Elk"), (item.file.file_id,))
    assert free_cells(request, item) == {"Cat", "Elk"}


def test_regroup_leaves_changes_of_other_calls_alone() -> None:
    item = change("/1", add="a b", has="c")
    again = regroup([Request(Op.ADD, ("b", "c"), (item.file.file_id,))], {item.file.file_id: item})
    assert shown(again) == [("addTags", ("b",), 1)]


def test_regroup_drops_file_with_only_free_cells() -> None:
    one, other = change("/1", add="a", has="b"), change("/2", add="b", has="a")
    by_id = {item.file.file_id: item for item in (one, other)}
    assert shown(regroup([Request(Op.ADD, ("a",), tuple(by_id))], by_id)) == [("addTags", ("a",), 1)]


def test_covering_makes_no_call_without_changes() -> None:
    assert stage([]) == ((), (), (0, 0, 0, 0))
    assert regroup([], {}) == ()


def test_covering_sorts_files_by_path_and_tags_by_name() -> None:
    stages = stage([change(f"/{n}", add="b a") for n in (3, 1, 2)])
    assert stages.add == (Request(Op.ADD, ("a", "b"), tuple(map(id_of, ("/1", "/2", "/3")))),)


def test_stages_send_additions_before_removals() -> None:
    stages = stage([change("/a", add="new", remove="old", remove_ai="Dog")])
    assert shown(stages.add) == [("addTags", ("new",), 1)]
    assert shown(stages.remove) == [("removeTags", ("old",), 1), ("removeAITags", ("Dog",), 1)]


# Parts


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES, exact=st.booleans())
def test_parts_cover_needed_cells_and_no_forbidden_ones(
    monkeypatch: pytest.MonkeyPatch, *, changes: tuple[FileChange, ...], exact: bool
) -> None:
    whole = stage(changes, exact=exact).costs
    monkeypatch.setattr(portfolio, "MOST_FILES", 7)
    stages = stage(changes, exact=exact)
    assert stage(changes[::-1], exact=exact) == stages
    monkeypatch.undo()
    requests = stages.requests()
    by_id = {item.file.file_id: item for item in changes}
    for op in Op:
        cells = touched(requests, op)
        assert needed(changes, op) <= cells
        more = cells - needed(changes, op)
        assert not more or not exact
        assert all(is_free(by_id[file_id], op, tag) for file_id, tag in more)
    assert all(within_limits(request) for request in requests)
    assert stages.costs.per_tag == whole.per_tag
    assert stages.costs.per_file == whole.per_file
    assert stages.costs.lower_bound <= whole.lower_bound
    assert len(requests) <= stages.costs.per_tag


def test_parts_are_equal_and_keep_similar_files_together() -> None:
    wanted = Wanted(Op.ADD)
    for number in range(100):
        needed = ("common", "rare") if number % 10 == 3 else ("common", f"of {number % 2}")
        wanted.add(lacking(f"/{number:03}", ""), needed)
    found = [list(part) for part in parts(wanted, 30)]
    assert [len(part) for part in found] == [25, 25, 25, 25]
    assert sorted(number for part in found for number in part) == list(range(100))
    assert all(part == sorted(part) for part in found)
    assert {number for number in found[0] if number % 10 == 3} == set(range(3, 100, 10))
    assert [len({number % 2 for number in part if number % 10 != 3}) for part in found].count(2) <= 1


def test_parts_use_one_call_per_tag_if_cheaper(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    changes = [lacking(f"/{n:03}", "ab" if n % 2 else "ac") for n in range(100)]
    monkeypatch.setattr(portfolio, "MOST_FILES", 7)
    stages = stage(changes)
    assert stages.costs == (2, 100, 16, 4)
    assert shown(stages.add) == [
        ("addTags", ("a",), 50),
        ("addTags", ("a",), 50),
        ("addTags", ("b",), 50),
        ("addTags", ("c",), 50),
    ]


def test_parts_keep_files_with_equal_needs_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portfolio, "MOST_FILES", 50)
    changes = [change(f"/{number:03d}", add="ab"[number % 2]) for number in range(100)]
    assert shown(stage(changes).add) == [("addTags", ("a",), 50), ("addTags", ("b",), 50)]
