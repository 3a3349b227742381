"""Check each kind of search that tagsync uses, compared with the first page of the listing."""

from collections.abc import Mapping

from tagsync.examining.checks import CHECKS
from tagsync.examining.sample import Sample, Search
from tagsync.library.imagekit.probe import Answer, Probe
from tagsync.library.protocol import Listing, Page
from tagsync.model import Finding

NO_SAMPLE: Mapping[str, str] = {
    "searchTag": "no file of the first page has a tag",
    "searchAiTag": "no file of the first page has an AI tag that is not also an ordinary tag",
    "searchFolder": "no file of the first page is in a subfolder",
}
"""Why a search cannot be tried; for other searches, the first page has no suitable file."""


async def check_search(name: str, probe: Probe, sample: Sample) -> Finding:
    """Search for a known file, and compare the result with the listing."""
    check, search = CHECKS[name], sample.searches[name]
    if search is None:
        return check.unobserved(NO_SAMPLE.get(name, "no file of the first page can be searched for in this way"))
    answer = await probe.listing(search.listing)
    reading = search_reading(answer, search, sample, is_full=_is_full(answer, probe))
    if answer.content is None:
        return check.found(reading, f"status {answer.status}", f"{search.about}: {answer.words}")
    matching = sample.matches(search)
    counts = f"found {len(answer.content.files):,}; the first page has {len(matching):,} to find"
    if reading == "works" and len(matching) == len(sample.files):
        # A library that ignores the search would find the same files.
        return check.unobserved(f"every file of the first page matches ({counts})", search.about)
    return check.found(reading, counts, search.about)


def _is_full(answer: Answer[Page], probe: Probe) -> bool:
    return answer.content is not None and len(answer.content.rows) >= probe.page_limit


def search_reading(answer: Answer[Page], search: Search, sample: Sample, *, is_full: bool) -> str:
    """Return what a library does with a search.

    Args:
        answer: its response.
        search: the search.
        sample: the first page of the listing.
        is_full: whether there may be more files than the response shows.
    """
    if answer.content is None:
        return "refused"
    if not all(map(search.fits, answer.content.files)):
        return "ignored"
    found = {file.file_id for file in answer.content.files}
    wanted = {search.known} if is_full else sample.matches(search)
    return "works" if wanted <= found else "misses"


async def row_types(probe: Probe, _sample: Sample) -> Finding:
    """Search for the name of a folder: only a search that also finds folders can find it."""
    check = CHECKS["rowTypes"]
    for name in filter(probe.queries.is_askable, await probe.folder_names(_FOLDERS)):
        answer = await probe.listing(Listing(f'name = "{name}"'))
        if answer.content is None:
            return check.unobserved(f"status {answer.status}", answer.words)
        others = sum(not row.startswith("file/") for row in answer.content.rows)
        seen = f"a search for the name of a folder found {others:,} rows that are not files"
        return check.found("mixed" if others else "files-only", seen, name)
    return check.unobserved("the library has no folder that can be searched for")


_FOLDERS = 100
"""How many folders to choose from."""
