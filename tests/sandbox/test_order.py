import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from builders import file_object, id_of, write_library
from hypothesis import given
from hypothesis import strategies as st

from tagsync.sandbox.search import compile_query
from tagsync.sandbox.store import File, Store

NAMES = [f"{number}.jpg" for number in range(9)]


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return write_library(tmp_path / "library.jsonl", [file_object(f"/{name}", ["old"]) for name in NAMES])


@pytest.fixture
def store(tmp_path: Path, library: Path) -> Iterator[Store]:
    store = Store(tmp_path / "kept.sqlite", library)
    yield store
    store.close()


def page(store: Store, skip: int, *, query: str | None = None, sort: str = "ASC_CREATED", limit: int = 3) -> list[str]:
    condition = compile_query(query, datetime(2024, 1, 1, tzinfo=UTC)) if query else None
    text = store.list(kind="file", condition=condition, path=None, file_type="all", sort=sort, limit=limit, skip=skip)
    items: list[dict[str, Any]] = json.loads(text)
    return [item["name"] for item in items]


def tag(store: Store, name: str, *tags: str) -> None:
    store.save([File(id_of(f"/{name}"), list(tags), [])])


def statements(store: Store) -> list[str]:
    """Return what will hold the statements that a store runs: there is no other way to see what is not run."""
    ran: list[str] = []
    store._db.set_trace_callback(ran.append)
    return ran


def sorting(ran: list[str]) -> list[str]:
    return [statement for statement in ran if "ORDER BY" in statement]


def test_order_sorts_a_library_once_for_all_pages(store: Store) -> None:
    ran = statements(store)
    pages = [page(store, skip) for skip in (0, 3, 6, 9)]
    assert pages == [NAMES[:3], NAMES[3:6], NAMES[6:], []]
    assert [" LIMIT " in statement for statement in sorting(ran)] == [True, False]


def test_order_is_kept_after_writes_to_other_columns(store: Store) -> None:
    page(store, 3)
    ran = statements(store)
    tag(store, "4.jpg", "new")
    assert page(store, 3) == NAMES[3:6]
    assert sorting(ran) == []


def test_order_by_update_includes_recent_writes(store: Store) -> None:
    assert page(store, 3, sort="DESC_UPDATED") == NAMES[3:6]
    tag(store, "8.jpg", "new")
    assert page(store, 3, sort="DESC_UPDATED") == ["2.jpg", "3.jpg", "4.jpg"]


def test_order_of_a_search_includes_recent_writes(store: Store) -> None:
    assert page(store, 3, query='tags IN ["old"]') == NAMES[3:6]
    tag(store, "0.jpg", "new")
    assert page(store, 3, query='tags IN ["old"]') == NAMES[4:7]


def test_order_includes_writes_of_other_processes(tmp_path: Path, library: Path, store: Store) -> None:
    assert page(store, 3, query='tags IN ["old"]') == NAMES[3:6]
    other = Store(tmp_path / "kept.sqlite", library)
    tag(other, "0.jpg", "new")
    other.close()
    assert page(store, 3, query='tags IN ["old"]') == NAMES[4:7]


def test_order_keeps_only_recent_listings(store: Store) -> None:
    queries = [f'name : "{letter}"' for letter in "01234"]
    for query in queries:
        page(store, 1, query=query)
    ran = statements(store)
    page(store, 1, query=queries[4])
    page(store, 1, query=queries[1])
    assert sorting(ran) == []
    page(store, 1, query=queries[0])
    assert len(sorting(ran)) == 1


@given(
    st.lists(st.tuples(st.sampled_from(["page", "write"]), st.integers(0, 8)), max_size=12),
    st.sampled_from([None, 'tags IN ["old"]', 'path : "/"', 'name IN ["2.jpg", "1.jpg", "7.jpg"]']),
    st.sampled_from(["ASC_CREATED", "DESC_NAME", "ASC_UPDATED"]),
)
def test_order_pages_are_slices_of_the_listing(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]], query: str | None, sort: str
) -> None:
    folder = tmp_path_factory.mktemp("library")
    store = Store(
        ":memory:", write_library(folder / "library.jsonl", [file_object(f"/{name}", ["old"]) for name in NAMES])
    )
    for step, number in steps:
        if step == "write":
            tag(store, NAMES[number], "new", "old"[: number % 4])
        else:
            whole = page(store, 0, query=query, sort=sort, limit=100)
            assert page(store, number, query=query, sort=sort) == whole[number : number + 3]
    store.close()


def test_order_shuffles_equal_timestamps_only(tmp_path: Path) -> None:
    files = [file_object(f"/{n:03d}", createdAt=f"2024-01-01T00:{n // 10:02d}:00.000Z") for n in range(300)]
    store = Store(":memory:", write_library(tmp_path / "library.jsonl", files))

    def listed(shuffle: int, skip: int = 0) -> list[str]:
        text = store.list(
            kind="file",
            condition=None,
            path=None,
            file_type="all",
            sort="ASC_CREATED",
            limit=100,
            skip=skip,
            shuffle=shuffle,
        )
        return [item["name"] for item in json.loads(text)]

    plain = listed(0, 50)
    answers = [listed(percent, 50) for percent in (50, 50, 100)]
    store.close()
    assert [sorted(names) for names in answers] == [plain] * 3
    assert [[name[:2] for name in names] for names in answers] == [[name[:2] for name in plain]] * 3
    moved = [sum(names[n : n + 10] != plain[n : n + 10] for n in range(0, 100, 10)) for names in answers]
    assert moved[0] in range(1, 10)
    assert moved[2] == 10
    assert answers[0] != answers[1]
