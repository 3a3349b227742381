"""Find the file that a user names for tests that write, and check that it is suitable."""

from collections.abc import Awaitable, Callable, Collection, Iterator
from typing import NamedTuple

from tagsync.errors import RefusedError, UnknownPathError
from tagsync.escape import quoted
from tagsync.examining.note import PREFIX, is_ours
from tagsync.examining.writes import FIRST, MOST_CHARACTERS
from tagsync.library.imagekit.probe import Probe
from tagsync.library.protocol import EVERYTHING, Listing
from tagsync.model import CurrentFile


class ChosenFile(NamedTuple):
    """A file, and a listing whose first page shows it once it has doctor's first tag; None if there is none."""

    file: CurrentFile
    listing: Listing | None


async def chosen_file(probe: Probe, path: str, find: Callable[[], Awaitable[Collection[str]]]) -> ChosenFile:
    """Return the file at a path.

    Args:
        probe: sends the calls.
        path: the path.
        find: returns the IDs of the files at this path from the whole listing, if no single call finds one.

    Raises:
        UnknownPathError: there is none.
        RefusedError: there are several, or the file is not suitable.
        LibraryError: the library could not be read.
    """
    for listing in _listings(probe, path):
        page = (await probe.listing(listing)).content
        ids = {file.file_id for file in (page.files if page else ()) if file.path == path}
        if file := await _only(probe, path, ids):
            return ChosenFile(file, listing)
    if file := await _only(probe, path, await find()):
        return ChosenFile(file, await _by_tag(probe))
    raise UnknownPathError(f"the library has no file {quoted(path, 200)}: give the whole path, such as /shop/red.jpg")


async def _only(probe: Probe, path: str, ids: Collection[str]) -> CurrentFile | None:
    """Return the details of a file, if it is the only one and suitable; None if there is none."""
    if len(ids) > 1:
        raise RefusedError(f"{len(ids)} files have the path {quoted(path, 200)}: choose another file")
    for file_id in ids:
        file = (await probe.details(file_id)).content
        if file is not None:
            _check(file)
            return file
    return None


async def _by_tag(probe: Probe) -> Listing | None:
    """Return the search for doctor's first tag, if the account supports it; None if not."""
    listing = probe.queries.tagged([FIRST])
    page = (await probe.listing(listing)).content
    # A search that finds files before the tag is added is ignored.
    return None if page is None or page.rows else listing


def _listings(probe: Probe, path: str) -> Iterator[Listing]:
    folder, _, name = path.rpartition("/")
    if probe.queries.is_askable(name):
        for search in probe.queries.by_names([name], f"{folder}/"):
            yield search.listing
    yield Listing(None, f"{folder}/")
    yield EVERYTHING


def _check(file: CurrentFile) -> None:
    length = sum(map(len, file.tags))
    if length > MOST_CHARACTERS:
        raise RefusedError(
            f"the tags of {quoted(file.path, 200)} have {length} characters: choose a file with at most "
            f"{MOST_CHARACTERS}"
        )
    if any(map(is_ours, file.tags)):
        raise RefusedError(
            f"{quoted(file.path, 200)} has tags that start with {PREFIX}, from a run elsewhere: remove them first, or "
            "choose another file"
        )
