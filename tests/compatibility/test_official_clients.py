"""Test the sandbox with other official ImageKit clients; slow, because they are installed first."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from builders import AWS, ai, file_object, id_of
from canary import KEY

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
PYTHON_4, NODE = "imagekitio==4.2.0", "@imagekit/nodejs@7.11.0"
SECONDS = 300
A, B, MISSING = id_of("/shop/a.jpg"), id_of("/shop/b.jpg"), "5e21880d5efe355febd4bccd"
FILES = [
    file_object("/shop/a.jpg", ["shoes"], [ai("Shoe", 90.5), ai("Person", 60.0, AWS), ai("Person", 80.0)], size=10),
    file_object("/shop/b.jpg", size=20),
    file_object("/shop/c.jpg", size=5),
]
TOLD = {
    "found": ["a.jpg", "b.jpg"],
    "details": [["shoes"], ["Shoe", "Person", "Person"]],
    "added": [A, B],
    "removed": [A, B],
    "removedAI": [A, B],
    "after": [["new"], ["Shoe"]],
    "updated": ["one", "two"],
    "missing": [404, "The requested file(s) does not exist.", [MISSING]],
    "tooMany": [400, "A maximum of 50 files can be edited at a time.", None],
    "wrongKey": [403, "Your account cannot be authenticated.", None],
}


def installed(command: Sequence[str | Path], what: str) -> None:
    """Install a package, or skip the test if it is not available."""
    ran = subprocess.run(command, check=False, capture_output=True, text=True, timeout=SECONDS)  # noqa: S603 - our own
    if ran.returncode:
        pytest.skip(f"{what} cannot be installed here: {ran.stderr.strip()[-200:]}")


def told_by(*command: str | Path) -> Any:
    ran = subprocess.run(command, check=False, capture_output=True, text=True, timeout=SECONDS)  # noqa: S603 - our own
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_official_python_client_4_works_with_the_sandbox(served: Callable[..., str], tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)  # noqa: S603 - our own
    python = tmp_path / "venv" / "bin" / "python"
    installed([python, "-m", "pip", "install", "-q", PYTHON_4], PYTHON_4)
    assert told_by(python, HERE / "scenario_4.py", served(*FILES, key=KEY), KEY, A, B, MISSING) == TOLD


def test_official_node_client_works_with_the_sandbox(served: Callable[..., str], tmp_path: Path) -> None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        pytest.skip("node and npm are not installed here")
    installed([npm, "install", "--prefix", tmp_path, "--no-audit", "--no-fund", NODE], NODE)
    assert told_by(node, HERE / "scenario.mjs", tmp_path, served(*FILES, key=KEY), KEY, A, B, MISSING) == TOLD
