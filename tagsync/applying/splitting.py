"""Split a call that did not do all it should, until what the library refuses stands alone.

A refused call is split in this order: a long list of AI tags into shorter ones (no limit is documented, there
may be one); the call without its free cells (the library may mind them); by files; by tags.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from tagsync.model import MAX_TAG_CHARACTERS, ChangesById, Op, Request, joined_length
from tagsync.planning.covering import free_cells, regroup


class Way(Enum):
    """How a piece of a request came to be."""

    PLANNED = "as it was planned"
    SMALLER = "with fewer files or tags than were refused"
    AGAIN = "for files that failed by name before"
    NARROW = "without the free cells of what failed"


@dataclass(slots=True)
class Lineage:
    """A request, whose pieces share its fate as far as refusals are counted.

    Attributes:
        op: what the request does.
        parent: the lineage of a request that failed and of which this one is a part without its free cells.
        files: how many files such a part has.
        pieces: how many pieces are not through yet.
        accepted: whether any file was updated.
        refused: the words with which a piece that stood alone was refused.
        failed: whether a file failed by name for good.
    """

    op: Op
    parent: "Lineage | None" = None
    files: int = 0
    pieces: int = 0
    accepted: bool = False
    refused: str | None = None
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """A request, or a piece of one, that waits to be sent."""

    request: Request
    lineage: Lineage
    way: Way = Way.PLANNED

    def piece(self, way: Way, *, file_ids: tuple[str, ...] = (), tags: tuple[str, ...] = ()) -> "Job":
        """Return a piece with these files or tags alone; without any, with the job's own."""
        request = self.request
        return Job(Request(request.op, tags or request.tags, file_ids or request.file_ids), self.lineage, way)


def only(job: Job, file_ids: frozenset[str]) -> list[Job]:
    """Return a job for some of its files; nothing if there are none."""
    left = tuple(file_id for file_id in job.request.file_ids if file_id in file_ids)
    return [job.piece(job.way, file_ids=left)] if left else []


def halves(job: Job) -> list[Job]:
    """Return a job in two, by files."""
    return [job.piece(Way.SMALLER, file_ids=part) for part in _halves(job.request.file_ids)]


def after_refusal(job: Job, changes: ChangesById) -> list[Job]:
    """Return what a refused job is sent as instead; nothing if it cannot be taken apart any further."""
    request = job.request
    fewer_tags = [job.piece(Way.SMALLER, tags=part) for part in _halves(request.tags)] if len(request.tags) > 1 else []
    length = joined_length(len(request.tags), sum(map(len, request.tags)))
    if request.op == Op.REMOVE_AI and fewer_tags and length > MAX_TAG_CHARACTERS:
        return fewer_tags
    pieces = narrowed(job, request.file_ids, changes)
    if pieces:
        return pieces
    if len(request.file_ids) > 1:
        return halves(job)
    return fewer_tags


def after_failures(job: Job, failed: Iterable[str], changes: ChangesById) -> list[Job]:
    """Return what is sent for files that failed by name: once more, then without free cells; then nothing."""
    file_ids = tuple(failed)
    if not file_ids or job.way is Way.NARROW:
        return []
    if job.way is not Way.AGAIN:
        return [job.piece(Way.AGAIN, file_ids=file_ids)]
    return narrowed(job, file_ids, changes)


def narrowed(job: Job, file_ids: Sequence[str], changes: ChangesById) -> list[Job]:
    """Return jobs for what is needed on files and nothing else; nothing if the job is that already."""
    request = job.request._replace(file_ids=tuple(file_ids))
    if not any(free_cells(request, changes[file_id]) for file_id in file_ids):
        return []
    lineage = Lineage(request.op, parent=job.lineage, files=len(file_ids))
    return [Job(piece, lineage, Way.NARROW) for piece in regroup([request], changes, exact=True)]


def needed_by(request: Request, changes: ChangesById) -> frozenset[str]:
    """Return the files on which something of a request is still needed; other calls may have done the rest."""
    tags = set(request.tags)
    return frozenset(i for i in request.file_ids if not tags.isdisjoint(changes[i].tags(request.op)))


def _halves(items: tuple[str, ...]) -> list[tuple[str, ...]]:
    middle = len(items) // 2
    return [items[:middle], items[middle:]]
