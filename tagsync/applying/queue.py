"""Queue the requests to send, and regroup them when the apply learns that the library refuses no-op changes."""

from collections import deque
from collections.abc import Iterable

from tagsync.applying.learned_limits import LearnedLimits
from tagsync.applying.splitting import Job, Lineage, Way
from tagsync.model import ChangesById, Op, Request
from tagsync.planning.covering import regroup


class Queue:
    """Jobs in the order in which to send them.

    Args:
        changes: the changes by file ID.
        exact: whether to send no no-op changes.
    """

    def __init__(self, changes: ChangesById, *, exact: bool) -> None:
        self._changes = changes
        self._exact = exact
        self._jobs: deque[Job] = deque()
        self.learned = LearnedLimits(exact=set(Op) if exact else set())
        self.ever = 0
        """The number of jobs so far, for progress; regrouped jobs count as their replacements."""

    def __len__(self) -> int:
        return len(self._jobs)

    def fill(self, requests: Iterable[Request]) -> None:
        """Append requests of the plan."""
        for request in requests:
            self._append(Job(request, Lineage(request.op)))
        for op in () if self._exact else sorted(self.learned.exact):
            self._regroup(op)

    def push(self, job: Job) -> None:
        """Insert a piece of a request before all others."""
        # Pieces go first, so that what they teach (such as a read-only key) is known before the rest is sent.
        self.learned.opened(job.lineage)
        self.ever += 1
        self._jobs.appendleft(job)

    def pop(self) -> Job:
        """Remove and return the next job."""
        return self._jobs.popleft()

    def close(self, lineage: Lineage) -> None:
        """Finish one piece, and regroup the queue if the piece shows that an operation needs exact calls."""
        self.learned.closed(lineage)
        for op in sorted(self.learned.news):
            self._regroup(op)
        self.learned.news.clear()

    def _append(self, job: Job) -> None:
        self.learned.opened(job.lineage)
        self.ever += 1
        self._jobs.append(job)

    def _regroup(self, op: Op) -> None:
        """Replace an operation's planned jobs by jobs without no-op changes."""
        jobs, self._jobs = self._jobs, deque[Job]()
        waiting = []
        for job in jobs:
            # Pieces of failed calls stay as they are: their lineage still has to show what the library refuses.
            if job.request.op == op and job.way is Way.PLANNED:
                waiting.append(job.request)
            else:
                self._jobs.append(job)
        self.ever -= len(waiting)
        for request in regroup(waiting, self._changes, exact=True):
            self._append(Job(request, Lineage(op)))
