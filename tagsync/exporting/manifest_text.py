"""Write manifests as YAML text, and measure how long their lines are.

The text holds strings and lists of strings only. A string that some version of YAML could read as another type is
quoted.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from tagsync.escape import CI_COMMAND, escaped_character, shown
from tagsync.model.cells import DEFAULT_SEPARATOR
from tagsync.model.templates import escaped_braces

HEAD = "apiVersion: tagsync/v1\nkind: TagSet\nspec:\n"
_SCHEMA_LINE = "# yaml-language-server: $schema=./manifest.schema.json\n"
# Narrow on purpose: anything else is quoted, which is always right.
_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9/._*-]*(?: [A-Za-z0-9/._-]+)*")
_AMBIGUOUS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null"))


class RuleDraft(NamedTuple):
    """One rule: its selector, its tags, whether they may exceed 500 characters, and the globs in `except`."""

    key: Literal["path", "fileId", "match"]
    selector: str
    tags: tuple[str, ...]
    lenient: bool = False
    excepts: tuple[str, ...] = ()


class ManifestDraft(NamedTuple):
    """One manifest: the tags in its defaults, its rules, and the CSV files with more rules and their separator."""

    defaults: tuple[str, ...]
    entries: tuple[RuleDraft, ...]
    csv_files: tuple[str, ...] = ()
    separator: str = DEFAULT_SEPARATOR


def manifest_text(draft: ManifestDraft, about: str) -> Iterator[str]:
    """Yield the text of a manifest in pieces.

    Args:
        draft: its content.
        about: a description for a comment in the second line; texts from elsewhere must be written by `scalar`.
    """
    yield f"{_SCHEMA_LINE}# {shown(about)}\n{HEAD}"
    # If somebody deletes a file in the dashboard, the manifest must still apply to all others.
    names_files = bool(draft.csv_files) or any(entry.key != "match" for entry in draft.entries)
    if draft.defaults or names_files:
        yield "  defaults:\n"
    if draft.defaults:
        yield f"    tags: {_tag_list(draft.defaults)}\n"
    if names_files:
        yield _IF_MISSING
    if draft.csv_files:
        yield f"  filesFrom: {text_list(draft.csv_files)}\n"
    if draft.separator != DEFAULT_SEPARATOR:
        yield f"  listSeparator: {scalar(draft.separator)}\n"
    if draft.entries or not draft.csv_files:
        yield "  files:\n" if draft.entries else "  files: []\n"
    yield from map(_entry, draft.entries)


def split(draft: ManifestDraft, characters: int) -> Iterator[ManifestDraft]:
    """Split a manifest into parts that are not much longer than a number of characters; the first has its CSV files."""
    entries: list[RuleDraft] = []
    length = 0
    for entry in draft.entries:
        if length > characters:
            yield draft._replace(entries=tuple(entries))
            entries, length, draft = [], 0, ManifestDraft(draft.defaults, ())
        entries.append(entry)
        length += entry_length(entry)
    yield draft._replace(entries=tuple(entries))


def joined(drafts: Iterable[ManifestDraft]) -> ManifestDraft:
    """Join manifests into one, with each manifest's defaults in its entries."""
    entries = (
        entry._replace(tags=tuple(sorted({*draft.defaults, *entry.tags})))
        for draft in drafts
        for entry in draft.entries
    )
    return ManifestDraft((), tuple(entries))


def _entry(entry: RuleDraft) -> str:
    text = f"    - {entry.key}: {scalar(entry.selector)}\n"
    if entry.excepts:
        text += f"      except: {text_list(entry.excepts)}\n"
    if entry.tags:
        text += f"      tags: {_tag_list(entry.tags)}\n"
    if entry.lenient:
        text += "      ifOverLimit: skip\n"
    return text


def text_list(texts: Iterable[str]) -> str:
    """Return texts as a YAML list in one line."""
    return f"[{', '.join(map(scalar, texts))}]"


def _tag_list(tags: Iterable[str]) -> str:
    return f"[{', '.join(map(tag_scalar, tags))}]"


def entry_length(entry: RuleDraft) -> int:
    """Return the length of an entry in characters."""
    return len(_entry(entry))


TAGS_LINE = len("      tags: []\n")
"""The length of a line of tags without its tags."""

_IF_MISSING = "    ifMissing: warn\n"

ENVELOPE = len(f"{_SCHEMA_LINE}{HEAD}  defaults:\n    tags: []\n{_IF_MISSING}  files:\n")
"""The length of a manifest without its entries and the tags in its defaults."""

BETWEEN = len(", ")
"""The length of the separator between two tags."""


def tag_scalar(tag: str) -> str:
    """Return a tag as a manifest has it: a brace is escaped, because it would start a placeholder."""
    return scalar(escaped_braces(tag))


def scalar(text: str) -> str:
    """Return text as YAML that every version reads as this text, and that starts no command in a CI log."""
    if _PLAIN.fullmatch(text) and text.lower() not in _AMBIGUOUS:
        return text
    # YAML allows fewer characters in double quotes than JSON.
    characters = (
        each if each.isprintable() else escaped_character(each) for each in json.dumps(text, ensure_ascii=False)
    )
    return CI_COMMAND.sub(r"\\x23", "".join(characters))
