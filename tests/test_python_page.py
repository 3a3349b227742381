import io
import shutil
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from builders import read_library
from canary import KEY
from pages import DOCS, ROOT, Block, blocks

PAGE = DOCS / "how-to" / "python.md"


def test_python_page_program_prints_what_the_page_shows(
    tmp_path: Path, served: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / "examples" / "manifests", tmp_path / "manifests")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMAGEKIT_PRIVATE_KEY", KEY)
    monkeypatch.setenv("TAGSYNC_ENDPOINT", served(*read_library(ROOT / "examples" / "library.jsonl")))
    names: dict[str, Any] = {}
    shown = {block.line: block.text for block in blocks(PAGE, "text")}
    programs = blocks(PAGE, "python")
    assert len(programs) >= len(shown) > 0
    for block in programs:
        assert run(block, names) == shown.get(output_line(block), ""), f"line {block.line}"


def run(block: Block, names: dict[str, Any]) -> str:
    """Run a block after those before it, and return its output."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(compile(block.text, PAGE.name, "exec"), names)  # noqa: S102 - our own page
    return printed.getvalue().rstrip("\n")


def output_line(block: Block) -> int:
    """Return the line of the output shown below a block, if any."""
    return block.line + len(block.text.splitlines()) + 3
