"""Check the entries of a manifest and encode them as rows of the entry store."""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from tagsync.escape import shown
from tagsync.manifest import schema
from tagsync.manifest.entries import are_plain_tags, entry_of
from tagsync.manifest.entry_store import EntryRow, row_of
from tagsync.manifest.yaml import AMBIGUOUS, Map, ReportError
from tagsync.model import Declaration

_DAY = re.compile("^[0-9]{4}-[0-9]{2}-[0-9]{2}$")


def read_row(tree: Any, place: int, written: Mapping[int, str], report: ReportError) -> EntryRow | None:
    """Check one entry and return its row; None if it is invalid.

    Args:
        tree: the entry as it was read.
        place: where it starts, packed.
        written: the source text of its unquoted scalars, by place.
        report: called for each error.
    """
    if isinstance(tree, Map) and "until" in tree:
        _check_day(tree, written, report)
    found = entry_of(tree, place)
    if found is None or not are_plain_tags(_tags_as_written(found[1])):
        for error in schema.errors("entry", tree, place, written):
            report(*error)
    return found and row_of(found[0], place >> 32, found[1])


def _tags_as_written(declared: Declaration) -> Iterable[str]:
    templates = declared.templating.templates if declared.templating else ()
    return (*declared.tags.values, *(template.text for template in templates if template.key == "tags"))


def _check_day(tree: Map, written: Mapping[int, str], report: ReportError) -> None:
    """Check `until`. A date needs no quotes here, because nothing else is valid."""
    at = tree.places["until"]
    if tree["until"] is AMBIGUOUS and _DAY.match(written[at]):
        tree["until"] = written[at]
    text = tree["until"]
    if isinstance(text, str) and _DAY.match(text):
        try:
            date.fromisoformat(text)
        except ValueError:
            report(at, "day", f"{shown(text)} is not a date in the calendar: correct the day or the month")
