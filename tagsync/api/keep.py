"""Keep what the next run needs: the journal, earlier reports, an unfinished plan, and whose account a key is."""

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from tagsync.api.saved import read_document, write_document
from tagsync.errors import DocumentError, RefusedError, StateError, TagsyncError, UsageError
from tagsync.escape import quoted, shown
from tagsync.library.target import Target, locked
from tagsync.model import Part, Plan, Report, TargetName
from tagsync.planning.difference import is_remainder
from tagsync.workspace.atomic import atomic_write
from tagsync.workspace.state_dir import check_file, open_file, state_folder

KEPT_REPORTS = 10
"""The most reports of applies that changed something, for each library and each of its shards."""

_MAX_ACCOUNT_BYTES = 10_000


class History(NamedTuple):
    """The report of the last apply, and the earlier ones, newest first, which are read one by one."""

    last: Report | None
    earlier: Iterable[Report]


class _Kept(NamedTuple):
    """A kept report. One of an apply that changed nothing has no number, and is kept only while it is the newest."""

    run: str
    number: int | None
    path: Path


def _ignore(_message: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Workspace:
    """What this machine keeps of a library, in the state directory. Making a workspace makes no folder.

    Attributes:
        target: the library.
        path: the state directory; made once something is kept.
        part: a shard of the library, which has a journal and reports of its own.
        warn: gets a message if something cannot be read or kept that a run can do without.
    """

    target: Target
    path: Path = Path(".tagsync")
    part: Part | None = None
    warn: Callable[[str], None] = _ignore

    def lock(self, timeout: float = 0.0) -> AbstractContextManager[None]:
        """Return a context manager that holds the library's lock, or its shard's.

        Args:
            timeout: seconds to wait for another apply to end.

        Raises:
            LockedError: another apply holds the lock.
        """
        return locked(self.target, part=self.part, timeout=timeout)

    @property
    def journal(self) -> Path:
        """The file in which an apply records its calls; its folder exists.

        Raises:
            StateError: the folder cannot be made.
        """
        return state_folder(self.path, "journal") / f"{self._run}.jsonl"

    @property
    def facts(self) -> Path | None:
        """The file that records which searches the library answers; None without a usable state directory."""
        if not self.path.is_dir():
            return None
        try:
            return state_folder(self.path, "facts") / f"{self._library}.json"
        except StateError:
            return None

    def history(self) -> History:
        """Return the reports of earlier applies; one that cannot be used is a warning."""
        try:
            paths = [item.path for item in self._kept_reports() if item.run == self._run]
            last = self._read_kept(paths[0]) if paths else None
        except TagsyncError as error:
            self.warn(f"the last report tells nothing: {error}")
            return History(None, ())
        return History(last, self._earlier(paths[1:]))

    def _earlier(self, paths: Iterable[Path]) -> Iterator[Report]:
        for path in paths:
            try:
                yield self._read_kept(path)
            except TagsyncError as error:
                self.warn(f"an earlier report tells nothing: {error}")

    def newest_change(self) -> tuple[Path, Report]:
        """Return the newest report of an apply that changed something, whole or of a shard, and its path.

        Raises:
            DocumentError: there is none, or it was changed since it was written.
            StateError: the state directory cannot be used.
        """
        for item in self._kept_reports():
            if item.number is not None:
                check_file(item.path)
                report = read_report(item.path)
                account = self.target.account or account_name(report.plan.target)
                target = replace(self.target, account=account)
                if target.is_named(report.plan.target) and target.takes(report.plan.target):
                    return item.path, report
        name = self.target.name
        raise DocumentError(
            f"{shown(str(self.path))} has no report of an apply that changed something in {name.account} at "
            f"{name.endpoint}: name a file that apply --report json=FILE wrote"
        )

    def record(self, report: Report) -> None:
        """Keep the report of an apply, and forget its plan once all of it is done; a failure is a warning."""
        self._end(report)
        self._keep_report(report)
        self._keep_account(report)

    def unfinished(self, plan: Plan) -> Plan | None:
        """Return the plan of an earlier apply that was cut off, if `plan` is what is left of it."""
        if not plan.changes or not os.path.lexists(self.path):
            return None
        try:
            path = self._unfinished
            begun = read_document(path) if check_file(path) else None
        except TagsyncError as error:
            self.warn(f"the plan of an earlier apply is of no use: {error}")
            return None
        return begun if isinstance(begun, Plan) and is_remainder(plan, begun) else None

    def begin(self, plan: Plan) -> None:
        """Keep a plan that is about to be applied, unless it is empty.

        If that fails, the next run cannot recognise what is left of the plan; it converges all the same.
        """
        if not plan.changes:
            return
        with self._failure_warned("the plan could not be kept for an apply that goes on with it"):
            check_file(self._unfinished)
            write_document(plan, self._unfinished)

    def _end(self, report: Report) -> None:
        inputs = report.plan.inputs
        is_whole = not inputs.select and inputs.changed_since is None
        if report.converged and is_whole and os.path.lexists(self.path):
            with self._failure_warned("the plan that is done now could not be removed"):
                self._unfinished.unlink(missing_ok=True)

    @property
    def _unfinished(self) -> Path:
        return state_folder(self.path, "unfinished") / f"{self._run}.json"

    def _keep_report(self, report: Report) -> None:
        """Keep a report and remove the oldest; one that changed nothing never replaces one that did."""
        if report.outcome == "refused":
            return
        with self._failure_warned("the report could not be kept for the next plan"):
            kept = self._kept_reports()
            number = 1 + max((item.number or 0 for item in kept), default=0) if report.wrote else None
            name = "unchanged" if number is None else f"{number:06d}"
            path = state_folder(self.path, "last") / f"{self._run}.{name}.json"
            check_file(path)
            write_document(report, path)
            if report.wrote:
                mine = [item for item in kept if item.run == self._run]
                numbered = [item for item in mine if item.number is not None]
                for item in (*numbered[KEPT_REPORTS - 1 :], *(item for item in mine if item.number is None)):
                    item.path.unlink(missing_ok=True)

    def _kept_reports(self) -> list[_Kept]:
        """Return the kept reports of the library and its shards, newest first.

        Raises:
            StateError: the state directory cannot be used.
        """
        if not os.path.lexists(self.path):
            return []
        name = re.compile(rf"({self._library}(?:-\d+-of-\d+)?)\.(?:(\d+)|unchanged)\.json")
        kept = [
            _Kept(match[1], int(match[2]) if match[2] else None, path)
            for path in state_folder(self.path, "last").iterdir()
            if (match := name.fullmatch(path.name))
        ]
        return sorted(kept, key=lambda item: (item.number is None, item.number or 0, item.run), reverse=True)

    def _read_kept(self, path: Path) -> Report:
        """Read a kept report of this key; if the run or the report names no account, it is the run's account."""
        check_file(path)
        report = read_report(path)
        if self.target.account is None or account_name(report.plan.target) is None:
            name = report.plan.target._replace(account=self.target.name.account)
            report = replace(report, plan=replace(report.plan, target=name))
        check_report(report, self.target)
        return report

    def for_account(self, name: str | None, source: str) -> "Workspace":
        """Return the workspace under the account that manifests or a document name; a named target stays as it is.

        Args:
            name: the account; None if none is named.
            source: what names it, as the start of a message.

        Raises:
            RefusedError: an earlier apply used this key for another account.
            StateError: the state directory cannot be used.
        """
        if name is None or self.target.account is not None:
            return self
        if self.target.key:
            known = self._known_account()
            if known is None:
                self.warn(
                    f"{source} {quoted(name)}, and tagsync does not know whether the key belongs to it: "
                    "check the key, and give --account to say so"
                )
            elif known != name:
                raise RefusedError(
                    f"{source} {quoted(name)}, but an earlier apply used this key for {quoted(known)}: use the key of "
                    "the right account, or give --account to say that this one is"
                )
        return replace(self, target=replace(self.target, account=name))

    def _known_account(self) -> str | None:
        folder = state_folder(self.path, "accounts") if os.path.lexists(self.path) else self.path / "accounts"
        path = folder / f"{self._library}.json"
        if not os.path.lexists(folder) or not check_file(path):
            return None
        with os.fdopen(open_file(path, os.O_RDONLY), "rb") as file:
            try:
                noted: Any = json.loads(file.read(_MAX_ACCOUNT_BYTES))
            except (ValueError, RecursionError):
                return None
        account = noted.get("account") if isinstance(noted, dict) else None
        return account if isinstance(account, str) and account else None

    def _keep_account(self, report: Report) -> None:
        if report.converged and self.target.key and self.target.account is not None:
            with self._failure_warned("the account of this key could not be noted"):
                path = state_folder(self.path, "accounts") / f"{self._library}.json"
                check_file(path)
                with atomic_write(path) as stream:
                    stream.write(json.dumps({"account": self.target.account}) + "\n")

    @property
    def _library(self) -> str:
        if not self.target.identities:
            raise UsageError("a workspace needs to know the library: give the target of an app a `library` name")
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


def library_key(identity: str) -> str:
    """Return what the files of a library are called in the state directory, from one of `Target.identities`."""
    return sha256(identity.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def account_name(target: TargetName) -> str | None:
    """Return the account that a document names; None if it has only a hash of the key."""
    return None if target.account.startswith("key-") or target.account == "sandbox" else target.account


def read_report(path: Path) -> Report:
    """Return the report that a file holds.

    Raises:
        DocumentError: the file cannot be read, or was changed since it was written.
        UsageError: it is a plan.
    """
    document = read_document(path)
    if isinstance(document, Report):
        return document
    raise UsageError(f"{shown(str(path))} is a plan: --last takes the report of an apply (--report json=FILE)")


def check_report(report: Report, target: Target) -> None:
    """Check that a report is of a library.

    Raises:
        RefusedError: it is of another one.
    """
    was = report.plan.target
    if not target.is_named(was):
        raise RefusedError(
            f"the report is of {shown(was.account)} at {shown(was.endpoint)}, not of {target.name.account} at "
            f"{target.name.endpoint}: give one of this library, or name that one"
        )


def check_environment(report: Report, target: Target) -> None:
    """Check that a report is of a target's environment, if the target has one.

    Raises:
        RefusedError: it is of another one, or of none.
    """
    was = report.plan.target.environment
    if not target.takes(report.plan.target):
        named = "no environment" if was is None else f"environment {shown(was)}"
        raise RefusedError(
            f"the report is of {named}, not of environment {target.environment}: select the right one with --env"
        )
