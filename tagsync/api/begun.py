"""Keep the plan of an apply from its begin; if it was killed, later runs continue it and report what it did."""

import os
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tagsync.api.gather import MOMENT, now
from tagsync.api.saved import read_document, write_document
from tagsync.applying.journal import Journal
from tagsync.applying.killed import killed_report
from tagsync.errors import DocumentError
from tagsync.model import Plan, Report
from tagsync.workspace.atomic import atomic_write
from tagsync.workspace.durable_file import make_durable
from tagsync.workspace.state_dir import check_file


@dataclass(frozen=True, slots=True)
class Begun:
    """The apply of a library or shard that began last.

    Attributes:
        file: its plan, or the plan that it continues. It exists until everything is applied.
        mark: a file that exists from the apply's begin until its report is kept. Without the lock of a running apply,
            it shows that the apply was killed.
        journal: the journal.
    """

    file: Path
    mark: Path
    journal: Path

    def begin(self, plan: Plan | None) -> None:
        """Keep a plan that is about to be applied; None to continue the kept one."""
        if plan is not None:
            check_file(self.file)
            write_document(plan, self.file)
            make_durable(self.file)
        check_file(self.mark)
        with atomic_write(self.mark) as stream:
            stream.write(f"{now()}\n")
        # The journal survives a power loss, so what explains it must, too.
        make_durable(self.mark)

    def plan(self) -> Plan | None:
        """Return the kept plan; None if there is none."""
        found = read_document(self.file) if check_file(self.file) else None
        return found if isinstance(found, Plan) else None

    def was_killed(self) -> bool:
        """Return whether the apply has no report; while it runs, this is the case too."""
        return os.path.lexists(self.mark)

    def report(self, *, from_journal: bool) -> Report | None:
        """Return the report of the killed apply; None if it sent nothing.

        Args:
            from_journal: whether to look up in the journal which changes were sent. This needs the lock.

        Raises:
            DocumentError: its plan cannot be read.
            StateError: a file in the state directory cannot be used.
        """
        check_file(self.mark)
        at = datetime.fromtimestamp(self.mark.stat().st_mtime, UTC).strftime(MOMENT)
        plan = self.plan()
        if plan is None:
            raise DocumentError("its plan was not kept")
        if not from_journal:
            return killed_report(plan, None, at)
        with closing(Journal(self.journal)) as journal:
            # An apply whose calls are all verified empties the journal. Then everything may have been sent.
            found = killed_report(plan, journal.recovered if journal.is_open else None, at)
        return found if any(outcome.attempts for outcome in found.outcomes) else None
