from urllib.parse import quote, unquote_plus

import pytest
from builders import unlimited
from hypothesis import given
from hypothesis import strategies as st

from tagsync.library.imagekit.library import ImageKitLibrary
from tagsync.library.protocol import Listing

by_ids = ImageKitLibrary("http://library.localhost", "k", limiters=unlimited()).queries.by_ids


@given(st.lists(st.text("0123456789abcdef", min_size=24, max_size=24), unique=True, max_size=500))
def test_queries_name_every_id_once_and_stay_short(file_ids: list[str]) -> None:
    searches = list(by_ids(file_ids))
    assert [file_id for search in searches for file_id in search.texts] == file_ids
    assert all(len(quote(search.listing.query or "")) <= 6_000 for search in searches)
    named = "".join(unquote_plus(search.listing.query or "") for search in searches)
    assert all(f'"{file_id}"' in named for file_id in file_ids)


def test_queries_are_as_few_as_their_length_allows() -> None:
    file_ids = [f"{n:024x}" for n in range(540)]
    assert len(list(by_ids(file_ids))) == 3


@pytest.mark.parametrize(
    "odd", ['a"b', "a\\b", "a b", "\u00e9", "", "a-b", "abc", "g" * 24, "A" * 24, "a" * 25, "a" * 24 + "\n"]
)
def test_queries_contain_only_ids_of_24_hexadecimal_digits(odd: str) -> None:
    assert [search.listing for search in by_ids(["a" * 24, odd])] == [Listing(f'id IN ["{"a" * 24}"]')]
