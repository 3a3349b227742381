"""Search for the needed files instead of listing all, and prove that the searches find the same files.

An account may lack a documented kind of search, and ImageKit may then ignore the search without an error. So each kind
of search must prove itself by finding files that the first page of the listing shows.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from unicodedata import normalize

from tagsync.concurrency import for_each_concurrently
from tagsync.errors import RejectedError
from tagsync.escape import quoted
from tagsync.library.protocol import Library, Page
from tagsync.library.reading.facts import Facts
from tagsync.library.reading.pagination import MisfitError, pages
from tagsync.library.reading.search_pieces import Piece, below, by_ids, by_names, finding, right_in, split, tagged
from tagsync.model import CurrentFile, Needs

_WORTHWHILE = 0.5
"""If searches look for more than this part of the first page, list all: the searches would return as many pages."""

_TIMES_FEWER = 4
"""How many times fewer calls than a listing the searches must take, because they also need calls to prove them."""


class UnprovenError(Exception):
    """The library must be listed instead; the message says why.

    Attributes:
        first: the first page of the listing, if it was read.
    """

    first: Page | None = None


class Searching:
    """Reads the needed files of a library by searches.

    Args:
        library: the library.
        needs: what the plan needs.
        facts: remembers which kinds of search the library supports.
        take: called with each page of files.
        concurrency: the maximum number of concurrent calls.
    """

    def __init__(
        self, library: Library, needs: Needs, facts: Facts, take: Callable[[Page], None], *, concurrency: int
    ) -> None:
        self._library = library
        self._needs = needs
        self._facts = facts
        self._take = take
        self._concurrency = concurrency
        self._found: set[str] = set()
        self._proven: set[str] = set()
        self._first: Page | None = None
        self._budget = _Budget(library)

    async def run(self) -> None:
        """Search, and pass the files to `take`.

        Raises:
            UnprovenError: a listing takes hardly more calls, or the searches may have missed files.
            LibraryError: the library could not be read.
        """
        try:
            await self._run()
        except UnprovenError as error:
            error.first = self._first
            raise

    async def _run(self) -> None:
        pieces = self._pieces()
        kinds = list(dict.fromkeys(piece.kind for piece in pieces))
        for kind in kinds:
            if self._facts.fact(_fact(kind)) == "no":
                raise UnprovenError(_unsupported(kind))
        self._first = first = await self._library.page(skip=0)
        if len(first.rows) < self._library.page_limit:
            raise UnprovenError("the library is small")
        # The oldest files are a sample of all: if searches would return most of them, listing costs no more calls.
        sampled = sum(any(piece.fits(file) for piece in pieces) for file in first.files)
        if sampled > len(first.files) * _WORTHWHILE:
            raise UnprovenError("manifests select a large part of the library")
        await self._budget.allow(_TIMES_FEWER * len(pieces))
        try:
            await for_each_concurrently(pieces, self._search, concurrency=self._concurrency)
        except _DistrustedError as error:
            raise await self._distrusted(error.kind) from error
        for kind in kinds:
            if kind not in self._proven and self._facts.fact(_fact(kind)) != "yes" and not await self._control(kind):
                raise self._refuted(kind)
            self._facts.note(_fact(kind), "yes")
        # A declared file that is not found may be misspelled. Only a listing can show files with similar paths.
        wanted = (self._needs.paths | self._needs.file_ids) - self._needs.optional
        missing = min(wanted - self._found, default=None)
        if missing is not None:
            raise UnprovenError(f"searches did not find {quoted(missing, 200)}")

    def _pieces(self) -> list[Piece]:
        """Return the searches that together find all needed files."""
        needs, queries = self._needs, self._library.queries
        folders: dict[str | None, set[str]] = {}
        # Paths that are equal under NFC mean the same file, so search for both Unicode forms.
        spelled = {form for path in needs.paths for form in (path, normalize("NFC", path), normalize("NFD", path))}
        for folder, name in map(split, spelled):
            folders.setdefault(folder, set()).add(name)
        unsafe = (folder for folder, names in folders.items() if not all(map(queries.is_askable, names)))
        flat = {*needs.flat, *map(str, unsafe)}
        # Search by name in each folder, or by name in the whole library, whichever takes fewer searches.
        anywhere: dict[str | None, set[str]] = {None: {name for names in folders.values() for name in names}}
        found = [list(by_names(queries, names)) for names in (folders, anywhere)]
        odd = [folder for folder in needs.folders if not queries.is_askable(folder)]
        odd += [needs.tag] if needs.tag is not None and not queries.is_askable(needs.tag) else []
        odd += sorted(file_id for file_id in needs.file_ids if not queries.is_id(file_id))
        if odd:
            raise UnprovenError(f"a search cannot contain {quoted(odd[0], 200)}")
        return [
            *by_ids(queries, sorted(needs.file_ids)),
            *min(found, key=len),
            *map(right_in, sorted(flat)),
            *(below(queries, folder) for folder in needs.folders),
            *([] if needs.tag is None else [tagged(queries, needs.tag)]),
        ]

    async def _search(self, piece: Piece) -> None:
        """Run a search, and check its files against its condition and against the first page of the listing."""
        expected = {file.file_id for file in self._known if piece.fits(file)}
        try:
            async with aclosing(pages(self._library, piece.listing)) as found:
                async for page in found:
                    await self._budget.spend()
                    self._look(piece, page)
                    expected.difference_update(file.file_id for file in page.files)
                    self._take(page)
        except RejectedError as error:
            raise _DistrustedError(piece.kind) from error
        except MisfitError as error:
            raise UnprovenError("the library changed during the searches") from error
        if expected:
            raise UnprovenError(f"searches by {piece.kind} do not find files that the listing shows")

    def _look(self, piece: Piece, page: Page) -> None:
        for file in page.files:
            if not piece.fits(file):
                raise _DistrustedError(piece.kind)
            if piece.proves(file):
                self._proven.add(piece.kind)
            if file.path in self._needs.paths or file.file_id in self._needs.file_ids:
                self._found |= {file.path, file.file_id}
        for odd in page.unreadable:
            self._found |= {odd.path, odd.file_id}

    @property
    def _known(self) -> Sequence[CurrentFile]:
        """The files on the first page of the listing."""
        return self._first.files if self._first else ()

    async def _control(self, kind: str) -> bool:
        """Return whether a search of a kind finds a file known to exist, and no file that does not match.

        Raises:
            UnprovenError: no known file can be searched for in this way.
        """
        for file in self._known:
            piece = finding(kind, self._library.queries, file)
            if piece is not None and piece.proves(file):
                try:
                    page = await self._library.page(skip=0, listing=piece.listing)
                except RejectedError:
                    return False
                return all(map(piece.fits, page.files)) and file.file_id in {found.file_id for found in page.files}
        raise UnprovenError(f"nothing proves that this library supports searches by {kind}")

    async def _distrusted(self, kind: str) -> UnprovenError:
        """Return why a kind of search is not used.

        Raises:
            UnprovenError: no known file can be searched for in this way.
        """
        # One wrong result can have other causes. Remember "no" only if a search for a known file fails, too.
        if await self._control(kind):
            return UnprovenError(f"a search by {kind} returned a wrong result")
        return self._refuted(kind)

    def _refuted(self, kind: str) -> UnprovenError:
        self._facts.note(_fact(kind), "no")
        return UnprovenError(_unsupported(kind))


class _DistrustedError(Exception):
    """A search was refused, or found a file that does not match."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class _Budget:
    """Limits the searches to fewer calls than a listing takes.

    The length of the listing is unknown, but one call can tell whether it has more than a given number of pages.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._known = 1
        self._spent = 0
        self._asking = asyncio.Lock()

    async def allow(self, calls: int) -> None:
        """Check that a listing takes more than a number of calls.

        Raises:
            UnprovenError: it takes fewer.
        """
        async with self._asking:
            if self._known >= calls:
                return
            try:
                page = await self._library.page(skip=calls * self._library.page_limit, limit=1)
            except RejectedError:
                pass  # the library refuses this `skip`, so the length stays unknown
            else:
                if not page.rows:
                    raise UnprovenError("searches would not save enough calls")
            self._known = calls

    async def spend(self) -> None:
        """Count a call; check the length of the listing again as searches turn out longer than expected."""
        self._spent += 1
        if self._spent > self._known:
            await self.allow(2 * self._spent)


def _fact(kind: str) -> str:
    return f"answers searches by {kind}"


def _unsupported(kind: str) -> str:
    return f"this library does not support searches by {kind}"
