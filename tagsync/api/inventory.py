"""Show what is in a library: its tags, and the files that have a tag or match a glob or query."""

import asyncio
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from difflib import get_close_matches

from tagsync.api.gather import check_folder, now
from tagsync.concurrency import blocking
from tagsync.errors import LibraryError, RejectedError, UsageError
from tagsync.escape import quoted
from tagsync.events import Listener, ignore
from tagsync.globs import capture_fault, path_matcher
from tagsync.inventory.agreement import compare
from tagsync.inventory.count import count
from tagsync.inventory.selection import FileFilter, selected
from tagsync.inventory.suggest import suggest
from tagsync.library.deadline import check_duration, deadline
from tagsync.library.reading.reader import LibraryReader
from tagsync.library.target import Target, connect
from tagsync.model import AIComparison, CurrentFile, CurrentState, Inventory, Suggestions, folded, normalized
from tagsync.model.templates import CUSTOM_METADATA, FILE_TYPE
from tagsync.planning.filter import select_fault
from tagsync.planning.folder_hint import FolderHint, Folders
from tagsync.planning.read_scope import needs_of
from tagsync.planning.skipped_files import unreadable_finding

SECONDS_FOR_HINTS = 5
"""How long to read the whole library for hints if no file meets the conditions."""

_LEAST_SIMILARITY = 0.75


class FoundFiles:
    """The files that `ls` found, sorted by path. They are kept on disk, and can be iterated several times.

    Attributes:
        diagnostics: what else was noticed.
        known: the whole library, if no file meets the conditions, to find out why; None if it was not read.
    """

    def __init__(self, current: CurrentState, wanted: FileFilter, known: CurrentState | None = None) -> None:
        self._current = current
        self.known = known
        self._wanted = wanted
        self.diagnostics = (*current.diagnostics, *map(unreadable_finding, current.unreadable))

    def similar_path(self) -> str | None:
        """Return a path that the glob matches only if case and Unicode form make no difference.

        It is None if no such path was read.
        """
        glob = self._wanted.glob
        if glob is None:
            return None
        is_similar = path_matcher(folded(glob))
        return next((file.path for file in self._read if is_similar(folded(file.path))), None)

    @property
    def _read(self) -> Iterable[CurrentFile]:
        return (self.known or self._current).files

    def matches_glob(self) -> bool:
        """Return whether the glob matches a path that was read."""
        glob = self._wanted.glob
        return glob is not None and any(map(path_matcher(glob), (file.path for file in self._read)))

    def folder_hint(self) -> str:
        """Return what to write instead of the glob if the library has a similar folder; else ""."""
        hint, folders = FolderHint(self._wanted.glob or "/"), Folders()
        for file in self._read:
            hint.note(file.path, folded(file.path))
            folders.note(file.path)
        return hint.words(folders)

    def similar_names(self) -> dict[str, str | None]:
        """Return the tags and AI tags among the conditions that no file has, each with one that may be meant."""
        tags, ai_tags = set[str](), set[str]()
        for file in self._read:
            tags.update(file.tags)
            ai_tags.update(tag.name for tag in file.ai_tags)
        return _similar(self._wanted.tags, tags) | _similar(self._wanted.ai_tags, ai_tags)

    def __iter__(self) -> Iterator[CurrentFile]:
        query = self._wanted.query
        return selected(self._current.files, self._wanted, None if query is None else self._current.answers[query])


async def tags_async(
    target: Target, *, folder: str = "/", max_duration: float | None = None, listener: Listener = ignore
) -> Inventory:
    """Return the tags of a library, or of a folder of it. This only reads.

    Args:
        target: the library.
        folder: a path that starts and ends with `/`; its subfolders are included.
        max_duration: seconds after which reading fails; None for no limit.
        listener: receives progress events.

    Raises:
        UsageError: `folder` or `max_duration` is invalid.
        LibraryError: the library could not be read completely, or not in time.
    """
    found = await _below(target, folder, max_duration, listener)
    return replace(count(found), diagnostics=found.diagnostics)


tags = blocking(tags_async)


async def suggest_renames_async(
    target: Target, *, folder: str = "/", max_duration: float | None = None, listener: Listener = ignore
) -> Suggestions:
    """Suggest renames that unite near-duplicate tags. This only reads, and takes what `tags_async` takes."""
    found = await _below(target, folder, max_duration, listener)
    return replace(suggest(found), diagnostics=found.diagnostics)


suggest_renames = blocking(suggest_renames_async)


async def compare_ai_tags_async(
    target: Target, *, folder: str = "/", max_duration: float | None = None, listener: Listener = ignore
) -> AIComparison:
    """Compare AI tags with the ordinary tags that people gave. This only reads, and takes what `tags_async` takes."""
    found = await _below(target, folder, max_duration, listener)
    return replace(compare(found), folder=folder, diagnostics=found.diagnostics)


compare_ai_tags = blocking(compare_ai_tags_async)


async def ls_async(
    target: Target,
    glob: str | None = None,
    *,
    tags: Iterable[str] = (),
    ai_tags: Iterable[str] = (),
    query: str | None = None,
    folder: str = "/",
    max_duration: float | None = None,
    listener: Listener = ignore,
) -> FoundFiles:
    """Return the files of a library that meet all conditions, with all data that rules can use. This only reads.

    Args:
        target: the library.
        glob: a glob over paths; one that ends with a slash selects all files below that folder.
        tags: ordinary tags that a file has.
        ai_tags: names of AI tags that it has, from any source.
        query: a searchQuery, which ImageKit evaluates.
        folder: a path that starts and ends with `/`; its subfolders are included.
        max_duration: seconds after which reading fails; None for no limit.
        listener: receives progress events.

    Raises:
        UsageError: an argument is invalid.
        LibraryError: the library could not be read completely, or not in time, or it refused the query.
    """
    check_folder(folder)
    wanted = FileFilter(
        glob=_checked_glob(glob),
        folder=folder,
        tags=_checked_names(tags),
        ai_tags=_checked_names(ai_tags),
        query=query,
    )
    return await _found(target, wanted, max_duration, listener, fields=(FILE_TYPE, CUSTOM_METADATA))


ls = blocking(ls_async)


async def _below(target: Target, folder: str, max_duration: float | None, listener: Listener) -> FoundFiles:
    """Return the files of a folder and their tags."""
    check_folder(folder)
    return await _found(target, FileFilter(folder=folder), max_duration, listener)


async def _found(
    target: Target, wanted: FileFilter, max_duration: float | None, listener: Listener, fields: Collection[str] = ()
) -> FoundFiles:
    """Return files, with some of the data that rules can use."""
    began = asyncio.get_running_loop().time()
    check_duration(max_duration)
    query = wanted.query
    # A search finds both kinds of tags, and `selected` tells them apart.
    tag = next(iter((*wanted.tags, *wanted.ai_tags)), None)
    async with connect(target, listener, fields=fields) as client, deadline(max_duration, client, since=began):
        # The database stays open as long as the result needs it.
        reader = LibraryReader(client, now=now, concurrency=target.concurrency, listener=listener)
        current = await reader.read(needs_of(wanted.glob, wanted.folder, query, tag))
        known, may_be_wrong = None, max_duration is None and query is None and (tag or wanted.glob)
        if may_be_wrong and not any(True for _ in selected(current.files, wanted, None)):
            whole = LibraryReader(client, now=now, concurrency=target.concurrency)
            known = current if current.reading.is_complete else await _whole(whole)
    if query is not None and query in current.refused:
        raise RejectedError(f"the query {quoted(query, 200)} failed: {current.refused[query]}")
    return FoundFiles(current, wanted, known)


async def _whole(reader: LibraryReader) -> CurrentState | None:
    """Return the whole library, to compare its names with those that no file has; None if it cannot be read soon."""
    try:
        async with asyncio.timeout(SECONDS_FOR_HINTS):
            return await reader.read()
    except (LibraryError, TimeoutError):
        return None


def _similar(names: Iterable[str], known: Collection[str]) -> dict[str, str | None]:
    """Return the names that are not known, each with a known one that may be meant."""
    keys = {folded(each): each for each in sorted(known, reverse=True)}
    exact = {normalized(each) for each in known}
    unknown = [name for name in names if normalized(name) not in exact]
    close = {name: get_close_matches(folded(name), keys, n=1, cutoff=_LEAST_SIMILARITY) for name in unknown}
    return {name: keys[found[0]] if found else None for name, found in close.items()}


def _checked_glob(glob: str | None) -> str | None:
    if glob is None:
        return None
    if fault := select_fault(glob):
        raise UsageError(fault)
    if fault := capture_fault(glob):
        raise UsageError(f"{quoted(glob, 200)} is not a valid glob: {fault}")
    return f"{glob}**" if glob.endswith("/") else glob


def _checked_names(names: Iterable[str]) -> tuple[str, ...]:
    if isinstance(names, str):
        raise UsageError(f"{quoted(names)} is one name: use a list of names")
    return tuple(names)
