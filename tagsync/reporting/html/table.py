"""Embed changed files in an HTML page as compact, harmless JSON; the page's script draws the table.

Texts that repeat (folders, tags, reasons, whole sets of changes) are listed once, at the end; rows have their numbers.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tagsync.documents.canonical import canonical
from tagsync.escape import shown
from tagsync.model import Change, FileChange, FileOutcome, Op, Reason, folder_of
from tagsync.reporting.groups import Causes
from tagsync.reporting.phrases import shown_origin

PROMOTED = 1
"""A mark of a change: an AI tag is removed because it becomes an ordinary tag, or that ordinary tag is added."""

ALREADY = 2
"""A mark of a change: the library already had it before the first write."""

MADE, NOT_MADE = 4, 8
"""Marks of the changes of a file that an apply changed in part."""

_OPS = {op: number for number, op in enumerate(Op)}
_HTML = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


class FileRow(NamedTuple):
    """One row of the table.

    Attributes:
        change: a file's changes.
        status: their status in a word; empty if there is none yet.
        tone: how that looks: good, warn or bad.
        outcome: more about that.
        thumbnail: the address of a thumbnail; empty for none.
    """

    change: FileChange
    status: str = ""
    tone: str = ""
    outcome: FileOutcome | None = None
    thumbnail: str = ""


def embedded(rows: Iterable[FileRow], causes: Causes, *, names: Mapping[str, str]) -> Iterator[str]:
    """Yield the rows as one JSON object that can stand inside a script element.

    Args:
        rows: the rows, in the order of their paths.
        causes: why changes are necessary again, as far as it is known.
        names: how to show manifests.
    """
    tables = _Tables(causes, names)
    separator = '{"files":[\n'
    for row in rows:
        yield separator + harmless(tables.row(row))
        separator = ",\n"
    yield '{"files":[' if separator.startswith("{") else "\n]"
    yield "]" if separator.startswith("{") else ""
    for name, items in tables.all().items():
        yield f',\n"{name}":{harmless(items)}'
    yield "}\n"


def harmless(value: Any) -> str:
    """Return JSON in ASCII that can neither end the element around it nor be parsed as markup."""
    return canonical(value).translate(_HTML)


class _Interned(dict[Any, int]):
    """Numbers values in the order in which they are first looked up."""

    def __missing__(self, key: Any) -> int:
        self[key] = number = len(self)
        return number


class _Tables:
    """Values that repeat in rows: each once, with a number."""

    def __init__(self, causes: Causes, names: Mapping[str, str]) -> None:
        self._known = causes
        self._names = names
        self._folders, self._tags, self._sources, self._statuses = (_Interned() for _ in range(4))
        self._causes, self._reasons, self._lists, self._changes = (_Interned() for _ in range(4))

    def row(self, row: FileRow) -> list[Any]:
        """Return a row: folder, name, tags, AI tags, changes; status, outcome and thumbnail if there are any."""
        file = row.change.file
        folder = folder_of(file.path)
        item = [
            self._folders[folder],
            shown(file.path[len(folder) :]),
            self._lists[tuple(self._tags[tag] for tag in file.tags)],
            [
                part
                for tag in file.ai_tags
                for part in (self._tags[tag.name], tag.confidence, self._sources[tag.source])
            ],
            self._changes[tuple(self._change_items(row))],
            self._statuses[row.status, row.tone] if row.status else None,
            _outcome(row.outcome),
            row.thumbnail or None,
        ]
        while item[-1] is None:
            item.pop()
        return item

    def _change_items(self, row: FileRow) -> Iterator[tuple[int, ...]]:
        change = row.change
        promoted = set(change.promoted())
        already = set(row.outcome.already) if row.outcome else set()
        made = row.outcome.parts.made if row.outcome and row.outcome.parts else ()
        for item in change.changes:
            marks = PROMOTED * (item.op != Op.REMOVE and item.tag in promoted)
            marks |= ALREADY * ((item.op, item.tag) in already)
            if made and not marks & ALREADY:
                marks |= MADE if (item.op, item.tag) in made else NOT_MADE
            because = [self._reasons[reason] for reason in item.because]
            yield _OPS[item.op], self._tags[item.tag], marks, self._cause(row, item), *because

    def _cause(self, row: FileRow, item: Change) -> int:
        """Return the number of a change's cause, -1 if none is known."""
        cause = self._known.get((row.change.file.file_id, item.op, item.tag)) if self._known else None
        return -1 if cause is None else self._causes[cause]

    def _reason(self, reason: Reason) -> list[str]:
        return [shown(reason.rule), shown_origin(reason.origin, self._names)]

    def all(self) -> dict[str, Sequence[Any]]:
        """Return the tables by their names in the page's script."""
        texts = {
            "folders": self._folders,
            "tags": self._tags,
            "sources": self._sources,
            "causes": self._causes,
        }
        return {name: [shown(text) for text in table] for name, table in texts.items()} | {
            "statuses": list(self._statuses),
            "reasons": list(map(self._reason, self._reasons)),
            "lists": list(self._lists),
            "changes": list(self._changes),
        }


def _outcome(outcome: FileOutcome | None) -> list[Any] | None:
    """Return attempts, error and request of an outcome; None if it has none of them."""
    if outcome is None or not (outcome.attempts or outcome.error or outcome.request_id):
        return None
    return [outcome.attempts, shown(outcome.error or ""), shown(outcome.request_id or "")]
