"""Changes to bulk calls: which tags go on which files together; not when they are sent.

One call changes all its tags on all its files. `cover` is the one place that decides how changes are grouped.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from math import ceil
from operator import itemgetter
from typing import NamedTuple

from tagsync.model import MAX_FILES_PER_REQUEST, MAX_TAG_CHARACTERS, FileChange, Op, Request

Cells = Mapping[str, tuple[str, ...]]
"""What one op must change: the tags, sorted, of each file id, in the order of the files' paths."""


class Costs(NamedTuple):
    """Calls by the usual ways, and a number that no way can beat."""

    lower_bound: int = 0
    per_file: int = 0
    per_tag_set: int = 0
    per_tag: int = 0


class Cover(NamedTuple):
    """Requests that together change just what they should, and what the usual ways would cost."""

    requests: tuple[Request, ...]
    costs: Costs


class Stages(NamedTuple):
    """Requests in the order in which they may be sent: each stage once the one before it has ended.

    Additions come before removals, so that an interrupted rename never loses a tag; the other way only for files
    whose additions do not fit into the 500 characters before their removals are done.
    """

    make_room: tuple[Request, ...]
    add: tuple[Request, ...]
    remove: tuple[Request, ...]
    costs: Costs

    def requests(self) -> tuple[Request, ...]:
        """Return all requests in order."""
        return self.make_room + self.add + self.remove


def stage(changes: Sequence[FileChange]) -> Stages:
    """Return the requests that carry out changes."""
    crowded = cells(change for change in changes if change.remove_first)
    others = cells(change for change in changes if not change.remove_first)
    room = cover(Op.REMOVE, crowded[Op.REMOVE])
    add = cover(Op.ADD, {**others[Op.ADD], **crowded[Op.ADD]})
    remove = cover(Op.REMOVE, others[Op.REMOVE])
    remove_ai = cover(Op.REMOVE_AI, {**others[Op.REMOVE_AI], **crowded[Op.REMOVE_AI]})
    covers = (room, add, remove, remove_ai)
    return Stages(
        make_room=room.requests,
        add=add.requests,
        remove=remove.requests + remove_ai.requests,
        costs=Costs(*map(sum, zip(*(part.costs for part in covers), strict=True))),
    )


def cover(op: Op, needed: Cells) -> Cover:
    """Change exactly the needed cells: by the fewer of one call per tag set and one tag at a time.

    No request has more than 50 files, nor, where the API limits it, more than 500 characters of tags. The lower
    bound says that every call changes at most 50 files.
    """
    by_set, by_tag = tuple(_per_tag_set(op, needed)), tuple(_per_tag(op, needed))
    bound = ceil(len(needed) / MAX_FILES_PER_REQUEST)
    return Cover(min(by_set, by_tag, key=len), Costs(bound, len(needed), len(by_set), len(by_tag)))


def cells(changes: Iterable[FileChange]) -> dict[Op, dict[str, tuple[str, ...]]]:
    """Return what each op must change."""
    result: dict[Op, dict[str, tuple[str, ...]]] = {op: {} for op in Op}
    for change in changes:
        for op, group in groupby(change.changes, itemgetter(0)):
            result[op][change.file.file_id] = tuple(item.tag for item in group)
    return result


def _per_tag_set(op: Op, needed: Cells) -> Iterator[Request]:
    files: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for file_id, tags in needed.items():
        files[tags].append(file_id)
    for tags in sorted(files):
        for part in _within_limit(op, tags):
            yield from (Request(op, part, chunk) for chunk in _chunks(files[tags]))


def _per_tag(op: Op, needed: Cells) -> Iterator[Request]:
    files: dict[str, list[str]] = defaultdict(list)
    for file_id, tags in needed.items():
        for tag in tags:
            files[tag].append(file_id)
    for tag in sorted(files):
        yield from (Request(op, (tag,), chunk) for chunk in _chunks(files[tag]))


def _chunks(file_ids: list[str]) -> Iterator[tuple[str, ...]]:
    for start in range(0, len(file_ids), MAX_FILES_PER_REQUEST):
        yield tuple(file_ids[start : start + MAX_FILES_PER_REQUEST])


def _within_limit(op: Op, tags: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Split tags so that each part is within the API's 500 characters; AI tags have no such limit."""
    part: list[str] = []
    length = -1
    for tag in tags:
        if part and op != Op.REMOVE_AI and length + 1 + len(tag) > MAX_TAG_CHARACTERS:
            yield tuple(part)
            part, length = [], -1
        part.append(tag)
        length += 1 + len(tag)
    yield tuple(part)
