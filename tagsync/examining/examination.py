"""Run all checks that only read, one after the other, each with one finding."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from math import inf

from tagsync.errors import LibraryError
from tagsync.events import Examining, Listener, ignore
from tagsync.examining import connection, listing, searches
from tagsync.examining.checks import CHECKS
from tagsync.examining.sample import Sample
from tagsync.library.imagekit.probe import Probe, SpentError
from tagsync.model import NOT_TRIED, Finding, TargetName

MOST_READS = 60
"""The maximum number of calls that only read."""

Make = Callable[[Probe, Sample], Awaitable[Finding]]

_READS: Mapping[str, Make] = {
    "route": connection.route,
    "tieOrder": listing.tie_order,
    "deepestSkip": listing.deepest_skip,
    "listingScope": listing.listing_scope,
    "rowTypes": searches.row_types,
    **{
        name: partial(searches.check_search, name)
        for name in (
            "folderListing",
            "searchId",
            "searchName",
            "searchNameInFolder",
            "searchFolder",
            "searchTag",
            "searchAiTag",
            "searchCreatedAt",
            "searchUpdatedAt",
        )
    },
    "details": listing.details,
    "absentFile": listing.absent_file,
    "malformedFile": listing.malformed_file,
    # Last, because they evaluate the headers of all responses.
    "clock": connection.clock,
    "readLimits": connection.read_limits,
    "rateHeaders": connection.rate_headers,
}


async def examine(probe: Probe, name: TargetName, listener: Listener = ignore) -> dict[str, Finding]:
    """Make all checks that only read.

    Args:
        probe: sends the calls.
        name: the endpoint and account, for the terminal.
        listener: receives `Examining` for each check.

    Returns:
        A finding for each check; those of writes are not observed.

    Raises:
        LibraryError: the library cannot be read at all.
    """
    probe.most_reads = probe.traffic.reads + MOST_READS
    sample = Sample(await probe.first_page(), probe.queries, probe.page_limit)
    found: dict[str, Finding] = {}
    for check, make in _READS.items():
        listener(Examining(CHECKS[check].title))
        found[check] = await _made(check, make, probe, sample)
    probe.most_reads = inf
    found["key"] = CHECKS["key"].measured("can read", private=name.account)
    found["endpoint"] = CHECKS["endpoint"].measured("responds with a listing", private=name.endpoint)
    return {name: found.get(name) or check.unobserved(NOT_TRIED) for name, check in CHECKS.items()}


async def _made(name: str, make: Make, probe: Probe, sample: Sample) -> Finding:
    """Return the finding of a check, whatever happens to its calls."""
    try:
        return await make(probe, sample)
    except LibraryError as error:
        return CHECKS[name].unobserved("no usable response", str(error))
    except SpentError:
        return CHECKS[name].unobserved(f"the {MOST_READS} allowed calls are used up")
