from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import ai, current_file

from tagsync.errors import StateError
from tagsync.library.fileobjects import Page
from tagsync.library.snapshot import Snapshot
from tagsync.model import AITag, CurrentFile

TEXT = st.text(st.characters(codec="utf-8"), max_size=5)
CONFIDENCE = st.none() | st.integers(0, 100) | st.floats(0, 100)


def filled(files: Iterable[CurrentFile], place: Path | None = None) -> Snapshot:
    snapshot = Snapshot(place)
    snapshot.begin()
    for file in files:
        snapshot.take(Page((file,), ()))
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
        ),
        unique_by=lambda file: file.file_id,
    )
)
def test_files_come_out_as_they_went_in_sorted_by_path_and_id(files: list[CurrentFile]) -> None:
    with filled(files) as snapshot:
        found = list(snapshot)
        assert found == sorted(files, key=lambda file: (file.path, file.file_id))
        beside = {file.file_id: (file.created_at, file.updated_at, file.thumbnail, repr(file)) for file in files}
        assert beside == {f.file_id: (f.created_at, f.updated_at, f.thumbnail, repr(f)) for f in found}
        assert set(snapshot.all_tags()) == {tag for file in files for tag in file.tags}
        assert len(snapshot) == len(files)


def test_of_a_file_that_came_up_twice_the_later_reading_stays() -> None:
    early, late = current_file("/a", ["x"]), current_file("/a", ["y"])
    with filled([early, current_file("/b"), late]) as snapshot:
        assert [file.tags for file in snapshot] == [("y",), ()]
        assert late in snapshot
        assert early not in snapshot


def test_other_readings_take_the_places_of_files_and_those_that_are_gone_go() -> None:
    with filled([current_file("/a", ["x"]), current_file("/b"), current_file("/c")]) as snapshot:
        changed, new = current_file("/a", ["y", "z"], [ai("Dog")]), current_file("/new", ["w"])
        snapshot.replace([new, changed])
        snapshot.remove([current_file("/b").file_id])
        assert list(snapshot) == [changed, current_file("/c"), new]
        assert set(snapshot.all_tags()) == {"w", "y", "z"}
        assert list(snapshot.slice(0, 9)) == [changed, current_file("/c"), new]


def test_what_was_not_kept_is_lost_and_what_was_is_there(tmp_path: Path) -> None:
    place = tmp_path / "kept.sqlite"
    with filled([current_file("/a", ["x"])], place) as first:
        first.note("seen", "yes")
        first.keep()
    with filled([current_file("/b")], place):
        pass
    with Snapshot(place) as last:
        assert list(last) == [current_file("/a", ["x"])]
        assert last.fact("seen") == "yes"


def test_what_others_write_meanwhile_does_not_change_what_is_read(tmp_path: Path) -> None:
    place = tmp_path / "kept.sqlite"
    with filled([current_file("/a")], place) as mine:
        mine.keep()
        with filled([current_file("/b")], place) as theirs:
            theirs.keep()
        assert list(mine) == [current_file("/a")]
    with Snapshot(place) as later:
        assert list(later) == [current_file("/b")]


def test_a_link_in_the_place_of_a_snapshot_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "kept.sqlite").symlink_to(tmp_path / "elsewhere")
    with filled([current_file("/a")], tmp_path / "kept.sqlite") as snapshot:
        snapshot.keep()
        assert list(snapshot) == [current_file("/a")]
    assert not (tmp_path / "elsewhere").exists()


def test_an_answer_that_cannot_be_kept_is_told_with_what_to_do() -> None:
    with filled([current_file("/a")]) as snapshot:
        answer = snapshot.answer()
        snapshot._db.execute("DROP TABLE answers")
        with pytest.raises(StateError, match="cannot be kept in a temporary file: no such table"):
            answer.take(["1"])
        with pytest.raises(StateError, match="no such table"):
            assert "1" in answer


def test_damage_within_a_snapshot_is_told_with_what_to_do(tmp_path: Path) -> None:
    place = tmp_path / "kept.sqlite"
    with filled([current_file("/a", ["x"])], place) as snapshot:
        snapshot._db.execute("UPDATE files SET tags = x'FFFFFF7F'")
        with pytest.raises(StateError, match=r"cannot be kept in .*kept\.sqlite: .*remove what is there"):
            list(snapshot)
