"""Compare the given files of a test, after its plan, with what the test expects."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial

from tagsync.escape import quoted
from tagsync.globs import path_glob
from tagsync.model import (
    NO_TEXTS,
    Change,
    CurrentFile,
    Diagnostic,
    FileChange,
    Op,
    Origin,
    Property,
    TagExpectation,
    TagLine,
    TestFailure,
    TestSpec,
    normalized,
    unpacked,
)
from tagsync.model.testing import not_given

_MOST_LINES = 20
"""The most lines of one failure."""

_TAGS = (Op.ADD, Op.REMOVE)
_REMOVALS = (Op.REMOVE, Op.REMOVE_AI)
_WORDS = {Op.ADD: "added", Op.REMOVE: "removed", Op.REMOVE_AI: "removed"}


def failure(origin: Origin, message: str, lines: Iterable[TagLine]) -> TestFailure:
    """Return a failure with the first of its lines."""
    listed = tuple(lines)
    return TestFailure(origin, message, listed[:_MOST_LINES], max(0, len(listed) - _MOST_LINES))


class After:
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


class Outcome:
    """What the plan makes of the given files.

    Args:
        files: the files.
        changes: the changes of some of them, by ID.
        warnings: the plan's warnings.
        names: how to show manifests.
        selected: returns the IDs of the files that a rule selects; called once, and only if a file differs.
    """

    def __init__(
        self,
        files: Iterable[CurrentFile],
        changes: Mapping[str, FileChange],
        warnings: Sequence[Diagnostic],
        names: Mapping[str, str],
        selected: Callable[[], Collection[str]],
    ) -> None:
        self.by_path = defaultdict[str, list[After]](list)
        for file in files:
            self.by_path[file.path].append(After(file, changes.get(file.file_id), names))
        self._warnings = warnings
        self._selected = cache(selected)

    def matching(self, found: Property) -> Iterator[After]:
        """Yield the files that a property is about."""
        matches, excepts = path_glob(found.match).fullmatch, [path_glob(glob).fullmatch for glob in found.excepts]
        for path, files in self.by_path.items():
            if matches(path) and not any(leaves_out(path) for leaves_out in excepts):
                yield from files

    def notes_about(self, file: CurrentFile) -> Iterator[TagLine]:
        """Yield what may be the reason for a difference: no rule selects the file, or a warning names it."""
        if file.file_id not in self._selected():
            yield TagLine(" ", "no rule selects this file")
        for item in self._warnings:
            if quoted(file.path, 200) in item.message:
                yield TagLine(" ", f"warning: {item.message}", str(item.origin or ""))


def differences(test: TestSpec, outcome: Outcome) -> Iterator[TestFailure]:
    """Yield a failure for each file with other tags than expected."""
    places = {each.path: each.place for each in test.expect if each.path not in outcome.by_path}
    for path, message in not_given(places, outcome.by_path):
        yield TestFailure(unpacked(test.manifest, places[path]), message)
    for expected in test.expect:
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
                    lines += outcome.notes_about(after.file)
                place = difference.place(expected.place)
                message = f"{quoted(expected.path, 200)} has other {kind} than expected"
                yield failure(unpacked(test.manifest, place), message, lines)


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


def broken_properties(test: TestSpec, outcome: Outcome) -> Iterator[TestFailure]:
    """Yield a failure for each condition of a property that a file does not meet."""
    for found in test.properties:
        files = list(outcome.matching(found))
        where = f"files that match {quoted(found.match, 200)}"
        conditions = {
            f"the plan removes tags from {where}": _changed(files, _REMOVALS) if found.removes_none else (),
            f"the plan adds tags to {where}": _changed(files, (Op.ADD,)) if found.adds_none else (),
            f"not exactly one of these tags is on {where}": _not_exactly_one(files, found.exactly_one_of),
            f"other tags than expected are on {where}": _unlike(files, found.tags),
        }
        for message, broken in conditions.items():
            if lines := list(broken):
                yield failure(unpacked(test.manifest, found.place), message, lines)


def _changed(files: Iterable[After], ops: Collection[Op]) -> Iterator[TagLine]:
    for after in files:
        for change in after.changes:
            if change.op in ops:
                yield TagLine("+", f"{after.file.path}: {change.tag}", after.because(change))


def _not_exactly_one(files: Iterable[After], tags: Sequence[str]) -> Iterator[TagLine]:
    wanted = {normalized(tag) for tag in tags}
    for after in files if wanted else ():
        had = sorted(tag for tag in after.tags if normalized(tag) in wanted)
        if not had:
            yield TagLine("-", after.file.path, f"has none of {', '.join(tags)}")
        elif len(had) > 1:
            yield TagLine("+", after.file.path, f"has {' and '.join(had)}")


def _unlike(files: Iterable[After], wanted: TagExpectation) -> Iterator[TagLine]:
    for after in files:
        for line in _Difference(wanted, after.tags).lines(partial(after.why, ops=_TAGS)):
            if line.sign != " ":
                yield line._replace(text=f"{after.file.path}: {line.text}")
