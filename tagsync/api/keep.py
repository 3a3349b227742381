"""Keep what the next run needs in the state directory: journal, reports, an unfinished plan, each library's account."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from tagsync.api.begun import Begun
from tagsync.api.belonging import account_name, library_key
from tagsync.api.kept_reports import NEEDS_REPORT, KeptReports
from tagsync.api.noted_account import NotedAccount
from tagsync.api.saved import read_saved
from tagsync.errors import DocumentError, RefusedError, StateError, TagsyncError, UsageError
from tagsync.escape import quoted, shown
from tagsync.library.target import Target, locked
from tagsync.model import Part, Plan, Report
from tagsync.planning.difference import is_remainder
from tagsync.planning.undo import includes
from tagsync.reporting.phrases import target_words
from tagsync.workspace.state_dir import check_file, state_folder

_MARK = ".running"


class History(NamedTuple):
    """The report of the previous apply, and an iterable that reads the earlier ones, newest first."""

    last: Report | None
    earlier: Iterable[Report]


def _ignore(_message: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Workspace:
    """The files of a library, or one shard, in the state directory.

    Attributes:
        target: the library.
        path: the state directory, created when the first file is kept.
        part: a shard of the library with its own journal and reports; None for the whole library.
        warn: receives a message if an optional file cannot be read or written.
    """

    target: Target
    path: Path = Path(".tagsync")
    part: Part | None = None
    warn: Callable[[str], None] = _ignore

    def lock(self, timeout: float = 0.0) -> AbstractContextManager[None]:
        """Return a context manager that locks the library or shard.

        Args:
            timeout: seconds to wait for other applies to finish.

        Raises:
            LockedError: another apply has locked it.
        """
        return locked(self.target, part=self.part, timeout=timeout)

    @property
    def journal(self) -> Path:
        """The file in which an apply records its calls, in an existing folder.

        Raises:
            StateError: the folder cannot be created.
        """
        return state_folder(self.path, "journal") / f"{self._run}.jsonl"

    @property
    def facts(self) -> Path | None:
        """The file with facts about the library; None without a usable state directory."""
        if not self.path.is_dir():
            return None
        try:
            return state_folder(self.path, "facts") / f"{self._library}.json"
        except StateError:
            return None

    @property
    def examined(self) -> Path | None:
        """The note of a file that doctor writes on, which may not exist; None without a state directory."""
        return self.note_of_examination() if os.path.lexists(self.path) else None

    def note_of_examination(self) -> Path:
        """Return the file for the note of doctor, in an existing folder.

        Raises:
            StateError: the folder cannot be created.
        """
        return state_folder(self.path, "doctor") / f"{self._library}.json"

    def history(self) -> History:
        """Return the reports of earlier applies; warn about one that cannot be used."""
        try:
            # A plan needs no lock, so the apply may also still run. Then its changes are not made yet, either.
            killed = self._begun.report(from_journal=False) if self._was_killed() else None
        except TagsyncError:
            killed = None  # only the next apply, or undo, has to tell
        try:
            paths = [item.path for item in self._reports.of_this_run()]
            first = killed or (self._reports.read(paths.pop(0)) if paths else None)
        except TagsyncError as error:
            self.warn(f"the previous report is ignored: {error}")
            return History(None, ())
        earlier = (report for report in self._earlier(paths) if self._explains(report))
        return History(first if first and self._explains(first) else next(earlier, None), earlier)

    def _explains(self, report: Report) -> bool:
        """Return whether a report is not of another environment, whose manifests may differ from this one's."""
        return report.plan.target.environment is None or self.target.takes(report.plan.target)

    def _earlier(self, paths: Iterable[Path]) -> Iterator[Report]:
        for path in paths:
            try:
                yield self._reports.read(path)
            except TagsyncError as error:
                self.warn(f"an earlier report is ignored: {error}")

    def newest_change(self) -> tuple[Path, Report]:
        """Return the path and the newest report of an apply that changed something, of the library or a shard.

        For an apply that was killed before it could write its report, this makes one.

        Raises:
            DocumentError: there is none, or it was changed since it was written.
            LockedError: an apply is running.
            StateError: the state directory cannot be used.
        """
        for part in self._killed_parts():
            run = replace(self, part=part)
            with run.lock():
                try:
                    run.keep_killed()
                except TagsyncError as error:
                    raise DocumentError(
                        f"the newest apply was killed, and what it changed is unknown: {error}: name the report of the "
                        "apply to undo"
                    ) from error
        for item in self._reports.newest_first():
            if item.number is not None:
                check_file(item.path)
                report = read_saved(item.path, Report, NEEDS_REPORT)
                account = self.target.account or account_name(report.plan.target)
                target = replace(self.target, account=account)
                if target.is_named(report.plan.target) and target.takes(report.plan.target):
                    return item.path, report
        name = self.target.name
        raise DocumentError(
            f"{shown(str(self.path.absolute()))} has no report of an apply that changed something in "
            f"{target_words(name)}. Run undo in the folder where you ran apply, name its state directory with "
            "--state-dir, or name a file that apply --report FILE.json wrote"
        )

    def continued_by(self, path: Path, report: Report) -> list[Path]:
        """Return the kept reports of incomplete applies that the apply of a kept report continued, newest first.

        Those whose changes the undo of this report covers are left out.
        """
        kept = [item for item in self._reports.newest_first() if item.number is not None]
        run = next((item.run for item in kept if item.path == path), None)
        mine = [item.path for item in kept if item.run == run]
        found: list[Path] = []
        for older in mine[mine.index(path) + 1 :] if path in mine else ():
            try:
                check_file(older)
                before = read_saved(older, Report, NEEDS_REPORT)
            except TagsyncError as error:
                self.warn(f"an earlier report is ignored: {error}")
                break
            if before.converged or not is_remainder(report.plan, before.plan):
                break
            if not includes(report, before):
                found.append(older)
        return found

    def applied_since(self, plan: Plan) -> Report | None:
        """Return the newest report of an apply of another commit that ended after a plan was made; None without one."""
        # An undo has no commit: it goes back on purpose.
        if plan.inputs.commit is None:
            return None
        for item in self._reports.of_this_run():
            if item.ended <= plan.created_at:
                continue
            for report in self._earlier([item.path]):
                commit = report.plan.inputs.commit
                if report.finished_at > plan.created_at and commit not in (None, plan.inputs.commit):
                    return report
        return None

    def undone_at(self, plan: Plan) -> str | None:
        """Return when the newest apply that changed something ended, if it undid this plan; else None."""
        newest = next((item for item in self._reports.of_this_run() if item.number is not None), None)
        if newest is None or newest.ended < plan.created_at:
            return None
        report = next(self._earlier([newest.path]), None)
        return report.finished_at if report and report.plan.undoes == plan.digest else None

    def record(self, report: Report) -> None:
        """Keep the report of an apply, and remove its plan if it is done; warn if that fails."""
        with self._failure_warned("the report could not be kept for the next plan"):
            self._reports.keep(report)
            self._end(report)
        # Only an apply that converged proves that the key is of this account.
        if report.converged and self.target.identities and self.target.account is not None:
            with self._failure_warned("the account could not be kept"):
                self._account.note(self.target.account)

    def unfinished(self, plan: Plan) -> Plan | None:
        """Return the plan of an interrupted apply, if `plan` is the rest of it."""
        if not plan.changes or not os.path.lexists(self.path):
            return None
        try:
            begun = self._begun.plan()
        except TagsyncError as error:
            self.warn(f"the plan of an earlier apply is ignored: {error}")
            return None
        return begun if begun and is_remainder(plan, begun) else None

    @contextmanager
    def applying(self, plan: Plan, *, continues: Plan | None = None) -> Iterator[None]:
        """Keep the plan that is applied in a `with` block, so that the next run recognises the rest of it.

        If the previous apply was killed, keep a report of it first.

        Args:
            plan: the plan.
            continues: the kept plan, if this one continues it. Then that one stays.
        """
        with self._failure_warned("the report of an apply that was killed could not be kept, so undo leaves it out"):
            self.keep_killed()
        if not plan.changes:
            yield
            return
        with self._failure_warned("the plan could not be kept for continuing it after an interruption"):
            self._begun.begin(None if continues else plan)
        try:
            yield
        except TagsyncError:
            # These errors happen before the first call. Later ones still give a report.
            self._begun.mark.unlink(missing_ok=True)
            raise

    def _was_killed(self) -> bool:
        return os.path.lexists(self.path) and self._begun.was_killed()

    def _killed_parts(self) -> list[Part | None]:
        """Return the shards with an apply that was killed or is running; None for the whole library."""
        if not os.path.lexists(self.path / "unfinished"):
            return []
        name = re.compile(rf"{self._library}(?:-(\d+)-of-(\d+))?{re.escape(_MARK)}")
        found = [name.fullmatch(path.name) for path in state_folder(self.path, "unfinished").iterdir()]
        return [Part(int(match[1]), int(match[2])) if match[1] else None for match in found if match]

    def keep_killed(self) -> None:
        """Keep a report of the previous apply if it was killed. This needs the lock."""
        if self._was_killed():
            report = self._begun.report(from_journal=True)
            if report:
                self._reports.keep(report)
            self._begun.mark.unlink(missing_ok=True)

    def _end(self, report: Report) -> None:
        # A filtered plan that converged leaves the rest of an interrupted plan to do, so that plan must stay.
        inputs = report.plan.inputs
        is_whole = not inputs.select and inputs.changed_since is None
        if os.path.lexists(self.path):
            with self._failure_warned("the finished plan could not be removed"):
                self._begun.mark.unlink(missing_ok=True)
                if report.converged and is_whole:
                    self._begun.file.unlink(missing_ok=True)

    @property
    def _begun(self) -> Begun:
        folder = state_folder(self.path, "unfinished")
        return Begun(folder / f"{self._run}.json", folder / f"{self._run}{_MARK}", self.journal)

    def for_account(self, name: str | None, source: str) -> "Workspace":
        """Return the workspace with the account that manifests or a plan name, unless its target already has one.

        Args:
            name: the account; None if none is named.
            source: the start of messages, which says what names the account.

        Raises:
            RefusedError: an earlier apply used the key for another account.
            StateError: the state directory cannot be used.
        """
        if name is None or self.target.account is not None:
            return self
        if self.target.identities and not self.check_account(name, source) and self.target.key:
            self.warn(
                f"{source} {quoted(name)}, and tagsync does not know whether the key belongs to it: "
                "check the key, and confirm the account with --account"
            )
        return replace(self, target=replace(self.target, account=name))

    def check_account(self, name: str, source: str) -> bool:
        """Check that no apply used the library for another account; return whether one used it at all.

        A sandbox often serves several accounts while somebody tries their manifests, so there it is a warning.

        Args:
            name: the account.
            source: the start of messages, which says what names the account.

        Raises:
            RefusedError: an earlier apply used the key for another account.
            StateError: the state directory cannot be used.
        """
        known = self._account.known()
        if known not in (None, name):
            used = "key" if self.target.key else "sandbox"
            select = ", select the environment with --env" if self.target.environment else ""
            words = (
                f"{source} {quoted(name)}, but an earlier apply used this {used} for {quoted(known)}: use the {used} "
                f"of the right account{select}, or confirm the account with --account"
            )
            if self.target.key:
                raise RefusedError(words)
            self.warn(words)
        return known is not None

    @property
    def _reports(self) -> KeptReports:
        return KeptReports(self.path, self._library, self._run, self.target)

    @property
    def _account(self) -> NotedAccount:
        return NotedAccount(self.path, self._library)

    @property
    def _library(self) -> str:
        if not self.target.identities:
            raise UsageError("a workspace needs a name for the library: set `library` of the target")
        return library_key(self.target.identities[0])

    @property
    def _run(self) -> str:
        return f"{self._library}-{self.part.index}-of-{self.part.of}" if self.part else self._library

    @contextmanager
    def _failure_warned(self, failure: str) -> Iterator[None]:
        try:
            yield
        except (OSError, TagsyncError) as error:
            self.warn(f"{failure}: {error.strerror if isinstance(error, OSError) else error}")
