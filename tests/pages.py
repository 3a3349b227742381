"""Documentation pages as tests read them: blocks, and commands with the output that the page shows."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"

LEFT_OUT = "…"
"""A line of a page for one or more omitted lines of output."""

_HERE_DOCUMENT = re.compile(r"<<'?(\w+)'?$")
_EXIT_CODE = re.compile(r"# exit code (\d+)$")
_VARYING = re.compile(
    r"(?P<digest>sha256:[0-9a-f]{64}\b)|(?P<duration>\b\d+\.\d s\b)|(?P<day>\b\d{4}-\d\d-\d\d(?:T[\d:]+Z)?)"
    r"|(?P<commit>\b[0-9a-f]{7}(?=:\S+:\d|$)|(?<=--prune-since )[0-9a-f]{12}\b|(?<=Applied commit: )[0-9a-f]{40}\b)"
)
"""Parts of output that vary from run to run."""

_PROGRESS = "tagsync: "
"""The start of progress lines, which a terminal overwrites."""

_START_REPOSITORY = """
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
git init --quiet && git add examples
git -c user.name=someone -c user.email=someone@example.com commit --quiet --message examples
"""
"""Commit the examples. The variables would lead to another repository, such as that of a git hook."""

SECONDS = 300
"""A timeout in seconds for the commands of one page."""


class Block(NamedTuple):
    """A fenced block: its language, its text, and the line where its text starts."""

    language: str
    text: str
    line: int


class Step(NamedTuple):
    """A command, its expected exit code, and the expected lines of its output."""

    command: str
    code: int
    output: tuple[str, ...]
    line: int


class Ran(NamedTuple):
    """The result of a command."""

    code: int
    output: list[str]


def blocks(page: Path, language: str) -> list[Block]:
    """Return a page's fenced blocks of one language."""
    found = []
    lines = enumerate(page.read_text("utf-8").splitlines(), start=1)
    for number, line in lines:
        if line.startswith("```"):
            found.append(Block(line.removeprefix("```").strip(), "\n".join(_until("```", lines)), number + 1))
    return [block for block in found if block.language == language]


def _until(end: str, lines: Iterator[tuple[int, str]]) -> list[str]:
    return [line for _, line in takewhile(lambda numbered: numbered[1] != end, lines)]


def steps(page: Path) -> list[Step]:
    """Return the commands of a page's `console` blocks, in order."""
    return [step for block in blocks(page, "console") for step in _steps(block)]


def _steps(block: Block) -> list[Step]:
    """Return a block's commands: `$ ` starts one, and a here document is part of it."""
    found: list[Step] = []
    lines = enumerate(block.text.splitlines(), start=block.line)
    for number, line in lines:
        if line.startswith("$ "):
            command = [line.removeprefix("$ ")]
            here = _HERE_DOCUMENT.search(line)
            if here:
                command += [*_until(here[1], lines), here[1]]
            code = _EXIT_CODE.search(line)
            found.append(Step("\n".join(command), int(code[1]) if code else 0, (), number))
        else:
            assert found, f"line {number}: a block starts with a command"
            found[-1] = found[-1]._replace(output=(*found[-1].output, line))
    return found


def run_steps(commands: Sequence[Step], folder: Path) -> list[Ran]:
    """Run commands in one shell, as a reader does, in a repository with a copy of the examples, like a checkout."""
    shutil.copytree(ROOT / "examples", folder / "examples")
    results = folder / "results"
    results.mkdir()
    programs = folder / "programs"
    programs.mkdir()
    (programs / "tagsync").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tagsync "$@"\n', encoding="utf-8")
    (programs / "tagsync").chmod(0o755)
    script = [f'export PATH="{programs}:$PATH"', "exec < /dev/null", _START_REPOSITORY]
    for number, step in enumerate(commands):
        script.append(f'{{ {step.command}\n}} > "{results}/{number}" 2>&1\necho $? > "{results}/{number}.code"')
    subprocess.run(  # noqa: S603 - our own pages
        ["bash", "-c", "\n".join(script)],  # noqa: S607 - the user's own shell
        cwd=folder,
        check=True,
        timeout=SECONDS,
    )
    return [_ran(results / str(number)) for number in range(len(commands))]


def _ran(result: Path) -> Ran:
    lines = result.read_text("utf-8").splitlines()
    return Ran(int(result.with_suffix(".code").read_text()), [line for line in lines if not line.startswith(_PROGRESS)])


def is_shown(shown: Iterable[str], printed: Iterable[str]) -> bool:
    """Return whether output matches a page, except for omitted and varying parts."""
    patterns = [r"(?:.*\n)+?" if line.strip() == LEFT_OUT else re.escape(settled(line)) + r"\n" for line in shown]
    return re.fullmatch("".join(patterns), "".join(f"{settled(line)}\n" for line in printed)) is not None


def settled(line: str) -> str:
    """Return a line of output without the parts that vary from run to run."""
    return _VARYING.sub(lambda found: f"<{found.lastgroup}>", line.rstrip())
