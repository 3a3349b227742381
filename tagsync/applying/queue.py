"""Keep the requests that wait to be sent, grouped by what the run has learned about the library."""

from collections import deque
from collections.abc import Iterable

from tagsync.applying.learned_limits import LearnedLimits
from tagsync.applying.splitting import Job, Lineage, Way
from tagsync.model import ChangesById, Op, Request
from tagsync.planning.covering import regroup


class Queue:
    """Jobs in the order in which they are to be sent.

    Args:
        changes: what is to change, by file id.
        exact: whether only needed cells may be sent.
    """

    def __init__(self, changes: ChangesById, *, exact: bool) -> None:
        self._changes = changes
        self._exact = exact
        self._jobs: deque[Job] = deque()
        self.learned = LearnedLimits(exact=set(Op) if exact else set())
        self.ever = 0
        """How many jobs there have been, but for those that were grouped anew."""

    def __len__(self) -> int:
        return len(self._jobs)

    def fill(self, requests: Iterable[Request]) -> None:
        """Append requests of the plan, grouped by what is known of the library."""
        for request in requests:
            self._append(Job(request, Lineage(request.op)))
        for op in () if self._exact else sorted(self.learned.exact):
            self._regroup(op)

    def push(self, job: Job) -> None:
        """Put a piece of a request before all others."""
        self.learned.opened(job.lineage)
        self.ever += 1
        self._jobs.appendleft(job)

    def pop(self) -> Job:
        """Remove the next job and return it."""
        return self._jobs.popleft()

    def close(self, lineage: Lineage) -> None:
        """Finish one piece, and group what waits anew if something was learned from it."""
        self.learned.closed(lineage)
        for op in sorted(self.learned.news):
            self._regroup(op)
        self.learned.news.clear()

    def _append(self, job: Job) -> None:
        self.learned.opened(job.lineage)
        self.ever += 1
        self._jobs.append(job)

    def _regroup(self, op: Op) -> None:
        """Group anew, by needed cells alone, what waits to be sent as it was planned."""
        jobs, self._jobs = self._jobs, deque[Job]()
        waiting = []
        for job in jobs:
            if job.request.op == op and job.way is Way.PLANNED:
                waiting.append(job.request)
            else:
                self._jobs.append(job)
        self.ever -= len(waiting)
        for request in regroup(waiting, self._changes, exact=True):
            self._append(Job(request, Lineage(op)))
