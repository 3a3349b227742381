import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from builders import current_file, current_state, plan_for
from conftest import Declare

from tagsync.model import (
    ById,
    ByPath,
    Coverage,
    Declaration,
    DesiredState,
    Diagnostic,
    Entry,
    NotFound,
    Origin,
    Plan,
    Unlisted,
)
from tagsync.planning import bounded
from tagsync.planning.bounded import DiagnosticLog, First
from tagsync.planning.select import Selection

LIBRARY = current_state(*(current_file(f"/shop/{n}.jpg") for n in range(3)))
Limited = Callable[[int], None]


@pytest.fixture
def most(monkeypatch: pytest.MonkeyPatch) -> Limited:
    """Return the limit of lists."""
    return lambda number: monkeypatch.setattr(bounded, "MOST_LISTED", number)


def planned(desired: DesiredState, *, coverage: bool = False) -> Plan:
    return plan_for(desired, LIBRARY, coverage=coverage)


def said(level: Any, line: int, code: str = "odd") -> Diagnostic:
    return Diagnostic(level, code, "look", Origin("a.yaml", line, 1))


@pytest.mark.parametrize("count", [0, 2, 3, 5, 6, 7, 100])
def test_first_keeps_least_items_and_counts_all(most: Limited, count: int) -> None:
    most(3)
    for order in (range(count), reversed(range(count))):
        found = First[int](int)
        for number in order:
            found.add(number)
        assert found.items() == list(range(min(3, count)))
        assert (found.count, found.more) == (count, max(0, count - 3))


def test_diagnostics_are_listed_once_by_place() -> None:
    log = DiagnosticLog([said("warning", 2), said("error", 3), said("warning", 2), said("info", 1)])
    assert log.listed() == (said("info", 1), said("warning", 2), said("error", 3))
    assert (log.total("warning"), log.unlisted()) == (1, ())


def test_diagnostics_beyond_limit_are_counted_by_level_and_code(most: Limited) -> None:
    most(2)
    log = DiagnosticLog(said("warning", line, code) for line in range(20) for code in ("odd", "rare"))
    log.extend([said("info", 1), said("error", 99), *[said("warning", 19)] * 50])
    log.count("warning", "missing", 7)
    assert log.listed() == (said("warning", 0), said("error", 99))
    assert log.unlisted() == (
        Unlisted("warning", "missing", 7),
        Unlisted("warning", "odd", 19),
        Unlisted("warning", "rare", 20),
        Unlisted("info", "odd", 1),
    )
    assert (log.total("error"), log.total("warning")) == (1, 47)


def missing_entries(leniency: str) -> str:
    paths = [f"- {{path: /gone/{n}.jpg, tags: [x], ifMissing: {leniency}}}" for n in (2, 0, 0, 1)]
    ids = [f"- {{fileId: gone{n}, tags: [x], ifMissing: {leniency}}}" for n in (1, 0, 0)]
    return "\n".join([*paths, *ids, "- {match: /none/**, tags: [x]}", "- {path: /shop/1.jpg, tags: [x]}"])


def test_missing_files_are_named_once(declare: Declare) -> None:
    for leniency in ("error", "warn", "skip"):
        plan = planned(declare(missing_entries(leniency)))
        assert plan.summary.missing == 5
        assert plan.missing == (
            NotFound("/gone/0.jpg", None, Origin("tags.yaml", 6, 7)),
            NotFound("/gone/1.jpg", None, Origin("tags.yaml", 8, 7)),
            NotFound("/gone/2.jpg", None, Origin("tags.yaml", 5, 7)),
            NotFound(None, "gone0", Origin("tags.yaml", 10, 7)),
            NotFound(None, "gone1", Origin("tags.yaml", 9, 7)),
        )


def test_missing_files_beyond_limit_are_counted(declare: Declare, most: Limited) -> None:
    most(2)
    plan = planned(declare(missing_entries("warn")))
    assert [item.path for item in plan.missing] == ["/gone/0.jpg", "/gone/1.jpg"]
    assert (plan.summary.missing, plan.summary.warnings) == (5, 8)
    assert [str(item.origin) for item in plan.diagnostics] == ["tags.yaml:5:7", "tags.yaml:6:7"]
    assert plan.unlisted == (Unlisted("warning", "missing", 5), Unlisted("warning", "selects-nothing", 1))
    strict = planned(declare(missing_entries("error")))
    assert (strict.changes, strict.count("error"), len(strict.errors)) == ((), 7, 2)


def test_coverage_lists_first_and_counts_rest_with_folders(declare: Declare, most: Limited) -> None:
    state = declare(missing_entries("skip"))
    whole = planned(state, coverage=True).coverage
    assert whole is not None
    assert (whole.unselected, len(whole.idle)) == (("/shop/0.jpg", "/shop/2.jpg"), 8)
    assert (whole.more_unselected, whole.more_idle, whole.folders) == (0, 0, ())
    most(1)
    assert planned(state, coverage=True).coverage == Coverage(
        whole.unselected[:1], whole.idle[:1], 1, 7, (("/shop/", 2),)
    )


class Gone:
    """Entries whose files are not in the library, generated on iteration."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return 2 * self._count

    def __iter__(self) -> Iterator[Entry]:
        raise NotImplementedError

    def __contains__(self, entry: object) -> bool:
        raise NotImplementedError

    def declarations(self) -> Iterator[Declaration]:
        raise NotImplementedError

    def by_path(self) -> Iterator[tuple[str, int, Entry]]:
        for number in range(self._count):
            path = f"/gone/{number:07}.jpg"
            yield path, number, Entry("a.yaml", number, ByPath(path), Declaration(if_missing="warn"))

    def by_id(self) -> Iterator[tuple[int, Entry]]:
        for number in range(self._count, 2 * self._count):
            yield number, Entry("a.yaml", number, ById(f"{number:024x}"), Declaration())

    def with_id(self, file_id: str) -> Sequence[tuple[int, Entry]]:  # noqa: ARG002 - none has it
        return ()

    def matching(self) -> Iterator[tuple[int, Entry]]:
        return iter(())


def test_missing_files_use_bounded_memory(most: Limited) -> None:
    most(100)
    peaks = []
    for count in (2_000, 20_000):
        tracemalloc.start()
        selection = Selection(Gone(count), LIBRARY.files, LIBRARY.answers)
        assert list(selection) == []
        assert (selection.missing.count, len(list(selection.diagnostics(LIBRARY)))) == (2 * count, 100)
        assert dict(selection.missing.unlisted()) == {"error": count - 100, "warning": count}
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]
