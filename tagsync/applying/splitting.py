"""Split a failed call into smaller ones until only what ImageKit refuses is left.

A refused call is split in this order:

1. A list of AI tags over 500 characters into shorter ones, because there may be an undocumented limit.
2. The call without its no-op changes, because they may be the reason.
3. By files.
4. By tags.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from tagsync.library.limits import MAX_TAG_CHARACTERS
from tagsync.model import ChangesById, Op, Request, joined_length
from tagsync.planning.covering import free_cells, regroup


class Way(Enum):
    """How a piece of a request came about."""

    PLANNED = "as planned"
    SMALLER = "with fewer files or tags than the refused call"
    AGAIN = "a retry of files that a 207 reported as failed"
    NARROW = "without the no-op changes of the failed call"


@dataclass(slots=True)
class Lineage:
    """A planned request and its pieces, which count as one when refusals are counted.

    Attributes:
        op: the operation.
        parent: the lineage of the failed request, if this one is its part without no-op changes.
        files: the number of files in such a part.
        pieces: how many pieces are not finished.
        accepted: whether any file was updated.
        refused: the server's message to a refused piece that could not be split further.
        failed: whether a 207 reported a file as failed to the last.
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
    """A request, or a piece of one, in the queue."""

    request: Request
    lineage: Lineage
    way: Way = Way.PLANNED

    def piece(self, way: Way, *, file_ids: tuple[str, ...] = (), tags: tuple[str, ...] = ()) -> "Job":
        """Return a piece with only these files or tags; by default those of the job."""
        request = self.request
        return Job(Request(request.op, tags or request.tags, file_ids or request.file_ids), self.lineage, way)


def only(job: Job, file_ids: frozenset[str]) -> list[Job]:
    """Return a job reduced to some files, as a list that is empty if it has none of them."""
    left = tuple(file_id for file_id in job.request.file_ids if file_id in file_ids)
    return [job.piece(job.way, file_ids=left)] if left else []


def halves(job: Job) -> list[Job]:
    """Split a job into two, by files."""
    return [job.piece(Way.SMALLER, file_ids=part) for part in _halves(job.request.file_ids)]


def after_refusal(job: Job, changes: ChangesById) -> list[Job]:
    """Return the jobs that replace a refused one; none if it cannot be split further."""
    request = job.request
    fewer_tags = [job.piece(Way.SMALLER, tags=part) for part in _halves(request.tags)] if len(request.tags) > 1 else []
    length = joined_length(len(request.tags), sum(map(len, request.tags)))
    if request.op == Op.REMOVE_AI and fewer_tags and length > MAX_TAG_CHARACTERS:
        return fewer_tags
    pieces = without_no_ops(job, request.file_ids, changes)
    if pieces:
        return pieces
    if len(request.file_ids) > 1:
        return halves(job)
    return fewer_tags


def after_failures(job: Job, failed: Iterable[str], changes: ChangesById) -> list[Job]:
    """Return the jobs for files that a 207 reports as failed: first a retry, then without no-op changes, then none."""
    file_ids = tuple(failed)
    # Each file passes through these three steps once, so the number of calls stays bounded.
    if not file_ids or job.way is Way.NARROW:
        return []
    if job.way is not Way.AGAIN:
        return [job.piece(Way.AGAIN, file_ids=file_ids)]
    return without_no_ops(job, file_ids, changes)


def without_no_ops(job: Job, file_ids: Sequence[str], changes: ChangesById) -> list[Job]:
    """Return jobs with only the needed changes of some files; none if the job has no no-op changes."""
    request = job.request._replace(file_ids=tuple(file_ids))
    if not any(free_cells(request, changes[file_id]) for file_id in file_ids):
        return []
    # A lineage of its own shows whether these files succeed without no-op changes. Then those were the reason.
    lineage = Lineage(request.op, parent=job.lineage, files=len(file_ids))
    return [Job(piece, lineage, Way.NARROW) for piece in regroup([request], changes, exact=True)]


def needed_by(request: Request, changes: ChangesById) -> frozenset[str]:
    """Return the files that still need a change of a request; other calls may have changed the rest."""
    tags = set(request.tags)
    return frozenset(i for i in request.file_ids if not tags.isdisjoint(changes[i].tags(request.op)))


def _halves(items: tuple[str, ...]) -> list[tuple[str, ...]]:
    # Halving finds one refused file among fifty in about twelve calls; one call for each would be fifty.
    middle = len(items) // 2
    return [items[:middle], items[middle:]]
