"""Run the commands: gather, decide, act, and write the result."""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Literal

from tagsync.api.act import refusals
from tagsync.api.belonging import account_name
from tagsync.api.decide import PlanOptions, plan_async
from tagsync.api.gather import Paths
from tagsync.api.gather import validate as validate_manifests
from tagsync.api.keep import Workspace
from tagsync.api.kept_reports import NEEDS_REPORT
from tagsync.api.revision import revision_of, revisions_since
from tagsync.api.saved import read_document, read_saved
from tagsync.api.undo import undo_async
from tagsync.cli.configuration import choose, for_library, for_plan, library_arguments, need_paths
from tagsync.cli.connection import workspace_of
from tagsync.cli.options import LibrarySettings, OutputSettings, PlanSettings
from tagsync.cli.output import Output
from tagsync.cli.signals import until_signal
from tagsync.errors import RefusedError, UnknownPathError, UsageError
from tagsync.escape import quoted, shown
from tagsync.model import ByPath, DesiredState, Plan, Report, RuleName, counted
from tagsync.planning.changed_since import Revision
from tagsync.planning.difference import difference
from tagsync.planning.shards import merge_plans, merge_reports
from tagsync.planning.undo import is_partial

REFUSED = RefusedError.exit_code
CHANGES_PENDING = 2
INCOMPLETE = 3

MANIFESTS = "the manifests are for the account"
NO_REPORT = "none"
"""The value of --last for no previous report."""


def validate(
    paths: Sequence[str],
    settings: OutputSettings,
    *,
    env: str | None,
    account: str | None,
    policy: str | None,
    as_of: date | None,
) -> int:
    """Check manifests, and the policies that replace theirs."""
    chosen = choose(settings, env=env, account=account, paths=paths, policy=policy)
    need_paths(chosen)
    output = Output(settings, reads=chosen.reads)
    with output.failures_written():
        desired = validate_manifests(chosen.manifests, account=chosen.account, policy=chosen.policy, as_of=as_of)
    names = {ref.path: ref.shown_as for ref in desired.manifests}
    output.diagnostics(desired.diagnostics, names, with_notices=True)
    files, entries = len(desired.manifests), len(desired.entries)
    output.valid(
        f"Valid: {counted(files, 'manifest')} with {counted(entries, 'rule')}" if files else "Valid: only tests",
        desired.diagnostics,
        names,
    )
    return 0


def plan(
    paths: Sequence[str],
    library: LibrarySettings,
    settings: OutputSettings,
    how: PlanSettings,
    *,
    detailed_exitcode: bool,
    strict: bool,
    out: Path | None,
    coverage: bool,
    explain: str | None,
    changed_since: str | None,
) -> int:
    """Plan; show the plan or explain one file; save the plan."""
    if explain is not None and settings.format not in ("text", "json"):
        raise UsageError("--explain needs --format text or json")
    chosen, library, how = for_plan(paths, library, how, settings)
    output = Output(
        settings,
        reads=[*chosen.reads, *library.reads],
        saved_as=out,
        explains=explain is not None,
        library=library_arguments(library),
    )
    with output.failures_written():
        since = None
        if changed_since is not None:
            since = revision_of(changed_since, chosen.manifests, as_of=how.as_of, policy_counts=how.policy is None)
        prune = pruned(chosen.manifests, how)
        desired = declared(chosen.manifests, library, how)
        options = plan_options(
            library,
            how,
            coverage=coverage,
            thumbnails=settings.thumbnails,
            explain=explain,
            since=since,
            prune=prune,
            manifests=chosen.manifests,
        )
        # Whoever has a typo in an argument needs no key to find out.
        with workspace_of(library, output.warn) as unnamed:
            made = planned(desired, unnamed.for_account(desired.account, MANIFESTS), options, output)
        _check_known(made, desired)
    warnings = made.summary.warnings if strict else 0
    # Explaining succeeds, also if a guard blocks the plan.
    objections = () if explain is not None else refusals(made)
    if made.errors or warnings:
        code = 1
    elif objections:
        code = REFUSED
    else:
        code = CHANGES_PENDING if detailed_exitcode and made.changes else 0
    output.plan(made, code, refused=bool(warnings), objections=objections if code == REFUSED else ())
    if warnings and not made.errors:
        output.error(f"{counted(warnings, 'warning')}: --strict treats warnings as errors")
    return code


def _check_known(plan: Plan, desired: DesiredState) -> None:
    """Check that the path to explain is that of a file or of a rule.

    Raises:
        UnknownPathError: it is neither.
    """
    for found in plan.explanations:
        named = (entry.selector for entry in desired.entries if isinstance(entry.selector, ByPath))
        if found.file is None and not any(selector.path == found.path for selector in named):
            raise UnknownPathError(
                f"--explain: {quoted(found.path, 200)} is in neither the library nor the manifests: {found.hint}"
            )


def undo(
    file: Path | None, library: LibrarySettings, settings: OutputSettings, *, out: Path | None, ai_as_tags: bool
) -> int:
    """Plan to undo an apply, show the plan, and save it.

    Without a file, undo the newest apply that changed something.
    """
    library = for_library(library, settings)
    output = Output(settings, reads=[file, *library.reads], saved_as=out, library=library_arguments(library))
    with output.failures_written():
        named = (
            read_saved(file, Report, "undo needs the report of an apply (apply --report FILE.json)") if file else None
        )
        with workspace_of(library, output.warn) as unnamed:
            report, continued = (named, False) if named else _newest_change(unnamed, output)
            if report.plan.undoes:
                output.warn(
                    "this undoes an undo, so it makes the changes again: to undo an older apply, name its report"
                )
            workspace = unnamed.for_account(account_name(report.plan.target), "the report is of the account")
            with output.progress() as listener:
                made = until_signal(
                    lambda: undo_async(
                        report,
                        target=workspace.target,
                        ai_as_tags=ai_as_tags,
                        max_duration=library.max_duration,
                        listener=listener,
                    )
                )
    code = INCOMPLETE if continued or is_partial(made) else 0
    output.plan(made, code)
    if made.changes and report.plan.undoes is None:
        for words in _lasting(report):
            output.say(words)
    if made.changes and out is None:
        output.say(
            f"To apply this plan, save it with --out undo.json, then run: {output.command('apply', 'undo.json')}"
        )
    return code


def _newest_change(workspace: Workspace, output: Output) -> tuple[Report, bool]:
    """Return the newest report of an apply that changed something, and name it.

    The flag says whether the apply continued others, and their changes are not among those of the report.
    """
    path, report = workspace.newest_change()
    ended = "began and was killed" if report.was_killed else "ended"
    output.say(f"Undo of the apply that {ended} at {report.finished_at}: {path}")
    if continued := workspace.continued_by(path, report):
        names = ", ".join(shown(str(name)) for name in continued)
        output.warn(
            "that apply continued an incomplete one, whose changes this undo leaves out: after you have applied it, "
            f"also undo {names}"
        )
    return report, bool(continued)


def _lasting(report: Report) -> Iterator[str]:
    """Yield what makes the changes of an apply again after its undo."""
    rules = {reason.rule for file in report.plan.changes for change in file.changes for reason in change.because}
    pruned_tags = RuleName.PRUNE in rules
    if rules - {RuleName.PRUNE}:
        which = "other" if pruned_tags else "reverted"
        ask = f"The manifests still ask for the {which} changes."
        yield f"{ask} Update them, or the next apply makes the changes again."
    if pruned_tags:
        # Pipelines move their ref to the applied commit. Without one, the ref stays.
        commit = report.applied_commit
        which = (
            f"A plan that prunes since commit {shown(commit[:12])} or later keeps them, one since an older commit"
            if commit
            else "The next plan that prunes since the same commit"
        )
        yield (
            f"No rule declares the tags that --prune-since removed. {which} removes them again, unless you declare "
            "them."
        )


def diff(old: Path, new: Path, settings: OutputSettings) -> int:
    """Show how a newer plan differs from an older one."""
    output = Output(settings, reads=[old, new])
    with output.failures_written():
        advice = "diff compares two plans that you saved with plan --out"
        plans = [read_saved(file, Plan, advice) for file in (old, new)]
    output.difference(difference(*plans))
    return 0


def show(files: Sequence[Path], settings: OutputSettings) -> int:
    """Show saved plans or reports, those of several shards merged."""
    output = Output(settings, reads=files)
    names = [str(file) for file in files]
    with output.failures_written():
        documents = [read_document(file) for file in files]
        plans = [document for document in documents if isinstance(document, Plan)]
        reports = [document for document in documents if isinstance(document, Report)]
        if plans and reports:
            raise UsageError("show needs only plans or only reports: run it once for each kind")
        merged = merge_plans(plans, names) if plans else merge_reports(reports, names)
    if isinstance(merged, Plan):
        output.plan(merged, 0)
    else:
        output.report(merged, 0)
    return 0


def declared(paths: Paths, library: LibrarySettings, how: PlanSettings) -> DesiredState:
    """Read manifests; a signal ends the run."""

    async def read() -> DesiredState:
        return validate_manifests(paths, account=library.account, policy=how.policy, as_of=how.as_of)

    return until_signal(read)


def pruned(paths: Paths, how: PlanSettings) -> tuple[Revision, ...]:
    """Return the manifests at the revision that --prune-since names, and after it."""
    return () if how.prune_since is None else revisions_since(how.prune_since, paths, as_of=how.as_of)


def plan_options(
    library: LibrarySettings,
    how: PlanSettings,
    *,
    exact: bool = False,
    coverage: bool = False,
    thumbnails: bool = False,
    explain: str | None = None,
    since: Revision | None = None,
    prune: tuple[Revision, ...] = (),
    manifests: Paths | None = None,
) -> PlanOptions:
    """Return the options of a plan; read and check the report that --last names."""
    last: Report | Literal["kept"] | None = "kept"
    if how.last is not None:
        last = None if how.last == NO_REPORT else read_saved(how.last, Report, NEEDS_REPORT)
    return PlanOptions(
        select=library.select,
        part=library.shard,
        exact=exact,
        last=last,
        changed_since=since,
        prune_since=prune,
        manifests=manifests,
        coverage=coverage,
        explain=explain,
        thumbnails=thumbnails,
        max_duration=library.max_duration,
    )


def planned(desired: DesiredState, workspace: Workspace, options: PlanOptions, output: Output) -> Plan:
    """Plan and show progress; a signal ends the run."""
    with output.progress() as listener:
        return until_signal(
            lambda: plan_async(
                desired, target=workspace.target, options=options, workspace=workspace, listener=listener
            )
        )
