"""Check how the library lists files: order, depth and scope; and details compared with the listing."""

from collections import Counter
from collections.abc import Mapping
from itertools import groupby
from typing import Literal

from tagsync.examining.checks import ABSENT, CHECKS, MALFORMED
from tagsync.examining.sample import Sample
from tagsync.library.imagekit.probe import Answer, Probe
from tagsync.library.protocol import Page
from tagsync.model import CurrentFile, Finding

_REPEATS = 4
"""How often the first page is read again, because an order that varies may be the same by chance."""

_COMPARED = 200
"""The number of rows to compare."""

_DEPTHS = (1_000, 9_999, 10_000, 100_000, 1_000_000)
"""The values of `skip` to try; the searches of other vendors end at 10,000."""

_LONGEST = 10_000

Row = Literal["row", "empty", "refused"]


async def tie_order(probe: Probe, _sample: Sample) -> Finding:
    """Read the first rows several times, and compare the order of those with equal `createdAt`."""
    check = CHECKS["tieOrder"]
    pages: list[Page] = []
    for _ in range(1 + _REPEATS):
        answer = await probe.listing(limit=_COMPARED)
        if answer.content is None:
            return check.unobserved(f"status {answer.status}", answer.words)
        pages.append(answer.content)
        ties = Counter(pages[0].moments)
        tied = sum(count for count in ties.values() if count > 1)
        if not tied:
            return check.unobserved("no two of the first files have the same createdAt")
        if order_varies(pages[0], pages[-1]):
            return check.found("varies", f"another order of {tied:,} files in response {len(pages)}")
    return check.found("same", f"the same order of {tied:,} files in {len(pages)} responses")


def order_varies(one: Page, other: Page) -> bool:
    """Return whether two pages show the same rows of any `createdAt` in another order."""
    first, second = map(_by_moment, (one, other))
    return any(rows != second[at] and sorted(rows) == sorted(second[at]) for at, rows in first.items() if at in second)


def _by_moment(page: Page) -> Mapping[str, list[str]]:
    rows = zip(page.moments, page.rows, strict=True)
    return {at: [row for _, row in group] for at, group in groupby(rows, key=lambda item: item[0]) if at}


async def deepest_skip(probe: Probe, _sample: Sample) -> Finding:
    """List one row at ever greater depth, until the library has none."""
    check = CHECKS["deepestSkip"]
    rows: dict[int, Row] = {}
    for skip in _DEPTHS:
        # A small library still shows whether ImageKit refuses to skip 10,000 files.
        if "empty" in rows.values() and skip != _LONGEST:
            continue
        rows[skip] = _row(await probe.listing(skip=skip, limit=1))
        if rows[skip] == "refused":
            break
    reading = skip_reading(rows)
    deepest = max((skip for skip, row in rows.items() if row == "row"), default=0)
    seen = ", ".join(f"{_ROWS[row]} at {skip:,}" for skip, row in rows.items() if row != "row" or skip == deepest)
    return check.found(reading, seen) if reading else check.unobserved(f"the library is too small: {seen}")


_ROWS = {"row": "a file", "empty": "nothing", "refused": "refused"}


def _row(answer: Answer[Page]) -> Row:
    if answer.content is None:
        return "refused"
    return "row" if answer.content.rows else "empty"


def skip_reading(rows: Mapping[int, Row]) -> str | None:
    """Return how deep listings go, given what they show at some depths; None if the library is too small to know."""
    if "refused" in rows.values():
        return "refused"
    if rows.get(_LONGEST) == "row":
        return "unlimited"
    # A library with exactly 10,000 files looks the same, which is unlikely enough.
    return "empty" if rows.get(_LONGEST - 1) == "row" else None


async def listing_scope(probe: Probe, sample: Sample) -> Finding:
    """Check that the listing shows files outside the root folder."""
    check = CHECKS["listingScope"]
    deep = [file for file in sample.files if file.path.count("/") > 1]
    if deep:
        return check.found("whole-library", f"{len(deep):,} of {len(sample.files):,} files are in folders")
    for name in filter(probe.queries.is_askable, await probe.folder_names(1)):
        below = await probe.listing(probe.queries.below(f"/{name}/"), limit=1)
        if below.content and any(file.path.startswith(f"/{name}/") for file in below.content.files):
            seen = "the listing shows only files in /, and a search finds others"
            return check.found("root-only", seen, f"/{name}/")
    return check.unobserved("the first page and the first folder show no file outside /")


async def details(probe: Probe, sample: Sample) -> Finding:
    """Read the details of up to three files, and compare them with the listing."""
    check = CHECKS["details"]
    files = {file.file_id: file for file in (*sample.files[:1], *sample.files[-1:], *_middle(sample.files))}
    if not files:
        return check.unobserved("the library has no files")
    answers = [await probe.details(file_id) for file_id in files]
    if statuses := [answer.status for answer in answers if answer.content is None]:
        return check.unobserved(f"status {statuses[0]}")
    pairs = zip(files.values(), answers, strict=True)
    differing = [file.path for file, answer in pairs if file != answer.content]
    seen = f"{len(files) - len(differing)} of {len(files)} files are the same"
    problem = "Plans may start from old tags. tagsync reads details again before it removes tags." if differing else ""
    return check.measured(seen, problem=problem, private=", ".join(differing))


def _middle(files: tuple[CurrentFile, ...]) -> tuple[CurrentFile, ...]:
    return files[len(files) // 2 :][:1]


async def absent_file(probe: Probe, _sample: Sample) -> Finding:
    """Read the details of a file that does not exist."""
    answer = await probe.details(ABSENT)
    return CHECKS["absentFile"].found("404" if answer.status == 404 else "other", f"status {answer.status}")  # noqa: PLR2004 - HTTP


async def malformed_file(probe: Probe, _sample: Sample) -> Finding:
    """Read the details of an ID that is not like ImageKit's."""
    answer = await probe.details(MALFORMED)
    return CHECKS["malformedFile"].found_if_known(str(answer.status), f"status {answer.status}")
