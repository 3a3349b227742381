"""Count the files of each tag, in the whole library and in its folders."""

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from heapq import heappush, heappushpop

from tagsync.model import AITagUse, Confidences, CurrentFile, FolderCount, Inventory, Places, TagUse

MAX_FOLDERS = 10
"""The most folders that are listed for a tag."""

_MAX_DEPTH = 64
"""Deeper folders count as part of their folder at this depth, so that a hostile path cannot take quadratic time."""

_Key = str | tuple[str, str]
"""An ordinary tag, or the name and source of an AI tag."""


def count(files: Iterable[CurrentFile]) -> Inventory:
    """Return the tags of files.

    Args:
        files: sorted by path, so that the files below a folder follow each other.
    """
    folders = _OpenFolders()
    confidences: dict[_Key, array[float]] = {}
    total = tagged = 0
    for file in files:
        total += 1
        tagged += bool(file.tags)
        here = folders.at(file.path)
        here.update(set(file.tags))
        # A dictionary, because a file may list the same tag of the same source twice.
        found = {(name, source): confidence for name, confidence, source in file.ai_tags}
        here.update(found.keys())
        for key, confidence in found.items():
            if confidence is not None:
                confidences.setdefault(key, array("d")).append(confidence)
    spreads = folders.close()
    tags = [TagUse(key, spread.files, spread.places()) for key, spread in spreads.items() if isinstance(key, str)]
    ai_tags = [
        AITagUse(*key, spread.files, _confidences(confidences.get(key, ())), spread.places())
        for key, spread in spreads.items()
        if isinstance(key, tuple)
    ]
    tags.sort(key=lambda tag: (-tag.files, tag.name))
    ai_tags.sort(key=lambda tag: (-tag.files, tag.name, tag.source))
    return Inventory(tuple(tags), tuple(ai_tags), total, tagged)


def _confidences(values: Sequence[float]) -> Confidences | None:
    ranked = sorted(values)
    return Confidences(ranked[0], ranked[(len(ranked) - 1) // 2], ranked[-1]) if ranked else None


class _Spread:
    """The files with one tag, by the parts of the deepest folder that contains all of them."""

    __slots__ = ("_parts", "_ranked", "files", "folder")

    def __init__(self, folder: str, files: int = 0) -> None:
        self.folder = folder
        self.files = files
        self._parts = 0
        self._ranked: list[tuple[int, int, str]] = []
        """A heap of the largest parts; empty if all files are directly in the folder."""

    def add(self, part: "_Spread") -> None:
        """Add the files of a subfolder, or those directly in the folder."""
        self.files += part.files
        # Of parts with equal counts, the earlier ones are kept.
        item = part.files, -self._parts, part.folder
        self._parts += 1
        if len(self._ranked) < MAX_FOLDERS:
            heappush(self._ranked, item)
        else:
            heappushpop(self._ranked, item)

    def places(self) -> Places:
        """Return where the files are."""
        if not self._ranked:
            return Places(self.folder, (FolderCount(self.folder, self.files),))
        largest = [FolderCount(path, files) for files, _, path in sorted(self._ranked, key=_by_files_then_path)]
        return Places(self.folder, tuple(largest), self._parts - len(largest))


def _by_files_then_path(part: tuple[int, int, str]) -> tuple[int, str]:
    return -part[0], part[2]


class _Folder:
    """A folder whose files are being counted: those directly in it, and those in its subfolders so far."""

    __slots__ = ("_below", "direct", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self.direct: Counter[_Key] = Counter()
        self._below: dict[_Key, _Spread] = {}

    def add(self, key: _Key, part: _Spread) -> None:
        """Add the files with a tag in one part of this folder."""
        known = self._below.get(key)
        if known is None:
            self._below[key] = part
            return
        if known.folder != self.path:
            # So far, all files were in one part, and their deepest folder was inside it.
            first, known = known, _Spread(self.path)
            known.add(first)
            self._below[key] = known
        known.add(part)

    def close(self) -> dict[_Key, _Spread]:
        """Return the spread of each tag below this folder."""
        for key, files in self.direct.items():
            self.add(key, _Spread(self.path, files))
        return self._below


class _OpenFolders:
    """The folders around the current file, from the outermost to the innermost."""

    def __init__(self) -> None:
        self._open = [_Folder("")]

    def at(self, path: str) -> Counter[_Key]:
        """Go on to a file, and return the counter of its folder."""
        folder = path[: path.rfind("/") + 1]
        while not folder.startswith(self._open[-1].path):
            self._close_last()
        while len(self._open) <= _MAX_DEPTH and (inner := self._open[-1].path) != folder:
            self._open.append(_Folder(path[: path.index("/", len(inner)) + 1]))
        return self._open[-1].direct

    def _close_last(self) -> None:
        inner, outer = self._open.pop(), self._open[-1]
        for key, spread in inner.close().items():
            outer.add(key, spread)

    def close(self) -> dict[_Key, _Spread]:
        """Close all folders, and return the spread of each tag."""
        while len(self._open) > 1:
            self._close_last()
        return self._open[0].close()
