"""Standard error is JSON Lines on request, whatever happens."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from builders import file_object, validator_of
from canary import KEY
from cli.command import Command, process, write_manifest
from cli.conftest import Build

from tagsync import schemas
from tagsync.cli import run
from tagsync.events import ApiCalls, Event, FilesRead, RequestDone, Retrying
from tagsync.reporting.json_log import JsonLog, name_of
from tagsync.sandbox.faults import Fault

JSON = ("--log-format", "json")
HOSTILE = "a\n::error::boom\x1b[31m \u202e##[error] \ud800"


def records(err: str) -> list[dict[str, Any]]:
    """Return the lines of standard error, each of which has to follow the schema."""
    found = [json.loads(line) for line in err.splitlines()]
    for item in found:
        validator_of("log").validate(item)
    return found


def events(err: str) -> list[str]:
    return [item["event"] for item in records(err)]


@pytest.fixture
def _files(library: Callable[..., Path]) -> None:
    library(file_object("/a.jpg"), file_object("/b.jpg"))
    write_manifest("- match: /**\n  tags: [a]")


@pytest.mark.usefixtures("_files")
def test_log_is_json_and_standard_output_stays_the_same(tagsync: Command) -> None:
    text = tagsync("plan", "--sandbox", "library.jsonl", "tags.yaml")
    ran = tagsync("plan", *JSON, "--sandbox", "library.jsonl", "tags.yaml")
    assert (ran.code, ran.out) == (0, text.out)
    read, files = records(ran.err)
    assert (read["event"], read["manifests"], read["entries"]) == ("manifests-read", 1, 1)
    assert (files["event"], files["files"]) == ("files-read", 2)
    assert text.err.splitlines() == [f"tagsync: {item['message']}" for item in (read, files)]


@pytest.mark.usefixtures("_files")
def test_log_of_an_apply_has_its_api_calls(tagsync: Command) -> None:
    ran = tagsync("apply", "--yes", *JSON, "--sandbox", "library.jsonl", "tags.yaml")
    assert ran.code == 0
    [call] = [item for item in records(ran.err) if item["event"] == "request-done"]
    assert (call["done"], call["total"]) == (1, 1)
    assert events(ran.err)[-3:] == ["looking-again", "request-done", "reading-back"]


def test_log_names_each_retry(tagsync: Command, world: Build) -> None:
    world(file_object("/a.jpg"), faults=(Fault(on="list", call=1, status=503),))
    write_manifest("- match: /**\n  tags: [a]")
    ran = tagsync("plan", *JSON, "tags.yaml")
    assert ran.code == 0
    [retry] = [item for item in records(ran.err) if item["event"] == "retrying"]
    assert (retry["call"], retry["attempt"]) == ("GET /v1/files", 1)
    assert retry["error"].startswith("ImageKit failed: ")
    assert KEY not in ran.err


@pytest.mark.usefixtures("_files")
def test_log_lists_diagnostics_with_code_and_source(tagsync: Command) -> None:
    path = write_manifest("- path: /c.jpg\n  tags: ['a,b']\n  ifMissing: warn", "more.yaml")
    ran = tagsync("plan", *JSON, "--sandbox", "library.jsonl", path)
    found = [item for item in records(ran.err) if item["event"] == "diagnostic"]
    assert [(item["level"], item["code"]) for item in found] == [("warning", "missing"), ("warning", "comma")]
    assert all(item["source"].startswith("more.yaml:") for item in found)


@pytest.mark.usefixtures("_files")
def test_log_of_quiet_runs_is_empty_and_verbose_ones_name_settings(tagsync: Command) -> None:
    plan = ("plan", *JSON, "--sandbox", "library.jsonl", "tags.yaml")
    assert tagsync(*plan, "--quiet").err == ""
    settings = {item["name"]: item for item in records(tagsync(*plan, "-v").err) if item["event"] == "setting"}
    assert (settings["sandbox"]["value"], settings["sandbox"]["source"]) == ("library.jsonl", "command line")


@pytest.mark.parametrize(
    ("arguments", "code", "exit_code"),
    [
        (("plan", "--nonsense"), "usage", 64),
        (("plan", "--json"), "usage", 64),
        (("nonsense",), "usage", 64),
        (("plan", "--sandbox", "nowhere.jsonl", "tags.yaml"), "usage", 64),
        (("plan", "--account", HOSTILE[:-2]), "usage", 64),
        (("plan", "tags.yaml"), "credentials", 1),
        (("show", "tags.yaml"), "document", 1),
        (("plan", "--last", "nowhere.json", "--sandbox", "library.jsonl", "tags.yaml"), "document", 1),
    ],
)
@pytest.mark.usefixtures("_files")
def test_log_has_errors_of_any_command_line(
    tagsync: Command, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: str, exit_code: int
) -> None:
    monkeypatch.delenv("IMAGEKIT_PRIVATE_KEY", raising=False)
    by_option = tagsync(*arguments, *JSON)
    monkeypatch.setenv("TAGSYNC_LOG_FORMAT", "json")
    for ran in (by_option, tagsync(*arguments)):
        assert ran.code == exit_code
        assert [item["code"] for item in records(ran.err) if item["level"] == "error"] == [code]


@pytest.mark.usefixtures("_files")
def test_log_has_hints_of_errors(tagsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGSYNC_SANDBOX", "tags.yaml")
    ran = tagsync("plan", *JSON, "tags.yaml")
    assert ran.code == 1
    assert "TAGSYNC_SANDBOX is set to" in next(item["message"] for item in records(ran.err) if item["event"] == "hint")


@pytest.mark.usefixtures("_files")
def test_log_has_internal_errors_without_a_traceback(tagsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(run, "plan", fail)
    ran = tagsync("plan", *JSON, "tags.yaml")
    [error] = records(ran.err)
    assert (ran.code, error["code"]) == (1, "internal")
    assert "this is a bug in tagsync: ZeroDivisionError" in error["message"]


@pytest.mark.parametrize(
    ("words", "is_json"),
    [
        (["--log-format=json"], True),
        (["--log-format=json", "--log-format=text"], False),
        (["--log-format", "text"], False),
        (["--", "--log-format=json"], False),
    ],
)
def test_log_option_wins_over_the_variable(tagsync: Command, words: list[str], *, is_json: bool) -> None:
    ran = tagsync("validate", "nowhere.yaml", *words)
    assert ran.code == 1
    assert ran.err.startswith("{") == is_json


@pytest.mark.usefixtures("_files")
def test_log_format_that_does_not_exist_is_a_usage_error(tagsync: Command) -> None:
    assert tagsync("plan", "--log-format", "xml", "tags.yaml").code == 64


@pytest.mark.usefixtures("_files")
def test_log_in_json_leaves_no_question(tagsync: Command) -> None:
    ran = tagsync("apply", *JSON, "--sandbox", "library.jsonl", "tags.yaml")
    assert ran.code == 64
    [error] = records(ran.err)
    assert error["message"] == "--log-format json leaves no room for a question: pass --yes to apply without a question"


@pytest.mark.usefixtures("_files")
def test_log_covers_what_libraries_write() -> None:
    code = (
        "import asyncio, sys\nfrom tagsync.cli import main, run\n"
        "async def lost(): raise ValueError('lost')\n"
        "def plan(*_, **__):\n"
        "    async def both():\n        task = asyncio.ensure_future(lost())\n        await asyncio.sleep(0)\n"
        "    asyncio.run(both())\n    return 0\n"
        "run.plan = plan\nsys.exit(main.run(['plan', '--log-format', 'json', 'tags.yaml']))\n"
    )
    ran = process(wrapped_by=[sys.executable, "-c", code])
    found = records(ran.err)
    assert {item["level"] for item in found} == {"warning"}
    assert any("ValueError: lost" in item["message"] for item in found)


@pytest.mark.parametrize(("words", "is_json"), [("--log-format=json", True), ("--quiet", False)])
def test_log_has_an_interruption_before_the_command_line_is_read(words: str, *, is_json: bool) -> None:
    code = (
        "import sys\nfrom tagsync import __main__ as start\n"
        "def interrupted(): raise KeyboardInterrupt\n"
        f"start._run = interrupted\nsys.argv = ['tagsync', 'plan', {words!r}]\nstart.main()\n"
    )
    ran = process(wrapped_by=[sys.executable, "-c", code])
    assert ran.code == 130
    said = [item["message"] for item in records(ran.err)] if is_json else ran.err.splitlines()
    assert said == ["interrupted" if is_json else "error: interrupted"]


def test_log_escapes_hostile_text_twice() -> None:
    stream = io.StringIO()
    log = JsonLog(stream, now=lambda: "2026-01-01T00:00:00.000Z")
    log.error(HOSTILE, HOSTILE)
    log.progress(FilesRead(1, HOSTILE), HOSTILE)
    log.progress(Retrying(HOSTILE, 1, 2.0, HOSTILE), HOSTILE)
    log.setting(HOSTILE, HOSTILE, HOSTILE)
    log.write(HOSTILE + "\n")
    written = stream.getvalue()
    assert written.isascii()
    assert "##[" not in written
    for item in records(written):
        for text in item.values():
            assert not isinstance(text, str) or text.isprintable()


def test_log_goes_on_when_nobody_reads_it() -> None:
    class Gone(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError

    JsonLog(Gone()).warn("lost")


def test_log_schema_names_every_event() -> None:
    known = set(schemas.load("log")["properties"]["event"]["enum"])
    assert {name_of(kind(*kind._fields)) for kind in get_args(Event) if kind is not ApiCalls} < known


def test_log_rounds_seconds() -> None:
    stream = io.StringIO()
    JsonLog(stream).progress(RequestDone(1, 2, 1.23456, 0.0), "words")
    assert records(stream.getvalue())[0]["seconds"] == 1.235
