"""Evaluate tests of manifests: plan for the given files, and compare the result with what is expected."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from operator import itemgetter
from typing import Literal

from tagsync.escape import quoted
from tagsync.globs import literal_prefix, path_glob
from tagsync.model import (
    NO_TEXTS,
    ByMatch,
    Change,
    CurrentFile,
    CurrentState,
    DesiredState,
    Diagnostic,
    Entry,
    FileChange,
    Level,
    LibraryFiles,
    NumberedEntry,
    Op,
    Origin,
    Property,
    TagExpectation,
    TagLine,
    TestFailure,
    TestResult,
    TestSpec,
    as_shown,
    normalized,
    unpacked,
)
from tagsync.model.testing import not_given
from tagsync.planning.comparison import Comparison
from tagsync.planning.entry_index import indexed
from tagsync.planning.filter import Scope

MOST_LINES = 20
"""The most lines of one failure."""

_MOST_SEARCHED = 64
"""With more given files than this, rules are not selected by the files' paths first."""

_TAGS = (Op.ADD, Op.REMOVE)
_REMOVALS = (Op.REMOVE, Op.REMOVE_AI)
_WORDS = {Op.ADD: "added", Op.REMOVE: "removed", Op.REMOVE_AI: "removed"}


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
    comparison = Comparison(excerpt, search(excerpt.queries()), Scope((), None), coverage=False)
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
        outcome = _Outcome(
            files,
            {change.file_id: change for change in changes},
            _of_level(comparison, "warning", rules.names),
            rules.names,
        )
        failures = [*_differences(test, outcome), *_broken(test, outcome)]
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
        yield _failure(unpacked(test.manifest, test.place), message, map(_error_line, others))


def _not_found(test: TestSpec, errors: Sequence[Diagnostic]) -> Iterator[TestFailure]:
    for text, place in zip(*test.errors, strict=True):
        if not _is_among(text, errors):
            message = "no error of the plan has this code, or this text in its message"
            lines = [TagLine("-", text), *map(_error_line, errors)]
            yield _failure(unpacked(test.manifest, place), message, lines)


def _error_line(error: Diagnostic) -> TagLine:
    return TagLine("+", f"{error.code}: {error.message}", str(error.origin or ""))


def _failure(origin: Origin, message: str, lines: Iterable[TagLine]) -> TestFailure:
    listed = tuple(lines)
    return TestFailure(origin, message, listed[:MOST_LINES], max(0, len(listed) - MOST_LINES))


class _After:
    """A given file after the plan was applied.

    Attributes:
        file: the file before.
        changes: what the plan changes.
        tags: its ordinary tags after.
        ai_tags: the names of its AI tags after.
    """

    def __init__(self, file: CurrentFile, change: FileChange | None, names: Mapping[str, str]) -> None:
        self.file = file
        self.changes: Sequence[Change] = change.changes if change else ()
        self._names = names
        removed = set(change.remove) if change else set()
        removed_ai = set(change.remove_ai) if change else set()
        self.tags = [tag for tag in file.tags if tag not in removed] + list(change.add if change else ())
        self.ai_tags = [tag.name for tag in file.ai_tags if tag.name not in removed_ai]

    def why(self, tag: str, ops: Collection[Op]) -> str:
        """Return which rules add or remove a tag; empty if none does."""
        found = (each for each in self.changes if each.op in ops and normalized(each.tag) == normalized(tag))
        return next((self.because(change) for change in found), "")

    def because(self, change: Change) -> str:
        """Return what a change does and the rules that ask for it."""
        places = dict.fromkeys(
            str(reason.origin._replace(file=self._names.get(reason.origin.file, reason.origin.file)))
            for reason in change.because
        )
        return f"{_WORDS[change.op]} by {', '.join(places)}"


class _Outcome:
    """What the plan makes of the given files.

    Args:
        files: the files.
        changes: the changes of some of them, by ID.
        warnings: the plan's warnings.
        names: how to show manifests.
    """

    def __init__(
        self,
        files: Iterable[CurrentFile],
        changes: Mapping[str, FileChange],
        warnings: Sequence[Diagnostic],
        names: Mapping[str, str],
    ) -> None:
        self.by_path = defaultdict[str, list[_After]](list)
        for file in files:
            self.by_path[file.path].append(_After(file, changes.get(file.file_id), names))
        self._warnings = warnings

    def matching(self, found: Property) -> Iterator[_After]:
        """Yield the files that a property is about."""
        matches, excepts = path_glob(found.match).fullmatch, [path_glob(glob).fullmatch for glob in found.excepts]
        for path, files in self.by_path.items():
            if matches(path) and not any(leaves_out(path) for leaves_out in excepts):
                yield from files

    def warnings_about(self, path: str) -> Iterator[TagLine]:
        """Yield the plan's warnings that name a file: they may say why a tag is missing."""
        for item in self._warnings:
            if quoted(path, 200) in item.message:
                yield TagLine(" ", f"warning: {item.message}", str(item.origin or ""))


def _differences(test: TestSpec, outcome: _Outcome) -> Iterator[TestFailure]:
    for expected in test.expect:
        if expected.path not in outcome.by_path:
            yield TestFailure(unpacked(test.manifest, expected.place), not_given(expected.path, outcome.by_path))
        for after in outcome.by_path.get(expected.path, ()):
            sides = (
                ("tags", expected.tags, after.tags, _TAGS),
                ("AI tags", expected.ai_tags, after.ai_tags, (Op.REMOVE_AI,)),
            )
            for kind, wanted, had, ops in sides:
                difference = _Difference(wanted, had)
                if not difference:
                    continue
                lines = list(difference.lines(partial(after.why, ops=ops)))
                if ops is _TAGS:
                    lines += outcome.warnings_about(expected.path)
                place = difference.place(expected.place)
                message = f"{quoted(expected.path, 200)} has other {kind} than expected"
                yield _failure(unpacked(test.manifest, place), message, lines)


class _Difference:
    """How tags differ from what is expected of them; tags are compared after Unicode NFC.

    Args:
        wanted: what is expected.
        had: the tags of a file after the plan.
    """

    def __init__(self, wanted: TagExpectation, had: Iterable[str]) -> None:
        self._had = {normalized(tag): tag for tag in had}
        self._wanted = wanted
        needed = (wanted.exact or NO_TEXTS).values + wanted.contains.values
        self._missing = {normalized(tag): tag for tag in needed if normalized(tag) not in self._had}
        allowed = None if wanted.exact is None else set(map(normalized, wanted.exact.values))
        lacks = set(map(normalized, wanted.lacks.values))
        self._surplus = {key for key in self._had if key in lacks or (allowed is not None and key not in allowed)}

    def __bool__(self) -> bool:
        return bool(self._missing or self._surplus)

    def place(self, otherwise: int) -> int:
        """Return the place of the first expected tag that differs."""
        found = (*self._wanted.contains.pairs(), *self._wanted.lacks.pairs())
        return next((at for tag, at in found if normalized(tag) in self._missing.keys() | self._surplus), otherwise)

    def lines(self, why: Callable[[str], str]) -> Iterator[TagLine]:
        """Yield all tags, sorted, with the sign of those that differ."""
        for key, tag in sorted((self._had | self._missing).items()):
            if key in self._missing:
                yield TagLine("-", tag, why(tag) or "nothing adds it")
            elif key in self._surplus:
                yield TagLine("+", tag, why(tag) or "given, and nothing removes it")
            else:
                yield TagLine(" ", tag)


def _broken(test: TestSpec, outcome: _Outcome) -> Iterator[TestFailure]:
    """Yield a failure for each condition of a property that a file does not meet."""
    for found in test.properties:
        files = list(outcome.matching(found))
        where = f"files that match {quoted(found.match, 200)}"
        conditions = {
            f"the plan removes tags from {where}": _changed(files, _REMOVALS, "-") if found.removes_none else (),
            f"the plan adds tags to {where}": _changed(files, (Op.ADD,), "+") if found.adds_none else (),
            f"not exactly one of these tags is on {where}": _not_exactly_one(files, found.exactly_one_of),
            f"other tags than expected are on {where}": _unlike(files, found.tags),
        }
        for message, broken in conditions.items():
            if lines := list(broken):
                yield _failure(unpacked(test.manifest, found.place), message, lines)


def _changed(files: Iterable[_After], ops: Collection[Op], sign: Literal["-", "+"]) -> Iterator[TagLine]:
    for after in files:
        for change in after.changes:
            if change.op in ops:
                yield TagLine(sign, f"{after.file.path}: {change.tag}", after.because(change))


def _not_exactly_one(files: Iterable[_After], tags: Sequence[str]) -> Iterator[TagLine]:
    wanted = {normalized(tag) for tag in tags}
    for after in files if wanted else ():
        had = sorted(tag for tag in after.tags if normalized(tag) in wanted)
        if not had:
            yield TagLine("-", after.file.path, f"has none of {', '.join(tags)}")
        elif len(had) > 1:
            yield TagLine("+", after.file.path, f"has {' and '.join(had)}")


def _unlike(files: Iterable[_After], wanted: TagExpectation) -> Iterator[TagLine]:
    for after in files:
        for line in _Difference(wanted, after.tags).lines(partial(after.why, ops=_TAGS)):
            if line.sign != " ":
                yield line._replace(text=f"{after.file.path}: {line.text}")
