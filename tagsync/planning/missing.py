"""Collect declared files that the library does not have, and suggest what may be meant."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from operator import itemgetter

from tagsync.escape import quoted
from tagsync.globs import escaped
from tagsync.model import (
    ById,
    ByMatch,
    ByPath,
    CurrentFile,
    CurrentState,
    Declaration,
    Diagnostic,
    Entry,
    Level,
    NotFound,
    Origin,
    Unreadable,
    normalized,
)
from tagsync.planning.bounded import LEVEL_OF, LEVELS, First
from tagsync.planning.folder_hint import FolderHint, Folders, digits

_MOST_COMPARED = 10_000
_LEAST_SIMILARITY = 2 / 3

_MOST_NEIGHBOURS = 2_000
_LEAST_SIMILARITY_OF_NEIGHBOURS = 0.8
"""Higher, because files of a set have similar names: a file that was deleted is not one of the others."""

_MOST_FOLDERS = 40

_PATTERN = "a path names one file, and * is part of its name. To select files by a pattern, use match"


class MissingFiles:
    """The entries whose files are not in the library: all are counted, the first are kept.

    Args:
        unreadable: file objects that could not be read; entries that name one are kept separately.
    """

    def __init__(self, unreadable: Iterable[Unreadable]) -> None:
        self.unreadable: list[Entry] = []
        self._names = {name for item in unreadable for name in (item.file_id, item.path)}
        self._files = First[tuple[bool, str, Entry]](itemgetter(0, 1))
        """Each file once: whether it is declared by ID, its path or ID, and the first entry for it."""
        self._reported = First[tuple[Level, Entry]](_by_level_and_place)
        """The entries that need a diagnostic, with its level."""
        self._levels = Counter[Level]()
        """The number of them."""
        self._last: ByPath | ById | ByMatch | None = None

    def add(self, entry: Entry) -> bool:
        """Add an entry, and return whether its file is really missing; entries of the same file must come in a row."""
        if self._names and named(entry) in self._names:
            self.unreadable.append(entry)
            return False
        selector = entry.selector
        if selector != self._last:
            self._last = selector
            self._files.add((isinstance(selector, ById), selector[0] or "", entry))
        level = _level_if_missing(entry.declaration)
        if level:
            self._levels[level] += 1
            self._reported.add((level, entry))
        return True

    @property
    def count(self) -> int:
        """The number of missing files."""
        return self._files.count

    def first(self) -> tuple[NotFound, ...]:
        """Return the first files: those declared by path, sorted, then those declared by ID."""
        return tuple(
            NotFound(None, name, entry.origin()) if is_id else NotFound(name, None, entry.origin())
            for is_id, name, entry in self._files.items()
        )

    def findings(self, files: Iterable[CurrentFile]) -> Iterator[Diagnostic]:
        """Yield a diagnostic for each of the first entries.

        Args:
            files: all files of the library.
        """
        reported = self._reported.items()
        paths = {entry.selector.path for _, entry in reported if isinstance(entry.selector, ByPath)}
        similar = SimilarPaths(paths, files)
        for level, entry in reported:
            yield _missing_finding(entry, level, similar)

    def unlisted(self) -> Counter[Level]:
        """Return the number of entries beyond those with a diagnostic, by level."""
        return self._levels - Counter(level for level, _ in self._reported.items())


class SimilarPaths:
    """Find files whose paths differ from given ones only in case or Unicode form."""

    def __init__(self, paths: Collection[str], files: Iterable[CurrentFile]) -> None:
        keys, folded = set(map(normalized, paths)), {path.casefold() for path in paths}
        # Most names of files have a suffix, and most names of folders do not.
        without = [path for path in sorted(paths) if "." not in path.rpartition("/")[2]]
        self._folders = {path: FolderHint(escaped(path)) for path in without[:_MOST_FOLDERS]}
        self._normalized: set[str] = set()
        self._folded: dict[str, str] = {}
        self._library = Folders()
        self._neighbours: dict[str, dict[str, str]] = {
            path.rpartition("/")[0]: {} for path in sorted(paths)[:_MOST_FOLDERS]
        }
        """The files of the folders of the first paths: their stems and paths."""
        if not paths:
            return
        for file in files:
            self._library.note(file.path)
            folder, _, name = file.path.rpartition("/")
            neighbours = self._neighbours.get(folder)
            if neighbours is not None and len(neighbours) < _MOST_NEIGHBOURS:
                neighbours.setdefault(_stem(name), file.path)
            for hint in self._folders.values():
                hint.note(file.path, file.path.casefold())
            key = normalized(file.path)
            if key in keys:
                self._normalized.add(key)
            key = file.path.casefold()
            if key in folded:
                self._folded[key] = file.path

    def hint(self, path: str, *, otherwise: str) -> str:
        """Return a suggestion for one of the paths."""
        if normalized(path) in self._normalized:
            return "the library has a path that is equal under Unicode NFC; copy it from there"
        twin = self._folded.get(path.casefold())
        return f"did you mean {quoted(twin, 200)}?" if twin else otherwise

    def in_same_folder(self, path: str) -> str:
        """Return a suggestion of a file with a similar name in the folder of one of the paths; "" if there is none."""
        folder, _, name = path.rpartition("/")
        stem = _stem(name)
        alike = {each: its for each, its in self._neighbours.get(folder, {}).items() if digits(each) == digits(stem)}
        found = _most_similar(stem, alike, _LEAST_SIMILARITY_OF_NEIGHBOURS)
        return f"did you mean {quoted(found, 200)}?" if found else ""

    def in_near_folder(self, path: str) -> str:
        """Return a suggestion for one of the paths whose folder does not exist; "" if no folder is similar."""
        folder = path.rpartition("/")[0]
        return self._library.words(escaped(path), folder) if folder else ""

    def files_of(self, path: str) -> str | None:
        """Return a glob over the files of the folder that one of the paths names; None if it names none."""
        return self._folders[path].glob if path in self._folders else None


def missing_hint(path: str, current: CurrentState) -> str:
    """Return a suggestion for a path that no file has."""
    if not path.startswith("/"):
        return "a path starts with /"
    return SimilarPaths({path}, current.files).hint(path, otherwise="") or _nearest(path, current.files)


def _nearest(path: str, files: Iterable[CurrentFile]) -> str:
    """Return a hint at a file with a similar name in the same folder, or with the same name elsewhere.

    If several folders have a file with that name, the folder has to be similar too.
    """
    folder, _, name = path.rpartition("/")
    neighbours: dict[str, str] = {}
    namesakes: dict[str, str] = {}
    for file in files:
        its_folder, _, its_name = file.path.rpartition("/")
        # A comparison takes some microseconds, so a folder of a million files would take seconds.
        if its_folder == folder and len(neighbours) < _MOST_COMPARED:
            neighbours.setdefault(_stem(its_name), file.path)
        elif its_name == name and len(namesakes) < _MOST_COMPARED:
            namesakes[its_folder] = file.path
    only = next(iter(namesakes.values())) if len(namesakes) == 1 else None
    similar = _most_similar(_stem(name), neighbours) or only or _most_similar(folder, namesakes)
    return f"did you mean {quoted(similar, 200)}?" if similar else "check the path"


def _stem(name: str) -> str:
    """Return a name without its suffix, which would make short names similar that have nothing else in common."""
    return name.rpartition(".")[0] or name


def _most_similar(text: str, paths: Mapping[str, str], least: float = _LEAST_SIMILARITY) -> str | None:
    """Return the path of the text that is most similar to a given one; None if none is."""
    found = get_close_matches(text, paths, n=1, cutoff=least)
    return paths[found[0]] if found else None


def named(entry: Entry) -> str:
    """Return the path or ID that an entry names."""
    match entry.selector:
        case ByPath(name) | ById(name):
            return name
    return ""  # pragma: no cover - a match names no file


def _level_if_missing(declared: Declaration) -> Level | None:
    if declared.if_missing is None and declared.only_removes:
        return "info"
    return LEVEL_OF[declared.if_missing or "error"]


def _missing_finding(entry: Entry, level: Level, similar: SimilarPaths) -> Diagnostic:
    fine = "this rule only removes tags, so there is nothing to do" if level == "info" else ""
    if isinstance(entry.selector, ByPath):
        path = entry.selector.path
        twin = similar.hint(path, otherwise=_PATTERN if "*" in path else "")
        near = "" if twin or fine else similar.in_same_folder(path) or similar.in_near_folder(path)
        if twin and level == "info":
            level = "warning"
        message = (
            f"{quoted(path, 200)} is not in the library: {twin or fine or near or 'check the path, or set ifMissing'}"
        )
        if glob := similar.files_of(path):
            message = f"{quoted(path, 200)} is a folder: to select its files, write match: {quoted(glob, 200)}"
    else:
        assert isinstance(entry.selector, ById)  # noqa: S101 - a match is never missing; tells mypy
        message = f"no file has the ID {quoted(entry.selector.file_id)}: {fine or 'check it, or set ifMissing'}"
    return Diagnostic(level, "missing", message, entry.origin())


def _by_level_and_place(item: tuple[Level, Entry]) -> tuple[int, Origin]:
    level, entry = item
    return LEVELS.index(level), entry.origin()
