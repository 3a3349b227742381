"""Keep the reports of the latest applies in the state directory."""

import os
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from tagsync.api.belonging import account_name, check_report
from tagsync.api.gather import MOMENT
from tagsync.api.saved import read_saved, write_document
from tagsync.library.target import Target
from tagsync.model import Report
from tagsync.workspace.durable_file import make_durable
from tagsync.workspace.state_dir import check_file, state_folder

KEPT_REPORTS = 10
"""The maximum number of reports of applies that changed something, for each library and each of its shards."""

NEEDS_REPORT = "--last needs the report of an apply (--report json=FILE)"


class KeptReport(NamedTuple):
    """A report in the state directory. Without changes, it has no number and is removed after the next apply."""

    run: str
    number: int | None
    path: Path

    @property
    def ended(self) -> str:
        """When the apply ended. Reading this from a large report would take long."""
        return datetime.fromtimestamp(self.path.stat().st_mtime, UTC).strftime(MOMENT)


@dataclass(frozen=True, slots=True)
class KeptReports:
    """The kept reports of a library and its shards.

    Attributes:
        state: the state directory.
        library: the start of the names of the library's files.
        run: the start of the names of the files of this library or shard.
        target: the library.
    """

    state: Path
    library: str
    run: str
    target: Target

    def newest_first(self) -> list[KeptReport]:
        """Return the reports of the library and its shards.

        Raises:
            StateError: the state directory cannot be used.
        """
        if not os.path.lexists(self.state):
            return []
        name = re.compile(rf"({self.library}(?:-\d+-of-\d+)?)\.(?:(\d+)|unchanged)\.json")
        kept = [
            KeptReport(match[1], int(match[2]) if match[2] else None, path)
            for path in state_folder(self.state, "last").iterdir()
            if (match := name.fullmatch(path.name))
        ]
        return sorted(kept, key=lambda item: (item.number is None, item.number or 0, item.run), reverse=True)

    def of_this_run(self) -> list[KeptReport]:
        """Return the reports of this library or shard alone, newest first.

        Raises:
            StateError: the state directory cannot be used.
        """
        return [item for item in self.newest_first() if item.run == self.run]

    def read(self, path: Path) -> Report:
        """Read a report of this library.

        Raises:
            DocumentError: it cannot be read, or was changed since it was written.
            RefusedError: it is of another library.
            StateError: the file is not safe to use.
        """
        check_file(path)
        report = read_saved(path, Report, NEEDS_REPORT)
        # The file's name depends on the key, so the report is of this account even if only one of both names it.
        if self.target.account is None or account_name(report.plan.target) is None:
            name = report.plan.target._replace(account=self.target.name.account)
            report = replace(report, plan=replace(report.plan, target=name))
        check_report(report, self.target)
        return report

    def keep(self, report: Report) -> None:
        """Keep a report and remove the oldest one.

        Raises:
            OSError: the file cannot be written.
            StateError: the state directory cannot be used.
        """
        # Reports of applies without changes get one file of their own, so that they never push out one that undo needs.
        if report.outcome == "refused":
            return
        kept = self.newest_first()
        number = 1 + max((item.number or 0 for item in kept), default=0) if report.wrote else None
        name = "unchanged" if number is None else f"{number:06d}"
        path = state_folder(self.state, "last") / f"{self.run}.{name}.json"
        check_file(path)
        write_document(report, path)
        if report.wrote:
            make_durable(path)
            mine = [item for item in kept if item.run == self.run]
            numbered = [item for item in mine if item.number is not None]
            for item in (*numbered[KEPT_REPORTS - 1 :], *(item for item in mine if item.number is None)):
                item.path.unlink(missing_ok=True)
