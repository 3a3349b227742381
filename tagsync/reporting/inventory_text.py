"""Show the tags and the files of a library as text, in columns."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice

from tagsync.escape import shown, shown_tag
from tagsync.model import CurrentFile, Inventory, Places, counted
from tagsync.reporting.console import Lines, columns, padded

_MAX_COLUMNS = 60
"""The widest that a column gets; a longer text moves the rest of its own line."""

_SHOWN_FOLDERS = 3
_GAP = "  "
_ALIGNED_FILES = 1_000
"""How many files share the width of a column, so that a long list needs no memory and starts at once."""

_Row = Sequence[str]


def tags_text(inventory: Inventory, lines: Lines, most: int | None = None) -> None:
    """Write a table of ordinary tags, one of AI tags, and totals.

    Args:
        inventory: the tags.
        lines: writes the lines.
        most: the maximum number of rows of a table; None for no limit.
    """
    ordinary = [(shown(tag.name), f"{tag.files:,}", folder_words(tag.places)) for tag in inventory.tags[:most]]
    ai_tags = [
        (
            shown(tag.name),
            shown(tag.source),
            f"{tag.files:,}",
            *(map(_number, tag.confidence) if tag.confidence else ("", "", "")),
            folder_words(tag.places),
        )
        for tag in inventory.ai_tags[:most]
    ]
    _write_table(("TAG", "FILES", "FOLDERS"), ordinary, lines, right=(1,))
    heads = ("AI TAG", "SOURCE", "FILES", "MIN", "MEDIAN", "MAX", "FOLDERS")
    _write_table(heads, ai_tags, lines, right=(2, 3, 4, 5), above=(3, "CONFIDENCE IN %"))
    rest = [len(tags) - (most or len(tags)) for tags in (inventory.tags, inventory.ai_tags)]
    if more := [counted(n, what) for n, what in zip(rest, ("tag", "AI tag"), strict=True) if n > 0]:
        lines.write_sentence(f"{' and '.join(more)} more: use --verbose, --format csv or --format html to show all")
    untagged = f"{counted(inventory.files - inventory.tagged, 'file')} without ordinary tags"
    lines.write_sentence((f"{counted(inventory.files, 'file')}: ", "bold"), f"{total_words(inventory)}; {untagged}")


def total_words(inventory: Inventory) -> str:
    """Return how many tags and AI tags there are, by name."""
    names, per_source = len({tag.name for tag in inventory.ai_tags}), len(inventory.ai_tags)
    sources = f" ({per_source:,} by source)" if per_source > names else ""
    return f"{counted(len(inventory.tags), 'tag')}, {counted(names, 'AI tag')}{sources}"


def files_text(files: Iterable[CurrentFile], lines: Lines, *, with_fields: bool = False) -> int:
    """Write a line for each file, with its tags and its AI tags, and return how many there are.

    Args:
        files: the files.
        lines: writes the lines.
        with_fields: whether to write the data that rules can use below each file.
    """
    number, remaining = 0, iter(files)
    while some := list(islice(remaining, _ALIGNED_FILES)):
        number += len(some)
        rows = [(shown(file.path), _tags(file)) for file in some]
        for row, file in zip(_aligned(rows, _widths(rows, _MAX_COLUMNS)), some, strict=True):
            lines.write_sentence(row)
            for name, text in file.data() if with_fields else ():
                lines.write((f"    {shown(name)}: {shown(text)}", "dim"))
    return number


def _write_table(
    head: _Row, rows: Sequence[_Row], lines: Lines, *, right: Collection[int], above: tuple[int, str] | None = None
) -> None:
    """Write a table, if it has rows.

    Args:
        head: the heads of its columns.
        rows: the cells of each row, safe to print.
        lines: writes the lines.
        right: the columns that are aligned to the right.
        above: a column, and the words that stand above its head and those after it.
    """
    if not rows:
        return
    rows = [head, *rows]
    widths = _widths(rows, lines.column_limit(_MAX_COLUMNS))
    if above:
        number, words = above
        lines.write(f"{_GAP.join(' ' * width for width in widths[:number])}{_GAP}{words}")
    for row in _aligned(rows, widths, right=right):
        lines.write_sentence(row)
    lines.write()


def _widths(rows: Sequence[_Row], most: int) -> list[int]:
    """Return how wide each column is, which is as wide as its longest text that takes at most `most` columns."""
    cells = zip(*rows, strict=True)
    return [max((width for width in map(columns, column) if width <= most), default=0) for column in cells]


def _aligned(rows: Sequence[_Row], widths: Sequence[int], *, right: Collection[int] = ()) -> Iterator[str]:
    """Yield rows in columns.

    Args:
        rows: the cells of each row, safe to print.
        widths: the width of each column.
        right: the columns that are aligned to the right.
    """
    for row in rows:
        cells = [
            f"{cell:>{width}}" if number in right else padded(cell, width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield _GAP.join(cells).rstrip()


def folder_words(places: Places) -> str:
    """Return the folders with most files, and how many others there are."""
    first = places.folders[:_SHOWN_FOLDERS]
    if len(places.folders) == 1:
        return shown(places.folder)
    more = len(places.folders) - len(first) + places.more
    words = ", ".join(f"{shown(part.path)} ({part.files:,})" for part in first)
    return f"{words} and {counted(more, 'more folder')}" if more else words


def _tags(file: CurrentFile) -> str:
    ai_tags = listed(tag.name for tag in file.ai_tags)
    return _GAP.join(filter(None, [listed(file.tags), f"AI: {ai_tags}" if ai_tags else ""]))


def listed(tags: Iterable[str]) -> str:
    """Return different tags as a list."""
    return ", ".join(map(shown_tag, dict.fromkeys(tags)))


def _number(confidence: float) -> str:
    return f"{confidence:.2f}"
