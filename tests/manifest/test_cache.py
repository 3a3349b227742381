"""Cold, warm, in memory, in a file, by the parser alone: the same desired state, whatever may go wrong."""

import os
import sqlite3
import stat
from collections.abc import Callable
from datetime import date
from multiprocessing import get_context
from pathlib import Path

import pytest
from support import manifest

from tagsync.errors import ManifestError
from tagsync.manifest import cache as cache_module
from tagsync.manifest import read as read_module
from tagsync.manifest.cache import KEPT_DAYS, Cache, key_of
from tagsync.manifest.contents import Contents, Sheet
from tagsync.manifest.entries import NO_WISHES
from tagsync.manifest.read import read_manifests
from tagsync.manifest.rows import PATH, Row, shape_with_tags
from tagsync.model import DesiredState

EXAMPLES = Path(__file__).parents[2] / "examples" / "manifests"
MANY = 400

KINDS = """
- {path: /a.jpg, tags: ["x,y", größe], aiTags: {remove: [person], minConfidence: 70, keep: [Shoe]}}
- {fileId: 5e21880d5efe355febd4bccd, tags: [hero], absent: [draft], ifMissing: skip, ifOverLimit: warn}
- {match: /shop/**, except: [/shop/x/**], exclusive: {only: [s*]}, expect: {min: 1, max: 5}}
- {query: 'size > 1', tags: [new], until: 2026-03-01}
- {path: /b.jpg, exclusive: false, tags: [x], aiTags: {remove: all}}
- {path: /c.jpg, exclusive: true, aiTags: {promote: {minConfidence: 99.5}}}
""" + "".join(f"- {{path: /many/{n}.jpg, tags: [red, t{n}]}}\n" for n in range(MANY))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with manifests of every kind, long enough to be kept."""
    found = tmp_path / "manifests"
    found.mkdir()
    (found / "kinds.yaml").write_text(manifest(KINDS), encoding="utf-8")
    defaults = "metadata: {account: shop}\nspec:\n  defaults: {tags: ['p,q'], exclusive: true, ifMissing: warn}\n"
    (found / "defaults.yaml").write_text(
        manifest(KINDS).replace("spec:\n", defaults, 1) + "---\n" + manifest(KINDS), encoding="utf-8"
    )
    plain = "".join(f"    - path: /p/{n}.jpg\n      tags: [red, t{n % 7}]\n" for n in range(MANY))
    (found / "plain.yaml").write_text(f"apiVersion: tagsync/v1\nkind: TagSet\nspec:\n  files:\n{plain}")
    (found / "words.yaml").write_text("apiVersion: tagsync/v1\nkind: Vocabulary\nspec: {forbidden: [ugly]}\n")
    for example in EXAMPLES.iterdir():
        (found / f"example-{example.name}").write_bytes(example.read_bytes())
    return found


@pytest.fixture(autouse=True)
def keep_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep small manifests as well."""
    monkeypatch.setattr("tagsync.manifest.read.LEAST_BYTES", 0)


def read(folder: Path, **how: object) -> DesiredState:
    return read_manifests([str(folder)], as_of=date(2026, 6, 1), **how)  # type: ignore[arg-type]


def told(state: DesiredState) -> list[object]:
    """Return all that a state says, entries with all their places."""
    return [
        list(state.entries),
        repr(list(state.entries)),
        state.manifests,
        state.accounts,
        state.diagnostics,
        state.policy,
        state.vocabulary,
        state.queries(),
    ]


def kept(file: Path) -> int:
    with sqlite3.connect(file) as database:
        count: int = database.execute("SELECT count(*) FROM files").fetchone()[0]
    database.close()
    return count


def test_all_ways_to_read_give_the_same(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "manifests.sqlite"
    by_parser = told(read(folder, plain=False))

    assert told(read(folder)) == by_parser
    assert told(read(folder, in_memory=10)) == by_parser
    assert told(read(folder, cache=file)) == by_parser
    assert kept(file) > 3
    assert told(read(folder, cache=file)) == by_parser
    assert told(read(folder, cache=file, in_memory=10)) == by_parser


def test_what_is_kept_is_not_parsed_again(folder: Path, tmp_path: Path) -> None:
    for name in ("words.yaml", "example-rules.yaml"):  # vocabularies and policies are always read
        (folder / name).unlink()
    file = tmp_path / "manifests.sqlite"
    first = read(folder, cache=file)

    def parser(_: bytes) -> object:
        raise AssertionError("parsed again")

    assert told(read(folder, cache=file, parser=parser)) == told(first)


def test_the_day_of_reading_is_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(manifest("- {path: /a.jpg, tags: [red], until: 2026-03-01}"))
    file = tmp_path / "manifests.sqlite"

    for day, tags in ((date(2026, 2, 28), ("red",)), (date(2026, 3, 1), ())):
        [entry] = read_manifests([str(path)], as_of=day, cache=file).entries
        assert entry.wishes.tags.values == tags


def test_one_file_under_two_names_is_kept_once_and_named_rightly(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(manifest("- {path: /a.jpg, tags: [red]}"))
    file = tmp_path / "c" / "manifests.sqlite"
    file.parent.mkdir()

    for _ in range(2):
        state = read(tmp_path, cache=file)
        assert [entry.manifest for entry in state.entries] == ["a.yaml", "b.yaml"]
    assert kept(file) == 1


def test_faults_are_found_each_time(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(manifest("- {path: /a.jpg, tags: [no]}\n- {path: /b.jpg, tags: [red]}"))
    file = tmp_path / "manifests.sqlite"

    for _ in range(2):
        with pytest.raises(ManifestError):
            read_manifests([str(path)], cache=file)
    assert kept(file) == 0


def test_json_text_is_not_taken_for_yaml(tmp_path: Path) -> None:
    text = (
        '{"apiVersion": "tagsync/v1", "kind": "TagSet",\n"spec": '
        '{"files": [{"path": "/\\ud83d\\ude00", "tags": ["a"]}]}}'
    )
    file = tmp_path / "manifests.sqlite"
    (tmp_path / "a.json").write_text(text)
    assert len(read_manifests([str(tmp_path / "a.json")], cache=file).entries) == 1

    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(ManifestError):
        read_manifests([str(tmp_path / "a.yaml")], cache=file)


def test_the_file_is_for_its_owner_alone(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "manifests.sqlite"
    read(folder, cache=file)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def garbage(file: Path) -> None:
    file.write_bytes(b"this is no database" * 1000)


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def torn(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[4096:12288] = b"\xff" * 8192
    file.write_bytes(data)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def other_tables(file: Path) -> None:
    file.unlink()
    change(file, "CREATE TABLE files (key, other)")


def views(file: Path) -> None:
    file.unlink()
    change(file, "CREATE VIEW files AS SELECT 1 AS key, 2 AS head, 3 AS digest, 4 AS used")


def change(file: Path, *statements: str) -> None:
    database = sqlite3.connect(file, isolation_level=None)
    for statement in statements:
        database.execute(statement)
    database.close()


CHANGES = [
    "UPDATE pieces SET rows = x'00'",
    "UPDATE pieces SET rows = 'text'",
    "UPDATE pieces SET rows = NULL",
    "UPDATE pieces SET rows = zeroblob(100)",
    "DELETE FROM pieces",
    "UPDATE files SET head = x'c0'",
    "UPDATE files SET head = NULL",
    "UPDATE files SET head = 7",
    "UPDATE files SET digest = NULL",
    "UPDATE files SET digest = zeroblob(32)",
    "UPDATE files SET used = 'never'",
    "UPDATE files SET used = NULL",
]


@pytest.mark.parametrize(
    "damage",
    [garbage, emptied, torn, cut, other_tables, views, *(lambda file, sql=sql: change(file, sql) for sql in CHANGES)],
    ids=lambda damage: damage.__name__,
)
def test_a_damaged_file_is_made_anew_without_a_word(
    folder: Path, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    file = tmp_path / "manifests.sqlite"
    right = told(read(folder, cache=file))
    damage(file)

    assert told(read(folder, cache=file)) == right
    assert told(read(folder, cache=file)) == right
    assert kept(file) > 3


HOSTILE: list[Row] = [
    (PATH, "/a", 5, 0, shape_with_tags(0, ("x",), (0,))),
    (PATH, "/a", 0, -1, shape_with_tags(0, ("x",), (0,))),
    (PATH, "/a", 0, 1 << 40, shape_with_tags(0, ("x",), (0,))),
    (PATH, "/a", 0, 0, shape_with_tags(0, ("x", "y"), (0,))),
    (PATH, "/a", 0, 0, b""),
    (2, "/a", 0, 0, shape_with_tags(0, ("x",), (0,))),
    (7, "/a", 0, 0, shape_with_tags(0, ("x",), (0,))),  # type: ignore[list-item]
    (PATH, 7, 0, 0, shape_with_tags(0, ("x",), (0,))),  # type: ignore[list-item]
]


@pytest.mark.parametrize("row", HOSTILE, ids=repr)
def test_rows_that_cannot_be_are_not_taken_however_well_they_are_signed(tmp_path: Path, row: Row) -> None:
    file = Cache(tmp_path / "manifests.sqlite")
    key = key_of("a.yaml", b"digest")
    file.put(key, Contents([Sheet(NO_WISHES, None)]), [row])

    assert file.get(key, lambda _: None) is None
    file.close()


def test_a_good_row_put_that_way_is_taken(tmp_path: Path) -> None:
    file = Cache(tmp_path / "manifests.sqlite")
    row: Row = (PATH, "/a", 0, 0, shape_with_tags(0, ("x",), (0,)))
    found: list[Row] = []
    file.put(b"key", Contents([Sheet(NO_WISHES, None)]), [row])

    assert file.get(b"key", found.extend) == Contents([Sheet(NO_WISHES, None)])
    assert found == [row]
    file.close()


def test_where_it_cannot_be_kept_manifests_are_read_all_the_same(folder: Path, tmp_path: Path) -> None:
    right = told(read(folder))
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(tmp_path / "fifo")

    for name in ("no/such/folder", "file/inside", "link", "fifo", "."):
        assert told(read(folder, cache=tmp_path / name)) == right
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_no_fault(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o500)

    assert told(read(folder, cache=tmp_path / "state" / "manifests.sqlite")) == told(read(folder))


def test_a_file_that_another_process_writes_for_long_is_no_fault(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "_PATIENCE", 0.0)
    file = tmp_path / "manifests.sqlite"
    right = told(read(folder, cache=file))
    (folder / "new.yaml").write_text(manifest("- {path: /new.jpg, tags: [red]}"))
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    assert told(read(folder, cache=file))[0] != right[0]
    other.close()


def test_what_nobody_asked_for_in_a_long_time_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "manifests.sqlite"
    contents = Contents([Sheet(NO_WISHES, None)])
    row: Row = (PATH, "/a", 0, 0, shape_with_tags(0, ("x",), (0,)))
    for day, key in ((0, b"old"), (0, b"asked for"), (KEPT_DAYS, b"new")):
        file = Cache(path, today=day)
        file.put(key, contents, [row])
        file.close()
    file = Cache(path, today=KEPT_DAYS)
    assert file.get(b"asked for", lambda _: None)
    file.close()

    file = Cache(path, today=KEPT_DAYS + 1)
    file.put(b"newest", contents, [row])
    file.close()

    file = Cache(path, today=KEPT_DAYS + 1)
    assert [key for key in (b"old", b"asked for", b"new", b"newest") if file.get(key, lambda _: None)] == [
        b"asked for",
        b"new",
        b"newest",
    ]
    file.close()
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT count(*) FROM pieces").fetchone() == (3,)
    database.close()


def _read_often(folder: Path, file: Path) -> None:
    read_module.LEAST_BYTES = 0  # type: ignore[attr-defined]
    for _ in range(3):
        read(folder, cache=file)


def test_several_processes_share_it(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "manifests.sqlite"
    spawn = get_context("spawn")
    processes = [spawn.Process(target=_read_often, args=(folder, file)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()

    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert told(read(folder, cache=file)) == told(read(folder))
