"""Divide very many files into parts; `portfolio` covers one after the other."""

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from math import ceil

from tagsync.model import MAX_FILES_PER_REQUEST, Request
from tagsync.planning.covering.matrix import Wanted


def parts(wanted: Wanted, most: int) -> Iterator[Sequence[int]]:
    """Yield the files of parts of about the same size, in the order of their numbers.

    Files that need the very same tags stay together in full calls, and so do those whose rarest tag is the same: it is
    rare tags that few calls can take along.

    Args:
        wanted: the files.
        most: how many files a part has at most.
    """
    total, alike = len(wanted.needed), _alike(wanted)
    size = ceil(total / ceil(total / most))
    for start in range(0, total, size):
        yield sorted(alike[start : start + size])


def _alike(wanted: Wanted) -> "array[int]":
    """Return all files, alike ones in a row."""
    count = _files_by_tag(wanted)
    ranked = sorted(
        (tuple(sorted((count[tag], tag) for tag in tags)), number) for number, tags in enumerate(wanted.sets())
    )
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
    """Return how many calls it takes to send one tag at a time."""
    return sum(ceil(files / MAX_FILES_PER_REQUEST) for files in _files_by_tag(wanted).values())


def requests_per_tag(wanted: Wanted) -> Iterator[Request]:
    """Yield requests that carry one tag each."""
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
