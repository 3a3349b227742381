import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from builders import ai, file_object, id_of, write_library
from canary import KEY
from cli.command import SECONDS, Command, Recorder, Result, environment, resealed, started, words, write_manifest
from jsonschema import Draft202012Validator

from tagsync import schemas
from tagsync.sandbox.faults import Fault


@pytest.fixture(autouse=True)
def _files(library: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEKIT_PRIVATE_KEY", KEY)
    library(file_object("/a.jpg", ["a"]), file_object("/b.jpg", ["old"]), file_object("/other.jpg"))
    write_manifest("- match: /?.jpg\n  tags: [a]\n  absent: [old]")


SANDBOX = ("--sandbox", "library.jsonl")


# validate


def test_validate_counts_manifests_and_rules(tagsync: Command) -> None:
    Path("more").mkdir()
    write_manifest("- match: /x/**\n  tags: [x]\n- path: /z.jpg\n  tags: [z]", "more/x.yaml")
    result = tagsync("validate", "tags.yaml", "more")
    assert result == (0, "Valid: 2 manifests with 3 rules\n", "")


def test_validate_needs_neither_key_nor_state(tagsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IMAGEKIT_PRIVATE_KEY")
    assert tagsync("validate", "tags.yaml").code == 0
    assert not Path(".tagsync").exists()


def test_validate_shows_warnings_and_exits_with_0(tagsync: Command) -> None:
    write_manifest("- path: /a.jpg\n  tags: ['a,b']")
    result = tagsync("validate", "--format", "json", "tags.yaml")
    assert result.code == 0
    assert result.err.startswith("warning: tags.yaml:6:14: the tag 'a,b' contains a comma")
    assert [item["code"] for item in result.document["diagnostics"]] == ["comma"]


def test_validate_lists_all_errors_by_place(tagsync: Command) -> None:
    write_manifest("- path: x.jpg\n  tags: [no]\n- match: /x/**\n  tag: [a]")
    result = tagsync("validate", "tags.yaml")
    assert (result.code, result.out) == (1, "")
    places = re.findall(r"^error: (tags\.yaml:\d+:\d+): ", result.err, re.MULTILINE)
    assert places[0] == "tags.yaml:5:13"
    assert len(places) >= 3
    assert result.err.splitlines()[-1] == f"{len(places)} errors in the manifests"


def test_apply_with_invalid_manifest_says_that_nothing_was_changed(tagsync: Command) -> None:
    write_manifest("- path: x.jpg")
    result = tagsync("apply", "--yes", *SANDBOX, "tags.yaml")
    assert result.code == 1
    assert result.err.endswith("1 error in the manifests: nothing was changed\n")


@pytest.mark.parametrize("command", [["validate"], ["plan", *SANDBOX]])
@pytest.mark.parametrize(("account", "code"), [("shop", 0), ("other", 1)])
def test_manifest_can_require_an_account(tagsync: Command, command: list[str], account: str, code: int) -> None:
    text = Path("tags.yaml").read_text("utf-8").replace("spec:", "metadata: {account: shop}\nspec:")
    Path("tags.yaml").write_text(text, encoding="utf-8")
    result = tagsync(*command, "--account", account, "tags.yaml")
    assert result.code == code
    assert (
        "this manifest is for account 'shop', but --account or TAGSYNC_ACCOUNT sets account 'other'" in result.err
    ) is (code == 1)


def test_manifest_can_come_from_standard_input(tagsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(Path("tags.yaml").read_bytes())))
    assert tagsync("validate", "-").out == "Valid: 1 manifest with 1 rule\n"


# plan


def test_plan_exits_with_0_with_and_without_changes(tagsync: Command) -> None:
    assert tagsync("plan", *SANDBOX, "tags.yaml").code == 0
    tagsync("apply", "--yes", *SANDBOX, "tags.yaml")
    result = tagsync("plan", *SANDBOX, "tags.yaml")
    assert result[:2] == (
        0,
        "Nothing to do: sandbox library.jsonl matches the manifests (2 managed files).\n",
    )


def test_plan_exits_with_2_on_changes_with_detailed_exitcode(tagsync: Command) -> None:
    assert tagsync("plan", "--detailed-exitcode", *SANDBOX, "tags.yaml").code == 2
    tagsync("apply", "--yes", *SANDBOX, "tags.yaml")
    assert tagsync("plan", "--detailed-exitcode", *SANDBOX, "tags.yaml").code == 0


def test_plan_exits_with_1_on_errors_with_detailed_exitcode(tagsync: Command) -> None:
    write_manifest("- path: /gone.jpg\n  tags: [a]")
    result = tagsync("plan", "--detailed-exitcode", *SANDBOX, "tags.yaml")
    assert result.code == 1
    assert "error: tags.yaml:5:" in result.err


@pytest.mark.parametrize("details", [[], ["--detailed-exitcode"]])
def test_strict_treats_warnings_as_errors(tagsync: Command, details: list[str]) -> None:
    write_manifest("- match: /?.jpg\n  tags: [a]\n- match: /nothing/**\n  tags: [b]")
    assert tagsync("plan", *SANDBOX, "tags.yaml").code == 0
    result = tagsync("plan", "--strict", "--quiet", *details, *SANDBOX, "tags.yaml")
    assert result.code == 1
    assert "error: 1 warning: --strict treats warnings as errors\n" in result.err
    assert "1 file: +1 tag" in result.out


def test_strict_accepts_a_plan_without_warnings(tagsync: Command) -> None:
    result = tagsync("plan", "--strict", "--quiet", *SANDBOX, "tags.yaml")
    assert (result.code, result.err) == (0, "")


def test_plan_only_reads(tagsync: Command, served: Callable[..., str]) -> None:
    calls = Recorder()
    url = served(file_object("/b.jpg"), faults=calls)
    assert "1 file: +1 tag" in tagsync("plan", "--endpoint", url, "tags.yaml").out
    assert set(calls.calls) == {"list"}


def test_select_filters_changes_but_evaluates_all_files(tagsync: Command) -> None:
    write_manifest("- match: /**\n  tags: [a]")
    result = tagsync("plan", "--format=json", "--select=/o*", *SANDBOX, "tags.yaml")
    assert [change["path"] for change in result.document["changes"]] == ["/other.jpg"]
    write_manifest("- match: /**\n  tags: [a]\n- path: /gone.jpg\n  tags: [b]")
    assert tagsync("plan", "--select=/o*", *SANDBOX, "tags.yaml").code == 1


def test_library_error_before_any_write_exits_with_1(
    tagsync: Command,
    served: Callable[..., str],
) -> None:
    body = json.dumps({"message": "No.\n::error::"})
    calls = Recorder(Fault(on="list", status=400, body=body, headers={"x-ik-requestid": "req-1"}))
    result = tagsync("apply", "--yes", "--endpoint", served(faults=calls), "tags.yaml")
    assert (result.code, result.out) == (1, "")
    assert r"error: ImageKit refused the listing: No.\x0a::error:: (request req-1)" in result.err
    assert calls.writes == []


# apply


def test_apply_shows_the_plan_applies_it_and_reports(tagsync: Command) -> None:
    result = tagsync("apply", "--yes", *SANDBOX, "tags.yaml")
    assert result.code == 0
    plan, _, report = result.out.partition("1 file changed: ")
    assert plan == (
        "Plan: sandbox library.jsonl\n\n"
        "  - old  1 file   tags.yaml:7:16\n  + a    1 file   tags.yaml:6:14\n\n"
        "1 file: +1 -1 tags · 2 API calls\n  /b.jpg\n\n"
    )
    assert re.fullmatch(r"\+1 -1 tags · 2 API calls in \d\.\d s\nApply complete: 1 file verified\n", report)
    assert "tagsync: re-reading 1 file\n" in result.err
    assert "tagsync: 2 of 2 API calls\n" in result.err
    assert result.err.endswith("tagsync: verifying 1 file\n")


def test_apply_again_finds_nothing_to_do(
    tagsync: Command,
    served: Callable[..., str],
) -> None:
    calls = Recorder()
    url = served(file_object("/a.jpg"), file_object("/b.jpg", ["old"]), faults=calls)
    assert tagsync("apply", "--yes", "--endpoint", url, "tags.yaml").code == 0
    assert sorted(calls.writes) == ["addTags", "removeTags"]
    calls.calls.clear()
    result = tagsync("apply", "--yes", "--format=json", "--endpoint", url, "tags.yaml")
    assert result.code == 0
    assert set(calls.calls) == {"list"}
    assert (result.document["outcome"], result.document["requests"]["sent"]) == ("converged", 0)


def test_apply_needs_yes_outside_a_terminal_before_any_call(
    tagsync: Command,
    served: Callable[..., str],
) -> None:
    calls = Recorder()
    result = tagsync("apply", "--endpoint", served(faults=calls), "tags.yaml")
    assert result == (64, "", "error: not running in a terminal: pass --yes to apply without a question\n")
    assert calls.calls == []


def test_no_verify_leaves_changes_unverified(
    tagsync: Command,
    served: Callable[..., str],
) -> None:
    calls = Recorder()
    url = served(file_object("/b.jpg"), faults=calls)
    result = tagsync("apply", "--yes", "--no-verify", "--format=json", "--endpoint", url, "tags.yaml")
    assert result.code == 0
    assert [change["status"] for change in result.document["changes"]] == ["accepted"]
    assert calls.calls[-1] == "addTags"


def test_incomplete_apply_gives_the_reason_for_each_file(
    tagsync: Command,
    served: Callable[..., str],
) -> None:
    write_manifest("- match: /*\n  tags: [t]\n- path: /bad.jpg\n  tags: [u]\n- path: /good.jpg\n  tags: [v]")
    paths = ["/bad.jpg", "/good.jpg", "/ignored.jpg"]
    calls = Recorder(Fault(on="addTags", fileId=id_of("/bad.jpg"), failFiles=(id_of("/bad.jpg"),), error="Too bad"))
    url = served(*map(file_object, paths), faults=calls)
    arguments = ("--rate=1000", "--concurrency=1", "--endpoint", url, "--report=json=a.json", "tags.yaml")
    result = tagsync("apply", "--yes", *arguments)
    assert result.code == 3
    assert "  1 file (+2 tags): failed: Too bad" in result.out
    assert "\n      /bad.jpg\n" in result.out
    assert "Apply incomplete: 2 files verified, 1 failed\n" in result.out
    assert "Run the same command again: it sends only what is missing." in result.out
    changes = json.loads(Path("a.json").read_text("utf-8"))["changes"]
    assert [(change["path"], change["status"]) for change in changes] == [
        ("/bad.jpg", "failed"),
        ("/good.jpg", "confirmed"),
        ("/ignored.jpg", "confirmed"),
    ]


def test_on_error_stop_skips_the_rest_and_says_so(
    tagsync: Command,
    served: Callable[..., str],
) -> None:
    write_manifest("\n".join(f"- path: /{name}.jpg\n  tags: [{name}]" for name in "abc"))
    calls = Recorder(Fault(on="addTags", call=1, status=400, body='{"message": "Never"}'))
    url = served(*(file_object(f"/{name}.jpg") for name in "abc"), faults=calls)
    arguments = ("--rate=1000", "--concurrency=1", "--endpoint", url, "tags.yaml")
    result = tagsync("apply", "--yes", "--on-error=stop", "--format=json", *arguments)
    assert result.code == 3
    assert sorted(change["status"] for change in result.document["changes"]) == ["failed", "skipped", "skipped"]
    assert calls.writes == ["addTags"]
    assert "error: stopped at the first failure: Never (tag " in result.err


# Prompt


HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
"""The start and end of a progress bar."""


class Screen:
    """A terminal that replaces standard input and standard error."""

    def __init__(self) -> None:
        self._ours, self.theirs = pty.openpty()
        self.text = ""

    def type(self, keys: bytes) -> None:
        os.write(self._ours, keys)

    def read_until(self, words: str) -> None:
        while words not in self.text:
            self.text += os.read(self._ours, 1 << 16).decode(errors="replace")

    def read_to_the_end(self) -> str:
        os.close(self.theirs)
        with suppress(OSError), os.fdopen(self._ours, "rb", buffering=0) as file:
            while piece := file.read(1 << 16):
                self.text += piece.decode(errors="replace")
        return self.text


@contextmanager
def screen(keys: bytes) -> Iterator[Screen]:
    """Give this process a terminal in which somebody has typed something."""
    made = Screen()
    made.type(keys)
    with (
        os.fdopen(made.theirs, "r", encoding="utf-8", closefd=False) as reading,
        os.fdopen(made.theirs, "w", encoding="utf-8", closefd=False) as writing,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(sys, "stdin", reading)
        patch.setattr(sys, "stderr", writing)
        patch.setenv("CI", "1")
        yield made


ANSWERS = [
    (b"yes\n", 0),
    (b"  YES \n", 0),
    (b"y\n", 0),
    (b"Y\n", 0),
    (b"yes please\n", 4),
    (b"no\n", 4),
    (b"\n", 4),
    (b"\xff\xfe\n", 4),
    (b"\x04", 4),
]


def test_question_that_is_interrupted_says_that_nothing_was_changed(tagsync: Command) -> None:
    class Interrupted(io.StringIO):
        def isatty(self) -> bool:
            return True

        def readline(self, _size: int = -1, /) -> str:  # type: ignore[override]
            raise KeyboardInterrupt

    with screen(b"") as terminal, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", Interrupted())
        result = tagsync("apply", *SANDBOX, "tags.yaml")
    assert result.code == 130
    shown = terminal.read_to_the_end()
    assert shown.endswith("[y/N] \r\nApply cancelled: nothing was changed\r\nerror: interrupted\r\n")


@pytest.mark.parametrize(("answer", "code"), ANSWERS)
@pytest.mark.parametrize("output", ["text", "json"])
def test_question_takes_yes_and_cancels_otherwise(tagsync: Command, *, answer: bytes, code: int, output: str) -> None:
    with screen(answer) as terminal:
        result = tagsync("apply", f"--format={output}", *SANDBOX, "tags.yaml")
    shown = terminal.read_to_the_end()
    assert result.code == code
    assert "1 file: +1 -1 tags · 2 API calls" in shown, "standard output is no terminal, so the plan is here too"
    assert "\r\nTarget: sandbox library.jsonl\r\nApply these changes? [y/N] " in shown
    assert "tagsync: read 1 rule from 1 file" in shown  # CI is set: no bar
    assert ("Apply cancelled: nothing was changed" in shown) is (code == 4)
    if output == "json":
        document = json.loads(result.out)
        Draft202012Validator(schemas.load("report")).validate(document)
        assert document["outcome"] == ("refused" if code == 4 else "converged")
    else:
        assert "1 file: +1" in result.out
        assert ("Apply cancelled: nothing was changed" in result.out) is (code == 4)
    done = "Nothing to do" in tagsync("plan", *SANDBOX, "tags.yaml").out
    assert done is (code == 0)


@pytest.mark.parametrize(("count", "verbose", "is_said"), [(5, [], False), (6, [], True), (6, ["-v"], False)])
def test_question_says_how_to_list_files(tagsync: Command, count: int, verbose: list[str], *, is_said: bool) -> None:
    write_library(Path("many.jsonl"), [file_object(f"/{number}.jpg") for number in range(count)])
    write_manifest("- {match: /**, tags: [new]}", "many.yaml")
    with screen(b"no\n") as terminal:
        assert tagsync("apply", *verbose, "--sandbox=many.jsonl", "many.yaml").code == 4
    assert ("To list the files first, answer n and add --verbose." in terminal.read_to_the_end()) is is_said


@pytest.mark.parametrize(("count", "verbose", "is_said"), [(5, [], False), (6, [], True), (6, ["-v"], False)])
def test_plan_on_a_terminal_says_how_to_list_files(
    tagsync: Command, monkeypatch: pytest.MonkeyPatch, count: int, verbose: list[str], *, is_said: bool
) -> None:
    write_library(Path("many.jsonl"), [file_object(f"/{number}.jpg") for number in range(count)])
    write_manifest("- {match: /**, tags: [new]}", "many.yaml")
    words = "To list the files, add --verbose.\n"
    assert words not in tagsync("plan", *verbose, "--sandbox=many.jsonl", "many.yaml").err
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert (words in tagsync("plan", *verbose, "--sandbox=many.jsonl", "many.yaml").err) is is_said


def test_apply_on_a_terminal_says_how_to_undo_it(tagsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    write_library(Path("one.jsonl"), [file_object("/a.jpg", ["old"], [ai("Cat")])])
    write_manifest("- {match: /**, tags: [new]}", "one.yaml")
    write_manifest("- {match: /**, aiTags: {remove: all}}", "ai.yaml")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    words = "To plan an undo: tagsync undo --sandbox one.jsonl --state-dir state\n"
    options = ["--yes", "--sandbox=one.jsonl", "--state-dir=state"]
    assert words in tagsync("apply", *options, "one.yaml").err
    undo = tagsync("undo", *options[1:], "--out=undo.json")
    assert "To apply it: tagsync apply undo.json --sandbox one.jsonl --state-dir state\n" in undo.err
    for arguments in (["one.yaml"], ["ai.yaml"], ["undo.json"]):
        assert "To plan an undo" not in tagsync("apply", *options, *arguments).err


@pytest.mark.parametrize(
    ("count", "words"), [(1, "1 AI tag cannot be restored."), (2, "2 AI tags cannot be restored.")]
)
def test_question_says_how_many_ai_tags_cannot_be_restored(tagsync: Command, count: int, words: str) -> None:
    files = [file_object(f"/ai/{number}.jpg", [], [ai("Person")]) for number in range(count)]
    write_library(Path("ai.jsonl"), files)
    write_manifest("- match: /ai/*\n  aiTags: {remove: all}", "ai.yaml")
    with screen(b"no\n") as terminal:
        assert tagsync("apply", "--sandbox=ai.jsonl", "ai.yaml").code == 4
    assert f"Apply these changes? {words} [y/N] " in terminal.read_to_the_end()


def test_question_names_the_guard_that_ack_allowed(tagsync: Command) -> None:
    write_library(Path("one.jsonl"), [file_object("/a.jpg", ["old"])])
    write_manifest("- {path: /a.jpg, absent: [old]}", "one.yaml")
    options = ["--sandbox=one.jsonl", "one.yaml"]
    (ack,) = re.findall("--ack (\\S+)", tagsync("plan", *options).err)
    with screen(b"no\n") as terminal:
        assert tagsync("apply", "--ack", ack, *options).code == 4
    words = "Allowed by --ack: guard emptiedFiles, although the plan leaves 1 of 1 file (100 %) without ordinary tags"
    assert words in terminal.read_to_the_end()


def test_question_keeps_removals_on_the_screen(tagsync: Command) -> None:
    write_library(Path("many.jsonl"), [file_object("/a.jpg", ["old"])])
    tags = ", ".join(f"t{number}" for number in range(40))
    write_manifest(f"- path: /a.jpg\n  absent: [old]\n  tags: [{tags}]", "many.yaml")
    with screen(b"no\n") as terminal:
        tagsync("apply", "--sandbox=many.jsonl", "many.yaml")
    lines = re.sub(r"\x1b\[[0-9;]*m", "", terminal.read_to_the_end()).splitlines()
    screenful = lines[lines.index("Plan: sandbox many.jsonl") :]
    assert len(screenful) <= 24
    assert "  - old  1 file   many.yaml:6:16" in screenful
    assert "more tags, each on 1 file (-v lists them)" in "".join(screenful)


def test_nothing_to_do_asks_no_question(tagsync: Command) -> None:
    tagsync("apply", "--yes", *SANDBOX, "tags.yaml")
    with screen(b"") as terminal:
        assert tagsync("apply", *SANDBOX, "tags.yaml").code == 0
    assert "Apply these changes?" not in terminal.read_to_the_end()


@pytest.mark.parametrize("name", ["plan.json", "tags.yml", "manifests/shop.yaml", "manifests/shop.json", "plan"])
@pytest.mark.parametrize(("answer", "code"), [(b"yes\n", 0), (b"no\n", 4)])
def test_saved_plan_next_to_manifests_needs_a_yes_in_a_terminal(
    tagsync: Command, name: str, answer: bytes, code: int
) -> None:
    Path("manifests").mkdir()
    Path("manifests/other.yaml").write_text(Path("tags.yaml").read_text("utf-8"), encoding="utf-8")
    tagsync("plan", "--out=saved", *SANDBOX, "tags.yaml")
    Path("saved").replace(name)
    with screen(answer) as terminal:
        result = tagsync("apply", *SANDBOX, name)
    assert result.code == code
    assert "Apply these changes? [y/N] " in terminal.read_to_the_end()
    assert "1 file: +1" in result.out
    assert ("Nothing to do" in tagsync("plan", *SANDBOX, "tags.yaml").out) is (code == 0)


def test_saved_plan_apart_from_manifests_is_applied_without_a_prompt(tagsync: Command) -> None:
    Path("plans").mkdir()
    tagsync("plan", "--out=plans/plan.json", *SANDBOX, "tags.yaml")
    with screen(b"") as terminal:
        result = tagsync("apply", *SANDBOX, "plans/plan.json")
    assert result.code == 0
    assert "Apply these changes?" not in terminal.read_to_the_end()
    assert "Nothing to do" in tagsync("plan", *SANDBOX, "tags.yaml").out


@pytest.mark.parametrize("name", ["plan.yaml", "plan.yml", "plan.YAML"])
def test_saved_plan_named_like_a_manifest_needs_yes_outside_a_terminal(tagsync: Command, name: str) -> None:
    tagsync("plan", "--out=saved", *SANDBOX, "tags.yaml")
    Path("saved").replace(name)
    result = tagsync("apply", *SANDBOX, name)
    assert (result.code, result.out) == (64, "")
    assert f"error: {name} is a saved plan that is named like a manifest: look at it with tagsync show" in result.err
    assert "1 file: +1" in tagsync("plan", *SANDBOX, "tags.yaml").out
    assert tagsync("apply", "--yes", *SANDBOX, name).code == 0


@pytest.mark.parametrize("name", ["plan.json", "plan.yaml", "below/plan.json"])
def test_saved_plan_in_a_folder_of_manifests_is_an_error(tagsync: Command, name: str) -> None:
    Path("manifests/below").mkdir(parents=True)
    Path("manifests/tags.yaml").write_bytes(Path("tags.yaml").read_bytes())
    tagsync("plan", "--out=saved", *SANDBOX, "tags.yaml")
    Path("saved").replace(f"manifests/{name}")
    result = tagsync("apply", "--yes", *SANDBOX, "manifests")
    assert (result.code, result.out) == (1, "")
    assert f"error: manifests/{name}:1:1: this is a saved plan or report, not a manifest: move it" in result.err


def test_output_that_would_be_read_as_a_manifest_is_a_warning(tagsync: Command) -> None:
    Path("manifests").mkdir()
    Path("tags.yaml").rename("manifests/tags.yaml")
    for option in ("--out=manifests/plan.json", "--report=json=manifests/report.json"):
        result = tagsync("plan", option, *SANDBOX, "manifests")
        name = option.rpartition("=")[2]
        assert f"warning: {name} will be in a folder of manifests, and the next command that reads" in result.err
        Path(name).unlink()
    for option in ("--out=manifests/plan.yaml", "--report=json=manifests/report.yml"):
        words = "will be in a folder of manifests, and the next command that reads manifests refuses it"
        assert words in tagsync("plan", option, *SANDBOX, "manifests/tags.yaml").err
        Path(option.rpartition("=")[2]).unlink()
    for option in ("--out=plan.json", "--out=manifests/.plan.json", "--report=manifests/plan.html"):
        assert "folder of manifests" not in tagsync("plan", option, *SANDBOX, "manifests").err
    assert tagsync("validate", "manifests").code == 0


def cut_short(running: subprocess.Popen[str]) -> str:
    """Press Ctrl-C until a process ends: Python handles one right before a read only after the read."""
    for _ in range(SECONDS):
        running.send_signal(signal.SIGINT)
        try:
            return running.communicate(timeout=2)[0]
        except subprocess.TimeoutExpired:
            continue
    raise AssertionError("it goes on")


@pytest.mark.parametrize(("by_hand", "code"), [(b"yes\n", 0), (signal.SIGINT, 130)])
def test_apply_in_a_terminal_shows_the_plan_before_it_asks(
    tagsync: Command, by_hand: bytes | signal.Signals, code: int
) -> None:
    terminal = Screen()
    with subprocess.Popen(  # noqa: S603 - our own
        words("apply", *SANDBOX, "tags.yaml"),
        stdin=terminal.theirs,
        stderr=terminal.theirs,
        stdout=subprocess.PIPE,
        text=True,
        env=environment({"TERM": "xterm", "COLUMNS": "40"}),
    ) as running:
        terminal.read_until("Apply these changes? [y/N] ")
        if isinstance(by_hand, bytes):
            terminal.type(by_hand)
            out, _ = running.communicate(timeout=SECONDS)
        else:
            out = cut_short(running)
    shown = terminal.read_to_the_end()
    assert running.returncode == code
    assert ("Apply complete: 1 file verified" in out) is (code == 0)
    assert "Traceback" not in shown
    assert HIDE_CURSOR in shown
    assert SHOW_CURSOR in shown.rpartition(HIDE_CURSOR)[2]
    assert "tagsync: read" not in shown
    assert ("Nothing to do" in tagsync("plan", *SANDBOX, "tags.yaml").out) is (code == 0)


# Signals


@contextmanager
def answering_after(milliseconds: int, folder: Path) -> Iterator[str]:
    path = write_library(folder / "slow.jsonl", [file_object(f"/{number}.jpg") for number in range(10)])
    options = ("--port=0", f"--latency-ms={milliseconds}", "--state-dir", folder / "state")
    with started("sandbox", "serve", path, *options) as serving:
        assert serving.stdout
        yield serving.stdout.readline().strip()


@pytest.fixture(scope="module")
def slow_library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with answering_after(100, tmp_path_factory.mktemp("slow")) as url:
        yield url


@pytest.fixture(scope="module")
def silent_library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A library that answers long after the caller was interrupted, even on a busy machine."""
    with answering_after(1000 * SECONDS, tmp_path_factory.mktemp("silent")) as url:
        yield url


def interrupted(line: str, number: signal.Signals, *arguments: str) -> Result:
    """Run the command, and send it a signal once it has written a line to standard error."""
    with started(*arguments) as running:
        assert running.stderr
        told = ""
        while line not in told:
            heard = running.stderr.readline()
            assert heard, f"it ended without having said {line!r}: {told}"
            told += heard
        running.send_signal(number)
        out, rest = running.communicate(timeout=SECONDS)
    return Result(running.returncode, out, told + rest)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_apply_finishes_its_calls_and_writes_its_report(
    slow_library: str,
    number: signal.Signals,
    code: int,
) -> None:
    write_manifest("\n".join(f"- path: /{name}.jpg\n  tags: [tag-{name}-{number.name}]" for name in range(10)))
    arguments = ("--yes", "--concurrency=1", "--rate=1000", "--endpoint", slow_library, "--report=json=a.json")
    result = interrupted("tagsync: 1 of 10 API calls", number, "apply", *arguments, "tags.yaml")
    assert result.code == code
    assert "Apply interrupted: " in result.out
    assert "not sent, the run was interrupted" in result.out
    assert "Traceback" not in result.err
    document = json.loads(Path("a.json").read_text("utf-8"))
    Draft202012Validator(schemas.load("report")).validate(document)
    assert document["outcome"] == "interrupted"
    statuses = {change["status"] for change in document["changes"]}
    assert statuses == {"accepted", "skipped"}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_plan_ends_at_once_and_says_so_in_its_report(
    silent_library: str,
    number: signal.Signals,
    code: int,
) -> None:
    arguments = ("--endpoint", silent_library, "--report=json=a.json", "tags.yaml")
    result = interrupted("tagsync: read 1 rule from 1 file\n", number, "plan", *arguments)
    assert (result.code, result.out) == (code, "")
    assert result.err == "tagsync: read 1 rule from 1 file\nerror: interrupted\n"
    (diagnostic,) = json.loads(Path("a.json").read_text("utf-8"))["diagnostics"]
    assert diagnostic["code"] == "interrupted-run"


# show


@pytest.fixture
def saved(tagsync: Command, library: Callable[..., Path]) -> None:
    """Save a plan and a report."""
    library(file_object("/a.jpg", ["a"]), file_object("/b.jpg", ["old"], [ai("Dog", 12.5)]), file_object("/other.jpg"))
    write_manifest("- match: /?.jpg\n  tags: [a]\n  absent: [old]\n- match: /nothing/**\n  tags: [b]")
    tagsync("plan", *SANDBOX, "--report=json=plan.json", "--report=text=plan.txt", "tags.yaml")
    tagsync("apply", "--yes", *SANDBOX, "--report=json=report.json", "--report=text=report.txt", "tags.yaml")


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize("kind", ["plan", "report"])
@pytest.mark.parametrize("output", ["json", "text"])
def test_show_repeats_the_original_output(
    tagsync: Command,
    kind: str,
    output: str,
) -> None:
    result = tagsync("show", "--verbose", f"--format={output}", f"{kind}.json")
    assert result.code == 0
    assert result.out == Path(f"{kind}.{'json' if output == 'json' else 'txt'}").read_text("utf-8")
    assert "warning: tags.yaml:8:" in result.err


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize("kind", ["plan", "report"])
def test_saved_plans_and_reports_match_the_printed_schemas(
    tagsync: Command,
    kind: str,
) -> None:
    schema = tagsync("schema", kind).document
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(json.loads(Path(f"{kind}.json").read_text("utf-8")))


@pytest.mark.usefixtures("saved")
def test_show_writes_reports_too(
    tagsync: Command,
) -> None:
    assert tagsync("show", "--report=json=again.json", "plan.json").code == 0
    assert Path("again.json").read_bytes() == Path("plan.json").read_bytes()


def test_show_of_a_report_without_changes_says_so(tagsync: Command) -> None:
    tagsync("apply", "--yes", *SANDBOX, "tags.yaml")
    tagsync("apply", "--yes", *SANDBOX, "--report=json=a.json", "tags.yaml")
    assert tagsync("show", "a.json").out == "Apply complete: nothing to do\n"


@pytest.mark.usefixtures("saved")
@pytest.mark.parametrize(
    ("edit", "code", "words"),
    [
        (lambda text: text[: len(text) // 2], 4, "plan.json was changed after tagsync wrote"),
        (lambda text: text.replace('"add":["a"]', '"add":["b"]'), 4, "plan.json was changed after tagsync wrote"),
        (lambda text: resealed(text.replace('"add":["a"]', '"add":"a"')), 1, "invalid at changes/0/add: 'a' is not of"),
        (lambda text: resealed(text.replace('"add":["a"]', '"add":["b"]')), 4, "(wrong digest)"),
        (lambda text: resealed(text.replace('"account":"sandbox"', '"account":"x"')), 4, "(wrong digest)"),
        (lambda text: resealed(text.replace('"above":100,', '"above":101,')), 4, "(wrong digest)"),
        (lambda text: text.replace('"1.0"', '"2.0"'), 1, "plan.json has format version '2.0', this tagsync reads 1.x"),
        (lambda _: '{"apiVersion": "tagsync/v1"}', 1, "plan.json is not a tagsync plan or report"),
        (lambda _: "\x00\x01\x02", 1, "plan.json is not a tagsync plan or report"),
        (lambda _: "", 1, "plan.json is not a tagsync plan or report"),
    ],
)
def test_show_refuses_damaged_and_other_files(
    tagsync: Command,
    edit: Callable[[str], str],
    code: int,
    words: str,
) -> None:
    Path("plan.json").write_text(edit(Path("plan.json").read_text("utf-8")), encoding="utf-8")
    result = tagsync("show", "plan.json")
    assert (result.code, result.out) == (code, "")
    assert words in result.err


def test_show_of_the_output_of_a_failed_run_does_not_call_it_changed(tagsync: Command) -> None:
    write_manifest("- {path: /a.jpg}")
    assert tagsync("apply", "--yes", *SANDBOX, "--report=json=failed.json", "tags.yaml").code == 1
    for command in (["show"], ["undo"], ["apply"]):
        options = SANDBOX if command != ["show"] else ()
        result = tagsync(*command, *options, "failed.json")
        assert result.code == 1
        assert "failed.json is the output of a run that failed before it changed anything. Its error: " in result.err


def test_show_refuses_a_huge_file_without_reading_it(tagsync: Command) -> None:
    with Path("huge.json").open("wb") as file:
        file.truncate((1 << 30) + 1)  # a hole, which needs no disk space
    result = tagsync("show", "huge.json")
    Path("huge.json").unlink()  # otherwise the canary would search all of it for the key
    assert (result.code, result.err) == (1, "error: huge.json is larger than 1024 MiB: it is not a plan or report\n")


COMPUTING = """
import sys
import tagsync.api.decide
from tagsync.__main__ import main

def compute_for_ever(*_, **__):
    print("computing", file=sys.stderr, flush=True)
    while True:
        pass

tagsync.api.decide.make_plan = compute_for_ever
main()
"""


@pytest.mark.parametrize("command", ["plan", "apply", "export"])
def test_max_duration_ends_reading_with_an_error(
    tagsync: Command, served: Callable[..., str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("IMAGEKIT_PRIVATE_KEY", KEY)
    limited = Fault(on="any", status=429, headers={"X-RateLimit-Reset": "900000"})
    url = served(file_object("/a.jpg"), faults=Recorder(limited))
    write_manifest("- {match: /**, tags: [new]}")
    paths = {"plan": ["--report=json=out.json", "tags.yaml"], "apply": ["--yes", "tags.yaml"], "export": []}[command]
    result = tagsync(command, "--endpoint", url, "--max-duration=0.1", *paths)
    assert (result.code, result.out) == (1, "")
    assert "error: max-duration reached: the library could not be read within 0.1 s" in result.err
    if command == "plan":
        assert "out-of-time" in Path("out.json").read_text("utf-8")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("command", ["plan", "apply"])
def test_signal_ends_a_plan_during_computation(
    slow_library: str, monkeypatch: pytest.MonkeyPatch, command: str, number: signal.Signals, code: int
) -> None:
    monkeypatch.setenv("IMAGEKIT_PRIVATE_KEY", KEY)
    write_manifest("- match: /**\n  tags: [never]")
    yes = ["--yes"] if command == "apply" else []
    arguments = [sys.executable, "-c", COMPUTING, command, *yes, "--endpoint", slow_library, "tags.yaml"]
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True) as running:  # noqa: S603 - our own
        assert running.stderr
        for line in running.stderr:
            if line == "computing\n":
                break
        running.send_signal(number)
        rest = running.communicate(timeout=SECONDS)[1]
    assert (running.returncode, rest) == (code, "error: interrupted\n")
