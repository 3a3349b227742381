"""Rules from CSV files: what they declare, where, and what is refused."""

import csv
import gc
import io
import os
import subprocess
import time
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagsync.api.revision import revision_of
from tagsync.errors import ManifestError
from tagsync.manifest import entry_store
from tagsync.manifest.csv_rows import CsvReader
from tagsync.manifest.read import read_manifests
from tagsync.model import ById, ByMatch, ByPath, DesiredState, Entry

MANIFEST = "apiVersion: tagsync/v1\nkind: TagSet\nspec:\n  filesFrom: [products.csv]\n"


def state_of(folder: Path, text: str | bytes, more: str = "", name: str = "products.csv") -> DesiredState:
    (folder / "tags.yaml").write_text(MANIFEST + more, "utf-8")
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_manifests([str(folder)])


def entries_of(folder: Path, text: str | bytes, more: str = "") -> list[Entry]:
    return list(state_of(folder, text, more).entries)


def tags_of(entries: Sequence[Entry]) -> list[tuple[str, ...]]:
    return [entry.declaration.tags.values for entry in entries]


def origins_of(entry: Entry) -> list[str]:
    return [str(entry.origin(place)) for place in entry.declaration.tags.places]


def errors_of(folder: Path, text: str | bytes, more: str = "") -> list[str]:
    with pytest.raises(ManifestError) as caught:
        state_of(folder, text, more)
    return [
        f"{Path(each.origin.file).name}:{each.origin.line}:{each.origin.column} {each.code}: "
        f"{each.message.replace(f'{folder}/', '')}"
        for each in caught.value.diagnostics
        if each.origin
    ]


# What rows declare


def test_csv_rows_take_no_more_memory_than_the_same_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry_store, "_MOST_SHARED", entry_store._MOST_SHARED // 32)
    numbers = range(4_000)
    rows = "".join(f"/f/{n:05}.jpg,sku-{n:05}\n" for n in numbers)
    rules = "".join(f"  - path: /f/{n:05}.jpg\n    tags: [sku-{n:05}]\n" for n in numbers)
    (tmp_path / "rules.yaml").write_text(f"{MANIFEST.partition('  filesFrom')[0]}  files:\n{rules}", "utf-8")

    def memory_of(desired: DesiredState) -> int:
        tracemalloc.start()
        number = sum(1 for _ in desired.entries)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert number == len(numbers)
        return peak

    yaml = memory_of(read_manifests([str(tmp_path / "rules.yaml")]))
    (tmp_path / "rules.yaml").unlink()
    assert memory_of(state_of(tmp_path, f"path,tags\n{rows}")) < yaml * 1.02


def test_csv_file_leaves_memory_once_it_is_read(tmp_path: Path) -> None:
    rows = "".join(f"/{number:06d}{'x' * (number % 50)}.jpg,tag\n" for number in range(20_000))
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        state = state_of(tmp_path, f"path,tags\n{rows}")
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        gc.enable()
    assert len(state.entries) == 20_000
    assert kept < len(rows) // 2


def test_csv_rows_are_rules_with_places(tmp_path: Path) -> None:
    first, second = entries_of(tmp_path, "path,tags,absent\n/a.jpg,red;blue,draft\n/bb.jpg,red,\n")
    assert first.selector == ByPath("/a.jpg")
    assert (first.declaration.tags.values, first.declaration.absent.values) == (("red", "blue"), ("draft",))
    assert str(first.origin()) == "products.csv:2:1"
    assert origins_of(first) == ["products.csv:2:8", "products.csv:2:12"]
    assert origins_of(second) == ["products.csv:3:9"]
    assert not second.declaration.absent.values


def test_csv_rows_have_defaults_whose_reasons_are_in_the_manifest(tmp_path: Path) -> None:
    [entry] = entries_of(tmp_path, "path,tags\n/a.jpg,red\n", "  defaults: {tags: [catalog], ifMissing: warn}\n")
    assert origins_of(entry) == ["tags.yaml:5:21", "products.csv:2:8"]
    assert (tags_of([entry]), entry.declaration.if_missing) == ([("catalog", "red")], "warn")


def test_csv_adds_to_files(tmp_path: Path) -> None:
    found = entries_of(tmp_path, "fileId,tags\nabc,red\n", "  files:\n    - path: /b.jpg\n      tags: [blue]\n")
    assert [entry.selector for entry in found] == [ByPath("/b.jpg"), ById("abc")]


def test_csv_columns_come_in_any_order(tmp_path: Path) -> None:
    text = "until,tags,ifMissing,fileId,ifOverLimit\n2999-01-01,red,skip,abc,warn\n"
    [entry] = entries_of(tmp_path, text)
    declared = entry.declaration
    assert (declared.until, declared.if_missing, declared.if_over_limit) == ("2999-01-01", "skip", "warn")
    assert str(entry.origin()) == "products.csv:2:21"


def test_csv_match_with_query_and_captures(tmp_path: Path) -> None:
    text = 'match,query,tags,ifInvalid\n"/shop/{kind}/**","width > 5",{kind};new,skip\n'
    [entry] = entries_of(tmp_path, text, "  values: {kind: {tees: t-shirts, else: keep}}\n")
    assert entry.selector == ByMatch("/shop/{kind}/**", "width > 5")
    assert entry.declaration.templating
    assert [template.text for template in entry.declaration.templating.templates] == ["{kind}"]
    assert not state_of(tmp_path, text).diagnostics  # the table of values is in use


def test_csv_except_is_a_list_of_globs(tmp_path: Path) -> None:
    text = "match,except,tags\n/shop/**,/shop/old/**;/shop/*.txt,red\n/team/**,,blue\n"
    found = entries_of(tmp_path, text)
    assert [entry.selector for entry in found] == [
        ByMatch("/shop/**", None, ("/shop/old/**", "/shop/*.txt")),
        ByMatch("/team/**", None, ()),
    ]


@pytest.mark.parametrize(
    "text",
    [
        'path;tags\n/a.jpg;"red;blue"\n',
        "path\ttags\n/a.jpg\tred;blue\n",
        "\ufeffpath,tags\r\n/a.jpg,red;blue\r\n",
        "path,tags\n/a.jpg, red ; blue \n,\n\n",
        '"path","tags"\n"/a.jpg","red;blue"',
        "path,tags\r/a.jpg,red;blue\r",
    ],
)
def test_csv_delimiters_and_line_ends(tmp_path: Path, text: str) -> None:
    [entry] = entries_of(tmp_path, text)
    assert (entry.selector, tags_of([entry])) == (ByPath("/a.jpg"), [("red", "blue")])


def test_csv_values_are_text(tmp_path: Path) -> None:
    [entry] = entries_of(tmp_path, "path,tags\n/a.jpg,1944;1.10;2024-01-01;TRUE;no;~\n")
    assert tags_of([entry]) == [("1944", "1.10", "2024-01-01", "TRUE", "no", "~")]


def test_csv_formula_escape_is_removed(tmp_path: Path) -> None:
    text = "path,tags\n/a.jpg,'=x;'=y\n/b.jpg,''x\n/c.jpg,'x\n/d.jpg,'@home\n"
    found = entries_of(tmp_path, text)
    assert tags_of(found) == [("=x", "'=y"), ("'x",), ("'x",), ("@home",)]
    assert origins_of(found[0]) == ["products.csv:2:9", "products.csv:2:12"]


def test_csv_list_separator(tmp_path: Path) -> None:
    [entry] = entries_of(tmp_path, "path,tags\n/a.jpg,red|a;b\n", '  listSeparator: "|"\n')
    assert tags_of([entry]) == [("red", "a;b")]


def test_csv_cells_may_span_lines(tmp_path: Path) -> None:
    found = entries_of(tmp_path, 'tags,match,query\nred,/a/**,"width > 5\nAND height > 5"\nblue,/b/**,\n')
    assert [str(entry.origin()) for entry in found] == ["products.csv:2:5", "products.csv:4:6"]


def test_csv_cell_of_many_lines_takes_linear_time(tmp_path: Path) -> None:
    cell = "red;\n" * 20_000
    began = time.process_time()
    errors = errors_of(tmp_path, f'path,tags\n/a.jpg,"{cell}red"\n')
    assert time.process_time() - began < 4  # going through all lines for each value takes twice as long
    assert errors[0].startswith("products.csv:2:13 tag-text:")


def test_csv_warns_once_of_values_that_spreadsheets_change(tmp_path: Path) -> None:
    state = state_of(tmp_path, "path,tags\n/a.jpg,red\n/b.jpg,blue;1E+05\n/c.jpg,2E+05;#REF!\n")
    [warning] = state.diagnostics
    assert (warning.code, str(warning.origin)) == ("csv-value", "products.csv:3:13")


def test_csv_counts_as_a_manifest(tmp_path: Path) -> None:
    first = state_of(tmp_path, "path,tags\n/a.jpg,red\n").manifests
    second = state_of(tmp_path, "path,tags\n/a.jpg,blue\n").manifests
    assert [ref.path for ref in first] == ["tags.yaml", "products.csv"]
    assert first[1].shown_as == str(tmp_path / "products.csv")
    assert first[1].sha256 != second[1].sha256


TAG = st.text("ab \"',;é=\n{", min_size=1, max_size=5).filter(lambda tag: tag.strip(" ") == tag and "|" not in tag)


@given(st.lists(st.tuples(st.booleans(), st.lists(TAG, min_size=1, max_size=3)), min_size=1, max_size=6))
def test_csv_reads_back_what_a_csv_writer_writes(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[bool, list[str]]]
) -> None:
    folder = tmp_path_factory.mktemp("csv")
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["absent", "path"])
    texts = [[tag.replace("{", "\\{") for tag in tags] for _, tags in rows]
    for tags in texts:
        cell = "|".join(tags)
        writer.writerow([f"'{cell}" if cell.startswith(("=", "'")) else cell, "/a.jpg"])
    found = entries_of(folder, out.getvalue(), '  listSeparator: "|"\n')
    assert [entry.declaration.absent.values for entry in found] == [tuple(tags) for _, tags in rows]
    lines = out.getvalue().splitlines(keepends=True)
    for entry in found:
        for tag, place in zip(*entry.declaration.absent, strict=True):
            origin = entry.origin(place)
            rest = "".join(lines[origin.line - 1 :])[origin.column - 1 :]
            assert rest.replace('""', '"').replace("\\{", "{").startswith(tag)


CELL = st.text("ab/*%E1+#,;' {}\u00e9\u202e", max_size=6)


@given(
    rows=st.lists(st.tuples(CELL.map("/{}".format) | CELL, CELL, CELL), max_size=8),
    header=st.sampled_from([("path", "tags", "absent"), ("tags", "ifMissing", "fileId"), ("absent", "until", "path")]),
)
def test_csv_rows_with_only_tags_are_read_like_others(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, str, str]],
    header: tuple[str, str, str],
) -> None:
    out = io.StringIO()
    csv.writer(out).writerows([header, *rows])
    folder = tmp_path_factory.mktemp("csv")

    def outcome() -> object:
        try:
            state = state_of(folder, out.getvalue())
        except ManifestError as error:
            return error.diagnostics
        return list(state.entries), state.diagnostics

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(CsvReader, "_plain_row", lambda *_: None)
        expected = outcome()
    assert outcome() == expected


# Errors


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1:1 empty: this file is empty: add a header such as path,tags"),
        ("\n\n", "1:1 empty: this file is empty: add a header such as path,tags"),
        ("path,tag\n/a.jpg,red\n", "1:6 csv-header: unknown column 'tag' (did you mean 'tags'?)"),
        ("path,FileID\n", "1:6 csv-header: unknown column 'FileID' (did you mean 'fileId'?)"),
        ("path,tags,tags\n", "1:11 csv-header: duplicate column tags: remove or rename one of them"),
        (
            "path,match\n",
            "1:1 csv-header: the header has path and match: keep one of them",
        ),
        (
            "tags\n",
            "1:1 csv-header: no column selects files: name one of them path, fileId or match",
        ),
        (
            "path,except\n",
            "1:1 csv-header: except cannot be combined with path: remove this column, or select files with match",
        ),
        ("file,tags\n", "1:1 csv-header: unknown column 'file' (did you mean 'path'?)"),
        ("filePath,tags\n", "1:1 csv-header: unknown column 'filePath' (did you mean 'path'?)"),
        ("path, tags\n", "1:6 csv-header: the column ' tags' has spaces around its name: remove them"),
        (
            "path|tags\n/a.jpg|red\n",
            "1:1 csv-header: unknown column 'path|tags': separate columns with a comma, a semicolon or a tab",
        ),
        (
            "/a.jpg,red\n/b.jpg,blue\n",
            "1:1 csv-header: this file has no header: add a first row that names the columns, such as path,tags",
        ),
        (
            "match,except,tags\n/a/**,/a/b;c/**,red\n",
            "2:12 path: 'c/**' does not start with /: write '/c/**'",
        ),
        (
            "path,query\n",
            "1:1 csv-header: query cannot be combined with path: remove this column, or select files with match",
        ),
        (
            "path,tags\n/a.jpg\n",
            "2:1 csv: this row has 1 cell, and the header has 2: add the missing cells",
        ),
        (
            "tags,path\nred\n",
            "2:1 csv: this row has 1 cell, and the header has 2: add the missing cells",
        ),
        (
            "path,tags\n/a.jpg,red,blue,green\n",
            (
                "2:12 csv: this row has 4 cells, and the header has 2: remove cells, or put a cell that contains , in "
                "quotation marks"
            ),
        ),
        (
            "path\ttags\n/a.jpg\tred\tblue\n",
            (
                "2:12 csv: this row has 3 cells, and the header has 2: remove cells, or put a cell that contains a tab in "  # noqa: E501 - a table
                "quotation marks"
            ),
        ),
        (
            'path,tags\n/a.jpg,"red\n/b.jpg,blue\n',
            (
                '2:8 csv: this quotation mark is not closed: close it, and write "" for a quotation mark inside (the rest '  # noqa: E501 - a table
                "of this file was not read)"
            ),
        ),
        (
            'path,tags\n/a.jpg,"red"x\n',
            (
                '2:8 csv: text follows the closing quotation mark: write "" for a quotation mark inside (the rest of this '  # noqa: E501 - a table
                "file was not read)"
            ),
        ),
        (
            f"path,tags\n/a.jpg,{'x' * 200_000}\n",
            "2:8 csv: this cell has more than 131,072 characters: shorten it (the rest of this file was not read)",
        ),
        ("path,tags\n/a.jpg,red\0\n", "2:11 encoding: this is a NUL character: save the file as CSV in UTF-8"),
        (b"path,tags\n/a.jpg,r\xff\n", "2:9 encoding: these bytes are not UTF-8: save the file as UTF-8"),
        ("path,tags\n,red\n", "2:1 selector: this row has no path: fill in the cell, or delete the row"),
        ("path,tags\na.jpg,red\n", "2:1 path: 'a.jpg' does not start with /: write '/a.jpg'"),
        (
            "path,tags\n/a.jpg,red;50%\n",
            ("2:12 tag-text: the tag '50%' contains %, which ImageKit does not allow in tags: remove the %"),
        ),
        ("path,tags\n/a.jpg,red;;blue\n", "2:12 empty: a value is empty in this list: remove the ; before or after it"),
        (
            "path,tags\n/a.jpg,\n",
            ("2:1 declares-nothing: this rule declares nothing: add tags, absent, exclusive or aiTags"),
        ),
        (
            "path,tags,absent\n/a.jpg,red,red\n",
            ("2:12 conflict: 'red' must be absent here, but present at products.csv:2:8: remove one of the two"),
        ),
        ("path,tags,ifMissing\n/a.jpg,red,no\n", "2:12 value: ifMissing is 'no': use error, warn or skip"),
        (
            "path,tags,until\n/a.jpg,red,2024-02-30\n",
            ("2:12 day: 2024-02-30 is not a date in the calendar: correct the day or the month"),
        ),
        (
            "tags,match\n{x},/a/*\n",
            ("2:1 unbound: nothing captures {x}: write match with {x} in place of a *, as in /shop/{x}/**"),
        ),
    ],
)
def test_csv_error_has_line_and_column(tmp_path: Path, text: str | bytes, expected: str) -> None:
    assert errors_of(tmp_path, text) == [f"products.csv:{expected}"]


def test_csv_reports_an_error_in_each_row(tmp_path: Path) -> None:
    found = errors_of(tmp_path, "path,tags\n/a.jpg,50%\n/b.jpg,50%\n/c.jpg,red\n/d.jpg,50%\n")
    assert [each.partition(" ")[0] for each in found] == ["products.csv:2:8", "products.csv:3:8", "products.csv:5:8"]


def test_csv_reports_an_error_in_defaults_once_in_the_manifest(tmp_path: Path) -> None:
    found = errors_of(tmp_path, "path,tags\n/a.jpg,red\n/b.jpg,blue\n", "  defaults: {tags: ['{x}']}\n")
    assert [each.partition(":")[0] for each in found] == ["tags.yaml"]


def test_csv_stops_after_ten_thousand_errors(tmp_path: Path) -> None:
    text = "path,tags\n" + "/a.jpg\n" * 100_000
    with pytest.raises(ManifestError) as caught:
        state_of(tmp_path, text)
    assert caught.value.more == 10_001 - 50


@pytest.mark.parametrize("row", ["," * (1 << 21), '"' + '\n","' * (1 << 19), "x" * (1 << 21)])
def test_csv_refuses_endless_rows(tmp_path: Path, row: str) -> None:
    found = errors_of(tmp_path, f"path,tags\n/a.jpg,{row}\n")
    assert len(found) == 1
    assert found[0].startswith("products.csv:2:")


def test_csv_over_the_size_limit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tags.yaml").write_text(MANIFEST)
    with (tmp_path / "products.csv").open("wb") as file:
        file.truncate(500 << 20)
    with pytest.raises(ManifestError) as caught:
        read_manifests([str(tmp_path)])
    [error] = caught.value.diagnostics
    assert error.message == "products.csv: this file is larger than 64 MiB: split it"
    assert str(error.origin) == f"{tmp_path}/tags.yaml:4:15"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("../outside.csv", "not in the given folder"),
        ("link.csv", "not in the given folder"),
        ("linked/outside.csv", "not in the given folder"),
        ("/etc/passwd.csv", "not a relative path"),
        ("tags.yaml", "ends in .csv or .tsv"),
        ("missing.csv", "this file does not exist"),
        ("pipe.csv", "not a regular file"),
        ("folder.csv", "Is a directory"),
        ('"a\\0.csv"', "not a relative path"),
        ("loop.csv", "symbolic links"),
    ],
)
def test_csv_outside_the_folder_or_irregular_is_refused(tmp_path: Path, name: str, words: str) -> None:
    folder = tmp_path / "given"
    (folder / "folder.csv").mkdir(parents=True)
    (tmp_path / "outside.csv").write_text("path,tags\n/a.jpg,red\n")
    (folder / "link.csv").symlink_to(tmp_path / "outside.csv")
    (folder / "linked").symlink_to(tmp_path)
    (folder / "loop.csv").symlink_to("loop.csv")
    os.mkfifo(folder / "pipe.csv")
    (folder / "tags.yaml").write_text(MANIFEST.replace("products.csv", name))
    with pytest.raises(ManifestError) as caught:
        read_manifests([str(folder / "tags.yaml")])
    [error] = caught.value.diagnostics
    assert words in error.message
    assert str(error.origin) == f"{folder}/tags.yaml:4:15"


def test_csv_above_a_subfolder_is_read_inside_the_given_folder(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "tags.yaml").write_text(MANIFEST.replace("products.csv", "../products.csv"))
    (tmp_path / "products.csv").write_text("path,tags\n/a.jpg,red\n")
    for paths in ([tmp_path], [tmp_path / "sub", tmp_path]):
        state = read_manifests([str(path) for path in paths])
        assert [ref.path for ref in state.manifests] == ["sub/tags.yaml", "products.csv"]


def test_csv_as_a_path_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "products.csv").write_text("path,tags\n")
    with pytest.raises(ManifestError, match=r"name it in spec\.filesFrom of a manifest"):
        read_manifests([str(tmp_path / "products.csv")])


def test_manifest_keys_for_csv_are_checked(tmp_path: Path) -> None:
    assert errors_of(tmp_path, "path,tags\n", "  listSeparator: ab\n") == [
        "tags.yaml:5:18 value: listSeparator is 'ab': use one punctuation mark such as ; or |"
    ]
    assert errors_of(tmp_path, "path,tags\n", "  listSeparators: x\n")[0].startswith("tags.yaml:5:3 unknown-key")


def test_csv_at_a_revision_is_the_one_of_that_revision(tmp_path: Path) -> None:
    state_of(tmp_path, "path,tags\n/a.jpg,red\n")
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True)  # noqa: S603, S607 - git
    (tmp_path / "products.csv").unlink()
    for path in (tmp_path, tmp_path / "tags.yaml"):
        assert tags_of(list(revision_of("HEAD", str(path)).desired.entries)) == [("red",)]
