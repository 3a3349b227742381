import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import file_object, write_library
from canary import KEY
from cli.command import Command, process, write_manifest

pytestmark = pytest.mark.usefixtures("two_files")


def text(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


def test_standard_output_contains_only_the_result(tagsync: Command) -> None:
    result = tagsync("plan", "--format", "json", "--verbose", "--sandbox", "library.jsonl", "tags.yaml")
    assert result.out.startswith('{\n"formatVersion":"1.0"')
    assert result.document["summary"]["addTags"] == 1
    assert "tagsync: reading the library: 2 files\n" in result.err


def test_report_files_equal_standard_output(tagsync: Command) -> None:
    reports = ["--report", "json=a.json", "--report", "text=a.txt", "--report", "json=b.json"]
    result = tagsync("plan", "--format", "json", *reports, "--sandbox", "library.jsonl", "tags.yaml")
    assert result.code == 0
    assert text("a.json") == text("b.json") == result.out
    assert "Plan: sandbox library.jsonl\n" in text("a.txt")


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_report_gets_the_mode_of_the_umask(tagsync: Command, mask: int, mode: int) -> None:
    Path("old.json").touch(mode=0o600)
    before = os.umask(mask)
    try:
        tagsync("validate", "--report", "json=old.json", "--report", "text=new.txt", "tags.yaml")
    finally:
        os.umask(before)
    assert [stat.S_IMODE(Path(name).stat().st_mode) for name in ("old.json", "new.txt")] == [mode, mode]
    assert not list(Path().glob(".tagsync-*"))


def test_text_report_is_complete_and_has_no_colors(tagsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    write_library(Path("many.jsonl"), [file_object(f"/{number}.jpg") for number in range(9)])
    result = tagsync("plan", "--sandbox", "many.jsonl", "--report", "text=a.txt", "tags.yaml")
    assert "  + a  9 files" in result.out
    assert "\x1b[" in result.out
    assert text("a.txt").count(".jpg\n") == 9
    assert "\x1b" not in text("a.txt")


@pytest.mark.parametrize(
    ("option", "variables", "coloured"),
    [
        ([], {}, False),
        ([], {"FORCE_COLOR": "1"}, True),
        ([], {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (["--no-color"], {"FORCE_COLOR": "1"}, False),
        ([], {"FORCE_COLOR": "1", "TAGSYNC_NO_COLOR": "1"}, False),
    ],
)
def test_colors_are_for_terminals_or_if_forced(
    tagsync: Command,
    monkeypatch: pytest.MonkeyPatch,
    *,
    option: list[str],
    variables: dict[str, str],
    coloured: bool,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    good = tagsync("plan", *option, "--sandbox", "library.jsonl", "tags.yaml")
    bad = tagsync("validate", *option, "nowhere.yaml")
    assert ["\x1b[" in words for words in (good.out, bad.err)] == [coloured, coloured]


@pytest.mark.parametrize(
    ("path", "make"),
    [
        ("nowhere/report.json", None),
        ("folder", Path.mkdir),
        ("tags.yaml/report.json", None),
        ("/proc/report.json", None),
        ("x" * 300, None),
        ("loop", lambda path: path.symlink_to("loop")),
        ("dangling", lambda path: path.symlink_to("nowhere/report.json")),
    ],
)
def test_report_that_cannot_be_written_is_an_error_before_the_run(
    tagsync: Command, path: str, make: Callable[[Path], None] | None
) -> None:
    if make:
        make(Path(path))
    result = tagsync("apply", "--yes", "--sandbox", "library.jsonl", "--report", f"json={path}", "tags.yaml")
    assert (result.code, result.out) == (64, "")
    assert f"error: {path} cannot be written: choose a file in an existing folder that you can write to\n" in result.err
    assert not Path(".tagsync").exists()


def test_report_replaces_the_target_of_a_link(tagsync: Command) -> None:
    Path("real").mkdir()
    Path("link.json").symlink_to("real/report.json")
    assert tagsync("validate", "--report", "json=link.json", "tags.yaml").code == 0
    assert Path("link.json").is_symlink()
    assert json.loads(text("link.json"))["diagnostics"] == []


def test_report_to_a_pipe_does_not_replace_it(tagsync: Command) -> None:
    os.mkfifo("pipe")
    reading = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)
    result = tagsync("validate", "--report", "json=pipe", "tags.yaml")
    with os.fdopen(reading, encoding="utf-8") as pipe:
        assert json.loads(pipe.read())["diagnostics"] == []
    assert result.code == 0
    assert Path("pipe").is_fifo()


def test_report_to_a_process_substitution_works(tagsync: Command) -> None:
    reading, writing = os.pipe()
    result = tagsync("validate", "--report", f"text=/dev/fd/{writing}", "tags.yaml")
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as pipe:
        assert pipe.read() == result.out == "Valid: 1 manifest with 1 rule\n"


FAILURES = [
    (["validate", "nowhere.yaml"], "no-such-file", "does not exist", 1),
    (["plan", "tags.yaml"], "credentials", "no private key", 1),
    (["plan", "--sandbox", "tags.yaml", "tags.yaml"], "state", "is not JSON", 1),
    (["plan", "--sandbox", "library.jsonl", "nowhere.yaml"], "no-such-file", "does not exist", 1),
    (["apply", "--yes", "--sandbox", "library.jsonl", "nowhere.yaml"], "no-such-file", "does not exist", 1),
    (["show", "library.jsonl"], "document", "is not a tagsync plan or report", 1),
]


@pytest.mark.parametrize(("arguments", "code", "words", "exit_code"), FAILURES)
def test_report_is_written_on_failure_with_the_reason(
    tagsync: Command, *, arguments: list[str], code: str, words: str, exit_code: int
) -> None:
    result = tagsync(*arguments, "--format=json", "--report=json=a.json", "--report=text=a.txt", "--quiet")
    assert result.code == exit_code
    (diagnostic,) = json.loads(text("a.json"))["diagnostics"]
    assert (diagnostic["level"], diagnostic["code"]) == ("error", code)
    assert words in diagnostic["message"]
    assert result.out == text("a.json")
    assert text("a.txt").startswith("error: ")
    assert words in text("a.txt")
    assert words in result.err


def test_report_contains_the_error_of_a_wrong_key(
    tagsync: Command, served: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGEKIT_PRIVATE_KEY", "private_wrong")
    result = tagsync("plan", "--endpoint", served(key=KEY), "--report=json=a.json", "--report=a.md", "tags.yaml")
    assert (result.code, result.out) == (1, "")
    assert text("a.md").startswith("### No result: 1 error\n")
    (diagnostic,) = json.loads(text("a.json"))["diagnostics"]
    assert diagnostic["code"] == "authorisation"
    assert "Your account cannot be authenticated." in diagnostic["message"]


@pytest.mark.parametrize("command", [["plan"], ["apply", "--yes"]])
def test_report_contains_a_plan_with_errors(tagsync: Command, command: list[str]) -> None:
    write_manifest("- path: /gone.jpg\n  tags: [a]")
    result = tagsync(*command, "--sandbox", "library.jsonl", "--report=json=a.json", "tags.yaml")
    assert result.code == 1
    document = json.loads(text("a.json"))
    assert (document["formatVersion"], document["changes"]) == ("1.0", [])
    assert [item["code"] for item in document["diagnostics"]] == ["missing"]
    assert "No plan: 1 error for sandbox library.jsonl.\n" in result.out


@pytest.mark.parametrize("command", ["validate", "plan", "apply", "show"])
def test_report_is_unchanged_after_a_usage_error(tagsync: Command, command: str) -> None:
    Path("a.json").write_text("old", encoding="ascii")
    assert tagsync(command, "--report=json=a.json").code == 64
    assert text("a.json") == "old"


def test_report_of_an_apply_without_changes_says_so(tagsync: Command) -> None:
    write_manifest("- path: /a.jpg\n  tags: [a]")
    reports = ["--report=json=a.json", "--report=text=a.txt"]
    result = tagsync("apply", "--yes", "--sandbox", "library.jsonl", *reports, "tags.yaml")
    assert result.out == "Nothing to do: sandbox library.jsonl matches the manifests (1 managed file).\n"
    assert text("a.txt") == "Apply complete: nothing to do\n"
    assert json.loads(text("a.json"))["outcome"] == "converged"


def test_quiet_hides_progress_and_warnings_but_not_errors(tagsync: Command) -> None:
    write_manifest("- match: /nothing/**\n  tags: [a]", "warns.yaml")
    loud = tagsync("plan", "--sandbox", "library.jsonl", "warns.yaml")
    assert "tagsync: reading the library" in loud.err
    assert "warning: warns.yaml:5:" in loud.err
    assert tagsync("plan", "--quiet", "--sandbox", "library.jsonl", "warns.yaml").err == ""
    write_manifest("- path: /gone.jpg\n  tags: [a]", "errs.yaml")
    assert tagsync("plan", "-q", "--sandbox", "library.jsonl", "errs.yaml").err.startswith("error: errs.yaml:5:")


def test_notices_are_counted_unless_verbose(tagsync: Command) -> None:
    google = {"name": "Dog", "confidence": 50, "source": "google-auto-tagging"}
    amazon = {"name": "Dog", "confidence": 50, "source": "aws-auto-tagging"}
    write_library(Path("library.jsonl"), [file_object("/a.jpg") | {"AITags": [google, amazon]}])
    write_manifest("- match: /**\n  aiTags: {remove: all, source: google-auto-tagging}")
    assert "1 notice (-v lists it)\n" in tagsync("plan", "--sandbox", "library.jsonl", "tags.yaml").err
    verbose = tagsync("plan", "-v", "--sandbox", "library.jsonl", "tags.yaml").err
    assert "notice: tags.yaml:6:" in verbose
    assert "not shown" not in verbose


def test_errors_beyond_fifty_are_counted(tagsync: Command) -> None:
    write_manifest("\n".join(f"- path: no-slash-{number}\n  tags: [a]" for number in range(80)))
    result = tagsync("validate", "--report=json=a.json", "tags.yaml")
    assert result.code == 1
    assert result.err.count("error: tags.yaml:") == 50
    assert result.err.endswith("… and 30 more\n80 errors in the manifests\n")
    document = json.loads(text("a.json"))
    assert (len(document["diagnostics"]), document["more"]) == (50, 30)


def test_warnings_are_all_shown_if_verbose(tagsync: Command) -> None:
    write_manifest("\n".join(f"- match: /nothing-{number}/**\n  tags: [a]" for number in range(60)))
    assert tagsync("plan", "--sandbox", "library.jsonl", "tags.yaml").err.count("warning: ") == 50
    assert tagsync("plan", "-v", "--sandbox", "library.jsonl", "tags.yaml").err.count("warning: ") == 60


# Failing writes. `ulimit -f` counts blocks of 512 bytes (POSIX), and Python ignores the signal.
SMALL_FILES = ("sh", "-c", 'ulimit -f 1; exec "$@"', "sh")


@pytest.fixture
def saved(tagsync: Command, two_files: None) -> str:  # noqa: ARG001 - saved after they are written
    """Return a saved plan that is much longer than its text, and than its changes, which lie in a temporary file."""
    write_library(Path("library.jsonl"), [file_object("/b.jpg")])
    tagsync("plan", "--sandbox", "library.jsonl", "--report=json=plan.json", "tags.yaml")
    assert Path("plan.json").stat().st_size > 1024
    return text("plan.json")


def test_report_that_fails_keeps_the_old_file_and_the_other_reports(saved: str) -> None:
    Path("old.json").write_text("old", encoding="ascii")
    reports = ["--report=json=old.json", "--report=text=new.txt"]
    result = process("show", "--format=json", *reports, "plan.json", wrapped_by=SMALL_FILES)
    assert (result.code, result.out) == (1, saved)
    assert result.err == "error: File too large: old.json\n"
    assert text("old.json") == "old"
    assert "1 file: +1 tag" in text("new.txt")
    assert not list(Path().glob(".tagsync-*"))


def test_apply_says_its_result_if_the_report_cannot_be_written(
    served: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGEKIT_PRIVATE_KEY", KEY)
    url = served(file_object("/b.jpg"))
    result = process(
        "apply", "--yes", "-q", "--endpoint", url, "--report=json=a.json", "tags.yaml", wrapped_by=SMALL_FILES
    )
    assert result.code == 3
    assert result.err == "error: a.json could not be written (File too large); the apply itself: converged\n"
    assert "Apply complete: 1 file verified\n" in result.out


def test_apply_continues_if_standard_error_is_closed(
    served: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGEKIT_PRIVATE_KEY", KEY)
    url = served(file_object("/b.jpg"))
    with Path("/dev/full").open("w", encoding="ascii") as full:
        arguments = ["apply", "--yes", "--endpoint", url, "--report=json=a.json", "tags.yaml"]
        result = process(*arguments, stdout=full, stderr=full)
    assert result.code == 3
    assert json.loads(text("a.json"))["outcome"] == "converged"


@pytest.mark.usefixtures("saved")
def test_closed_pipe_ends_colored_output_silently() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    result = process("show", "-v", "plan.json", stdout=writing, env={"FORCE_COLOR": "1"})
    os.close(writing)
    assert (result.code, result.err) == (1, "")


def test_python_buffers_output_in_these_tests() -> None:
    code = "import sys; print(sys.stdout.line_buffering, sys.stdout.write_through)"
    arguments = [sys.executable, "-c", code]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    assert subprocess.run(arguments, check=True, capture_output=True, text=True, env=environment).stdout == (  # noqa: S603 - our own
        "False False\n"
    )


def test_report_file_named_twice_is_a_usage_error(tagsync: Command) -> None:
    result = tagsync("plan", "--sandbox", "library.jsonl", "--out=a.json", "--report=text=./a.json", "tags.yaml")
    assert (result.code, result.out) == (64, "")
    assert "error: a.json is named twice: give each output file a different name\n" in result.err
    assert not Path("a.json").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--out=m/tags.yaml", "m"), "m/tags.yaml is one of the manifests in m: write to another file"),
        (("--report=json=m/../m/tags.yaml", "m"), "is one of the manifests in m: write to another file"),
        (("--out=library.jsonl", "m"), "library.jsonl is an input of this command: write to another file"),
        (("--report=markdown=m/tags.yaml", "m/tags.yaml"), "m/tags.yaml is an input of this command"),
        (("--report=text=policy.yaml", "--policy=policy.yaml", "m"), "policy.yaml is an input of this command"),
        (("--report=json=m/products.csv", "m"), "m/products.csv may be a file that manifests name"),
        (("--out=m/products.csv", "m/tags.yaml"), "m/products.csv may be a file that manifests name"),
        (("--report=prometheus=m/test.jsonl", "m"), "m/test.jsonl may be a file that manifests name"),
    ],
)
def test_report_file_that_is_an_input_is_a_usage_error(
    tagsync: Command, arguments: tuple[str, ...], words: str
) -> None:
    Path("m").mkdir()
    Path("tags.yaml").rename("m/tags.yaml")
    for name in ("products.csv", "test.jsonl"):
        Path("m", name).write_text("", encoding="utf-8")
    before = Path("m/tags.yaml").read_bytes(), Path("library.jsonl").read_bytes()
    result = tagsync("plan", "--sandbox", "library.jsonl", *arguments)
    assert (result.code, result.out) == (64, "")
    assert words in result.err
    assert (Path("m/tags.yaml").read_bytes(), Path("library.jsonl").read_bytes()) == before


@pytest.mark.parametrize("name", ["library.jsonl", "tagsync.yaml", "profile.json"])
@pytest.mark.parametrize("arguments", [("doctor", "--out"), ("tags", "--report"), ("ls", "--report")])
def test_output_file_of_a_command_without_manifests_is_no_input(
    tagsync: Command, arguments: tuple[str, ...], name: str
) -> None:
    Path("tagsync.yaml").write_text("apiVersion: tagsync/v1\nkind: Config\nmanifests: [tags.yaml]\n", encoding="utf-8")
    Path("profile.json").write_text("{}", encoding="utf-8")
    before = Path(name).read_bytes()
    command, option = arguments
    value = f"json={name}" if option == "--report" else name
    result = tagsync(command, "--sandbox", "library.jsonl", "--profile", "profile.json", option, value)
    assert (result.code, result.out) == (64, "")
    assert f"{name} is an input of this command" in result.err
    assert Path(name).read_bytes() == before


def test_report_file_next_to_manifests_is_accepted(tagsync: Command) -> None:
    Path("m").mkdir()
    Path("tags.yaml").rename("m/tags.yaml")
    assert tagsync("plan", "--sandbox", "library.jsonl", "--report=markdown=m/plan.md", "m").code == 0


@pytest.mark.parametrize("form", ["markdown", "html", "junit"])
def test_markdown_html_and_junit_are_utf_8_in_any_locale(form: str) -> None:
    write_library(Path("chloe.jsonl"), [file_object("/team/chloé.png")])
    write_manifest("- path: /team/chloé.png\n  ifMissing: warn\n  tags: [x, 'a,é']")
    result = process(
        "plan", "--quiet", "--sandbox=chloe.jsonl", f"--format={form}", "tags.yaml", env={"PYTHONIOENCODING": "latin-1"}
    )
    assert result.code == 0
    assert "é" in result.out
