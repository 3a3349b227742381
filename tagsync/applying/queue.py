"""Requests that wait to be sent, and what a run has learned on how to group them; nothing is sent here."""

from collections import deque
from collections.abc import Iterable

from tagsync.applying.learned_limits import Lessons
from tagsync.applying.splitting import Job, Origin, Way
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
        self._lessons = Lessons(exact=set(Op) if exact else set())
        self.ever = 0
        """How many jobs there have been, but for those that were grouped anew."""

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def gave_up_free_cells(self) -> bool:
        """Whether the library answered calls with an error for what they changed needlessly."""
        return bool(self._lessons.exact) and not self._exact

    @property
    def hopeless(self) -> str | None:
        """Why it is of no use to go on; None if it is."""
        return self._lessons.hopeless

    def fill(self, requests: Iterable[Request]) -> None:
        """Append requests of the plan, grouped by what is known of the library."""
        for request in requests:
            self._append(Job(request, Origin(request.op)))
        if self.gave_up_free_cells:
            for op in sorted(self._lessons.exact):
                self._regroup(op)

    def push(self, job: Job) -> None:
        """Put a piece of a request before all others."""
        self._lessons.opened(job.origin)
        self.ever += 1
        self._jobs.appendleft(job)

    def take(self) -> Job:
        """Take the next job."""
        return self._jobs.popleft()

    def close(self, origin: Origin) -> None:
        """Finish one piece, and group what waits anew if something was learned from it."""
        self._lessons.closed(origin)
        for op in sorted(self._lessons.news):
            self._regroup(op)
        self._lessons.news.clear()

    def forbidden(self, file_id: str, words: str) -> None:
        """Learn that a call for one file alone was answered with 403."""
        self._lessons.forbidden(file_id, words)

    def accepted(self) -> None:
        """Learn that the library let a call change files."""
        self._lessons.accepted()

    def _append(self, job: Job) -> None:
        self._lessons.opened(job.origin)
        self.ever += 1
        self._jobs.append(job)

    def _regroup(self, op: Op) -> None:
        """Group anew what waits to be sent as it was planned."""
        jobs, self._jobs = self._jobs, deque[Job]()
        waiting = []
        for job in jobs:
            if job.request.op == op and job.way is Way.PLANNED:
                waiting.append(job.request)
            else:
                self._jobs.append(job)
        self.ever -= len(waiting)
        exact, limit = op in self._lessons.exact, self._lessons.ai_characters
        for request in regroup(waiting, self._changes, exact=exact, ai_tag_characters=limit):
            self._append(Job(request, Origin(op)))
