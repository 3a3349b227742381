import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from builders import file_object
from cli.command import Command, write_manifest

from tagsync.api.keep import Workspace
from tagsync.cli import apply as apply_module
from tagsync.cli import run as run_module
from tagsync.cli.output import Output
from tagsync.cli.signals import Deferred

BOTH = (signal.SIGINT, signal.SIGTERM)


def send(*numbers: int) -> None:
    for number in numbers:
        os.kill(os.getpid(), number)


def handlers() -> list[Any]:
    return [signal.getsignal(number) for number in BOTH]


def test_deferred_signals_set_stop_then_abort_without_interrupting() -> None:
    seen: list[tuple[bool, bool]] = []

    async def work(stop: asyncio.Event, abort: asyncio.Event) -> str:
        for numbers in ((), (signal.SIGTERM,), (signal.SIGINT,), BOTH * 50):
            send(*numbers)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            seen.append((stop.is_set(), abort.is_set()))
        return "report"

    before = handlers()
    with Deferred() as signals:
        assert signals.run(work) == "report"
        assert signals.number == signal.SIGTERM
    assert seen == [(False, False), (True, False), (True, True), (True, True)]
    assert handlers() == before


def test_deferred_signals_interrupt_no_computation() -> None:
    async def work(stop: asyncio.Event, _abort: asyncio.Event) -> bool:
        send(*BOTH * 50)  # nothing awaits here, so the loop cannot handle them
        await asyncio.sleep(0)
        return stop.is_set()

    with Deferred() as signals:
        assert signals.run(work)
        send(*BOTH * 50)
        assert signals.number == signal.SIGINT


def test_deferred_signals_that_come_before_the_loop_runs_are_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = asyncio.run

    def late(main: Any) -> Any:
        send(signal.SIGTERM)
        return runs(main)

    async def work(stop: asyncio.Event, abort: asyncio.Event) -> tuple[bool, bool]:
        await asyncio.sleep(0)
        return stop.is_set(), abort.is_set()

    monkeypatch.setattr(asyncio, "run", late)
    with Deferred() as signals:
        assert signals.run(work) == (True, False)


def test_deferred_signals_set_handlers_only_when_needed() -> None:
    before = handlers()
    with Deferred():
        assert handlers() == before


@pytest.mark.parametrize("moment", ["record", "_reported", "_carried_out"])
def test_signals_do_not_prevent_the_report(
    tagsync: Command, library: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    owner: Any = Workspace if moment == "record" else apply_module
    inner = getattr(owner, moment)

    def disturbed(*arguments: Any, **options: Any) -> Any:
        if moment == "_carried_out":
            result = inner(*arguments, **options)
            send(*BOTH * 3)
            return result
        send(*BOTH * 3)
        return inner(*arguments, **options)

    monkeypatch.setattr(owner, moment, disturbed)
    path = library(file_object("/a.jpg"))
    write_manifest("- {match: /*, tags: [new]}")
    result = tagsync("apply", "--yes", "--sandbox", path, "--report=json=report.json", "--format=json", "tags.yaml")
    assert result.code == 0
    assert result.document["outcome"] == "converged"
    assert Path("report.json").read_text("utf-8") == result.out


@pytest.mark.parametrize("command", [("plan",), ("apply", "--yes")])
def test_signals_do_not_prevent_the_report_of_an_interrupted_plan(
    tagsync: Command, library: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    before = handlers()
    write_failure = Output._failure

    async def interrupted(*_: Any, **__: Any) -> None:
        send(signal.SIGTERM)
        await asyncio.sleep(60)

    def disturbed(*arguments: Any) -> None:
        send(*BOTH * 3)
        write_failure(*arguments)

    monkeypatch.setattr(run_module, "plan_async", interrupted)
    monkeypatch.setattr(Output, "_failure", disturbed)
    path = library(file_object("/a.jpg"))
    write_manifest("- {match: /*, tags: [new]}")
    result = tagsync(*command, "--sandbox", path, "--report=json=report.json", "tags.yaml")
    assert (result.code, result.err.endswith("error: interrupted\n")) == (143, True)
    assert Path("report.json").is_file()
    assert handlers() == before


def test_signal_during_imports_ends_the_command_without_a_traceback() -> None:
    script = (
        "import os, signal, sys\n"
        "class Interrupts:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'tagsync.cli.main': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupts())\n"
        "sys.argv = ['tagsync', 'schema']\n"
        "from tagsync.__main__ import main\n"
        "main()\n"
    )
    command = [sys.executable, "-c", script]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - our own
    assert (ran.returncode, ran.stdout, ran.stderr) == (130, "", "error: interrupted\n")
