"""Divide very many files into parts; `portfolio` covers them one after the other."""

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from math import ceil

from tagsync.library.limits import MAX_FILES_PER_REQUEST
from tagsync.model import Request
from tagsync.planning.covering.matrix import Wanted


def parts(wanted: Wanted, most: int) -> Iterator[Sequence[int]]:
    """Yield the files of each part, in the order of their numbers; parts have about the same size.

    Files that need the same tags stay together, because they fill calls by themselves. So do files with the same rarest
    tag, because few other calls can include a rare tag.

    Args:
        wanted: the files.
        most: the maximum number of files in a part.
    """
    total, alike = len(wanted.needed), _alike(wanted)
    # Parts of equal size: a small last part would leave its calls half empty.
    size = ceil(total / ceil(total / most))
    for start in range(0, total, size):
        yield sorted(alike[start : start + size])


def _alike(wanted: Wanted) -> "array[int]":
    """Return all files, similar ones in a row."""
    count = _files_by_tag(wanted)
    ranked = sorted(
        (tuple(sorted((count[tag], tag) for tag in tags)), number) for number, tags in enumerate(wanted.sets())
    )
    # A counting sort: a million files are ordered by the rank of their set, in arrays of 4 bytes each.
    free, place = array("I", bytes(4 * len(ranked))), 0
    for _, number in ranked:
        free[number] = place
        place += wanted.counts[number]
    files = array("I", bytes(4 * place))
    for file, number in enumerate(wanted.needed):
        files[free[number]] = file
        free[number] += 1
    return files


def calls_per_tag(wanted: Wanted) -> int:
    """Return the number of calls with one tag each."""
    return sum(ceil(files / MAX_FILES_PER_REQUEST) for files in _files_by_tag(wanted).values())


def requests_per_tag(wanted: Wanted) -> Iterator[Request]:
    """Yield calls with one tag each."""
    sets, ids = wanted.sets(), wanted.file_ids
    lacking: dict[str, array[int]] = defaultdict(lambda: array("I"))
    for file, number in enumerate(wanted.needed):
        for tag in sets[number]:
            lacking[tag].append(file)
    for tag, files in lacking.items():
        for start in range(0, len(files), MAX_FILES_PER_REQUEST):
            chunk = files[start : start + MAX_FILES_PER_REQUEST]
            yield Request(wanted.op, (tag,), tuple([ids[file] for file in chunk]))


def _files_by_tag(wanted: Wanted) -> Counter[str]:
    count = Counter[str]()
    for number, tags in enumerate(wanted.sets()):
        for tag in tags:
            count[tag] += wanted.counts[number]
    return count
