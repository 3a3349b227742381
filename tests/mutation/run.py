"""Counts how many small changes of the package its tests notice; needs mutmut, which is in no extra.

    pip install 'mutmut>=3.8,<4'
    python tests/mutation/run.py applying                  # or planning, or any pattern of files below the package
    python tests/mutation/run.py applying --survivors FILE

The work is done in a copy. mutmut ends with 0 whatever it finds: what counts is what it says of each mutant.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = {
    "applying": ["tests/applying"],
    "planning": ["tests/planning", "tests/test_end_to_end.py", "tests/exporting"],
    "planning/changed_since.py": ["tests/cli/test_changed_since.py", "tests/planning"],
    "planning/prune.py": ["tests/cli/test_prune.py", "tests/cli/test_prune_notice.py", "tests/planning"],
    "planning/shards.py": ["tests/cli/test_shards.py"],
    "planning/undo.py": ["tests/planning", "tests/test_undo_end_to_end.py", "tests/cli/test_saved_plans.py"],
}
"""The tests that are run of a room, or of a file of it that is tried through the command."""
COPIED = ("tagsync", "tests", "docs", "examples", "pyproject.toml", "README.md", "CHANGELOG.md", "CONTRIBUTING.md")
HASTE = """

from hypothesis import Phase
from hypothesis import settings as _settings

_settings.register_profile("mutation", phases=(Phase.explicit, Phase.generate), database=None)
_settings.load_profile("mutation")
"""
"""Goes into the copy's tests: an example that fails is enough, the smallest one takes minutes to find."""
FEWER = 5
"""By how much the examples of a property are cut: what fewer notice, all would."""
NOTICED = ("killed", "timeout", "segfault", "suspicious", "caught by type check")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rooms", nargs="+", help="like applying, or planning/merge.py")
    parser.add_argument("--survivors", type=Path, help="where to write each change that no test noticed")
    parser.add_argument("--children", type=int, default=2)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        copy = copied(Path(folder), chosen.rooms)
        call(copy, "run", "--max-children", str(chosen.children))
        found = results(copy)
        counts = Counter(found.values())
        if unknown := counts.keys() - {*NOTICED, "survived", "no tests"}:
            sys.exit(f"some were not tried to the end: {', '.join(sorted(unknown))}")
        noticed = sum(counts[status] for status in NOTICED)
        total = noticed + counts["survived"] + counts["no tests"]
        rate = 100 * noticed / max(1, total)
        sys.stdout.write(f"{json.dumps(counts)}\n{noticed} of {total} noticed: {rate:.1f} %\n")
        if chosen.survivors:
            names = [name for name, status in found.items() if status in ("survived", "no tests")]
            chosen.survivors.write_text("".join(call(copy, "show", name) + "\n" for name in names), encoding="utf-8")


def copied(folder: Path, rooms: list[str]) -> Path:
    """Return a copy of the project that tells mutmut what to change and which tests to run."""
    copy = folder / "project"
    copy.mkdir()
    for name in COPIED:
        source = ROOT / name
        take = shutil.copytree if source.is_dir() else shutil.copy
        take(source, copy / name)
    files = [f"tagsync/{room}" if room.endswith(".py") else f"tagsync/{room}/*" for room in rooms]
    tests = list(dict.fromkeys(test for room in rooms for test in TESTS.get(room, TESTS[room.partition("/")[0]])))
    make_haste(copy / "tests")
    settings = {
        "source_paths": ["tagsync"],
        "only_mutate": files,
        "also_copy": [name for name in COPIED if name not in ("tagsync", "tests", "pyproject.toml")],
        "pytest_add_cli_args_test_selection": tests,
        "pytest_add_cli_args": ["-x", "-q", "-p", "no:cacheprovider"],
    }
    project = copy / "pyproject.toml"
    # From within the folder that mutmut works in, the package is what is beside the tests.
    text = project.read_text("utf-8").replace('pythonpath = ["tests"]', 'pythonpath = [".", "tests"]')
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
    project.write_text(f"{text}\n[tool.mutmut]\n{lines}", encoding="utf-8")
    return copy


def make_haste(tests: Path) -> None:
    with (tests / "conftest.py").open("a", encoding="utf-8") as conftest:
        conftest.write(HASTE)
    for path in tests.rglob("test_*.py"):
        text = path.read_text("utf-8")
        path.write_text(re.sub(r"(?<=max_examples=)[\d_]+", lambda found: str(int(found[0]) // FEWER), text), "utf-8")


def results(copy: Path) -> dict[str, str]:
    """Return what became of each mutant by its name."""
    lines = call(copy, "results", "--all", "true")
    return dict(re.findall(r"^\s+(\S+): (.+)$", lines, re.MULTILINE))


def call(copy: Path, *arguments: str) -> str:
    ran = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-m", "mutmut", *arguments],
        cwd=copy,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    if ran.returncode:
        sys.exit(ran.stdout[-5000:])
    return ran.stdout


if __name__ == "__main__":
    main()
