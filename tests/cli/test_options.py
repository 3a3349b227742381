from collections.abc import Callable
from pathlib import Path

import click
import pytest
from builders import file_object
from canary import KEY
from cli.command import Command, Recorder

from tagsync.cli.main import cli

pytestmark = pytest.mark.usefixtures("two_files")

LIBRARY_COMMANDS = ("plan", "apply")
OUTPUT_COMMANDS = ("validate", "plan", "apply", "show")


def options(command: str) -> dict[str, click.Option]:
    found = cli.commands[command].params
    return {option.opts[0]: option for option in found if isinstance(option, click.Option)}


@pytest.mark.parametrize(
    ("command", "shared"),
    [(command, ("--format", "--report", "--quiet", "--verbose", "--no-color")) for command in OUTPUT_COMMANDS]
    + [
        (
            command,
            (
                "--endpoint",
                "--account",
                "--sandbox",
                "--select",
                "--shard",
                "--concurrency",
                "--rate",
                "--max-duration",
                "--state-dir",
            ),
        )
        for command in LIBRARY_COMMANDS
    ]
    + [("apply", ("--on-error", "--no-verify", "--batching", "--max-requests", "--lock-timeout"))]
    + [("validate", ("--account",)), ("plan", ("--detailed-exitcode", "--strict"))],
)
def test_option_variable_has_the_name_of_the_option(command: str, shared: tuple[str, ...]) -> None:
    for name in shared:
        variables = options(command)[name].envvar
        assert variables
        assert variables[0] == "TAGSYNC_" + name.removeprefix("--").replace("-", "_").upper()


@pytest.mark.parametrize("command", sorted(set(cli.commands) - {"sandbox"}))
def test_option_for_the_key_does_not_exist(command: str) -> None:
    for option in options(command).values():
        assert not {part for name in option.opts for part in name.strip("-").split("-")} & {"key", "token", "password"}
        assert "key" not in str(option.envvar).lower()


def test_yes_has_no_environment_variable(tagsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGSYNC_YES", "1")
    assert tagsync("apply", "--sandbox", "library.jsonl", "tags.yaml").code == 64


def test_option_overrides_its_variable_and_that_the_default(tagsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tagsync("validate", "tags.yaml").out.startswith("Valid")
    monkeypatch.setenv("TAGSYNC_FORMAT", "json")
    assert tagsync("validate", "tags.yaml").out.startswith("{")
    assert tagsync("validate", "--format", "text", "tags.yaml").out.startswith("Valid")


def test_variable_that_is_empty_is_ignored(tagsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORMAT", "REPORT", "SANDBOX", "SELECT", "ACCOUNT", "STATE_DIR", "CONCURRENCY", "RATE", "QUIET"):
        monkeypatch.setenv(f"TAGSYNC_{name}", "")
    assert tagsync("plan", "--sandbox", "library.jsonl", "tags.yaml").code == 0


@pytest.mark.parametrize(
    ("name", "value", "where", "words"),
    [
        ("SANDBOX", "library.jsonl", "out", "1 file: +"),
        ("SELECT", "/a.*", "out", "Nothing to do"),
        ("ACCOUNT", "shop", "out", "Plan: sandbox library.jsonl (account shop)"),
        ("VERBOSE", "1", "out", "1 file: +"),
        ("RATE", "2", "out", "1 API call, about 0.5 s"),
    ],
)
def test_variable_works_like_its_option(
    tagsync: Command, monkeypatch: pytest.MonkeyPatch, *, name: str, value: str, where: str, words: str
) -> None:
    monkeypatch.setenv("TAGSYNC_SANDBOX", "library.jsonl")
    monkeypatch.setenv(f"TAGSYNC_{name}", value)
    assert words in getattr(tagsync("plan", "tags.yaml"), where)


def test_variable_sets_quiet_and_detailed_exitcode(tagsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGSYNC_SANDBOX", "library.jsonl")
    monkeypatch.setenv("TAGSYNC_QUIET", "true")
    monkeypatch.setenv("TAGSYNC_DETAILED_EXITCODE", "true")
    result = tagsync("plan", "tags.yaml")
    assert (result.code, result.err) == (2, "")


def test_variable_sets_the_state_directory(tagsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGSYNC_STATE_DIR", "elsewhere")
    assert tagsync("plan", "--sandbox", "library.jsonl", "tags.yaml").code == 0
    assert list(Path("elsewhere").glob("sandbox/*.sqlite"))
    assert not Path(".tagsync").exists()


def test_variable_sets_several_reports(tagsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGSYNC_REPORT", "json=a.json text=b.txt")
    assert tagsync("validate", "tags.yaml").code == 0
    assert Path("a.json").read_text(encoding="utf-8").startswith("{")
    assert Path("b.txt").read_text(encoding="utf-8") == "Valid: 1 manifest with 1 rule\n"


@pytest.mark.parametrize("variable", ["TAGSYNC_ENDPOINT", "IMAGE_KIT_BASE_URL"])
def test_endpoint_comes_from_either_variable(
    tagsync: Command, monkeypatch: pytest.MonkeyPatch, served: Callable[..., str], variable: str
) -> None:
    monkeypatch.setenv("IMAGEKIT_PRIVATE_KEY", KEY)
    monkeypatch.setenv(variable, served(file_object("/b.jpg")))
    assert "1 file: +" in tagsync("plan", "tags.yaml").out


def test_endpoint_option_overrides_tagsync_variable_and_that_the_sdk_variable(
    tagsync: Command, monkeypatch: pytest.MonkeyPatch, served: Callable[..., str]
) -> None:
    first, second, third = Recorder(), Recorder(), Recorder()
    urls = [served(file_object("/b.jpg"), faults=calls) for calls in (first, second, third)]
    monkeypatch.setenv("IMAGEKIT_PRIVATE_KEY", KEY)
    monkeypatch.setenv("TAGSYNC_ENDPOINT", urls[1])
    monkeypatch.setenv("IMAGE_KIT_BASE_URL", urls[2])
    tagsync("plan", "--endpoint", urls[0], "tags.yaml")
    assert [bool(calls.calls) for calls in (first, second, third)] == [True, False, False]
    tagsync("plan", "tags.yaml")
    assert [bool(calls.calls) for calls in (first, second, third)] == [True, True, False]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--format", "pdf"], "'pdf' is not one of 'text', 'json'"),
        (["--format", "md"], "'md' is not a format: use markdown."),
        (["--report", "report.pdf"], "'report.pdf' has none of the suffixes .html, .json, .md, .prom, .txt, .xml"),
        (["--report", "report"], "add one, or write FORMAT=FILE"),
        (["--report", "pdf=report.json"], "'pdf=report.json' is not FORMAT=FILE; formats are text, json, markdown"),
        (["--report", "xml=report.xml"], "'xml=report.xml' is not FORMAT=FILE"),
        (["--report", "json="], "'json=' is not FORMAT=FILE"),
        (["--concurrency", "0"], "0 is not in the range 1<=x<=8"),
        (["--concurrency", "9"], "9 is not in the range 1<=x<=8"),
        (["--rate", "0"], "0.0 is not in the range x>0"),
        (["--rate", "nan"], "rate is nan: use a number of calls per second above 0"),
        (["--rate", "inf"], "rate is inf: use a number of calls per second above 0"),
        (["--select", "shop/**"], "'shop/**' matches no file: paths start with /, as in /shop/**"),
        (["--select", "/a\\"], "'/a\\' is not a valid glob: it ends in a lone backslash"),
        (["--sandbox", "nowhere.jsonl"], "'nowhere.jsonl' does not exist"),
        (["--sandbox", "."], "'.' is a directory"),
        (["--nonsense"], "No such option"),
    ],
)
def test_option_with_a_wrong_value_is_a_usage_error(tagsync: Command, arguments: list[str], words: str) -> None:
    result = tagsync("plan", "--sandbox", "library.jsonl", *arguments, "tags.yaml")
    assert (result.code, result.out) == (64, "")
    assert words in result.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["plan", "nowhere.yaml"], "nowhere.yaml: this file or folder does not exist"),
        (["plan", "tags.yaml", "--last=nowhere.json"], "nowhere.json cannot be read"),
        (["plan", "tags.yaml", "--explain=a.jpg"], "'a.jpg' is not the path of a file: paths start with /"),
        (["plan", "library.jsonl"], "a library is neither a manifest nor a saved plan: name it with --sandbox"),
        (["apply", "library.jsonl"], "a library is neither a manifest nor a saved plan: name it with --sandbox"),
        (["apply", "library.jsonl", "--yes"], "a library is neither a manifest nor a saved plan"),
        (["undo", "library.jsonl"], "library.jsonl"),
        (["tags", "--path=shop"], "use '/shop/'"),
        (["export", "--path=shop"], "use '/shop/'"),
        (["ls", "shop"], "'shop' matches no file"),
        (["doctor", "--write-on=a.jpg"], "'a.jpg' is not the path of a file"),
    ],
)
def test_argument_is_checked_before_the_key(tagsync: Command, arguments: list[str], words: str) -> None:
    result = tagsync(*arguments)
    assert result.code in (1, 64)
    assert words in result.err
    assert "private key" not in result.err


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("FORMAT", "pdf", "'pdf' is not one of"),
        ("VERBOSE", "maybe", "'maybe' is not a valid boolean"),
        ("CONCURRENCY", "many", "Invalid value for TAGSYNC_CONCURRENCY: 'many' is not a valid integer."),
        ("RATE", "abc", "Invalid value for TAGSYNC_RATE: 'abc' is not a valid number."),
        ("REPORT", "xml=a", "'xml=a' is not FORMAT=FILE"),
        ("SELECT", "shop", "'shop' matches no file"),
    ],
)
def test_variable_with_a_wrong_value_is_a_usage_error(
    tagsync: Command, monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(f"TAGSYNC_{name}", value)
    result = tagsync("plan", "--sandbox", "library.jsonl", "tags.yaml")
    assert (result.code, result.out) == (64, "")
    assert words in result.err


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("90", 90), ("1.5", 1.5), ("90s", 90), ("15m", 900), ("2h", 7200), ("1h30m", 5400), ("1h1m1s", 3661)],
)
def test_duration_accepts_common_notations(text: str, seconds: float) -> None:
    option = options("apply")["--max-duration"]
    assert option.process_value(click.Context(cli.commands["apply"]), text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5", "5x", "1m1h", "1e3", "\u0665", "nan", "h"])
def test_duration_error_shows_the_notation(tagsync: Command, text: str) -> None:
    result = tagsync("apply", "--yes", "--sandbox", "library.jsonl", f"--max-duration={text}", "tags.yaml")
    assert result.code == 64
    assert "write seconds, or 90s, 15m, 1h30m" in result.err


@pytest.mark.parametrize("text", ["0/2", "3/2", "1/0", "1", "a/b", "1/2/3", "-1/2", ""])
def test_shard_error_shows_the_notation(tagsync: Command, text: str) -> None:
    result = tagsync("plan", "--sandbox", "library.jsonl", f"--shard={text}", "tags.yaml")
    assert result.code == 64
    assert "write I/N, from 1/N to N/N" in result.err


@pytest.mark.parametrize(
    ("option", "words"),
    [("--select=/**", "tagsync apply undo.json --select GLOB"), ("--shard=1/2", "No such option")],
)
def test_undo_refuses_options_for_selecting_files(tagsync: Command, option: str, words: str) -> None:
    Path("report.json").write_text("{}", encoding="utf-8")
    result = tagsync("undo", "--sandbox", "library.jsonl", "--out=undo.json", option, "report.json")
    assert result.code == 64
    assert words in result.err


@pytest.mark.parametrize(
    ("name", "start"),
    [("a.html", "<!doctype html>"), ("a.json", "{"), ("a.md", ""), ("a.xml", "<?xml"), ("a.TXT", "Valid")],
)
def test_report_format_comes_from_the_suffix(tagsync: Command, name: str, start: str) -> None:
    kind = {"html": "html", "json": "json", "md": "markdown", "xml": "junit", "txt": "text"}[name[2:].lower()]
    result = tagsync("validate", "--report", name, "--report", f"{kind}=named", "tags.yaml")
    assert result.code == 0
    assert Path(name).read_text("utf-8") == Path("named").read_text("utf-8")
    assert Path(name).read_text("utf-8").startswith(start)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("RATE", "nan", "rate is nan"),
        ("POLICY", "nowhere.yaml", ""),
        ("LAST", "nowhere.json", "nowhere.json cannot be read"),
        ("STATE_DIR", "/proc/x", "the state directory /proc/x cannot be created"),
        ("REPORT", "nowhere/a.json", "nowhere/a.json cannot be written"),
        ("CHANGED_SINCE", "nowhere", "--changed-since"),
    ],
)
def test_error_names_the_variable_that_sets_its_value(
    tagsync: Command, monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(f"TAGSYNC_{name}", value)
    result = tagsync("plan", "--sandbox", "library.jsonl", "tags.yaml")
    assert result.code in (1, 4, 64)
    assert words in result.err
    assert f"TAGSYNC_{name}" in result.err
    assert len(result.err.splitlines()) <= 3


def test_help_of_a_narrow_terminal_cuts_nothing_and_gives_ranges_in_words(
    tagsync: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    whole = tagsync("--help").out
    assert "..." not in whole.partition("Commands:")[2]
    assert "Make a plan that reverts an apply." in whole
    words = " ".join(tagsync("plan", "--help").out.split())
    assert "at least 8000]" in words
    assert "1 to 8]" in words
    assert "more than 0]" in words
