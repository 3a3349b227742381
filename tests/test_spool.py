import sqlite3
import tempfile
from itertools import islice
from pathlib import Path

import pytest

from tagsync.errors import StateError
from tagsync.spool import SelfClosingDatabase, Spool


def text(record: bytes) -> str:
    return record.decode()


def spool(count: int) -> Spool[str]:
    return Spool((f"{number:07}".encode() * 9 for number in range(count)), text)


def test_spool_returns_items_in_order_by_index_and_slice() -> None:
    found, expected = spool(50_000), [f"{number:07}" * 9 for number in range(50_000)]
    assert list(found) == expected
    assert (len(found), found[0], found[-1], found[41_234]) == (50_000, expected[0], expected[-1], expected[41_234])
    assert found[10:20_000:7000] == tuple(expected[10:20_000:7000])
    assert found == expected
    assert found != expected[:-1]
    assert found != [*expected[:-1], ""]
    with pytest.raises(IndexError):
        found[50_000]


def test_spool_supports_concurrent_readers() -> None:
    found = spool(20_000)
    slow = iter(found)
    first = list(islice(slow, 10))
    assert list(found) == [*first, *slow]


def test_spool_keeps_empty_records() -> None:
    assert list(Spool([b"", b"a", b""], text)) == ["", "a", ""]
    assert list(Spool([], text)) == []


def test_spool_error_names_folder_and_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    with pytest.raises(StateError, match=r"temporary files to /nowhere \(No such file or directory\): .* set TMPDIR"):
        Spool([], text)


def test_spool_error_names_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_kinds: open("/dev/full", "wb"))  # noqa: PTH123, SIM115 - as the real one
    with pytest.raises(StateError, match="No space left on device"):
        Spool([b"a" * 100] * 10_000, text)


def test_database_is_closed_with_its_last_reference(tmp_path: Path) -> None:
    place = tmp_path / "kept.sqlite"
    database = SelfClosingDatabase(place)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("CREATE TABLE numbers AS SELECT 1 UNION SELECT 2")
    assert place.with_name("kept.sqlite-wal").exists()
    del database
    # SQLite removes the log when the last connection closes.
    assert not place.with_name("kept.sqlite-wal").exists()


def test_database_that_cannot_be_opened_raises_only_sqlite_error(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError):
        SelfClosingDatabase(tmp_path / "none" / "kept.sqlite")
