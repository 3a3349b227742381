"""Group changes in the two usual ways: one call for each distinct tag set, or one for each tag."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from tagsync.planning.covering.calls import Call, Limits, Row, Rows


def per_tag_set(needed: Rows, limits: Limits) -> Iterator[Call]:
    """Yield calls for files that need exactly the same tags; a set too long for one call is split."""
    files: dict[Row, list[int]] = defaultdict(list)
    for file, row in enumerate(needed):
        files[row].append(file)
    for row, alike in files.items():
        for part in limits.parts(sorted(row)):
            yield from (Call(chunk, part) for chunk in _chunks(alike, limits.files))


def per_tag(needed: Rows, limits: Limits) -> Iterator[Call]:
    """Yield calls with one tag each."""
    files: list[list[int]] = [[] for _ in limits.lengths]
    for file, row in enumerate(needed):
        for tag in row:
            files[tag].append(file)
    for tag, lacking in enumerate(files):
        yield from (Call(chunk, Row((tag,))) for chunk in _chunks(lacking, limits.files))


def _chunks(files: Sequence[int], size: int) -> Iterator[tuple[int, ...]]:
    for start in range(0, len(files), size):
        yield tuple(files[start : start + size])
