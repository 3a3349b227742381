"""Write one line for each operation on a tag: what changes, on how many files, and where the manifests ask for it."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from typing import NamedTuple

from tagsync.escape import shown_tag
from tagsync.model import Op, counted
from tagsync.reporting.console import Lines, Segment, columns, padded
from tagsync.reporting.counts import MAX_PLACES, TagCount
from tagsync.reporting.groups import GroupLine
from tagsync.reporting.phrases import Names, shown_origin, why_words

SIGNS: dict[Op, tuple[str, str]] = {
    Op.ADD: ("+ ", "green"),
    Op.REMOVE: ("- ", "red"),
    Op.REMOVE_AI: ("- AI ", "red"),
}
"""What a change of each kind starts with, and its style."""

MAX_COLUMNS = 40
"""The widest that the column of tags gets."""

FEWEST_ADDITIONS = 10
"""The largest additions that always get a line, however many removals there are."""

_INDENT = "  "
_INDENT_OF_DETAILS = "    "


class TagRow(NamedTuple):
    """A line for an operation on a tag.

    Attributes:
        label: the tag, and its style.
        files: the number of files, or "".
        risk: a warning, or "".
        place: the place in a manifest that asks for it, with the number of others, or "".
        words: why the change is necessary, as far as it is known.
    """

    label: Segment
    files: str = ""
    risk: str = ""
    place: str = ""
    words: Sequence[str] = ()

    @property
    def segments(self) -> Iterator[Segment]:
        """The parts of the line."""
        yield self.label
        if self.files:
            yield f"  {self.files}", self.label[1]
        if self.risk:
            yield f"  {self.risk}", "bold yellow"
        if details := "".join(f"  {text}" for text in (self.place, *self.words) if text):
            yield details, "dim"

    @property
    def columns(self) -> int:
        """How many columns the line takes."""
        return sum(columns(text) for text, _ in self.segments)


def write_tag_lines(
    operations: Sequence[TagCount], names: Names, lines: Lines, *, room: int | None = None, with_causes: bool = True
) -> None:
    """Write operations on tags, one a line.

    Args:
        operations: removals first, then additions, the most files first.
        names: how to show manifests.
        lines: writes the lines.
        room: the number of lines there are; additions that do not fit are counted in the last one. Removals and the
            largest additions always get a line. None writes all.
        with_causes: whether to show why a change is necessary again.
    """
    kept = operations if room is None else operations[: _fitting(operations, room)]
    width = column_width(map(_label, kept), lines)
    digits = max((len(f"{item.files:,}") for item in kept), default=0)

    def row(item: TagCount) -> TagRow:
        files = f"{item.files:>{digits},} {'file ' if item.files == 1 else 'files'}"
        why = why_words(item.cause if with_causes else None, item.commit)
        return tag_row(f"{_INDENT}{padded(_label(item), width)}", item, names, why, files)

    write_rows(map(row, kept), lines)
    left = operations[len(kept) :]
    if left:
        tags, most = counted(len(left), "more tag"), counted(left[0].files, "file")
        each = f"on {most}" if len(left) == 1 else f"each on {most}" if most == "1 file" else f"each on up to {most}"
        lines.write_sentence((f"{_INDENT}+ {tags}, {each} (-v lists them)", SIGNS[Op.ADD][1]))


def column_width(labels: Iterable[str], lines: Lines) -> int:
    """Return how many columns tags take; a tag that is too long for a column moves only the rest of its own line."""
    most = lines.column_limit(MAX_COLUMNS)
    return max((width for width in map(columns, labels) if width <= most), default=0)


def _fitting(operations: Sequence[TagCount], room: int) -> int:
    """Return how many operations get a line of their own."""
    if len(operations) <= room:
        return len(operations)
    removals = sum(1 for _ in takewhile(lambda item: item.op is not Op.ADD, operations))
    return min(len(operations), max(removals + FEWEST_ADDITIONS, room - 1))


def _label(item: TagCount) -> str:
    return SIGNS[item.op][0] + shown_tag(item.tag)


def tag_row(label: str, item: TagCount | GroupLine, names: Names, why: Sequence[str], files: str = "") -> TagRow:
    """Return the line of an operation on a tag: after its label, where and why the manifests ask for it, if known."""
    place = f"{shown_origin(item.origin, names)}{_more_places(item.more)}" if item.origin else ""
    risk = "cannot be undone" if item.op is Op.REMOVE_AI else ""
    return TagRow((label, SIGNS[item.op][1]), files, risk, place, why)


def _more_places(places: int) -> str:
    if not places:
        return ""
    return f" +{places} more" if places < MAX_PLACES else f" +{places} or more"


def write_rows(rows: Iterable[TagRow], lines: Lines) -> None:
    """Write lines; if any is too long for the terminal, all without the folders of manifests."""
    width = lines.width
    if width is not None:
        rows = [*rows]
        if any(row.columns > width for row in rows):
            rows = [row._replace(place=_without_folders(row.place)) for row in rows]
    for row in rows:
        _write_row(row, lines, width)


def _write_row(row: TagRow, lines: Lines, width: int | None) -> None:
    """Write a line; on a terminal, what does not fit goes below it."""
    label = row.label[0]
    indent = " " * (len(label) - len(label.lstrip())) + _INDENT_OF_DETAILS
    line, used = list[Segment](), 0
    for text, style in row.segments:
        piece = text
        if width is not None and line and used + columns(text.rstrip()) > width:
            lines.write_sentence(*line)
            line, used, piece = [], 0, indent + text.lstrip()
        used += columns(piece)
        if line and line[-1][1] == style:
            piece = line.pop()[0] + piece
        line.append((piece, style))
    text, style = line[-1]
    lines.write_sentence(*line[:-1], (text.rstrip(), style))


def _without_folders(place: str) -> str:
    folders, slash, name = place.rpartition("/")
    return f"…/{name}" if folders and slash else place
