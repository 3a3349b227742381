"""Each method of covering by itself, with small calls, so that tiny tables need several."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tagsync.planning.covering.baselines import per_tag, per_tag_set
from tagsync.planning.covering.calls import Call, Limits
from tagsync.planning.covering.first_fit import first_fit
from tagsync.planning.covering.lower_bound import lower_bound
from tagsync.planning.covering.rarest_first import rarest_first

Cells = set[tuple[int, int]]
Row = frozenset[int]
Cover = Callable[[list[Row], list[Row], Limits], list[Call]]


def rows(*rows: str) -> list[Row]:
    """Return rows whose tags are written as letters."""
    return [Row(ord(letter) - ord("a") for letter in row) for row in rows]


def limits(tags: int, *, files: int = 50, characters: int | None = None) -> Limits:
    return Limits((1,) * tags, characters, files)


def cells(rows: list[Row]) -> Cells:
    return {(file, tag) for file, row in enumerate(rows) for tag in row}


def touched(calls: list[Call]) -> Cells:
    return {(file, tag) for call in calls for file in call.files for tag in call.tags}


@st.composite
def tables(draw: st.DrawFn, *, tags: int = 6, files: int = 14) -> tuple[list[Row], list[Row]]:
    """Return the needed and the free tags of each file; the others are forbidden."""
    fates = draw(st.lists(st.lists(st.sampled_from("NFX"), min_size=tags, max_size=tags), max_size=files))
    kept = [fate for fate in fates if "N" in fate]
    needed, free = ([Row(t for t in range(tags) if fate[t] == sign) for fate in kept] for sign in "NF")
    return needed, free


def removing(method: Cover, needed: list[Row], allowed: list[Row], limits: Limits) -> list[Call]:
    every = Row(range(len(limits.lengths)))
    return method(needed, [every - row for row in allowed], limits)


METHODS: dict[str, Cover] = {
    "rarest first": rarest_first,
    "first fit": partial(removing, first_fit),
    "per tag set": lambda needed, _, limits: list(per_tag_set(needed, limits)),
    "per tag": lambda needed, _, limits: list(per_tag(needed, limits)),
}


@pytest.mark.parametrize("name", METHODS)
@settings(max_examples=150, deadline=None)
@given(table=tables(files=40), size=st.integers(1, 5), characters=st.sampled_from([None, 1, 3, 5]))
def test_methods_cover_needed_cells_and_no_forbidden_ones(
    name: str, table: tuple[list[Row], list[Row]], size: int, characters: int | None
) -> None:
    needed, free = table
    limit = limits(6, files=size, characters=None if name == "first fit" else characters)
    calls = METHODS[name](needed, [need | more for need, more in zip(needed, free, strict=True)], limit)
    assert cells(needed) <= touched(calls) <= cells(needed) | cells(free)
    assert all(1 <= len(set(call.files)) == len(call.files) <= size for call in calls)
    assert all(call.tags and limit.fit(call.tags) for call in calls)


@settings(max_examples=150, deadline=None)
@given(table=tables(tags=4, files=5), size=st.integers(1, 3))
def test_lower_bound_is_never_beaten(table: tuple[list[Row], list[Row]], size: int) -> None:
    needed, free = table
    allowed = [need | more for need, more in zip(needed, free, strict=True)]
    limit = limits(4, files=size)
    optimum = fewest_calls(needed, allowed, size)
    assert lower_bound(needed, allowed, limit) <= optimum
    assert lower_bound(needed, None, limit) <= optimum
    assert optimum <= len(rarest_first(needed, allowed, limit))


def fewest_calls(needed: list[Row], allowed: list[Row], size: int) -> int:
    """Return the optimum by brute force: cover an open cell by each maximal call that contains it."""
    legal = list(legal_calls(allowed, size))

    def fits_within(left: Cells, budget: int) -> bool:
        if not left:
            return True
        cell = min(left)
        return budget > 0 and any(fits_within(left - call, budget - 1) for call in legal if cell in call)

    return next(budget for budget in range(len(cells(needed)) + 1) if fits_within(cells(needed), budget))


def legal_calls(allowed: list[Row], size: int) -> Iterator[Cells]:
    """Yield the cells of each call with all tags that its files may get."""
    for count in range(1, size + 1):
        for files in combinations(range(len(allowed)), count):
            tags = frozenset.intersection(*(allowed[file] for file in files))
            yield {(file, tag) for file in files for tag in tags}


def test_lower_bound_counts_each_tag_that_never_meets_another() -> None:
    needed = rows(*"aaabbbccc")
    assert lower_bound(needed, needed, limits(3)) == 3


def test_lower_bound_counts_tag_that_few_files_share() -> None:
    needed = rows("ab", "a", "a", "a", "b", "b", "b")
    assert lower_bound(needed, needed, limits(2, files=4)) == 2
    assert lower_bound(needed, None, limits(2, files=4)) == 2
    assert lower_bound(needed[:5], needed[:5], limits(2, files=5)) > lower_bound(needed[:5], None, limits(2, files=5))


def test_rarest_first_finds_cover_by_merging() -> None:
    needed, allowed = rows("ab", "bc", "ac"), rows("abc", "abc", "abc")
    assert rarest_first(needed, allowed, limits(3)) == [Call((0, 1, 2), Row((0, 1, 2)))]


def test_rarest_first_adds_what_files_have_in_common() -> None:
    needed = rows("ax", "ax", "bx", "bx")
    calls = rarest_first(needed, needed, limits(24))
    assert sorted(call.files for call in calls) == [(0, 1), (2, 3)]


def test_rarest_first_fills_calls_with_most_similar_files() -> None:
    needed = rows(*["ab"] * 3, *["ac"] * 3)
    calls = rarest_first(needed, needed, limits(3, files=3))
    assert calls == [Call((0, 1, 2), Row((0, 1))), Call((3, 4, 5), Row((0, 2)))]


def test_rarest_first_splits_files_by_other_needs() -> None:
    needed = rows(*["ab", "ac"] * 3, *["b", "c"] * 4)
    calls = rarest_first(needed, needed, limits(3, files=3))
    assert calls[:2] == [Call((0, 2, 4), Row((0, 1))), Call((1, 3, 5), Row((0, 2)))]


def test_rarest_first_sends_neediest_files_first() -> None:
    needed, allowed = rows("a", "ab", "ab", "ab", "b", "b"), rows(*["ab"] * 6)
    assert rarest_first(needed, allowed, limits(2, files=3))[0] == Call((1, 2, 3), Row((0, 1)))


def test_rarest_first_fills_call_with_files_that_gain() -> None:
    needed, allowed = rows("ab", "b", "c"), rows("ab", "ab", "c")
    calls = rarest_first(needed, allowed, limits(3))
    assert [call.files for call in calls if 0 in call.tags] == [(0, 1)]
    assert len(calls) == 2


def test_rarest_first_joins_files_that_have_the_tags_of_a_call() -> None:
    needed, allowed = rows("a", "b", "c"), rows(*["abc"] * 3)
    assert rarest_first(needed, allowed, limits(3)) == [Call((0, 1, 2), Row((0, 1, 2)))]


def test_rarest_first_joins_no_file_with_a_forbidden_tag() -> None:
    needed, allowed = rows("a", "bd", "c"), rows("abcd", "abcd", "ac")
    assert rarest_first(needed, allowed, limits(4)) == [Call((0, 1), Row((0, 1, 3))), Call((2,), Row((2,)))]


def test_rarest_first_joins_neediest_files_first() -> None:
    needed, allowed = rows("a", "b", "bc", "c"), rows(*["abc"] * 4)
    assert rarest_first(needed, allowed, limits(3, files=2))[0] == Call((0, 2), Row((0, 1, 2)))


def test_rarest_first_joins_no_file_whose_tags_do_not_fit() -> None:
    needed, allowed = rows("a", "b", "c"), rows(*["abc"] * 3)
    calls = rarest_first(needed, allowed, limits(3, characters=3))
    assert calls == [Call((0, 1), Row((0, 1))), Call((2,), Row((2,)))]


def test_rarest_first_joins_file_with_tags_that_fit() -> None:
    needed, allowed = rows("a", "bc", "b"), rows(*["abc"] * 3)
    calls = rarest_first(needed, allowed, limits(3, characters=3))
    assert calls == [Call((0, 1), Row((0, 2))), Call((1, 2), Row((1,)))]


def test_first_fit_clashes_only_on_kept_and_removed_tags() -> None:
    needed, forbidden = rows("a", "b", "c"), rows("b", "", "z")
    calls = first_fit(needed, forbidden, limits(26))
    assert len(calls) == 2
    assert not any({0, 1} <= set(call.files) for call in calls)


def test_first_fit_places_files_with_most_clashes_first() -> None:
    needed, forbidden = rows("c", "d", "a", "b"), rows("", "", "b", "a")
    calls = first_fit(needed, forbidden, limits(4, files=2))
    assert [call.files for call in calls] == [(0, 2), (1, 3)]


def test_per_tag_set_splits_set_too_long_for_one_call() -> None:
    assert Limits((3, 3, 3), 7).parts([0, 1, 2]) == [Row((0, 1)), Row((2,))]
    assert Limits((9, 3, 3), 7).parts([0, 1, 2]) == [Row((0,)), Row((1, 2))]
    assert Limits((9, 3, 3), None).parts([0, 1, 2]) == [Row((0, 1, 2))]
