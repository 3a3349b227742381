import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from pages import DOCS, ROOT, blocks

from tagsync.cli.main import cli

PAGE = DOCS / "reference" / "commands.md"


def check(script: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own
        [sys.executable, script, "--check"], check=False, capture_output=True, text=True, timeout=30
    )


def test_commands_page_is_current() -> None:
    ran = check(DOCS / "commands.py")
    assert ran.returncode == 0, ran.stderr


def test_commands_page_that_is_outdated_is_noticed(tmp_path: Path) -> None:
    script = shutil.copy(DOCS / "commands.py", tmp_path)
    (tmp_path / "reference").mkdir()
    page = tmp_path / "reference" / "commands.md"
    for text in (PAGE.read_text("utf-8").replace("`--rate N`", "`--pace N`"), ""):
        page.write_text(text, encoding="utf-8")
        ran = check(Path(script))
        assert (ran.returncode, "run python docs/commands.py" in ran.stderr) == (1, True)


def test_commands_page_has_options_and_exit_codes_of_each_command() -> None:
    sections = dict(part.split("\n", 1) for part in PAGE.read_text("utf-8").split("\n## ")[1:])
    found = dict(commands("tagsync", cli))
    assert set(sections) == {*found, "Shared options"}
    for name, command in found.items():
        for option in command.params:
            if isinstance(option, click.Option):
                assert f"`{max(option.opts, key=len)}" in sections[name], (name, option.opts)
        assert "Exit codes:\n\n- 0: " in sections[name] or isinstance(command, click.Group)


def commands(name: str, command: click.Command) -> list[tuple[str, click.Command]]:
    inner = command.commands.values() if isinstance(command, click.Group) else []
    return [(name, command), *(found for each in inner for found in commands(f"{name} {each.name}", each))]


PAGES = [*sorted(set(DOCS.rglob("*.md")) - {PAGE}), ROOT / "README.md"]
ANYTHING = {"--help", "--version"}


CALL = re.compile(r"(?:.*(?:\$|=\S+|bin/|;) ?)?\btagsync ([a-z].*?)(?: #.*| 2?[|>].*)?")


def lines(page: Path) -> list[str]:
    """Return the tagsync command lines of a page, in blocks and in text, up to a comment or a pipe."""
    code = [block.text.replace("\\\n", " ") for language in ("sh", "", "console") for block in blocks(page, language)]
    shown = [line for part in code for line in part.splitlines()]
    shown += re.findall(r"`([^`\n]+)`", page.read_text("utf-8"))
    calls = [CALL.fullmatch(call.strip()) for line in shown for call in line.split("&&")]
    return [call[1] for call in calls if call]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_of_all_pages_are_valid(page: Path) -> None:
    for line in lines(page):
        words = shlex.split(line)
        command: click.Command = cli
        while isinstance(command, click.Group) and words:
            name = words.pop(0)
            assert name in command.commands, line
            command = command.commands[name]
        if not ANYTHING.intersection(words):
            command.make_parser(click.Context(command)).parse_args(words)


def test_commands_of_all_kinds_are_found(tmp_path: Path) -> None:
    block = "A=b tagsync plan --x y/ # z\nbin/tagsync a && tagsync b > c\n$ tagsync d\ntagsync: no call\n"
    page = tmp_path / "page.md"
    page.write_text(f"```sh\n{block}```\nSay `tagsync show e | less`, not `tagsync`.\n", encoding="utf-8")
    assert lines(page) == ["plan --x y/", "a", "b", "d", "show e"]


OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
OTHERS = {"--doit", "--force", "--only"}
"""Options of other programs, and one that does not exist on purpose."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_options_on_pages_exist(page: Path) -> None:
    known = {name for _, command in commands("tagsync", cli) for option in command.params for name in option.opts}
    named = {name for code in re.findall(r"`([^`\n]+)`", page.read_text("utf-8")) for name in OPTION.findall(code)}
    assert named - known - ANYTHING - OTHERS == set()
