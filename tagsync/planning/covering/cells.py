"""The cells of one op: what must change, what may be touched without harm, and what must not; all in numbers.

Which cell is which follows from a file's changes alone. That a free cell is still free is not proven here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tagsync.model import MAX_TAG_CHARACTERS, FileChange, Op, Request, normalized
from tagsync.planning.covering.calls import Call, Limits, Row, Rows

Wanted = Sequence[tuple[FileChange, tuple[str, ...]]]
"""Files and what one op must change on each of them, in the order of the files' paths."""


@dataclass(frozen=True, slots=True)
class Cells:
    """One op's files by tags.

    Attributes:
        op: what calls do.
        tags: names by number, sorted.
        file_ids: ids by number, in the order of the files' paths.
        needed: what must change on each file.
        allowed: what may be touched on each file, its needed tags included; None where `forbidden` says it.
        forbidden: what must not be touched on each file; None where `allowed` says it.
        limits: how much one call takes.
    """

    op: Op
    tags: tuple[str, ...]
    file_ids: tuple[str, ...]
    needed: Rows
    allowed: Rows | None
    forbidden: Rows | None
    limits: Limits

    def request(self, call: Call) -> Request:
        """Return a call by its names."""
        tags = tuple([self.tags[tag] for tag in sorted(call.tags)])
        return Request(self.op, tags, tuple([self.file_ids[file] for file in call.files]))


def cells_of(op: Op, wanted: Wanted, *, exact: bool, ai_tag_characters: int | None) -> Cells:
    """Return the cells of one op.

    Args:
        op: what calls do.
        wanted: files and what must change on each.
        exact: whether nothing else may be touched.
        ai_tag_characters: how long the names of one removeAITags call may be, joined; None where no limit is known.
    """
    names = tuple(sorted({tag for _, tags in wanted for tag in tags}))
    number = {name: place for place, name in enumerate(names)}
    rows: dict[tuple[str, ...], Row] = {}
    needed = [_shared(rows, tags, number) for _, tags in wanted]
    free_to_remove = op == Op.REMOVE_AI and not exact
    allowed = _allowed(needed, wanted, number) if op == Op.ADD and not exact else needed
    return Cells(
        op=op,
        tags=names,
        file_ids=tuple([change.file.file_id for change, _ in wanted]),
        needed=needed,
        allowed=None if free_to_remove else allowed,
        forbidden=_forbidden(needed, wanted, number) if free_to_remove else None,
        limits=Limits(
            lengths=tuple(map(len, names)),
            characters=ai_tag_characters if op == Op.REMOVE_AI else MAX_TAG_CHARACTERS,
        ),
    )


def free_cells(request: Request, change: FileChange) -> frozenset[str]:
    """Return the tags of a request that need not change on a file: it is right only while they do nothing there."""
    return frozenset(request.tags).difference(change.tags(request.op))


def _shared(rows: dict[tuple[str, ...], Row], tags: tuple[str, ...], number: Mapping[str, int]) -> Row:
    """Return tags as a row, one and the same for equal tags; those that no file needs are left out."""
    row = rows.get(tags)
    if row is None:
        row = rows[tags] = Row([number[tag] for tag in tags if tag in number])
    return row


def _allowed(needed: Rows, wanted: Wanted, number: Mapping[str, int]) -> Rows:
    """Return what additions may touch: what is needed, and what is declared and there already."""
    rows: dict[tuple[str, ...], Row] = {}
    unions: dict[tuple[Row, Row], Row] = {}
    same: dict[Row, Row] = {}
    allowed = []
    for row, (change, _) in zip(needed, wanted, strict=True):
        key = row, _shared(rows, change.desired, number)
        union = unions.get(key)
        if union is None:
            union = row | key[1]
            union = unions[key] = same.setdefault(union, union)
        allowed.append(union)
    return allowed


def _forbidden(needed: Rows, wanted: Wanted, number: Mapping[str, int]) -> Rows:
    """Return what removals of AI tags must not touch: tags that stay on the file, and tags that a rule keeps."""
    spellings: dict[str, list[int]] = {}
    for name, place in number.items():
        spellings.setdefault(normalized(name), []).append(place)
    spared: dict[tuple[str, ...], Row] = {}
    rows = []
    for row, (change, _) in zip(needed, wanted, strict=True):
        if change.spared not in spared:
            spared[change.spared] = Row(_in_any_spelling(change.spared, spellings))
        present = [number[tag.name] for tag in change.file.ai_tags if tag.name in number]
        rows.append(spared[change.spared].union(present) - row)
    return rows


def _in_any_spelling(names: Iterable[str], spellings: Mapping[str, list[int]]) -> list[int]:
    """Return the tags that are equal to one of the names under Unicode NFC."""
    return [place for name in names for place in spellings.get(normalized(name), ())]
