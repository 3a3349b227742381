"""Read what a plan needs from a library in the fewest calls; `planning.read_scope` defines what it needs.

Listing all files takes a call for each thousand. In a large library, searches for the files that manifests name take
fewer. If the searches cannot be proven complete, tagsync lists the library.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from itertools import islice
from pathlib import Path

from tagsync.concurrency import for_each_concurrently
from tagsync.errors import ProtocolError, RejectedError, UnreadableError
from tagsync.escape import quoted
from tagsync.events import AwaitingIndex, FilesRead, Listener, ignore
from tagsync.library.protocol import EVERYTHING, MAX_LOOKUPS, Library, Listing, Page, Queries
from tagsync.library.reading.facts import Facts
from tagsync.library.reading.pagination import read_listing
from tagsync.library.reading.search_strategy import Searching, UnprovenError
from tagsync.library.reading.snapshot import QueryMatches, Snapshot
from tagsync.model import ById, ByPath, CurrentFile, CurrentState, Diagnostic, Level, Needs, Reading, Unreadable

ALL = Needs(everything="all files were requested")

MAX_UNREADABLE = 1000
"""The maximum number of invalid objects; with more, the endpoint is probably not ImageKit's API."""

_NO_FILE = "no-file-is-called-this-tagsync-asks-to-test-searches"
"""A name that no file has."""

_IGNORES_QUERIES = "the library ignores searchQuery: it finds files for a query that no file can match"


class LibraryReader:
    """Reads one library into a temporary database, which stays open until `close`.

    Args:
        library: the library.
        now: returns the current UTC time in ISO 8601.
        facts: the file with facts about the library from earlier runs; None for no such file.
        concurrency: the maximum number of concurrent calls.
        listener: receives progress events.

    Raises:
        StateError: there is no disk space for the files.
    """

    def __init__(
        self,
        library: Library,
        *,
        now: Callable[[], str],
        facts: Path | None = None,
        concurrency: int = 1,
        listener: Listener = ignore,
    ) -> None:
        self._library = library
        self._concurrency = concurrency
        self._listener = listener
        self._reads = library.traffic.reads
        self._facts = Facts(facts, now)
        self._files = Snapshot()
        self._lists_folders = False
        self._unreadable: dict[Unreadable, None] = {}
        self._noticed: dict[Diagnostic, None] = {}

    def close(self) -> None:
        """Delete the temporary database."""
        self._files.close()

    async def read(self, needs: Needs = ALL) -> CurrentState:
        """Read the files that a plan needs, and the results of its queries.

        Args:
            needs: what the plan needs; by default all files.

        Returns:
            The state. A query that the library refuses is in its `refused`; the others are unaffected.

        Raises:
            LibraryError: the library could not be read completely.
            StateError: there is no disk space for the files.
        """
        reading = await self._read_files(needs)
        found: dict[str, QueryMatches] = {}
        refused: dict[str, str] = {}
        ignored = bool(needs.queries) and await self._ignores_queries()
        for query in needs.queries:
            try:
                found[query] = await self._matches(query, adding=not reading.is_complete)
            except RejectedError as error:
                refused[query] = str(error)
        if ignored:
            # Results that look right are no evidence either: all of them came from a library that ignores queries.
            refused, found = dict.fromkeys(needs.queries, _IGNORES_QUERIES), {}
        return self._noted(CurrentState(self._files, found, refused, reading=reading))

    async def caught_up(
        self,
        state: CurrentState,
        needs: Needs,
        written: Iterable[tuple[str, Callable[[CurrentFile], bool]]],
        wait: float,
    ) -> CurrentState:
        """Read files again that do not show what a recent apply changed, because ImageKit's index can lag.

        Args:
            state: the state that `read` returned.
            needs: what the plan needs.
            written: the ID of each changed file, and a function that tells whether a reading shows the changes.
            wait: seconds until the index has caught up. If many files lag, it is faster to wait and read all again.

        Returns:
            The state with the files as they are.

        Raises:
            LibraryError: the library could not be read completely.
        """
        lag = (file_id for file_id, shows in written if (file := self._files.file(file_id)) and not shows(file))
        lagging = list(islice(lag, MAX_LOOKUPS + 1))
        if len(lagging) > MAX_LOOKUPS:
            self._listener(AwaitingIndex(wait))
            await asyncio.sleep(wait)
            return await self.read(needs)
        self._files.replace(await self._details(lagging))
        return self._noted(state)

    async def looked_up(self, state: CurrentState, declared: Iterable[ByPath | ById]) -> CurrentState:
        """Look up declared files that were not listed, by ID or by name in their folder, and add them to a state.

        A listing may omit a file that exists, because ImageKit's index can lag.

        Args:
            state: the state that `read` returned.
            declared: the selectors of the files that manifests name.

        Returns:
            The state with the files that were found, and a warning if there are any.

        Raises:
            LibraryError: a file could not be looked up.
        """
        paths, file_ids, more = self._omitted(declared)
        found: list[CurrentFile] = []

        async def search(listing: Listing) -> None:
            try:
                page = await self._library.page(skip=0, listing=listing)
            except RejectedError:
                return
            self._note_unreadable(page)
            # The library decides how strictly it searches; the plan asked for exactly these paths.
            found.extend(file for file in page.files if file.path in paths)

        await for_each_concurrently(_in_folders(paths, self._library.queries), search, concurrency=self._concurrency)
        found += await self._details(file_ids)
        self._files.replace(found)
        if found:
            self._notice("warning", "listing", _omitted_words(found))
        if more:
            words = (
                f"the listing lacks more than {MAX_LOOKUPS:,} declared files; tagsync looked up the first "
                f"{MAX_LOOKUPS:,} only"
            )
            self._notice("info", "lookups", words)
        return self._noted(state)

    async def _details(self, file_ids: Iterable[str]) -> list[CurrentFile]:
        """Return the details of files, as far as they exist and can be read."""
        found: list[CurrentFile] = []

        async def read(file_id: str) -> None:
            try:
                file = await self._library.details(file_id)
            except UnreadableError as error:
                self._note_unreadable(Page((), (), (), (error.what,)))
            except RejectedError:
                return
            else:
                found.extend([file] if file else [])

        await for_each_concurrently(file_ids, read, concurrency=self._concurrency)
        return found

    def _omitted(self, declared: Iterable[ByPath | ById]) -> tuple[set[str], set[str], bool]:
        """Return the paths and IDs of declared files that were not listed, and whether there are more."""
        paths, file_ids = set[str](), set[str]()
        for selector in declared:
            if isinstance(selector, ByPath):
                names, name, known = paths, selector.path, self._files.has(path=selector.path)
            else:
                names, name, known = file_ids, selector.file_id, self._files.has(file_id=selector.file_id)
            if not known and name not in names:
                if len(paths) + len(file_ids) >= MAX_LOOKUPS:
                    return paths, file_ids, True
                names.add(name)
        return paths, file_ids, False

    async def _read_files(self, needs: Needs) -> Reading:
        why, first = needs.everything, None
        if why is None:
            try:
                self._files.begin()
                searching = Searching(self._library, needs, self._facts, self._add_page, concurrency=self._concurrency)
                await searching.run()
                self._files.finish()
                return Reading("searches", "they take fewer calls than listing all files")
            except UnprovenError as error:
                why, first = str(error), error.first
        await self._read_listing(EVERYTHING, self._files.begin, self._add_page, first)
        self._files.finish()
        self._check_folders()
        return Reading("listing", why)

    async def _read_listing(
        self, listing: Listing, begin: Callable[[], None], take: Callable[[Page], None], first: Page | None = None
    ) -> None:
        await read_listing(self._library, listing, begin=begin, take=take, first=first, concurrency=self._concurrency)

    def _add_page(self, page: Page) -> None:
        """Store a page of files and report progress."""
        self._lists_folders = self._lists_folders or any(file.path.rfind("/") > 0 for file in page.files)
        self._note_unreadable(page)
        self._files.add_page(page)
        self._listener(FilesRead(self._files.rows))

    def _check_folders(self) -> None:
        """Warn if a large library lists no folder but the top one."""
        # ImageKit documents that a listing covers all folders, but one that does not would silently lose most files.
        files = len(self._files)
        if files >= self._library.page_limit and not self._lists_folders:
            words = (
                f"all {files:,} files in the library's listing are in the folder /: if the library has other folders, "
                "this plan may lack their files; select those by path or fileId"
            )
            self._notice("warning", "top-folder", words)

    async def _ignores_queries(self) -> bool:
        """Return whether the library finds files for a query that matches no file."""
        # An account without this feature may return all files for any query, and tagging them would be wrong.
        try:
            page = await self._library.page(skip=0, listing=self._library.queries.nothing(_NO_FILE), limit=1)
        except RejectedError:
            return False  # it evaluates queries; if it refuses those of manifests, it says so for each
        return bool(page.rows)

    async def _matches(self, query: str, *, adding: bool) -> QueryMatches:
        """Return the IDs that a query finds.

        Args:
            query: the searchQuery.
            adding: whether to add the files to the snapshot, because it may not have all of them.
        """
        matches = self._files.query_matches()

        def take(page: Page) -> None:
            matches.add(file.file_id for file in page.files)
            self._note_unreadable(page)
            if adding:
                self._files.replace(page.files)
            self._listener(FilesRead(len(matches), query))

        await self._read_listing(Listing(query), matches.clear, take)
        return matches

    def _note_unreadable(self, page: Page) -> None:
        self._unreadable.update(dict.fromkeys(page.unreadable))
        check_readable(self._unreadable)

    def _notice(self, level: Level, code: str, message: str) -> None:
        self._noticed[Diagnostic(level, code, message)] = None

    def _noted(self, state: CurrentState) -> CurrentState:
        """Return a state with the diagnostics and counts so far."""
        return replace(
            state,
            read_requests=self._library.traffic.reads - self._reads,
            unreadable=tuple(self._unreadable),
            diagnostics=tuple(self._noticed),
        )


def check_readable(unreadable: Collection[Unreadable]) -> None:
    """Check that few enough file objects are invalid for a library of ImageKit's API."""
    if len(unreadable) > MAX_UNREADABLE:
        first = next(iter(unreadable))
        raise ProtocolError(
            f"more than {MAX_UNREADABLE:,} file objects are invalid: check the endpoint. The first has the ID "
            f"{quoted(first.file_id)}: {first.why}"
        )


def _in_folders(paths: Iterable[str], queries: Queries) -> list[Listing]:
    """Return searches for files by name in their folders, without names that are unsafe in a search."""
    folders = defaultdict[str, list[str]](list)
    for path in sorted(paths):
        folder, _, name = path.rpartition("/")
        folders[f"{folder}/"].append(name)
    return [search.listing for folder, names in folders.items() for search in queries.by_names(names, folder)]


def _omitted_words(found: Collection[CurrentFile]) -> str:
    paths = sorted(file.path for file in found)
    files = "a file that exists" if len(paths) == 1 else f"{len(paths):,} files that exist"
    return (
        f"the library's listing leaves out {files}, such as {quoted(paths[0], 200)}: globs and queries may miss "
        "more files; run again later"
    )
