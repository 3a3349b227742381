"""Handle the responses to bulk calls: record the outcome of each file, and queue what must be sent again."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from tagsync.applying.apply_options import OnError
from tagsync.applying.outcomes import Outcomes
from tagsync.applying.queue import Queue
from tagsync.applying.remaining import RemainingChanges, shows
from tagsync.applying.splitting import Job, after_failures, after_refusal, halves, needed_by, only
from tagsync.applying.stop import Ending
from tagsync.escape import quoted
from tagsync.library.protocol import BulkReply
from tagsync.model import Accepted, BulkResult, CurrentFile, Done, Gone, Refusal, Refused, Request, Status, Unclear

_LASTING = (HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.UNPROCESSABLE_ENTITY)
"""The statuses with which the same call fails again."""


def doubted(reply: BulkReply) -> tuple[str, ...]:
    """Return the files whose details must be read, because the response alone does not tell what happened to them."""
    if reply.repeated:
        return _refused(reply)
    return _said_missing(reply.request, reply.result)


def _refused(reply: BulkReply) -> tuple[str, ...]:
    """Return the files that a response reports as not changed."""
    match reply.result:
        case Refused() | Gone():
            return reply.request.file_ids
        case Done(failed=failed):
            return tuple(file_id for file_id in reply.request.file_ids if file_id in failed)
        case _:
            return ()


def _said_missing(request: Request, result: BulkResult) -> tuple[str, ...]:
    """Return the files that a 404 reports as missing: those that it names, or the call's only file."""
    if not isinstance(result, Gone):
        return ()
    alone = len(request.file_ids) == 1
    return tuple(file_id for file_id in request.file_ids if alone or file_id in result.missing)


@dataclass(slots=True)
class Counts:
    """How many calls updated all their files, and how many did not or had no response."""

    succeeded: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Responses:
    """Handles responses.

    Attributes:
        changes: the changes that are still needed; updated as calls succeed.
        outcomes: records the outcome of each file.
        queue: takes the pieces to send next.
        ending: ends the apply early.
        on_error: whether the first failure ends the apply.
        counts: counts the calls.
        read_back: whether the changed files are read back at the end.
    """

    changes: RemainingChanges
    outcomes: Outcomes
    queue: Queue
    ending: Ending
    on_error: OnError
    counts: Counts
    read_back: bool = True

    def handle(self, job: Job, reply: BulkReply, shown: Mapping[str, CurrentFile | None]) -> None:
        """Handle the response to a job.

        Args:
            job: the job, with the request that was sent.
            reply: the response.
            shown: the details of the `doubted` files, None if deleted; some may lack.
        """
        if reply.repeated and self._settle_earlier(job, reply, shown):
            return
        result = reply.result
        self._count(whole=isinstance(result, Accepted) or (isinstance(result, Done) and not result.failed))
        match result:
            case Done():
                self._handle_done(job, result, reply)
            case Accepted(status):
                self._handle_accepted(job, status, reply)
            case Unclear(why):
                self.fail(job.request.file_ids, Status.UNKNOWN, reply.attempts, why, reply.request_id)
            case Gone(missing):
                self._handle_gone(job, reply, shown, named=bool(missing))
            case Refused(HTTPStatus.FORBIDDEN):
                self._handle_forbidden(job, result, reply)
            case Refused():  # pragma: no branch - there is no other
                self._handle_refused(job, result, reply)

    def fail(
        self,
        file_ids: Iterable[str],
        status: Status,
        attempts: int,
        error: str,
        request_id: str | None,
        *,
        refused: tuple[Refusal, ...] = (),
    ) -> None:
        """Record a final failure of some files."""
        failed = tuple(file_ids)
        self.outcomes.note(failed, status, attempts=attempts, error=error, request_id=request_id, refused=refused)
        if failed and self.on_error == "stop":
            self.ending.halt(f"stopped at the first failure: {error}")

    def _count(self, *, whole: bool) -> None:
        self.counts.succeeded += whole
        self.counts.failed += not whole

    def _settle_earlier(self, job: Job, reply: BulkReply, shown: Mapping[str, CurrentFile | None]) -> bool:
        """Handle a refused retry by what the details show, unless they show no effect of the attempt before it."""
        # A library that refuses no-op changes refuses the retry of a call that took effect. Only the details count.
        needed = needed_by(job.request, self.changes)
        refused = [file_id for file_id in _refused(reply) if file_id in needed]
        made = [i for i in refused if (file := shown.get(i)) and shows(job.request, self.changes[i], file)]
        gone = [file_id for file_id in refused if file_id in shown and shown[file_id] is None]
        unread = [file_id for file_id in refused if file_id not in shown]
        if not (made or gone or unread):
            return False
        updated = reply.result.updated if isinstance(reply.result, Done) else frozenset()
        self._accept(job, updated.union(made), reply)
        self.fail(gone, Status.MISSING, reply.attempts, "the file does not exist", reply.request_id)
        words = "ImageKit refused the retry of a call without a response, and tagsync could not read the file"
        self.fail(unread, Status.UNKNOWN, reply.attempts, words, reply.request_id)
        self._count(whole=len(made) == len(refused))
        # The others may have been refused only because of these files.
        for piece in only(job, frozenset(refused).difference(made, gone, unread)):
            self.queue.push(piece)
        return True

    def _accept(self, job: Job, file_ids: Container[str], reply: BulkReply) -> None:
        """Record files that a call has changed."""
        updated = [file_id for file_id in job.request.file_ids if file_id in file_ids]
        self.outcomes.note(updated, Status.ACCEPTED, attempts=reply.attempts, request_id=reply.request_id)
        self.changes.take_off(job.request, updated)
        if updated:
            job.lineage.accepted = True
            self.queue.learned.accepted()

    def _handle_done(self, job: Job, result: Done, reply: BulkReply) -> None:
        self._accept(job, result.updated, reply)
        if result.failed:
            self._handle_failures(job, result.failed, reply)

    def _handle_failures(self, job: Job, failures: Mapping[str, str], reply: BulkReply) -> None:
        # Calls overlap in their no-op changes. A file that another call has changed by now has not failed.
        needed = needed_by(job.request, self.changes)
        failed = {file_id: words for file_id, words in failures.items() if file_id in needed}
        # A failure in a 207 may be temporary, so each file gets one retry, apart from the files that succeeded.
        pieces = after_failures(job, failed, self.changes)
        for piece in pieces:
            self.queue.push(piece)
        if not pieces:
            for file_id, words in failed.items():
                job.lineage.failed = True
                self.fail([file_id], Status.FAILED, reply.attempts, words, reply.request_id)

    def _handle_accepted(self, job: Job, status: int, reply: BulkReply) -> None:
        """Handle a 2xx status without a result for each file, such as 202: only reading back can tell."""
        words = f"ImageKit returned status {status}, which does not say what was changed"
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
        """Handle a 404, for which ImageKit changes nothing: send the call again without the missing files."""
        # The 404 may be wrong about a file, because it may come from an index that lags. Only the file's details count.
        missing = _said_missing(job.request, reply.result)
        gone = [file_id for file_id in missing if file_id in shown and shown[file_id] is None]
        there = frozenset(file_id for file_id in missing if shown.get(file_id))
        unread = [file_id for file_id in missing if file_id not in shown]
        if gone and not named:
            job.lineage.refused = "ImageKit does not find the file, and does not name missing files"
        self.fail(gone, Status.MISSING, reply.attempts, "the file does not exist", reply.request_id)
        words = "ImageKit reports the file as missing, and tagsync could not read it to check this"
        self.fail(unread, Status.UNKNOWN, reply.attempts, words, reply.request_id)
        if len(there) == len(job.request.file_ids) == 1:
            words = "ImageKit reports the file as missing, but shows its details"
            job.lineage.refused = words
            self.fail(there, Status.FAILED, reply.attempts, words, reply.request_id)
            return
        if len(there) in (0, len(job.request.file_ids)) and not gone and not unread:
            pieces = halves(job)  # no named file is missing: halve the call until the missing one is found
        else:
            # Try the files that exist in a call of their own, so that they cannot block the others again.
            others = frozenset(job.request.file_ids).difference(missing)
            pieces = [*only(job, others), *only(job, there)]
        for piece in reversed(pieces):
            self.queue.push(piece)

    def _handle_forbidden(self, job: Job, result: Refused, reply: BulkReply) -> None:
        """Handle a 403 that does not refuse the key: find the files that the key may not change."""
        # A 403 does not name files. Halving finds a protected one in few calls, and the others are changed meanwhile.
        if len(job.request.file_ids) > 1:
            for piece in reversed(halves(job)):
                self.queue.push(piece)
            return
        job.lineage.failed = True
        self.queue.learned.forbidden(job.request.file_ids[0], result.words)
        self._fail_refused(job, result, result.words, reply)

    def _handle_refused(self, job: Job, result: Refused, reply: BulkReply) -> None:
        if not needed_by(job.request, self.changes):
            return  # other calls have made all its changes by now
        pieces = after_refusal(job, self.changes)
        # `push` inserts at the front, so reversing keeps the order of the files.
        for piece in reversed(pieces):
            self.queue.push(piece)
        if not pieces:
            job.lineage.refused = result.words
            named = f"{result.words} (tag {quoted(job.request.tags[0])})"
            self._fail_refused(job, result, named, reply)

    def _fail_refused(self, job: Job, result: Refused, error: str, reply: BulkReply) -> None:
        """Record a refused call that cannot be split further."""
        op, tags, file_ids = job.request
        lasts = result.status in _LASTING
        refused = tuple(Refusal(op, tag, result.status, result.words) for tag in tags) if lasts else ()
        self.fail(file_ids, Status.FAILED, reply.attempts, error, reply.request_id, refused=refused)
