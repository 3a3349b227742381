"""Count the files of each tag, in the whole library and in its folders."""

from array import array
from collections import defaultdict
from collections.abc import Iterable, Sequence
from heapq import heappush, heapreplace

from tagsync.model import AITagUse, Confidences, CurrentFile, FolderCount, Inventory, Places, TagUse, folder_of

MAX_FOLDERS = 10
"""The most folders that are listed for a tag."""

_MAX_DEPTH = 64
"""Deeper folders count as part of their folder at this depth, so that a hostile path cannot take quadratic time."""

_DIGITS = 6
"""Digits after the point of a confidence that was not read, but calculated."""

_Key = str | int
"""An ordinary tag, or the number of an AI tag."""


def count(files: Iterable[CurrentFile]) -> Inventory:
    """Return the tags of files.

    Args:
        files: sorted by path, so that the files below a folder follow each other; AI tags sorted by name and source.
    """
    folders = _OpenFolders()
    known: list[array[float]] = []
    sources: defaultdict[str, _Numbers] = defaultdict(lambda: _Numbers(known))
    total = tagged = 0
    for file in files:
        total += 1
        tagged += bool(file.tags)
        here = folders.at(file.path)
        for tag in set(file.tags):
            here[tag] += 1
        last = -1
        for name, confidence, source in file.ai_tags:
            number = sources[source][name]
            if number != last:  # a file may list the same tag of the same source twice
                here[number] += 1
                last = number
                if confidence is not None:
                    known[number].append(confidence)
    spreads = folders.close()
    names = {number: (name, source) for source, numbers in sources.items() for name, number in numbers.items()}
    tags = [TagUse(key, spread.files, spread.places()) for key, spread in spreads.items() if isinstance(key, str)]
    ai_tags = [
        AITagUse(*names[key], spread.files, _confidences(known[key]), spread.places())
        for key, spread in spreads.items()
        if isinstance(key, int)
    ]
    tags.sort(key=lambda tag: (-tag.files, tag.name))
    ai_tags.sort(key=lambda tag: (-tag.files, tag.name, tag.source))
    return Inventory(tuple(tags), tuple(ai_tags), total, tagged)


class _Numbers(dict[str, int]):
    """The numbers of one source's AI tags by name: a number is hashed faster than a pair of texts.

    Args:
        known: the confidences of each number, for all sources.
    """

    def __init__(self, known: "list[array[float]]") -> None:
        super().__init__()
        self._known = known

    def __missing__(self, name: str) -> int:
        number = self[name] = len(self._known)
        self._known.append(array("d"))
        return number


def _confidences(values: Sequence[float]) -> Confidences | None:
    ranked = sorted(values)
    if not ranked:
        return None
    lower, upper = ranked[(len(ranked) - 1) // 2], ranked[len(ranked) // 2]
    # The mean of two confidences may end in ...01, which nobody has seen in the library.
    median = lower if lower == upper else round((lower + upper) / 2, _DIGITS)
    return Confidences(ranked[0], median, ranked[-1])


class _Spread:
    """The files with one tag, by the parts of the deepest folder that contains all of them.

    Attributes:
        folder: that folder.
        files: how many files there are.
        parts: how many parts there are; 0 if all files are directly in the folder.
        least: the files of the smallest listed part once the list is full; larger parts must be passed to `rank`.
    """

    __slots__ = ("_ranked", "files", "folder", "least", "parts")

    def __init__(self, folder: str, files: int = 0) -> None:
        self.folder = folder
        self.files = files
        self.parts = self.least = 0
        self._ranked: list[tuple[int, int, str]] = []

    def add(self, folder: str, files: int) -> None:
        """Add the files of a subfolder, or those directly in the folder."""
        self.files += files
        self.parts += 1
        if files > self.least:
            self.rank(folder, files)

    def rank(self, folder: str, files: int) -> None:
        """List a part among the largest ones. Of parts with equal counts, the earlier ones stay."""
        if len(self._ranked) < MAX_FOLDERS:
            heappush(self._ranked, (files, -self.parts, folder))
        else:
            heapreplace(self._ranked, (files, -self.parts, folder))
        if len(self._ranked) == MAX_FOLDERS:
            self.least = self._ranked[0][0]

    def places(self) -> Places:
        """Return where the files are."""
        if not self._ranked:
            return Places(self.folder, (FolderCount(self.folder, self.files),))
        largest = [FolderCount(path, files) for files, _, path in sorted(self._ranked, key=_by_files_then_path)]
        return Places(self.folder, tuple(largest), self.parts - len(largest))


def _by_files_then_path(part: tuple[int, int, str]) -> tuple[int, str]:
    return -part[0], part[2]


class _Folder:
    """A folder whose files are being counted: those directly in it, and those in its subfolders so far."""

    __slots__ = ("below", "direct", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self.direct = defaultdict[_Key, int](int)
        self.below: dict[_Key, _Spread] = {}

    def close(self) -> None:
        """Count the files directly in this folder as a part of those below it."""
        if self.below:
            for key, files in self.direct.items():
                self._add(key, self.path, files, None)
            self.direct.clear()

    def take(self, inner: "_Folder") -> None:
        """Add the files of a closed subfolder."""
        folder, below = inner.path, self.below
        # A large library has millions of pairs of a tag and a folder. So the usual case calls nothing.
        for key, files in inner.direct.items():
            known = below.get(key)
            if known is None or known.folder != self.path:
                self._add(key, folder, files, None)
                continue
            known.files += files
            known.parts += 1
            if files > known.least:
                known.rank(folder, files)
        for key, spread in inner.below.items():
            self._add(key, spread.folder, spread.files, spread)

    def _add(self, key: _Key, folder: str, files: int, spread: _Spread | None) -> None:
        """Add the files with a tag in one part of this folder, and how they are spread in it."""
        known = self.below.get(key)
        if known is None:
            self.below[key] = spread or _Spread(folder, files)
            return
        if known.folder != self.path:
            # So far, all files were in one part, and their deepest folder was inside it.
            first, known = known, _Spread(self.path)
            known.add(first.folder, first.files)
            self.below[key] = known
        known.add(folder, files)


class _OpenFolders:
    """The folders around the current file, from the outermost to the innermost."""

    def __init__(self) -> None:
        self._open = [_Folder("")]

    def at(self, path: str) -> dict[_Key, int]:
        """Go on to a file, and return the counts of its folder."""
        folder = folder_of(path)
        while not folder.startswith(self._open[-1].path):
            self._close_last()
        while len(self._open) <= _MAX_DEPTH and (inner := self._open[-1].path) != folder:
            self._open.append(_Folder(path[: path.index("/", len(inner)) + 1]))
        return self._open[-1].direct

    def _close_last(self) -> None:
        inner = self._open.pop()
        inner.close()
        self._open[-1].take(inner)

    def close(self) -> dict[_Key, _Spread]:
        """Close all folders, and return the spread of each tag."""
        # The root is closed into a folder around it, so that its own files have spreads, too.
        self._open.insert(0, _Folder(""))
        while len(self._open) > 1:
            self._close_last()
        return self._open[0].below
