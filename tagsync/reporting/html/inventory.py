"""Show the tags or the files of a library as an HTML page with tables to search and sort."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from tagsync.escape import shown
from tagsync.model import CurrentFile, Inventory
from tagsync.reporting.html.table import harmless
from tagsync.reporting.html.template import rendered_inventory
from tagsync.reporting.inventory_text import folder_words
from tagsync.reporting.phrases import counted


class _Table(NamedTuple):
    """A table: its title, its columns, which of these are numbers, and its rows."""

    title: str
    columns: tuple[str, ...]
    numbers: frozenset[int]
    rows: Iterable[list[Any]]


def tags_html(inventory: Inventory) -> Iterator[str]:
    """Yield a page with the tags of a library."""
    ordinary = ([shown(tag.name), tag.files, folder_words(tag.places)] for tag in inventory.tags)
    ai_tags = (
        [
            shown(tag.name),
            shown(tag.source),
            tag.files,
            *(tag.confidence or ("", "", "")),
            folder_words(tag.places),
        ]
        for tag in inventory.ai_tags
    )
    tables = [
        _Table("Tags", ("Tag", "Files", "Folders"), frozenset((1,)), ordinary),
        _Table(
            "AI tags",
            ("AI tag", "Source", "Files", "Lowest", "Median", "Highest", "Folders"),
            frozenset((2, 3, 4, 5)),
            ai_tags,
        ),
    ]
    untagged = inventory.files - inventory.tagged
    return rendered_inventory(
        kind="tags",
        title=f"{counted(len(inventory.tags), 'tag')}, {counted(len(inventory.ai_tags), 'AI tag')}",
        facts=[("Files", f"{inventory.files:,}"), ("Without an ordinary tag", f"{untagged:,}")],
        placeholder="Tag, source or folder",
        data=_embedded(tables),
    )


def files_html(files: Iterable[CurrentFile]) -> Iterator[str]:
    """Yield a page with files and their tags."""
    rows = (
        [
            shown(file.path),
            shown(", ".join(file.tags)),
            shown(", ".join(dict.fromkeys(tag.name for tag in file.ai_tags))),
            shown(file.file_id),
        ]
        for file in files
    )
    table = _Table("Files", ("Path", "Tags", "AI tags", "ID"), frozenset(), rows)
    return rendered_inventory(
        kind="ls", title="Files and their tags", facts=(), placeholder="Path, tag or ID", data=_embedded([table])
    )


def _embedded(tables: Iterable[_Table]) -> Iterator[str]:
    """Yield tables as one JSON object that can stand inside a script element."""
    separator = '{"tables":['
    for table in tables:
        columns = [{"title": title, "number": number in table.numbers} for number, title in enumerate(table.columns)]
        yield f'{separator}{{"title":{harmless(table.title)},"columns":{harmless(columns)},"rows":['
        separator = ",\n"
        between = "\n"
        for row in table.rows:
            yield between + harmless(row)
            between = ",\n"
        yield "]}"
    yield "]}"
