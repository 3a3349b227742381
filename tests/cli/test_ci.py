"""What a run reads from the environment of a CI system, and writes for it."""

import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from builders import file_object, manifest
from cli.command import Command

DIGEST = re.compile("digest=(sha256:[0-9a-f]{64})\n")
SANDBOX = ("--sandbox", "library.jsonl")


@pytest.fixture(autouse=True)
def _on_github(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: Callable[..., Path]) -> None:
    for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("GITHUB_WORKSPACE", str(Path.cwd().parent))
    library(file_object("/a.jpg"))
    Path("tags.yaml").write_text(manifest("- path: /a.jpg\n  tags: [red]"), encoding="utf-8")


@pytest.fixture
def step(tmp_path: Path) -> Callable[[str], str]:
    """Return a function that reads new outputs of a step."""

    def read(name: str) -> str:
        path = tmp_path / name
        text = path.read_text("utf-8") if path.exists() else ""
        path.write_text("", encoding="utf-8")
        return text

    return read


def test_github_outputs_of_plan_are_changes_digest_and_exit_code(tagsync: Command, step: Callable[[str], str]) -> None:
    ran = tagsync("plan", *SANDBOX, "--format=github", "--detailed-exitcode", "tags.yaml")
    out = step("GITHUB_OUTPUT")
    assert (ran.code, out.splitlines()[0], out.splitlines()[2]) == (2, "changes=1", "exitcode=2")
    found = DIGEST.search(out)
    assert found
    assert step("GITHUB_STEP_SUMMARY").startswith(f"<!-- tagsync plan {found[1]} -->\n### Plan: 1 file to change\n")
    assert "1 file: " in ran.out


def test_github_outputs_of_apply_are_its_result(tagsync: Command, step: Callable[[str], str]) -> None:
    assert tagsync("apply", "--yes", *SANDBOX, "--report", "github=notes.txt", "tags.yaml").code == 0
    assert "exitcode=0\n" in step("GITHUB_OUTPUT")
    assert "### Apply complete: 1 file verified\n" in step("GITHUB_STEP_SUMMARY")


def test_github_outputs_need_the_format(tagsync: Command, step: Callable[[str], str]) -> None:
    tagsync("plan", *SANDBOX, "tags.yaml")
    assert step("GITHUB_OUTPUT") == step("GITHUB_STEP_SUMMARY") == ""


def test_github_outputs_need_the_variables(tagsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name)
    assert tagsync("plan", *SANDBOX, "--format=github", "tags.yaml").code == 0


def test_annotation_names_the_manifest_in_the_repository(tagsync: Command, step: Callable[[str], str]) -> None:
    Path("bad.yaml").write_text(manifest("- path: /a.jpg\n  tag: [red]"), encoding="utf-8")
    ran = tagsync("plan", *SANDBOX, "--format=github", "bad.yaml")
    assert ran.code == 1
    assert (
        ran.out
        == "::error file=work/bad.yaml,line=6,col=7,title=unknown-key::unknown key 'tag' (did you mean 'tags'?)\n"
    )
    assert step("GITHUB_OUTPUT") == "changes=0\ndigest=\nexitcode=1\n"


def annotated(tagsync: Command, path: str) -> str | None:
    """Return the file that the annotation of an invalid manifest names; None if it names none."""
    found = re.search(
        r"^::error (?:file=(.*?),line=\d+,col=\d+,)?title=", tagsync("validate", "--format=github", path).out
    )
    assert found
    return found[1]


BAD = manifest("- path: /a.jpg\n  tag: [red]")


@pytest.mark.parametrize(
    ("workspace", "named"),
    [
        ("checkout", "manifests/bad.yaml"),  # the repository
        ("link/checkout", "manifests/bad.yaml"),  # named by a link
        (".", "manifests/bad.yaml"),  # a folder above it: actions/checkout with path
        ("checkout/../link/checkout/.", "manifests/bad.yaml"),
        (None, "manifests/bad.yaml"),
        ("other", None),
    ],
)
@pytest.mark.parametrize("given", ["checkout/manifests", "link/checkout/manifests", "linked"])
def test_annotation_names_its_file_from_the_root_with_links_resolved(
    tagsync: Command, monkeypatch: pytest.MonkeyPatch, workspace: str | None, named: str | None, given: str
) -> None:
    Path("checkout/manifests").mkdir(parents=True)
    Path("checkout/.git").mkdir()
    Path("checkout/manifests/bad.yaml").write_text(BAD, encoding="utf-8")
    Path("link").symlink_to(".")
    Path("linked").symlink_to("checkout/manifests")
    monkeypatch.delenv("GITHUB_WORKSPACE")
    if workspace:
        monkeypatch.setenv("GITHUB_WORKSPACE", f"{Path.cwd()}/{workspace}")
    assert annotated(tagsync, given) == named


def test_annotation_in_a_submodule_names_its_file_from_the_outer_repository(
    tagsync: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("checkout/sub/manifests").mkdir(parents=True)
    Path("checkout/.git").mkdir()
    Path("checkout/sub/.git").write_text("gitdir: ../.git/modules/sub\n", encoding="utf-8")
    Path("checkout/sub/manifests/bad.yaml").write_text(BAD, encoding="utf-8")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(Path("checkout").resolve()))
    assert annotated(tagsync, "checkout/sub/manifests") == "sub/manifests/bad.yaml"


def test_annotation_needs_no_git_if_github_names_the_workspace(
    tagsync: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(".git").mkdir()  # somebody's repository around the runner
    Path("checkout").mkdir()
    Path("checkout/bad.yaml").write_text(BAD, encoding="utf-8")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(Path("checkout").resolve()))
    assert annotated(tagsync, "checkout/bad.yaml") == "bad.yaml"


def test_guard_that_blocks_sets_exit_code_4_in_outputs(
    tagsync: Command, step: Callable[[str], str], library: Callable[..., Path]
) -> None:
    library(file_object("/a.jpg", ["old"]), name="full.jsonl")
    Path("tags.yaml").write_text(manifest("- path: /a.jpg\n  absent: [old]"), encoding="utf-8")
    ran = tagsync("plan", "--sandbox=full.jsonl", "--format=github", "tags.yaml")
    assert ran.code == 4
    place = "file=work/tags.yaml,line=6,col=16"
    assert ran.out.startswith(
        f"::error {place},title=guard emptiedFiles::Blocked by guard emptiedFiles: the plan leaves 1 of 1 file"
    )
    assert step("GITHUB_OUTPUT").endswith("exitcode=4\n")


def test_summary_that_cannot_be_written_is_an_error(
    tagsync: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "nowhere" / "summary"))
    ran = tagsync("plan", *SANDBOX, "--format=github", "tags.yaml")
    assert ran.code == 1
    assert "nowhere/summary" in ran.err


@pytest.mark.parametrize(
    ("variables", "options", "link"),
    [
        ({}, (), None),
        ({"GITHUB_SERVER_URL": "https://g", "GITHUB_REPOSITORY": "o/r"}, (), None),
        (
            {"GITHUB_SERVER_URL": "https://g", "GITHUB_REPOSITORY": "o/r", "GITHUB_RUN_ID": "7"},
            (),
            "https://g/o/r/actions/runs/7",
        ),
        ({"CI_JOB_URL": "https://gitlab.example/job/1"}, (), "https://gitlab.example/job/1"),
        ({"CI_JOB_URL": "https://gitlab.example/job/1"}, ("--link=https://x.example/",), "https://x.example/"),
        ({"CI_JOB_URL": "https://gitlab.example/job/1"}, ("--link=",), None),
    ],
)
def test_markdown_links_to_the_ci_run(
    tagsync: Command,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    options: tuple[str, ...],
    link: str | None,
) -> None:
    for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID", "CI_JOB_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    ran = tagsync("plan", *SANDBOX, "--format=markdown", *options, "tags.yaml")
    found = re.search(r"\[All details\]\((.*)\)", ran.out)
    assert (found and found[1]) == link


def is_markdown(text: str) -> bool:
    return text.splitlines()[0].startswith(("<!-- tagsync ", "### "))


def is_junit(text: str) -> bool:
    return ET.fromstring(text).tag == "testsuites"  # noqa: S314 - our own


def is_page(text: str) -> bool:
    return text.startswith("<!doctype html>") and text.rstrip().endswith("</html>")


def is_for_github(text: str) -> bool:
    """Return whether the text after the annotations fits; there are no annotations here."""
    return text.startswith(("Valid", "Plan", "Changed", "Apply", "The same plan"))


@pytest.mark.parametrize(
    ("form", "fits"),
    [("markdown", is_markdown), ("junit", is_junit), ("html", is_page), ("github", is_for_github)],
)
def test_format_works_for_every_command_with_results(tagsync: Command, form: str, fits: Callable[[str], bool]) -> None:
    for arguments in (
        ("validate", "tags.yaml"),
        ("plan", *SANDBOX, "--out=plan.json", "tags.yaml"),
        ("show", "plan.json"),
        ("diff", "plan.json", "plan.json"),
        ("apply", *SANDBOX, "--report=json=report.json", "plan.json"),
        ("show", "report.json"),
        ("undo", *SANDBOX, "--out=undo.json", "report.json"),
    ):
        ran = tagsync(arguments[0], "--format", form, *arguments[1:])
        assert ran.code == 0, ran.err
        assert fits(ran.out), ran.out


def test_markdown_fits_max_bytes(tagsync: Command, library: Callable[..., Path]) -> None:
    library(*(file_object(f"/{number}.jpg") for number in range(300)), name="many.jsonl")
    entries = "\n".join(f"- path: /{number}.jpg\n  tags: [tag-{number}]" for number in range(300))
    Path("many.yaml").write_text(manifest(entries), encoding="utf-8")
    plan = ("plan", "--sandbox=many.jsonl", "--format=markdown", "many.yaml")
    assert tagsync(*plan, "--max-bytes=100").code == 64
    sizes = [len(tagsync(*plan, f"--max-bytes={size}").out.encode()) for size in (8000, 12_000, 60_000)]
    assert sizes[0] <= 8000 < sizes[1] <= 12_000 < sizes[2] <= 60_000


def test_strict_plan_with_warnings_shows_no_digest_to_approve(tagsync: Command, step: Callable[[str], str]) -> None:
    Path("idle.yaml").write_text(manifest("- match: /nothing/*\n  tags: [x]"), encoding="utf-8")
    plan = ("plan", *SANDBOX, "--format=github", "--report=markdown=plan.md", "tags.yaml", "idle.yaml")
    assert tagsync(*plan, "--strict").code == 1
    assert "digest=\n" in step("GITHUB_OUTPUT")
    assert "sha256" not in Path("plan.md").read_text("utf-8")
    assert tagsync(*plan).code == 0
    assert DIGEST.search(step("GITHUB_OUTPUT"))


@pytest.fixture
def guarded(library: Callable[..., Path]) -> str:
    """Return a manifest that a guard blocks; write its library."""
    library(*(file_object(f"/{name}.jpg", ["old"]) for name in "abc"), name="full.jsonl")
    Path("off.yaml").write_text(manifest("- match: /**\n  absent: [old]"), encoding="utf-8")
    return "off.yaml"


def test_refused_apply_reports_its_guard_once(tagsync: Command, step: Callable[[str], str], guarded: str) -> None:
    reports = ("--report=markdown=a.md", "--report=junit=a.xml", "--report=html=a.html")
    ran = tagsync("apply", "--yes", "--sandbox=full.jsonl", "--format=github", *reports, guarded)
    assert ran.code == 4
    assert re.findall("^::.*", ran.out, re.MULTILINE) == [
        line for line in ran.out.splitlines() if "title=guard emptiedFiles::" in line
    ]
    assert step("GITHUB_OUTPUT").startswith("changes=0\n")
    text = Path("a.md").read_text("utf-8")
    assert "### Apply refused: nothing was changed\n" in text
    assert text.count("**Blocked by guard emptiedFiles**") == 1
    assert "ot changed" not in text
    cases = ET.fromstring(Path("a.xml").read_text("utf-8"))  # noqa: S314 - our own
    assert (cases.attrib["failures"], cases.attrib["skipped"]) == ("1", "0")
    assert "Apply refused: nothing was changed</h1>" in Path("a.html").read_text("utf-8")


def test_acknowledged_guard_is_no_failure_of_the_apply(tagsync: Command, guarded: str) -> None:
    digest = tagsync("plan", "--sandbox=full.jsonl", "--format=json", guarded).document["digest"]
    reports = ("--report=markdown=a.md", "--report=junit=a.xml", "--report=html=a.html")
    apply = ("apply", "--yes", "--sandbox=full.jsonl", "--format=github", f"--ack=emptiedFiles@{digest}")
    ran = tagsync(*apply, *reports, guarded)
    assert ran.code == 0
    assert "::error" not in ran.out
    assert "Blocked" not in Path("a.md").read_text("utf-8")
    assert ET.fromstring(Path("a.xml").read_text("utf-8")).attrib["failures"] == "0"  # noqa: S314 - our own
    assert "--ack" not in Path("a.html").read_text("utf-8")


def test_annotation_of_a_saved_plan_needs_the_manifest(tagsync: Command) -> None:
    Path("in").mkdir()
    Path("in/idle.yaml").write_text(manifest("- match: /nothing/*\n  tags: [x]"), encoding="utf-8")
    ran = tagsync("plan", *SANDBOX, "--format=github", "--out=plan.json", "in")
    assert "::warning file=work/in/idle.yaml,line=5,col=7,title=selects-nothing::this rule" in ran.out
    assert (
        "::warning title=selects-nothing::idle.yaml:5:7: this rule"
        in tagsync("show", "--format=github", "plan.json").out
    )


def test_missing_files_are_counted_in_every_format_and_named_in_reports(tagsync: Command) -> None:
    Path("gone.yaml").write_text(manifest("- path: /gone.jpg\n  ifMissing: skip\n  tags: [x]"), encoding="utf-8")
    words = "1 declared file not found in the library"
    expected = {
        "text": words,
        "markdown": f"- {words}: `/gone.jpg` (`gone.yaml:5:7`)\n",
        "junit": f"{words}: /gone.jpg (gone.yaml:5:7)",
        "html": "<dd>1 declared file: /gone.jpg (gone.yaml:5:7)</dd>",
    }
    for form, shown in expected.items():
        out = tagsync("plan", *SANDBOX, f"--format={form}", "tags.yaml", "gone.yaml").out
        assert shown in out, form


@pytest.mark.parametrize("link", ["http://[x", "https://x/\udcff", "ci.example/1", "javascript:alert(1)", "https://"])
def test_link_that_is_no_web_address_is_a_usage_error(tagsync: Command, link: str) -> None:
    ran = tagsync("apply", "--yes", *SANDBOX, "--report=json=r.json", "--link", link, "tags.yaml")
    assert (ran.code, ran.out) == (64, "")
    assert "is not a web address" in ran.err
    assert "1 file: " in tagsync("plan", *SANDBOX, "tags.yaml").out


def test_link_of_the_ci_run_is_omitted_if_invalid(tagsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI_JOB_URL", "https://[ci/1")
    ran = tagsync("apply", "--yes", *SANDBOX, "--format=markdown", "tags.yaml")
    assert ran.code == 0
    assert "All details" not in ran.out


@pytest.mark.parametrize(("command", "code"), [(("plan",), 1), (("apply", "--yes"), 3)])
def test_github_exit_code_is_that_of_a_report_that_cannot_be_written(
    tagsync: Command, step: Callable[[str], str], command: tuple[str, ...], code: int
) -> None:
    ran = tagsync(*command, *SANDBOX, "--format=github", "--report=markdown=/dev/full", "tags.yaml")
    assert ran.code == code
    assert step("GITHUB_OUTPUT").endswith(f"exitcode={code}\n")
