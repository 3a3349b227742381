"""Evaluate tests of manifests: plan for the given files; `expectations` compares the result with what is expected."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from operator import itemgetter

from tagsync.globs import literal_prefix
from tagsync.model import (
    ByMatch,
    CurrentFile,
    CurrentState,
    DesiredState,
    Diagnostic,
    Entry,
    Level,
    LibraryFiles,
    NumberedEntry,
    TagLine,
    TestFailure,
    TestResult,
    TestSpec,
    as_shown,
    normalized,
    unpacked,
)
from tagsync.planning.comparison import Comparison
from tagsync.planning.entry_index import indexed
from tagsync.planning.expectations import Outcome, broken_properties, differences, failure
from tagsync.planning.filter import Scope
from tagsync.planning.select import Selection

_MOST_SEARCHED = 64
"""With more given files than this, rules are not selected by the files' paths first."""


class GivenFiles(LibraryFiles):
    """The given files of a test, in memory."""

    def __init__(self, files: Iterable[CurrentFile]) -> None:
        self._files = sorted(files, key=lambda file: (file.path, file.file_id))

    def __iter__(self) -> Iterator[CurrentFile]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def all_tags(self) -> Iterable[str]:
        """Return each ordinary tag that any file has."""
        return {tag for file in self._files for tag in file.tags}

    def twins(self) -> Mapping[str, tuple[str, ...]]:
        """Map the ID of each file that shares its path (after NFC) to the IDs of all files with that path."""
        by_path = defaultdict[str, list[str]](list)
        for file in self._files:
            by_path[normalized(file.path)].append(file.file_id)
        return {file_id: tuple(ids) for ids in by_path.values() if len(ids) > 1 for file_id in ids}


class RulesForTests:
    """The rules of manifests, read once for all tests.

    Args:
        desired: what the manifests declare.
        paths: the paths of all given files.
        file_ids: their IDs.
    """

    def __init__(self, desired: DesiredState, paths: Collection[str], file_ids: Collection[str]) -> None:
        self.desired = replace(desired, diagnostics=())
        self.names = {manifest.path: manifest.shown_as for manifest in desired.manifests}
        index = indexed(desired.entries)
        self._by_path = defaultdict[str, list[NumberedEntry]](list)
        for path, number, entry in index.by_path():
            if path in paths:
                self._by_path[path].append((number, entry))
        self._by_id = defaultdict[str, list[NumberedEntry]](list)
        for number, entry in index.by_id():
            if entry.selector[0] in file_ids:
                self._by_id[str(entry.selector[0])].append((number, entry))
        self._matching = [(_prefix(entry), (number, _for_excerpt(entry))) for number, entry in index.matching()]

    def excerpt(self, files: Collection[CurrentFile]) -> DesiredState:
        """Return only the rules that may select some of the files: no rule expects files that are not given."""
        paths, ids = {file.path for file in files}, {file.file_id for file in files}
        found = [*chain.from_iterable(self._by_path[path] for path in paths & self._by_path.keys())]
        found += chain.from_iterable(self._by_id[file_id] for file_id in ids & self._by_id.keys())
        few = len(files) <= _MOST_SEARCHED
        found += [
            numbered
            for prefix, numbered in self._matching
            if not few or any(file.path.startswith(prefix) for file in files)
        ]
        found.sort(key=itemgetter(0))
        return replace(self.desired, entries=[entry for _, entry in found])


def _prefix(entry: Entry) -> str:
    assert isinstance(entry.selector, ByMatch)  # noqa: S101 - the index keeps kinds apart; tells mypy
    return literal_prefix(entry.selector.glob) if entry.selector.glob is not None else ""


def _for_excerpt(entry: Entry) -> Entry:
    """Return a rule that expects no minimum of files, because a test gives only some of them."""
    expect = entry.declaration.expect
    if expect is None or not expect.min:
        return entry
    return replace(entry, declaration=entry.declaration._replace(expect=expect._replace(min=0)))


def evaluate(
    test: TestSpec, rules: RulesForTests, files: LibraryFiles, search: Callable[[Sequence[str]], CurrentState]
) -> TestResult:
    """Run one test.

    Args:
        test: the test.
        rules: the rules of the manifests.
        files: the given files.
        search: returns the library, with the answers to some queries.
    """
    excerpt = rules.excerpt(list(files))
    state = search(excerpt.queries())
    comparison = Comparison(excerpt, state, Scope((), None), coverage=False)
    found = _of_level(comparison, "error", rules.names)
    expected = test.errors.values
    if any(not _is_among(text, found) for text in expected):
        # Rules about files that are not given are errors only if the test expects them.
        whole = Comparison(rules.desired, search(rules.desired.queries()), Scope((), None), coverage=False)
        found += [
            error
            for error in _of_level(whole, "error", rules.names)
            if error not in found and any(_is(text, error) for text in expected)
        ]
    failures = [*_unexpected(test, found), *_not_found(test, found)]
    if not failures:
        # A plan with an error changes nothing.
        changes = () if found else comparison.collected.changes
        outcome = Outcome(
            files,
            {change.file_id: change for change in changes},
            _of_level(comparison, "warning", rules.names),
            rules.names,
            lambda: {selected.file.file_id for selected in Selection(excerpt.entries, files, state.answers)},
        )
        failures = [*differences(test, outcome), *broken_properties(test, outcome)]
    return TestResult(test.name, unpacked(test.manifest, test.place), tuple(failures))


def _of_level(comparison: Comparison, level: Level, names: Mapping[str, str]) -> list[Diagnostic]:
    return [as_shown(item, names) for item in comparison.diagnostics.listed() if item.level == level]


def _is(text: str, error: Diagnostic) -> bool:
    """Return whether a test means an error: by its code, or by a part of its message."""
    return text == error.code or text in error.message


def _is_among(text: str, errors: Iterable[Diagnostic]) -> bool:
    return any(_is(text, error) for error in errors)


def _unexpected(test: TestSpec, errors: Sequence[Diagnostic]) -> Iterator[TestFailure]:
    others = [error for error in errors if not any(_is(text, error) for text in test.errors.values)]
    if others:
        message = "the plan has errors: fix the manifests or the given files, or name the errors in expectErrors"
        yield failure(unpacked(test.manifest, test.place), message, map(_error_line, others))


def _not_found(test: TestSpec, errors: Sequence[Diagnostic]) -> Iterator[TestFailure]:
    for text, place in zip(*test.errors, strict=True):
        if not _is_among(text, errors):
            message = "no error of the plan has this code, or this text in its message"
            lines = [TagLine("-", text), *map(_error_line, errors)]
            yield failure(unpacked(test.manifest, place), message, lines)


def _error_line(error: Diagnostic) -> TagLine:
    return TagLine("+", f"{error.code}: {error.message}", str(error.origin or ""))
