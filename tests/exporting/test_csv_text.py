"""A library as CSV: what rows declare, and what spreadsheets and tagsync make of them."""

import csv
import io
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import current_file, current_state, examples, plan_for
from hypothesis import given, settings
from hypothesis import strategies as st

from tagsync.exporting.csv_text import LONGEST_CELL, Row, csv_text, list_separator, split_rows
from tagsync.exporting.export import Exported, export_rows
from tagsync.exporting.manifest_text import manifest_text
from tagsync.manifest.read import read_manifests
from tagsync.model import ById, ByPath, CurrentFile, DesiredState, is_declarable
from tagsync.model.cells import escaped_cell, is_escaped_cell


def text_of(*files: CurrentFile) -> str:
    rows = export_rows(files).rows
    return "".join(csv_text(rows, list_separator(rows)))


def plain(text: str) -> str:
    return text


def from_excel(text: str) -> str:
    """Return a file as a spreadsheet with a European locale saves it."""
    out = io.StringIO()
    csv.writer(out, delimiter=";").writerows(csv.reader(io.StringIO(text, newline="")))
    return f"\ufeff{out.getvalue()}"


def from_numbers(text: str) -> str:
    """Return a file with tabs and quotation marks around every cell."""
    out = io.StringIO()
    csv.writer(out, "unix", delimiter="\t").writerows(csv.reader(io.StringIO(text, newline="")))
    return out.getvalue()


def read(folder: Path, found: Exported, saved: str) -> DesiredState:
    (folder / "library.csv").write_text(saved, encoding="utf-8", newline="")
    [draft] = found.manifests["library"]
    draft = draft._replace(csv_files=("library.csv",), separator=list_separator(found.rows))
    (folder / "library.yaml").write_text("".join(manifest_text(draft, "a test")), encoding="utf-8")
    return read_manifests([str(folder)])


def test_csv_export_writes_a_row_for_each_tagged_file() -> None:
    files = [
        current_file("/b.jpg", ["caf\u00e9", "red"]),
        current_file('/a, "b".jpg', ["x,y", "{z}"]),
        current_file("/none.jpg"),
    ]
    assert text_of(*files) == 'path,tags\n"/a, ""b"".jpg","x,y;\\{z}"\n/b.jpg,caf\u00e9;red\n'


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "'", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_csv_export_writes_no_formula(start: str) -> None:
    text = text_of(current_file("/a.jpg", [f"{start}cmd|' /C calc'!A0"]))
    assert text == f"path,tags\n/a.jpg,'{start}cmd|' /C calc'!A0\n"


@given(st.text(st.sampled_from("'=+-@\t\r\nx\uff1d"), max_size=5))
def test_cell_escape_is_restored_exactly(text: str) -> None:
    cell = escaped_cell(text)
    assert not cell.startswith(tuple("=+-@\t\r\n\uff1d"))
    assert (cell[1:] if is_escaped_cell(cell) else cell) == text


@pytest.mark.parametrize(
    ("tags", "separator"), [(["a"], ";"), (["a;b"], "|"), (["a;b", "c|d"], "%"), (["a", "b|"], ";")]
)
def test_csv_export_chooses_a_separator_that_no_tag_contains(tags: list[str], separator: str) -> None:
    rows = export_rows([current_file("/a.jpg", tags)]).rows
    assert list_separator(rows) == separator
    assert "".join(csv_text(rows, separator)).splitlines()[1] == f"/a.jpg,{separator.join(sorted(tags))}"


@pytest.mark.parametrize(
    ("path", "tags"),
    [
        ("/a\n::error::x.jpg", ["x"]),
        ("/a\0.jpg", ["x"]),
        ("/\u202egpj.a", ["x"]),
        ("/a.jpg", ["##[error]x"]),
        ("/##vso[task.complete].jpg", ["x"]),
        ("a.jpg", ["x"]),
        (f"/{'a' * LONGEST_CELL}.jpg", ["x"]),
        ("/a.jpg", [f"{n}{'x' * 1000}" for n in range(LONGEST_CELL // 1000)]),
    ],
)
def test_csv_export_puts_files_that_cannot_be_rows_in_a_manifest(tmp_path: Path, path: str, tags: list[str]) -> None:
    file = current_file(path, tags)
    found = export_rows([file])
    assert (found.rows, found.files, found.tags) == ((), 1, len(tags))
    [entry] = read(tmp_path, found, text_of()).entries
    assert entry.selector == (ByPath(path) if path.startswith("/") else ById(file.file_id))
    assert sorted(entry.declaration.tags.values) == sorted(tags)


def test_csv_export_names_files_with_one_path_by_id(tmp_path: Path) -> None:
    files = [CurrentFile(digit * 24, "/a.jpg", (f"tag-{digit}",), ()) for digit in "56"]
    found = export_rows(files)
    assert not found.rows
    assert [entry.selector for entry in read(tmp_path, found, text_of()).entries] == [ById("5" * 24), ById("6" * 24)]


def test_csv_export_accepts_tags_over_500_characters() -> None:
    text = text_of(current_file("/a.jpg", ["x" * 90]), current_file("/b.jpg", [letter * 90 for letter in "abcdef"]))
    header, first, second = text.splitlines()
    assert (header, first[-4:], second[-5:]) == ("path,tags,ifOverLimit", "xxx,", ",skip")


def test_csv_export_splits_rows() -> None:
    rows = [Row(f"/{n}.jpg", ("red", "blue")) for n in range(10, 30)]
    parts = list(split_rows(rows, 30))
    assert [row for part in parts for row in part] == rows
    assert {len(part) for part in parts} == {2}
    assert list(split_rows([], 30)) == [[]]


marks = st.text(st.sampled_from("=+-@';|,\"\\{} a\uff1d\u200d"), min_size=1, max_size=5)
words = st.sampled_from(["1944", "1E+05", "TRUE", "a", "b", "x" * 190, "w" * 200, "caf\u00e9", "cafe\u0301", "50%"])
odd = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=4)
paths = st.lists(st.sampled_from(["a", "*", "x y", "{a}"]) | marks | odd, min_size=1, max_size=3).map(
    lambda steps: "/" + "/".join(step.replace("/", "") or "_" for step in steps)
)
libraries = st.lists(
    st.tuples(paths, st.lists(words | marks | odd, max_size=5, unique=True)), max_size=10
).map(
    lambda rows: [
        CurrentFile(f"{number:024x}", path, tuple(sorted(tags)), ()) for number, (path, tags) in enumerate(rows)
    ]
)  # fmt: skip


@settings(max_examples=examples(100), deadline=None)
@given(files=libraries, folder=st.sampled_from(["/", "/a/"]), save=st.sampled_from([plain, from_excel, from_numbers]))
def test_csv_export_reads_back_exactly_and_plans_to_no_change(
    tmp_path_factory: pytest.TempPathFactory, files: list[CurrentFile], folder: str, save: Callable[[str], str]
) -> None:
    assert callable(save)
    found = export_rows(files, folder)
    text = "".join(csv_text(found.rows, list_separator(found.rows)))
    desired = read(tmp_path_factory.mktemp("csv"), found, save(text))
    entries = list(desired.entries)
    [draft] = found.manifests["library"]
    rows = [entry for entry in entries if entry.manifest == "library.csv"]
    assert [(entry.selector, entry.declaration.tags.values) for entry in rows] == [
        (ByPath(row.path), row.tags) for row in found.rows
    ]
    assert len(entries) == len(rows) + len(draft.entries) == found.files
    plan = plan_for(desired, current_state(*files))
    assert (plan.changes, plan.errors, plan.summary.missing) == ((), (), 0)
    inside = [file for file in files if file.path.startswith(folder)]
    declarable = [{unicodedata.normalize("NFC", tag) for tag in file.tags if is_declarable(tag)} for file in inside]
    assert sum(len(entry.declaration.tags.values) for entry in entries) == sum(map(len, declarable)) == found.tags
