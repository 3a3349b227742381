import csv
import html
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import AWS, ai, file_object, id_of, on_terminal, validator_of, write_library
from canary import KEY, leaks
from cli.command import Command, process, started, write_manifest

from tagsync.api import inventory
from tagsync.model import AITagUse, Confidences, FolderCount, Inventory, Places
from tagsync.reporting.inventory_text import tags_text

SANDBOX = ("--sandbox", "library.jsonl")


@pytest.fixture(autouse=True)
def _library(library: Callable[..., Path]) -> None:
    library(
        file_object("/shop/1.jpg", ["catalog", "red"], [ai("Dog", 90), ai("Dog", 60.5, AWS)]),
        file_object("/shop/hats/2.jpg", ["catalog"], [ai("Dog", 70)]),
        file_object("/press/\u5199\u771f.jpg", ["press, old", "\u7d05"]),
        file_object("/logo.png"),
    )


def test_tags_text_has_aligned_columns_and_totals(tagsync: Command) -> None:
    result = tagsync("tags", *SANDBOX)
    assert result.code == 0
    assert result.out.splitlines() == [
        "TAG         FILES  FOLDERS",
        "catalog         2  /shop/ (1), /shop/hats/ (1)",
        "press, old      1  /press/",
        "red             1  /shop/",
        "\u7d05              1  /press/",
        "",
        "                                    CONFIDENCE IN %",
        "AI TAG  SOURCE               FILES    MIN  MEDIAN    MAX  FOLDERS",
        "Dog     google-auto-tagging      2  70.00   80.00  90.00  /shop/ (1), /shop/hats/ (1)",
        "Dog     aws-auto-tagging         1  60.50   60.50  60.50  /shop/",
        "",
        "4 files: 4 tags, 1 AI tag (2 by source); 1 file without ordinary tags",
    ]


def test_tags_text_of_a_narrow_terminal_limits_the_column_of_names() -> None:
    root = Places("/", (FolderCount("/", 1),))
    names = ["Dog", "A name of an AI tag that is longer than its column may get"]
    uses = tuple(AITagUse(name, "google-auto-tagging", 1, Confidences(70, 80, 90), root) for name in names)
    lines = on_terminal(lambda lines: tags_text(Inventory((), uses, 1, 0), lines), 80)
    assert lines[1:5] == [
        "AI TAG  SOURCE               FILES    MIN  MEDIAN    MAX  FOLDERS",
        "Dog     google-auto-tagging      1  70.00   80.00  90.00  /",
        "A name of an AI tag that is longer than its column may get  google-auto-tagging",
        "  1  70.00   80.00  90.00  /",
    ]


def test_tags_text_shows_the_most_frequent_tags(tagsync: Command, library: Callable[..., Path]) -> None:
    files = [file_object(f"/{n:02}.jpg", [f"tag-{n:02}", f"tag-{n // 2:02}"], [ai(f"Name {n:02}")]) for n in range(60)]
    library(*files, name="many.jsonl")
    lines = tagsync("tags", "--sandbox", "many.jsonl").out.splitlines()
    assert (lines[1].split()[0], len(lines)) == ("tag-01", 51 + 1 + 52 + 1 + 2)
    assert lines[-2] == "10 tags and 10 AI tags more: use --verbose, --format csv or --format html to show all"
    everything = tagsync("tags", "--sandbox", "many.jsonl", "--verbose").out.splitlines()
    assert len(everything) == 61 + 1 + 62 + 1 + 1
    assert everything[-1] == lines[-1] == "60 files: 60 tags, 60 AI tags; 0 files without ordinary tags"


def test_tags_json_has_the_members_of_the_contract(tagsync: Command) -> None:
    document = tagsync("tags", "--format", "json", *SANDBOX).document
    validator_of("tags").validate(document)
    folders = [{"path": "/shop/", "files": 1}, {"path": "/shop/hats/", "files": 1}]
    place = {"folder": "/shop/", "folders": folders, "moreFolders": 0}
    assert document["tags"][0] == {"name": "catalog", "files": 2, **place}
    assert document["aiTags"][0] == {
        "name": "Dog",
        "source": "google-auto-tagging",
        "files": 2,
        "confidence": {"min": 70, "median": 80, "max": 90},
        **place,
    }


def test_tags_of_a_folder_count_only_its_files(tagsync: Command) -> None:
    document = tagsync("tags", "--path", "/shop/hats/", "--format", "json", *SANDBOX).document
    assert ([(tag["name"], tag["files"]) for tag in document["tags"]], document["files"]) == ([("catalog", 1)], 1)
    nothing = tagsync("tags", "--path", "/nothing/", *SANDBOX)
    assert (nothing.code, nothing.out) == (0, "0 files: 0 tags, 0 AI tags; 0 files without ordinary tags\n")
    assert "warning: the library has no file below '/nothing/': check the path" in nothing.err


def test_tags_csv_has_a_row_for_each_tag(tagsync: Command) -> None:
    rows = list(csv.DictReader(tagsync("tags", "--format", "csv", *SANDBOX).out.splitlines()))
    assert [row["name"] for row in rows] == ["catalog", "press, old", "red", "\u7d05", "Dog", "Dog"]
    assert rows[-1] == {
        "kind": "aiTag",
        "name": "Dog",
        "source": AWS,
        "files": "1",
        "minConfidence": "60.5",
        "medianConfidence": "60.5",
        "maxConfidence": "60.5",
        "folder": "/shop/",
    }


def test_tags_page_counts_names_like_text(tagsync: Command) -> None:
    assert "<h1>4 tags, 1 AI tag (2 by source)</h1>" in tagsync("tags", "--format", "html", *SANDBOX).out


def test_ls_text_has_a_line_for_each_file(tagsync: Command) -> None:
    result = tagsync("ls", *SANDBOX)
    assert result.code == 0
    assert result.out.splitlines() == [
        "/logo.png",
        "/press/\u5199\u771f.jpg   'press, old', \u7d05",
        "/shop/1.jpg       catalog, red  AI: Dog",
        "/shop/hats/2.jpg  catalog  AI: Dog",
    ]
    assert result.err.endswith("\n4 files\n")


def test_ls_json_has_the_members_of_the_contract(tagsync: Command) -> None:
    document = tagsync("ls", "/shop/1.*", "--format", "json", *SANDBOX).document
    validator_of("files").validate(document)
    tags = [
        {"name": "Dog", "confidence": 60.5, "source": AWS},
        {"name": "Dog", "confidence": 90, "source": "google-auto-tagging"},
    ]
    path = "/shop/1.jpg"
    [file] = document["files"]
    assert file.pop("fields") == {"createdAt": ["2024-01-01T00:00:00.000Z"]}
    assert file == {"fileId": id_of(path), "path": path, "tags": ["catalog", "red"], "aiTags": tags}


def test_ls_shows_the_data_that_placeholders_use(tagsync: Command, library: Callable[..., Path]) -> None:
    custom = {"season": "\x1bspring", "colors": ["red", "blue"], "price": 1.5, "none": None, "sold": False}
    file = file_object("/1.jpg", fileType="image", customMetadata=custom, createdAt=None)
    library(file, file_object("/2.jpg", createdAt=None, customMetadata=None), name="fields.jsonl")
    document = tagsync("ls", "--format", "json", "--sandbox", "fields.jsonl").document
    validator_of("files").validate(document)
    assert [item["fields"] for item in document["files"]] == [
        {
            "customMetadata.colors": ["blue", "red"],
            "customMetadata.price": ["1.5"],
            "customMetadata.season": ["\x1bspring"],
            "customMetadata.sold": ["false"],
            "fileType": ["image"],
        },
        {},
    ]
    assert tagsync("ls", "-v", "--sandbox", "fields.jsonl").out.splitlines() == [
        "/1.jpg",
        "    customMetadata.colors: blue",
        "    customMetadata.colors: red",
        "    customMetadata.price: 1.5",
        r"    customMetadata.season: \x1bspring",
        "    customMetadata.sold: false",
        "    fileType: image",
        "/2.jpg",
    ]
    assert "customMetadata" not in tagsync("ls", "--sandbox", "fields.jsonl").out


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["/shop/**"], ["1.jpg", "2.jpg"]),
        (["/shop/"], ["1.jpg", "2.jpg"]),
        (["/shop/*"], ["1.jpg"]),
        (["/shop/1.jpg"], ["1.jpg"]),
        (["/{shop}/{name}.jpg"], ["\u5199\u771f.jpg", "1.jpg"]),
        (["--path", "/shop/hats/"], ["2.jpg"]),
        (["--path", "/shop/", "/**/2.jpg"], ["2.jpg"]),
        (["--path", "/press/", "/shop/**"], []),
        (["--tag", "catalog"], ["1.jpg", "2.jpg"]),
        (["--tag", "catalog", "--tag", "red"], ["1.jpg"]),
        (["--ai-tag", "Dog", "/shop/*"], ["1.jpg"]),
        (["--query", 'tags IN ["red"]'], ["1.jpg"]),
        (["--query", 'tags IN ["catalog"]', "/shop/hats/**"], ["2.jpg"]),
        (["--tag", "Red"], []),
    ],
)
def test_ls_lists_files_that_meet_all_conditions(tagsync: Command, arguments: list[str], names: list[str]) -> None:
    result = tagsync("ls", "--format", "json", *SANDBOX, *arguments)
    assert result.code == 0
    assert [Path(file["path"]).name for file in result.document["files"]] == names
    assert ("warning: no file meets these conditions" in result.err) == (not names)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--path", "/shop/999/"], "check the path '/shop/999/'"),
        (["--query", 'tags IN ["nothing"]'], "check the query"),
        (["--tag", "Red"], "no file has the tag 'Red', because tags are case-sensitive: did you mean 'red'?"),
        (["--tag", "catlog"], "no file has the tag 'catlog': did you mean 'catalog'?"),
        (["--ai-tag", "Dogs", "--tag", "red"], "no file has the tag 'Dogs': did you mean 'Dog'?"),
        (["--tag", "nothing"], "no file has the tag 'nothing'"),
        (["--tag", "red", "--tag", "press, old"], "each is met by some file, but none meets all"),
        (["--tag", "Red", "--max-duration", "1m"], "tags are case-sensitive"),
        (
            ["/shop/1.JPG"],
            "'/shop/1.jpg' exists, which differs only in case or Unicode form: write it as in the library",
        ),
        (["/Shop/*"], "the library has '/shop/', and globs are case-sensitive: write the folder like that"),
        (["/shpo/*"], "the library has no folder '/shpo/'; did you mean '/shop/*'?"),
        (["/nothing/*"], "check the glob '/nothing/*'"),
        (["/shop/*", "--query", 'tags IN ["nothing"]'], "check the query"),
    ],
)
def test_ls_that_finds_nothing_says_what_to_check(tagsync: Command, arguments: list[str], hint: str) -> None:
    result = tagsync("ls", *SANDBOX, *arguments)
    assert result.err.endswith(f"warning: no file meets these conditions: {hint}\n")


def test_ls_reads_the_library_for_a_hint_only_if_it_has_not_and_briefly(
    tagsync: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inventory, "SECONDS_FOR_HINTS", 0)
    result = tagsync("ls", *SANDBOX, "--tag", "Red")
    assert result.err.endswith("did you mean 'red'?\n"), "it has listed all files"
    files = (
        file_object(f"/many/{n}.jpg", ["red"], createdAt=f"2024-01-{1 + n // 800:02d}T00:00:00.000Z")
        for n in range(20_000)
    )
    write_library(Path("many.jsonl"), files)
    result = tagsync("ls", "--sandbox=many.jsonl", "--tag", "Red")
    assert (result.code, result.out) == (0, "")
    assert result.err.endswith("warning: no file meets these conditions: tags are case-sensitive\n")


def test_ls_of_a_folder_without_a_slash_says_how_to_list_it(tagsync: Command) -> None:
    words = "no file meets these conditions: to select the files of a folder, write '/shop/**'\n"
    assert words in tagsync("ls", "/shop", *SANDBOX).err


def test_ls_csv_separates_tags_by_semicolons(tagsync: Command) -> None:
    result = tagsync("ls", "/shop/1.jpg", "--format", "csv", *SANDBOX)
    assert result.out == f"fileId,path,tags,aiTags\n{id_of('/shop/1.jpg')},/shop/1.jpg,catalog;red,Dog\n"


@pytest.mark.parametrize(("name", "separator"), [("a;b", "|"), ("a;b|c", "%")])
def test_ls_csv_separates_tags_by_a_mark_that_none_contains(
    tagsync: Command, library: Callable[..., Path], name: str, separator: str
) -> None:
    for tags, ai_tags in (([name, "x"], ["y"]), (["x"], [name, "y"])):
        library(
            file_object("/a.jpg", ["x", "y"]), file_object("/b.jpg", tags, list(map(ai, ai_tags))), name="odd.jsonl"
        )
        result = tagsync("ls", "--format", "csv", "--sandbox", "odd.jsonl")
        rows = list(csv.DictReader(result.out.splitlines()))
        assert [row["tags"].split(separator) for row in rows] == [["x", "y"], tags]
        assert rows[1]["aiTags"].split(separator) == ai_tags
        assert f"warning: a tag contains ;, so the CSV separates tags with {separator}\n" in result.err
        assert tagsync("sandbox", "reset", "odd.jsonl").code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ls", "shop/**"], "'shop/**' matches no file: paths start with /"),
        (["ls", "/shop\\"], "lone backslash"),
        (["ls", "/shop/{a"], "a brace is not closed"),
        (["ls", "--path", "shop"], "use '/shop/'"),
        (["tags", "--path", "/shop"], "use '/shop/'"),
        (["tags", "--format", "xml"], "'xml' is not one of"),
        (["tags", "--report", "x.md"], "has none of the suffixes .csv, .html, .json"),
        (["ls", "--report", "library.jsonl", "--report", "csv=library.jsonl"], "has none of the suffixes"),
        (["ls", "--report", "csv=library.jsonl"], "library.jsonl is an input of this command"),
        (["ls", "--report", "a.csv", "--report", "json=a.csv"], "a.csv is named twice"),
    ],
)
def test_inventory_refuses_invalid_arguments(tagsync: Command, arguments: list[str], words: str) -> None:
    result = tagsync(*arguments, *SANDBOX)
    assert (result.code, result.out) == (64, "")
    assert words in result.err


def test_ls_query_that_is_refused_is_an_error(tagsync: Command) -> None:
    result = tagsync("ls", "--query", "nonsense ==", "--report", "ls.json", "--report", "ls.csv", *SANDBOX)
    assert (result.code, result.out) == (1, "")
    assert "error: the query 'nonsense ==' failed: " in result.err
    assert json.loads(Path("ls.json").read_text("utf-8"))["diagnostics"][0]["code"] == "rejected"
    assert not Path("ls.csv").exists()


def test_inventory_writes_each_report(tagsync: Command) -> None:
    for command in ("tags", "ls"):
        result = tagsync(
            command,
            "--report",
            "x.csv",
            "--report",
            "x.json",
            "--report",
            "x.txt",
            "--report",
            "x.html",
            "--quiet",
            *SANDBOX,
        )
        assert (result.code, result.err) == (0, "")
        for kind, name in (("text", "x.txt"), ("json", "x.json"), ("csv", "x.csv"), ("html", "x.html")):
            assert Path(name).read_text("utf-8") == tagsync(command, "--format", kind, *SANDBOX).out


HOSTILE = (
    "\x1b[31mred",
    "##[error]gone",
    "::error::x",
    "=1+1",
    "+1",
    "-1",
    "@x",
    "\u202egpj",
    "'=x",
    "\uff1dx",
    "\ny",
)


@pytest.mark.parametrize("kind", ["text", "csv"])
@pytest.mark.parametrize("command", ["tags", "ls"])
def test_inventory_output_of_hostile_names_is_harmless(
    tagsync: Command, library: Callable[..., Path], command: str, kind: str
) -> None:
    files = [file_object(f"/{name}/{number}", [name], [ai(name)]) for number, name in enumerate(HOSTILE)]
    library(*files, name="odd.jsonl")
    result = tagsync(command, "--format", kind, "--sandbox", "odd.jsonl")
    assert result.code == 0
    for line in result.out.splitlines():
        assert "##[" not in line
        assert not line.lstrip().startswith("::")
    assert not {"\x1b", "\u202e", "\r"} & set(result.out)
    if kind == "csv":
        for row in csv.reader(result.out.splitlines()):
            assert not [cell for cell in row if cell[:1] in "=+-@\uff1d" and cell]
    exact = tagsync(command, "--format", "json", "--sandbox", "odd.jsonl").document
    names = exact["tags"] if command == "tags" else [{"name": tag} for file in exact["files"] for tag in file["tags"]]
    assert {tag["name"] for tag in names} == set(HOSTILE)


def test_inventory_ends_quietly_when_its_reader_stops(library: Callable[..., Path]) -> None:
    library(*(file_object(f"/shop/{number}.jpg", ["x" * 900]) for number in range(900)), name="many.jsonl")
    with started("ls", "--sandbox", "many.jsonl", "--quiet") as running:
        assert running.stdout
        assert running.stderr
        running.stdout.readline()
        running.stdout.close()
        assert (running.wait(30), running.stderr.read()) == (1, "")


def test_inventory_is_utf_8_in_any_locale() -> None:
    for kind in ("csv", "json"):
        result = process("ls", "--format", kind, *SANDBOX, env={"PYTHONIOENCODING": "latin-1"})
        assert ("\u7d05" if kind == "csv" else "\\u7d05") in result.out


def test_inventory_needs_only_a_key_and_never_shows_it(tagsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEKIT_PRIVATE_KEY", KEY)
    monkeypatch.setenv("TAGSYNC_ENDPOINT", "http://127.0.0.1:1")
    result = tagsync("tags", "--report", "x.json", "--max-duration", "1s", "-v")
    assert result.code == 1
    assert not leaks(result.out + result.err + Path("x.json").read_text("utf-8"))


def test_inventory_takes_account_and_environment_from_tagsync_yaml(
    tagsync: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "environments: {staging: {account: shop, key: IMAGEKIT_PRIVATE_KEY_STAGING}}"
    Path("tagsync.yaml").write_text(f"apiVersion: tagsync/v1\nkind: Config\n{text}\n", encoding="utf-8")
    monkeypatch.delenv("IMAGEKIT_PRIVATE_KEY", raising=False)
    result = tagsync("ls", "--env", "staging")
    assert "IMAGEKIT_PRIVATE_KEY_STAGING" in result.err
    assert tagsync("ls", "--env", "nowhere", *SANDBOX).code != 0
    assert tagsync("ls", "--env", "staging", *SANDBOX).code == 0


def test_tags_suggest_prints_a_vocabulary_that_plans(tagsync: Command, library: Callable[..., Path]) -> None:
    library(
        *(file_object(f"/shop/{number}.jpg", ["Shoes" if number < 3 else "shoes"]) for number in range(9)),
        name="untidy.jsonl",
    )
    result = tagsync("tags", "--suggest", "--sandbox", "untidy.jsonl", "--report", "text=vocabulary.yaml")
    assert result.code == 0
    assert "    Shoes: shoes  # case; 3 files, 2 API calls; 6 have the new name\n" in result.out
    assert result.err.endswith("2 tags of 9 files compared: 1 rename, and 0 possible ones in comments\n")
    assert Path("vocabulary.yaml").read_text("utf-8") == result.out
    write_manifest("- {match: /**, absent: [draft]}")
    plan = tagsync("plan", "--sandbox", "untidy.jsonl", "--format", "json", "tags.yaml", "vocabulary.yaml").document
    assert (plan["summary"]["filesChanged"], plan["estimate"]["writeRequests"]) == (3, 2)


@pytest.mark.parametrize("option", ["--suggest", "--ai"])
@pytest.mark.parametrize("arguments", [["--format", "html"], ["--report", "x.csv"]])
def test_tags_suggestions_are_only_yaml_or_json(tagsync: Command, option: str, arguments: list[str]) -> None:
    result = tagsync("tags", option, *arguments, *SANDBOX)
    assert (result.code, result.out) == (64, "")
    assert f"{option} prints YAML for a manifest, or JSON: use --format and --report only with text or" in result.err


def test_tags_suggest_json_has_every_rename(tagsync: Command, library: Callable[..., Path]) -> None:
    tags = ["Shoes"] * 3 + ["shoes"] * 6 + ["hat"] * 5
    files = [
        file_object(f"/shop/{number}.jpg", [tag, *(["headwear"] * (tag == "hat"))]) for number, tag in enumerate(tags)
    ]
    library(*files, name="untidy.jsonl")
    result = tagsync("tags", "--suggest", "--format", "json", "--report", "text=x.yaml", "--sandbox", "untidy.jsonl")
    assert result.code == 0
    validator_of("renames").validate(result.document)
    assert (result.document["files"], result.document["tags"]) == (14, 4)
    same = {"old": "headwear", "new": "hat", "reason": "on the same files"}
    case = {"old": "Shoes", "new": "shoes", "reason": "case"}
    assert result.document["renames"] == [
        {**case, "files": 3, "newFiles": 6, "writeRequests": 2, "certain": True},
        {**same, "files": 5, "newFiles": 5, "writeRequests": 1, "certain": False},
    ]
    assert "Shoes: shoes" in Path("x.yaml").read_text("utf-8")


def test_tags_ai_json_has_the_figures_of_each_source_and_name(tagsync: Command, library: Callable[..., Path]) -> None:
    library(
        *(file_object(f"/shop/{n}.jpg", ["dog"], [ai("Dog", 90)]) for n in range(100)),
        *(file_object(f"/shop/x{n}.jpg", ["cat"], [ai("Dog", 50), ai("Tree", 50, AWS)]) for n in range(20)),
        name="dogs.jsonl",
    )
    result = tagsync("tags", "--ai", "--path", "/shop/", "--format", "json", "--sandbox", "dogs.jsonl")
    assert result.code == 0
    validator_of("agreement").validate(result.document)
    assert (result.document["folder"], result.document["files"]) == ("/shop/", 120)
    [aws, google] = result.document["sources"]
    dog = {"files": 120, "agreeing": 100, "minConfidence": 90, "filesFrom": 100, "agreeingFrom": 100, "always": False}
    assert google == {
        "source": "google-auto-tagging",
        **dog,
        "names": [{"name": "Dog", **dog}],
        "moreNames": 0,
    }
    assert (aws["names"], aws["moreNames"], aws["minConfidence"]) == ([], 1, None)


def test_tags_ai_prints_rules_that_plan(tagsync: Command, library: Callable[..., Path]) -> None:
    library(
        *(file_object(f"/shop/{n}.jpg", ["dog"], [ai("Dog", 90)]) for n in range(100)),
        *(file_object(f"/shop/x{n}.jpg", ["cat"], [ai("Dog", 50)]) for n in range(20)),
        name="dogs.jsonl",
    )
    result = tagsync("tags", "--ai", "--path", "/shop/", "--sandbox", "dogs.jsonl")
    assert result.code == 0
    assert "    - match: /shop/**\n" in result.out
    assert "120 files with both AI tags and ordinary tags compared: 100 of 120 AI tags that are also" in result.err
    assert "        minConfidence: 90  # from 90 on, 100 of 100 agree (100%)\n" in result.out
    Path("ai.yaml").write_text(result.out, encoding="utf-8")
    plan = tagsync("plan", "--sandbox", "dogs.jsonl", "--format", "json", "ai.yaml").document
    assert plan["summary"]["removeAITags"] == 20


def test_tags_ai_without_ordinary_tags_warns(tagsync: Command) -> None:
    result = tagsync("tags", "--ai", "--path", "/press/", *SANDBOX)
    assert result.code == 0
    assert "warning: no file below '/press/' has both AI tags and ordinary tags" in result.err
    assert tagsync("tags", "--ai", "--suggest", *SANDBOX).code == 64


def test_tags_suggest_without_ordinary_tags_warns(tagsync: Command) -> None:
    result = tagsync("tags", "--suggest", "--path", "/nothing/", *SANDBOX)
    assert result.code == 0
    assert "warning: no file below '/nothing/' has an ordinary tag: there is nothing to compare" in result.err
    assert "there is nothing" not in tagsync("tags", "--suggest", *SANDBOX).err


@pytest.mark.parametrize(("limit", "value"), [("MAX_ROWS", 2), ("MAX_CHARACTERS", 60)])
@pytest.mark.parametrize("command", ["tags", "ls"])
def test_inventory_page_is_limited_and_counts_the_rest(
    tagsync: Command, monkeypatch: pytest.MonkeyPatch, command: str, limit: str, value: int
) -> None:
    monkeypatch.setattr(f"tagsync.reporting.html.inventory.{limit}", value)
    result = tagsync(command, "--format", "html", *SANDBOX)
    [data] = re.findall(r'<script id="data" type="application/json">(.*?)</script>', result.out, flags=re.DOTALL)
    first = json.loads(data)["tables"][0]
    assert len(first["rows"]) == 2
    assert first["more"] == "The page leaves out 2 more. For all of them, use --format csv or --format json."
    assert command == "tags" or result.err.endswith("4 files\n")


@pytest.mark.parametrize("command", ["tags", "ls"])
def test_inventory_page_runs_and_loads_nothing_else(
    tagsync: Command, library: Callable[..., Path], command: str
) -> None:
    evil = "</script><img src=x onerror=alert(1)>\u202e"
    library(file_object(f"/{evil}.jpg", [evil], [ai(evil)]), name="odd.jsonl")
    page = tagsync(command, "--format", "html", "--sandbox", "odd.jsonl").out
    assert "default-src 'none'; style-src 'sha256-" in html.unescape(page)
    assert page.count("</script>") == 2
    assert "<img" not in page
    assert "\u202e" not in page
    [data] = re.findall(r'<script id="data" type="application/json">(.*?)</script>', page, flags=re.DOTALL)
    first = json.loads(data)["tables"][0]
    assert first["rows"][0][0].endswith(("\\u202e", "\\u202e.jpg"))
    assert len(first["columns"]) == len(first["rows"][0])
