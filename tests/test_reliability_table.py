import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import tagsync
from tagsync.reporting import FORMATS

ROOT = Path(__file__).parents[1]
PACKAGE = Path(tagsync.__file__).parent
TEXT = (ROOT / "docs" / "explanation" / "promises.md").read_text("utf-8")

SEVERAL = 20
"""The minimum number of rows; with fewer, the tables are not parsed correctly."""


PROMISES, _, PROOFS = TEXT.partition("\n## Tests\n")


def rows(text: str) -> list[list[str]]:
    """Return the cells of each row of a text's tables, without headers."""
    lines = text.splitlines()
    after_rules = [n + 1 for n, line in enumerate(lines) if line.startswith("|---")]
    found = []
    for start in after_rules:
        end = next(n for n in range(start, len(lines) + 1) if n == len(lines) or not lines[n].startswith("|"))
        found += [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[start:end]]
    return found


def named(text: str) -> list[tuple[str, str]]:
    """Return the tests that a text names, as files and functions."""
    return re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)


@cache
def functions(path: Path) -> set[str]:
    """Return the names of a module's functions."""
    return {node.name for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, ast.FunctionDef)}


def test_promises_rows_are_complete_and_name_tests() -> None:
    promises, proofs = rows(PROMISES), rows(PROOFS)
    assert len(promises) >= SEVERAL
    assert [row[0] for row in promises] == [row[0] for row in proofs], "each row has its tests in the last section"
    assert len({row[0] for row in promises}) == len(promises)
    for row in promises:
        assert len(row) in (2, 3), row
        assert all(row), row
        assert not named(" ".join(row)), f"tests belong to the last section: {row[0]}"
    for promise, tests in proofs:
        assert named(tests), f"no test is named for: {promise}"
        assert re.sub(r"`tests/[\w/]+\.py::\w+`|, ", "", tests) == "", f"a name cannot be read: {tests}"


def test_promises_formats_exclude_spreadsheets() -> None:
    assert set(FORMATS) == {"text", "json", "markdown", "html", "junit", "github", "prometheus"}


def test_promises_tests_exist() -> None:
    missing = [
        f"{file}::{name}"
        for file, name in named(TEXT)
        if not name.startswith("test_") or name not in functions(ROOT / file)
    ]
    assert missing == []


WALL_CLOCK = {
    "time": {"time", "time_ns", "localtime", "gmtime", "ctime", "asctime", "strftime", "clock_gettime"},
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
}

ALLOWED = {
    ("api.gather", "now"),
    ("api.gather", "read"),
    ("api.act", "_seconds"),
    ("api.drafting", "draft_test_async"),
    ("api.testing", "evaluated"),
    ("library.http.rate_limits", "_now"),
    ("library.imagekit.probe", "_sent"),
    ("reporting.json_log", "_now"),
    ("workspace.lock", "_take"),
    ("sandbox.app", "_list"),
    ("sandbox.store", ""),
    ("sandbox.store", "save"),
    ("sandbox.store", "patch"),
}
"""The places that read the time of day: for documents and logs, for messages about locks, in the sandbox, for queries
in tests of manifests, for the clock skew that doctor measures, and for a date in `Retry-After` if the response does not
have the time."""


def test_promises_time_of_day_is_used_only_where_listed() -> None:
    assert set(readings()) == ALLOWED


def readings() -> Iterator[tuple[str, str]]:
    """Yield each place in the package that reads the time of day: its module and innermost function."""
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        tree = ast.parse(path.read_text("utf-8"))
        for place, node in with_functions(tree, ""):
            if isinstance(node, ast.Attribute) and node.attr in WALL_CLOCK.get(last_name(node.value), ()):
                yield module, place
            elif isinstance(node, ast.ImportFrom) and node.module == "time":
                yield from ((module, place) for alias in node.names if alias.name in WALL_CLOCK["time"])


def with_functions(node: ast.AST, function: str) -> Iterator[tuple[str, ast.AST]]:
    """Yield all nodes below one, each with the name of its function."""
    for child in ast.iter_child_nodes(node):
        yield function, child
        inner = child.name if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) else function
        yield from with_functions(child, inner)


def last_name(node: ast.expr) -> str:
    """Return the last part of a dotted name: `datetime` of `datetime.datetime`."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


@pytest.mark.parametrize(
    "code",
    ["import time\ntime.time()", "from time import time", "import datetime\ndatetime.datetime.now()", "x.date.today()"],
)
def test_promises_use_of_the_time_of_day_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    (tmp_path / "new.py").write_text(code, encoding="utf-8")
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)
    assert list(readings()) == [("new", "")]
