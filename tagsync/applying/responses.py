"""Handle the answers to bulk calls: note what they mean for files, and queue what has to be sent again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tagsync.applying.apply_options import OnError
from tagsync.applying.outcomes import Outcomes
from tagsync.applying.queue import Queue
from tagsync.applying.remaining import RemainingChanges
from tagsync.applying.splitting import Job, after_failures, after_refusal, halves, needed_by, only
from tagsync.applying.stop import Ending
from tagsync.escape import quoted
from tagsync.library.protocol import BulkReply
from tagsync.model import Accepted, BulkResult, CurrentFile, Done, Gone, Refused, Request, Status, Unclear

_FORBIDDEN = 403


def said_missing(request: Request, result: BulkResult) -> tuple[str, ...]:
    """Return the files of a call that the library says do not exist: one alone, or those that it names."""
    if not isinstance(result, Gone):
        return ()
    alone = len(request.file_ids) == 1
    return tuple(file_id for file_id in request.file_ids if alone or file_id in result.missing)


@dataclass(slots=True)
class Counts:
    """How many calls were answered with all files updated, and how many in any other way or not at all."""

    succeeded: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Responses:
    """Handles answers.

    Attributes:
        changes: what is to change, by file id; what is done is taken off it.
        outcomes: where outcomes are noted.
        queue: where goes what is sent on.
        ending: what is told that the run has to end.
        on_error: whether the first failure ends it.
        counts: how calls ended.
        read_back: whether the touched files are read back at the end.
    """

    changes: RemainingChanges
    outcomes: Outcomes
    queue: Queue
    ending: Ending
    on_error: OnError
    counts: Counts
    read_back: bool = True

    def handle(self, job: Job, reply: BulkReply, shown: Mapping[str, CurrentFile | None]) -> None:
        """Handle the answer to a job, as it was sent.

        Args:
            job: what was sent.
            reply: the answer.
            shown: what reading shows of the files that are `said_missing`; of some perhaps nothing.
        """
        result = reply.result
        whole = isinstance(result, Accepted) or (isinstance(result, Done) and not result.failed)
        self.counts.succeeded += whole
        self.counts.failed += not whole
        match result:
            case Done():
                self._handle_done(job, result, reply)
            case Accepted(status):
                self._handle_accepted(job, status, reply)
            case Unclear(why):
                self.fail(job.request.file_ids, Status.UNKNOWN, reply.attempts, why, reply.request_id)
            case Gone(missing):
                self._handle_gone(job, reply, shown, named=bool(missing))
            case Refused(status, words) if status == _FORBIDDEN:
                self._handle_forbidden(job, words, reply)
            case Refused(_, words):  # pragma: no branch - there is no other
                self._handle_refused(job, words, reply)

    def fail(self, file_ids: Iterable[str], status: Status, attempts: int, error: str, request_id: str | None) -> None:
        """Note a failure for good, if there are any files."""
        failed = tuple(file_ids)
        self.outcomes.note(failed, status, attempts=attempts, error=error, request_id=request_id)
        if failed and self.on_error == "stop":
            self.ending.halt(f"stopped at the first failure: {error}")

    def _handle_done(self, job: Job, result: Done, reply: BulkReply) -> None:
        updated = [file_id for file_id in job.request.file_ids if file_id in result.updated]
        self.outcomes.note(updated, Status.ACCEPTED, attempts=reply.attempts, request_id=reply.request_id)
        self.changes.take_off(job.request, updated)
        if updated:
            job.lineage.accepted = True
            self.queue.learned.accepted()
        if result.failed:
            self._handle_failures(job, result.failed, reply)

    def _handle_failures(self, job: Job, failures: Mapping[str, str], reply: BulkReply) -> None:
        # Calls overlap: what another one has done meanwhile is no failure of this one.
        needed = needed_by(job.request, self.changes)
        failed = {file_id: words for file_id, words in failures.items() if file_id in needed}
        pieces = after_failures(job, failed, self.changes)
        for piece in pieces:
            self.queue.push(piece)
        if not pieces:
            for file_id, words in failed.items():
                job.lineage.failed = True
                self.fail([file_id], Status.FAILED, reply.attempts, words, reply.request_id)

    def _handle_accepted(self, job: Job, status: int, reply: BulkReply) -> None:
        """Leave it to reading back what a call did that was taken, but not answered with what it did."""
        words = f"the library answered {status}, which does not say what it has done"
        if not self.read_back:
            self.fail(job.request.file_ids, Status.UNKNOWN, reply.attempts, words, reply.request_id)
            return
        job.lineage.accepted = True
        self.queue.learned.accepted()
        self.outcomes.note(
            job.request.file_ids,
            Status.ACCEPTED,
            attempts=reply.attempts,
            error=words,
            request_id=reply.request_id,
        )
        self.changes.take_off(job.request, job.request.file_ids)

    def _handle_gone(self, job: Job, reply: BulkReply, shown: Mapping[str, CurrentFile | None], *, named: bool) -> None:
        """Send on what a call did not do because of files that do not exist; those that are shown do exist."""
        doubted = said_missing(job.request, reply.result)
        gone = [file_id for file_id in doubted if file_id in shown and shown[file_id] is None]
        there = frozenset(file_id for file_id in doubted if shown.get(file_id))
        unread = [file_id for file_id in doubted if file_id not in shown]
        if gone and not named:
            job.lineage.refused = "the library does not find the file, and names none that it misses"
        self.fail(gone, Status.MISSING, reply.attempts, "the file does not exist", reply.request_id)
        words = "the library says that the file does not exist, and it could not be read to check this"
        self.fail(unread, Status.UNKNOWN, reply.attempts, words, reply.request_id)
        if len(there) == len(job.request.file_ids) == 1:
            words = "the library says that the file does not exist, but shows it"
            job.lineage.refused = words
            self.fail(there, Status.FAILED, reply.attempts, words, reply.request_id)
            return
        if len(there) in (0, len(job.request.file_ids)) and not gone and not unread:
            pieces = halves(job)
        else:
            others = frozenset(job.request.file_ids).difference(doubted)
            pieces = [*only(job, others), *only(job, there)]
        for piece in reversed(pieces):
            self.queue.push(piece)

    def _handle_forbidden(self, job: Job, words: str, reply: BulkReply) -> None:
        """Take a call apart by files until those stand alone that the library lets nobody, or not this key, change."""
        if len(job.request.file_ids) > 1:
            for piece in reversed(halves(job)):
                self.queue.push(piece)
            return
        job.lineage.failed = True
        self.queue.learned.forbidden(job.request.file_ids[0], words)
        self.fail(job.request.file_ids, Status.FAILED, reply.attempts, words, reply.request_id)

    def _handle_refused(self, job: Job, words: str, reply: BulkReply) -> None:
        if not needed_by(job.request, self.changes):
            return  # calls overlap: others have done all of it meanwhile
        pieces = after_refusal(job, self.changes)
        for piece in reversed(pieces):
            self.queue.push(piece)
        if not pieces:
            job.lineage.refused = words
            named = f"{words} (tag {quoted(job.request.tags[0])})"
            self.fail(job.request.file_ids, Status.FAILED, reply.attempts, named, reply.request_id)
