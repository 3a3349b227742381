from collections.abc import Callable
from pathlib import Path

import pytest
from builders import ai, file_object
from cli.command import Command, process

from tagsync.exporting import files as exported_files

SANDBOX = ("--sandbox", "library.jsonl")


@pytest.fixture(autouse=True)
def _library(library: Callable[..., Path]) -> None:
    library(
        file_object("/shop/1.jpg", ["catalog", "red"], [ai("Dog")]),
        file_object("/shop/2.jpg", ["catalog"]),
        file_object("/press/1.jpg", ["press", "50%"]),
        file_object("/logo.png", ["brand"]),
    )


def test_export_goes_to_standard_output_and_plans_no_changes(tagsync: Command) -> None:
    result = tagsync("export", *SANDBOX)
    assert result.code == 0
    assert result.out.splitlines()[:2] == [
        "# yaml-language-server: $schema=./manifest.schema.json",
        "# Exported from sandbox: the ordinary tags below /.",
    ]
    assert "warning: the tag '50%' of '/press/1.jpg' is left out: a manifest cannot declare it" in result.err
    assert result.err.endswith(
        f"Exported 5 tags of 4 files: 4 rules, {len(result.out)} bytes; "
        "AI tags are left out, because a manifest cannot add them\n"
    )
    Path("tags.yaml").write_text(result.out, encoding="utf-8")
    assert tagsync("plan", "--detailed-exitcode", "--strict", *SANDBOX, "tags.yaml").code == 0


def test_export_writes_a_manifest_for_each_top_folder_and_the_schema(tagsync: Command) -> None:
    assert tagsync("export", *SANDBOX, "-o", "new/manifests").code == 0
    names = sorted(path.name for path in Path("new/manifests").iterdir())
    assert names == ["manifest.schema.json", "press.yaml", "root.yaml", "shop.yaml"]
    assert Path("new/manifests/manifest.schema.json").read_text("utf-8") == tagsync("schema", "manifest").out
    assert tagsync("plan", "--detailed-exitcode", *SANDBOX, "new/manifests").code == 0


def test_export_names_manifests_of_similar_folders_differently(tagsync: Command, library: Callable[..., Path]) -> None:
    library(
        *(file_object(f"/{name}/1.jpg", ["x"]) for name in ("a b", "a?b", "A-B", "..", "\ufffe\x1b[31m")),
        name="odd.jsonl",
    )
    assert tagsync("export", "--sandbox", "odd.jsonl", "-o", "out").code == 0
    names = {path.name.lower() for path in Path("out").glob("*.yaml")}
    assert names == {"a-b.yaml", "a-b-2.yaml", "a-b-3.yaml", "root.yaml", "31m.yaml"}
    assert tagsync("plan", "--detailed-exitcode", "--sandbox", "odd.jsonl", "out").code == 0


HOSTILE = ("##[error]gone", "##vso[task.complete result=Failed]", "::error::x", "a\r::set-output name=x::y", "\x85::x")


@pytest.mark.parametrize("folder", ["/", "/##vso[task.setvariable variable=PATH]x/"])
def test_export_cannot_start_a_ci_command(tagsync: Command, library: Callable[..., Path], folder: str) -> None:
    files = [file_object(f"/##vso[task.setvariable variable=PATH]x/{n}/{tag}", [tag]) for n, tag in enumerate(HOSTILE)]
    files += [file_object(f"/::group::x/{n}.jpg", ["##[group]" + "x" * 90]) for n in range(9)]
    files += [file_object("/::group::x/without.jpg"), file_object("/\u2028##[section]/::debug::", ["x"])]
    library(*files, name="odd.jsonl")
    result = tagsync("export", "--sandbox", "odd.jsonl", "--path", folder)
    assert result.code == 0
    for line in (result.out + result.err).splitlines():
        assert "##[" not in line
        assert "##vso[" not in line
        assert not line.lstrip().startswith("::")
    Path("odd.yaml").write_text(result.out, encoding="utf-8")
    plan = tagsync("plan", "--detailed-exitcode", "--sandbox", "odd.jsonl", "--format=json", "odd.yaml")
    assert plan.code == 0
    assert plan.document["summary"]["unchanged"] > 0


def test_export_writes_shared_tags_as_separate_documents(tagsync: Command, library: Callable[..., Path]) -> None:
    common = [f"a-rather-long-tag-{n}" for n in range(9)]
    library(
        *(file_object(f"/shop/{n % 7}/{n}.jpg", [*(common if n % 2 else ()), f"t{n}"]) for n in range(90)),
        name="b.jsonl",
    )
    assert tagsync("export", "--sandbox", "b.jsonl", "-o", "out").code == 0
    texts = {path.name: path.read_text("utf-8") for path in Path("out").glob("*.yaml")}
    assert texts.keys() == {"shop.yaml", "shop-2.yaml"}
    for text in (*texts.values(), tagsync("export", "--sandbox", "b.jsonl").out):
        assert (text.count("kind: TagSet"), "---" in text) == (1, False)
    assert tagsync("plan", "--detailed-exitcode", "--sandbox", "b.jsonl", "out").code == 0


@pytest.mark.parametrize(("folder", "names"), [("/", {"a.yaml", "b.yaml", "root.yaml"}), ("/a/b/", {"a-b.yaml"})])
def test_export_names_manifests_by_folder(
    tagsync: Command, library: Callable[..., Path], folder: str, names: set[str]
) -> None:
    library(*(file_object(path, ["new"]) for path in ("/a/b/1.jpg", "/a/2.jpg", "/b/3.jpg", "/4.jpg")), name="b.jsonl")
    assert tagsync("export", "--sandbox", "b.jsonl", "-o", "out", "--path", folder).code == 0
    assert {path.name for path in Path("out").glob("*.yaml")} == names
    assert tagsync("plan", "--detailed-exitcode", "--sandbox", "b.jsonl", "out").code == 0


def test_export_overwrites_nothing(tagsync: Command) -> None:
    Path("out").mkdir()
    Path("out/mine.yaml").write_text("mine", encoding="utf-8")
    result = tagsync("export", *SANDBOX, "-o", "out")
    assert (result.code, result.out) == (64, "")
    assert "out is not empty, and export overwrites nothing: choose a new folder" in result.err
    assert [path.name for path in Path("out").iterdir()] == ["mine.yaml"]


@pytest.mark.parametrize("folder", ["/nothing/", "/shop/1.jpg/"])
def test_export_of_a_folder_without_tags_is_a_warning(tagsync: Command, folder: str) -> None:
    result = tagsync("export", *SANDBOX, "--path", folder)
    assert result.code == 0
    assert result.out.endswith("  files: []\n")
    assert f"warning: nothing to export: no file below {folder} has a tag; check the path" in result.err


@pytest.mark.parametrize(
    ("folder", "meant"),
    [("shop", "/shop/"), ("/shop", "/shop/"), ("shop/", "/shop/"), ("", "/"), ("//", "/"), ("/a//b/", "/a/b/")],
)
def test_export_path_needs_a_slash_at_both_ends(tagsync: Command, folder: str, meant: str) -> None:
    result = tagsync("export", *SANDBOX, "--path", folder)
    assert (result.code, result.out) == (64, "")
    assert f"'{folder}' does not start and end with a slash, as folders do: use '{meant}'" in result.err


@pytest.mark.parametrize("option", ["--select=/shop/**", "--shard=1/2", "--report=json=x.json", "--format=json"])
def test_export_refuses_options_of_plan(tagsync: Command, option: str) -> None:
    assert tagsync("export", *SANDBOX, option).code == 64


def test_export_ignores_variables_of_plan(tagsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = tagsync("export", *SANDBOX)
    for name, value in (("SELECT", "/shop/**"), ("SHARD", "1/2"), ("FORMAT", "json"), ("REPORT", "json=x.json")):
        monkeypatch.setenv(f"TAGSYNC_{name}", value)
    assert tagsync("export", *SANDBOX) == whole
    assert not Path("x.json").exists()


def test_export_is_utf_8_in_any_locale(library: Callable[..., Path]) -> None:
    library(file_object("/caf\u00e9.jpg", ["\U0001f600"]), name="odd.jsonl")
    result = process("export", "--sandbox", "odd.jsonl", env={"PYTHONIOENCODING": "latin-1"})
    assert '    - path: "/caf\u00e9.jpg"\n      tags: ["\U0001f600"]\n' in result.out


def test_export_splits_a_manifest_that_would_be_too_large(
    tagsync: Command, library: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exported_files, "LONGEST", 300)
    library(
        *(file_object(f"/shop/{n % 5}/{n}.jpg", ["catalog-of-all", f"t{n % 3}"]) for n in range(40)), name="b.jsonl"
    )
    assert tagsync("export", "--sandbox", "b.jsonl", "-o", "out").code == 0
    files = sorted(Path("out").glob("*.yaml"))
    assert len(files) > 4
    assert max(path.stat().st_size for path in files) < 1000
    assert tagsync("plan", "--detailed-exitcode", "--sandbox", "b.jsonl", "out").code == 0


def test_export_csv_goes_to_standard_output_without_anything_else(tagsync: Command) -> None:
    result = tagsync("export", *SANDBOX, "--format=csv")
    rows = "/logo.png,brand\n/press/1.jpg,press\n/shop/1.jpg,catalog;red\n/shop/2.jpg,catalog\n"
    assert (result.code, result.out) == (0, f"path,tags\n{rows}")
    assert "warning: the tag '50%' of '/press/1.jpg' is left out: a manifest cannot declare it" in result.err
    assert f"Exported 5 tags of 4 files: 4 rules, {len(result.out)} bytes; " in result.err


def test_export_csv_writes_rows_and_their_manifest_and_plans_no_changes(
    tagsync: Command, library: Callable[..., Path]
) -> None:
    library(
        file_object("/a\nb.jpg", ["x"]),
        file_object("/caf\u00e9.jpg", ["a;b", "=SUM(A1)", "caf\u00e9"]),
        name="odd.jsonl",
    )
    assert tagsync("export", "--sandbox", "odd.jsonl", "-o", "out", "--format=csv").code == 0
    names = sorted(path.name for path in Path("out").iterdir())
    assert names == ["library.csv", "library.yaml", "manifest.schema.json"]
    text = Path("out/library.csv").read_bytes().decode()
    assert text == "\ufeffpath,tags\n/caf\u00e9.jpg,'=SUM(A1)|a;b|caf\u00e9\n"
    manifest = Path("out/library.yaml").read_text("utf-8")
    assert manifest.startswith(
        "# yaml-language-server: $schema=./manifest.schema.json\n# Exported from sandbox: the ordinary tags below /.\n"
    )
    assert manifest.endswith(
        '  defaults:\n    ifMissing: warn\n  filesFrom: [library.csv]\n  listSeparator: "|"\n'
        '  files:\n    - path: "/a\\nb.jpg"\n      tags: [x]\n'
    )
    result = tagsync("plan", "--detailed-exitcode", "--strict", "--sandbox", "odd.jsonl", "--format=json", "out")
    assert (result.code, result.document["summary"]["unchanged"]) == (0, 2)


def test_export_csv_warns_of_files_that_cannot_be_rows(tagsync: Command, library: Callable[..., Path]) -> None:
    library(file_object("/a\n::error::b.jpg", ["x"]), file_object("/c.jpg", ["a;b"]), name="odd.jsonl")
    result = tagsync("export", "--sandbox", "odd.jsonl", "--format=csv")
    assert (result.code, result.out) == (0, "path,tags\n/c.jpg,a;b\n")
    assert (
        "warning: the tags of '/a\\x0a::error::b.jpg' are left out: its path or tags cannot be in a CSV file, or other "
        "files share its path; -o DIR writes them to library.yaml\n"
    ) in result.err
    assert (
        'some tags contain ;, so | separates the tags in a cell: set listSeparator: "|" in the manifest' in result.err
    )
    assert "Exported 1 tag of 1 file: 1 rule" in result.err


@pytest.mark.parametrize("folder", ["/", "/##vso[task.setvariable variable=PATH]x/"])
def test_export_csv_cannot_start_a_ci_command(tagsync: Command, library: Callable[..., Path], folder: str) -> None:
    files = [file_object(f"/##vso[task.setvariable variable=PATH]x/{n}/{tag}", [tag]) for n, tag in enumerate(HOSTILE)]
    library(*files, *(file_object(f"/{n}/a.jpg", [tag]) for n, tag in enumerate(HOSTILE)), name="odd.jsonl")
    result = tagsync("export", "--sandbox", "odd.jsonl", "--path", folder, "--format=csv")
    for line in (result.out + result.err).splitlines():
        assert "##[" not in line
        assert "##vso[" not in line
        assert not line.lstrip().startswith("::")


def test_export_csv_splits_a_file_that_would_be_too_large(
    tagsync: Command, library: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exported_files, "LONGEST", 300)
    files = [file_object(f"/shop/{n % 5}/{n}.jpg", ["catalog", f"t{n % 3}"]) for n in range(40)]
    library(*files, *(file_object(f"/{n}\n.jpg", ["x" * 90]) for n in range(9)), name="b.jsonl")
    assert tagsync("export", "--sandbox", "b.jsonl", "-o", "out", "--format=csv").code == 0
    names = {path.name for path in Path("out").iterdir()} - {"manifest.schema.json"}
    assert {"library.csv", "library-2.csv", "library-3.csv", "library.yaml", "library-2.yaml"} < names
    assert max(Path("out", name).stat().st_size for name in names) < 1000
    assert Path("out/library.yaml").read_text().count("filesFrom: [library.csv, library-2.csv, library-3.csv") == 1
    assert "filesFrom" not in Path("out/library-2.yaml").read_text()
    result = tagsync("plan", "--detailed-exitcode", "--sandbox", "b.jsonl", "--format=json", "out")
    assert (result.code, result.document["summary"]["unchanged"]) == (0, 49)


def test_export_csv_of_nothing_is_a_valid_manifest(tagsync: Command) -> None:
    result = tagsync("export", *SANDBOX, "--format=csv", "--path=/nothing/", "-o", "out")
    assert "warning: nothing to export" in result.err
    assert Path("out/library.csv").read_bytes().decode() == "\ufeffpath,tags\n"
    assert tagsync("plan", "--detailed-exitcode", *SANDBOX, "out").code == 0


def test_export_csv_needs_a_folder_for_its_two_files(tagsync: Command) -> None:
    result = tagsync("export", *SANDBOX, "--format=csv", "-o", "tags.csv")
    assert (result.code, result.out) == (64, "")
    assert (
        "tags.csv is the name of a file, and -o takes a folder: use -o tags; for the rows alone, use --format csv > "
        in result.err
    )
    assert not Path("tags.csv").exists()
