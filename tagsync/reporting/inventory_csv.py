"""Write the tags and the files of a library as CSV.

No cell can run as a formula in a spreadsheet or send control characters to a terminal. JSON has the exact text.
"""

from collections.abc import Iterable, Iterator

from tagsync.escape import shown
from tagsync.model import CurrentFile, Inventory
from tagsync.model.cells import csv_row, escaped_cell, list_separator


def tags_csv(inventory: Inventory) -> Iterator[str]:
    """Yield a row for each tag."""
    yield _row("kind", "name", "source", "files", "minConfidence", "medianConfidence", "maxConfidence", "folder")
    for tag in inventory.tags:
        yield _row("tag", tag.name, "", tag.files, "", "", "", tag.places.folder)
    for ai_tag in inventory.ai_tags:
        confidence = ai_tag.confidence or ("", "", "")
        yield _row("aiTag", ai_tag.name, ai_tag.source, ai_tag.files, *confidence, ai_tag.places.folder)


def files_csv(files: Iterable[CurrentFile], separator: str) -> Iterator[str]:
    """Yield a row for each file, with its tags in one cell."""
    yield _row("fileId", "path", "tags", "aiTags")
    for file in files:
        ai_tags = dict.fromkeys(tag.name for tag in file.ai_tags)
        yield _row(file.file_id, file.path, separator.join(file.tags), separator.join(ai_tags))


def separator_of_tags(files: Iterable[CurrentFile]) -> str:
    """Return a separator that no tag and no AI tag of the files contains; a semicolon, if possible."""
    return list_separator(name for file in files for name in (*file.tags, *(tag.name for tag in file.ai_tags)))


def _row(*cells: str | float) -> str:
    return csv_row([escaped_cell(shown(cell)) if isinstance(cell, str) else cell for cell in cells])
