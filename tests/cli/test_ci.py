"""What a run takes from a CI system's environment, and what it tells it."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from cli.command import Command
from support import file_object, manifest

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
    """Return a function that reads what a step has been told since it was read last."""

    def read(name: str) -> str:
        path = tmp_path / name
        text = path.read_text("utf-8") if path.exists() else ""
        path.write_text("", encoding="utf-8")
        return text

    return read


def test_a_plan_tells_its_step_the_changes_the_digest_and_the_exit_code(
    tagsync: Command, step: Callable[[str], str]
) -> None:
    ran = tagsync("plan", *SANDBOX, "--format=github", "--detailed-exitcode", "tags.yaml")
    out = step("GITHUB_OUTPUT")
    assert (ran.code, out.splitlines()[0], out.splitlines()[2]) == (2, "changes=1", "exitcode=2")
    found = DIGEST.search(out)
    assert found
    assert step("GITHUB_STEP_SUMMARY").startswith(f"<!-- tagsync plan {found[1]} -->\n### Plan: 1 file to change\n")
    assert "Plan: 1 file to change" in ran.out


def test_an_apply_tells_its_step_what_became_of_it(tagsync: Command, step: Callable[[str], str]) -> None:
    assert tagsync("apply", "--yes", *SANDBOX, "--report", "github=notes.txt", "tags.yaml").code == 0
    assert "exitcode=0\n" in step("GITHUB_OUTPUT")
    assert "### Apply converged: 1 confirmed\n" in step("GITHUB_STEP_SUMMARY")


def test_without_the_format_no_step_is_told_anything(tagsync: Command, step: Callable[[str], str]) -> None:
    tagsync("plan", *SANDBOX, "tags.yaml")
    assert step("GITHUB_OUTPUT") == step("GITHUB_STEP_SUMMARY") == ""


def test_without_the_variables_nothing_is_written(tagsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name)
    assert tagsync("plan", *SANDBOX, "--format=github", "tags.yaml").code == 0


def test_faults_are_annotated_in_the_file_as_the_repository_has_it(
    tagsync: Command, step: Callable[[str], str]
) -> None:
    Path("bad.yaml").write_text(manifest("- path: /a.jpg\n  tag: [red]"), encoding="utf-8")
    ran = tagsync("plan", *SANDBOX, "--format=github", "bad.yaml")
    assert ran.code == 1
    assert (
        ran.out
        == "::error file=work/bad.yaml,line=6,col=7,title=unknown-key::unknown key 'tag' (did you mean 'tags'?)\n"
    )
    assert step("GITHUB_OUTPUT") == "changes=0\ndigest=\nexitcode=1\n"


def test_a_guard_that_blocks_is_told_with_exit_code_4(
    tagsync: Command, step: Callable[[str], str], library: Callable[..., Path]
) -> None:
    library(file_object("/a.jpg", ["old"]), name="full.jsonl")
    Path("tags.yaml").write_text(manifest("- path: /a.jpg\n  absent: [old]"), encoding="utf-8")
    ran = tagsync("plan", "--sandbox=full.jsonl", "--format=github", "tags.yaml")
    assert ran.code == 4
    assert ran.out.startswith("::error title=guard emptiedFiles::emptiedFiles 1 of 1 blocks")
    assert step("GITHUB_OUTPUT").endswith("exitcode=4\n")


def test_a_summary_that_cannot_be_written_is_an_error(
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
def test_markdown_links_to_the_page_of_the_run(
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
    found = re.search(r"\[Everything in full\]\((.*)\)", ran.out)
    assert (found and found[1]) == link


@pytest.mark.parametrize("form", ["markdown", "junit", "github"])
def test_every_command_that_reports_knows_every_format(tagsync: Command, form: str) -> None:
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
        assert re.match({"markdown": "<!-- tagsync|### ", "junit": "<[?]xml", "github": ""}[form], ran.out)


def test_markdown_is_as_short_as_told(tagsync: Command) -> None:
    entries = "\n".join(f"- path: /a.jpg\n  tags: [tag-{number}{'x' * 20}]" for number in range(10))
    Path("many.yaml").write_text(manifest(entries), encoding="utf-8")
    assert tagsync("plan", *SANDBOX, "--format=markdown", "--max-bytes=100", "many.yaml").code == 64
    ran = tagsync("plan", *SANDBOX, "--format=markdown", "--max-bytes=8000", "many.yaml")
    assert len(ran.out.encode()) <= 8000
