import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from mutation.planted import BUGS, Bug

import tagsync

ROOT = Path(__file__).parents[2]
PACKAGE = Path(tagsync.__file__).parent


def test_each_planted_bug_has_its_place_and_a_name_of_its_own() -> None:
    assert len(BUGS) >= 12
    assert set(Counter(bug.name for bug in BUGS).values()) == {1}
    misplaced = [bug.name for bug in BUGS if (PACKAGE / bug.file).read_text("utf-8").count(bug.right) != 1]
    assert misplaced == []


@pytest.fixture(scope="session")
def copy() -> Iterator[Path]:
    """Return a copy of package and tests, in which every test that is named passes."""
    # Not below pytest's own folder: what tests leave there is searched for the key, which the tests themselves hold.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("tagsync", "tests", "docs", "examples"):
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        for part in ("pyproject.toml", "README.md", "CHANGELOG.md", "CONTRIBUTING.md"):
            shutil.copy(ROOT / part, folder / part)
        ran = outcome_of(folder, *dict.fromkeys(bug.test for bug in BUGS))
        assert ran.returncode == 0, ran.stdout
        yield folder


def outcome_of(folder: Path, *tests: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        timeout=240,
    )


@pytest.mark.slow
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name.replace(" ", "-"))
def test_a_planted_bug_is_found_by_the_test_that_is_there_for_it(copy: Path, bug: Bug) -> None:
    path = copy / "tagsync" / bug.file
    whole = path.read_text("utf-8")
    path.write_text(whole.replace(bug.right, bug.wrong), encoding="utf-8")
    try:
        ran = outcome_of(copy, bug.test)
    finally:
        path.write_text(whole, encoding="utf-8")
    # 1 is what pytest says of failed tests alone: none of its own troubles, and not that it found none.
    assert ran.returncode == 1, ran.stdout
    assert " failed" in ran.stdout
