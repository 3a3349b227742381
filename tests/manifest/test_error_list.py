from hypothesis import given, settings
from hypothesis import strategies as st

from tagsync.manifest.error_list import ErrorList
from tagsync.model import Diagnostic, Origin

ORIGINS = st.builds(Origin, st.sampled_from(["a.yaml", "b.yaml"]), st.integers(1, 2000), st.integers(1, 3))


def test_error_list_keeps_an_error_with_its_place() -> None:
    errors = ErrorList()

    errors.add(Origin("a.yaml", 3, 5), "type", "wrong")

    assert errors.first() == (Diagnostic("error", "type", "wrong", Origin("a.yaml", 3, 5)),)


def test_error_list_sorts_by_place_and_message() -> None:
    errors = ErrorList()
    places = [("b", 1, 1), ("a", 10, 1), ("a", 9, 2), ("a", 9, 1)]

    for place in places:
        errors.add(Origin(*place), "y", "one")
    errors.add(Origin("a", 9, 1), "z", "a first")

    assert [(error.origin, error.message) for error in errors.first()] == [
        (("a", 9, 1), "a first"),
        (("a", 9, 1), "one"),
        (("a", 9, 2), "one"),
        (("a", 10, 1), "one"),
        (("b", 1, 1), "one"),
    ]


def test_error_list_keeps_fifty_and_counts_all() -> None:
    errors = ErrorList()

    for line in range(2500, 0, -1):
        errors.add(Origin("a", line, 1), "code", "words")

    whole = ErrorList()
    whole.absorb(errors)

    for each in (errors, whole):
        assert [error.origin and error.origin.line for error in each.first()] == list(range(1, 51))
        assert each.count == 2500


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(ORIGINS, max_size=1200), max_size=4))
def test_error_list_keeps_first_fifty_in_any_order(groups: list[list[Origin]]) -> None:
    whole = ErrorList()
    for group in groups:
        part = ErrorList()
        for origin in group:
            part.add(origin, "code", "words")
        whole.absorb(part)
    every = sorted(origin for group in groups for origin in group)

    assert [error.origin for error in whole.first()] == every[:50]
    assert whole.count == len(every)
