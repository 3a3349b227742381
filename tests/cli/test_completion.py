"""Shell completion, called as shells do, and in a real bash."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cli.command import SECONDS, Command, environment, words


def completions(line: str) -> list[str]:
    """Return what bash offers for the last word of a line."""
    given = line.split(" ")
    asked = {"_TAGSYNC_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(given) - 1)}
    ran = subprocess.run(words(), capture_output=True, text=True, check=True, env=environment(asked), timeout=SECONDS)  # noqa: S603 - our own
    return ran.stdout.splitlines()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("tagsync va", ["plain,validate"]),
        ("tagsync sandbox ", ["plain,serve", "plain,reset"]),
        ("tagsync plan --changed", ["plain,--changed-since"]),
        ("tagsync apply --on-stale ", ["plain,skip", "plain,fail"]),
        ("tagsync schema dia", ["plain,diagnostics"]),
        ("tagsync plan man", ["file,man"]),
        ("tagsync apply --yes man", ["file,man"]),
        ("tagsync show re", ["file,re"]),
        ("tagsync plan --sandbox li", ["file,li"]),
    ],
)
def test_completion_offers_commands_options_values_and_paths(line: str, offered: list[str]) -> None:
    assert completions(line) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_of_each_shell_calls_tagsync(tagsync: Command, shell: str) -> None:
    ran = tagsync("completion", shell)
    assert ran.code == 0
    assert f"_TAGSYNC_COMPLETE={shell}_complete" in ran.out
    assert ran.err == ""


def test_completion_of_another_shell_is_a_usage_error(tagsync: Command) -> None:
    ran = tagsync("completion", "csh")
    assert (ran.code, ran.out) == (64, "")
    assert "'csh' is not one of 'bash', 'zsh', 'fish'" in ran.err


def test_completion_works_in_bash(tagsync: Command, tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash
    command = tmp_path / "bin" / "tagsync"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tagsync "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    Path("complete.bash").write_text(tagsync("completion", "bash").out, encoding="utf-8")
    line = "COMP_WORDS=(tagsync un); COMP_CWORD=1; _tagsync_completion tagsync un"
    ran = subprocess.run(  # noqa: S603 - our own
        [bash, "--norc", "-c", f'source complete.bash; {line}; echo "${{COMPREPLY[@]}}"'],
        capture_output=True,
        text=True,
        check=True,
        env=environment({"PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}"}),
        timeout=SECONDS,
    )
    assert ran.stdout.strip() == "undo"
