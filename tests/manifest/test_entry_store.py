"""Entries in a file are the same as entries in memory, however they are asked for."""

from pathlib import Path

import pytest
from builders import current_file, current_state, id_of, manifest

from tagsync.errors import StateError
from tagsync.manifest import entry_store
from tagsync.manifest.entry_store import Rows, StoredEntries
from tagsync.manifest.read import read_manifests
from tagsync.manifest.rows import PATH, Row, Unfolding, shape_with_tags
from tagsync.model import ById, ByMatch, ByPath, DesiredState, IndexedEntries, Wishes
from tagsync.planning.merge import merge
from tagsync.planning.select import Selection

NAMES = ["/b", "/a", "/é", "/Z", "/\U0001f642", "/\uff21", "/a", "/a\x00", "/a/b"]
ENTRIES = (
    "".join(f'- path: "{name}"\n  tags: [t{n}]\n' for n, name in enumerate(NAMES)).replace("\x00", "\\0")
    + f"- {{fileId: {id_of('/b')}, tags: [x]}}\n- {{match: /a**, tags: [v]}}\n"
    + f"- {{fileId: {id_of('/none')}, tags: [x]}}\n- {{fileId: {id_of('/b')}, tags: [z]}}\n- {{query: q, tags: [w]}}\n"
)
FILES = [current_file(name, ["t0"]) for name in ("/a", "/a/b", "/b", "/c")]


@pytest.fixture
def both(tmp_path: Path) -> tuple[DesiredState, DesiredState]:
    """Return the same manifests, in memory and in a file."""
    (tmp_path / "a.yaml").write_text(manifest(ENTRIES), encoding="utf-8")
    in_memory = read_manifests([str(tmp_path)], in_memory=100)
    stored = read_manifests([str(tmp_path)], in_memory=2)
    assert isinstance(in_memory.entries, tuple)
    assert isinstance(stored.entries, StoredEntries)
    return in_memory, stored


def test_entries_keep_their_order_however_often_they_are_gone_through(both: tuple[DesiredState, DesiredState]) -> None:
    in_memory, stored = both

    for _ in range(2):
        assert list(stored.entries) == list(in_memory.entries)
    assert len(stored.entries) == len(in_memory.entries)
    assert next(iter(in_memory.entries)) in stored.entries
    assert stored.queries() == in_memory.queries() == ("q",)


def test_they_are_found_by_what_they_select(both: tuple[DesiredState, DesiredState]) -> None:
    in_memory, stored = both
    numbered = list(enumerate(in_memory.entries))
    entries = stored.entries
    assert isinstance(entries, IndexedEntries)

    by_path = [(entry.selector.path, n, entry) for n, entry in numbered if isinstance(entry.selector, ByPath)]
    assert list(entries.by_path()) == sorted(by_path, key=lambda found: found[:2])
    named = [found for found in numbered if isinstance(found[1].selector, ById)]
    assert list(entries.by_id()) == sorted(named, key=lambda found: (found[1].selector, found[0]))
    assert list(entries.matching()) == [found for found in numbered if isinstance(found[1].selector, ByMatch)]
    wanted = ById(id_of("/b"))
    assert list(entries.with_id(wanted.file_id)) == [found for found in numbered if found[1].selector == wanted]
    assert list(entries.with_id("none")) == []


def test_one_sweep_over_a_library_finds_the_same(both: tuple[DesiredState, DesiredState]) -> None:
    current = current_state(*FILES, answers={"q": ["/c"]})
    found = []
    for state in both:
        selection = Selection(state.entries, current, coverage=True)
        files = [(item, merge(item.file, item.entries)) for item in selection]
        told = list(selection.diagnostics())
        found.append((files, selection.missing, selection.not_found(), told, selection.coverage()))

        assert selection.coverage() == selection.coverage()
    assert found[0] == found[1]
    assert len(found[0][0]) == len(FILES)


def test_rows_are_cut_in_memory_and_in_the_file() -> None:
    rows: list[Row] = [(PATH, f"/{n}", 0, n, shape_with_tags(0, ("x",), (0,))) for n in range(10)]
    unfold = Unfolding({0: ("tags.yaml", Wishes())})
    for length in (0, 3, 4, 5, 9, 10):
        kept = Rows(in_memory=4)
        kept.extend(rows[:5])
        kept.extend(rows[5:7])
        kept.extend(rows[7:])
        kept.cut(length)
        kept.extend(rows[:2])
        assert len(kept) == length + 2
        assert list(kept.entries(unfold)) == [unfold(row) for row in rows[:length] + rows[:2]]


def test_where_there_is_no_room_it_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry_store, "_TABLE", "PRAGMA max_page_count = 1; CREATE TABLE entries (number)")
    rows: list[Row] = [(PATH, "/a", 0, 0, shape_with_tags(0, ("x",), (0,)))] * 100

    with pytest.raises(StateError, match="set TMPDIR"):
        Rows(in_memory=1).extend(rows)
