"""Build the searches for needed files, each with the condition that all its files must meet."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from unicodedata import normalize

from tagsync.library.protocol import Listing, Queries, Search
from tagsync.model import CurrentFile

Fits = Callable[[CurrentFile], bool]


class Piece:
    """One search.

    Args:
        kind: what it searches by: id, name, folder, path or tag.
        listing: the listing to request.
        fits: returns whether a file matches the search.
        proves: returns whether finding a file proves that the library supports this kind of search.
    """

    def __init__(self, kind: str, listing: Listing, fits: Fits, proves: Fits | None = None) -> None:
        self.kind = kind
        self.listing = listing
        self.fits = fits
        self.proves = proves or fits


def by_ids(queries: Queries, file_ids: Iterable[str]) -> Iterator[Piece]:
    """Yield searches for files by ID."""
    for listing, texts in queries.by_ids(file_ids):
        yield Piece("id", listing, _has_id(texts))


def by_names(queries: Queries, names: Mapping[str | None, Iterable[str]]) -> Iterator[Piece]:
    """Yield searches for files by name in folders; the folder None stands for the whole library."""
    for folder in sorted(names, key=str):
        for search in queries.by_names(sorted(names[folder]), folder):
            yield Piece("name", search.listing, _has_name(search))


def right_in(folder: str) -> Piece:
    """Return the listing of a folder without its subfolders."""
    return Piece("folder", Listing(None, folder), lambda file: split(file.path)[0] == folder)


def below(queries: Queries, folder: str) -> Piece:
    """Return the search for the files of a folder and its subfolders."""

    # A file directly in the folder proves nothing: a library that ignores subfolders would find it, too.
    def deeper(file: CurrentFile) -> bool:
        return file.path.startswith(folder) and "/" in file.path[len(folder) :]

    return Piece("path", queries.below(folder), lambda file: file.path.startswith(folder), deeper)


def tagged(queries: Queries, tag: str) -> Piece:
    """Return the search for files with a tag, as an ordinary tag or as an AI tag, in each Unicode form."""
    forms = {tag, normalize("NFC", tag), normalize("NFD", tag)}
    return Piece(
        "tag",
        queries.tagged(sorted(forms)),
        lambda file: not forms.isdisjoint(file.tags) or not forms.isdisjoint(tag.name for tag in file.ai_tags),
    )


def finding(kind: str, queries: Queries, file: CurrentFile) -> Piece | None:
    """Return a search of a kind that must find a known file; None if the file cannot be searched for in this way."""
    folder, name = split(file.path)
    if kind == "folder":
        return right_in(folder)
    if kind == "path":
        # A file directly in the folder would also be found by a library that ignores subfolders.
        top = file.path[: file.path.find("/", 1) + 1] or "/"
        return below(queries, top if "/" in file.path[len(top) :] else "/") if queries.is_askable(top) else None
    if kind == "tag":
        tags = (*file.tags, *(tag.name for tag in file.ai_tags))
        return next((tagged(queries, tag) for tag in tags if queries.is_askable(tag)), None)
    return next(by_ids(queries, [file.file_id]) if kind == "id" else by_names(queries, {None: [name]}), None)


def split(path: str) -> tuple[str, str]:
    """Return a path's folder, with a trailing slash, and its name."""
    folder, _, name = path.rpartition("/")
    return f"{folder}/", name


def _has_id(file_ids: Collection[str]) -> Fits:
    return lambda file: file.file_id in file_ids


def _has_name(search: Search) -> Fits:
    folder = search.listing.folder

    def fits(file: CurrentFile) -> bool:
        here, name = split(file.path)
        return name in search.texts and folder in (None, here)

    return fits
