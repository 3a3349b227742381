"""Write one line for each operation on a tag: what changes, on how many files, and where the manifests ask for it."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile

from tagsync.escape import shown_tag
from tagsync.model import Op, counted
from tagsync.reporting.console import Lines, Segment, columns, padded
from tagsync.reporting.counts import MAX_PLACES, TagCount
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
_INDENT_OF_DETAILS = "      "
_UNLIMITED = 1 << 30


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
    width = column_width(map(_label, kept))
    digits = max((len(f"{item.files:,}") for item in kept), default=0)
    for item in kept:
        files = f"{item.files:>{digits},} {'file ' if item.files == 1 else 'files'}"
        head = f"{_INDENT}{padded(_label(item), width)}  {files}", SIGNS[item.op][1]
        _write_line([head, *_risk(item)], _details(item, names, with_causes=with_causes), lines)
    left = operations[len(kept) :]
    if left:
        tags, most = counted(len(left), "more tag"), counted(left[0].files, "file")
        each = f"on {most}" if len(left) == 1 else f"each on {most}" if most == "1 file" else f"each on up to {most}"
        lines.write((f"{_INDENT}+ {tags}, {each} (-v lists them)", SIGNS[Op.ADD][1]))


def column_width(labels: Iterable[str]) -> int:
    """Return how many columns tags take; a tag that is too long for a column moves only the rest of its own line."""
    return max((width for width in map(columns, labels) if width <= MAX_COLUMNS), default=0)


def _fitting(operations: Sequence[TagCount], room: int) -> int:
    """Return how many operations get a line of their own."""
    if len(operations) <= room:
        return len(operations)
    removals = sum(1 for _ in takewhile(lambda item: item.op is not Op.ADD, operations))
    return min(len(operations), max(removals + FEWEST_ADDITIONS, room - 1))


def _label(item: TagCount) -> str:
    return SIGNS[item.op][0] + shown_tag(item.tag)


def _risk(item: TagCount) -> Iterator[Segment]:
    if item.op is Op.REMOVE_AI:
        yield "  cannot be undone", "bold yellow"


def _details(item: TagCount, names: Names, *, with_causes: bool) -> list[str]:
    place = [f"{shown_origin(item.origin, names)}{more_places(item.more)}"] if item.origin else []
    return [*place, *why_words(item.cause if with_causes else None, item.commit)]


def more_places(places: int) -> str:
    """Return how many places beyond the first ask for a change; "" if there are none."""
    if not places:
        return ""
    return f" +{places} more" if places < MAX_PLACES else f" +{places} or more"


def _write_line(head: Sequence[Segment], details: Sequence[str], lines: Lines) -> None:
    """Write one operation with its details: on a narrow terminal without the manifest's folders, else below it."""
    if not details:
        *others, (text, style) = head
        lines.write(*others, (text.rstrip(), style))
        return
    room = _UNLIMITED if lines.width is None else lines.width - sum(columns(text) for text, _ in head)
    words, short = "".join(f"  {text}" for text in details), "".join(f"  {text}" for text in _shortened(details))
    if columns(words) <= room or columns(short) <= room:
        lines.write(*head, (words if columns(words) <= room else short, "dim"))
        return
    lines.write(*head)
    lines.write((_INDENT_OF_DETAILS + words.lstrip(), "dim"))


def _shortened(details: Sequence[str]) -> Sequence[str]:
    place, *others = details
    folders, slash, name = place.rpartition("/")
    return [f"…/{name}" if folders and slash else place, *others]
