"""Define tests of manifests: what is given and expected, and what became of it."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from typing import Any, Literal, NamedTuple

from tagsync.escape import quoted
from tagsync.model.origins import NO_TEXTS, Origin, Texts

_MOST_COMPARED = 100
_LONGEST_COMPARED = 300
_HINTS = 20
"""The number of paths with a suggestion: finding one takes time."""


def not_given(missing: Iterable[str], paths: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield each path that is not among the given ones, with a message."""
    for number, path in enumerate(missing):
        close = _nearest(path, paths) if number < _HINTS else []
        hint = f"did you mean {quoted(close[0], 200)}?" if close else "add it, or correct the path"
        yield path, f"{quoted(path, 200)} is not among the given files: {hint}"


def _nearest(path: str, paths: Iterable[str]) -> list[str]:
    """Return the most similar path with the same folder or the same name; comparing all could take minutes."""
    folder, _, name = path.rpartition("/")
    alike = (each for each in paths if each.startswith(f"{folder}/") or each.endswith(f"/{name}"))
    short = (each for each in alike if len(each) <= _LONGEST_COMPARED)
    return get_close_matches(path[:_LONGEST_COMPARED], islice(short, _MOST_COMPARED), n=1)


class TagExpectation(NamedTuple):
    """The tags that a file must have; `exact` is None unless it must have no others."""

    exact: Texts | None = None
    contains: Texts = NO_TEXTS
    lacks: Texts = NO_TEXTS


class FileExpectation(NamedTuple):
    """The ordinary tags and the AI tags that the file with a path must have."""

    path: str
    place: int
    tags: TagExpectation
    ai_tags: TagExpectation


class Property(NamedTuple):
    """What must be true of all files that a glob matches, and no glob of `excepts`.

    Attributes:
        match: the glob.
        excepts: globs of files to leave out.
        place: where the property is.
        removes_none: whether the plan may not remove any tag.
        adds_none: whether the plan may not add any tag.
        exactly_one_of: tags of which each file has exactly one; empty if there is no such condition.
        tags: tags that each file has or lacks.
    """

    match: str
    excepts: tuple[str, ...]
    place: int
    removes_none: bool
    adds_none: bool
    exactly_one_of: tuple[str, ...]
    tags: TagExpectation


@dataclass(frozen=True, slots=True, kw_only=True)
class TestSpec:
    """A `kind: Test` document. Places are packed, and in `manifest`.

    Attributes:
        manifest: the manifest, as messages show it.
        name: its name in messages; empty if it has none.
        place: where the document starts.
        given: the files, as the list API returns them.
        library: the resolved path of a file with the files instead; None if they are in the manifest.
        library_place: where it is named.
        as_of: the day (YYYY-MM-DD) on which rules are evaluated; None for the day of the run.
        expect: the expected tags of files.
        errors: the expected errors.
        properties: what must be true of several files.
    """

    __test__ = False  # keeps pytest from collecting this class

    manifest: str
    name: str
    place: int
    given: Sequence[Mapping[str, Any]]
    library: str | None
    library_place: int
    as_of: str | None
    expect: tuple[FileExpectation, ...]
    errors: Texts
    properties: tuple[Property, ...]


class TagLine(NamedTuple):
    """A tag that differs from what a test expects, or does not.

    Attributes:
        sign: `-` for a tag that is missing, `+` for one that should not be there, or a space.
        text: the tag; in a property, the path and what happens to the file.
        why: which rule is the reason, or empty.
    """

    sign: Literal["-", "+", " "]
    text: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class TestFailure:
    """One reason why a test fails.

    Attributes:
        origin: the expectation that is not met.
        message: what is wrong.
        lines: the difference between what is expected and what the plan gives.
        more: how many more lines there are.
    """

    __test__ = False

    origin: Origin
    message: str
    lines: tuple[TagLine, ...] = ()
    more: int = 0


@dataclass(frozen=True, slots=True)
class TestResult:
    """The result of one test, which passed if it has no failures."""

    __test__ = False

    name: str
    origin: Origin
    failures: tuple[TestFailure, ...]


@dataclass(frozen=True, slots=True)
class TestRun:
    """The results of all tests, in the order of their manifests."""

    __test__ = False

    results: tuple[TestResult, ...]

    @property
    def failed(self) -> tuple[TestResult, ...]:
        """The tests that failed."""
        return tuple(result for result in self.results if result.failures)
