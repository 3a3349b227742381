"""Choose files of the first page to search for: each search must have files to find, and files to leave out."""

from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cached_property
from typing import NamedTuple

from tagsync.library.protocol import Listing, Page, Queries
from tagsync.model import CurrentFile, folder_of

Fits = Callable[[CurrentFile], bool]

_SECOND = len("2024-01-31T23:59:59")


class Search(NamedTuple):
    """A search for a known file.

    Attributes:
        listing: what to list.
        known: the ID of the known file.
        fits: returns whether a file matches the search.
        about: what is searched for, for the terminal only.
    """

    listing: Listing
    known: str
    fits: Fits
    about: str


class Sample:
    """The first page of the listing, and searches for its files.

    Args:
        page: the page.
        queries: writes searches.
        page_limit: the maximum number of rows on a page.
    """

    def __init__(self, page: Page, queries: Queries, page_limit: int) -> None:
        self.page = page
        self.files = page.files
        self.is_all = len(page.rows) < page_limit
        self._queries = queries

    @cached_property
    def searches(self) -> dict[str, Search | None]:
        """The search of each check; None if no file of the page can be searched for in this way."""
        return {
            "searchId": self._best(self._by_id()),
            "searchName": self._best(self._by_name()),
            "searchNameInFolder": self._best(self._by_name_in_folder()),
            "searchFolder": self._best(self._below()),
            "folderListing": self._best(self._in_folder()),
            "searchTag": self._best(self._by_tag()),
            "searchAiTag": self._best(self._by_ai_tag()),
            "searchCreatedAt": self._best(self._by_time("createdAt", lambda file: file.created_at)),
            "searchUpdatedAt": self._best(self._by_time("updatedAt", lambda file: file.updated_at)),
        }

    def matches(self, search: Search) -> set[str]:
        """Return the IDs of the page's files that match a search."""
        return {file.file_id for file in self.files if search.fits(file)}

    def _best(self, searches: Iterable[Search]) -> Search | None:
        """Return the search that finds the fewest files: it shows best whether the library filters at all."""
        return min(searches, key=lambda search: sum(map(search.fits, self.files)), default=None)

    def _by_id(self) -> Iterator[Search]:
        for file in self._first(lambda file: self._queries.is_id(file.file_id)):
            listing = next(iter(self._queries.by_ids([file.file_id]))).listing
            yield Search(listing, file.file_id, _is(file.file_id), file.file_id)

    def _by_name(self) -> Iterator[Search]:
        for file in self._first(lambda file: self._queries.is_askable(_name(file))):
            name = _name(file)
            listing = next(iter(self._queries.by_names([name]))).listing
            yield Search(listing, file.file_id, _is_named(name), name)

    def _by_name_in_folder(self) -> Iterator[Search]:
        # Search for the name of a file elsewhere, too: only a library that ignores the folder finds that file.
        files = self._first(lambda file: self._queries.is_askable(_name(file)))
        for file in files[:1]:
            elsewhere = [_name(other) for other in files if folder_of(other.path) != folder_of(file.path)][:1]
            names = {_name(file), *elsewhere}
            listing = next(iter(self._queries.by_names(sorted(names), folder_of(file.path)))).listing
            yield Search(listing, file.file_id, _is_one_of(folder_of(file.path), names), file.path)

    def _below(self) -> Iterator[Search]:
        # A file directly in the folder proves nothing: a library that ignores subfolders would find it, too.
        deep = (file for file in self.files if file.path.count("/") > 2)  # noqa: PLR2004 - /folder/subfolder/name
        tops = {file.path[: file.path.index("/", 1) + 1]: file for file in deep}
        for top, file in list(tops.items())[:_TRIED]:
            if self._queries.is_askable(top):
                yield Search(self._queries.below(top), file.file_id, _starts_with(top), top)

    def _in_folder(self) -> Iterator[Search]:
        folders = {folder_of(file.path): file for file in self.files}
        for folder, file in list(folders.items())[:_TRIED]:
            yield Search(Listing(None, folder), file.file_id, _is_in(folder), folder)

    def _by_tag(self) -> Iterator[Search]:
        tags = {tag: file for file in self.files for tag in file.tags if self._queries.is_askable(tag)}
        for tag, file in list(tags.items())[:_TRIED]:
            yield Search(Listing(f'tags IN ["{tag}"]'), file.file_id, _has(tag), tag)

    def _by_ai_tag(self) -> Iterator[Search]:
        ordinary = {tag.casefold() for file in self.files for tag in file.tags}
        names = {tag.name: file for file in self.files for tag in file.ai_tags if self._queries.is_askable(tag.name)}
        for name, file in [item for item in names.items() if item[0].casefold() not in ordinary][:_TRIED]:
            yield Search(Listing(f'tags IN ["{name}"]'), file.file_id, _has(name), name)

    def _by_time(self, field: str, of: Callable[[CurrentFile], str]) -> Iterator[Search]:
        timed = [file for file in self.files if of(file)[10:11] == "T"]
        if timed:
            newest = max(timed, key=of)
            second = of(newest)[:_SECOND]
            listing = Listing(f'type = "file" AND {field} >= "{second}"')
            yield Search(listing, newest.file_id, lambda other: of(other)[:_SECOND] >= second, second)

    def _first(self, fits: Fits) -> list[CurrentFile]:
        return list(filter(fits, self.files))[:_TRIED]


_TRIED = 40
"""The maximum number of searches to choose from; each is compared with every file of the page."""


def _name(file: CurrentFile) -> str:
    return file.path.rpartition("/")[2]


def _is(file_id: str) -> Fits:
    return lambda file: file.file_id == file_id


def _is_named(name: str) -> Fits:
    return lambda file: _name(file) == name


def _is_one_of(folder: str, names: Collection[str]) -> Fits:
    return lambda file: folder_of(file.path) == folder and _name(file) in names


def _starts_with(folder: str) -> Fits:
    return lambda file: file.path.startswith(folder)


def _is_in(folder: str) -> Fits:
    return lambda file: folder_of(file.path) == folder


def _has(tag: str) -> Fits:
    """Return a function that finds a tag in any case, because ImageKit may ignore it."""
    folded = tag.casefold()
    return lambda file: folded in {name.casefold() for name in (*file.tags, *(ai.name for ai in file.ai_tags))}
