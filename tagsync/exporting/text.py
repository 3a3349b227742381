"""Manifests as text, and how long its lines are; which files stand together is decided in `fold` and `share`.

The shape is narrow: texts and lists of texts. What any version of YAML could read as something else is quoted.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from tagsync.printable import shown

HEAD = "apiVersion: tagsync/v1\nkind: TagSet\nspec:\n"
_SCHEMA_LINE = "# yaml-language-server: $schema=./manifest.schema.json\n"
_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9/._*-]*(?: [A-Za-z0-9/._-]+)*")
_AMBIGUOUS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null"))


class Entry(NamedTuple):
    """One entry: how and what it selects, its own tags, whether they may pass 500 characters, globs left out."""

    key: Literal["path", "fileId", "match"]
    selector: str
    tags: tuple[str, ...]
    lenient: bool = False
    excepts: tuple[str, ...] = ()


class Sheet(NamedTuple):
    """One document: tags that all of its entries share, and the entries."""

    defaults: tuple[str, ...]
    entries: tuple[Entry, ...]


def manifest_text(sheets: Sequence[Sheet], about: str) -> Iterator[str]:
    """Yield a manifest piece by piece.

    Args:
        sheets: its documents; without any there is one that declares nothing.
        about: what it is, for a comment in the second line; text from elsewhere in it as `scalar` writes it.
    """
    yield f"{_SCHEMA_LINE}# {shown(about)}\n"
    for number, sheet in enumerate(sheets or (Sheet((), ()),)):
        yield ("---\n" if number else "") + HEAD
        if sheet.defaults:
            yield f"  defaults:\n    tags: {_list(sheet.defaults)}\n"
        yield "  files:\n" if sheet.entries else "  files: []\n"
        yield from map(_entry, sheet.entries)


def split(sheets: Iterable[Sheet], characters: int) -> Iterator[list[Sheet]]:
    """Yield documents for one manifest after the other, none of them much longer than so many characters."""
    part: list[Sheet] = []
    length = 0
    for sheet in sheets:
        entries: list[Entry] = []
        for entry in sheet.entries:
            if length > characters:
                yield [*part, *([Sheet(sheet.defaults, tuple(entries))] if entries else [])]
                part, entries, length = [], [], 0
            entries.append(entry)
            length += entry_length(entry)
        part.append(Sheet(sheet.defaults, tuple(entries)))
        length += SHEET
    if part:
        yield part


def _entry(entry: Entry) -> str:
    text = f"    - {entry.key}: {scalar(entry.selector)}\n"
    if entry.excepts:
        text += f"      except: {_list(entry.excepts)}\n"
    if entry.tags:
        text += f"      tags: {_list(entry.tags)}\n"
    if entry.lenient:
        text += "      ifOverLimit: skip\n"
    return text


def _list(texts: Iterable[str]) -> str:
    return f"[{', '.join(map(scalar, texts))}]"


def entry_length(entry: Entry) -> int:
    """Return how many characters an entry takes."""
    return len(_entry(entry))


TAGS_LINE = len("      tags: []\n")
"""What a list of tags takes beside its tags."""

SHEET = len(f"---\n{HEAD}  defaults:\n    tags: []\n  files:\n")
"""What a document takes beside its entries and the tags of its defaults."""

BETWEEN = len(", ")
"""What stands between two tags."""


def scalar(text: str) -> str:
    """Return text as YAML that every version reads as this very text."""
    if _PLAIN.fullmatch(text) and text.lower() not in _AMBIGUOUS:
        return text
    return "".join(map(_written, json.dumps(text, ensure_ascii=False)))


def _written(character: str) -> str:
    """Return a character as it may stand between double quotes, for YAML allows fewer there than JSON."""
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"  # noqa: PLR2004 - the widths of YAML's own escapes
