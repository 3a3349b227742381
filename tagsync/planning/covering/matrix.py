"""Build the matrix of one op, files by tags: which cells are needed, free and forbidden.

A file's changes determine its cells. Before sending, `applying.recheck` proves that free cells are still free.
"""

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tagsync.library.limits import MAX_TAG_CHARACTERS
from tagsync.model import FileChange, Op, Request, normalized
from tagsync.planning.covering.calls import Call, Limits, Row, Rows

_NONE: tuple[str, ...] = ()


class Context(NamedTuple):
    """What decides on the cells of a file that are not needed.

    Attributes:
        names: for additions, declared tags that are already there; for removals of AI tags, names that a rule keeps.
        ai_tags: for removals of AI tags, the AI tags on the file.
    """

    names: tuple[str, ...]
    ai_tags: tuple[str, ...]


class Wanted:
    """Files and the tags that one op must change on each, in the order of the files' paths.

    There may be millions of files. So texts and sets that files share are stored once, and a file is a few numbers.

    Args:
        op: what the calls do.
    """

    def __init__(self, op: Op) -> None:
        self.op = op
        self.file_ids: list[str] = []
        self.needed, self.context = array("I"), array("I")
        """For each file, the number of its set of tags, and the number of its context."""
        self.counts = array("I")
        """The number of files with each set of tags."""
        self._names: dict[str, str] = {}
        self._sets: dict[tuple[str, ...], int] = {}
        self._contexts: dict[tuple[tuple[str, ...], tuple[str, ...]], int] = {}

    def add(self, change: FileChange, tags: tuple[str, ...]) -> None:
        """Add a file and the tags that must change on it."""
        number = self._sets.get(tags)
        if number is None:
            number = self._sets[self._shared(tags)] = len(self._sets)
            self.counts.append(0)
        self.counts[number] += 1
        self.needed.append(number)
        self.file_ids.append(change.file.file_id)
        # Adding a declared tag twice does nothing. Removing an AI tag that is not there does nothing either, but it may
        # appear before the call arrives, so names that a rule keeps count even if they are not there now.
        names = change.desired if self.op == Op.ADD else change.spared if self.op == Op.REMOVE_AI else _NONE
        ai_tags = tuple([tag.name for tag in change.file.ai_tags]) if self.op == Op.REMOVE_AI else _NONE
        context = self._contexts.get((names, ai_tags))
        if context is None:
            context = self._contexts[self._shared(names), self._shared(ai_tags)] = len(self._contexts)
        self.context.append(context)

    def sets(self) -> list[tuple[str, ...]]:
        """Return the sets of tags by number."""
        return list(self._sets)

    def contexts(self) -> list[Context]:
        """Return the contexts by number."""
        return [Context(*context) for context in self._contexts]

    def _shared(self, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple([self._names.setdefault(name, name) for name in names])


@dataclass(frozen=True, slots=True)
class Matrix:
    """Files by tags for one op.

    Attributes:
        op: what the calls do.
        tags: names by number, sorted.
        file_ids: IDs by number, in the order of the files' paths.
        needed: what must change on each file.
        allowed: what may be touched on each file, including needed tags; None if `forbidden` is given.
        forbidden: what must not be touched on each file; None if `allowed` is given.
        limits: the limits of one call.
    """

    op: Op
    tags: tuple[str, ...]
    file_ids: tuple[str, ...]
    needed: Rows
    allowed: Rows | None
    forbidden: Rows | None
    limits: Limits

    def request(self, call: Call) -> Request:
        """Translate a call into names."""
        tags = tuple([self.tags[tag] for tag in sorted(call.tags)])
        return Request(self.op, tags, tuple([self.file_ids[file] for file in call.files]))


def matrix_of(wanted: Wanted, *, exact: bool, files: Sequence[int] | None = None) -> Matrix:
    """Build the matrix of one op.

    Args:
        wanted: files and what must change on each.
        exact: whether nothing else may be touched.
        files: the numbers of the files to cover; None for all.
    """
    op, chosen = wanted.op, range(len(wanted.file_ids)) if files is None else files
    rows = _RowMaker(wanted, chosen)
    needed = rows.needed()
    # For AI tags nearly all cells are free, so rows list the forbidden ones. Additions have few free cells. Removals of
    # ordinary tags have none: a tag that somebody adds meanwhile must not disappear without a rule that removes it.
    free_to_remove = op == Op.REMOVE_AI and not exact
    return Matrix(
        op=op,
        tags=rows.names,
        file_ids=tuple([wanted.file_ids[file] for file in chosen]),
        needed=needed,
        allowed=None if free_to_remove else rows.allowed() if op == Op.ADD and not exact else needed,
        forbidden=rows.forbidden() if free_to_remove else None,
        limits=Limits(
            lengths=tuple(map(len, rows.names)),
            characters=None if op == Op.REMOVE_AI else MAX_TAG_CHARACTERS,
        ),
    )


def free_cells(request: Request, change: FileChange) -> frozenset[str]:
    """Return the tags of a call that are no-ops on a file. The call may be sent only while they are."""
    return frozenset(request.tags).difference(change.tags(request.op))


class _RowMaker:
    """Make the rows of some files; equal rows are the same object."""

    def __init__(self, wanted: Wanted, files: Sequence[int]) -> None:
        self._sets, self._contexts = wanted.sets(), wanted.contexts()
        self._files = [(wanted.needed[file], wanted.context[file]) for file in files]
        self.names = tuple(sorted({tag for number in {key for key, _ in self._files} for tag in self._sets[number]}))
        """All tags that any file needs, sorted."""
        self._number = {name: place for place, name in enumerate(self.names)}
        self._rows = {key: self._row(self._sets[key]) for key in {key for key, _ in self._files}}
        self._same = {row: row for row in self._rows.values()}

    def needed(self) -> Rows:
        """Return what must change on each file."""
        return [self._rows[key] for key, _ in self._files]

    def allowed(self) -> Rows:
        """Return what additions may touch: needed tags, and declared tags that are already there."""
        return self._each(lambda needed, context: needed | self._row(context.names))

    def forbidden(self) -> Rows:
        """Return what removals of AI tags must not touch: AI tags that stay, and names that a rule keeps."""
        # A rule keeps a name in every Unicode spelling, while the API removes one exact spelling.
        spellings: dict[str, list[int]] = {}
        for name, place in self._number.items():
            spellings.setdefault(normalized(name), []).append(place)
        return self._each(
            lambda needed, context: (
                self._row(context.ai_tags).union(_in_any_spelling(context.names, spellings)) - needed
            )
        )

    def _each(self, make: Callable[[Row, Context], Row]) -> Rows:
        # Most files share their row with others. One object for each distinct row keeps a million files small.
        made: dict[tuple[int, int], Row] = {}
        for key in self._files:
            if key not in made:
                row = make(self._rows[key[0]], self._contexts[key[1]])
                made[key] = self._same.setdefault(row, row)
        return [made[key] for key in self._files]

    def _row(self, names: tuple[str, ...]) -> Row:
        """Return tags as a row, without those that no file needs."""
        number = self._number
        return Row([number[name] for name in names if name in number])


def _in_any_spelling(names: Iterable[str], spellings: Mapping[str, list[int]]) -> list[int]:
    """Return the tags that are equal to one of the names under Unicode NFC."""
    return [place for name in names for place in spellings.get(normalized(name), ())]
