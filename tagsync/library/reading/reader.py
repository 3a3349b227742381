"""Read a library in the fewest calls that show all that is needed; `planning.read_scope` says what that is.

Listing all files takes a call for each thousand. In a large library, searches for what manifests name take fewer. If
they do not prove exact, the library is listed.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from pathlib import Path

from tagsync.concurrency import for_each_concurrently
from tagsync.errors import ProtocolError, RejectedError, UnreadableError
from tagsync.escape import quoted
from tagsync.events import FilesRead, Listener, ignore
from tagsync.library.imagekit.queries import by_names, is_askable, nothing
from tagsync.library.protocol import EVERYTHING, Library, Listing, Page
from tagsync.library.reading.facts import Facts
from tagsync.library.reading.pagination import read_listing
from tagsync.library.reading.search_strategy import Searching, UnprovenError
from tagsync.library.reading.snapshot import QueryMatches, Snapshot
from tagsync.model import ById, ByPath, CurrentFile, CurrentState, Diagnostic, Level, Needs, Reading, Unreadable

ALL = Needs(everything="all files were asked for")

MAX_LOOKUPS = 200
"""How many files that the listing does not show are looked up one by one, so that a plan takes bounded time."""

MAX_UNREADABLE = 1000
"""If more objects cannot be read, the whole answer is something else than documented."""

_NO_FILE = "no-file-is-called-this-tagsync-asks-to-test-searches"
"""A name that no file has."""

_IGNORES_QUERIES = "the library ignores searchQuery: it finds files for a query that no file can match"


class LibraryReader:
    """Reads one library; what was read stays open until the reader is closed.

    Args:
        library: the library.
        now: returns the current time, UTC, in ISO 8601.
        facts: the file that keeps what was learned about the library from run to run; None keeps nothing.
        concurrency: calls in flight at most.
        listener: told of progress.

    Raises:
        StateError: there is no room for the files.
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
        """Drop what was read."""
        self._files.close()

    async def read(self, needs: Needs = ALL) -> CurrentState:
        """Return the library, or as much of it as is needed, and which files each query finds.

        A query may be refused without harm to the others.

        Args:
            needs: what is needed.

        Raises:
            LibraryError: it could not be read completely.
            StateError: there is no room for the files.
        """
        reading = await self._read_files(needs)
        answers: dict[str, QueryMatches] = {}
        refused: dict[str, str] = {}
        ignored = bool(needs.queries) and await self._ignores_queries()
        for query in needs.queries:
            try:
                answers[query] = await self._answer(query, adding=not reading.is_complete)
            except RejectedError as error:
                refused[query] = str(error)
        if ignored:
            refused, answers = dict.fromkeys(needs.queries, _IGNORES_QUERIES), {}
        return self._noted(CurrentState(self._files, answers, refused, reading=reading))

    async def looked_up(self, state: CurrentState, declared: Iterable[ByPath | ById]) -> CurrentState:
        """Return a state with the declared files that exist although they were not listed.

        A listing may omit a file: such files are looked up by their ID, or by their name in their folder.

        Args:
            state: what was read last.
            declared: what manifests name.

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
            found.extend(file for file in page.files if file.path in paths)

        async def details(file_id: str) -> None:
            try:
                file = await self._library.details(file_id)
            except UnreadableError as error:
                self._note_unreadable(Page((), (), (), (error.what,)))
            except RejectedError:
                return
            else:
                found.extend([file] if file else [])

        await for_each_concurrently(_in_folders(paths), search, concurrency=self._concurrency)
        await for_each_concurrently(file_ids, details, concurrency=self._concurrency)
        self._files.replace(found)
        if found:
            self._notice("warning", "listing", _omitted_words(found))
        if more:
            words = f"more than {MAX_LOOKUPS:,} declared files are not listed; the first {MAX_LOOKUPS:,} were looked up"
            self._notice("info", "lookups", words)
        return self._noted(state)

    def _omitted(self, declared: Iterable[ByPath | ById]) -> tuple[set[str], set[str], bool]:
        """Return paths and IDs of declared files that were not listed, and whether there are more."""
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
                await self._search(needs)
                return Reading("searches", "they take fewer calls than listing all files")
            except UnprovenError as error:
                why, first = str(error), error.first
        await self._read_listing(EVERYTHING, self._files.begin, self._add_page, first)
        self._files.finish()
        self._check_folders()
        return Reading("listing", why)

    async def _search(self, needs: Needs) -> None:
        """Read what searches find.

        Raises:
            UnprovenError: listing all is better.
        """
        self._files.begin()
        searching = Searching(self._library, needs, self._facts, self._add_page, concurrency=self._concurrency)
        await searching.run()
        self._files.finish()

    async def _read_listing(
        self, listing: Listing, begin: Callable[[], None], take: Callable[[Page], None], first: Page | None = None
    ) -> None:
        await read_listing(self._library, listing, begin=begin, take=take, first=first, concurrency=self._concurrency)

    def _add_page(self, page: Page) -> None:
        """Keep a page of files, and tell the listener."""
        self._lists_folders = self._lists_folders or any(file.path.rfind("/") > 0 for file in page.files)
        self._note_unreadable(page)
        self._files.add_page(page)
        self._listener(FilesRead(self._files.rows))

    def _check_folders(self) -> None:
        """Notice a large library that may list its top folder only; ImageKit documents that it lists all folders."""
        files = len(self._files)
        if files >= self._library.page_limit and not self._lists_folders:
            words = (
                f"all {files:,} files that the library lists are in the folder /: if it has other folders, their files "
                "may be missing from this plan; declare those by path or fileId"
            )
            self._notice("warning", "top-folder", words)

    async def _ignores_queries(self) -> bool:
        """Tell whether the library finds something where nothing can be found."""
        try:
            page = await self._library.page(skip=0, listing=nothing(_NO_FILE), limit=1)
        except RejectedError:
            return False  # how it takes the queries of manifests, it will say itself
        return bool(page.rows)

    async def _answer(self, query: str, *, adding: bool) -> QueryMatches:
        """Return what a query finds; its files are added to what was read if all may not be there."""
        answer = self._files.query_matches()

        def take(page: Page) -> None:
            answer.add(file.file_id for file in page.files)
            self._note_unreadable(page)
            if adding:
                self._files.replace(page.files)
            self._listener(FilesRead(len(answer), query))

        await self._read_listing(Listing(query), answer.clear, take)
        return answer

    def _note_unreadable(self, page: Page) -> None:
        self._unreadable.update(dict.fromkeys(page.unreadable))
        if len(self._unreadable) > MAX_UNREADABLE:
            first = next(iter(self._unreadable))
            raise ProtocolError(
                f"more than {MAX_UNREADABLE:,} files cannot be read, the first with the ID {quoted(first.file_id)} as "
                f"{first.why}: check the endpoint"
            )

    def _notice(self, level: Level, code: str, message: str) -> None:
        self._noticed[Diagnostic(level, code, message)] = None

    def _noted(self, state: CurrentState) -> CurrentState:
        """Return a state with what was noticed so far."""
        return replace(
            state,
            read_requests=self._library.traffic.reads - self._reads,
            unreadable=tuple(self._unreadable),
            diagnostics=tuple(self._noticed),
        )


def _in_folders(paths: Iterable[str]) -> list[Listing]:
    """Return the searches that find files by name in their folders, without names that no query can hold."""
    folders = defaultdict[str, list[str]](list)
    for path in sorted(paths):
        folder, _, name = path.rpartition("/")
        if is_askable(name):
            folders[f"{folder}/"].append(name)
    return [Listing(query, folder) for folder, names in folders.items() for query, _ in by_names(names)]


def _omitted_words(found: Collection[CurrentFile]) -> str:
    paths = sorted(file.path for file in found)
    files = "a file that exists" if len(paths) == 1 else f"{len(paths):,} files that exist"
    return (
        f"the library's listing leaves out {files}, like {quoted(paths[0], 200)}: globs and queries may miss "
        "such files; run again later"
    )
