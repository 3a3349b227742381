"""`tagsync test` runs `kind: Test` documents offline."""

import json
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from builders import AWS, Sandbox, ai, examples, file_object, manifest
from canary import KEY, leaks
from cli.command import Command, write_manifest
from jsonschema import Draft202012Validator

import tagsync as package
from tagsync import schemas

HEAD = "apiVersion: tagsync/v1\nkind: Test\n"
RULES = "- {match: '/shop/{category}/*', tags: ['{category}'], absent: [draft]}"
GIVEN = "given: [{path: /shop/tees/a.jpg, tags: [draft, old]}]"


def write_test(spec: str, name: str = "tests.yaml", *, title: str = "") -> Path:
    """Write a test with this spec, one key on each line."""
    metadata = f"metadata: {{name: {title}}}\n" if title else ""
    lines = "".join(f"  {line}\n" for line in spec.splitlines())
    path = Path(name)
    path.write_text(f"{HEAD}{metadata}spec:\n{lines}", encoding="utf-8")
    return path


@pytest.fixture
def _rules() -> None:
    write_manifest(RULES)


def test_test_accepts_the_example_of_the_contract(tagsync: Command) -> None:
    Path("all.yaml").write_text(
        """\
apiVersion: tagsync/v1
kind: TagSet
spec:
  values: {category: {tees: t-shirts, else: keep}}
  files:
    - match: /shop/{category}/{sku}-*.jpg      # text of one folder level, not empty; \\{ is a brace
      tags: ["{category}", "sku-{sku:lower}", "{customMetadata.season}"]
      ifInvalid: warn                          # a value that cannot be a tag: error (default), warn, skip
  filesFrom: [products.csv]                    # path,tags,absent ... one row an entry, list cells separated by ;
---
apiVersion: tagsync/v1
kind: Test
spec:
  given: [{path: /shop/tees/A1-front.jpg, tags: [draft]}]      # or library: library.jsonl
  expect: {/shop/tees/A1-front.jpg: {contains: [t-shirts, sku-a1], lacks: [draft]}}
  properties: [{match: /legal/**, removes: none}]
""",
        encoding="utf-8",
    )
    Path("products.csv").write_text("path,tags,absent\n/shop/tees/A1-front.jpg,,draft\n/other.jpg,sale,\n", "utf-8")
    assert tagsync("test", "all.yaml") == (0, "all.yaml .\nTests: 1 passed\n", "")
    Path("products.csv").write_text("path,tags,absent\n/other.jpg,sale,\n", "utf-8")
    assert tagsync("test", "all.yaml").code == 1


@pytest.mark.usefixtures("_rules")
def test_test_shows_the_difference_and_the_rules_behind_it(tagsync: Command) -> None:
    write_test(f"{GIVEN}\nexpect: {{/shop/tees/a.jpg: {{exact: [draft, t-shirts]}}}}", title="names become tags")
    result = tagsync("test", ".")
    assert (result.code, result.err) == (1, "")
    assert result.out.splitlines() == [
        "tests.yaml F",
        "",
        "FAILED tests.yaml:1:1 names become tags",
        "  tests.yaml:6:12: '/shop/tees/a.jpg' has other tags than expected",
        "    - draft  (removed by tags.yaml:5:68)",
        "    + old  (given, and nothing removes it)",
        "    - t-shirts  (nothing adds it)",
        "    + tees  (added by tags.yaml:5:44)",
        "",
        "- expected  + from the plan",
        "Tests: 1 failed, 0 passed",
    ]


@pytest.mark.usefixtures("_rules")
@pytest.mark.parametrize(
    ("expect", "lines"),
    [
        ("{/shop/tees/a.jpg: {contains: [tees, old], lacks: [draft]}}", []),
        ("{/shop/tees/a.jpg: {exact: [old, tees]}}", []),
        ("{/shop/tees/a.jpg: {contains: [draft]}}", ["- draft  (removed by tags.yaml:5:68)"]),
        ("{/shop/tees/a.jpg: {lacks: [tees]}}", ["+ tees  (added by tags.yaml:5:44)"]),
        (
            "{/shop/tees/a.jpg: {exact: []}}",
            ["+ old  (given, and nothing removes it)", "+ tees  (added by tags.yaml:5:44)"],
        ),
        ("{/shop/tees/a.jpg: {aiTags: {contains: [Shoe]}}}", ["- Shoe  (nothing adds it)"]),
    ],
)
def test_test_compares_tags_as_expected(tagsync: Command, expect: str, lines: list[str]) -> None:
    write_test(f"{GIVEN}\nexpect: {expect}")
    result = tagsync("test", ".")
    assert result.code == (1 if lines else 0)
    assert [line.strip() for line in result.out.splitlines() if line.startswith(("    -", "    +"))] == lines


def test_test_compares_tags_after_unicode_nfc(tagsync: Command) -> None:
    write_manifest('- {match: /**, tags: ["caf\\u00e9"], absent: ["cre\\u0300me"]}')
    write_test('given: [{path: /a, tags: ["cafe\\u0301", "cr\\u00e8me"]}]\nexpect: {/a: {exact: ["caf\\u00e9"]}}')
    result = tagsync("test", ".")
    assert result.code == 0, result.out


def test_test_compares_ai_tags_and_promotions(tagsync: Command) -> None:
    write_manifest("- {match: /**, aiTags: {minConfidence: 70, promote: {minConfidence: 95}}}")
    given = "given: [{path: /a, aiTags: [{name: Low, confidence: 50}, {name: High, confidence: 99}, Unsure]}]"
    write_test(f"{given}\nexpect: {{/a: {{exact: [High], aiTags: {{contains: [Unsure], lacks: [Low, High]}}}}}}")
    result = tagsync("test", ".")
    assert result.code == 0, result.out


@pytest.mark.usefixtures("_rules")
@pytest.mark.parametrize(
    ("condition", "lines"),
    [
        ("removes: none", ["+ /shop/tees/a.jpg: draft  (removed by tags.yaml:5:68)"]),
        ("adds: none", ["+ /shop/tees/a.jpg: tees  (added by tags.yaml:5:44)"]),
        ("exactlyOneOf: [men, women]", ["- /shop/tees/a.jpg  (has none of men, women)"]),
        ("exactlyOneOf: [old, tees]", ["+ /shop/tees/a.jpg  (has old and tees)"]),
        ("contains: [new, old]", ["- /shop/tees/a.jpg: new  (nothing adds it)"]),
        ("lacks: [old]", ["+ /shop/tees/a.jpg: old  (given, and nothing removes it)"]),
        ("exactlyOneOf: [old, men]", []),
        ("removes: none, except: [/shop/tees/*]", []),
    ],
)
def test_test_checks_properties_of_all_given_files(tagsync: Command, condition: str, lines: list[str]) -> None:
    write_test(f"{GIVEN}\nproperties: [{{match: /shop/**, {condition}}}, {{match: /legal/**, lacks: [old]}}]")
    result = tagsync("test", ".")
    assert result.code == (1 if lines else 0)
    assert [line.strip() for line in result.out.splitlines() if line.startswith(("    -", "    +"))] == lines


def test_test_ignores_rules_for_files_that_are_not_given(tagsync: Command) -> None:
    write_manifest(
        "- {path: /gone, tags: [a]}\n- {fileId: gone, tags: [a]}\n- {match: /**, tags: [b], expect: {min: 5, max: 5}}"
    )
    spec = "given: [{path: /a}]\nexpect: {/a: {exact: [b]}}"
    write_test(spec)
    assert tagsync("test", ".").code == 0
    six = ", ".join(f"{{path: /{n}}}" for n in range(6))
    write_test(f"given: [{six}]\nexpect: {{/1: {{exact: [b]}}}}")
    assert "+ expect: this rule selects 6 files, expected 0 to 5" in tagsync("test", ".").out


@pytest.mark.parametrize("text", ["missing", "is not in the library", "expect"])
def test_test_finds_expected_errors(tagsync: Command, text: str) -> None:
    write_manifest("- {path: /gone, tags: [a]}\n- {match: /**, tags: [b], expect: {min: 5}}")
    write_test(f"given: [{{path: /a}}]\nexpectErrors: [{text}]\nexpect: {{/a: {{exact: []}}}}")
    assert tagsync("test", ".").code == 0, tagsync("test", ".").out
    write_manifest("- {path: /a, tags: [b]}")
    result = tagsync("test", ".")
    assert result.code == 1
    assert (
        f"tests.yaml:5:18: no error of the plan has this code, or this text in its message\n    - {text}\n"
        in result.out
    )


def test_test_fails_on_unexpected_errors(tagsync: Command) -> None:
    write_manifest("- {match: /**, tags: [a]}\n- {match: /x/**, absent: [a]}")
    write_test("given: [{path: /x/1}]\nexpect: {/x/1: {contains: [a]}}")
    result = tagsync("test", ".")
    assert result.code == 1
    assert "tests.yaml:1:1: the plan has errors: fix the manifests or the given files, or name" in result.out
    assert "\n    + conflict: " in result.out
    write_test("given: [{path: /x/1}]\nexpectErrors: [conflict]")
    assert tagsync("test", ".").code == 0


def test_test_evaluates_queries_with_the_search_of_the_sandbox(tagsync: Command) -> None:
    write_manifest(
        "- {match: /**, query: 'createdAt > \"7d\"', tags: [new]}\n"
        '- {query: \'"customMetadata.season" = "summer"\', tags: [summer]}'
    )
    given = (
        "given: [{path: /a, createdAt: 2026-01-05}, {path: /b, createdAt: '2025-12-01T00:00:00Z'}, "
        "{path: /c, customMetadata: {season: summer}}]"
    )
    expect = "expect: {/a: {exact: [new]}, /b: {exact: []}, /c: {exact: [summer]}}"
    write_test(f"{given}\nasOf: 2026-01-10\n{expect}")
    assert tagsync("test", ".").code == 0, tagsync("test", ".").out
    write_test(f"{given}\nasOf: 2026-01-20\n{expect}")
    assert "    - new  (nothing adds it)" in tagsync("test", ".").out


def test_test_evaluates_until_on_its_date(tagsync: Command) -> None:
    write_manifest("- {path: /a, tags: [sale], until: 2026-03-01}")
    for day, tags in (("2026-02-28", "[sale]"), ("2026-03-01", "[]")):
        spec = f"given: [{{path: /a, tags: [sale]}}]\nexpect: {{/a: {{exact: {tags}}}}}"
        write_test(f"asOf: {day}\n{spec}", "dated.yaml")
        write_test(spec)
        assert tagsync("test", ".", "--as-of", day).code == 0
        assert (
            tagsync("test", "dated.yaml", "tags.yaml", "--as-of", "2030-01-01" if tags != "[]" else "2000-01-01").code
            == 0
        )


@pytest.mark.usefixtures("_rules")
def test_test_says_that_no_rule_selects_a_file(tagsync: Command) -> None:
    write_test("given: [{path: /shops/tees/a.jpg}]\nexpect: {/shops/tees/a.jpg: {contains: [tees]}}")
    assert "    - tees  (nothing adds it)\n      no rule selects this file\n" in tagsync("test", ".").out
    write_manifest("- {match: /**, absent: [x]}")
    assert "no rule selects this file" not in tagsync("test", ".").out


def test_test_explains_a_tag_that_a_value_prevents(tagsync: Command) -> None:
    write_manifest("- {match: /**, tags: ['{customMetadata.season}'], ifInvalid: warn}")
    write_test("given: [{path: /a}]\nexpect: {/a: {contains: [summer]}}")
    assert "warning: {customMetadata.season} has no value for '/a'" in tagsync("test", ".").out


@pytest.mark.usefixtures("_rules")
def test_test_reads_a_library_file(tagsync: Command, library: Callable[..., Path]) -> None:
    library(file_object("/shop/tees/a.jpg", tags=["draft"]), file_object("/shop/caps/b.jpg"))
    write_test("library: library.jsonl\nproperties: [{match: /shop/tees/*, contains: [tees], lacks: [draft]}]")
    assert tagsync("test", ".").code == 0
    write_test("library: library.jsonl\nexpect: {/shop/caps/c.jpg: {exact: []}}")
    result = tagsync("test", ".")
    assert result.code == 1
    assert (
        "tests.yaml:5:12: '/shop/caps/c.jpg' is not among the given files: did you mean '/shop/caps/b.jpg'?"
        in result.out
    )


@pytest.mark.usefixtures("_rules")
@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "gone.jsonl",
            None,
            "gone.jsonl: this file does not exist: check the path, which is relative",
        ),
        ("../out.jsonl", "", "../out.jsonl: this file is not in the given folder"),
        ("big.jsonl", 500, "big.jsonl: this file is larger than 64 MiB: split it"),
        ("library.jsonl.gz", "", "the name of a library file ends in .jsonl: rename the file"),
        ("bad.jsonl", "{}", "bad.jsonl:1 is not a file object as the list API returns it: fileId is missing"),
        ("bad.jsonl", "{", "bad.jsonl:1 is not JSON"),
        ("twice.jsonl", '[{"fileId": "a", "filePath": "/a"}, {"fileId": "a", "filePath": "/b"}]', "has the same id"),
    ],
)
def test_test_refuses_bad_library_files(tagsync: Command, name: str, content: str | int | None, message: str) -> None:
    Path("shop").mkdir()
    Path("tags.yaml").rename("shop/tags.yaml")
    if isinstance(content, int):
        with Path("shop", name).open("wb") as file:
            file.truncate(content << 20)
    elif content is not None:
        Path("shop", name).write_text(content, "utf-8")
    write_test(f"library: {name}\nproperties: [{{match: /**, adds: none}}]", "shop/tests.yaml")
    result = tagsync("test", "shop")
    assert result.code == 1
    assert "shop/tests.yaml:4:12: " in result.err
    assert message in result.err
    assert tagsync("validate", "shop").code == 0


def test_test_refuses_links_out_of_the_folder(tagsync: Command, library: Callable[..., Path]) -> None:
    Path("shop").mkdir()
    Path("shop/library.jsonl").symlink_to(library(file_object("/a")).resolve())
    write_test("library: library.jsonl\nproperties: [{match: /**, adds: none}]", "shop/tests.yaml")
    assert "this file is not in the given folder" in tagsync("test", "shop").err


@pytest.mark.usefixtures("_rules")
@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (f"{GIVEN}\nexpects: {{}}", "5:3: unknown key 'expects' (did you mean 'expect'?)"),
        (
            f"{GIVEN}\nexpect: {{/shop/tees/b.jpg: {{exact: []}}}}",
            "5:12: '/shop/tees/b.jpg' is not among the given files: did you",
        ),
        (f"{GIVEN}\nexpect: {{shop: {{exact: []}}}}", "5:12: 'shop' does not start with /: write '/shop'"),
        (
            f"{GIVEN}\nexpect: {{/shop/tees/a.jpg: {{contain: [a]}}}}",
            "5:31: unknown key 'contain' (did you mean 'contains'?)",
        ),
        (
            f"{GIVEN}\nexpect: {{/shop/tees/a.jpg: {{contains: [no]}}}}",
            '5:42: YAML reads no as false, not as text: quote it, "no"',
        ),
        (
            f"{GIVEN}\nexpect: {{/shop/tees/a.jpg: {{contains: [a], lacks: [a]}}}}",
            "5:54: 'a' is expected to be both present and absent",
        ),
        (GIVEN, "4:3: missing key 'expect' in spec: add expect, expectErrors or properties"),
        ("properties: [{match: /**, adds: none}]", "4:3: missing key 'given' in spec: add given or library"),
        (
            "given: []\nlibrary: a.jsonl\nproperties: [{match: /**, adds: none}]",
            "5:3: library cannot be combined with given",
        ),
        ("given: []\nproperties: [{match: /**, adds: all}]", "5:35: adds is 'all': use none"),
        ("given: []\nproperties: [{match: '/a\\', adds: none}]", "the glob '/a\\' is not valid"),
        ("given: [{path: /a}, {path: /a}]\nexpectErrors: [a]", "4:30: the path '/a' is given twice"),
        (
            "given: [{path: /a, createdAt: yesterday}]\nexpectErrors: [a]",
            "createdAt is 'yesterday': write a day as YYYY-MM-DD",
        ),
        (
            "given: [{path: /a, aiTags: [{name: X, confidence: 101}]}]\nexpectErrors: [a]",
            "confidence is 101: it must be at most 100",
        ),
        ("given: []\nasOf: soon\nexpectErrors: [a]", "asOf is 'soon': write a day as YYYY-MM-DD"),
        ("given: []\nasOf: 2026-02-30\nexpectErrors: [a]", "2026-02-30 is not a date in the calendar"),
    ],
)
@pytest.mark.parametrize("command", ["test", "validate", "plan"])
def test_test_reports_mistakes_with_their_place(
    tagsync: Command, library: Callable[..., Path], command: str, spec: str, message: str
) -> None:
    write_test(spec)
    more = ["--sandbox", str(library(file_object("/x")))] if command == "plan" else []
    result = tagsync(command, ".", *more)
    assert result.code == 1
    assert message in result.err


@pytest.mark.usefixtures("_rules")
def test_test_manifests_do_not_change_plans(tagsync: Command, library: Callable[..., Path]) -> None:
    library(file_object("/shop/tees/a.jpg"))
    plan = ("plan", ".", "--sandbox", "library.jsonl", "--format", "json")
    before = tagsync(*plan).document
    write_test(f"{GIVEN}\nexpect: {{/shop/tees/a.jpg: {{exact: [wrong]}}}}")
    after = tagsync(*plan).document
    assert (after["digest"], after["inputs"]) == (before["digest"], before["inputs"])
    assert tagsync("validate", ".").out == "Valid: 1 manifest with 1 rule\n"
    assert tagsync("validate", "tests.yaml").out == "Valid: only tests\n"


def test_test_without_tests_is_an_error(tagsync: Command) -> None:
    write_manifest(RULES)
    result = tagsync("test", ".")
    assert (result.code, result.out) == (1, "Tests: 0 passed\n")
    assert "there are no tests: add a manifest with kind: Test" in result.err
    junit = tagsync("test", ".", "--format", "junit").out
    assert '<testsuites name="tagsync tests" tests="1" failures="1" skipped="0">' in junit
    assert tagsync("test").code == 1
    assert tagsync("test", "gone").code == 1
    assert tagsync("test", "--env", "staging").code == 64


def test_test_passes_right_after_init(tagsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    tagsync("init", "shop")
    assert tagsync("test") == (0, "shop/tests.yaml .\nTests: 1 passed\n", "")
    monkeypatch.chdir("shop")
    assert tagsync("test") == (0, "tests.yaml .\nTests: 1 passed\n", "")


@pytest.mark.parametrize("folder", ["quickstart", "manifests"])
def test_test_passes_for_the_examples_and_fails_without_a_rule(tagsync: Command, folder: str) -> None:
    shutil.copytree(Path(__file__).parents[2] / "examples" / folder, folder)
    assert tagsync("test", folder).code == 0
    for rule in Path(folder).glob("[as]*.yaml"):
        rule.unlink()
    Path(folder, "tags.yaml").write_text(manifest("- {match: /**, tags: [catalog]}"), "utf-8")
    assert tagsync("test", folder).code == 1


@pytest.mark.usefixtures("_rules")
def test_test_uses_the_configuration_and_its_environment(tagsync: Command) -> None:
    write_test(f"{GIVEN}\nexpect: {{/shop/tees/a.jpg: {{contains: [x]}}}}")
    Path("more.yaml").write_text(manifest("- {match: /shop/**, tags: [x]}"), "utf-8")
    Path("tagsync.yaml").write_text(
        "apiVersion: tagsync/v1\nkind: Config\nmanifests: [tags.yaml, tests.yaml]\ndefaultEnvironment: a\n"
        "environments: {a: {}, b: {manifests: [more.yaml]}}\n",
        "utf-8",
    )
    assert [tagsync("test").code, tagsync("test", "--env", "b").code, tagsync("test", "--env", "c").code] == [1, 0, 64]


HOSTILE = "a\x1b[31m\u202eb ::error::x"


@pytest.mark.usefixtures("_rules")
@pytest.mark.parametrize("kind", ["text", "json", "markdown", "html", "junit", "github"])
def test_test_writes_hostile_text_safely_in_each_format(tagsync: Command, kind: str) -> None:
    text = json.dumps(HOSTILE)
    path = json.dumps(f"/shop/{HOSTILE}/x")
    write_test(f"given: [{{path: {path}}}]\nexpect: {{{path}: {{exact: [{text}]}}}}", title=text)
    result = tagsync("test", ".", "--format", kind)
    assert result.code == 1
    assert "\x1b" not in result.out
    assert "\u202e" not in result.out
    assert "\n::error::x" not in result.out
    if kind == "json":
        Draft202012Validator(schemas.load("tests")).validate(result.document)
        assert result.document["tests"][0]["name"] == HOSTILE


@pytest.mark.usefixtures("_rules")
def test_test_writes_a_case_for_each_test_as_junit(tagsync: Command) -> None:
    write_test(f"{GIVEN}\nexpect: {{/shop/tees/a.jpg: {{contains: [tees]}}}}", title="good")
    write_test(f"{GIVEN}\nexpect: {{/shop/tees/a.jpg: {{contains: [x]}}}}", "bad.yaml")
    assert tagsync("test", ".", "--report", "tests.xml").code == 1
    [suite] = ET.parse("tests.xml").getroot()  # noqa: S314 - our own file
    cases = [(case.get("name"), [child.get("message") for child in case]) for case in suite.iter("testcase")]
    assert cases == [("bad.yaml:1:1", ["'/shop/tees/a.jpg' has other tags than expected"]), ("tests.yaml:1:1 good", [])]
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")


@pytest.mark.usefixtures("_rules")
def test_test_annotates_expectations_on_github(tagsync: Command) -> None:
    write_test(f"{GIVEN}\nexpect: {{/shop/tees/a.jpg: {{contains: [x]}}}}")
    lines = tagsync("test", ".", "--format", "github").out.splitlines()
    assert lines[0].startswith("::error file=tests.yaml,line=5,col=42,title=test::'/shop/tees/a.jpg' has other tags")


def test_test_shows_many_tests_in_short(tagsync: Command) -> None:
    write_manifest(RULES)
    spec = f"{HEAD}spec:\n  {GIVEN}\n  expect: {{/shop/tees/a.jpg: {{contains: [TAG]}}}}\n"
    Path("tests.yaml").write_text(
        "---\n".join([spec.replace("TAG", "x")] * 70 + [spec.replace("TAG", "tees")] * 130), "utf-8"
    )
    lines = tagsync("test", ".").out.splitlines()
    assert lines[:4] == [f"tests.yaml {'F' * 60}", f"  {'F' * 10}{'.' * 50}", f"  {'.' * 60}", f"  {'.' * 20}"]
    assert sum(line.startswith("FAILED") for line in lines) == 20
    assert lines[-4:] == [
        "… and 50 more failed tests: -v lists them",
        "",
        "- expected  + from the plan",
        "Tests: 70 failed, 130 passed",
    ]
    assert tagsync("test", ".", "-v").out.count("FAILED") == 70


@pytest.mark.usefixtures("_rules")
def test_api_runs_tests() -> None:
    write_test(f"{GIVEN}\nexpect: {{/shop/tees/a.jpg: {{contains: [x]}}}}", title="t")
    run = package.run_tests(["tags.yaml", "tests.yaml"])
    [result] = run.failed
    assert run.results == (result,)
    assert (result.name, str(result.origin), result.failures[0].lines[0]) == (
        "t",
        "tests.yaml:1:1",
        package.TagLine(" ", "old"),
    )


WRITE = ("--write", "new.yaml", "--sandbox", "library.jsonl")


@pytest.fixture
def _library(library: Callable[..., Path]) -> None:
    library(
        file_object("/shop/tees/a.jpg", tags=["draft"], ai_tags=[ai("Low", 40), ai("High", 99, AWS)]),
        file_object("/shop/tees/b.jpg", tags=["draft"]),
        file_object("/shop/tees/c.jpg", tags=["draft"]),
        file_object(
            "/shop/no/{brace}: #[\u202e\x1b.jpg", tags=["::error::x", "\x1b[31m", "no", "a{b}", "1.10", "draft"]
        ),
        file_object("/press/x.jpg", customMetadata={"season": "summer"}, createdAt="2026-01-05T09:00:00.000Z"),
    )


@pytest.mark.usefixtures("_library")
def test_test_write_gives_a_file_for_each_rule_and_passes(tagsync: Command) -> None:
    write_manifest(
        f"{RULES}\n- {{match: /**, aiTags: {{minConfidence: 50}}}}\n"
        "- {match: /press/*, tags: ['{customMetadata.season}', 'from-{createdAt:year}']}"
    )
    result = tagsync("test", "tags.yaml", *WRITE)
    assert result.code == 0
    assert "Wrote a test with 4 of 5 changed files: new.yaml\n" in result.err
    text = Path("new.yaml").read_text("utf-8")
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "customMetadata: {season: summer}" in text
    assert tagsync("test", "tags.yaml", "new.yaml") == (0, "new.yaml .\nTests: 1 passed\n", "")
    Path("tags.yaml").write_text(manifest(RULES.replace("'{category}'", "x")), "utf-8")
    failed = tagsync("test", "tags.yaml", "new.yaml")
    assert failed.code == 1
    assert failed.out.count("has other tags than expected") == 4
    assert failed.out.count("has other AI tags than expected") == 1


def test_test_write_leaves_out_files_that_it_cannot_give(tagsync: Command, library: Callable[..., Path]) -> None:
    library(file_object("/a", size=5), file_object("/b"))
    write_manifest("- {query: 'size > 1', tags: [big]}\n- {path: /b, tags: [b], until: 2999-01-01}")
    result = tagsync("test", "tags.yaml", *WRITE, "--as-of", "2026-01-01")
    assert result.code == 0
    assert "warning: /a is left out: the test cannot give the data of the library that its rules use\n" in result.err
    assert 'asOf: "2026-01-01"' in Path("new.yaml").read_text("utf-8")
    assert tagsync("test", ".").code == 0
    Path("new.yaml").unlink()
    write_manifest("- {query: 'size > 1', tags: [big]}")
    assert tagsync("test", "tags.yaml", *WRITE).code == 1
    assert not Path("new.yaml").exists()


def test_test_write_gives_metadata_that_queries_use(tagsync: Command, library: Callable[..., Path]) -> None:
    library(
        file_object("/tote", customMetadata={"price": 149, "code": "0012"}),
        file_object("/pouch", customMetadata={"price": 19, "code": "x", "no": 1}),
    )
    write_manifest(
        "- {query: '\"customMetadata.price\" >= 129', tags: [premium]}\n"
        '- {query: \'"customMetadata.code" = "0012"\', tags: [coded]}\n- {match: /**, tags: [catalog]}'
    )
    result = tagsync("test", "tags.yaml", *WRITE)
    assert "Wrote a test with 2 of 2 changed files" in result.err
    assert 'customMetadata: {code: "0012", price: 149}' in Path("new.yaml").read_text("utf-8")
    assert tagsync("test", ".").code == 0


def test_test_write_needs_a_plan_with_changes(tagsync: Command, library: Callable[..., Path]) -> None:
    library(file_object("/a", tags=["b"]))
    for rule, reason in (
        ("{path: /a, tags: [b]}", "the plan changes no files"),
        ("{path: /c, tags: [b]}", "has errors"),
    ):
        write_manifest(f"- {rule}")
        result = tagsync("test", "tags.yaml", *WRITE)
        assert result.code == 1
        assert re.search(f"error: no test was written: .*{reason}", result.err)
        assert not Path("new.yaml").exists()


@pytest.mark.usefixtures("_rules", "_library")
def test_test_write_refuses_existing_and_unread_files(tagsync: Command) -> None:
    Path("mine.yaml").write_text("mine", "utf-8")
    Path("link.yaml").symlink_to("nowhere.yaml")
    for name, reason in (
        ("mine.yaml", "exists: choose another name"),
        ("link.yaml", "exists: choose another name"),
        ("tests.txt", "would not be read as a manifest"),
        ("gone/tests.yaml", "the folder of gone/tests.yaml does not exist"),
    ):
        result = tagsync("test", "tags.yaml", "--sandbox", "library.jsonl", "--write", name)
        assert (result.code, reason in result.err) == (64, True), result.err
    assert tagsync("test", "tags.yaml", *WRITE, "--format", "json").code == 64
    assert Path("mine.yaml").read_text("utf-8") == "mine"


@pytest.mark.usefixtures("_rules")
def test_test_write_reads_the_account_of_the_key_without_showing_it(
    tagsync: Command, served: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGEKIT_PRIVATE_KEY", KEY)
    result = tagsync("test", "tags.yaml", "--write", "new.yaml", "--endpoint", served(file_object("/shop/tees/a.jpg")))
    assert result.code == 0, result.err
    assert not leaks(result.out + result.err + Path("new.yaml").read_text("utf-8"))
    monkeypatch.delenv("IMAGEKIT_PRIVATE_KEY")
    assert tagsync("test", "tags.yaml", "--write", "other.yaml").code == 1


@pytest.mark.usefixtures("_rules")
def test_api_drafts_tests(sandbox: Callable[..., Sandbox]) -> None:
    library = sandbox(file_object("/shop/tees/a.jpg", tags=["draft"]))
    desired = package.validate("tags.yaml")
    plan = package.plan(desired, target=library.target)
    draft = package.draft_test(desired, plan, target=library.target)
    assert (draft.files, draft.left_out) == (1, ())
    Path("new.yaml").write_text(draft.text, "utf-8")
    assert not package.run_tests(["tags.yaml", "new.yaml"]).failed
    assert library.writes == []


def test_test_reports_many_wrong_paths_in_short_time(tagsync: Command) -> None:
    # Comparing each with all others would take minutes.
    folder = f"/{'x' * 200}"
    given = "".join(f"    - path: {folder}/{n}.jpg\n" for n in range(5000))
    expect = "".join(f"    {folder}/{n}.jpeg: {{exact: []}}\n" for n in range(5000))
    Path("tests.yaml").write_text(f"{HEAD}spec:\n  given:\n{given}  expect:\n{expect}", "utf-8")
    began = time.monotonic()
    result = tagsync("validate", "tests.yaml")
    assert "5,000 errors in the manifests" in result.err
    assert time.monotonic() - began < 20


@pytest.mark.drawn
def test_test_runs_thousands_of_tests_over_rules_for_other_files(tagsync: Command) -> None:
    count = examples(2_000)  # ten thousand take seven seconds
    write_manifest("".join(f"- {{match: '/{n}/**', tags: [x]}}\n- {{path: /{n}, tags: [x]}}\n" for n in range(200)))
    one = f"{HEAD}spec: {{given: [{{path: /7/a}}], expect: {{/7/a: {{exact: [x]}}}}}}\n"
    Path("tests.yaml").write_text("---\n".join([one] * count), "utf-8")
    assert tagsync("test", ".").out.endswith(f"\nTests: {count:,} passed\n")
