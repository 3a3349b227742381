import json
import os
import re
import shlex
import stat
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from builders import ai, file_object, id_of, write_library
from canary import KEY
from cli.command import SECONDS, Command, Recorder, environment, process, words, write_manifest

import tagsync as package
from tagsync.cli import main
from tagsync.sandbox.faults import Fault

pytestmark = pytest.mark.usefixtures("two_files")

GROUPS = ("Library", "Output", "Selection", "Safety", "Limits")

SANDBOX = ("--sandbox", "library.jsonl")
COMMANDS = [
    *([name] for name in main.cli.commands if name != "sandbox"),
    ["sandbox", "serve"],
    ["sandbox", "reset"],
]


# Help and usage


@pytest.mark.parametrize("command", COMMANDS)
def test_help_ends_with_three_examples_that_parse(tagsync: Command, command: list[str]) -> None:
    result = tagsync(*command, "--help")
    assert (result.code, result.err) == (0, "")
    examples = result.out.split("\nExamples:\n")[1].splitlines()
    assert len(examples) == 3
    for example in examples:
        line = re.search(rf"\btagsync {' '.join(command)}\b(.*?)(?: [<>|&].*|\))?$", example)
        assert line
        found = leaf(command)
        found.make_parser(click.Context(found)).parse_args(shlex.split(line[1]))


def leaf(path: list[str]) -> click.Command:
    found: click.Command = main.cli
    for name in path:
        assert isinstance(found, click.Group)
        found = found.commands[name]
    return found


@pytest.mark.parametrize("command", COMMANDS)
def test_help_groups_options_under_headings(tagsync: Command, command: list[str]) -> None:
    options = tagsync(*command, "--help").out.split("\nExamples:\n")[0]
    headings = re.findall(r"(?m)^([A-Z][a-z ]+):$", options)
    first = headings[0]
    assert headings[1:] == [title for title in (*GROUPS, "Other options") if title in headings and title != first]
    for option in leaf(command).params:
        if isinstance(option, click.Option):
            assert vars(option)["group"] in GROUPS
            assert all(variable in options for variable in option.envvar or ())


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("plan", "--out FILE"),
        ("apply", "--yes"),
        ("validate", "--env NAME"),
        ("ls", "--tag TAG"),
        ("sandbox serve", "--port N"),
    ],
)
def test_help_starts_with_the_main_option_of_a_command(tagsync: Command, command: str, option: str) -> None:
    text = tagsync(*command.split(), "--help").out
    assert text.split(":\n", 1)[1].startswith(f"  {option}  ")


def test_help_has_no_sentence_of_more_than_thirty_words(tagsync: Command) -> None:
    for command in ([], ["sandbox"], *COMMANDS):
        text = tagsync(*command, "--help").out.split("\nExamples:\n")[0]
        for sentence in re.split(r"[.:;](?:\s|$)|\n\n|\n  -|\[", text):
            assert len(sentence.split()) <= 30, sentence


def test_commands_are_listed_in_order_of_use(tagsync: Command) -> None:
    listed = re.findall(r"(?m)^  ([a-z]+)  ", tagsync("--help").out.split("\nCommands:\n")[1])
    assert listed[:7] == ["init", "validate", "plan", "apply", "show", "diff", "undo"]


@pytest.mark.parametrize(
    ("arguments", "commands"),
    [([], ("validate", "plan", "apply", "show", "sandbox", "schema")), (["sandbox"], ("serve", "reset"))],
)
def test_missing_command_is_a_usage_error_that_lists_the_commands(
    tagsync: Command, arguments: list[str], commands: tuple[str, ...]
) -> None:
    result = tagsync(*arguments)
    assert (result.code, result.out) == (64, "")
    for command in commands:
        assert f"\n  {command} " in result.err


def test_help_summary_of_each_command_fits_a_terminal(tagsync: Command) -> None:
    assert "..." not in tagsync("--help").out.split("Commands:")[1]


def test_help_fits_a_narrow_terminal() -> None:
    result = process("plan", "--help", env={"COLUMNS": "40"})
    assert max(map(len, result.out.split("\nExamples:\n")[0].splitlines())) <= 50
    assert "--detailed-exitcode" in result.out


@pytest.mark.parametrize("arguments", [["--version"], ["plan", "--version"]])
def test_version_is_an_option_of_tagsync_only(tagsync: Command, arguments: list[str]) -> None:
    result = tagsync(*arguments)
    expected = (0, f"tagsync {package.__version__}\n") if len(arguments) == 1 else (64, "")
    assert result[:2] == expected


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "No such command 'nonsense'"),
        (["@nonsense"], "No such command '@nonsense'"),
        (["plan"], "Missing argument 'PATH...'"),
        (["apply", "--yes"], "Missing argument 'PATH...'. Name manifests, or add a tagsync.yaml."),
        (["validate"], "Missing argument 'PATH...'"),
        (["show"], "Missing argument 'PLANFILE|REPORTFILE...'"),
        (["show", "nowhere.json"], "'nowhere.json' does not exist"),
        (["show", "."], "'.' is a directory"),
        (["schema", "policy"], "'policy' is not one of 'manifest', 'config', 'plan', 'report'"),
        (["sandbox", "serve"], "Missing argument 'LIBRARY.jsonl'"),
        (["apply", "--on-error", "ignore", "tags.yaml"], "'ignore' is not one of 'continue', 'stop'"),
        (["validate", "--sandbox", "library.jsonl", "tags.yaml"], "No such option"),
    ],
)
def test_usage_error_is_64_and_says_what_is_right(tagsync: Command, arguments: list[str], said: str) -> None:
    result = tagsync(*arguments)
    assert (result.code, result.out) == (64, "")
    assert said in result.err
    assert len(result.err.splitlines()) == 2
    assert re.match(r"Usage: .* \(for help: tagsync .*--help\)\n", result.err)
    assert result.err.splitlines()[-1].startswith("error: ")


@pytest.mark.parametrize("kind", [[], ["manifest"], ["plan"], ["report"]])
def test_schema_prints_the_shipped_schemas(tagsync: Command, kind: list[str]) -> None:
    result = tagsync("schema", *kind)
    shipped = Path(package.__file__).parent / "schemas" / f"{(kind or ['manifest'])[0]}.schema.json"
    assert result == (0, shipped.read_text("utf-8"), "")


# Errors


def text_file() -> None:
    Path("notes.txt").write_text("apiVersion: tagsync/v1\n", encoding="utf-8")


def folder_without_manifests() -> None:
    Path("empty").mkdir()
    Path("empty/.hidden.yaml").touch()


def binary_manifest() -> None:
    Path("binary.yaml").write_bytes(bytes(range(256)))


def pipe_for_a_manifest() -> None:
    os.mkfifo("pipe.yaml")


def device_for_a_manifest() -> None:
    Path("zero.yaml").symlink_to("/dev/zero")


def folder_for_a_manifest() -> None:
    Path("folder.yaml").mkdir()


def unreadable_files() -> None:
    # Not even root can read the start of the memory of a process.
    for suffix in ("yaml", "json", "jsonl"):
        Path(f"mem.{suffix}").symlink_to("/proc/self/mem")


def loop() -> None:
    Path("loop.yaml").symlink_to("loop.yaml")


@pytest.mark.parametrize(
    ("make", "arguments", "said"),
    [
        (folder_without_manifests, ["validate", "empty"], "empty: no manifest in this folder"),
        (None, ["validate", "nowhere"], "nowhere: this file or folder does not exist: check the path"),
        (
            None,
            ["validate", "library.jsonl"],
            "a library is neither a manifest nor a saved plan: name it with --sandbox",
        ),
        (text_file, ["validate", "notes.txt"], "the name of a manifest ends in .yaml, .yml or .json"),
        (binary_manifest, ["validate", "binary.yaml"], "binary.yaml:2:118: these bytes are not UTF-8"),
        (pipe_for_a_manifest, ["validate", "pipe.yaml"], "pipe.yaml: this is not a regular file"),
        (device_for_a_manifest, ["validate", "zero.yaml"], "zero.yaml: this is not a regular file"),
        (folder_for_a_manifest, ["validate", "folder.yaml"], "folder.yaml: no manifest in this folder"),
        (unreadable_files, ["validate", "mem.yaml"], "mem.yaml: Input/output error: check the file"),
        (unreadable_files, ["apply", "--yes", *SANDBOX, "mem.json"], "mem.json: Input/output error"),
        (unreadable_files, ["show", "mem.json"], "error: mem.json cannot be read: Input/output error"),
        (
            unreadable_files,
            ["plan", "--sandbox", "mem.jsonl", "tags.yaml"],
            "error: the library file mem.jsonl cannot be read: Input/output error",
        ),
        (loop, ["validate", "loop.yaml"], "loop.yaml: Too many levels of symbolic links"),
        (None, ["validate", "x" * 300 + ".yaml"], "this file or folder does not exist"),
        (None, ["show", "library.jsonl"], "library.jsonl is not a tagsync plan or report"),
        (None, ["plan", "--sandbox", "tags.yaml", "tags.yaml"], "tags.yaml:1 is not JSON"),
        (
            None,
            ["plan", *SANDBOX, "--state-dir", "/proc/x", "tags.yaml"],
            "the state directory /proc/x cannot be created",
        ),
        (None, ["plan", *SANDBOX, "--state-dir", "tags.yaml/x", "tags.yaml"], "cannot be used: Not a directory"),
    ],
)
def test_file_error_names_the_file(
    tagsync: Command, make: Callable[[], None] | None, arguments: list[str], said: str
) -> None:
    if make:
        make()
    result = tagsync(*arguments)
    assert (result.code, result.out) == (1, "")
    assert said in result.err
    assert "Traceback" not in result.err
    assert "bug in tagsync" not in result.err


def test_state_directory_tracked_by_git_is_refused(tagsync: Command) -> None:
    assert tagsync("plan", *SANDBOX, "tags.yaml").code == 0
    for arguments in (["init", "--quiet"], ["add", "--force", ".tagsync/.gitignore"]):
        subprocess.run(["git", *arguments], check=True, capture_output=True)  # noqa: S603, S607 - the user's own git
    result = tagsync("plan", *SANDBOX, "tags.yaml")
    assert (result.code, result.out) == (1, "")
    assert "error: the state directory .tagsync is tracked by git: run git rm -r --cached .tagsync" in result.err


def test_defect_is_one_line_with_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    @click.command()
    def broken() -> None:
        raise ZeroDivisionError("\x1b[31m secrets")

    main.cli.add_command(broken, "broken")
    try:
        code = main.run(["broken"])
    finally:
        del main.cli.commands["broken"]
    captured = capsys.readouterr()
    assert (code, captured.out) == (1, "")
    assert re.fullmatch(
        r"error: this is a bug in tagsync: ZeroDivisionError at test_main\.py:\d+\. "
        r"Please report it with this line\.\n",
        captured.err,
    )


# Streams


FULL = "error: No space left on device"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--version"], FULL),
        (["--help"], FULL),
        (["schema"], FULL),
        (["validate", "--format=json", "tags.yaml"], f"{FULL}: standard output"),
    ],
)
def test_full_disk_is_an_error_without_a_traceback(arguments: list[str], said: str) -> None:
    with Path("/dev/full").open("w", encoding="ascii") as full:
        result = process(*arguments, stdout=full)
    assert (result.code, result.err) == (1, f"{said}\n")


@pytest.mark.parametrize("arguments", [["--version"], ["schema"], ["validate", "tags.yaml"]])
def test_closed_pipe_ends_the_command_silently(arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    result = process(*arguments, stdout=writing)
    os.close(writing)
    assert (result.code, result.err) == (1, "")


@pytest.mark.parametrize(
    ("arguments", "closed", "code"),
    [
        (["--version"], "<&- >&- 2>&-", 0),
        (["validate", "tags.yaml"], ">&-", 0),
        (["validate", "-"], "<&- 2>&-", 1),
        (["apply", "tags.yaml"], "<&-", 64),
    ],
)
def test_closed_streams_behave_like_empty_ones(arguments: list[str], closed: str, code: int) -> None:
    result = process(*arguments, wrapped_by=("sh", "-c", f'"$@" {closed}', "sh"))
    assert result.code == code
    assert "Traceback" not in result.err
    assert "bug in tagsync" not in result.err


def test_character_outside_the_encoding_is_escaped() -> None:
    write_library(Path("library.jsonl"), [file_object("/schön-日本.jpg")])
    write_manifest("- match: /**\n  tags: [größe]", "schön.yaml")
    ran = subprocess.run(  # noqa: S603 - our own
        words("plan", "--verbose", *SANDBOX, "schön.yaml"),
        check=True,
        capture_output=True,
        timeout=SECONDS,
        env=environment({"PYTHONIOENCODING": "ascii"}),
    )
    assert rb"  /sch\xf6n-\u65e5\u672c.jpg" in ran.stdout
    assert rb"+ gr\xf6\xdfe  sch\xf6n.yaml:6:14" in ran.stdout


# Hostile text

HOSTILE = [
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x9b31m",
    "one\ntwo",
    "\n::error::x",
    "\r::warning::x",
    "\x0b::error::x",
    "\x85::error::x",
    "\u2028::error::x",
    "::error::x",
    "  ::error file=a,line=1::x",
    "\t::stop-commands::x",
    "##[command]x",
    "a ##[error]x",
    "##vso[task.setvariable variable=x]y",
    "\u202egpj.exe",
    "\u2066x\u2069",
    "\u200b\ufeffx",
    "\x00x",
    "x" * 5000,
]
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def harms(output: str) -> list[str]:
    """Return the harmful lines of an output."""
    return [line for line in output.split("\n") if not is_harmless(line)]


def harms_beside_colours(output: str) -> list[str]:
    return harms(COLOURS.sub("", output))


def is_harmless(line: str) -> bool:
    return (
        not any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") for letter in line)
        and re.match(r"\s*::", line) is None
        and "##[" not in line
        and "##vso[" not in line
    )


@pytest.mark.parametrize("text", HOSTILE[:-1])
def test_hostile_text_is_noticed_by_these_tests(text: str) -> None:
    assert harms(text if text != "one\ntwo" else "\x7f")


def hostile_names() -> list[str]:
    return [text.replace("\x00", "")[:100] for text in HOSTILE]


Harms = Callable[[str], list[str]]


@pytest.fixture(params=[harms, harms_beside_colours])
def harms_found(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Harms:
    """Return what finds harm in plain output, and then in colored output, where the colors are tagsync's."""
    if request.param is harms_beside_colours:
        monkeypatch.setenv("FORCE_COLOR", "1")
    found: Harms = request.param
    return found


def test_hostile_tags_paths_and_manifest_names_are_escaped(tagsync: Command, harms_found: Harms) -> None:
    files = [file_object(f"/{text}/{text}", [text[:400]], [ai(text)]) for text in HOSTILE]
    write_library(Path("library.jsonl"), files)
    declared = "- match: /**\n  tags: [a]\n  exclusive: true\n  aiTags: {remove: all}"
    for name in hostile_names():
        write_manifest(declared, f"{name}.yaml")
    for command in (["plan"], ["apply", "--yes", "--report=json=report.json"]):
        result = tagsync(*command, "--verbose", *SANDBOX, "--report=text=a.txt", "--account=\n::error::x", ".")
        assert result.code == 0
        assert harms_found(result.out) == harms_found(result.err) == harms_found(Path("a.txt").read_text("utf-8")) == []
        assert r"\x1b[31mred\x1b[0m" in result.out
    assert r"- AI \x1b[31mred" in result.out
    shown = tagsync("show", "--verbose", "report.json")
    assert (shown.code, harms_found(shown.out + shown.err)) == (0, [])


def test_hostile_manifests_are_escaped_in_errors(tagsync: Command, harms_found: Harms) -> None:
    for number, (text, name) in enumerate(zip(HOSTILE, hostile_names(), strict=True)):
        entry: dict[str, Any] = {"path": f"/{text}", "tags": [text]}
        odd: dict[str, Any] = {"path": text, text: text, "ifMissing": text, "aiTags": {"source": text}}
        query = {"query": text, "tags": ["a"]}
        for files in ([entry], [odd], [query]):
            document = {"apiVersion": "tagsync/v1", "kind": "TagSet", "spec": {"files": files}}
            Path(f"{number}-{'x' * len(files[0])}-{name}.json").write_text(json.dumps(document), encoding="utf-8")
    Path("other.yaml").write_text(f"apiVersion: {json.dumps(HOSTILE[0])}\nkind: {json.dumps(HOSTILE[4])}\n")
    result = tagsync("validate", "--verbose", "--report=text=a.txt", ".")
    assert result.code == 1
    assert harms_found(result.out + result.err + Path("a.txt").read_text("utf-8")) == []
    assert r"\x1b[31mred" in result.err


def test_hostile_unknown_paths_and_queries_are_escaped(tagsync: Command, harms_found: Harms) -> None:
    for text in HOSTILE:
        entries = [{"path": f"/{text}", "tags": ["a"]}, {"match": f"/{text}/**", "tags": ["a"]}]
        document = {"apiVersion": "tagsync/v1", "kind": "TagSet", "spec": {"files": entries}}
        Path("a.json").write_text(json.dumps(document), encoding="utf-8")
        result = tagsync("plan", *SANDBOX, "--report=text=a.txt", "a.json")
        assert result.code == 1
        assert harms_found(result.out + result.err + Path("a.txt").read_text("utf-8")) == []
    for text in HOSTILE:
        document = {"apiVersion": "tagsync/v1", "kind": "TagSet", "spec": {"files": [{"query": text, "tags": ["a"]}]}}
        Path("a.json").write_text(json.dumps(document), encoding="utf-8")
        result = tagsync("plan", *SANDBOX, "a.json")
        assert harms_found(result.out + result.err) == []


def test_hostile_server_messages_are_escaped(
    tagsync: Command, served: Callable[..., str], monkeypatch: pytest.MonkeyPatch, harms_found: Harms
) -> None:
    monkeypatch.setenv("IMAGEKIT_PRIVATE_KEY", KEY)
    numbers = range(len(HOSTILE))
    write_manifest("\n".join(f"- path: /{number}.jpg\n  tags: [t{number}]" for number in numbers))
    faults = [
        Fault(
            on="addTags",
            fileId=id_of(f"/{number}.jpg"),
            status=400,
            body=json.dumps({"message": text}),
            headers={"x-ik-requestid": "::error::##[x]"},
        )
        for number, text in enumerate(HOSTILE)
    ]
    url = served(*(file_object(f"/{number}.jpg") for number in numbers), faults=Recorder(*faults))
    arguments = ("--rate=1000", "--no-verify", "--verbose", "--endpoint", url, "--report=text=a.txt", "tags.yaml")
    result = tagsync("apply", "--yes", *arguments)
    assert result.code == 3
    assert harms_found(result.out + result.err + Path("a.txt").read_text("utf-8")) == []
    assert r"\x1b[31mred\x1b[0m (tag 't0')" in result.out


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_arguments_are_escaped(tagsync: Command, text: str) -> None:
    text = text.replace("\x00", "")
    for arguments in (
        [text],
        ["plan", f"--{text}", "tags.yaml"],
        ["plan", f"--format={text}", "tags.yaml"],
        ["plan", f"--report={text}", "tags.yaml"],
        ["plan", f"--report=json={text}/x", "tags.yaml"],
        ["plan", f"--select={text}", *SANDBOX, "tags.yaml"],
        ["plan", f"--select=/{text}[\\", *SANDBOX, "tags.yaml"],
        ["plan", f"--sandbox={text}", "tags.yaml"],
        ["validate", text],
        ["show", text],
        ["show", "tags.yaml", text],
        ["schema", text],
        ["sandbox", "reset", text],
        ["sandbox", "serve", f"--limit={text}", "library.jsonl"],
    ):
        result = tagsync(*arguments)
        assert result.code != 0
        assert harms(result.out + result.err) == []


def test_hostile_names_of_libraries_and_plans_are_escaped(tagsync: Command) -> None:
    for name in hostile_names():
        path = write_library(Path(name), [file_object("/b.jpg")])
        Path(f"{name}.json").write_text("{}", encoding="ascii")
        for arguments in (
            ["plan", "--sandbox", path, "tags.yaml"],
            ["sandbox", "reset", path],
            ["show", path],
            ["show", f"{name}.json"],
            ["plan", *SANDBOX, "--state-dir", path, "tags.yaml"],
        ):
            result = tagsync(*arguments)
            assert harms(result.out + result.err) == []


def test_plan_and_state_directory_are_private(tagsync: Command) -> None:
    tagsync("plan", *SANDBOX, "--out=a.json", "tags.yaml")
    modes = {path: stat.S_IMODE(path.stat().st_mode) & 0o077 for path in [Path("a.json"), Path(".tagsync/sandbox")]}
    assert set(modes.values()) == {0}


def test_error_on_a_terminal_breaks_between_words(tagsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    error = tagsync("tags", "--path", "shop", *SANDBOX).err.splitlines()[-1]
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    lines = tagsync("tags", "--path", "shop", *SANDBOX).err.splitlines()
    assert lines[-3:] == [
        "error: Invalid value for '--path':",
        "  'shop' does not start and end with a",
        "  slash, as folders do: use '/shop/'.",
    ]
    assert error == " ".join(map(str.strip, lines[-3:]))
