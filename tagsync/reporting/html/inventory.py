"""Show the tags or the files of a library as an HTML page with tables to search and sort."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from tagsync.escape import shown
from tagsync.model import AITagUse, CurrentFile, Inventory, TagUse
from tagsync.reporting.html.table import harmless
from tagsync.reporting.html.template import rendered_inventory
from tagsync.reporting.inventory_text import folder_words, listed, total_words

MAX_ROWS = 50_000
"""The most rows of a table: a browser searches them at once."""

MAX_CHARACTERS = 50_000_000
"""The most text of a table. A row of ordinary files has a few hundred characters."""

_MORE = "The page leaves out {} more. For all of them, use --format csv or --format json."


class _Table(NamedTuple):
    """A table: its title, what a row is, columns, items, how one becomes a row, and which columns are special."""

    title: str
    one: str
    columns: tuple[str, ...]
    items: Iterable[Any]
    row: Callable[[Any], list[Any]]
    numbers: frozenset[int] = frozenset()
    shares: frozenset[int] = frozenset()
    ids: frozenset[int] = frozenset()


def tags_html(inventory: Inventory) -> Iterator[str]:
    """Yield a page with the tags of a library."""
    tables = [
        _Table("Tags", "tag", ("Tag", "Files", "Folders"), inventory.tags, _tag_row, numbers=frozenset((1,))),
        _Table(
            "AI tags",
            "AI tag",
            ("AI tag", "Source", "Files", "Lowest confidence, %", "Median", "Highest", "Folders"),
            inventory.ai_tags,
            _ai_tag_row,
            numbers=frozenset((2,)),
            shares=frozenset((3, 4, 5)),
        ),
    ]
    untagged = inventory.files - inventory.tagged
    return rendered_inventory(
        kind="tags",
        title=total_words(inventory),
        facts=[("Files", f"{inventory.files:,}"), ("Files without ordinary tags", f"{untagged:,}")],
        placeholder="Tag, source or folder",
        data=_embedded(tables),
    )


def files_html(files: Iterable[CurrentFile]) -> Iterator[str]:
    """Yield a page with files and their tags."""
    table = _Table("Files", "file", ("Path", "Tags", "AI tags", "ID"), files, _file_row, ids=frozenset((3,)))
    return rendered_inventory(
        kind="ls", title="Files and their tags", facts=(), placeholder="Path, tag or ID", data=_embedded([table])
    )


def _tag_row(tag: TagUse) -> list[Any]:
    return [shown(tag.name), tag.files, folder_words(tag.places)]


def _ai_tag_row(tag: AITagUse) -> list[Any]:
    confidences = tag.confidence or ("", "", "")
    return [shown(tag.name), shown(tag.source), tag.files, *confidences, folder_words(tag.places)]


def _file_row(file: CurrentFile) -> list[Any]:
    return [shown(file.path), listed(file.tags), listed(tag.name for tag in file.ai_tags), shown(file.file_id)]


def _embedded(tables: Iterable[_Table]) -> Iterator[str]:
    """Yield tables as one JSON object that can stand inside a script element."""
    separator = '{"tables":['
    for table in tables:
        kinds = {"number": table.numbers, "share": table.shares, "id": table.ids}
        columns = [
            {"title": title, "kind": next((kind for kind, of in kinds.items() if number in of), "")}
            for number, title in enumerate(table.columns)
        ]
        head = {"title": table.title, "one": table.one, "columns": columns}
        yield f'{separator}{harmless(head)[:-1]},"rows":['
        separator = ",\n"
        items = iter(table.items)
        yield from _rows(table, items)
        more = sum(1 for _ in items)
        yield f'],"more":{harmless(_MORE.format(f"{more:,}") if more else "")}}}'
    yield "]}"


def _rows(table: _Table, items: Iterator[Any]) -> Iterator[str]:
    """Yield the first rows, and leave the other items in the iterator."""
    length, between = 0, "\n"
    for item in islice(items, MAX_ROWS):
        text = harmless(table.row(item))
        yield between + text
        between = ",\n"
        length += len(text)
        if length > MAX_CHARACTERS:
            return
