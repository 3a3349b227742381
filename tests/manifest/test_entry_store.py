"""Entries are the same in any order and by any index."""

from collections.abc import Callable
from typing import Any

import pytest
from builders import current_file, current_state, id_of, manifest

from tagsync.errors import StateError
from tagsync.manifest import entry_store
from tagsync.manifest.entry_store import EntryStore, row_of
from tagsync.model import ById, ByMatch, ByPath, Declaration, DesiredState, Texts
from tagsync.planning.select import Selection

NAMES = ["/b", "/a", "/é", "/Z", "/\U0001f642", "/\uff21", "/a", "/a\x00", "/a/b"]
ENTRIES = (
    "".join(f'- path: "{name}"\n  tags: [t{n}]\n' for n, name in enumerate(NAMES)).replace("\x00", "\\0")
    + f"- {{fileId: {id_of('/b')}, tags: [x]}}\n- {{match: /a**, tags: [v]}}\n"
    + f"- {{fileId: {id_of('/none')}, tags: [x]}}\n- {{fileId: {id_of('/b')}, tags: [z]}}\n- {{query: q, tags: [w]}}\n"
)
FILES = [current_file(name, ["t0"]) for name in ("/a", "/a/b", "/b", "/c")]


ROWS = [row_of(ByPath(f"/{line}"), line, Declaration(tags=Texts((f"t{line}",), (0,)))) for line in range(10)]


@pytest.fixture
def desired(read_text: Callable[..., DesiredState]) -> DesiredState:
    return read_text(manifest(ENTRIES))


def test_entry_store_keeps_order_on_every_iteration(desired: DesiredState) -> None:
    for _ in range(2):
        selectors = [entry.selector for entry in desired.entries]
        assert selectors[: len(NAMES)] == [ByPath(name) for name in NAMES]
        assert selectors[-2:] == [ById(id_of("/b")), ByMatch(None, "q")]
    assert len(desired.entries) == len(NAMES) + 5
    assert next(iter(desired.entries)) in desired.entries
    assert desired.queries() == ("q",)


def test_entry_store_finds_entries_by_selector(desired: DesiredState) -> None:
    entries: Any = desired.entries
    numbered = list(enumerate(desired.entries))

    by_path = [(entry.selector.path, n, entry) for n, entry in numbered if isinstance(entry.selector, ByPath)]
    assert list(entries.by_path()) == sorted(by_path, key=lambda found: found[:2])
    named = [found for found in numbered if isinstance(found[1].selector, ById)]
    assert list(entries.by_id()) == sorted(named, key=lambda found: (found[1].selector, found[0]))
    assert list(entries.matching()) == [found for found in numbered if isinstance(found[1].selector, ByMatch)]
    wanted = ById(id_of("/b"))
    assert list(entries.with_id(wanted.file_id)) == [found for found in numbered if found[1].selector == wanted]
    assert list(entries.with_id("none")) == []


def test_entry_store_supports_one_pass_over_library(desired: DesiredState) -> None:
    current = current_state(*FILES, answers={"q": ["/c"]})

    selection = Selection(desired.entries, current.files, current.answers, coverage=True)

    assert {item.file.path: [entry.declaration.tags.values for entry in item.entries] for item in selection} == {
        "/a": [("t1",), ("t6",), ("v",)],
        "/a/b": [("t8",), ("v",)],
        "/b": [("t0",), ("x",), ("z",)],
        "/c": [("w",)],
    }
    assert selection.missing.count == 6
    assert selection.coverage() == selection.coverage()


def test_entry_store_cuts_back_to_mark() -> None:
    entries = EntryStore()
    entries.extend(entries.add_document("a.yaml", Declaration()), ROWS[:4])
    mark = entries.mark()
    entries.extend(entries.add_document("b.yaml", Declaration(tags=Texts(("x",), (-1,)))), ROWS[4:])

    entries.cut(mark)
    entries.extend(entries.add_document("c.yaml", Declaration()), ROWS[:2])

    found = [(entry.manifest, entry.line, entry.declaration.tags.values) for entry in entries]
    assert found == [
        *(("a.yaml", line, (f"t{line}",)) for line in range(4)),
        *(("c.yaml", line, (f"t{line}",)) for line in range(2)),
    ]
    assert len(entries) == 6


def test_entry_store_error_says_how_to_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    table = "CREATE TABLE entries (number, kind, key, document, line, declaration); PRAGMA max_page_count = 2"
    monkeypatch.setattr(entry_store, "_TABLE", table)
    entries = EntryStore()
    document = entries.add_document("a.yaml", Declaration())

    with pytest.raises(StateError, match="set TMPDIR"):
        entries.extend(document, ROWS * 100)
