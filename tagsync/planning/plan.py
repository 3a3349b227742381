"""Desired state beside current state to a plan; pure: the same two states give the same plan."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from tagsync.documents.changes import file_ids_of, keep
from tagsync.escape import quoted
from tagsync.model import (
    ByMatch,
    Change,
    Coverage,
    CurrentFile,
    CurrentState,
    DesiredState,
    Diagnostic,
    Entry,
    Estimate,
    FileChange,
    Guard,
    Inputs,
    NotFound,
    Op,
    Origin,
    Part,
    Plan,
    Report,
    Summary,
    TargetName,
)
from tagsync.planning.causes import attributed
from tagsync.planning.changed_since import Revision, changed_entries
from tagsync.planning.covering import Staging
from tagsync.planning.digest import digest
from tagsync.planning.filter import Scope
from tagsync.planning.guards import Tally, loosened, policy_of
from tagsync.planning.left_out import names_one, twins_finding, twins_of
from tagsync.planning.length_limit import Fit, excess, fit
from tagsync.planning.listed import DiagnosticLog, is_full
from tagsync.planning.merge import Merged, merge
from tagsync.planning.protecting import Protections
from tagsync.planning.returning import came_back, return_warnings
from tagsync.planning.select import LEVELS, Selection

EMPTY_LIBRARY = "the library has no file: check that the key is of the account that you mean"


def make_plan(
    desired: DesiredState,
    current: CurrentState,
    target: TargetName,
    *,
    created_at: str,
    bulk_rate: float | None,
    only: Collection[str] = (),
    part: Part | None = None,
    exact: bool = False,
    last: Report | None = None,
    earlier: Iterable[Report] = (),
    coverage: bool = False,
    since: Revision | None = None,
) -> Plan:
    """Compare two states.

    Args:
        desired: what manifests declare.
        current: a complete read of the library, files sorted by path.
        target: which library that is.
        created_at: ISO 8601, UTC; the one thing here that differs from run to run.
        bulk_rate: bulk calls a second to estimate with; None where nothing limits them.
        only: globs; changes of files that none of them matches are left out after everything was judged.
        part: a shard; likewise.
        exact: whether the requests change needed cells only.
        last: the last apply's report, of this very library. It tells why changes are necessary again.
        earlier: reports of applies before the last one, newest first; with it they tell how often AI tags came back.
            They are only read if AI tags are to be removed.
        coverage: whether to tell what manifests leave alone.
        since: an earlier revision; changes of files that no entry selects which has changed since go likewise.

    Returns:
        The plan. If anything is an error it has no changes, and its diagnostics say why.

    Raises:
        RefusedError: the changes since the revision do not tell which files they bear on.
    """
    scope = Scope(only, part, None if since is None else _selected_since(since, desired, current))
    findings = _Findings()
    found = Collected(_find(desired, current, scope, findings, coverage=coverage))
    findings.diagnostics.extend(scope.diagnostics("file that a rule selects"))
    findings.diagnostics.extend(loosened(desired.policy))
    collected = Collected(()) if findings.has_errors else found
    changes = collected.changes
    returning = came_back(changes, earlier if last is None else chain([last], earlier))
    findings.diagnostics.extend(return_warnings(returning, changes))
    tally = Tally() if findings.has_errors else findings.tally
    policy = policy_of(desired.policy)
    plan = assembled(
        collected,
        target=target,
        created_at=created_at,
        inputs=Inputs(
            desired.manifests,
            len(current.files),
            current.read_requests,
            tuple(only),
            part,
            since.commit if since else None,
            reading=current.reading,
        ),
        guards=tally.guards(policy, current.files),
        diagnostics=findings.diagnostics,
        unchanged=findings.unchanged,
        missing=findings.missing,
        bulk_rate=bulk_rate,
        exact=exact,
    )
    thumbnails = {} if findings.has_errors else findings.thumbnails
    drift = attributed(
        changes,
        last,
        desired.manifests,
        covered=_covered(last) if last else lambda _path: True,
        unsure=findings.unsure,
        returning=returning,
    )
    return replace(
        plan,
        coverage=findings.coverage,
        thumbnails=thumbnails,
        missing=findings.not_found,
        drift=drift,
        returning=returning,
    )


def _selected_since(since: Revision, desired: DesiredState, current: CurrentState) -> set[int]:
    """Return the places of the files that an entry selects which has changed since a revision."""
    return {selected.number for selected in Selection(changed_entries(since, desired), current)}


class Collected:
    """Changes sorted by path, kept in a temporary file; they are counted and prepared for covering as they come."""

    def __init__(self, changes: Iterable[FileChange]) -> None:
        self.staging = Staging()
        self._counts = dict.fromkeys(Op, 0)
        self.changes = keep(map(self._noted, changes))

    def _noted(self, change: FileChange) -> FileChange:
        self.staging.add(change)
        for item in change.changes:
            self._counts[item.op] += 1
        return change

    def summary(self, summary: Summary) -> Summary:
        """Return a summary that counts these changes."""
        return summary._replace(
            files_changed=len(self.changes),
            add_tags=self._counts[Op.ADD],
            remove_tags=self._counts[Op.REMOVE],
            remove_ai_tags=self._counts[Op.REMOVE_AI],
        )


def assembled(
    collected: Collected,
    *,
    target: TargetName,
    created_at: str,
    inputs: Inputs,
    guards: tuple[Guard, ...],
    diagnostics: Iterable[Diagnostic] | DiagnosticLog,
    bulk_rate: float | None,
    unchanged: int = 0,
    missing: int = 0,
    exact: bool = False,
    undoes: str | None = None,
) -> Plan:
    """Return the plan of some changes: their calls, counts and digest."""
    stages = collected.staging.stages(exact=exact)
    requests = stages.requests()
    log = diagnostics if isinstance(diagnostics, DiagnosticLog) else DiagnosticLog(diagnostics)
    return Plan(
        target=target,
        created_at=created_at,
        digest=digest(target, inputs.manifests, guards, collected.changes.lines(), undoes=undoes),
        inputs=inputs,
        summary=collected.summary(Summary(unchanged=unchanged, missing=missing, warnings=log.total("warning"))),
        estimate=Estimate(
            len(requests), *stages.costs, seconds=round(len(requests) / bulk_rate, 1) if bulk_rate else 0.0
        ),
        changes=collected.changes,
        requests=requests,
        diagnostics=log.listed(),
        unlisted=log.unlisted(),
        guards=guards,
        undoes=undoes,
    )


def narrowed(plan: Plan, *, only: Collection[str], part: Part | None) -> Plan:
    """Return a plan with the changes of some files alone; its digest and guards go on speaking of the whole."""
    scope = Scope(only, part)
    for change in plan.changes:
        scope.note(change.file.path)
    told = tuple(scope.diagnostics("file that this plan changes")) if plan.changes else ()
    collected = Collected(change for change in plan.changes if scope.includes(change.path))
    kept = set(file_ids_of(collected.changes))
    return replace(
        plan,
        changes=collected.changes,
        drift=tuple(item for item in plan.drift if item.file_id in kept),
        thumbnails={file_id: url for file_id, url in plan.thumbnails.items() if file_id in kept},
        summary=collected.summary(plan.summary._replace(warnings=plan.summary.warnings + len(told))),
        diagnostics=(*plan.diagnostics, *told),
        inputs=plan.inputs._replace(select=tuple(only) or plan.inputs.select, part=part or plan.inputs.part),
    )


def account_faults(desired: DesiredState, account: str | None) -> Iterator[Diagnostic]:
    """Yield an error for each manifest that is for another account than this run, or than another manifest."""
    if account is None and desired.accounts:
        account = desired.accounts[0][0]
    for name, origin in desired.accounts:
        if name != account:
            message = (
                f"this manifest is for the account {quoted(name)}, this run for {quoted(account or '')}: "
                "give the right --account, or leave this manifest out"
            )
            yield Diagnostic("error", "account", message, origin)


@dataclass(slots=True)
class _Findings:
    """What comparing found, file by file; the tally counts all managed files, whatever is left out of the changes.

    `unsure` are the ids of files to change that the same manifests may have judged otherwise before.
    """

    tally: Tally = field(default_factory=Tally)
    diagnostics: DiagnosticLog = field(default_factory=DiagnosticLog)
    unchanged: int = 0
    missing: int = 0
    not_found: tuple[NotFound, ...] = ()
    unsure: set[str] = field(default_factory=set)
    coverage: Coverage | None = None
    thumbnails: dict[str, str] = field(default_factory=dict)

    @property
    def has_errors(self) -> bool:
        return self.diagnostics.total("error") > 0


def _covered(last: Report) -> Callable[[str], bool]:
    """Return what tells by its path whether the last run judged a file."""
    scope = last.plan.inputs
    if scope.changed_since is None and not scope.partial:
        return Scope(scope.select, scope.part).includes
    return {change.file.path for change in last.plan.changes}.__contains__


def _find(
    desired: DesiredState,
    current: CurrentState,
    scope: Scope,
    findings: _Findings,
    *,
    coverage: bool,
) -> Iterator[FileChange]:
    """Yield what is to change, file by file, and note everything else that comparing finds."""
    selection = Selection(desired.entries, current, coverage=coverage)
    twins = twins_of(current.files)
    findings.diagnostics.extend([*desired.diagnostics, *current.diagnostics])
    if not len(current.files) and current.reading.is_complete:
        findings.diagnostics.extend([Diagnostic("warning", "empty-library", EMPTY_LIBRARY)])
    protections = Protections()
    for number, file, entries in selection:
        protections.take(file, entries)
        merged = merge(file, entries, desired.vocabulary)
        findings.diagnostics.extend(merged.diagnostics)
        change = _planned(file, merged, entries, twins.get(file.file_id, ()), findings) if merged.changes else None
        findings.tally.add(file, change)
        if not scope.holds(number, file.path):
            continue
        if change:
            if file.thumbnail and not is_full(findings.thumbnails):
                findings.thumbnails[file.file_id] = file.thumbnail
            if _may_waver(entries):
                findings.unsure.add(file.file_id)
            yield change
        elif not merged.changes:
            findings.unchanged += 1
    findings.missing, findings.not_found = selection.missing, selection.not_found()
    findings.diagnostics.extend([*selection.diagnostics(), *protections.diagnostics()])
    for level, count in selection.unlisted().items():
        findings.diagnostics.count(level, "missing", count)
    if coverage:
        findings.coverage = selection.coverage()


def _planned(
    file: CurrentFile, merged: Merged, entries: Sequence[Entry], twins: Sequence[str], findings: _Findings
) -> FileChange | None:
    """Return a file's changes; None, with a diagnostic, if others share its path, or its tags would be too long."""
    if twins and not names_one(entries):
        findings.diagnostics.extend([twins_finding(file, twins, merged.changes[0].because[0].origin)])
        return None
    return _fitted(file, merged, entries, findings)


def _may_waver(entries: Sequence[Entry]) -> bool:
    """Tell whether the same entries may have left a file alone before: queries, and what passes the 500 characters."""
    has_query = any(isinstance(entry.selector, ByMatch) and entry.selector.query is not None for entry in entries)
    return has_query or all(entry.declaration.if_over_limit in ("warn", "skip") for entry in entries)


def _fitted(file: CurrentFile, merged: Merged, entries: Sequence[Entry], findings: _Findings) -> FileChange | None:
    """Return a file's changes if they fit into the 500 characters; else say so and leave the file as it is."""
    changes = merged.changes
    verdict = fit(file, changes)
    if verdict is Fit.TIGHT:
        findings.diagnostics.extend([_tight(file, changes)])
    if verdict is not Fit.OVER:
        return FileChange(file, changes, merged.desired, merged.spared, merged.relies)
    leniencies = {entry.declaration.if_over_limit or "error" for entry in entries}
    strictest = next(item for item in LEVELS if item in leniencies)
    level = LEVELS[strictest]
    if level:
        message = (
            f"{quoted(file.path, 200)} is left as it is: {excess(file, changes)}; declare fewer or shorter tags, "
            "remove old ones in an apply before this one, or set ifOverLimit"
        )
        findings.diagnostics.extend([Diagnostic(level, "over-limit", message, _first_addition(changes))])
    return None


def _tight(file: CurrentFile, changes: Sequence[Change]) -> Diagnostic:
    message = (
        f"the tags of {quoted(file.path, 200)} stay within 500 characters only if ImageKit does not count the commas "
        "between them: they are sent, and may be refused"
    )
    return Diagnostic("warning", "near-limit", message, _first_addition(changes))


def _first_addition(changes: Iterable[Change]) -> Origin:
    return next(change.because[0].origin for change in changes if change.op == Op.ADD)
