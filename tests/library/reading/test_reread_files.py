import sqlite3

import pytest
from builders import ai, current_file, id_of

from tagsync.errors import StateError
from tagsync.library.reading.reread_files import RereadFiles
from tagsync.model import CurrentFile

RED = CurrentFile(id_of("/red"), "/red", ("é", "a"), (ai("Dog", 50), ai("Cat", None), ai("Elk", 0.5)), "c", "u", "t")


def test_reread_files_are_returned_unchanged() -> None:
    found = RereadFiles()
    found.add([current_file("/red"), current_file("/blue", ["x"])])
    found.add([RED])
    found["gone"] = None
    assert found == {RED.file_id: RED, id_of("/blue"): current_file("/blue", ["x"]), "gone": None}
    again = found[RED.file_id]
    assert again is not None
    assert (again.created_at, again.updated_at, again.thumbnail) == ("c", "u", "t")
    assert "other" not in found
    del found["gone"]
    assert len(found) == 2
    with pytest.raises(KeyError):
        del found["gone"]


def test_reread_files_without_disk_space_explain_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    found = RereadFiles()
    monkeypatch.setattr(found._db, "execute", full)
    with pytest.raises(StateError, match="disk is full: free some disk space, or set TMPDIR"):
        found["a"] = None
