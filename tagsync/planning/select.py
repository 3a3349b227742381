"""Which entries speak for which file, found in one sweep over the library in the order of paths; not what they say."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import NamedTuple

from tagsync.escape import quoted
from tagsync.globs import literal_prefix, path_matcher
from tagsync.model import (
    ById,
    ByMatch,
    ByPath,
    Coverage,
    CurrentFile,
    CurrentState,
    Declaration,
    Diagnostic,
    Entry,
    IndexedEntries,
    Leniency,
    Level,
    NotFound,
    NumberedEntry,
    Origin,
    Unreadable,
    normalized,
)
from tagsync.planning.left_out import unreadable_finding
from tagsync.planning.listed import First, first_of
from tagsync.planning.protecting import finding, is_protected, watched_path

_LEVELS: tuple[Level, ...] = ("error", "warning", "info")

LEVELS: dict[Leniency, Level | None] = {"error": "error", "warn": "warning", "skip": None}
"""What an entry's leniency makes of a finding."""


class Selected(NamedTuple):
    """A file, its place in the library's files, and the entries that select it in the order of the manifests."""

    number: int
    file: CurrentFile
    entries: Sequence[Entry]


class Selection:
    """One sweep over a library; what it noticed is known once it has come to its end.

    Files and entries pass by in the order of paths, so that neither need be held as a whole.

    Args:
        entries: as declared, or indexed already.
        current: its files sorted by path; the answer to each query that an entry asks.
        coverage: whether to note what manifests leave alone.
    """

    def __init__(
        self, entries: Collection[Entry] | IndexedEntries, current: CurrentState, *, coverage: bool = False
    ) -> None:
        self._index = indexed(entries)
        self._current = current
        self._coverage = coverage
        self._missing = _Missing(current.unreadable)
        self._unreadable: list[Diagnostic] = []
        self._matches = [_Match(number, entry, current) for number, entry in self._index.matching()]
        self._unselected = First[str](str)
        self._folders = Counter[str]()

    def __iter__(self) -> Iterator[Selected]:
        """Yield each file that an entry selects."""
        missing = self._missing
        by_path, by_id, under = _ByPath(self._index, missing.add), _ByIdentity(self._index), _Under(self._matches)
        for number, file in enumerate(self._current.files):
            found = [*by_path.at(file.path), *by_id.of(file.file_id), *under.matching(file)]
            if found:
                if len(found) > 1:
                    found.sort(key=itemgetter(0))
                yield Selected(number, file, [entry for _, entry in found])
            elif self._coverage:
                self._unselected.add(file.path)
                self._folders[file.path[: file.path.rfind("/") + 1]] += 1
        by_path.pass_rest()
        for _, entry in by_id.rest():
            missing.add(entry)
        for match in self._matches:
            if not match.count:
                missing.idle.add(match.entry.origin())
        self._unreadable = list(self._find_unreadable())

    @property
    def missing(self) -> int:
        """How many files are declared that the library does not have."""
        return self._missing.files.count

    def not_found(self) -> tuple[NotFound, ...]:
        """Return the first of these files: those declared by path, sorted, then those declared by id."""
        return tuple(map(_not_found, self._missing.files.items()))

    def coverage(self) -> Coverage:
        """Return what manifests leave alone."""
        idle, unselected = self._missing.idle, self._unselected
        folders = sorted(self._folders.items(), key=lambda item: (-item[1], item[0])) if unselected.more else ()
        listed = tuple(first_of(folders))
        return Coverage(tuple(unselected.items()), tuple(idle.items()), unselected.more, idle.more, listed)

    def _find_unreadable(self) -> Iterator[Diagnostic]:
        """Yield what to say of objects that cannot be read, for each entry that is for one; they are not missing."""
        for odd in self._current.unreadable:
            file = CurrentFile(odd.file_id, odd.path, (), ())
            entries: list[Entry | None] = [
                entry for entry in self._missing.unreadable if _name(entry) in (odd.file_id, odd.path)
            ]
            entries += [match.entry for match in self._matches if match.selects(file)]
            yield from (unreadable_finding(odd, entry) for entry in entries or [None])

    def diagnostics(self) -> Iterator[Diagnostic]:
        """Yield what was noticed."""
        yield from self._unreadable
        for match in self._matches:
            refusal = self._current.refused.get(match.query or "")
            yield from _refusal(match.entry, refusal) if refusal else _count_findings(match.entry, match.count)
            yield from match.findings()
        told = self._missing.told.items()
        paths = {entry.selector.path for _, entry in told if isinstance(entry.selector, ByPath)}
        twins = _Twins(paths, self._current.files)
        for level, entry in told:
            yield _missing_finding(entry, level, twins)

    def unlisted(self) -> Counter[Level]:
        """Return how many files that were not found are not among the diagnostics, by level."""
        missing = self._missing
        return missing.levels - Counter(level for level, _ in missing.told.items())


class _Missing:
    """The entries whose files are not in the library: counted, and the first of them kept.

    Args:
        unreadable: objects of the library that cannot be read; the entries that name one are kept apart.
    """

    def __init__(self, unreadable: Iterable[Unreadable]) -> None:
        self.unreadable: list[Entry] = []
        self._names = {name for odd in unreadable for name in (odd.file_id, odd.path)}
        self.files = First[tuple[bool, str, Entry]](itemgetter(0, 1))
        """Each file once: whether it is declared by id, its path or id, and the first entry that declares it."""
        self.told = First[tuple[Level, Entry]](_by_level_and_place)
        """The entries that a diagnostic names, with its level."""
        self.levels = Counter[Level]()
        """How many of them there are."""
        self.idle = First[Origin](_itself)
        self._last: ByPath | ById | ByMatch | None = None

    def add(self, entry: Entry) -> None:
        """Add an entry; those of the same file come one after the other."""
        if self._names and _name(entry) in self._names:
            self.unreadable.append(entry)
            return
        selector = entry.selector
        if selector != self._last:
            self._last = selector
            self.files.add((isinstance(selector, ById), selector[0] or "", entry))
        self.idle.add(entry.origin())
        level = _level_if_missing(entry.declaration)
        if level:
            self.levels[level] += 1
            self.told.add((level, entry))


def indexed(entries: Collection[Entry] | IndexedEntries) -> IndexedEntries:
    """Return entries by what they select; those that are many are kept so already."""
    return entries if isinstance(entries, IndexedEntries) else _InMemory(entries)


class _InMemory:
    """Entries by what they select, in memory."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._by_path: list[tuple[str, int, Entry]] = []
        self._by_id: dict[str, list[NumberedEntry]] = defaultdict(list)
        self._matching: list[NumberedEntry] = []
        for number, entry in enumerate(entries):
            match entry.selector:
                case ByPath(path):
                    self._by_path.append((path, number, entry))
                case ById(file_id):
                    self._by_id[file_id].append((number, entry))
                case _:
                    self._matching.append((number, entry))
        self._by_path.sort(key=itemgetter(0))

    def by_path(self) -> Iterator[tuple[str, int, Entry]]:
        return iter(self._by_path)

    def by_id(self) -> Iterator[NumberedEntry]:
        return (found for same in self._by_id.values() for found in same)

    def with_id(self, file_id: str) -> Sequence[NumberedEntry]:
        return self._by_id.get(file_id, ())

    def matching(self) -> Iterator[NumberedEntry]:
        return iter(self._matching)


class _ByPath:
    """Hands out the entries of each path as paths come by, in order; those that it passes over find no file."""

    def __init__(self, index: IndexedEntries, passed_over: Callable[[Entry], None]) -> None:
        self._rows = index.by_path()
        self._row = next(self._rows, None)
        self._path: str | None = None
        self._entries: list[NumberedEntry] = []
        self._passed_over = passed_over

    def at(self, path: str) -> Sequence[NumberedEntry]:
        """Return the entries of a path; the next one asked for is the same or a later one."""
        if path == self._path:  # another file of the same path
            return self._entries
        row = self._row
        if row is None or row[0] > path:
            return ()
        while row is not None and row[0] < path:
            self._passed_over(row[2])
            row = next(self._rows, None)
        found = []
        while row is not None and row[0] == path:
            found.append(row[1:])
            row = next(self._rows, None)
        self._row, self._path, self._entries = row, path, found
        return found

    def pass_rest(self) -> None:
        """Pass over the entries that are left: no more paths come by."""
        if self._row is not None:
            self._passed_over(self._row[2])
        for _, _, entry in self._rows:
            self._passed_over(entry)


class _ByIdentity:
    """Hands out the entries of each file id, and notes which were never asked for."""

    def __init__(self, index: IndexedEntries) -> None:
        self._index = index
        self._any = next(index.by_id(), None) is not None
        self._found = bytearray()

    def of(self, file_id: str) -> Sequence[NumberedEntry]:
        """Return the entries of a file id."""
        if not self._any:
            return ()
        entries = self._index.with_id(file_id)
        for number, _ in entries:
            if number >= len(self._found):
                self._found.extend(bytes(number + 1 - len(self._found)))
            self._found[number] = 1
        return entries

    def rest(self) -> Iterator[NumberedEntry]:
        """Yield the entries whose ids did not come by."""
        known = len(self._found)
        return ((n, entry) for n, entry in self._index.by_id() if n >= known or not self._found[n])


class _Match:
    """An entry that selects by glob, query or both, and how many files it has selected."""

    __slots__ = ("_answer", "_excepts", "_matches", "count", "entry", "number", "prefix", "query")

    def __init__(self, number: int, entry: Entry, current: CurrentState) -> None:
        selector = entry.selector
        assert isinstance(selector, ByMatch)  # noqa: S101 - the index keeps kinds apart; tells mypy
        self.number = number
        self.entry = entry
        self.count = 0
        self.query = selector.query
        self.prefix = literal_prefix(selector.glob) if selector.glob is not None else ""
        self._matches = path_matcher(selector.glob) if selector.glob is not None else None
        self._excepts = {pattern: watched_path(pattern) for pattern in selector.excepts}
        self._answer = None if selector.query is None else current.answers.get(selector.query, frozenset[str]())

    def selects(self, file: CurrentFile) -> bool:
        """Tell whether a file below the prefix is selected, and count it."""
        path = file.path
        if self._matches is not None and not self._matches(path):
            return False
        if self._answer is not None and file.file_id not in self._answer:
            return False
        if self._excepts and is_protected(path, self._excepts.values()):
            return False
        self.count += 1
        return True

    def findings(self) -> Iterator[Diagnostic]:
        """Yield a warning for each exception that excepts nothing although it has a twin."""
        for pattern, watch in self._excepts.items():
            if watch.twin is not None:
                yield finding("except", pattern, watch.twin, self.entry.origin())


class _Under:
    """Tells which globs are worth a look as paths come by, in order: those whose literal beginning a path shares.

    The paths that begin alike lie side by side, and beginnings that one path shares are beginnings of each other: so
    these globs are a stack.
    """

    def __init__(self, matches: Iterable[_Match]) -> None:
        self._coming = sorted(matches, key=lambda match: match.prefix, reverse=True)
        self._stack: list[_Match] = []

    def matching(self, file: CurrentFile) -> list[NumberedEntry]:
        """Return the entries that select a file."""
        path, stack, coming = file.path, self._stack, self._coming
        while stack and not path.startswith(stack[-1].prefix):
            stack.pop()
        while coming and coming[-1].prefix <= path:
            match = coming.pop()
            if path.startswith(match.prefix):
                stack.append(match)
        return [(match.number, match.entry) for match in stack if match.selects(file)]


class _Twins:
    """What files may be meant by paths that no file has."""

    def __init__(self, paths: Collection[str], files: Iterable[CurrentFile]) -> None:
        keys, folded = set(map(normalized, paths)), {path.casefold() for path in paths}
        self._normalized: set[str] = set()
        self._folded: dict[str, str] = {}
        if not paths:
            return
        for file in files:
            key = normalized(file.path)
            if key in keys:
                self._normalized.add(key)
            key = file.path.casefold()
            if key in folded:
                self._folded[key] = file.path

    def hint(self, path: str, *, otherwise: str) -> str:
        """Return what may be meant by one of the paths."""
        if normalized(path) in self._normalized:
            return "a file whose path is equal under Unicode NFC is; copy the path from the library"
        twin = self._folded.get(path.casefold())
        return f"did you mean {quoted(twin, 200)}?" if twin else otherwise


def _name(entry: Entry) -> str:
    """Return the path or ID that an entry names."""
    match entry.selector:
        case ByPath(name) | ById(name):
            return name
    return ""  # pragma: no cover - a match names no file


def _refusal(entry: Entry, words: str) -> Iterator[Diagnostic]:
    yield Diagnostic("error", "query", f"the library does not take this entry's query: {words}", entry.origin())


def _count_findings(entry: Entry, count: int) -> Iterator[Diagnostic]:
    expect = entry.declaration.expect
    if expect and not (expect.min <= count and (expect.max is None or count <= expect.max)):
        wanted = f"at least {expect.min}" if expect.max is None else f"{expect.min} to {expect.max}"
        message = f"this entry selects {_files(count)}, expected {wanted}: check the selector, or change expect"
        yield Diagnostic("error", "expect", message, entry.origin(expect.place))
    elif count == 0:
        message = "this entry selects no file: check its glob and query, or take it out"
        yield Diagnostic("warning", "selects-nothing", message, entry.origin())


def _files(count: int) -> str:
    return f"{count:,} file{'s' * (count != 1)}"


def _level_if_missing(declared: Declaration) -> Level | None:
    if declared.if_missing is None and declared.only_removes:
        return "info"
    return LEVELS[declared.if_missing or "error"]


def _missing_finding(entry: Entry, level: Level, twins: _Twins) -> Diagnostic:
    fine = "this entry only removes, so that there is nothing to do" if level == "info" else ""
    if isinstance(entry.selector, ByPath):
        path = entry.selector.path
        twin = twins.hint(path, otherwise="")
        if twin and level == "info":
            level = "warning"
        message = f"{quoted(path, 200)} is not in the library: {twin or fine or 'check the path, or set ifMissing'}"
    else:
        assert isinstance(entry.selector, ById)  # noqa: S101 - a match is never missing; tells mypy
        message = f"no file has the id {quoted(entry.selector.file_id)}: {fine or 'check it, or set ifMissing'}"
    return Diagnostic(level, "missing", message, entry.origin())


def _not_found(item: tuple[bool, str, Entry]) -> NotFound:
    is_id, name, entry = item
    return NotFound(None, name, entry.origin()) if is_id else NotFound(name, None, entry.origin())


def _by_level_and_place(item: tuple[Level, Entry]) -> tuple[int, Origin]:
    level, entry = item
    return _LEVELS.index(level), entry.origin()


def _itself(origin: Origin) -> Origin:
    return origin


def missing_hint(path: str, current: CurrentState) -> str:
    """Return what may be meant by a path that no file has."""
    if not path.startswith("/"):
        return "a path starts with /"
    return _Twins({path}, current.files).hint(path, otherwise="check the path")
