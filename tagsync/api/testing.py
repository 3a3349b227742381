"""Run the tests among manifests: offline, with the planner of `plan` and the search of the sandbox."""

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from functools import partial
from pathlib import Path
from typing import Any

from tagsync.api.gather import Paths, checked
from tagsync.errors import UnreadableError
from tagsync.library.imagekit.file_objects import FileReader
from tagsync.manifest.entry_store import EntryStore
from tagsync.manifest.error_list import ErrorList
from tagsync.model import CurrentFile, CurrentState, DesiredState, TestResult, TestRun, TestSpec, Unreadable, unpacked
from tagsync.planning.testing import GivenFiles, RulesForTests, evaluate
from tagsync.sandbox.memory import answers
from tagsync.sandbox.seed import LibraryFile, SeedError


def run_tests(paths: Paths, *, account: str | None = None, as_of: date | None = None) -> TestRun:
    """Run the tests among some manifests, without any API call.

    Args:
        paths: as `validate` takes them.
        account: as `validate` takes it.
        as_of: the date (UTC) for tests without `asOf`; today if None.

    Raises:
        ManifestError: the manifests are invalid, or a test names a library that cannot be read.
        UsageError: there are no paths.
        StateError: there is no disk space for temporary files.
    """
    desired = checked(paths, account=account, as_of=as_of, with_tests=True)
    return TestRun(evaluated(desired, desired.tests, as_of=as_of))


def evaluated(desired: DesiredState, tests: Sequence[TestSpec], *, as_of: date | None = None) -> tuple[TestResult, ...]:
    """Evaluate tests of a desired state; see `run_tests`."""
    reader = FileReader(fields=desired.fields)
    shared = _read_libraries(tests, reader)
    libraries = [shared[test.library] if test.library else _Library.of(test.given, reader) for test in tests]
    files = [file for library in {id(each): each for each in libraries}.values() for file in library.files]
    paths_given, ids_given = {file.path for file in files}, {file.file_id for file in files}
    rules = {day: RulesForTests(_on(desired, day), paths_given, ids_given) for day in {test.as_of for test in tests}}
    now = datetime.now(UTC) if as_of is None else _start_of(as_of)
    results = []
    for test, library in zip(tests, libraries, strict=True):
        then = _start_of(date.fromisoformat(test.as_of)) if test.as_of else now
        results.append(evaluate(test, rules[test.as_of], library.files, partial(library.state, now=then)))
    return tuple(results)


@dataclass(slots=True)
class _Library:
    """The library of one test or of several.

    Attributes:
        files: its files.
        objects: the same as the list API returns them.
        unreadable: objects that tagsync cannot read.
        answers: earlier answers, by time and queries.
    """

    files: GivenFiles
    objects: Sequence[Mapping[str, Any]]
    unreadable: tuple[Unreadable, ...] = ()
    answers: dict[tuple[datetime, tuple[str, ...]], CurrentState] = field(default_factory=dict)

    @classmethod
    def of(cls, objects: Sequence[Mapping[str, Any]], reader: FileReader) -> "_Library":
        """Return a library with some objects."""
        files, unreadable = list[CurrentFile](), list[Unreadable]()
        for item in objects:
            try:
                files.append(reader.file(item))
            except UnreadableError as error:
                unreadable.append(error.what)
        return cls(GivenFiles(files), objects, tuple(unreadable))

    def state(self, queries: Sequence[str], now: datetime) -> CurrentState:
        """Return the library with the answers to some queries."""
        key = now, tuple(queries)
        if key not in self.answers:
            found, refused = answers(self.objects, queries, now) if queries else ({}, {})
            self.answers[key] = CurrentState(self.files, found, refused, unreadable=self.unreadable)
        return self.answers[key]


def _read_libraries(tests: Iterable[TestSpec], reader: FileReader) -> dict[str, _Library]:
    """Read the library files of tests, each once.

    Raises:
        ManifestError: one of them is no library file.
    """
    found: dict[str, _Library] = {}
    errors = ErrorList()
    for test in tests:
        if test.library is None or test.library in found:
            continue
        try:
            found[test.library] = _Library.of(_objects(Path(test.library)), reader)
        except SeedError as error:
            errors.add(unpacked(test.manifest, test.library_place), "library-file", str(error))
    errors.check()
    return found


def _objects(library: Path) -> list[Mapping[str, Any]]:
    """Return the files of a library file, after the checks of the sandbox.

    Raises:
        SeedError: an object is invalid, or two have the same ID.
    """
    file, found = LibraryFile(library), dict[str, Mapping[str, Any]]()
    for number, item in file.objects():
        file.row(number, copy(item))
        if item.get("type", "file") != "file":
            continue
        if item["fileId"] in found:
            raise SeedError(f"{file.place(number)} has the same id as an earlier object: {item['fileId']}")
        found[item["fileId"]] = item
    return list(found.values())


def _on(desired: DesiredState, day: str | None) -> DesiredState:
    """Return the desired state with `until` evaluated on a day."""
    if day is None or not isinstance(desired.entries, EntryStore):
        return desired
    return replace(desired, entries=desired.entries.on(day))


def _start_of(day: date) -> datetime:
    """Return the time that relative times in queries count from on a day."""
    return datetime.combine(day, time(), UTC)
