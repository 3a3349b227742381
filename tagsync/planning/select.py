"""Which entries speak for which file; not what they say."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from tagsync.globs import literal_prefix, path_glob
from tagsync.model import (
    ById,
    ByMatch,
    ByPath,
    CurrentState,
    Diagnostic,
    Entry,
    Leniency,
    Level,
    normalized,
)
from tagsync.printable import quoted

LEVELS: dict[Leniency, Level | None] = {"error": "error", "warn": "warning", "skip": None}
"""What an entry's leniency makes of a finding."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The entries of each selected file, by its place in the library's files, and what was noticed on the way.

    `idle` entries select nothing.
    """

    entries: dict[int, list[Entry]]
    missing: int = 0
    diagnostics: tuple[Diagnostic, ...] = ()
    idle: tuple[Entry, ...] = ()


class _Library:
    """The current state, indexed by what selectors name."""

    def __init__(self, current: CurrentState) -> None:
        self.current = current
        self.paths = [file.path for file in current.files]
        self.by_path: dict[str, list[int]] = defaultdict(list)
        for number, path in enumerate(self.paths):
            self.by_path[path].append(number)
        self.by_id = {file.file_id: number for number, file in enumerate(current.files)}

    @cached_property
    def by_normalized(self) -> dict[str, str]:
        """Paths by their NFC form; only needed once one is missing."""
        return {normalized(path): path for path in self.paths}

    @cached_property
    def by_folded(self) -> dict[str, str]:
        """Paths by their case-folded form; only needed once one is missing."""
        return {path.casefold(): path for path in self.paths}


def select(entries: Sequence[Entry], current: CurrentState) -> Selection:
    """Return which entries select which files.

    Args:
        entries: in any order; each file's entries keep it.
        current: its files sorted by path; the answer to each query that an entry asks.
    """
    library = _Library(current)
    chosen: dict[int, list[Entry]] = defaultdict(list)
    diagnostics: list[Diagnostic] = []
    missing: set[ByPath | ById] = set()
    idle: list[Entry] = []
    for entry in entries:
        numbers = _numbers(entry, library)
        for number in numbers:
            chosen[number].append(entry)
        if not numbers:
            idle.append(entry)
        if isinstance(entry.selector, ByMatch):
            refusal = current.refused.get(entry.selector.query or "")
            diagnostics.extend(_refusal(entry, refusal) if refusal else _count_findings(entry, len(numbers)))
        elif not numbers:
            missing.add(entry.selector)
            diagnostics.extend(_missing_findings(entry, library))
    return Selection(dict(chosen), len(missing), tuple(diagnostics), tuple(idle))


def _numbers(entry: Entry, library: _Library) -> Sequence[int]:
    match entry.selector:
        case ByPath(path):
            return library.by_path.get(path, ())
        case ById(file_id):
            number = library.by_id.get(file_id)
            return () if number is None else (number,)
        case ByMatch() as selector:
            return list(_matching(selector, library))


def _matching(selector: ByMatch, library: _Library) -> Iterator[int]:
    excepts = [path_glob(pattern) for pattern in selector.excepts]
    for number in _candidates(selector, library):
        if not any(pattern.fullmatch(library.paths[number]) for pattern in excepts):
            yield number


def _candidates(selector: ByMatch, library: _Library) -> Iterable[int]:
    found: Iterable[int]
    if selector.glob is None:
        found = range(len(library.paths))
    else:
        matches = path_glob(selector.glob).fullmatch
        found = (number for number in _under(selector.glob, library.paths) if matches(library.paths[number]))
    if selector.query is None:
        return found
    answer, files = library.current.answers.get(selector.query, frozenset()), library.current.files
    return (number for number in found if files[number].file_id in answer)


def _under(glob: str, paths: list[str]) -> range:
    """Return the part of the sorted paths that share the glob's literal beginning."""
    prefix = literal_prefix(glob)
    return range(bisect_left(paths, prefix), bisect_right(paths, prefix, key=lambda path: path[: len(prefix)]))


def _refusal(entry: Entry, words: str) -> Iterator[Diagnostic]:
    yield Diagnostic("error", "query", f"the library does not take this entry's query: {words}", entry.origin())


def _count_findings(entry: Entry, count: int) -> Iterator[Diagnostic]:
    expect = entry.expect
    if expect and not (expect.min <= count and (expect.max is None or count <= expect.max)):
        wanted = f"at least {expect.min}" if expect.max is None else f"{expect.min} to {expect.max}"
        message = f"this entry selects {_files(count)}, expected {wanted}: check the selector, or change expect"
        yield Diagnostic("error", "expect", message, entry.origin(expect.place))
    elif count == 0:
        message = "this entry selects no file: check its glob and query, or take it out"
        yield Diagnostic("warning", "selects-nothing", message, entry.origin())


def _files(count: int) -> str:
    return f"{count:,} file{'s' * (count != 1)}"


def _missing_findings(entry: Entry, library: _Library) -> Iterator[Diagnostic]:
    level = LEVELS[entry.wishes.if_missing or "error"]
    if level is None:
        return
    if isinstance(entry.selector, ByPath):
        path = entry.selector.path
        message = f"{quoted(path, 200)} is not in the library: {_hint(path, library)}"
    else:
        assert isinstance(entry.selector, ById)  # noqa: S101 - a match is never missing; tells mypy
        message = f"no file has the id {quoted(entry.selector.file_id)}: check it, or set ifMissing"
    yield Diagnostic(level, "missing", message, entry.origin())


def missing_hint(path: str, current: CurrentState) -> str:
    """Return what may be meant by a path that no file has."""
    if not path.startswith("/"):
        return "a path starts with /"
    return _hint(path, _Library(current), otherwise="check the path")


def _hint(path: str, library: _Library, otherwise: str = "check the path, or set ifMissing") -> str:
    if normalized(path) in library.by_normalized:
        return "a file whose path is equal under Unicode NFC is; copy the path from the library"
    twin = library.by_folded.get(path.casefold())
    return f"did you mean {quoted(twin, 200)}?" if twin else otherwise
