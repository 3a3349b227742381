import unicodedata
from collections.abc import Iterable

import pytest
from builders import ai, current_file, id_of
from hypothesis import given
from hypothesis import strategies as st

from tagsync.errors import StateError
from tagsync.library.protocol import Page
from tagsync.library.reading.snapshot import Snapshot
from tagsync.model import AITag, CurrentFile

TEXT = st.text(st.characters(codec="utf-8"), max_size=5)
CONFIDENCE = st.none() | st.integers(0, 100) | st.floats(0, 100)


def filled(files: Iterable[CurrentFile]) -> Snapshot:
    snapshot = Snapshot()
    snapshot.begin()
    for file in files:
        snapshot.add_page(Page((file,), ()))
    snapshot.finish()
    return snapshot


@given(
    st.lists(
        st.builds(
            CurrentFile,
            file_id=st.integers().map(str),
            path=TEXT,
            tags=st.lists(TEXT).map(tuple),
            ai_tags=st.lists(st.builds(AITag, TEXT, CONFIDENCE, TEXT)).map(tuple),
            created_at=TEXT,
            updated_at=TEXT,
            thumbnail=TEXT,
            fields=st.lists(st.tuples(TEXT, TEXT | st.just("\ud800")), max_size=2).map(tuple),
        ),
        unique_by=lambda file: file.file_id,
    )
)
def test_snapshot_returns_files_sorted_by_path_and_id(files: list[CurrentFile]) -> None:
    with filled(files) as snapshot:
        found = list(snapshot)
        assert found == sorted(files, key=lambda file: (file.path, file.file_id))
        rest = {file.file_id: (file.created_at, file.updated_at, file.thumbnail, repr(file)) for file in files}
        assert rest == {f.file_id: (f.created_at, f.updated_at, f.thumbnail, repr(f)) for f in found}
        assert set(snapshot.all_tags()) == {tag for file in files for tag in file.tags}
        assert len(snapshot) == len(files)


def test_snapshot_keeps_the_later_row_of_a_duplicate() -> None:
    early, late = current_file("/a", ["x"]), current_file("/a", ["y"])
    with filled([early, current_file("/b"), late]) as snapshot:
        assert [file.tags for file in snapshot] == [("y",), ()]
        assert late in snapshot
        assert early not in snapshot


def test_snapshot_replaces_files_and_adds_new_ones() -> None:
    with filled([current_file("/a", ["x"]), current_file("/c")]) as snapshot:
        changed, new = current_file("/a", ["y", "z"], [ai("Dog")]), current_file("/new", ["w"])
        snapshot.replace([new, changed])
        assert list(snapshot) == [changed, current_file("/c"), new]
        assert set(snapshot.all_tags()) == {"w", "y", "z"}


def test_snapshot_knows_its_paths_and_ids() -> None:
    with filled([current_file("/a")]) as snapshot:
        assert [snapshot.has(path="/a"), snapshot.has(path="/b")] == [True, False]
        assert [snapshot.has(file_id=id_of("/a")), snapshot.has(file_id=id_of("/b"))] == [True, False]


@given(
    st.lists(
        st.builds(
            CurrentFile,
            file_id=st.integers().map(str),
            path=st.sampled_from(["/a", "/b", "/\u00e9", "/e\u0301", "/\u212b", "/\u00c5", "/A\u030a", "/c\u0327"]),
            tags=st.just(()),
            ai_tags=st.just(()),
        ),
        unique_by=lambda file: file.file_id,
    )
)
def test_snapshot_finds_all_duplicate_paths(files: list[CurrentFile]) -> None:
    groups: dict[str, list[str]] = {}
    for file in files:
        groups.setdefault(unicodedata.normalize("NFC", file.path), []).append(file.file_id)
    twins = {file_id: tuple(sorted(ids)) for ids in groups.values() if len(ids) > 1 for file_id in ids}
    with filled(files) as snapshot:
        assert snapshot.twins() == twins


def test_snapshot_error_of_a_query_explains_the_fix() -> None:
    with filled([current_file("/a")]) as snapshot:
        answer = snapshot.query_matches()
        snapshot._db.execute("DROP TABLE answers")
        with pytest.raises(StateError, match="to a temporary file: no such table"):
            answer.add(["1"])
        with pytest.raises(StateError, match="no such table"):
            assert "1" in answer


def test_snapshot_damage_explains_the_fix() -> None:
    with filled([current_file("/a", ["x"])]) as snapshot:
        snapshot._db.execute("UPDATE files SET tags = x'FFFFFF7F'")
        with pytest.raises(StateError, match=r"to a temporary file: .*free some disk space"):
            list(snapshot)
