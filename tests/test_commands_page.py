import shutil
import subprocess
import sys
from pathlib import Path

import click
from pages import DOCS

from tagsync.cli.main import cli

PAGE = DOCS / "reference" / "commands.md"


def check(script: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own
        [sys.executable, script, "--check"], check=False, capture_output=True, text=True, timeout=30
    )


def test_the_page_of_commands_is_what_the_command_line_says() -> None:
    ran = check(DOCS / "commands.py")
    assert ran.returncode == 0, ran.stderr


def test_a_page_of_commands_that_is_not_current_is_noticed(tmp_path: Path) -> None:
    script = shutil.copy(DOCS / "commands.py", tmp_path)
    (tmp_path / "reference").mkdir()
    page = tmp_path / "reference" / "commands.md"
    for text in (PAGE.read_text("utf-8").replace("`--rate N`", "`--pace N`"), ""):
        page.write_text(text, encoding="utf-8")
        ran = check(Path(script))
        assert (ran.returncode, "run python docs/commands.py" in ran.stderr) == (1, True)


def test_each_command_has_a_section_with_its_options_and_exit_codes() -> None:
    sections = dict(part.split("\n", 1) for part in PAGE.read_text("utf-8").split("\n## ")[1:])
    found = dict(commands("tagsync", cli))
    assert set(sections) == {*found, "Shared options"}
    for name, command in found.items():
        for option in command.params:
            if isinstance(option, click.Option):
                assert f"`{max(option.opts, key=len)}" in sections[name], (name, option.opts)
        assert "Exit codes: 0 " in sections[name] or isinstance(command, click.Group)


def commands(name: str, command: click.Command) -> list[tuple[str, click.Command]]:
    inner = command.commands.values() if isinstance(command, click.Group) else []
    return [(name, command), *(found for each in inner for found in commands(f"{name} {each.name}", each))]
