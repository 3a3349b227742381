"""What an answer to a bulk call means for its files, and what is sent on because of it; keeps no journal."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from tagsync.applying.ending import Ending
from tagsync.applying.isolate import Job, Way, after_failures, after_refusal, characters, halves, without
from tagsync.applying.ledger import Ledger
from tagsync.applying.queue import Queue
from tagsync.library.client import BulkReply
from tagsync.library.wire import Done, Gone, Refused, Unclear
from tagsync.model import FileChange, Op, Request, Status
from tagsync.printable import quoted

OnError = Literal["continue", "stop"]


@dataclass(slots=True)
class Counts:
    """How many calls were answered with all files updated, and how many in any other way or not at all."""

    succeeded: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Takes answers in.

    Attributes:
        changes: what is to change, by file id; what is done is taken off it.
        ledger: where outcomes are noted.
        queue: where goes what is sent on.
        ending: what is told that the run has to end.
        on_error: whether the first failure ends it.
        counts: how calls ended.
    """

    changes: dict[str, FileChange]
    ledger: Ledger
    queue: Queue
    ending: Ending
    on_error: OnError
    counts: Counts

    def take(self, job: Job, reply: BulkReply) -> None:
        """Take in the answer to a job, as it was sent."""
        result = reply.result
        whole = isinstance(result, Done) and not result.failed
        self.counts.succeeded += whole
        self.counts.failed += not whole
        match result:
            case Done():
                self._take_done(job, result, reply)
            case Unclear(why):
                self.fail(job.request.file_ids, Status.UNKNOWN, reply.attempts, why, reply.request_id)
            case Gone(missing):
                self._take_gone(job, missing, reply)
            case Refused(_, words):  # pragma: no branch - there is no other
                self._take_refused(job, words, reply)

    def fail(self, file_ids: Iterable[str], status: Status, attempts: int, error: str, request_id: str | None) -> None:
        """Note a failure for good."""
        self.ledger.note(file_ids, status, attempts=attempts, error=error, request_id=request_id)
        if self.on_error == "stop":
            self.ending.halt(f"stopped at the first failure: {error}")

    def _take_done(self, job: Job, result: Done, reply: BulkReply) -> None:
        self.ledger.note(result.updated, Status.ACCEPTED, attempts=reply.attempts, request_id=reply.request_id)
        self._take_off(job.request, result.updated)
        if result.updated:
            job.origin.accepted = True
            if job.way is Way.SHORTER:
                job.origin.characters = max(job.origin.characters, characters(job.request))
        pieces = after_failures(job, result.failed, self.changes)
        for piece in pieces:
            self.queue.push(piece)
        if not pieces:
            for file_id, words in result.failed.items():
                job.origin.failed = True
                self.fail([file_id], Status.FAILED, reply.attempts, words, reply.request_id)

    def _take_off(self, request: Request, updated: Iterable[str]) -> None:
        """Leave what was done out of what is to change, so that nothing is needed twice."""
        tags = set(request.tags)
        for file_id in updated:
            change = self.changes[file_id]
            left = tuple(item for item in change.changes if item.op != request.op or item.tag not in tags)
            added = tags.intersection(change.tags(Op.ADD)) if request.op == Op.ADD else set[str]()
            self.changes[file_id] = replace(change, changes=left, desired=(*change.desired, *sorted(added)))

    def _take_gone(self, job: Job, missing: frozenset[str], reply: BulkReply) -> None:
        if not missing and len(job.request.file_ids) > 1:
            for piece in halves(job):
                self.queue.push(piece)
            return
        gone = missing or frozenset(job.request.file_ids)
        if not missing:
            job.origin.refused = "the library does not find the file, and names none that it misses"
        self.fail(sorted(gone), Status.MISSING, reply.attempts, "the file does not exist", reply.request_id)
        for piece in without(job, gone):
            self.queue.push(piece)

    def _take_refused(self, job: Job, words: str, reply: BulkReply) -> None:
        job.origin.split = True
        pieces = after_refusal(job, self.changes)
        for piece in reversed(pieces):
            self.queue.push(piece)
        if not pieces:
            job.origin.refused = words
            named = f"{words} (tag {quoted(job.request.tags[0])})"
            self.fail(job.request.file_ids, Status.FAILED, reply.attempts, named, reply.request_id)
