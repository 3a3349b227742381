"""Find, for each tag, the folders to match it in, with the files that lack it in `except`.

From the deepest folders up, each folder chooses the shorter of two texts: one match for the whole folder, or the
choices of its subfolders plus rules for its own files. A tag in a file's rule counts half, because shared defaults may
later declare it for many files at once.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from tagsync.exporting.folder_tree import Folder
from tagsync.exporting.manifest_text import BETWEEN, RuleDraft, entry_length, tag_scalar
from tagsync.globs import escaped

MIN_FILES = 5
"""The fewest files with the tag for a match. With fewer, it may be a coincidence that the next upload ends."""

MAX_EXCEPTS = 10
"""The most exceptions of a match. A longer list no longer reads like a rule."""

_WORTH = 0.5
"""The weight of a character of a tag in a file's entry, compared to one in a match."""

Tags = Mapping[str, frozenset[str]]
"""The tags of files by path."""

Globs = tuple[str, ...]


class Match(NamedTuple):
    """One tag for all files below a folder, except those that a glob in `excepts` matches."""

    folder: Folder
    tag: str
    excepts: Globs


class _Choice(NamedTuple):
    """The best way found to declare one tag below one folder, where `having` files have it."""

    having: int
    size: float
    matches: tuple[Match, ...]
    lacking: Globs | None
    """Globs for the files that lack the tag; None if there are too many."""


_Choices = dict[str, _Choice]
"""Choices by tag."""


def matches_with_exceptions(folders: Sequence[Folder], tags: Tags) -> Iterator[Match]:
    """Yield the matches, none for the whole library; no two matches of one tag cover the same file.

    Args:
        folders: a tree; each folder comes before those in it.
        tags: the tags of each file.
    """
    chosen: dict[Folder, _Choices] = {}
    for folder in reversed(folders):
        chosen[folder] = _choices(folder, [chosen.pop(inner) for inner in folder.folders], tags)
    for _tag, choice in sorted(chosen[folders[0]].items()):
        yield from choice.matches


def _choices(folder: Folder, inner: Sequence[_Choices], tags: Tags) -> _Choices:
    having = Counter(tag for path in folder.files for tag in tags[path])
    parts: dict[str, list[_Choice]] = defaultdict(list)
    for choices in inner:
        for tag, choice in choices.items():
            parts[tag].append(choice)
    found = {}
    for tag in having.keys() | parts.keys():
        apart = _WORTH * (len(tag_scalar(tag)) + BETWEEN) * having[tag]
        apart += sum(part.size for part in parts.get(tag, ()))
        files = having[tag] + sum(part.having for part in parts.get(tag, ()))
        count = len(folder.files) - having[tag] + len(inner) - len(parts.get(tag, ()))
        # A lower bound for the number of globs: it rules out most tags without looking at each file.
        lacking = _lacking(folder, tag, inner, tags) if count <= MAX_EXCEPTS else None
        matches = tuple(match for part in parts.get(tag, ()) for match in part.matches)
        found[tag] = _cheaper(folder, tag, _Choice(files, apart, matches, lacking))
    return found


def _cheaper(folder: Folder, tag: str, apart: _Choice) -> _Choice:
    """Return one match for the folder if it is a rule and shorter, else the choices of its subfolders."""
    if apart.lacking is None or apart.having < MIN_FILES or not folder.path:
        return apart
    here = entry_length(RuleDraft("match", folder.glob, (tag,), excepts=apart.lacking))
    return apart._replace(size=here, matches=(Match(folder, tag, apart.lacking),)) if here < apart.size else apart


def _lacking(folder: Folder, tag: str, inner: Sequence[_Choices], tags: Tags) -> Globs | None:
    """Return globs for the files below a folder that lack a tag; None if there are too many."""
    found = [escaped(path) for path in folder.files if tag not in tags[path]]
    for below, choices in zip(folder.folders, inner, strict=True):
        lacking = choices[tag].lacking if tag in choices else (below.glob,)
        if lacking is None:
            return None
        found += lacking
    return tuple(sorted(found)) if len(found) <= MAX_EXCEPTS else None
