"""Search for the needed files instead of listing all, and prove that the searches find the same files.

An account may lack a documented kind of search, and ImageKit may then ignore the search without an error. So each kind
of search must prove itself by finding files that the first page of the listing shows.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from unicodedata import normalize

from tagsync.concurrency import for_each_concurrently
from tagsync.errors import RejectedError
from tagsync.escape import quoted
from tagsync.library.imagekit.queries import below, by_ids, by_names, is_askable, is_id
from tagsync.library.protocol import Library, Listing, Page
from tagsync.library.reading.facts import Facts
from tagsync.library.reading.pagination import MisfitError, pages
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


Fits = Callable[[CurrentFile], bool]


class _Piece:
    """One search.

    Args:
        kind: what it searches by: id, name, folder or path.
        listing: the listing to request.
        fits: returns whether a file matches the search.
        proves: returns whether finding a file proves that the library supports this kind of search.
    """

    def __init__(self, kind: str, listing: Listing, fits: Fits, proves: Fits | None = None) -> None:
        self.kind = kind
        self.listing = listing
        self.fits = fits
        self.proves = proves or fits


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
            await self._prove(kind)
        # A declared file that is not found may be misspelled. Only a listing can show files with similar paths.
        wanted = (self._needs.paths | self._needs.file_ids) - self._needs.optional
        missing = min(wanted - self._found, default=None)
        if missing is not None:
            raise UnprovenError(f"searches did not find {quoted(missing, 200)}")

    def _pieces(self) -> list[_Piece]:
        """Return the searches that together find all needed files."""
        needs = self._needs
        folders: dict[str | None, set[str]] = {}
        # Paths that are equal under NFC mean the same file, so search for both Unicode forms.
        spelled = {form for path in needs.paths for form in (path, normalize("NFC", path), normalize("NFD", path))}
        for folder, name in map(_split, spelled):
            folders.setdefault(folder, set()).add(name)
        flat = {*needs.flat, *(str(folder) for folder, names in folders.items() if not all(map(is_askable, names)))}
        # Search by name in each folder, or by name in the whole library, whichever takes fewer searches.
        anywhere: dict[str | None, set[str]] = {None: {name for names in folders.values() for name in names}}
        found = [list(_named(names)) for names in (folders, anywhere)]
        odd = [folder for folder in needs.folders if not is_askable(folder)]
        odd += sorted(file_id for file_id in needs.file_ids if not is_id(file_id))
        if odd:
            raise UnprovenError(f"a search cannot contain {quoted(odd[0], 200)}")
        return [
            *(_by_id(texts, query) for query, texts in by_ids(sorted(needs.file_ids))),
            *min(found, key=len),
            *map(_right_in, sorted(flat)),
            *map(_below, needs.folders),
        ]

    async def _search(self, piece: _Piece) -> None:
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

    def _look(self, piece: _Piece, page: Page) -> None:
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

    async def _prove(self, kind: str) -> None:
        """Check that the library supports a kind of search, if necessary by searching for a known file."""
        if kind not in self._proven and self._facts.fact(_fact(kind)) != "yes" and not await self._control(kind):
            raise self._refuted(kind)
        self._facts.note(_fact(kind), "yes")

    async def _control(self, kind: str) -> bool:
        """Return whether a search of a kind finds a file known to exist, and no file that does not match.

        Raises:
            UnprovenError: no known file can be searched for in this way.
        """
        for file in self._known:
            piece = _CONTROLS[kind](file)
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


def _split(path: str) -> tuple[str, str]:
    """Return a path's folder, with a trailing slash, and its name."""
    folder, _, name = path.rpartition("/")
    return f"{folder}/", name


def _by_id(file_ids: Collection[str], query: str) -> _Piece:
    return _Piece("id", Listing(query), lambda file: file.file_id in file_ids)


def _by_name(names: Collection[str], query: str, folder: str | None = None) -> _Piece:
    def fits(file: CurrentFile) -> bool:
        here, name = _split(file.path)
        return name in names and folder in (None, here)

    return _Piece("name", Listing(query, folder), fits)


def _named(names: Mapping[str | None, Iterable[str]]) -> Iterator[_Piece]:
    """Yield searches for files by name in folders; the folder None stands for the whole library."""
    for folder in sorted(names, key=str):
        for query, texts in by_names(sorted(names[folder])):
            yield _by_name(texts, query, folder)


def _right_in(folder: str) -> _Piece:
    """Return the listing of a folder without its subfolders (OpenAPI: `path` is one level)."""
    return _Piece("folder", Listing(None, folder), lambda file: _split(file.path)[0] == folder)


def _below(folder: str) -> _Piece:
    """Return the search for the files of a folder and its subfolders."""

    # A file directly in the folder proves nothing: a library that ignores subfolders would find it, too.
    def deeper(file: CurrentFile) -> bool:
        return file.path.startswith(folder) and "/" in file.path[len(folder) :]

    return _Piece("path", Listing(below(folder)), lambda file: file.path.startswith(folder), deeper)


def _control_below(file: CurrentFile) -> _Piece | None:
    """Return a search below a folder with a file's folder as a subfolder: the file's top folder, or the root."""
    top = file.path[: file.path.find("/", 1) + 1] or "/"
    return _below(top if "/" in file.path[len(top) :] else "/") if is_askable(top) else None


_CONTROLS: dict[str, Callable[[CurrentFile], _Piece | None]] = {
    "id": lambda file: next((_by_id(texts, query) for query, texts in by_ids([file.file_id])), None),
    "name": lambda file: next((_by_name(texts, query) for query, texts in by_names([_split(file.path)[1]])), None),
    "folder": lambda file: _right_in(_split(file.path)[0]),
    "path": _control_below,
}
"""Functions from a known file to a search that must find it."""
